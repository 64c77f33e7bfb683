//! The arithmetic of language models on the CPU: products with packed integer weights, attention over a
//! KV cache of half precision or eight bits, norms, rotary positions, SwiGLU. Knows slices and threads, no model, no file,
//! no tensor type. Every kernel has a plain form that its faster forms are compared with; which form runs
//! is chosen at run time ([`Isa`]).

mod activations;
mod attention;
mod cpu;
mod elementwise;
mod isa;
mod kv;
mod matrix;
mod pool;
mod product;

pub use activations::Activations;
pub use attention::{AttentionShape, MOST_HEAD_DIM, attend, attend_singly};
pub use cpu::Cpu;
pub use elementwise::{RotaryPairs, rms_norm, rotate, swiglu};
pub use isa::Isa;
pub use kv::{KvPrecision, KvStore};
pub use matrix::{Codes, Matrix, MatrixError};
pub use pool::Pool;
pub use product::{Part, multiply};
