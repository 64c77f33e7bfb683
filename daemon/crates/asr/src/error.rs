//! What can go wrong while hearing.

use companion_types::{ErrorKind, Kind};

use crate::ports::RecognizerError;

/// Hearing failed.
#[derive(Debug, thiserror::Error)]
pub enum AsrError {
    /// The recogniser failed on an utterance.
    #[error("an utterance of {ms} ms could not be recognised: {source}")]
    Recognize {
        /// Its length.
        ms: u64,
        /// Why.
        source: RecognizerError,
    },
    /// A setting cannot be.
    #[error("[asr] {key} is {value}: {expected}")]
    Setting {
        /// Which.
        key: &'static str,
        /// What it is.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
}

impl Kind for AsrError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Recognize { source, .. } => source.kind,
            Self::Setting { .. } => ErrorKind::InvalidArgument,
        }
    }
}
