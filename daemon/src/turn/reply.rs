//! One reply: recall → rules or prompt → tokens → emotion → clauses → sound. Runs on the `reply` thread;
//! the models work on theirs.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use companion_audio::Playback;
use companion_dialogue::{
    Built, Check, DialogueError, Generated, GenerationProfiles, Generator, GeneratorError, History,
    Ladder, LoopGuard, Moment, Prompt, PromptBuilder, PromptParts, RuleInput, Rules, Step,
    TokenCounter, apology,
};
use companion_memory::Memory;
use companion_store::Store;
use companion_tts::Synthesizer;
use companion_tts::verbalize::Pronunciations;
use companion_turn::{Stamp, TurnInput};
use companion_types::{
    AnsweredBy, Cancel, Emotion, EmotionSet, ErrorKind, Language, MemoryHit, MemoryId, MemoryNote,
    PersonaProfile, Round, SamplingParams, SentenceSeq, TokenDelta, TurnId, Viseme, WordTime,
};
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use super::self_hearing::SelfHearing;
use super::speech::{Speaking, Speech};
use super::stretch::Stretch;
use super::{Gate, Input};
use crate::worker::{Heartbeat, Worker};

/// Memory and its store, owned by the `memory` thread.
pub(crate) type Remembering = (Store, Memory);

/// Found for the rules; fewer stand in the prompt.
const RECALL_FOR_RULES: usize = 8;
const TOKENS_AHEAD: usize = 64;
/// A waiting reply looks this often whether it is still wanted and whether the stage still lives.
const LOOK: Duration = Duration::from_millis(50);
/// A reply that waits for a model that is being loaded looks this often.
const WAKING: Duration = Duration::from_millis(10);
/// Memory answers within this or the reply goes on without; its own deadline is shorter.
const RECALL_PATIENCE: Duration = Duration::from_millis(500);

/// The language model in its slot: what the prompt must know of it.
pub(crate) struct LlmSlot {
    /// Counts with its tokenizer.
    pub(crate) counter: Arc<dyn TokenCounter>,
    /// Tokens of prompt and reply together at most.
    pub(crate) context: usize,
    /// Tokens of a reply at most.
    pub(crate) reply: usize,
    /// Draws no tokens at random: it was made to be greedy.
    pub(crate) greedy: bool,
}

/// Who keeps the language model in memory.
pub(crate) trait LlmKeeper: Send + Sync {
    /// Whether the model is in memory. One that rests is loaded from now on.
    fn is_ready(&self) -> bool;

    /// The model failed because memory was short.
    fn fell_short(&self);
}

/// What the reply stage needs for every reply.
pub(crate) struct ReplyStage {
    pub(crate) memory: Arc<Worker<Remembering>>,
    pub(crate) llm: Arc<Worker<Box<dyn Generator>>>,
    pub(crate) llm_slot: Arc<ArcSwap<LlmSlot>>,
    pub(crate) keeper: Box<dyn LlmKeeper>,
    pub(crate) tts: Arc<Worker<Box<dyn Synthesizer>>>,
    pub(crate) playback: Playback,
    pub(crate) persona: Arc<ArcSwap<PersonaProfile>>,
    pub(crate) emotions: Arc<EmotionSet>,
    pub(crate) rules: Option<Rules>,
    pub(crate) pronunciations: Arc<ArcSwap<Pronunciations>>,
    pub(crate) self_hearing: Option<SelfHearing>,
    pub(crate) settings: ReplySettings,
    pub(crate) news: SyncSender<Input>,
    pub(crate) beat: Heartbeat,
}

/// How replies are made.
#[derive(Debug, Clone)]
pub(crate) struct ReplySettings {
    pub(crate) profiles: GenerationProfiles,
    pub(crate) budget: usize,
    pub(crate) top_k: usize,
    pub(crate) recall_deadline: Duration,
    pub(crate) deadline: Duration,
    pub(crate) emotion: Emotion,
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

/// What is known of the next reply before anybody says anything.
pub(crate) struct AheadJob {
    pub(crate) history: History,
    /// Set by who has something newer.
    pub(crate) cancel: Cancel,
}

/// Work of the `reply` thread.
pub(crate) enum ReplyWork {
    /// A reply is to be made.
    Reply(Box<ReplyJob>),
    /// The next one is to begin sooner.
    Ahead(AheadJob),
}

/// What the driver is told about a reply, or an announcement.
pub(crate) enum ReplyNews {
    /// Something happened for the first time.
    Stamp(Stamp, Instant),
    /// A clause is going to be spoken.
    Clause { seq: SentenceSeq, emotion: Emotion, text: String },
    /// Sound of a clause was queued, at the playback's rate.
    Queued {
        seq: SentenceSeq,
        samples: u64,
        words: Vec<WordTime>,
        visemes: Vec<Viseme>,
        last: bool,
    },
    /// The voice made everything that it was given.
    Spoken,
    /// The voice was set aside: the rest of its work.
    Aside(Box<Stretch>),
    /// Nothing can speak it: why.
    Unspeakable(String),
    /// Text of the reply as it comes, without its tags.
    Token(String),
    /// Everything was made.
    Made {
        text: String,
        emotion: Emotion,
        answered_by: AnsweredBy,
        memories: Vec<MemoryId>,
        tokens: Option<Generated>,
    },
}

impl ReplyStage {
    pub(crate) fn tell(&self, turn: TurnId, news: ReplyNews) {
        // An error means that the driver is gone; then nobody wants to know.
        let _ = self.news.send(Input::Reply(turn, news));
    }

