//! The command line on a real, private bus, against a scripted daemon that speaks the whole contract. One
//! test binary.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bus;
mod chat;
mod contract;
mod errors;
mod people;
mod programs;
mod scripted;
mod sound;
