//! Where stages meet the engine: each port implemented with one model. The only place that knows both
//! words and tensors.

mod causal_lm;
mod embedder;
mod empty;
mod gpt_sovits;
mod remote_lm;
mod sensevoice;
mod sound_alike;
mod vad;

pub use causal_lm::{Guessing, LmCounter, LmGenerator, LmOptions};
pub use embedder::ModelEmbedder;
pub(crate) use empty::{EmptyGenerator, EmptyRecognizer};
pub(crate) use gpt_sovits::{GptSovitsVoice, VoiceParts};
pub(crate) use remote_lm::{GuessedTokens, RemoteGenerator};
pub use sensevoice::SenseVoiceRecognizer;
pub use vad::EarshotDetector;

use companion_engine::EngineError;
use companion_types::ErrorKind;

/// What an engine error means to the house.
pub(crate) fn kind_of(error: &EngineError) -> ErrorKind {
    match error {
        EngineError::Read { .. } => ErrorKind::NotFound,
        EngineError::Input { .. } => ErrorKind::InvalidArgument,
        EngineError::Write { .. } => ErrorKind::Internal,
        EngineError::Gpu(companion_engine::GpuError::Memory { .. }) => ErrorKind::OutOfMemory,
        EngineError::Gpu(companion_engine::GpuError::Driver { .. }) => ErrorKind::Internal,
        EngineError::Gpu(_) => ErrorKind::Unavailable,
        EngineError::Malformed { .. }
        | EngineError::Cache { .. }
        | EngineError::Config { .. }
        | EngineError::MissingTensor { .. }
        | EngineError::Shape { .. }
        | EngineError::Type { .. } => ErrorKind::Corrupt,
        EngineError::Compute { source, .. } => {
            let text = source.to_string().to_lowercase();
            let short = text.contains("out of memory") || text.contains("alloc");
            if short { ErrorKind::OutOfMemory } else { ErrorKind::Internal }
        }
    }
}
