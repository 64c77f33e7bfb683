//! `turn`: a recording as the microphone of a session of its own, and the spoken reply as a file.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use companion_bus::types::get;
use companion_bus::{Dict, TurnResult};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use super::{Context, reply};
use crate::cli::TurnArgs;
use crate::events::{Event, EventStream, reader, socket};
use crate::exit::{Failure, Outcome};
use crate::messages::{Message, word};
use crate::output::{Output, Paint, clean};
use crate::progress::Progress;
use crate::wav::{self, MIC_HZ};

/// Samples of one write, 20 ms: the grain of a microphone.
const GRAIN: usize = MIC_HZ as usize / 50;
/// Quiet time after the last turn in which another one could still begin.
const SETTLE: Duration = Duration::from_millis(600);
/// The same after a reply was broken into: what was said then is still being recognised.
const SETTLE_AFTER_INTERRUPTION: Duration = Duration::from_secs(4);
/// How long after the end of the recording a first turn may begin.
const FIRST_TURN: Duration = Duration::from_secs(20);
/// How long the last of the sound may take after the session was closed.
const LAST_SOUND: Duration = Duration::from_secs(2);
/// What a speaker plays at where the daemon does not say it.
const DEFAULT_HZ: u32 = 24_000;

pub(crate) async fn run(context: &Context, output: &mut Output, args: &TurnArgs) -> Outcome {
    let pcm = wav::read(&args.wav)?;
    let (session, mut gone) = context.session("fd").await?;
    let kinds = ["state", "partial", "transcript", "turn"].map(ToOwned::to_owned).to_vec();
    let stream = session.open_events(kinds, Dict::new()).await?;
    let mut events = EventStream::new(stream.into())?;
    let mut watch = Watch { before: session.turn().await?, ..Watch::default() };
    let (speaker, format) = session.open_audio_out(Dict::new()).await?;
    let mut recorder = Recorder { socket: reader(speaker.into())?, bytes: Vec::new(), over: false };
    let rate = get::<u32>(&format, "rate").filter(|rate| *rate > 0).unwrap_or(DEFAULT_HZ);
    let (microphone, _) = session.open_audio_in(Dict::new()).await?;
    let bar = Progress::new(output, output.text(Message::Sending));
    let upload = send(socket(microphone.into())?, &pcm, args.fast, &bar);
    tokio::pin!(upload);
    loop {
        let deadline = watch.deadline();
        tokio::select! {
            biased;
            sent = &mut upload, if !watch.sent => {
                sent?;
                bar.say(output.text(Message::Waiting));
                watch.all_sent();
            }
            event = events.next() => match event? {
                Some(event) => watch.take(&event),
                None if watch.finished() => break,
                None => return Err(Failure::new(
                    "Unavailable",
                    "companiond closed the session before the turn was over: see its log",
                )),
            },
            left = gone.wait() => return Err(left),
            filled = recorder.fill(), if !recorder.over => filled?,
            () = sleep_until(deadline.unwrap_or_else(far)), if deadline.is_some() => break,
        }
    }
    bar.clear();
    let closed = session.close(Dict::new()).await;
    // The last of the sound is on its way; a socket that stays open ends the wait, no more.
    let _ = timeout(LAST_SOUND, async { while !recorder.over && recorder.fill().await.is_ok() {} })
        .await;
    if watch.ended.is_empty() {
        return Err(no_speech(&args.wav));
    }
    closed?;
    let played = wav::samples(&recorder.bytes);
    let sound = wav::trimmed(&played);
    if let Some(path) = &args.out {
        wav::write(path, sound, rate)?;
    }
    report(output, watch, &Sound { file: args.out.as_deref(), samples: sound.len(), rate })
}

fn far() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

fn no_speech(wav: &Path) -> Failure {
    let seconds = FIRST_TURN.as_secs();
    let text = format!("no turn began within {seconds} s of the end of {}", wav.display());
    Failure::new("DeadlineExceeded", text).hint("is there speech in it? companionctl listen WAV")
}

/// Writes the recording at the pace of speech, and shuts the writing side: the end of the recording.
async fn send(mut socket: UnixStream, pcm: &[i16], fast: bool, bar: &Progress) -> Outcome {
    let gone = |e: std::io::Error| {
        Failure::new("Unavailable", format!("companiond stopped taking the recording: {e}"))
    };
    let mut pace = interval(Duration::from_millis(20));
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let grains = pcm.len().div_ceil(GRAIN).max(1);
    for (n, grain) in pcm.chunks(GRAIN).enumerate() {
        if !fast {
            pace.tick().await;
        }
        let bytes: Vec<u8> = grain.iter().flat_map(|s| s.to_le_bytes()).collect();
        socket.write_all(&bytes).await.map_err(gone)?;
        #[expect(clippy::cast_precision_loss, reason = "minutes of grains")]
        bar.set((n + 1) as f64 / grains as f64);
    }
    socket.shutdown().await.map_err(gone)
}

