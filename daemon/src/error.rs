//! What can go wrong in the daemon itself.

use companion_types::{ErrorKind, Kind};

/// The daemon failed at something.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// A worker ended or does not answer.
    #[error("the {0} stage does not answer: it is being started again, try once more")]
    StageGone(&'static str),
    /// A worker's inbox stayed full.
    #[error("the {0} stage has too much to do: try again in a moment")]
    StageFull(&'static str),
    /// A thread could not be started.
    #[error("the {stage} thread cannot be started: {source}")]
    Thread {
        /// Which.
        stage: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A model cannot be used.
    #[error("model {slot}: {source}")]
    Model {
        /// Which slot.
        slot: &'static str,
        /// Why.
        source: Box<companion_engine::EngineError>,
    },
    /// The chat server cannot be used.
    #[error(transparent)]
    Remote(#[from] companion_remote::RemoteError),
    /// A voice cannot be used.
    #[error(transparent)]
    Voice(#[from] companion_tts::TtsError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] companion_store::StoreError),
    /// Memory failed.
    #[error(transparent)]
    Memory(#[from] companion_memory::MemoryError),
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// A named thing does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The caller gave something that cannot be.
    #[error("{0}")]
    Invalid(String),
    /// Memory is short.
    #[error("{0}")]
    OutOfMemory(String),
    /// A device or a slot is not there.
    #[error("{0}")]
    Unavailable(String),
    /// The recogniser failed.
    #[error(transparent)]
    Recognizer(#[from] companion_asr::RecognizerError),
    /// The voice failed.
    #[error(transparent)]
    Synthesizer(#[from] companion_tts::SynthesizerError),
    /// Sound cannot be used.
    #[error(transparent)]
    Audio(#[from] companion_audio::AudioError),
    /// Withdrawn by the one who asked.
    #[error("cancelled")]
    Cancelled,
    /// The bus cannot be used.
    #[error("D-Bus: {0}")]
    Bus(String),
    /// The conversation is occupied.
    #[error("the companion is {0}: wait, or interrupt it first")]
    Busy(&'static str),
    /// Too many texts wait to be said.
    #[error(transparent)]
    Crowded(#[from] companion_turn::Refusal),
    /// A text never sounded: why.
    #[error("the text was not said: {0}")]
    NotSaid(&'static str),
    /// The reply did not come in time.
    #[error("no answer within {0} s")]
    Deadline(u64),
}

impl Kind for DaemonError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::StageGone(_) | Self::Unavailable(_) | Self::Bus(_) => ErrorKind::Unavailable,
            Self::StageFull(_) => ErrorKind::Busy,
            Self::Config(error) => error.kind(),
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Invalid(_) => ErrorKind::InvalidArgument,
            Self::Recognizer(error) => error.kind,
            Self::Synthesizer(error) => error.kind,
            Self::Audio(error) => error.kind(),
            Self::OutOfMemory(_) => ErrorKind::OutOfMemory,
            Self::Cancelled | Self::NotSaid(_) => ErrorKind::Cancelled,
            Self::Thread { .. } => ErrorKind::Internal,
            Self::Model { .. } => ErrorKind::Corrupt,
            Self::Remote(error) => error.kind(),
            Self::Voice(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Memory(error) => error.kind(),
            Self::Busy(_) | Self::Crowded(_) => ErrorKind::Busy,
            Self::Deadline(_) => ErrorKind::DeadlineExceeded,
        }
    }
}
