//! Models, one architecture per module.

pub mod causal_lm;
pub mod qwen2;
pub mod sanm;
pub mod sensevoice;