    /// Makes replies until nobody can ask for one.
    pub(crate) fn run_all(&self, jobs: &Receiver<ReplyWork>) {
        loop {
            self.beat.beat();
            match jobs.recv_timeout(LOOK) {
                Ok(ReplyWork::Reply(job)) => self.reply(&job),
                Ok(ReplyWork::Ahead(job)) => self.prepare(&job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Makes one reply.
    fn reply(&self, job: &ReplyJob) {
        let language = match &job.input {
            TurnInput::Spoken(t) => t.language,
            other => Language::of_text(match other {
                TurnInput::Announcement { text, .. } => text,
                input => input.text(),
            }),
        };
        let voice = if job.aloud { Speaking::start(self, job, language) } else { None };
        let mut speech = Speech::new(self, job, voice.as_ref());
        let (answered_by, memories, tokens) = match &job.input {
            TurnInput::Announcement { text, emotion } => {
                speech.whole(emotion, text);
                (AnsweredBy::Rule, Vec::new(), None)
            }
            input => self.think(job, input.text(), language, &mut speech),
        };
        let (text, emotion) = speech.finish();
        if job.cancel.is_cancelled() {
            return;
        }
        self.tell(job.turn, ReplyNews::Made { text, emotion, answered_by, memories, tokens });
        if let Some(voice) = voice {
            voice.wait(self, job);
            self.playback.end(job.turn);
        }
    }

    /// Lets the model read what the next prompt will begin with, in the language of the last round, or
    /// the persona's. One that rests is loaded instead.
    fn prepare(&self, job: &AheadJob) {
        if !self.keeper.is_ready() || job.cancel.is_cancelled() {
            return;
        }
        let persona = self.persona.load_full();
        let rounds: Vec<Round> = job.history.rounds().cloned().collect();
        let language = rounds.last().map_or(persona.language, |r| Language::of_text(&r.user));
        let core = self.memory.call_within(RECALL_PATIENCE, |(_, memory)| memory.core_facts());
        let Ok(core) = core else { return };
        let parts = PromptParts {
            persona: &persona,
            language,
            core: &core,
            rounds: &rounds,
            memories: &[],
            moment: &Moment(jiff::Zoned::now()),
            mood: "",
            input: "",
        };
        let slot = self.llm_slot.load_full();
        let reply = sampling(&self.settings, &persona, &slot).max_new_tokens;
        let Ok(ahead) = self.builder(&slot, reply).ahead(&parts, slot.counter.as_ref()) else {
            return;
        };
        let beat = self.llm.heartbeat();
        let cancel = job.cancel.watched(move || beat.beat());
        let sent = self.llm.send(move |llm| {
            if let Err(error) = llm.prepare(&ahead, &cancel) {
                tracing::debug!(%error, "the prompt's head was not read ahead");
            }
        });
        if let Err(error) = sent {
            tracing::debug!(%error, "the prompt's head is not read ahead");
        }
    }

    /// For prompts that leave room for a reply of so many tokens.
    fn builder(&self, slot: &LlmSlot, reply: u32) -> PromptBuilder<'_> {
        let room = slot.context.saturating_sub(reply as usize);
        PromptBuilder::new(&self.emotions, self.settings.budget.min(room))
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
        let persona = self.persona.load_full();
        let input = RuleInput {
            text,
            language,
            moment: &moment,
            persona: &persona,
            last: job.history.last(),
            core: &core,
            hits: &hits,
        };
        let rule = self.rules.as_ref().and_then(|rules| rules.answer(&input));
        if let Some(rule) = rule {
            self.tell(job.turn, ReplyNews::Stamp(Stamp::FirstToken, Instant::now()));
            speech.whole(&rule.emotion, &rule.text);
            return (AnsweredBy::Rule, rule.memories, None);
        }
        let rounds: Vec<Round> = job.history.rounds().cloned().collect();
        let best = &hits[..hits.len().min(self.settings.top_k)];
        let parts = PromptParts {
            persona: &persona,
            language,
            core: &core,
            rounds: &rounds,
            memories: best,
            moment: &moment,
            mood: job.mood,
            input: text,
        };
        // A small model invents and misreads: what it says is checked before it sounds.
        let check = self.rules.is_some() && self.llm_slot.load().greedy;
        let made = self.generate(job, &parts, check, speech);
        let held = speech.release();
        match made {
            Some((built, tokens)) => {
                if let Some((held, emotion, plain)) = held {
                    let (core, hits, turn) = (&core, &hits, job.turn.0);
                    let check = Check { input: text, language, core, hits, turn };
                    if let Some(better) = check.correction(&emotion, &plain) {
                        speech.whole(&better.emotion, &better.text);
                        return (AnsweredBy::Checked, better.memories, Some(tokens));
                    }
                    speech.text(&held);
                }
                let used = best[..built.memories].iter().map(|h| h.note.id).collect();
                (AnsweredBy::Model, used, Some(tokens))
            }
            None => {
                if speech.is_silent() && !job.cancel.is_cancelled() {
                    speech.whole(&Emotion::SAD, apology(language));
                }
                (AnsweredBy::Apology, Vec::new(), None)
            }
        }
    }

    fn recall(&self, text: &str) -> (Vec<MemoryNote>, Vec<MemoryHit>) {
        let query = text.to_owned();
        let deadline = self.settings.recall_deadline;
        let found = self.memory.call_within(RECALL_PATIENCE, move |(_, memory)| {
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
        check: bool,
        speech: &mut Speech<'_>,
    ) -> Option<(Built, Generated)> {
        let slot = self.llm_slot.load_full();
        let mut params = sampling(&self.settings, parts.persona, &slot);
        let builder = self.builder(&slot, params.max_new_tokens);
        let mut ladder = Ladder::default();
        let mut parts = *parts;
        loop {
            let built = match builder.build(&parts, slot.counter.as_ref()) {
                Ok(built) => built,
                Err(error @ DialogueError::InputTooLong { .. }) => {
                    tracing::warn!(%error, "no reply");
                    return None;
                }
            };
            let begins_with = builder.tags(parts.language);
            let messages = built.messages.clone();
            let prompt = Prompt { turn: job.turn, messages, params, begins_with };
            if check {
                speech.hold();
            }
            match self.run(job, prompt, speech) {
                Ok(generated) => return Some((built, generated)),
                Err(error) if speech.is_silent() => {
                    tracing::warn!(%error, "the language model failed");
                    if error.kind == ErrorKind::OutOfMemory {
                        self.keeper.fell_short();
                    }
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
        let start = Instant::now();
        let late = || start.elapsed() > self.settings.deadline;
        while !self.keeper.is_ready() {
            self.beat.beat();
            if late() || job.cancel.is_cancelled() {
                return Err(gone("it is being loaded"));
            }
            std::thread::sleep(WAKING);
        }
        let (tokens, stream) = bounded::<TokenDelta>(TOKENS_AHEAD);
        let (done, wait) = bounded(1);
        let beat = self.llm.heartbeat();
        // A long prompt is read for longer than a stage may be silent: each look is a sign of life.
        let looked = beat.clone();
        let cancel = job.cancel.watched(move || looked.beat());
        let stop = Cancel::new();
        let stopped = stop.clone();
        let restarts = self.llm.restarts();
        self.llm
            .send(move |llm| {
                let result = llm.generate(&prompt, &cancel, &mut |delta| {
                    beat.beat();
                    if stopped.is_cancelled() || tokens.send(delta).is_err() {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                });
                drop(tokens);
                let _ = done.send(result);
            })
            .map_err(|e| gone(&e.to_string()))?;
        let lost = || self.llm.restarts() != restarts || !self.llm.is_alive();
        let mut guard = LoopGuard::new();
        let mut first = true;
        loop {
            self.beat.beat();
            match stream.recv_timeout(LOOK) {
                Ok(delta) => {
                    if std::mem::take(&mut first) {
                        self.tell(job.turn, ReplyNews::Stamp(Stamp::FirstToken, Instant::now()));
                    }
                    if late() || job.cancel.is_cancelled() || guard.push(&delta.text) {
                        break;
                    }
                    speech.text(&delta.text);
                }
                Err(RecvTimeoutError::Timeout) if lost() => {
                    return Err(gone("it was started again"));
                }
                Err(RecvTimeoutError::Timeout) if late() || job.cancel.is_cancelled() => break,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        stop.cancel();
        drop(stream);
        loop {
            self.beat.beat();
            match wait.recv_timeout(LOOK) {
                Ok(result) => return result,
                Err(RecvTimeoutError::Timeout) if !lost() => {}
                Err(_) => return Err(gone("it was started again")),
            }
        }
    }
}

fn gone(why: &str) -> GeneratorError {
    GeneratorError {
        message: format!("the llm stage does not answer: {why}"),
        kind: ErrorKind::Unavailable,
    }
}

/// The profile's sampling, as far as the model allows it: a reply takes at most a quarter of a small
/// model's context.
fn sampling(settings: &ReplySettings, who: &PersonaProfile, slot: &LlmSlot) -> SamplingParams {
    let mut params = settings.profiles.of(who.generation);
    let most = (slot.context / 4).max(32).min(slot.reply);
    let most = u32::try_from(most).unwrap_or(u32::MAX);
    params.max_new_tokens = params.max_new_tokens.min(most);
    if slot.greedy {
        params.temperature = 0.0;
        params.repetition_penalty = 1.0;
    }
    params
}