/// The speaker's end: keeps what is played.
struct Recorder {
    socket: Box<dyn AsyncRead + Unpin>,
    bytes: Vec<u8>,
    over: bool,
}

impl Recorder {
    /// Takes what is there. A call that is dropped loses nothing.
    async fn fill(&mut self) -> Outcome {
        self.bytes.reserve(64 * 1024);
        match self.socket.read_buf(&mut self.bytes).await {
            Ok(0) => self.over = true,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => self.over = true,
            Err(error) => {
                return Err(Failure::new("Unavailable", format!("the speaker broke: {error}")));
            }
        }
        Ok(())
    }
}

/// Follows the turns that began with the recording, and knows when the last is over.
#[derive(Default)]
struct Watch {
    /// The turn that was the last before the recording.
    before: u64,
    sent: bool,
    state: String,
    begun: BTreeSet<u64>,
    ended: Vec<TurnResult>,
    /// The `transcript` event of the last turn.
    heard: Option<Event>,
    quiet_since: Option<Instant>,
}

impl Watch {
    fn all_sent(&mut self) {
        self.sent = true;
        self.quiet_since = Some(Instant::now());
    }

    fn take(&mut self, event: &Event) {
        let turn = event.turn();
        match event.kind() {
            "state" => self.state = event.text("state").to_owned(),
            "transcript" if turn > self.before => {
                self.begun.insert(turn);
                self.heard = Some(event.clone());
            }
            "turn" if turn > self.before => {
                self.begun.remove(&turn);
                self.ended.push(event.turn_result());
            }
            "partial" => {}
            _ => return,
        }
        self.quiet_since = Some(Instant::now());
    }

    fn finished(&self) -> bool {
        !self.ended.is_empty() && self.begun.is_empty()
    }

    /// When it is over if nothing more happens; `None` while something is still going on.
    fn deadline(&self) -> Option<Instant> {
        let busy = matches!(self.state.as_str(), "thinking" | "speaking");
        if !self.sent || busy || !self.begun.is_empty() {
            return None;
        }
        let wait = match self.ended.last() {
            None => FIRST_TURN,
            Some(turn) if turn.outcome == "interrupted" => SETTLE_AFTER_INTERRUPTION,
            Some(_) => SETTLE,
        };
        self.quiet_since.map(|since| since + wait)
    }
}

/// The reply's sound, and where it was written.
struct Sound<'a> {
    file: Option<&'a Path>,
    samples: usize,
    rate: u32,
}

impl Sound<'_> {
    fn seconds(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "minutes of sound")]
        let samples = self.samples as f64;
        samples / f64::from(self.rate)
    }
}

fn report(output: &mut Output, mut watch: Watch, sound: &Sound<'_>) -> Outcome {
    let Some(last) = watch.ended.pop() else { return Ok(()) };
    if output.json {
        let heard = watch.heard.as_ref().filter(|event| event.turn() == last.turn);
        let key = |key: &str| heard.and_then(|event| event.0.get(key)).cloned().unwrap_or_default();
        let mut value = reply::to_json(&last);
        value["heard"] = ["language", "emotion", "event", "confidence"]
            .into_iter()
            .map(|name| (name.to_owned(), key(name)))
            .collect::<serde_json::Map<_, _>>()
            .into();
        value["earlier"] = watch.ended.iter().map(reply::to_json).collect::<Vec<Value>>().into();
        value["audio"] = json!({
            "file": sound.file.map(|file| file.display().to_string()),
            "rate": sound.rate,
            "samples": sound.samples,
            "seconds": sound.seconds(),
        });
        output.value(&value)?;
        return Ok(());
    }
    for turn in &watch.ended {
        said(output, turn, None)?;
    }
    said(output, &last, watch.heard.as_ref())?;
    reply::show_account(output, &last)?;
    if let Some(file) = sound.file {
        let written = output.text(Message::Written);
        output.line(format!(
            "{written} {} ({:.2} s, {} Hz)",
            file.display(),
            sound.seconds(),
            sound.rate
        ))?;
    }
    Ok(())
}

fn said(output: &mut Output, turn: &TurnResult, heard: Option<&Event>) -> Outcome {
    let colon = output.text(Message::Colon);
    let you = output.paint(Paint::Bold, output.text(Message::You));
    let manner = heard.filter(|event| event.turn() == turn.turn).map(|event| {
        let parts = [event.text("language"), word(output.lang, event.text("emotion"))];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        output.paint(Paint::Dim, &format!("  ({})", clean(&parts.join(", "))))
    });
    output.line(format!(
        "{you}{colon}{}{}",
        clean(&turn.transcript),
        manner.unwrap_or_default()
    ))?;
    let companion = output.paint(Paint::Bold, output.text(Message::Companion));
    output.line(format!("{companion}{colon}{}", clean(&turn.text)))?;
    Ok(())
}
