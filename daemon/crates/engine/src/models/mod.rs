//! Models, one architecture per module.

pub mod causal_lm;
mod describe;
pub mod gpt_sovits;
pub mod qwen2;
pub mod sanm;
pub mod sensevoice;

pub use describe::{ModelDescription, ModelKind, describe};
