//! One reply: recall → rules or prompt → tokens → emotion → clauses → sound. Runs on the `reply` thread;
//! the models work on theirs.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use companion_audio::{Playback, Resampler};
use companion_dialogue::{
    Built, DialogueError, Generated, Generator, GeneratorError, History, Ladder, LoopGuard, Moment,
    Prompt, PromptBuilder, PromptParts, RuleInput, Rules, Step, TokenCounter, apology,
};
use companion_emotion::TagParser;
use companion_memory::Memory;
use companion_store::Store;
use companion_tts::{Segmenter, Synthesizer, Utterance};
use companion_turn::{Stamp, TurnInput};
use companion_types::{
    AnsweredBy, Cancel, Emotion, EmotionSet, Language, MemoryHit, MemoryId, MemoryNote,
    PersonaProfile, ReplyDelta, Round, SamplingParams, Sentence, SentenceSeq, TokenDelta, TurnId,
    WordTime,
};

use super::Gate;
use super::driver::Input;
use crate::worker::{Heartbeat, Worker};

/// Memory and its store, owned by the `memory` thread.
pub(crate) type Remembering = (Store, Memory);

/// Found for the rules; fewer stand in the prompt.
const RECALL_FOR_RULES: usize = 8;
const TOKENS_AHEAD: usize = 64;
const SENTENCES_AHEAD: usize = 2;

/// What the reply stage needs for every reply.
pub(crate) struct ReplyStage {
    pub(crate) memory: Arc<Worker<Remembering>>,
    pub(crate) llm: Arc<Worker<Box<dyn Generator>>>,
    pub(crate) llm_beat: Heartbeat,
    pub(crate) tts: Arc<Worker<Box<dyn Synthesizer>>>,
    pub(crate) tts_beat: Heartbeat,
    pub(crate) counter: Arc<dyn TokenCounter>,
    pub(crate) playback: Playback,
    pub(crate) persona: PersonaProfile,
    pub(crate) emotions: Arc<EmotionSet>,
    pub(crate) rules: Rules,
    pub(crate) params: SamplingParams,
    pub(crate) budget: usize,
    pub(crate) top_k: usize,
    pub(crate) recall_deadline: Duration,
    pub(crate) deadline: Duration,
    pub(crate) news: SyncSender<Input>,
}

/// What one reply is about.
pub(crate) struct ReplyJob {
    pub(crate) turn: TurnId,
    pub(crate) input: TurnInput,
    pub(crate) aloud: bool,
    pub(crate) gate: Gate,
    pub(crate) cancel: Cancel,
    pub(crate) history: History,
    pub(crate) mood: &'static str,
}

/// What the driver is told about a reply.
#[derive(Debug)]
pub(crate) enum ReplyNews {
    /// Something happened for the first time.
    Stamp(Stamp, Instant),
    /// A clause is going to be spoken.
    Clause { seq: SentenceSeq, emotion: Emotion, text: String },
    /// Sound of a clause was queued, at the playback's rate.
    Queued { seq: SentenceSeq, samples: u64, words: Vec<WordTime>, last: bool },
    /// Everything was made.
    Made {
        text: String,
        emotion: Emotion,
        answered_by: AnsweredBy,
        memories: Vec<MemoryId>,
        tokens: Option<Generated>,
    },
}

/// Where the text of a reply goes: through the tag parser and the segmenter to the voice.
struct Speech<'a> {
    stage: &'a ReplyStage,
    job: &'a ReplyJob,
    parser: TagParser,
    segmenter: Segmenter,
    voice: Option<SyncSender<Sentence>>,
    emotion: Option<Emotion>,
    said: String,
    next: u32,
}

impl ReplyStage {
    fn tell(&self, turn: TurnId, news: ReplyNews) {
        // An error means that the driver is gone; then nobody wants to know.
        let _ = self.news.send(Input::Reply(turn, news));
    }

    /// Makes one reply.
    pub(crate) fn reply(&mut self, job: &ReplyJob) {
        let language = match &job.input {
            TurnInput::Spoken(t) => t.language,
            other => Language::of_text(match other {
                TurnInput::Announcement { text, .. } => text,
                input => input.text(),
            }),
        };
        let (voice, speaking) = self.start_voice(job, language);
        let mut speech = Speech {
            stage: self,
            job,
            parser: TagParser::new(Arc::clone(&self.emotions), Emotion::CALM),
            segmenter: Segmenter::default(),
            voice,
            emotion: None,
            said: String::new(),
            next: 0,
        };
        let (answered_by, memories, tokens) = match &job.input {
            TurnInput::Announcement { text, emotion } => {
                speech.whole(emotion, text);
                (AnsweredBy::Rule, Vec::new(), None)
            }
            input => self.think(job, input.text(), language, &mut speech),
        };
        speech.finish();
        let (text, emotion) =
            (speech.said.clone(), speech.emotion.clone().unwrap_or(Emotion::CALM));
        drop(speech);
        if job.cancel.is_cancelled() {
            return;
        }
        self.tell(job.turn, ReplyNews::Made { text, emotion, answered_by, memories, tokens });
        if let Some(speaking) = speaking {
            // The voice ends by itself once its sentences are spoken; a failed one speaks no more.
            let _ = speaking.recv();
            self.playback.end(job.turn);
        }
    }

