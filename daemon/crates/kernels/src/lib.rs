//! The arithmetic of models on the CPU: products with packed integer weights, attention over a KV cache of half
//! precision or eight bits, norms, rotary positions, SwiGLU; products and convolutions with packed float weights for
//! voices. Knows slices and threads, no model, no file, no tensor type. Every kernel has a plain form that its faster
//! forms are compared with; which form runs is chosen at run time ([`Isa`]).

mod activations;
mod amx;
mod attention;
mod channel_norm;
mod cpu;
mod dense;
mod elementwise;
mod float_attention;
mod isa;
mod kv;
mod matrix;
mod memory_probe;
mod pages;
mod pool;
mod product;
mod tiled_attention;

pub use activations::Activations;
pub use attention::{AttentionShape, MOST_HEAD_DIM, attend, attend_singly};
pub use channel_norm::channel_norm_gelu;
pub use cpu::Cpu;
pub use dense::{
    Activation, Convolution, Dense, Input, MinimalFilter, Output, add, convolve, filter,
    leaky_scaled, product,
};
pub use elementwise::{RotaryPairs, gate_tanh, layer_norm, rms_norm, rotate, swiglu};
pub use float_attention::{FloatKv, Queries, attend_floats};
pub use isa::Isa;
pub use kv::{KvPrecision, KvStore};
pub use matrix::{Codes, Matrix, MatrixError};
pub use memory_probe::MemoryProbe;
pub use pool::Pool;
pub use product::{Part, multiply};
