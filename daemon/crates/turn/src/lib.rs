//! Who has the floor: the turn machine. Pure: it does no I/O and reads no clock. Time is the
//! [`SampleClock`](companion_types::SampleClock) that comes with every event; what is to be done
//! leaves as effects. Only this room begins, cancels or ends a turn. [`Announcements`] orders what other
//! programs want said.

mod announcement;
mod announcements;
mod barge_in;
mod effect;
mod event;
mod heard;
mod machine;
mod priority;
mod state;
mod timeline;

pub use announcement::{AnnouncementEffect, AnnouncementLimits, DropReason, Offer, Refusal};
pub use announcements::Announcements;
pub use barge_in::{BargeInRules, Judgement};
pub use effect::{CancelReason, Effect, RefuseReason};
pub use event::{Event, TurnInput};
pub use heard::HeardLedger;
pub use machine::{Machine, TurnSettings};
pub use priority::Priority;
pub use state::{State, StateName};
pub use timeline::{Stamp, Timeline};
