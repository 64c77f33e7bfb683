//! One test binary for the whole house.

mod house;
mod support;
mod utterance;
