//! What can go wrong while getting ready to speak.

use std::path::PathBuf;

use companion_types::{ErrorKind, Kind};

/// A voice cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TtsError {
    /// The voice's folder or file cannot be read.
    #[error("voice {name}: cannot read {path}: {source}", path = path.display())]
    Read {
        /// Name of the voice.
        name: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The voice's description is wrong.
    #[error("voice {name}: {path}: {message}", path = path.display())]
    Description {
        /// Name of the voice.
        name: String,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A table of the text front end cannot be used.
    #[error("table {path}: {problem}", path = path.display())]
    Lexicon {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A pronunciation cannot be used.
    #[error("pronunciation: {problem}")]
    Pronunciation {
        /// What is wrong and what is possible.
        problem: String,
    },
    /// The name is no folder name.
    #[error("{0:?} is no name of a voice: letters, digits, - and _ only")]
    Name(String),
}

impl Kind for TtsError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Read { .. } => ErrorKind::NotFound,
            Self::Description { .. } | Self::Lexicon { .. } => ErrorKind::Corrupt,
            Self::Name(_) | Self::Pronunciation { .. } => ErrorKind::InvalidArgument,
        }
    }
}
