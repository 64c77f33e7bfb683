//! The handle to the conversation: what may be asked of the `turn` thread, and what it tells.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use companion_asr::{AsrEvent, Recognizer};
use companion_turn::{StateName, TurnInput};
use companion_types::{
    Emotion, SampleClock, SampleRate, SentenceSeq, Transcript, TurnId, TurnReport, UtteranceId,
    Viseme, WordTime,
};

use super::ReplyNews;
use super::utterance::{Saying, Steer};
use crate::error::DaemonError;
use crate::worker::Worker;

/// Events that a watcher may be behind.
const WATCHER: usize = 512;

/// What a conversation tells the world.
#[derive(Debug, Clone, PartialEq)]
pub enum TurnEvent {
    /// The state changed.
    State(StateName),
    /// What was recognised so far.
    Partial(String),
    /// What was said.
    Transcript(Box<Transcript>),
    /// Work on a reply began; it may still be withdrawn.
    Started(TurnId),
    /// Text of the model, tags included.
    Token(TurnId, String),
    /// A clause is going to be spoken.
    Clause(TurnId, SentenceSeq, Emotion, String),
    /// Words and mouth shapes of a clause, in samples of `rate` from the clause's start.
    Timing {
        /// Which turn.
        turn: TurnId,
        /// Which clause.
        seq: SentenceSeq,
        /// Rate of the times.
        rate: SampleRate,
        /// The words.
        words: Vec<WordTime>,
        /// The mouth shapes.
        visemes: Vec<Viseme>,
    },
    /// The mood moved: its name, valence and arousal, both -1..1.
    Mood(String, f64, f64),
    /// A turn is over.
    Ended(Box<TurnReport>),
}

/// The end of a turn, for whoever asked.
pub type Answer = Result<TurnReport, DaemonError>;

/// Identity of one asking, to withdraw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AskId(u64);

/// Who is told what becomes of an asking. Called on the `turn` thread: neither may wait.
pub(crate) struct AskedBy {
    pub(crate) began: Box<dyn Fn(TurnId) + Send>,
    pub(crate) ended: Box<dyn FnOnce(Answer) + Send>,
}

/// Told whether a text is taken.
pub(crate) type Accepted = Box<dyn FnOnce(Result<(), DaemonError>) + Send>;

/// Where events go; one that does not keep up is dropped.
pub(crate) type Watcher = tokio::sync::mpsc::Sender<TurnEvent>;

/// Everything that happens to a conversation.
pub(crate) enum Input {
    Heard(AsrEvent, SampleClock, Instant),
    Discard,
    Reply(TurnId, ReplyNews),
    Ask(TurnInput, AskId, AskedBy),
    Withdraw(AskId),
    Say(UtteranceId, Box<Saying>, Accepted),
    Steer(UtteranceId, Steer, SyncSender<bool>),
    CallerGone(String),
    Interrupt(SyncSender<String>),
    Watch(Watcher),
    /// Stands still until the other end is dropped; for tests of the watchdog.
    Occupy(Receiver<()>),
    Stop,
}

/// A handle to the conversation; clones share it.
#[derive(Clone)]
pub struct Conversation {
    inbox: SyncSender<Input>,
    clock: Arc<AtomicU64>,
    recognizer: Arc<Worker<Box<dyn Recognizer>>>,
    asked: Arc<AtomicU64>,
    said: Arc<AtomicU64>,
}

impl std::fmt::Debug for Conversation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Conversation")
    }
}

impl Conversation {
    pub(crate) fn new(
        inbox: SyncSender<Input>,
        clock: Arc<AtomicU64>,
        recognizer: Arc<Worker<Box<dyn Recognizer>>>,
    ) -> Self {
        let (asked, said) = (Arc::new(AtomicU64::new(1)), Arc::new(AtomicU64::new(1)));
        Self { inbox, clock, recognizer, asked, said }
    }

    fn send(&self, input: Input) {
        // The turn thread ends last; an error means that everything is ending.
        let _ = self.inbox.send(input);
    }

    pub(crate) fn recognizer(&self) -> Arc<Worker<Box<dyn Recognizer>>> {
        Arc::clone(&self.recognizer)
    }

    pub(crate) fn clock(&self, at: SampleClock) {
        self.clock.store(at.0, Ordering::Release);
    }

    pub(crate) fn heard(&self, event: AsrEvent, at: SampleClock, when: Instant) {
        self.send(Input::Heard(event, at, when));
    }

