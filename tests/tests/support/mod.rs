//! A companion on the starter models in a simulated room, and somebody who speaks to it.

pub(crate) mod process;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use companion_audio::{Resampler, SimulatedRoom, playback};
use companion_tts::{EspeakVoice, Synthesizer, Utterance, VoiceFile};
use companion_types::{
    CAPTURE_RATE, Cancel, Emotion, Language, SampleRate, Sentence, SentenceSeq, TurnId, TurnReport,
};
use companiond::{App, PacedRoom, Settings, TurnEvent, listen_to};
use tokio::sync::mpsc::Receiver;
use tokio::sync::{Mutex, MutexGuard};

pub(crate) const RATE: SampleRate = SampleRate(48_000);

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// `companion-espeak` as the same build made it.
fn espeak() -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    exe.ancestors().nth(2).unwrap().join("companion-espeak")
}

pub(crate) fn settings(state: &Path) -> Settings {
    let mut settings = Settings::default();
    settings.paths.state = state.to_owned();
    settings.paths.data = root().join("static");
    settings.paths.models = vec![root().join("models")];
    settings.paths.espeak = espeak();
    settings
}

/// Copies a folder.
pub(crate) fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Speech of a person: the starter voice, calm, with half a second of silence around it.
pub(crate) fn speech(text: &str) -> Vec<f32> {
    let file = VoiceFile::open(&root().join("static/voices"), "default").unwrap();
    let mut voice = EspeakVoice::new(espeak(), file.espeak.unwrap());
    let language = Language::of_text(text);
    let sentence = Sentence {
        turn: TurnId(0),
        seq: SentenceSeq(0),
        emotion: Emotion::CALM,
        text: text.into(),
        last: true,
    };
    let mut resampler = Resampler::new(voice.rate(), CAPTURE_RATE).unwrap();
    let mut pcm = vec![0.0; 8_000];
    voice
        .speak(&Utterance::new(sentence, language), &Cancel::new(), &mut |chunk| {
            pcm.extend(resampler.push(&chunk.pcm).unwrap());
            ControlFlow::Continue(())
        })
        .unwrap();
    pcm.extend(resampler.finish().unwrap());
    pcm.extend(vec![0.0; 8_000]);
    pcm
}

/// Turns run in real time, so they run one after another.
pub(crate) static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// A running companion and its events.
pub(crate) struct Companion {
    pub(crate) app: App,
    pub(crate) events: Receiver<TurnEvent>,
    room: Option<SimulatedRoom>,
    _alone: MutexGuard<'static, ()>,
}

impl Companion {
    pub(crate) fn start(state: &Path) -> Self {
        Self::start_with(settings(state))
    }

    pub(crate) fn start_with(settings: Settings) -> Self {
        let alone = ONE_AT_A_TIME.blocking_lock();
        let (sound, tap) = playback(RATE);
        let app = App::start(settings, sound, None, Box::new(|| ())).unwrap();
        let events = app.conversation().watch();
        Self { app, events, room: Some(SimulatedRoom::new(tap, RATE)), _alone: alone }
    }

    /// Plays sound to the microphone, then listens on for `quiet_ms`; gives the turns that ended and
    /// everything that was played since the start.
    pub(crate) fn hear(&mut self, pcm: &[f32], quiet_ms: u64) -> (Vec<TurnReport>, Vec<f32>) {
        let mut room = self.room.take().unwrap();
        room.speak(pcm);
        let mut paced = PacedRoom::new(room, quiet_ms);
        listen_to(&mut paced, self.app.conversation(), companion_asr::ListenerSettings::default());
        let room = paced.into_inner();
        let played = room.played().to_vec();
        self.room = Some(room);
        let mut ended = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            if let TurnEvent::Ended(report) = event {
                ended.push(*report);
            }
        }
        (ended, played)
    }
}
