//! What can be wrong with a configuration. Every text names the source and the key.

use std::path::PathBuf;

use companion_types::{ErrorKind, Kind};

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("configuration {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is no TOML.
    #[error("configuration {}: {message}", path.display())]
    Syntax {
        /// Which.
        path: PathBuf,
        /// Where and why, with the line.
        message: String,
    },
    /// A key that is not known, or a value of the wrong type.
    #[error("configuration {from}: {message}")]
    Value {
        /// The file, variable or flag.
        from: String,
        /// Which key and why.
        message: String,
    },
    /// A value that is out of its bounds.
    #[error("configuration: {key} = {value}: {problem}")]
    Bounds {
        /// `section.key`.
        key: &'static str,
        /// Its value.
        value: String,
        /// What is wrong and what is allowed.
        problem: &'static str,
    },
    /// The chat server cannot be used as it is set.
    #[error("configuration: {0}")]
    Remote(#[from] companion_remote::RemoteError),
}

impl Kind for ConfigError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                ErrorKind::NotFound
            }
            Self::Read { .. } => ErrorKind::Unavailable,
            Self::Remote(error) => error.kind(),
            Self::Syntax { .. } | Self::Value { .. } | Self::Bounds { .. } => {
                ErrorKind::InvalidArgument
            }
        }
    }
}
