//! The service behind `Session1`: one client's sound, and what it is told.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use companion_bus::session::SessionService;
use companion_bus::types::{get, put};
use companion_bus::{Dict, Error, Result};
use companion_turn::TurnInput;
use companion_types::{CAPTURE_RATE, SampleRate};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{mpsc, oneshot};

use super::convert::{self, LONGEST_TEXT};
use super::desk::Desk;
use super::sessions::{self, SessionAudio};
use crate::client_audio::ClientSpeaker;
use crate::devices::Listening;

/// Records that a client may be behind; one that is further behind is dropped.
const BEHIND: usize = 512;
/// Event streams of one session.
const STREAMS: usize = 8;
/// Kinds of events.
const KINDS: [&str; 10] = [
    "state",
    "partial",
    "transcript",
    "token",
    "clause",
    "emotion",
    "word_time",
    "viseme",
    "level",
    "turn",
];

struct Stream {
    kinds: Vec<String>,
    records: mpsc::Sender<Arc<[u8]>>,
}

#[derive(Default)]
struct Open {
    listening: Option<Listening>,
    speaker: Option<ClientSpeaker>,
    streams: Vec<Stream>,
    ended: bool,
}

/// One session.
pub(super) struct OneSession {
    number: u32,
    sender: String,
    audio: SessionAudio,
    // The desk owns the sessions.
    desk: Weak<Desk>,
    // Held to add, look and send without waiting.
    open: Mutex<Open>,
}

