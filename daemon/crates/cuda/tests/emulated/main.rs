//! The kernels' own sources, run on the CPU, against the references of their operations, over seeded shapes.

mod attention;
mod graph;
mod linear;
mod rows;
mod support;
