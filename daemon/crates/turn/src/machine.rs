//! The only transition table of a conversation: `step(now, event)` gives the effects.

use companion_types::{Outcome, SampleClock, Transcript, TurnId};

use crate::barge_in::{BargeInRules, Judgement};
use crate::effect::{CancelReason, Effect, RefuseReason};
use crate::event::{Event, TurnInput};
use crate::state::{Candidate, State};

/// Bounds of turn-taking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnSettings {
    /// What counts as an interruption.
    pub barge_in: BargeInRules,
    /// A held reply goes on after this long without words, in milliseconds.
    pub max_hold_ms: u64,
}

impl Default for TurnSettings {
    fn default() -> Self {
        Self { barge_in: BargeInRules::default(), max_hold_ms: 2_000 }
    }
}

/// The turn machine.
#[derive(Debug)]
pub struct Machine {
    state: State,
    next_turn: u64,
    settings: TurnSettings,
}

impl Machine {
    /// An idle conversation whose first turn is `first_turn`.
    #[must_use]
    pub fn new(first_turn: TurnId, settings: TurnSettings) -> Self {
        Self { state: State::Idle, next_turn: first_turn.0, settings }
    }

    /// Who has the floor.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Takes one event and says what is to be done.
    pub fn step(&mut self, now: SampleClock, event: Event) -> Vec<Effect> {
        let before = self.state.name();
        let mut effects = Vec::new();
        match event {
            Event::SpeechStarted { at } => self.speech_started(at, &mut effects),
            Event::Partial { text } => self.overheard(&text, false, &mut effects),
            Event::SpeculativeEnd(transcript) => self.speculative_end(transcript, &mut effects),
            Event::SpeechResumed { at } => self.speech_resumed(at, &mut effects),
            Event::SpeechEnded(transcript) => self.speech_ended(transcript, &mut effects),
            Event::Discarded => self.discarded(&mut effects),
            Event::Tick => self.tick(now, &mut effects),
            Event::Input(input) => self.input(input, &mut effects),
            Event::Interrupt => self.interrupt(&mut effects),
            Event::FirstPlayed(turn) => self.first_played(turn),
            Event::ReplyHeard(turn) => self.reply_over(turn, Outcome::Heard, &mut effects),
            Event::Yielded(turn) => self.yielded(turn),
            Event::ReplyFailed(turn) => self.reply_over(turn, Outcome::Failed, &mut effects),
        }
        let after = self.state.name();
        if after != before {
            effects.push(Effect::StateChanged(after));
        }
        effects
    }

    /// The turn of something that is said whoever has the floor; it never becomes the state's own.
    pub fn interjection(&mut self) -> TurnId {
        self.mint()
    }

    /// Whether `text` only asks for silence.
    #[must_use]
    pub fn is_stop(&self, text: &str) -> bool {
        self.settings.barge_in.is_stop(text)
    }

    fn mint(&mut self) -> TurnId {
        let turn = TurnId(self.next_turn);
        self.next_turn += 1;
        turn
    }

    fn start(&mut self, input: TurnInput, confirmed: bool, effects: &mut Vec<Effect>) {
        let turn = self.mint();
        let text = input.text().to_owned();
        effects.push(Effect::StartReply { turn, input });
        if confirmed {
            effects.push(Effect::ConfirmReply(turn));
        }
        self.state = State::Thinking { turn, input: text, confirmed, candidate: None };
    }

    fn speech_started(&mut self, at: SampleClock, effects: &mut Vec<Effect>) {
        let heard = Candidate { since: at, ignored: false };
        match &mut self.state {
            State::Idle => self.state = State::Listening { since: at },
            State::Listening { .. } => {}
            State::Thinking { turn, confirmed: false, .. } => {
                effects.push(Effect::CancelReply { turn: *turn, why: CancelReason::Resumed });
                self.state = State::Listening { since: at };
            }
            State::Thinking { turn, candidate, .. } | State::Speaking { turn, candidate } => {
                if candidate.is_none_or(|c| c.ignored) {
                    effects.push(Effect::Hold(*turn));
                }
                *candidate = Some(heard);
            }
        }
    }

    fn speech_resumed(&mut self, at: SampleClock, effects: &mut Vec<Effect>) {
        if let State::Thinking { turn, confirmed: false, .. } = &self.state {
            effects.push(Effect::CancelReply { turn: *turn, why: CancelReason::Resumed });
            self.state = State::Listening { since: at };
        }
    }

    fn speculative_end(&mut self, transcript: Transcript, effects: &mut Vec<Effect>) {
        // A short silence ends a backchannel too, but only the endpoint can say that it was one.
        self.overheard(&transcript.text, false, effects);
        if matches!(self.state, State::Listening { .. })
            && !transcript.text.is_empty()
            && !self.settings.barge_in.is_stop(&transcript.text)
        {
            self.start(TurnInput::Spoken(transcript), false, effects);
        }
    }

