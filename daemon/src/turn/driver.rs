//! The `turn` thread: one conversation, one owner. Everything that happens comes through its inbox;
//! the machine says what is to be done.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use companion_asr::{AsrEvent, EchoText, Recognizer};
use companion_audio::Playback;
use companion_dialogue::History;
use companion_emotion::Mood;
use companion_memory::{NewMemory, worth_keeping};
use companion_store::Tree;
use companion_turn::{
    Effect, Event, HeardLedger, Machine, RefuseReason, Stamp, Timeline, TurnInput,
};
use companion_types::{
    AnsweredBy, Cancel, Emotion, EmotionSet, Language, MemoryOrigin, Outcome, Round, SampleClock,
    TurnId, TurnReport,
};
use crossbeam_channel::Sender;

use self::announcing::Announcer;
pub(crate) use self::announcing::VoiceDesk;
use super::conversation::{AskId, AskedBy, Conversation, Input, TurnEvent, Watcher};
use super::reply::Remembering;
use super::utterance::{Saying, Steer};
use super::{AheadJob, Gate, ReplyJob, ReplyNews, ReplyWork};
use crate::error::DaemonError;
use crate::worker::{Heartbeat, Worker};

mod announcing;

/// The machine's clock ticks this often.
const TICK: Duration = Duration::from_millis(10);
/// Events that may wait.
const INBOX: usize = 256;
/// Sound that waits and does not move for this long will not be heard: there is no loudspeaker.
const STUCK: Duration = Duration::from_secs(3);

/// A reply under way.
struct Under {
    input: TurnInput,
    gate: Gate,
    cancel: Cancel,
    ledger: HeardLedger,
    /// Samples that sounded before it was set aside the last time.
    before: u64,
    /// The voice made everything.
    spoken: bool,
    timeline: Timeline,
    aloud: bool,
    played: bool,
    /// Clauses that are not known to the echo guard yet: nothing of them can have been heard.
    unsaid: Vec<String>,
    text: String,
    emotion: Emotion,
    answered_by: AnsweredBy,
    memories: Vec<companion_types::MemoryId>,
    tokens: Option<companion_dialogue::Generated>,
    made: bool,
    heard_at_flush: Option<String>,
}

/// The thread's own data.
pub(crate) struct Driver {
    pub(crate) machine: Machine,
    pub(crate) history: History,
    pub(crate) mood: Mood,
    pub(crate) playback: Playback,
    pub(crate) memory: Arc<Worker<Remembering>>,
    pub(crate) replies: Sender<ReplyWork>,
    /// Of what was last read ahead.
    ahead: Cancel,
    pub(crate) emotions: Arc<EmotionSet>,
    pub(crate) echo: EchoText,
    inbox: Receiver<Input>,
    clock: Arc<AtomicU64>,
    start: Instant,
    under: HashMap<TurnId, Under>,
    asked: HashMap<TurnId, (AskId, AskedBy)>,
    watchers: Vec<Watcher>,
    announcer: Announcer,
    conversation: Conversation,
    beat: Heartbeat,
    /// What of the newest ended turn was heard.
    last_heard: String,
    /// Samples played when they last changed, and when that was.
    moved: (u64, Instant),
    /// When the last speech sample was heard, for the waterfall.
    silence_since: Instant,
    mood_at: Instant,
}

/// The parts a driver is made of.
pub(crate) struct Parts {
    pub(crate) machine: Machine,
    pub(crate) history: History,
    pub(crate) mood: Mood,
    pub(crate) playback: Playback,
    pub(crate) memory: Arc<Worker<Remembering>>,
    pub(crate) emotions: Arc<EmotionSet>,
    pub(crate) voice: VoiceDesk,
}

/// The inbox's two ends.
pub(crate) fn inbox() -> (SyncSender<Input>, Receiver<Input>) {
    sync_channel(INBOX)
}

