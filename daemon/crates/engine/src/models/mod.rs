//! Models, one architecture per module.

mod bert;
pub mod causal_lm;
pub mod decoder;
mod describe;
pub mod embedder;
pub mod gpt_sovits;
mod llama;
mod post_norm;
mod qwen2;
mod qwen3;
pub mod sanm;
pub mod sensevoice;
pub(crate) mod settings;
mod threads;

pub use describe::{ModelDescription, ModelKind, describe};