    fn speech_ended(&mut self, transcript: Transcript, effects: &mut Vec<Effect>) {
        if transcript.text.is_empty() {
            return self.discarded(effects);
        }
        self.overheard(&transcript.text, true, effects);
        match &mut self.state {
            // Nothing was under way: a command to be silent needs no reply.
            State::Listening { .. } if self.settings.barge_in.is_stop(&transcript.text) => {
                self.state = State::Idle;
            }
            State::Listening { .. } => self.start(TurnInput::Spoken(transcript), true, effects),
            State::Thinking { turn, input, confirmed, .. } if !*confirmed => {
                if *input == transcript.text {
                    *confirmed = true;
                    effects.push(Effect::ConfirmReply(*turn));
                } else {
                    let why = CancelReason::OtherText;
                    effects.push(Effect::CancelReply { turn: *turn, why });
                    self.start(TurnInput::Spoken(transcript), true, effects);
                }
            }
            // Idle after a stop command, or a candidate that was judged to be no interruption.
            State::Idle | State::Thinking { .. } | State::Speaking { .. } => {}
        }
    }

    /// Judges speech that falls into a reply.
    fn overheard(&mut self, text: &str, is_final: bool, effects: &mut Vec<Effect>) {
        let (turn, candidate) = match &mut self.state {
            State::Thinking { turn, candidate, confirmed: true, .. }
            | State::Speaking { turn, candidate } => (*turn, candidate),
            _ => return,
        };
        let Some(heard) = *candidate else { return };
        if heard.ignored {
            if is_final {
                *candidate = None;
            }
            return;
        }
        match self.settings.barge_in.judge(text, is_final) {
            Judgement::Undecided => {}
            Judgement::Backchannel => {
                *candidate = None;
                effects.push(Effect::Resume(turn));
            }
            judged @ (Judgement::Interruption | Judgement::Stop) => {
                self.cut(turn, CancelReason::BargeIn, effects);
                if judged == Judgement::Interruption {
                    self.state = State::Listening { since: heard.since };
                }
            }
        }
    }

    fn discarded(&mut self, effects: &mut Vec<Effect>) {
        match &mut self.state {
            State::Listening { .. } => self.state = State::Idle,
            State::Thinking { turn, confirmed: false, .. } => {
                effects.push(Effect::CancelReply { turn: *turn, why: CancelReason::NoUtterance });
                self.state = State::Idle;
            }
            State::Thinking { turn, candidate, .. } | State::Speaking { turn, candidate } => {
                if candidate.take().is_some_and(|c| !c.ignored) {
                    effects.push(Effect::Resume(*turn));
                }
            }
            State::Idle => {}
        }
    }

    fn tick(&mut self, now: SampleClock, effects: &mut Vec<Effect>) {
        if let State::Thinking { turn, candidate: Some(candidate), .. }
        | State::Speaking { turn, candidate: Some(candidate) } = &mut self.state
            && !candidate.ignored
            && now.ms_since(candidate.since) >= self.settings.max_hold_ms
        {
            candidate.ignored = true;
            effects.push(Effect::Resume(*turn));
        }
    }

    fn input(&mut self, input: TurnInput, effects: &mut Vec<Effect>) {
        match self.state {
            State::Idle => self.start(input, true, effects),
            State::Listening { .. } | State::Thinking { confirmed: false, .. } => {
                effects.push(Effect::Refuse(RefuseReason::Listening));
            }
            State::Thinking { .. } | State::Speaking { .. } => {
                effects.push(Effect::Refuse(RefuseReason::Replying));
            }
        }
    }

    fn interrupt(&mut self, effects: &mut Vec<Effect>) {
        if let Some(turn) = self.state.turn() {
            self.cut(turn, CancelReason::Asked, effects);
        }
    }

    /// Silences and ends a reply; what was heard of it stays.
    fn cut(&mut self, turn: TurnId, why: CancelReason, effects: &mut Vec<Effect>) {
        let outcome = match self.state {
            State::Speaking { .. } => Outcome::Interrupted,
            _ => Outcome::Cancelled,
        };
        effects.push(Effect::Flush(turn));
        effects.push(Effect::CancelReply { turn, why });
        effects.push(Effect::EndTurn { turn, outcome });
        self.state = State::Idle;
    }

    fn first_played(&mut self, played: TurnId) {
        if let State::Thinking { turn, confirmed: true, candidate, .. } = self.state
            && turn == played
        {
            self.state = State::Speaking { turn, candidate };
        }
    }

    fn reply_over(&mut self, over: TurnId, outcome: Outcome, effects: &mut Vec<Effect>) {
        if self.state.turn() != Some(over) {
            return;
        }
        effects.push(Effect::EndTurn { turn: over, outcome });
        self.state = self.after_turn();
    }

    /// Whoever began to speak at the very end has the floor now.
    fn after_turn(&self) -> State {
        match self.state {
            State::Thinking { candidate: Some(heard), .. }
            | State::Speaking { candidate: Some(heard), .. }
                if !heard.ignored =>
            {
                State::Listening { since: heard.since }
            }
            _ => State::Idle,
        }
    }

    fn yielded(&mut self, turn: TurnId) {
        if self.state.turn() == Some(turn) {
            self.state = self.after_turn();
        }
    }
}
