//! Support for the tests.

pub mod conformance;
