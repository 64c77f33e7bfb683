//! The engine room: models, their weights and their arithmetic. It knows tensors, samples and
//! tokens, never words, emotions or rooms; the daemon's backends bring the two together. A model
//! lives on one thread and is `&mut` there; nothing here starts a thread of its own.

mod error;

pub mod chat_template;
pub mod constraint;
pub mod ctc;
pub mod ctc_beam;
pub mod ctc_force;
pub mod dsp;
mod layers;
pub mod models;
pub mod ngram;
mod quant;
mod random;
pub mod sampling;
pub mod sentencepiece;
pub mod tokenizer;
pub mod weights;

pub use candle_core::Device;
pub use companion_cuda::{Device as Gpu, Error as GpuError, KvPrecision as GpuKvPrecision};
pub use error::EngineError;
