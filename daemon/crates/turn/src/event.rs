//! All that can happen to a conversation.

use companion_types::{Emotion, SampleClock, Transcript, TurnId};

/// What a turn answers.
#[derive(Debug, Clone, PartialEq)]
pub enum TurnInput {
    /// Speech.
    Spoken(Transcript),
    /// Written text; answered aloud only when `aloud`.
    Written {
        /// The text.
        text: String,
        /// Whether the reply is spoken.
        aloud: bool,
    },
    /// Nothing: the companion says a given text.
    Announcement {
        /// What to say.
        text: String,
        /// Emotion to say it in.
        emotion: Emotion,
    },
}

impl TurnInput {
    /// What the person said or wrote; empty for an announcement.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Spoken(transcript) => &transcript.text,
            Self::Written { text, .. } => text,
            Self::Announcement { .. } => "",
        }
    }
}

/// Something happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Someone began to speak.
    SpeechStarted {
        /// When.
        at: SampleClock,
    },
    /// What was recognised so far.
    Partial {
        /// The text.
        text: String,
    },
    /// A short silence: the utterance may be over.
    SpeculativeEnd(Transcript),
    /// It was not over.
    SpeechResumed {
        /// When.
        at: SampleClock,
    },
    /// The endpoint: the utterance is over.
    SpeechEnded(Transcript),
    /// What was heard is no utterance: no words, an echo, a noise.
    Discarded,
    /// Time passed.
    Tick,
    /// Written input or an announcement.
    Input(TurnInput),
    /// Somebody wants silence: a button, an application.
    Interrupt,
    /// The first sample of a reply was played.
    FirstPlayed(TurnId),
    /// A reply is complete: everything of it was played, or it is a written one and finished.
    ReplyHeard(TurnId),
    /// An announcement gives the floor up; it may go on later, as another turn.
    Yielded(TurnId),
    /// A reply broke down.
    ReplyFailed(TurnId),
}
