//! The sound of one reply on the `reply` thread: text through the tag parser and the segmenter to clauses, which
//! [`Speaker`] takes.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use companion_emotion::TagParser;
use companion_tts::Segmenter;
use companion_turn::Stamp;
use companion_types::{Emotion, Language, ReplyDelta, Sentence, SentenceSeq};
use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender, bounded};

use super::speaker::Speaker;
use super::stretch::Stretch;
use super::{ReplyJob, ReplyNews, ReplyStage};

/// Clauses that may wait for the voice.
const SENTENCES_AHEAD: usize = 2;
/// A waiting stage looks this often whether it is still wanted.
pub(super) const LOOK: Duration = Duration::from_millis(50);

/// Where the text of a reply goes: through the tag parser and the segmenter to the voice.
pub(super) struct Speech<'a> {
    stage: &'a ReplyStage,
    job: &'a ReplyJob,
    parser: TagParser,
    segmenter: Segmenter,
    voice: Option<&'a Speaking>,
    emotion: Option<Emotion>,
    said: String,
    /// What the model wrote while it is held back to be checked.
    held: Option<String>,
    next: u32,
}

impl<'a> Speech<'a> {
    pub(super) fn new(
        stage: &'a ReplyStage,
        job: &'a ReplyJob,
        voice: Option<&'a Speaking>,
    ) -> Self {
        let parser = TagParser::new(Arc::clone(&stage.emotions), stage.settings.emotion.clone());
        Self {
            stage,
            job,
            parser,
            segmenter: Segmenter::default(),
            voice,
            emotion: None,
            said: String::new(),
            held: None,
            next: 0,
        }
    }

    /// Text of the model, with tags in it.
    pub(super) fn text(&mut self, text: &str) {
        if let Some(held) = &mut self.held {
            held.push_str(text);
            return;
        }
        let deltas = self.parser.push(text);
        self.deltas(deltas);
    }

    /// Holds the model's text back from now on; what was held before is gone.
    pub(super) fn hold(&mut self) {
        self.held = Some(String::new());
    }

    /// Gives what was held back with its tags, its emotion, and the words alone; text flows again.
    pub(super) fn release(&mut self) -> Option<(String, Emotion, String)> {
        let held = self.held.take()?;
        let default = self.stage.settings.emotion.clone();
        let mut parser = TagParser::new(Arc::clone(&self.stage.emotions), default);
        let mut deltas = parser.push(&held);
        deltas.extend(parser.finish());
        let plain = deltas.into_iter().map(|d| d.text).collect();
        Some((held, parser.emotion().clone(), plain))
    }

    /// A text whose emotion is known.
    pub(super) fn whole(&mut self, emotion: &Emotion, text: &str) {
        let text = text.to_owned();
        self.deltas(vec![ReplyDelta { emotion: emotion.clone(), text }]);
    }

    fn deltas(&mut self, deltas: Vec<ReplyDelta>) {
        for delta in deltas {
            if self.emotion.as_ref().is_some_and(|e| *e != delta.emotion) {
                // A clause is spoken in one emotion.
                let rest = self.segmenter.finish();
                self.clauses(rest);
            }
            self.emotion = Some(delta.emotion);
            self.said.push_str(&delta.text);
            if !delta.text.is_empty() {
                self.stage.tell(self.job.turn, ReplyNews::Token(delta.text.clone()));
            }
            let clauses = self.segmenter.push(&delta.text);
            self.clauses(clauses);
        }
    }

    fn clauses(&mut self, texts: impl IntoIterator<Item = String>) {
        for text in texts {
            let seq = SentenceSeq(self.next);
            if self.next == 0 {
                self.stage
                    .tell(self.job.turn, ReplyNews::Stamp(Stamp::FirstSentence, Instant::now()));
            }
            self.next += 1;
            let emotion = self.emotion.clone().unwrap_or(Emotion::CALM);
            let news = ReplyNews::Clause { seq, emotion: emotion.clone(), text: text.clone() };
            self.stage.tell(self.job.turn, news);
            let sentence = Sentence { turn: self.job.turn, seq, emotion, text, last: false };
            if let Some(voice) = self.voice
                && !voice.say(self.stage, self.job, sentence)
            {
                self.voice = None;
            }
        }
    }

    /// Nothing was said yet.
    pub(super) fn is_silent(&self) -> bool {
        self.said.is_empty()
    }

    /// Nothing more comes; gives what was said, and its emotion.
    pub(super) fn finish(mut self) -> (String, Emotion) {
        let rest = self.parser.finish();
        self.deltas(rest);
        let last = self.segmenter.finish();
        self.clauses(last);
        if let Some(voice) = self.voice {
            voice.close();
        }
        let emotion = self.emotion.unwrap_or_else(|| self.stage.settings.emotion.clone());
        (self.said, emotion)
    }
}

/// The `reply` thread's end of a voice at work on one reply.
pub(super) struct Speaking {
    // Taken when the last clause is said; never held over a wait.
    clauses: Mutex<Option<Sender<Sentence>>>,
    done: Receiver<()>,
    restarts: u32,
}

impl Speaking {
    /// Starts the voice: clauses in, sound to the playback. `None` when the stage takes no job.
    pub(super) fn start(stage: &ReplyStage, job: &ReplyJob, language: Language) -> Option<Self> {
        let (clauses, inbox) = bounded::<Sentence>(SENTENCES_AHEAD);
        let (finished, done) = bounded(1);
        let restarts = stage.tts.restarts();
        let speaker = Speaker {
            turn: job.turn,
            gate: job.gate.clone(),
            cancel: job.cancel.clone(),
            playback: stage.playback.clone(),
            news: stage.news.clone(),
            beat: stage.tts.heartbeat(),
            language,
            pronunciations: stage.pronunciations.load_full(),
            intensity: 1.0,
            check: stage.self_hearing.clone(),
            kept: RefCell::default(),
        };
        let stretch = Stretch::of_reply(speaker, inbox, finished);
        let sent = stage.tts.send(move |voice| stretch.run(voice.as_mut()));
        sent.ok().map(|()| Self { clauses: Mutex::new(Some(clauses)), done, restarts })
    }

    fn lost(&self, stage: &ReplyStage) -> bool {
        stage.tts.restarts() != self.restarts || !stage.tts.is_alive()
    }

    /// Hands a clause over; false when nobody speaks it any more.
    fn say(&self, stage: &ReplyStage, job: &ReplyJob, mut sentence: Sentence) -> bool {
        let clauses = self.clauses.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(clauses) = clauses else { return false };
        loop {
            stage.beat.beat();
            match clauses.send_timeout(sentence, LOOK) {
                Ok(()) => return true,
                Err(SendTimeoutError::Timeout(back)) => {
                    if job.cancel.is_cancelled() || self.lost(stage) {
                        return false;
                    }
                    sentence = back;
                }
                Err(SendTimeoutError::Disconnected(_)) => return false,
            }
        }
    }

    fn close(&self) {
        drop(self.clauses.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Waits until everything is queued, the reply is cancelled, or the voice was started again.
    pub(super) fn wait(&self, stage: &ReplyStage, job: &ReplyJob) {
        self.close();
        loop {
            stage.beat.beat();
            match self.done.recv_timeout(LOOK) {
                Err(RecvTimeoutError::Timeout)
                    if !job.cancel.is_cancelled() && !self.lost(stage) => {}
                _ => return,
            }
        }
    }
}