    /// Starts the voice for this reply: clauses in, sound to the playback.
    fn start_voice(
        &self,
        job: &ReplyJob,
        language: Language,
    ) -> (Option<SyncSender<Sentence>>, Option<Receiver<()>>) {
        if !job.aloud {
            return (None, None);
        }
        let (clauses, inbox) = sync_channel::<Sentence>(SENTENCES_AHEAD);
        let (done, wait) = sync_channel(1);
        let speaker = Speaker {
            turn: job.turn,
            gate: job.gate.clone(),
            cancel: job.cancel.clone(),
            playback: self.playback.clone(),
            news: self.news.clone(),
            beat: self.tts_beat.clone(),
            language,
        };
        let sent = self.tts.send(move |voice| {
            speaker.speak_all(voice.as_mut(), &inbox);
            let _ = done.send(());
        });
        if sent.is_err() { (None, None) } else { (Some(clauses), Some(wait)) }
    }

    fn think(
        &self,
        job: &ReplyJob,
        text: &str,
        language: Language,
        speech: &mut Speech<'_>,
    ) -> (AnsweredBy, Vec<MemoryId>, Option<Generated>) {
        let (core, hits) = self.recall(text);
        self.tell(job.turn, ReplyNews::Stamp(Stamp::Recall, Instant::now()));
        let moment = Moment(jiff::Zoned::now());
        let rule = self.rules.answer(&RuleInput {
            text,
            language,
            moment: &moment,
            persona: &self.persona,
            last: job.history.last(),
            core: &core,
            hits: &hits,
        });
        if let Some(rule) = rule {
            self.tell(job.turn, ReplyNews::Stamp(Stamp::FirstToken, Instant::now()));
            speech.whole(&rule.emotion, &rule.text);
            return (AnsweredBy::Rule, rule.memories, None);
        }
        let rounds: Vec<Round> = job.history.rounds().cloned().collect();
        let best = &hits[..hits.len().min(self.top_k)];
        let parts = PromptParts {
            persona: &self.persona,
            language,
            core: &core,
            rounds: &rounds,
            memories: best,
            moment: &moment,
            mood: job.mood,
            input: text,
        };
        match self.generate(job, &parts, speech) {
            Some((built, tokens)) => {
                let used = best[..built.memories].iter().map(|h| h.note.id).collect();
                (AnsweredBy::Model, used, Some(tokens))
            }
            None => {
                if speech.said.is_empty() && !job.cancel.is_cancelled() {
                    speech.whole(&Emotion::SAD, apology(language));
                }
                (AnsweredBy::Apology, Vec::new(), None)
            }
        }
    }

    fn recall(&self, text: &str) -> (Vec<MemoryNote>, Vec<MemoryHit>) {
        let query = text.to_owned();
        let deadline = self.recall_deadline;
        let found = self.memory.call(move |(_, memory)| {
            let start = Instant::now();
            let recall = memory.recall(&query, RECALL_FOR_RULES, deadline, &|| start.elapsed());
            (memory.core_facts(), recall)
        });
        match found {
            Ok((core, Ok(recall))) => (core, recall.hits),
            Ok((core, Err(error))) => {
                tracing::warn!(%error, "the reply goes on without memories");
                (core, Vec::new())
            }
            Err(error) => {
                tracing::warn!(%error, "the reply goes on without memories");
                (Vec::new(), Vec::new())
            }
        }
    }