impl Driver {
    pub(crate) fn new(
        parts: Parts,
        inbox: (SyncSender<Input>, Receiver<Input>),
        replies: Sender<ReplyWork>,
        recognizer: Arc<Worker<Box<dyn Recognizer>>>,
        beat: Heartbeat,
    ) -> (Self, Conversation) {
        let clock = Arc::new(AtomicU64::new(0));
        let conversation = Conversation::new(inbox.0, Arc::clone(&clock), recognizer);
        let now = Instant::now();
        let driver = Self {
            machine: parts.machine,
            history: parts.history,
            mood: parts.mood,
            playback: parts.playback,
            memory: parts.memory,
            replies,
            ahead: Cancel::new(),
            emotions: parts.emotions,
            echo: EchoText::new(15_000),
            inbox: inbox.1,
            clock,
            start: now,
            under: HashMap::new(),
            asked: HashMap::new(),
            watchers: Vec::new(),
            announcer: Announcer::new(parts.voice),
            conversation: conversation.clone(),
            beat,
            last_heard: String::new(),
            moved: (0, now),
            silence_since: now,
            mood_at: now,
        };
        (driver, conversation)
    }

    /// Runs until it is stopped.
    pub(crate) fn run(mut self) {
        self.read_ahead();
        loop {
            self.beat.beat();
            match self.inbox.recv_timeout(TICK) {
                Ok(Input::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(input) => self.take(input),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.look_at_playback();
            self.look_at_announcement();
            self.step(Event::Tick);
        }
        for under in self.under.values() {
            under.cancel.cancel();
        }
        self.announcer.end();
        self.playback.flush();
    }

    fn now(&self) -> SampleClock {
        SampleClock(self.clock.load(Ordering::Acquire))
    }

    fn step(&mut self, event: Event) {
        let effects = self.machine.step(self.now(), event);
        self.carry_out_all(effects);
    }

    /// Carries effects out, and what follows for other programs' texts.
    fn carry_out_all(&mut self, effects: Vec<Effect>) {
        let announcements = self.floor_moved();
        self.carry_out(effects);
        self.announce(announcements);
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Heard(event, at, when) => self.heard(event, at, when),
            Input::Discard => self.step(Event::Discarded),
            Input::Reply(turn, news) => self.news(turn, news),
            Input::Ask(input, id, asked_by) => self.asked(input, id, asked_by),
            Input::Withdraw(id) => self.withdraw(id),
            Input::Say(id, saying, accepted) => self.say(id, *saying, None, accepted),
            Input::Steer(id, how, known) => {
                let _ = known.try_send(self.steer(id, how));
            }
            Input::CallerGone(sender) => self.caller_gone(&sender),
            Input::Interrupt(heard) => {
                self.last_heard.clear();
                self.silence_announcements();
                self.step(Event::Interrupt);
                let _ = heard.try_send(std::mem::take(&mut self.last_heard));
            }
            Input::Watch(watcher) => self.watchers.push(watcher),
            Input::Occupy(until) => {
                let _ = until.recv();
            }
            Input::Stop => {}
        }
    }

    /// Lets the language model read what the next prompt will begin with. Nothing waits for it.
    fn read_ahead(&mut self) {
        self.ahead.cancel();
        self.ahead = Cancel::new();
        let job = AheadJob { history: self.history.clone(), cancel: self.ahead.clone() };
        // A stage that has enough to do reads it with the prompt.
        let _ = self.replies.try_send(ReplyWork::Ahead(job));
    }

    fn heard(&mut self, event: AsrEvent, at: SampleClock, when: Instant) {
        if matches!(event, AsrEvent::SpeechStarted { .. }) {
            self.read_ahead();
        }
        let event = match event {
            AsrEvent::SpeechStarted { at } => Event::SpeechStarted { at },
            AsrEvent::Partial { text } if self.echo.is_echo(at, &text) => return,
            AsrEvent::Partial { text } => {
                if !text.is_empty() {
                    self.publish(&TurnEvent::Partial(text.clone()));
                }
                Event::Partial { text }
            }
            AsrEvent::SpeechResumed { at } => Event::SpeechResumed { at },
            AsrEvent::SpeculativeEnd(t) if self.echo.is_echo(at, &t.text) => return,
            AsrEvent::SpeechEnded { transcript, .. } if self.echo.is_echo(at, &transcript.text) => {
                tracing::debug!("dropped an echo of the own voice");
                Event::Discarded
            }
            AsrEvent::SpeculativeEnd(t) => {
                self.silent_since(&t, at, when);
                Event::SpeculativeEnd(t)
            }
            AsrEvent::SpeechEnded { transcript, .. } => {
                self.silent_since(&transcript, at, when);
                self.publish(&TurnEvent::Transcript(Box::new(transcript.clone())));
                Event::SpeechEnded(transcript)
            }
            AsrEvent::Discarded(_) => Event::Discarded,
        };
        if self.announcer.interjects() && self.asks_for_silence(&event) {
            self.silence_announcements();
        }
        self.step(event);
    }

    fn asks_for_silence(&self, event: &Event) -> bool {
        match event {
            Event::Partial { text } => self.machine.is_stop(text),
            Event::SpeculativeEnd(said) | Event::SpeechEnded(said) => {
                self.machine.is_stop(&said.text)
            }
            _ => false,
        }
    }

    /// The waterfall counts from the last speech sample.
    fn silent_since(
        &mut self,
        transcript: &companion_types::Transcript,
        at: SampleClock,
        when: Instant,
    ) {
        let ago = Duration::from_millis(at.ms_since(transcript.span.end));
        self.silence_since = when.checked_sub(ago).unwrap_or(when);
    }

    fn asked(&mut self, input: TurnInput, id: AskId, asked_by: AskedBy) {
        if let TurnInput::Announcement { text, emotion } = input {
            let saying = Saying::plain(text, emotion, asked_by.ended);
            let utterance = self.conversation.next_utterance();
            return self.say(utterance, saying, Some(id), Box::new(|_| ()));
        }
        self.make_way();
        self.silence_since = Instant::now();
        let effects = self.machine.step(self.now(), Event::Input(input));
        let mut asked_by = Some(asked_by);
        for effect in &effects {
            match effect {
                Effect::StartReply { turn, .. } => {
                    if let Some(asked_by) = asked_by.take() {
                        (asked_by.began)(*turn);
                        self.asked.insert(*turn, (id, asked_by));
                    }
                }
                Effect::Refuse(reason) => {
                    let why = match reason {
                        RefuseReason::Listening => "listening to somebody",
                        RefuseReason::Replying => "answering somebody",
                    };
                    if let Some(asked_by) = asked_by.take() {
                        (asked_by.ended)(Err(DaemonError::Busy(why)));
                    }
                }
                _ => {}
            }
        }
        self.carry_out_all(effects);
    }

    /// The one who asked does not want an answer any more.
    fn withdraw(&mut self, id: AskId) {
        if let Some(utterance) = self.announcement_of(id) {
            self.steer(utterance, Steer::Cancel);
            return;
        }
        let turn = self.asked.iter().find(|(_, (asked, _))| *asked == id).map(|(turn, _)| *turn);
        if turn.is_some() && turn == self.machine.state().turn() {
            self.step(Event::Interrupt);
        }
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        let own = self.announcer.own_turn();
        let mut over = None;
        for effect in effects {
            match effect {
                // An announcement's turn begins and is spoken by its own part of the driver.
                Effect::StartReply { turn, .. } | Effect::ConfirmReply(turn)
                    if own == Some(turn) => {}
                Effect::Flush(turn) if own == Some(turn) => self.flush_announcement(),
                Effect::EndTurn { turn, outcome } if own == Some(turn) => {
                    over = Some((turn, outcome));
                }
                Effect::StartReply { turn, input } => self.start_reply(turn, input),
                Effect::ConfirmReply(turn) => self.confirm(turn),
                Effect::CancelReply { turn, .. } => {
                    if let Some(under) = self.under.get(&turn) {
                        under.cancel.cancel();
                        self.forget_reply_aside(turn);
                    }
                    if self.machine.state().turn() != Some(turn) && !self.ends_later(turn) {
                        self.under.remove(&turn);
                    }
                }
                Effect::Hold(_) if self.announcer.may_hold() => self.playback.hold(true),
                Effect::Resume(_) if self.announcer.may_hold() => self.playback.hold(false),
                Effect::Hold(_) | Effect::Resume(_) => {}
                Effect::Flush(turn) => {
                    let silent = self.forget_reply_aside(turn);
                    let played = if silent { 0 } else { self.playback.flush() };
                    if let Some(under) = self.under.get_mut(&turn) {
                        under.heard_at_flush = Some(under.ledger.heard(under.before + played));
                    }
                }
                Effect::EndTurn { turn, outcome } => self.end(turn, outcome),
                Effect::StateChanged(name) => self.publish(&TurnEvent::State(name)),
                Effect::Refuse(_) => {}
            }
        }
        if let Some((turn, outcome)) = over {
            self.announcement_over(turn, outcome);
        }
    }

    /// A cut turn is still reported by the effect that follows.
    fn ends_later(&self, turn: TurnId) -> bool {
        self.under.get(&turn).is_some_and(|u| u.heard_at_flush.is_some())
    }

    fn start_reply(&mut self, turn: TurnId, input: TurnInput) {
        let aloud = !matches!(input, TurnInput::Written { aloud: false, .. });
        let zero = self.silence_since.saturating_duration_since(self.start);
        let under = Under {
            input: input.clone(),
            gate: Gate::default(),
            cancel: Cancel::new(),
            ledger: HeardLedger::new(),
            before: 0,
            spoken: false,
            timeline: Timeline::new(zero),
            aloud,
            played: false,
            unsaid: Vec::new(),
            text: String::new(),
            emotion: Emotion::CALM,
            answered_by: AnsweredBy::Model,
            memories: Vec::new(),
            tokens: None,
            made: false,
            heard_at_flush: None,
        };
        let language = Language::of_text(input.text());
        self.mood = self.mood.after(self.mood_at.elapsed().as_secs_f64());
        self.mood_at = Instant::now();
        let job = ReplyJob {
            turn,
            input,
            aloud,
            gate: under.gate.clone(),
            cancel: under.cancel.clone(),
            history: self.history.clone(),
            mood: self.mood.label(language),
        };
        self.under.insert(turn, under);
        self.moved = (0, Instant::now());
        self.publish(&TurnEvent::Started(turn));
        if self.replies.try_send(ReplyWork::Reply(Box::new(job))).is_err() {
            tracing::error!("the reply stage does not take a job");
            self.step(Event::ReplyFailed(turn));
        }
    }

    fn confirm(&mut self, turn: TurnId) {
        let now = self.start.elapsed();
        if let Some(under) = self.under.get_mut(&turn) {
            under.timeline.stamp(Stamp::Endpoint, now);
        }
        if !self.defers(turn) {
            self.let_sound(turn);
        }
    }

    fn let_sound(&mut self, turn: TurnId) {
        if let Some(under) = self.under.get(&turn) {
            if under.aloud {
                self.playback.begin(turn);
                self.playback.hold(self.machine.state().is_overheard());
            }
            under.gate.open();
        }
    }

    fn news(&mut self, turn: TurnId, news: ReplyNews) {
        let start = self.start;
        let Some(news) = self.announcement_news(turn, news) else { return };
        let Some(under) = self.under.get_mut(&turn) else { return };
        match news {
            ReplyNews::Spoken => {
                under.spoken = true;
                self.reply_goes_on();
            }
            // The reply was cut, or has no voice of its own.
            ReplyNews::Aside(_) | ReplyNews::Unspeakable(_) => {}
            ReplyNews::Stamp(stamp, when) => {
                under.timeline.stamp(stamp, when.saturating_duration_since(start));
            }
            ReplyNews::Clause { seq, emotion, text } => {
                under.ledger.sentence(seq, &text);
                if under.played {
                    self.echo.said(SampleClock(self.clock.load(Ordering::Acquire)), &text);
                } else if under.aloud {
                    under.unsaid.push(text.clone());
                }
                self.publish(&TurnEvent::Clause(turn, seq, emotion, text));
            }
            ReplyNews::Token(text) => self.publish(&TurnEvent::Token(turn, text)),
            ReplyNews::Queued { seq, samples, words, visemes, last } => {
                under.ledger.queued(seq, samples, &words, last);
                if !(words.is_empty() && visemes.is_empty()) {
                    let rate = self.playback.rate();
                    self.publish(&TurnEvent::Timing { turn, seq, rate, words, visemes });
                }
            }
            ReplyNews::Made { text, emotion, answered_by, memories, tokens } => {
                under.text = text;
                under.emotion = emotion;
                under.answered_by = answered_by;
                under.memories = memories;
                under.tokens = tokens;
                under.made = true;
                if !under.aloud {
                    self.step(Event::ReplyHeard(turn));
                }
            }
        }
    }

    /// Turns samples that left the loudspeaker into events.
    fn look_at_playback(&mut self) {
        let Some(turn) = self.machine.state().turn() else { return };
        let now = self.start.elapsed();
        let Some(under) = self.under.get_mut(&turn).filter(|u| u.aloud) else { return };
        if !under.played && self.playback.played_by(turn) > 0 {
            under.played = true;
            under.timeline.stamp(Stamp::FirstAudio, now);
            let clock = SampleClock(self.clock.load(Ordering::Acquire));
            for text in under.unsaid.drain(..) {
                self.echo.said(clock, &text);
            }
            self.step(Event::FirstPlayed(turn));
        }
        self.look_for_standstill(turn);
        if self.under.get(&turn).is_some_and(|u| u.made) && self.playback.is_drained(turn) {
            self.step(Event::ReplyHeard(turn));
        }
    }

    /// A reply whose sound nobody plays has failed; without this it would hold the floor for ever.
    fn look_for_standstill(&mut self, turn: TurnId) {
        let played = self.playback.played_by(turn);
        if played != self.moved.0 || self.playback.is_held() || !self.playback.is_waiting(turn) {
            self.moved = (played, Instant::now());
        } else if self.moved.1.elapsed() > STUCK {
            tracing::error!(turn = %turn, "nobody plays the reply: is there a loudspeaker?");
            self.step(Event::ReplyFailed(turn));
        }
    }

    fn end(&mut self, turn: TurnId, outcome: Outcome) {
        let Some(mut under) = self.under.remove(&turn) else { return };
        under.timeline.stamp(Stamp::Total, self.start.elapsed());
        let heard = match outcome {
            Outcome::Heard if !under.aloud => under.text.clone(),
            Outcome::Heard => under.ledger.heard(under.before + self.playback.played_by(turn)),
            _ => under.heard_at_flush.take().unwrap_or_default(),
        };
        let (tokens, user) = (under.tokens, under.input.text().to_owned());
        let report = TurnReport {
            turn,
            transcript: user.clone(),
            text: under.text,
            heard_text: heard.clone(),
            emotion: under.emotion.clone(),
            memories: under.memories,
            answered_by: under.answered_by,
            outcome,
            prompt_tokens: tokens.map_or(0, |t| t.prompt_tokens),
            reused_tokens: tokens.map_or(0, |t| t.reused_tokens),
            new_tokens: tokens.map_or(0, |t| t.new_tokens),
            latency_ms: under.timeline.waterfall(),
        };
        tracing::info!(turn = %turn, ?outcome, first_audio_ms = ?report.latency_ms.first_audio, "turn over");
        if !user.is_empty() {
            let label = self.emotions.label(&under.emotion);
            let tag = label.map_or("", |l| {
                if Language::of_text(&heard) == Language::Zh { &l.zh } else { &l.en }
            });
            let assistant =
                if heard.is_empty() { String::new() } else { format!("[{tag}] {heard}") };
            self.history.push(Round { user: user.clone(), assistant });
            self.mood = self.mood.felt(&under.emotion);
            let label = self.mood.label(Language::En).to_owned();
            self.publish(&TurnEvent::Mood(label, self.mood.valence, self.mood.arousal));
        }
        self.remember(&report, &user);
        if !user.is_empty() {
            self.read_ahead();
        }
        self.last_heard.clone_from(&report.heard_text);
        if let Some((_, asked_by)) = self.asked.remove(&turn) {
            (asked_by.ended)(Ok(report.clone()));
        }
        self.publish(&TurnEvent::Ended(Box::new(report)));
    }

    /// Keeps what is worth keeping; nobody waits for it.
    fn remember(&mut self, report: &TurnReport, user: &str) {
        let (turn, report, text) = (report.turn, report.clone(), user.to_owned());
        let now_s = jiff::Timestamp::now().as_second();
        let sent = self.memory.send(move |(store, memory)| {
            if let Err(error) = store.put(Tree::Reports, &turn.0.to_be_bytes(), &report) {
                tracing::error!(%error, "a turn's report was not kept");
            }
            if worth_keeping(&text) {
                let new = NewMemory {
                    text,
                    origin: MemoryOrigin::Said,
                    turn: Some(turn),
                    now_s,
                    core: false,
                };
                if let Err(error) = memory.add(store, new) {
                    tracing::error!(%error, "something said was not remembered");
                }
            }
        });
        if let Err(error) = sent {
            tracing::error!(%error, "something said was not remembered");
        }
    }

    fn publish(&mut self, event: &TurnEvent) {
        self.watchers.retain(|watcher| watcher.try_send(event.clone()).is_ok());
    }
}
