//! The client against servers on the loopback interface.

mod answers;
mod calls;
mod failures;
mod support;
