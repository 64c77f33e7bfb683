//! GPT-SoVITS (RVC-Boss/GPT-SoVITS, MIT), versions v2, v2Pro and v2ProPlus: a decoder that turns
//! phones into semantic codes (`s1`), a variational synthesiser that turns codes into sound (`s2`),
//! and the models that read the reference clip. Widths come from the shapes of the tensors; only
//! what shapes cannot say comes from configurations. One sequence at a time, in f32.

pub mod bert;
mod conv;
pub mod hubert;
mod load;
pub mod s1;
pub mod s2;
pub mod sampler;
pub mod stream;

/// Takes a stage's name and rows, so that stages can be compared with a reference.
pub type Watch<'a> = dyn FnMut(&str, &candle_core::Tensor) -> Result<(), crate::EngineError> + 'a;

/// Whether a watcher can keep what it is shown: one without state cannot, and stages that cost something
/// to show need not be shown to it.
fn watched(watch: &Watch<'_>) -> bool {
    size_of_val(watch) > 0
}
