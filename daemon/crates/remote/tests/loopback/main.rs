//! The client against servers on the loopback interface.
#![cfg(test)]

mod answers;
mod calls;
mod failures;
mod support;
