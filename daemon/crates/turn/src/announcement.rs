//! The words about one text of another program: its offer, what may be done with it, why it is dropped.

use companion_types::UtteranceId;

use crate::priority::Priority;

/// A text that is to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Its identity.
    pub id: UtteranceId,
    /// Who wants it said.
    pub sender: String,
    /// How urgent it is.
    pub priority: Priority,
    /// A newer text of the same sender and key takes its place.
    pub coalesce: Option<String>,
}

/// Why a text is not said, or not to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// Cancelled by who may.
    Cancelled,
    /// A newer one took its place.
    Replaced,
    /// One of a higher priority came.
    Preempted,
    /// Something else waited, sounded or had the floor.
    Busy,
    /// A person broke in, or wanted something.
    Interrupted,
    /// Somebody asked for silence.
    Silenced,
    /// Its sender left.
    SenderGone,
    /// It could not be spoken.
    Failed,
}

impl DropReason {
    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Replaced => "replaced",
            Self::Preempted => "preempted",
            Self::Busy => "busy",
            Self::Interrupted => "interrupted",
            Self::Silenced => "silenced",
            Self::SenderGone => "sender-gone",
            Self::Failed => "failed",
        }
    }
}

/// Something to do, in the order given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnnouncementEffect {
    /// Begin to say it, or go on where it was set aside.
    Speak(UtteranceId),
    /// Stop its sound at once and forget the rest of it.
    Silence(UtteranceId),
    /// Stop its sound at once and keep the rest; then tell [`Announcements::set_aside`].
    SetAside(UtteranceId),
    /// Stop its sound at the end of the clause; then tell [`Announcements::at_border`].
    StopAtBorder(UtteranceId),
    /// It stands still until it is resumed.
    Paused(UtteranceId),
    /// It was cut, and will be said from its start later.
    Postponed(UtteranceId),
    /// It is over without having been said to its end.
    Drop(UtteranceId, DropReason),
}

/// How much may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnnouncementLimits {
    /// Texts of one sender, the one that sounds and paused ones included.
    pub of_sender: usize,
    /// Texts in all.
    pub in_all: usize,
}

impl Default for AnnouncementLimits {
    fn default() -> Self {
        Self { of_sender: 16, in_all: 64 }
    }
}

/// Why a text is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The sender has too many.
    #[error(
        "{0} of your texts wait to be said: wait for some, cancel some, or give them a coalesce key"
    )]
    OfSender(usize),
    /// There are too many.
    #[error("{0} texts wait to be said: try again when some were said")]
    InAll(usize),
}
