//! GPT-SoVITS (RVC-Boss/GPT-SoVITS, MIT), versions v2, v2Pro and v2ProPlus: a decoder that turns
//! phones into semantic codes (`s1`), a variational synthesiser that turns codes into sound (`s2`),
//! and the models that read the reference clip. Widths come from the shapes of the tensors; only
//! what shapes cannot say comes from configurations. One sequence at a time, in f32.
//!
//! A [`Voice`](voice::Voice) is read once from its clips; a [`Pipeline`](pipeline::Pipeline) speaks
//! words in it.

pub mod bert;
mod conv;
mod conv2d;
mod folder;
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

pub use folder::{GptSovitsFolder, is_gpt_sovits};

/// Takes a stage's name and rows, so that stages can be compared with a reference.
pub type Watch<'a> = dyn FnMut(&str, &candle_core::Tensor) -> Result<(), crate::EngineError> + 'a;

/// Whether a watcher can keep what it is shown: one without state cannot, and stages that cost something
/// to show need not be shown to it.
fn watched(watch: &Watch<'_>) -> bool {
    size_of_val(watch) > 0
}
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tiny;
