//! One test binary for the whole house.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod announcements;
mod barge_in;
mod ctl;
mod daemon;
mod echo;
mod embedder;
mod house;
mod pipewire;
mod reference_voice;
mod support;
mod utterance;
mod voice_bus;
mod watchdog;
