//! The root of the scripted daemon: written turns, speech into a pipe, recognition.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;

use companion_bus::manager::ManagerService;
use companion_bus::names::{SESSIONS, UTTERANCES};
use companion_bus::session::Session;
use companion_bus::types::{get, put};
use companion_bus::utterance::{Utterance, UtteranceService};
use companion_bus::{Dict, Error, Result, TurnResult};
use zbus::OwnedObjectPath;

use super::session::OneSession;
use super::{Scripted, kind, steer};

/// The rate at which it speaks.
pub(crate) const RATE: u32 = 22_050;

/// The turn that answers a text.
pub(crate) fn answer(turn: u64, text: &str) -> TurnResult {
    let latency = [
        ("endpoint", 0.0),
        ("recall", 3.5),
        ("first_token", 120.0),
        ("first_sentence", 180.0),
        ("first_audio", 240.0),
        ("total", 1200.0),
    ];
    TurnResult {
        turn,
        transcript: text.to_owned(),
        text: "你叫小明。很高兴！".to_owned(),
        heard_text: "你叫小明。".to_owned(),
        emotion: "happy".to_owned(),
        memories: vec!["m1".to_owned(), "m2".to_owned()],
        answered_by: "model".to_owned(),
        outcome: "heard".to_owned(),
        latency_ms: HashMap::from(latency.map(|(step, ms)| (step.to_owned(), ms))),
        tokens: HashMap::from(
            [("prompt", 30), ("reused", 20), ("new", 9)].map(|(k, n)| (k.to_owned(), n)),
        ),
    }
}

impl ManagerService for Scripted {
    async fn open_session(&self, _sender: &str, options: Dict) -> Result<OwnedObjectPath> {
        let audio = get::<String>(&options, "audio").unwrap_or_default();
        self.called(format!("open_session {audio}"));
        let path = format!("{SESSIONS}/1");
        self.serve(&path, Session(OneSession::new(self.clone()))).await;
        OwnedObjectPath::try_from(path).map_err(|e| Error::Internal(e.to_string()))
    }

    async fn ask(&self, sender: &str, text: String, options: Dict) -> Result<OwnedObjectPath> {
        let aloud = get::<bool>(&options, "aloud").unwrap_or_default();
        self.called(format!("ask {text} aloud={aloud}"));
        steer(&text)?;
        let end = match text.strip_prefix("fail ").and_then(kind) {
            Some(kind) => Some(Err(Error::of_kind(kind, format!("scripted {kind}")))),
            None if text == "hang" => None,
            None => Some(Ok(answer(self.next_turn(), &text).to_dict())),
        };
        self.request(sender, &options, end).await
    }

    async fn say(&self, sender: &str, text: String, options: Dict) -> Result<OwnedObjectPath> {
        let emotion = get::<String>(&options, "emotion").unwrap_or_default();
        let mut call = format!("say {text} emotion={emotion}");
        for key in ["priority", "coalesce", "voice", "language"] {
            if let Some(value) = get::<String>(&options, key) {
                call.push_str(&format!(" {key}={value}"));
            }
        }
        if let Some(intensity) = get::<f64>(&options, "intensity") {
            call.push_str(&format!(" intensity={intensity}"));
        }
        self.called(call);
        steer(&text)?;
        let said = TurnResult {
            text: text.clone(),
            heard_text: text.clone(),
            emotion,
            outcome: "heard".to_owned(),
            ..TurnResult::default()
        };
        let mut result = said.to_dict();
        put(&mut result, "id", "7");
        put(&mut result, "reason", "");
        let end = if text == "fail" {
            Err(Error::Cancelled("the text was not said: busy".to_owned()))
        } else {
            Ok(result)
        };
        let path = self.request(sender, &options, Some(end)).await?;
        let own = format!("{UTTERANCES}/7");
        for path in [path.as_str(), own.as_str()] {
            let utterance = Utterance(OneUtterance(self.clone()));
            let _ = self.connection().object_server().at(path, utterance).await;
        }
        Ok(path)
    }

    async fn synthesize(
        &self,
        sender: &str,
        out: OwnedFd,
        text: String,
        options: Dict,
    ) -> Result<OwnedObjectPath> {
        self.called(format!("synthesize {text}"));
        let pcm: Vec<u8> = (0..2205i16).flat_map(i16::to_le_bytes).collect();
        File::from(out).write_all(&pcm).map_err(|e| Error::Internal(e.to_string()))?;
        let mut result = Dict::new();
        put(&mut result, "rate", RATE);
        put(&mut result, "samples", 2205u64);
        put(&mut result, "words", vec![("你好".to_owned(), 0u64, 2205u64)]);
        put(&mut result, "visemes", vec![("a".to_owned(), 10u64, 0.5f64)]);
        self.request(sender, &options, Some(Ok(result))).await
    }

    async fn transcribe(
        &self,
        sender: &str,
        clip: OwnedFd,
        options: Dict,
    ) -> Result<OwnedObjectPath> {
        let mut bytes = Vec::new();
        File::from(clip).read_to_end(&mut bytes).map_err(|e| Error::Internal(e.to_string()))?;
        let language = get::<String>(&options, "language").unwrap_or_default();
        self.called(format!("transcribe {} bytes language={language}", bytes.len()));
        let end = if bytes.starts_with(b"RIFF") {
            let mut result = Dict::new();
            for (key, text) in [
                ("text", "今天天气真好"),
                ("language", "zh"),
                ("emotion", "happy"),
                ("event", "speech"),
            ] {
                put(&mut result, key, text);
            }
            put(&mut result, "confidence", 0.93);
            Ok(result)
        } else {
            Err(Error::Corrupt("the clip is no WAV file".to_owned()))
        };
        self.request(sender, &options, Some(end)).await
    }

    async fn stop_all(&self) -> Result<String> {
        self.called("stop_all");
        std::future::ready(Ok("你叫小明。".to_owned())).await
    }

    fn state(&self) -> String {
        "idle".to_owned()
    }

    fn version(&self) -> String {
        "9.8.7".to_owned()
    }

    fn degraded(&self) -> String {
        "audio, tts".to_owned()
    }

    fn mood(&self) -> (String, f64, f64) {
        ("calm".to_owned(), 0.25, 0.5)
    }

    fn active_session(&self) -> OwnedObjectPath {
        OwnedObjectPath::default()
    }

    fn privacy(&self) -> Dict {
        let mut privacy = Dict::new();
        put(&mut privacy, "network", false);
        put(&mut privacy, "remote_models", false);
        put(&mut privacy, "microphone", "muted");
        privacy
    }
}

/// The text that `say` took.
pub(crate) struct OneUtterance(Scripted);

impl UtteranceService for OneUtterance {
    async fn pause(&self) -> Result<()> {
        self.0.called("pause");
        std::future::ready(Ok(())).await
    }

    async fn resume(&self) -> Result<()> {
        self.0.called("resume");
        std::future::ready(Err(Error::NotFound("the text 7 is over".to_owned()))).await
    }

    async fn cancel(&self) -> Result<()> {
        self.0.called("cancel");
        std::future::ready(Ok(())).await
    }

    fn id(&self) -> String {
        "7".to_owned()
    }

    fn priority(&self) -> String {
        "message".to_owned()
    }

    fn state(&self) -> String {
        "speaking".to_owned()
    }
}
