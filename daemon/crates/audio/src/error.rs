//! What can go wrong with sound.

use companion_types::{ErrorKind, Kind};

/// Sound could not be read, written or converted.
#[derive(Debug, thiserror::Error)]
pub enum AudioError {
    /// No WAV, or a damaged one.
    #[error("the WAV cannot be used: {0}")]
    Wav(String),
    /// A WAV that is longer than allowed.
    #[error("the WAV lasts more than {most_s} s: cut it into parts")]
    TooLong {
        /// Longest allowed, in seconds.
        most_s: u64,
    },
    /// A rate that cannot be converted.
    #[error("{from} Hz cannot be converted to {to} Hz: {reason}")]
    Rate {
        /// From.
        from: u32,
        /// To.
        to: u32,
        /// Why not.
        reason: String,
    },
    /// The file could not be read or written.
    #[error("WAV: {0}")]
    Io(#[from] std::io::Error),
}

impl Kind for AudioError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Wav(_) | Self::TooLong { .. } | Self::Rate { .. } => ErrorKind::InvalidArgument,
            Self::Io(_) => ErrorKind::Unavailable,
        }
    }
}
