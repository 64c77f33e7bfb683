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
    /// No such name of a PipeWire node.
    #[error("{name:?} cannot be the name of a PipeWire node")]
    NodeName {
        /// The name as it was given.
        name: String,
    },
    /// The PipeWire library did not start.
    #[error("the PipeWire library does not start: {0}")]
    Pipewire(String),
    /// The echo canceller refused a frame.
    #[error("echo canceller: {0}")]
    Echo(String),
    /// A file or descriptor could not be read or written.
    #[error("audio in or out: {0}")]
    Io(#[from] std::io::Error),
}

impl Kind for AudioError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Wav(_) | Self::TooLong { .. } | Self::Rate { .. } | Self::NodeName { .. } => {
                ErrorKind::InvalidArgument
            }
            Self::Echo(_) => ErrorKind::Internal,
            Self::Io(_) | Self::Pipewire(_) => ErrorKind::Unavailable,
        }
    }
}