impl OneSession {
    pub(super) fn new(number: u32, sender: &str, audio: SessionAudio, desk: Weak<Desk>) -> Self {
        let open = Mutex::new(Open::default());
        Self { number, sender: sender.to_owned(), audio, desk, open }
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn sender(&self) -> &str {
        &self.sender
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn desk(&self) -> Result<Arc<Desk>> {
        self.desk.upgrade().ok_or_else(|| Error::Unavailable("companiond is stopping".to_owned()))
    }

    /// Gives everything back.
    pub(super) fn end(&self) {
        let mut open = self.open();
        open.ended = true;
        open.listening = None;
        open.speaker = None;
        open.streams.clear();
    }

    fn of_descriptors(&self) -> Result<()> {
        if self.audio == SessionAudio::Descriptors {
            return Ok(());
        }
        Err(Error::InvalidArgument(
            "this session uses the daemon's nodes: open one with audio=fd".to_owned(),
        ))
    }

    /// Whether anybody wants events of `kind`.
    pub(super) fn wants(&self, kind: &str) -> bool {
        self.open().streams.iter().any(|s| s.kinds.iter().any(|k| k == kind))
    }

    /// Sends a record to the streams that want its kind; a stream that does not keep up ends.
    pub(super) fn record(&self, kind: &str, event: &Value) {
        let mut open = self.open();
        if open.streams.is_empty() {
            return;
        }
        let json = event.to_string();
        let length = u32::try_from(json.len()).unwrap_or(u32::MAX);
        let mut bytes = length.to_le_bytes().to_vec();
        bytes.extend_from_slice(json.as_bytes());
        let record: Arc<[u8]> = bytes.into();
        open.streams.retain(|stream| {
            let wanted = stream.kinds.iter().any(|k| k == kind);
            !wanted || stream.records.try_send(Arc::clone(&record)).is_ok()
        });
    }
}

fn pair() -> Result<(UnixStream, UnixStream)> {
    UnixStream::pair().map_err(|e| Error::Unavailable(format!("no socket can be made: {e}")))
}

fn format(rate: SampleRate) -> Dict {
    let mut format = Dict::new();
    put(&mut format, "format", "S16LE");
    put(&mut format, "rate", rate.0);
    put(&mut format, "channels", 1_u32);
    format
}

fn ended() -> Error {
    Error::Unavailable("the session is closed".to_owned())
}

/// A session as the bus holds it.
pub(super) struct Handle(pub(super) Arc<OneSession>);

impl std::ops::Deref for Handle {
    type Target = OneSession;
    fn deref(&self) -> &OneSession {
        &self.0
    }
}

impl SessionService for Handle {
    async fn close(&self) -> Result<()> {
        let desk = self.desk()?;
        let number = self.number;
        self.end();
        desk.sessions.release(number);
        // The object removes itself: that may not happen inside its own call.
        let task_desk = Arc::clone(&desk);
        desk.tasks.spawn("session-close", async move {
            sessions::close(&task_desk, number).await;
        });
        Ok(())
    }

    async fn interrupt(&self) -> Result<String> {
        let conversation = self.desk()?.app.conversation().clone();
        convert::waiting(move || Ok(conversation.interrupt())).await
    }

    async fn send_text(&self, text: String, options: Dict) -> Result<u64> {
        let text = convert::text(text, LONGEST_TEXT)?;
        let desk = self.desk()?;
        let aloud = get::<bool>(&options, "aloud").unwrap_or(true);
        if aloud && self.open().speaker.is_none() {
            desk.speaker()?;
        }
        let (began, turn) = oneshot::channel();
        let began = Mutex::new(Some(began));
        let told = move |turn| {
            let began = began.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(began) = began {
                let _ = began.send(turn);
            }
        };
        let (_, end) = desk.ask(TurnInput::Written { text, aloud }, Box::new(told));
        match turn.await {
            Ok(turn) => Ok(turn),
            // It did not begin: the end says why.
            Err(_) => match end.await {
                Ok(report) => Ok(report.turn.0),
                Err(error) => Err(convert::error(&error)),
            },
        }
    }

    async fn open_audio_in(&self, _options: Dict) -> Result<(OwnedFd, Dict)> {
        self.of_descriptors()?;
        let desk = self.desk()?;
        desk.sessions.claim(self.number)?;
        let (ours, theirs) = pair()?;
        {
            let mut open = self.open();
            if open.ended {
                desk.sessions.release(self.number);
                return Err(ended());
            }
            open.listening = desk.devices.listen_to_client(ours);
        }
        desk.tell_active().await;
        Ok((theirs.into(), format(CAPTURE_RATE)))
    }

    async fn open_audio_out(&self, _options: Dict) -> Result<(OwnedFd, Dict)> {
        self.of_descriptors()?;
        let desk = self.desk()?;
        desk.sessions.claim(self.number)?;
        let (ours, theirs) = pair()?;
        let mut open = self.open();
        if open.ended {
            desk.sessions.release(self.number);
            return Err(ended());
        }
        // The old one must let go of the sound first.
        open.speaker = None;
        let speaker = desk.devices.play_to_client(self.number, ours);
        open.speaker = Some(speaker.map_err(|e| convert::error(&e))?);
        Ok((theirs.into(), format(desk.app.playback().rate())))
    }

    async fn open_events(&self, kinds: Vec<String>, _options: Dict) -> Result<OwnedFd> {
        if let Some(unknown) = kinds.iter().find(|k| !KINDS.contains(&k.as_str())) {
            return Err(Error::InvalidArgument(format!(
                "{unknown:?} is no kind of event: take some of {}",
                KINDS.join(", ")
            )));
        }
        let kinds = match kinds.is_empty() {
            true => KINDS.iter().map(|k| (*k).to_owned()).collect(),
            false => kinds,
        };
        let desk = self.desk()?;
        let (ours, theirs) = pair()?;
        let stream = ours
            .set_nonblocking(true)
            .and_then(|()| tokio::net::UnixStream::from_std(ours))
            .map_err(|e| Error::Unavailable(format!("no event stream can be made: {e}")))?;
        let (records, wait) = mpsc::channel(BEHIND);
        {
            let mut open = self.open();
            if open.ended {
                return Err(ended());
            }
            if open.streams.len() >= STREAMS {
                return Err(Error::Busy(format!("a session has at most {STREAMS} event streams")));
            }
            open.streams.push(Stream { kinds, records });
        }
        desk.tasks.spawn("event-stream", write_records(stream, wait));
        Ok(theirs.into())
    }

    fn state(&self) -> String {
        self.desk().map(|d| d.live().state.to_owned()).unwrap_or_default()
    }

    fn turn(&self) -> u64 {
        self.desk().map(|d| d.live().turn).unwrap_or_default()
    }

    fn language(&self) -> String {
        self.desk().map(|d| d.live().language.code().to_owned()).unwrap_or_default()
    }

    fn last_latency(&self) -> HashMap<String, f64> {
        self.desk().map(|d| d.live().latency.clone()).unwrap_or_default()
    }
}

/// Writes until the session ends or the client closes its end.
async fn write_records(mut stream: tokio::net::UnixStream, mut records: mpsc::Receiver<Arc<[u8]>>) {
    while let Some(record) = records.recv().await {
        if stream.write_all(&record).await.is_err() {
            return;
        }
    }
}
