//! Speaks text through libespeak-ng, as a process of its own.
fn main() {}
