//! The shell of `turn`: a thread that feeds events to the machine and carries out its effects, and the
//! pipeline that makes one reply.

mod driver;
mod gate;
mod reply;

pub use driver::{Answer, Conversation, TurnEvent};
pub(crate) use driver::{Driver, Parts, inbox};
pub(crate) use gate::Gate;
pub(crate) use reply::{Remembering, ReplyJob, ReplyNews, ReplyStage};
