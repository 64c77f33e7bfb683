//! What can go wrong while keeping things.

use std::path::PathBuf;

use companion_types::{ErrorKind, Kind};

/// The store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file could not be read or written.
    #[error("store: {what} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Another process holds the store.
    #[error(
        "store: {path} is in use by another companiond: stop it, or give this one another [store] path",
        path = path.display()
    )]
    Locked {
        /// The store's folder.
        path: PathBuf,
    },
    /// The index refused an operation.
    #[error("store: index of {tree}: {message}; it is rebuilt from the journal at the next start")]
    Index {
        /// Which tree.
        tree: &'static str,
        /// What it said.
        message: String,
    },
    /// A value could not be encoded or decoded.
    #[error("store: a value of {tree}: {source}")]
    Value {
        /// Which tree.
        tree: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// An earlier write failed half-way; nothing more is accepted, so that nothing is lost silently.
    #[error(
        "store: closed after a failed write ({reason}): free some space and restart companiond"
    )]
    Closed {
        /// The first failure.
        reason: String,
    },
}

impl Kind for StoreError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { .. } | Self::Closed { .. } => ErrorKind::Unavailable,
            Self::Locked { .. } => ErrorKind::Busy,
            Self::Index { .. } => ErrorKind::Corrupt,
            Self::Value { .. } => ErrorKind::Internal,
        }
    }
}