    pub(crate) fn discard(&self) {
        self.send(Input::Discard);
    }

    /// Starts a turn; `began` and `ended` are told of it on the `turn` thread.
    pub(crate) fn begin(&self, input: TurnInput, asked_by: AskedBy) -> AskId {
        let id = AskId(self.asked.fetch_add(1, Ordering::Relaxed));
        let refused = match self.inbox.try_send(Input::Ask(input, id, asked_by)) {
            Ok(()) => None,
            Err(TrySendError::Full(back)) => Some((back, DaemonError::StageFull("turn"))),
            Err(TrySendError::Disconnected(back)) => Some((back, DaemonError::StageGone("turn"))),
        };
        if let Some((Input::Ask(_, _, asked_by), error)) = refused {
            (asked_by.ended)(Err(error));
        }
        id
    }

    /// The identity of the next text to say.
    pub(crate) fn next_utterance(&self) -> UtteranceId {
        UtteranceId(self.said.fetch_add(1, Ordering::Relaxed))
    }

    /// Offers a text to say; `accepted` is told at once on the `turn` thread whether it is taken.
    pub(crate) fn say(&self, id: UtteranceId, saying: Saying, accepted: Accepted) {
        let refused = match self.inbox.try_send(Input::Say(id, Box::new(saying), accepted)) {
            Ok(()) => return,
            Err(TrySendError::Full(back)) => (back, DaemonError::StageFull("turn")),
            Err(TrySendError::Disconnected(back)) => (back, DaemonError::StageGone("turn")),
        };
        if let (Input::Say(_, _, accepted), error) = refused {
            accepted(Err(error));
        }
    }

    /// Cancels, pauses or resumes a text; false when it is over or never was.
    #[must_use]
    pub(crate) fn steer(&self, id: UtteranceId, how: Steer) -> bool {
        let (known, wait) = sync_channel(1);
        let sent = self.inbox.try_send(Input::Steer(id, how, known));
        sent.is_ok() && wait.recv_timeout(Duration::from_secs(5)).unwrap_or(false)
    }

    /// Cancels a text, without waiting.
    pub(crate) fn cancel(&self, id: UtteranceId) {
        let _ = self.inbox.try_send(Input::Steer(id, Steer::Cancel, sync_channel(1).0));
    }

    /// Somebody who had texts to say left.
    pub(crate) fn caller_gone(&self, sender: &str) {
        let _ = self.inbox.try_send(Input::CallerGone(sender.to_owned()));
    }

    /// Withdraws an asking; its turn, if it is the current one, ends as interrupted.
    pub fn withdraw(&self, id: AskId) {
        let _ = self.inbox.try_send(Input::Withdraw(id));
    }

    /// Starts a turn with written text, or an announcement, and waits for its end.
    ///
    /// # Errors
    /// When the conversation is occupied, or no end came within `deadline`.
    pub fn ask(&self, input: TurnInput, deadline: Duration) -> Answer {
        let (answer, wait) = sync_channel(1);
        let ended = Box::new(move |end| drop(answer.try_send(end)));
        self.begin(input, AskedBy { began: Box::new(|_| ()), ended });
        wait.recv_timeout(deadline).unwrap_or(Err(DaemonError::Deadline(deadline.as_secs())))
    }

    /// Ends what is being said; gives what of it was heard.
    #[must_use]
    pub fn interrupt(&self) -> String {
        let (heard, wait) = sync_channel(1);
        if self.inbox.try_send(Input::Interrupt(heard)).is_err() {
            return String::new();
        }
        wait.recv_timeout(Duration::from_secs(5)).unwrap_or_default()
    }

    /// Events from now on. A watcher that does not keep up is dropped: its receiver ends.
    #[must_use]
    pub fn watch(&self) -> tokio::sync::mpsc::Receiver<TurnEvent> {
        let (events, watcher) = tokio::sync::mpsc::channel(WATCHER);
        // Not taken: the receiver ends at once, and the caller asks again.
        let _ = self.inbox.try_send(Input::Watch(events));
        watcher
    }

    /// Occupies the `turn` thread until the other end of `until` is dropped; for tests of the watchdog.
    pub(crate) fn occupy(&self, until: Receiver<()>) {
        self.send(Input::Occupy(until));
    }

    pub(crate) fn stop(&self) {
        // A full inbox means that the thread hangs: it is not waited for either.
        let _ = self.inbox.try_send(Input::Stop);
    }
}
