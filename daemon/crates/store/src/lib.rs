//! What outlives the daemon. An append-only journal is the truth and is on disk before a write is
//! acknowledged; sled is the index over it and is repaired from the journal at every start. Runs on
//! the thread of whoever owns the [`Store`].

mod error;
mod index;
mod journal;
mod record;
mod store;

pub use error::StoreError;
pub use record::Tree;
pub use store::{Batch, OpenReport, Store};
