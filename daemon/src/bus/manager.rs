//! The service behind `Manager1`.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use companion_asr::{Recognizer as _, read_rich_text};
use companion_audio::read_wav;
use companion_bus::manager::ManagerService;
use companion_bus::types::{get, put};
use companion_bus::{Dict, Error, Result};
use companion_tts::Utterance;
use companion_turn::TurnInput;
use companion_types::{Emotion, Language, Sentence, SentenceSeq, TurnId};
use zbus::OwnedObjectPath;

use super::convert::{self, LONGEST_SPEECH, LONGEST_TEXT};
use super::desk::Service;
use super::requests::{self, Handle};
use crate::client_audio::s16le;
use crate::config::AudioBackend;
use crate::error::DaemonError;
use crate::hear::SharedRecognizer;

/// Largest clip that is recognised, bytes: 60 s of 48 kHz stereo float.
const LARGEST_CLIP: u64 = 24 << 20;

type Outcome = std::result::Result<Dict, DaemonError>;

impl Service {
    pub(super) fn emotion(&self, options: &Dict) -> Result<Emotion> {
        let Some(name) = get::<String>(options, "emotion") else { return Ok(Emotion::CALM) };
        let emotions = self.0.app.emotions();
        emotions.find(&name).ok_or_else(|| {
            let known: Vec<&str> = emotions.labels().iter().map(|l| l.key.as_str()).collect();
            Error::InvalidArgument(format!(
                "{name:?} is no emotion of the house: take one of {}",
                known.join(", ")
            ))
        })
    }

    /// A turn as a request.
    async fn turn(
        &self,
        sender: &str,
        options: &Dict,
        input: TurnInput,
    ) -> Result<OwnedObjectPath> {
        let desk = Arc::clone(&self.0);
        let limit = Duration::from_millis(desk.app.settings().dialogue.deadline_ms)
            + Duration::from_secs(120);
        requests::start(&self.0, sender, options, move |handle| async move {
            let (id, end) = desk.ask(input, Box::new(|_| ()));
            let conversation = desk.app.conversation().clone();
            handle.on_cancel(move || conversation.withdraw(id));
            let report = tokio::time::timeout(limit, end)
                .await
                .map_err(|_| DaemonError::Deadline(limit.as_secs()))??;
            if handle.cancel().is_cancelled() {
                return Err(DaemonError::Cancelled);
            }
            Ok(convert::turn(&report).to_dict())
        })
        .await
    }
}

impl ManagerService for Service {
    async fn open_session(&self, sender: &str, options: Dict) -> Result<OwnedObjectPath> {
        super::sessions::open(&self.0, sender, &options).await
    }

    async fn ask(&self, sender: &str, text: String, options: Dict) -> Result<OwnedObjectPath> {
        let text = convert::text(text, LONGEST_TEXT)?;
        let aloud = get::<bool>(&options, "aloud").unwrap_or(false);
        if aloud {
            self.0.speaker()?;
        }
        self.turn(sender, &options, TurnInput::Written { text, aloud }).await
    }

    async fn say(&self, sender: &str, text: String, options: Dict) -> Result<OwnedObjectPath> {
        self.say_text(sender, text, &options).await
    }

    async fn synthesize(
        &self,
        sender: &str,
        out: OwnedFd,
        text: String,
        options: Dict,
    ) -> Result<OwnedObjectPath> {
        let text = convert::text(text, LONGEST_SPEECH)?;
        let emotion = self.emotion(&options)?;
        let tts = Arc::clone(self.0.app.tts());
        requests::start(&self.0, sender, &options, move |handle| async move {
            let beat = tts.heartbeat();
            let work = move || {
                let limit = Duration::from_secs(300);
                let job = move |voice: &mut Box<dyn companion_tts::Synthesizer>| {
                    let speaking = Speaking { handle, emotion, out: File::from(out) };
                    speaking.run(voice.as_mut(), &text, &|| beat.beat())
                };
                tts.call_within(limit, job)?
            };
            blocking(work).await
        })
        .await
    }

    async fn transcribe(
        &self,
        sender: &str,
        clip: OwnedFd,
        options: Dict,
    ) -> Result<OwnedObjectPath> {
        let code = get::<String>(&options, "language").unwrap_or_else(|| "auto".to_owned());
        let language = Language::from_code(&code);
        if language.is_none() && code != "auto" {
            return Err(Error::InvalidArgument(format!(
                "language {code:?}: write auto, zh, en, yue, ja or ko"
            )));
        }
        let asr = Arc::clone(&self.0.app.slots().stages().asr);
        requests::start(&self.0, sender, &options, move |_| async move {
            blocking(move || transcribe(SharedRecognizer(asr), clip, language)).await
        })
        .await
    }

