//! What can go wrong while remembering.

use companion_store::StoreError;
use companion_types::{ErrorKind, Kind, MemoryId, UndoId};

use crate::ports::EmbedderError;

/// Memory failed.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The embedder failed.
    #[error(transparent)]
    Embedder(#[from] EmbedderError),
    /// There is no such memory.
    #[error("there is no memory {0}: `companionctl memory list` shows those there are")]
    NoMemory(MemoryId),
    /// There is nothing to undo under that id.
    #[error("there is nothing to undo under {0}: it was undone already, or never existed")]
    NoUndo(UndoId),
    /// A text cannot be remembered.
    #[error("a memory must be 1 to {most} characters long, this one has {got}")]
    Length {
        /// Characters given.
        got: usize,
        /// Most allowed.
        most: usize,
    },
}

impl Kind for MemoryError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Embedder(error) => error.kind,
            Self::NoMemory(_) | Self::NoUndo(_) => ErrorKind::NotFound,
            Self::Length { .. } => ErrorKind::InvalidArgument,
        }
    }
}
