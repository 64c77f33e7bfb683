//! The kernels' own sources, run on the CPU, against the references of their operations, over seeded shapes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attention;
mod graph;
mod linear;
mod rows;
mod support;
