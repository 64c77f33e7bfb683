//! What can go wrong in the daemon itself.

use companion_types::{ErrorKind, Kind};

/// The daemon failed at something.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// A worker ended or does not answer.
    #[error("the {0} stage does not answer: it is being started again, try once more")]
    StageGone(&'static str),
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
    /// A voice cannot be used.
    #[error(transparent)]
    Voice(#[from] companion_tts::TtsError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] companion_store::StoreError),
    /// Memory failed.
    #[error(transparent)]
    Memory(#[from] companion_memory::MemoryError),
    /// The conversation is occupied.
    #[error("the companion is {0}: wait, or interrupt it first")]
    Busy(&'static str),
    /// The reply did not come in time.
    #[error("no answer within {0} s")]
    Deadline(u64),
}

impl Kind for DaemonError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::StageGone(_) => ErrorKind::Unavailable,
            Self::Thread { .. } => ErrorKind::Internal,
            Self::Model { .. } => ErrorKind::Corrupt,
            Self::Voice(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Memory(error) => error.kind(),
            Self::Busy(_) => ErrorKind::Busy,
            Self::Deadline(_) => ErrorKind::DeadlineExceeded,
        }
    }
}
