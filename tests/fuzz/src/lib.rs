//! What the fuzzer and the tests of the engine share: an entry per kind of file, sound files to start from, and
//! the count of what is allocated.

pub mod counted;
pub mod readers;
pub mod seeds;
