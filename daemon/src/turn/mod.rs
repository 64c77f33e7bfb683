//! The shell of `turn`: a thread that feeds events to the machine and carries out its effects, and the
//! pipeline that makes one reply.

mod conversation;
mod driver;
mod gate;
mod reply;
mod self_hearing;
mod speaker;
mod speech;
mod stretch;
mod utterance;

pub use conversation::{Answer, AskId, Conversation, TurnEvent};
pub(crate) use conversation::{AskedBy, Input};
pub(crate) use driver::{Driver, Parts, VoiceDesk, inbox};
pub(crate) use gate::Gate;
pub(crate) use reply::{
    AheadJob, LlmKeeper, LlmSlot, Remembering, ReplyJob, ReplyNews, ReplySettings, ReplyStage,
    ReplyWork,
};
pub(crate) use self_hearing::{SelfHearing, SelfHearingCounts};
pub(crate) use stretch::OtherVoice;
pub(crate) use utterance::{SayEvent, Saying, Steer};
