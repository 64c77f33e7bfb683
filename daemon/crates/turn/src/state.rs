//! The four states of a conversation.

use companion_types::{SampleClock, TurnId};

/// Someone speaks while the companion has the floor: muted, not yet judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// When the speech began.
    pub since: SampleClock,
    /// Judged to be no interruption; ignored until it ends.
    pub ignored: bool,
}

/// Who has the floor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nobody.
    Idle,
    /// The person.
    Listening {
        /// When the speech began.
        since: SampleClock,
    },
    /// The companion, still silent.
    Thinking {
        /// The turn.
        turn: TurnId,
        /// Text of the person, to compare with the final transcript.
        input: String,
        /// Whether the end of the utterance was decided; before that nothing may sound.
        confirmed: bool,
        /// Someone who speaks into it.
        candidate: Option<Candidate>,
    },
    /// The companion, sounding.
    Speaking {
        /// The turn.
        turn: TurnId,
        /// Someone who speaks into it.
        candidate: Option<Candidate>,
    },
}

/// A state's name, as the bus shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StateName {
    /// Nobody has the floor.
    Idle,
    /// The person has it.
    Listening,
    /// The companion works on a reply.
    Thinking,
    /// The companion speaks.
    Speaking,
}

impl StateName {
    /// Lower-case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Listening => "listening",
            Self::Thinking => "thinking",
            Self::Speaking => "speaking",
        }
    }
}

impl State {
    /// Its name. An unconfirmed reply is still listening to the world outside.
    #[must_use]
    pub fn name(&self) -> StateName {
        match self {
            Self::Idle => StateName::Idle,
            Self::Listening { .. } | Self::Thinking { confirmed: false, .. } => {
                StateName::Listening
            }
            Self::Thinking { .. } => StateName::Thinking,
            Self::Speaking { .. } => StateName::Speaking,
        }
    }

    /// Whether someone speaks into the turn and was not judged yet.
    #[must_use]
    pub fn is_overheard(&self) -> bool {
        match self {
            Self::Thinking { candidate, .. } | Self::Speaking { candidate, .. } => {
                candidate.is_some_and(|candidate| !candidate.ignored)
            }
            Self::Idle | Self::Listening { .. } => false,
        }
    }

    /// The turn that is under way.
    #[must_use]
    pub fn turn(&self) -> Option<TurnId> {
        match self {
            Self::Thinking { turn, .. } | Self::Speaking { turn, .. } => Some(*turn),
            Self::Idle | Self::Listening { .. } => None,
        }
    }
}
