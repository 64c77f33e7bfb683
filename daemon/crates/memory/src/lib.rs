//! Remembering: what was said is kept verbatim, found again by meaning and by words, forgotten on
//! request and brought back by undo. Knows text and scores, never tensors; owned by the `memory`
//! thread.

mod error;
mod gate;
mod hash_embedder;
mod lexical_index;
mod memory;
mod ports;
mod recall;
mod vector_index;
mod vectors;
mod words;

pub use error::MemoryError;
pub use gate::worth_keeping;
pub use hash_embedder::HashEmbedder;
pub use memory::{Memory, MemorySettings, NewMemory};
pub use ports::{Embedder, EmbedderError, Embedding};
pub use vectors::NoteVectors;
pub use words::Words;
