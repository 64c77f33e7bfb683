//! Models, one architecture per module.

pub mod causal_lm;
pub mod decoder;
mod describe;
mod llama;
mod qwen2;
mod qwen3;
pub mod sanm;
pub mod sensevoice;
mod settings;

pub use describe::{ModelDescription, ModelKind, describe};
