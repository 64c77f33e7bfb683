//! companionctl.

fn main() {}
