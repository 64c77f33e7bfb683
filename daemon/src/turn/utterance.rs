//! One text that a program wants said: what it asked for, what it is told, and how far it came.

use std::collections::VecDeque;

use companion_tts::{IndexMark, Segmenter};
use companion_turn::{DropReason, HeardLedger, Offer, Priority};
use companion_types::{Emotion, Language, Sentence, SentenceSeq, TurnId, TurnReport, UtteranceId};
use crossbeam_channel::{Receiver, bounded};

use super::conversation::{Answer, AskId};
use super::stretch::Stretch;

/// What a program is told of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SayEvent {
    /// It begins to sound.
    Begun,
    /// The place of this name begins to sound.
    Mark(String),
    /// It stands still.
    Paused,
    /// It goes on.
    Resumed,
    /// It was cut by others, and begins again later.
    Postponed,
    /// It is over: why, when it was not said to its end, and what of it was heard.
    Over(Option<DropReason>, String),
}

/// What is to be done with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Steer {
    /// Forget it.
    Cancel,
    /// Let it stand still.
    Pause,
    /// Let it go on.
    Resume,
}

/// A text to say, and how.
pub(crate) struct Saying {
    /// Plain text.
    pub(crate) text: String,
    pub(crate) marks: Vec<IndexMark>,
    pub(crate) emotion: Emotion,
    /// 0..1.
    pub(crate) intensity: f64,
    /// A voice beside the one in use.
    pub(crate) voice: Option<String>,
    pub(crate) language: Option<Language>,
    pub(crate) sender: String,
    pub(crate) priority: Priority,
    pub(crate) coalesce: Option<String>,
    /// Called on the `turn` thread: neither may wait.
    pub(crate) told: Box<dyn Fn(SayEvent) + Send>,
    pub(crate) ended: Box<dyn FnOnce(Answer) + Send>,
}

impl Saying {
    /// A message in the voice in use.
    pub(crate) fn plain(
        text: String,
        emotion: Emotion,
        ended: Box<dyn FnOnce(Answer) + Send>,
    ) -> Self {
        Self {
            text,
            marks: Vec::new(),
            emotion,
            intensity: 1.0,
            voice: None,
            language: None,
            sender: String::new(),
            priority: Priority::Message,
            coalesce: None,
            told: Box::new(|_| ()),
            ended,
        }
    }

    pub(super) fn offer(&self, id: UtteranceId) -> Offer {
        Offer {
            id,
            sender: self.sender.clone(),
            priority: self.priority,
            coalesce: self.coalesce.clone(),
        }
    }

    pub(super) fn language(&self) -> Language {
        self.language.unwrap_or_else(|| Language::of_text(&self.text))
    }
}

/// A text from its offer to its end.
pub(super) struct Utterance {
    pub(super) saying: Saying,
    /// Who asked for it in the old way.
    pub(super) asked: Option<AskId>,
    pub(super) ledger: HeardLedger,
    /// Samples that sounded before it was set aside the last time.
    pub(super) before: u64,
    /// Marks that were not reached.
    pub(super) marks: VecDeque<IndexMark>,
    /// Sound that was queued and not played, until it joins the rest.
    pub(super) queued: Vec<f32>,
    clauses: VecDeque<(SentenceSeq, String)>,
    /// The rest of its work, while it is set aside.
    pub(super) rest: Option<Box<Stretch>>,
    pub(super) begun: bool,
    /// What was heard, once its sound is over.
    pub(super) heard: String,
    /// The account of its last sound.
    pub(super) report: Option<TurnReport>,
}

impl Utterance {
    pub(super) fn new(saying: Saying, asked: Option<AskId>) -> Self {
        let marks = saying.marks.iter().cloned().collect();
        Self {
            saying,
            asked,
            ledger: HeardLedger::new(),
            before: 0,
            marks,
            queued: Vec::new(),
            clauses: VecDeque::new(),
            rest: None,
            begun: false,
            heard: String::new(),
            report: None,
        }
    }

    /// Its clauses for the voice, with an account of their own from the start.
    pub(super) fn clauses(&mut self, turn: TurnId) -> Receiver<Sentence> {
        self.ledger = HeardLedger::new();
        self.before = 0;
        self.clauses.clear();
        let mut segmenter = Segmenter::default();
        let mut texts = segmenter.push(&self.saying.text);
        texts.extend(segmenter.finish());
        let (clauses, inbox) = bounded(texts.len().max(1));
        for (n, text) in texts.into_iter().enumerate() {
            let seq = SentenceSeq(u32::try_from(n).unwrap_or(u32::MAX));
            self.ledger.sentence(seq, &text);
            self.clauses.push_back((seq, text.clone()));
            let emotion = self.saying.emotion.clone();
            // There is a place for each.
            let _ = clauses.try_send(Sentence { turn, seq, emotion, text, last: false });
        }
        inbox
    }

    /// The text of a clause whose first sound was made.
    pub(super) fn next_clause(&mut self, seq: SentenceSeq) -> Option<String> {
        self.clauses.pop_front_if(|(next, _)| *next == seq).map(|(_, text)| text)
    }

    /// Tells of the marks that were reached when `played` samples of this stretch had left.
    pub(super) fn reach(&mut self, played: u64) {
        let total = self.before + played;
        while let Some(mark) = self.marks.front() {
            if self.ledger.sounds_at(mark.at).is_none_or(|sample| sample >= total) {
                return;
            }
            self.reached();
        }
    }

    /// Tells of all marks that are left.
    pub(super) fn reach_all(&mut self) {
        while !self.marks.is_empty() {
            self.reached();
        }
    }

    fn reached(&mut self) {
        if let Some(mark) = self.marks.pop_front() {
            (self.saying.told)(SayEvent::Mark(mark.name));
        }
    }

    /// It begins again from its start.
    pub(super) fn rewind(&mut self) {
        self.rest = None;
        self.report = None;
        self.queued.clear();
        self.before = 0;
        self.begun = false;
        self.marks = self.saying.marks.iter().cloned().collect();
    }
}
