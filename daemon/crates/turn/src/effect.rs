//! All that the machine may ask for.

use companion_types::{Outcome, TurnId};

use crate::event::TurnInput;
use crate::state::StateName;

/// Why a reply is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelReason {
    /// The person went on speaking: the end had been guessed too early.
    Resumed,
    /// The final transcript differs from the one the reply was begun on.
    OtherText,
    /// It turned out to be no utterance.
    NoUtterance,
    /// The person broke in.
    BargeIn,
    /// Somebody asked for silence.
    Asked,
}

/// Why an input is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefuseReason {
    /// The person is speaking.
    Listening,
    /// A reply is under way.
    Replying,
}

/// Something to do, in the order given.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Work on a reply. It must not sound before `ConfirmReply`.
    StartReply {
        /// The new turn.
        turn: TurnId,
        /// What it answers.
        input: TurnInput,
    },
    /// The reply may sound.
    ConfirmReply(TurnId),
    /// Stop working on the reply and forget what was not heard.
    CancelReply {
        /// The turn.
        turn: TurnId,
        /// Why.
        why: CancelReason,
    },
    /// Mute at once and stand still, so that playing can go on at the same sample.
    Hold(TurnId),
    /// Go on playing where it was held.
    Resume(TurnId),
    /// Drop everything that has not been played.
    Flush(TurnId),
    /// The turn is over.
    EndTurn {
        /// The turn.
        turn: TurnId,
        /// How.
        outcome: Outcome,
    },
    /// The state's name changed.
    StateChanged(StateName),
    /// The input cannot be taken now.
    Refuse(RefuseReason),
}