    /// Asks the model, going down the ladder when it is short of memory.
    fn generate(
        &self,
        job: &ReplyJob,
        parts: &PromptParts<'_>,
        speech: &mut Speech<'_>,
    ) -> Option<(Built, Generated)> {
        let builder = PromptBuilder::new(&self.emotions, self.budget);
        let mut ladder = Ladder::default();
        let mut params = self.params;
        let mut parts = *parts;
        loop {
            let built = match builder.build(&parts, self.counter.as_ref()) {
                Ok(built) => built,
                Err(error @ DialogueError::InputTooLong { .. }) => {
                    tracing::warn!(%error, "no reply");
                    return None;
                }
            };
            let prompt = Prompt { turn: job.turn, messages: built.messages.clone(), params };
            match self.run(job, prompt, speech) {
                Ok(generated) => return Some((built, generated)),
                Err(error) if speech.said.is_empty() => {
                    tracing::warn!(%error, "the language model failed");
                    match ladder.next(error.kind) {
                        Step::FewerTokens => params = Ladder::fewer_tokens(params),
                        Step::ShorterContext => {
                            let newest = parts.rounds.len().saturating_sub(1);
                            parts.rounds = &parts.rounds[newest..];
                            parts.memories = &parts.memories[..parts.memories.len().min(1)];
                        }
                        Step::Apologise => return None,
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the language model failed in the middle of a reply");
                    return None;
                }
            }
        }
    }

    fn run(
        &self,
        job: &ReplyJob,
        prompt: Prompt,
        speech: &mut Speech<'_>,
    ) -> Result<Generated, GeneratorError> {
        let (tokens, stream) = sync_channel::<TokenDelta>(TOKENS_AHEAD);
        let (done, wait) = sync_channel(1);
        let (cancel, beat) = (job.cancel.clone(), self.llm_beat.clone());
        let gone = |_| GeneratorError {
            message: "the llm stage does not answer".to_owned(),
            kind: companion_types::ErrorKind::Unavailable,
        };
        let stop = Cancel::new();
        let stopped = stop.clone();
        let start = Instant::now();
        let deadline = self.deadline;
        self.llm
            .send(move |llm| {
                let result = llm.generate(&prompt, &cancel, &mut |delta| {
                    beat.beat();
                    let late = start.elapsed() > deadline || stopped.is_cancelled();
                    if late || tokens.send(delta).is_err() {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                });
                drop(tokens);
                let _ = done.send(result);
            })
            .map_err(|e| GeneratorError {
                message: e.to_string(),
                kind: companion_types::ErrorKind::Unavailable,
            })?;
        let mut guard = LoopGuard::new();
        for (n, delta) in stream.iter().enumerate() {
            if n == 0 {
                self.tell(job.turn, ReplyNews::Stamp(Stamp::FirstToken, Instant::now()));
            }
            if job.cancel.is_cancelled() || guard.push(&delta.text) {
                stop.cancel();
                break;
            }
            speech.text(&delta.text);
        }
        drop(stream);
        wait.recv().map_err(gone)?
    }
}

impl Speech<'_> {
    /// Text of the model, with tags in it.
    fn text(&mut self, text: &str) {
        let deltas = self.parser.push(text);
        self.deltas(deltas);
    }

    /// A text whose emotion is known.
    fn whole(&mut self, emotion: &Emotion, text: &str) {
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
            if let Some(voice) = &self.voice
                && voice.send(sentence).is_err()
            {
                self.voice = None;
            }
        }
    }

    fn finish(&mut self) {
        let rest = self.parser.finish();
        self.deltas(rest);
        let last = self.segmenter.finish();
        self.clauses(last);
        self.voice = None;
    }
}

/// The voice's side of one reply; runs on the `tts` thread.
struct Speaker {
    turn: TurnId,
    gate: Gate,
    cancel: Cancel,
    playback: Playback,
    news: SyncSender<Input>,
    beat: Heartbeat,
    language: Language,
}

impl Speaker {
    fn speak_all(&self, voice: &mut dyn Synthesizer, inbox: &Receiver<Sentence>) {
        for sentence in inbox {
            if self.cancel.is_cancelled() {
                return;
            }
            let utterance = Utterance { sentence, language: self.language };
            if let Err(error) = self.speak(voice, &utterance) {
                tracing::warn!(%error, "a clause was not spoken");
            }
        }
    }

    fn speak(
        &self,
        voice: &mut dyn Synthesizer,
        utterance: &Utterance,
    ) -> Result<(), companion_tts::SynthesizerError> {
        let (from, to) = (voice.rate(), self.playback.rate());
        let failed = |e: companion_audio::AudioError| companion_tts::SynthesizerError {
            message: e.to_string(),
            kind: companion_types::Kind::kind(&e),
        };
        let mut resampler = Resampler::new(from, to).map_err(failed)?;
        let scale = |at: u64| at * u64::from(to.0) / u64::from(from.0.max(1));
        voice.speak(utterance, &self.cancel, &mut |chunk| {
            self.beat.beat();
            let mut pcm = resampler.push(&chunk.pcm).unwrap_or_default();
            if chunk.last {
                pcm.extend(resampler.finish().unwrap_or_default());
            }
            let words = chunk.words.iter().map(|w| WordTime {
                text_end: w.text_end,
                start: scale(w.start),
                end: scale(w.end),
            });
            // The ledger must know a sample before it can be played.
            let news = ReplyNews::Queued {
                seq: chunk.seq,
                samples: pcm.len() as u64,
                words: words.collect(),
                last: chunk.last,
            };
            let _ = self.news.send(Input::Reply(self.turn, news));
            let sounding = self.gate.wait(&self.cancel)
                && self.playback.push_all(self.turn, &pcm, &self.cancel);
            if sounding { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
    }
}
