//! A session of the scripted daemon: it hears a recording, answers it with known sound, and answers written
//! text by tokens.

use std::collections::HashMap;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::{Arc, Mutex};

use companion_bus::session::SessionService;
use companion_bus::types::{get, put};
use companion_bus::{Dict, Error, Result};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;

use super::{RATE, Scripted, answer};

/// Our ends of the descriptors that it gave.
#[derive(Default)]
struct Ends {
    events: Option<StdUnixStream>,
    speaker: Option<StdUnixStream>,
}

impl Ends {
    /// Sends an event; a client that is gone does not want it.
    fn event(&self, event: &Value) {
        let Some(mut stream) = self.events.as_ref() else { return };
        let body = event.to_string().into_bytes();
        let mut bytes = u32::try_from(body.len()).unwrap().to_le_bytes().to_vec();
        bytes.extend(body);
        let _ = stream.write_all(&bytes);
    }
}

/// One client's session.
pub(crate) struct OneSession {
    daemon: Scripted,
    ends: Arc<Mutex<Ends>>,
}

impl OneSession {
    pub(crate) fn new(daemon: Scripted) -> Self {
        Self { daemon, ends: Arc::default() }
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::Internal(error.to_string())
}

/// A turn as its event.
fn turn_event(turn: u64, text: &str) -> Value {
    let result = answer(turn, text);
    let mut event = serde_json::to_value(&result).unwrap();
    event["kind"] = "turn".into();
    event["new_in_a_later_version"] = json!([1]);
    event
}

/// Hears the recording to its end, then answers.
async fn hear(mut microphone: UnixStream, daemon: Scripted, ends: Arc<Mutex<Ends>>) {
    let mut heard = Vec::new();
    microphone.read_to_end(&mut heard).await.unwrap();
    daemon.called(format!("heard {} samples", heard.len() / 2));
    let loud =
        heard.chunks_exact(2).any(|s| i16::from_le_bytes([s[0], s[1]]).unsigned_abs() > 1000);
    if !loud {
        return;
    }
    let ends = ends.lock().unwrap();
    let turn = daemon.next_turn();
    ends.event(&json!({ "kind": "state", "state": "thinking" }));
    ends.event(
        &json!({ "kind": "transcript", "turn": turn, "text": "我叫什么名字", "language": "zh",
        "emotion": "calm", "event": "speech", "confidence": 0.9 }),
    );
    ends.event(&json!({ "kind": "state", "state": "speaking" }));
    // The speaker runs in real time: silence, the reply, silence.
    let quiet = [0; 1000];
    let pcm: Vec<u8> =
        quiet.into_iter().chain(1..=4410i16).chain(quiet).flat_map(i16::to_le_bytes).collect();
    if let Some(mut speaker) = ends.speaker.as_ref() {
        speaker.write_all(&pcm).unwrap();
    }
    ends.event(&json!({ "kind": "kind_of_a_later_version", "x": {} }));
    ends.event(&turn_event(turn, "我叫什么名字"));
    ends.event(&json!({ "kind": "state", "state": "idle" }));
}

impl SessionService for OneSession {
    async fn close(&self) -> Result<()> {
        self.daemon.called("close");
        *self.ends.lock().unwrap() = Ends::default();
        std::future::ready(Ok(())).await
    }

    async fn interrupt(&self) -> Result<String> {
        self.daemon.called("interrupt");
        std::future::ready(Ok(String::new())).await
    }

    async fn send_text(&self, text: String, options: Dict) -> Result<u64> {
        let aloud = get::<bool>(&options, "aloud").unwrap_or(true);
        self.daemon.called(format!("send_text {text} aloud={aloud}"));
        let turn = self.daemon.next_turn();
        let ends = self.ends.lock().unwrap();
        ends.event(&json!({ "kind": "state", "state": "thinking" }));
        ends.event(&json!({ "kind": "transcript", "turn": turn, "text": text, "language": "zh",
            "emotion": "calm", "event": "", "confidence": 1.0 }));
        if text == "hang" {
            return Ok(turn);
        }
        ends.event(&json!({ "kind": "emotion", "turn": turn, "emotion": "happy" }));
        for token in ["[开", "心] 你叫", "小明。", "\u{1b}[31m很高兴！"] {
            ends.event(&json!({ "kind": "token", "turn": turn, "text": token }));
        }
        ends.event(&turn_event(turn, &text));
        // A turn that was spoken to the daemon's own microphone meanwhile.
        let spoken = self.daemon.next_turn();
        ends.event(
            &json!({ "kind": "transcript", "turn": spoken, "text": "几点了", "language": "zh",
            "emotion": "calm", "event": "speech", "confidence": 0.8 }),
        );
        ends.event(&turn_event(spoken, "几点了"));
        Ok(turn)
    }

    async fn open_audio_in(&self, _options: Dict) -> Result<(OwnedFd, Dict)> {
        let (theirs, ours) = StdUnixStream::pair().map_err(failed)?;
        ours.set_nonblocking(true).map_err(failed)?;
        let ours = UnixStream::from_std(ours).map_err(failed)?;
        let work = hear(ours, self.daemon.clone(), self.ends.clone());
        self.daemon.0.tasks.lock().unwrap().spawn(work);
        Ok((theirs.into(), Dict::new()))
    }

    async fn open_audio_out(&self, _options: Dict) -> Result<(OwnedFd, Dict)> {
        let (theirs, ours) = StdUnixStream::pair().map_err(failed)?;
        self.ends.lock().unwrap().speaker = Some(ours);
        let mut format = Dict::new();
        put(&mut format, "rate", RATE);
        Ok((theirs.into(), format))
    }

    async fn open_events(&self, kinds: Vec<String>, _options: Dict) -> Result<OwnedFd> {
        let (theirs, ours) = StdUnixStream::pair().map_err(failed)?;
        self.daemon.called(format!("open_events {}", kinds.join(",")));
        self.ends.lock().unwrap().events = Some(ours);
        Ok(theirs.into())
    }

    fn state(&self) -> String {
        "idle".to_owned()
    }

    fn turn(&self) -> u64 {
        self.daemon.turn_number()
    }

    fn language(&self) -> String {
        "zh".to_owned()
    }

    fn last_latency(&self) -> HashMap<String, f64> {
        HashMap::new()
    }
}
