//! Support for the tests.

pub mod bench;
pub mod conformance;
