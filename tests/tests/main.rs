//! One test binary for the whole house.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod house;
mod support;
mod utterance;