    async fn stop_all(&self) -> Result<String> {
        let conversation = self.0.app.conversation().clone();
        convert::waiting(move || Ok(conversation.interrupt())).await
    }

    fn state(&self) -> String {
        self.0.live().state.to_owned()
    }

    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    fn degraded(&self) -> String {
        self.0.live().degraded.clone()
    }

    fn mood(&self) -> (String, f64, f64) {
        self.0.live().mood.clone()
    }

    fn active_session(&self) -> OwnedObjectPath {
        self.0.sessions.active()
    }

    fn privacy(&self) -> Dict {
        let mut dict = Dict::new();
        // Nothing but a chat server that somebody set opens a connection.
        let remote = self.0.app.settings().remote.is_configured();
        put(&mut dict, "network", remote);
        put(&mut dict, "remote_models", remote);
        let status = self.0.devices.status();
        let microphone = if self.0.app.settings().audio.backend == AudioBackend::None {
            "closed"
        } else if status.mic_muted {
            "muted"
        } else {
            "open"
        };
        put(&mut dict, "microphone", microphone);
        dict
    }
}

async fn blocking(work: impl FnOnce() -> Outcome + Send + 'static) -> Outcome {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(_) => Err(DaemonError::Unavailable("the call failed; see the log".to_owned())),
    }
}

/// Speech into a client's pipe; runs on the `tts` thread.
struct Speaking {
    handle: Handle,
    emotion: Emotion,
    out: File,
}

impl Speaking {
    fn run(
        mut self,
        voice: &mut dyn companion_tts::Synthesizer,
        text: &str,
        beat: &dyn Fn(),
    ) -> Outcome {
        let language = Language::of_text(text);
        let rate = voice.rate();
        let mut segmenter = companion_tts::Segmenter::default();
        let mut clauses = segmenter.push(text);
        clauses.extend(segmenter.finish());
        let (mut words, mut visemes) = (Vec::new(), Vec::new());
        let mut samples = 0_u64;
        let count = clauses.len();
        for (n, text) in clauses.into_iter().enumerate() {
            let start = samples;
            let sentence = Sentence {
                turn: TurnId(0),
                seq: SentenceSeq(u32::try_from(n).unwrap_or(u32::MAX)),
                emotion: self.emotion.clone(),
                text: text.clone(),
                last: n + 1 == count,
            };
            let mut heard_to = 0;
            let mut pipe_open = true;
            let cancel = self.handle.cancel().clone();
            voice.speak(&Utterance::new(sentence, language), &cancel, &mut |chunk| {
                beat();
                for word in &chunk.words {
                    let piece = text.get(heard_to..word.text_end).unwrap_or_default();
                    heard_to = word.text_end.max(heard_to);
                    words.push((piece.trim().to_owned(), start + word.start, start + word.end));
                }
                visemes.extend(chunk.visemes.iter().map(|v| {
                    (format!("{:?}", v.shape).to_lowercase(), start + v.at, f64::from(v.weight))
                }));
                samples += chunk.pcm.len() as u64;
                pipe_open = self.out.write_all(&s16le(&chunk.pcm)).is_ok();
                if pipe_open { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            if !pipe_open || cancel.is_cancelled() {
                return Err(DaemonError::Cancelled);
            }
        }
        let mut result = Dict::new();
        put(&mut result, "rate", rate.0);
        put(&mut result, "samples", samples);
        put(&mut result, "words", words);
        put(&mut result, "visemes", visemes);
        Ok(result)
    }
}

fn transcribe(mut asr: SharedRecognizer, clip: OwnedFd, language: Option<Language>) -> Outcome {
    let mut bytes = Vec::new();
    let read = File::from(clip).take(LARGEST_CLIP + 1).read_to_end(&mut bytes);
    read.map_err(|e| DaemonError::Invalid(format!("the clip cannot be read: {e}")))?;
    if bytes.len() as u64 > LARGEST_CLIP {
        return Err(DaemonError::Invalid(format!(
            "the clip is larger than {} MB: cut it into parts",
            LARGEST_CLIP >> 20
        )));
    }
    let pcm = read_wav(bytes.as_slice())?;
    let raw = asr.transcribe(&pcm, language)?;
    let read = read_rich_text(&raw.text);
    let mut result = Dict::new();
    put(&mut result, "text", read.text.as_str());
    put(&mut result, "language", read.language.map_or("", Language::code));
    put(&mut result, "emotion", format!("{:?}", read.emotion).to_lowercase());
    let event = read.event.map(|e| format!("{e:?}").to_lowercase()).unwrap_or_default();
    put(&mut result, "event", event);
    put(&mut result, "confidence", f64::from(raw.confidence));
    Ok(result)
}
