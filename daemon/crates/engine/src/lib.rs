//! The engine room.

mod error;

pub use error::EngineError;
