//! companiond: the daemon that wires the rooms. The library is for tests and for `main`.

mod app;
mod backend;
mod error;
mod hear;
mod turn;
mod worker;

pub use app::{App, AppSettings};
pub use error::DaemonError;
pub use hear::{FrameSource, PacedRoom, listen_to};
pub use turn::{Answer, Conversation, TurnEvent};
