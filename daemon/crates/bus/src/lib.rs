//! The D-Bus contract: names, wire types, typed errors, and one declaration per interface that makes both
//! the server (over a `*Service` trait) and the client (a `*Proxy`). Knows no room and no daemon.
//!
//! Conventions: every method ends with `a{sv} options`; long work gives the path of a Request object;
//! sound and tokens travel by file descriptor; ids of memories are strings.

pub mod audio;
pub mod client;
pub mod error;
pub mod health;
pub mod manager;
pub mod memory;
pub mod models;
pub mod names;
pub mod profiles;
pub mod request;
pub mod session;
pub mod types;
pub mod utterance;
pub mod voice;

pub use error::{Error, Result};
pub use types::{Dict, TurnResult};
