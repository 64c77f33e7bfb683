//! GPT-SoVITS (RVC-Boss/GPT-SoVITS, MIT), versions v2, v2Pro and v2ProPlus: a decoder that turns
//! phones into semantic codes (`s1`), a variational synthesiser that turns codes into sound (`s2`),
//! and the models that read the reference clip. Widths come from the shapes of the tensors; only
//! what shapes cannot say comes from configurations. One sequence at a time, in f32.
//!
//! A [`Voice`](voice::Voice) is read once from its clips; a [`Pipeline`](pipeline::Pipeline) speaks
//! words in it.

pub mod bert;
mod conv;
pub mod hubert;
mod load;
pub mod modes;
mod noise;
pub mod pipeline;
pub mod s1;
pub mod s2;
pub mod sampler;
pub mod speaker;
pub mod stream;
pub mod voice;
mod voice_file;
mod voicing;

/// Takes a stage's name and rows, so that stages can be compared with a reference.
pub type Watch<'a> = dyn FnMut(&str, &candle_core::Tensor) -> Result<(), crate::EngineError> + 'a;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tiny;
