//! The own voice, looped into the microphone, starts no turn.

use std::time::Duration;

use companion_audio::{EchoPath, SimulatedRoom, playback};
use companion_turn::TurnInput;
use companion_types::{Emotion, Outcome};
use companiond::{App, EarshotDetector, PacedRoom, TurnEvent, listen_to};

use crate::support::{ONE_AT_A_TIME, RATE, settings, speech};

const SAID: [&str; 10] = [
    "你好，今天过得怎么样？",
    "I am glad that you are here.",
    "外面在下雨，记得带伞。",
    "Let me tell you a short story.",
    "我记得你喜欢苹果。",
    "It is time for a little music.",
    "别难过，我陪着你。",
    "Dinner will be ready at seven.",
    "明天是星期五。",
    "Sleep well, and see you tomorrow.",
];

fn path(gain: f32) -> EchoPath {
    EchoPath { gain, delay_ms: 40, impulse: Vec::new() }
}

#[test]
fn ten_replies_in_a_row_that_the_microphone_hears_start_no_turn() {
    let _alone = ONE_AT_A_TIME.blocking_lock();
    let state = tempfile::tempdir().unwrap();
    let (sound, tap) = playback(RATE);
    let app = App::start(settings(state.path()), sound, None, Box::new(|| ())).unwrap();
    let mut events = app.conversation().watch();
    let room =
        SimulatedRoom::new(tap, RATE).with_echo(path(0.5)).unwrap().with_echo_canceller().unwrap();
    let mut paced = PacedRoom::new(room, 45_000);
    let conversation = app.conversation().clone();
    std::thread::scope(|scope| {
        let speaker = scope.spawn(|| {
            for text in SAID {
                let said = TurnInput::Announcement { text: text.into(), emotion: Emotion::CALM };
                let report = conversation.ask(said, Duration::from_secs(20)).unwrap();
                assert_eq!(report.outcome, Outcome::Heard, "{report:?}");
                assert_eq!(report.heard_text.trim(), text);
            }
        });
        let mut until = Until { paced: &mut paced, done: || speaker.is_finished(), left: 100 };
        listen_to(&mut until, &conversation, companion_asr::ListenerSettings::default());
    });
    let mut turns = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let TurnEvent::Ended(report) = event {
            turns.push(*report);
        }
    }
    let own: Vec<_> = turns.iter().filter(|t| !t.transcript.is_empty()).collect();
    assert!(own.is_empty(), "the own voice was taken for somebody: {own:?}");
    assert_eq!(turns.len(), SAID.len());
}

/// When a listener finds that somebody speaks, in milliseconds.
fn onset(room: &mut SimulatedRoom, frames: usize) -> Option<u64> {
    struct NoWords;
    impl companion_asr::Recognizer for NoWords {
        fn transcribe(
            &mut self,
            _pcm: &[f32],
            _language: Option<companion_types::Language>,
        ) -> Result<companion_types::RawTranscript, companion_asr::RecognizerError> {
            Ok(companion_types::RawTranscript { text: "<|zh|>啊".into(), confidence: 1.0 })
        }
    }
    let settings = companion_asr::ListenerSettings::default();
    let mut listener = companion_asr::Listener::new(EarshotDetector::new(), settings);
    for n in 0..frames {
        let frame = room.step();
        let event = listener.push(&frame, &mut NoWords).unwrap();
        if let Some(companion_asr::AsrEvent::SpeechStarted { .. }) = event {
            return Some(n as u64 * 20);
        }
    }
    None
}

#[test]
fn somebody_who_speaks_over_the_own_voice_is_found_soon() {
    let reply = speech("今天天气很好我们一起去公园走走然后吃点东西再回家听音乐");
    let mut up = companion_audio::Resampler::new(companion_types::CAPTURE_RATE, RATE).unwrap();
    let reply: Vec<f32> = up.push(&reply).unwrap().iter().map(|s| s * 0.7).collect();
    let near = speech("等一下别说了我要问你一个问题");
    for gain in [0.0, 0.05, 0.2, 0.5] {
        for start_ms in [900_u64, 1_700, 2_600] {
            let lag = |echo: bool| {
                let (sound, tap) = playback(RATE);
                let mut room = SimulatedRoom::new(tap, RATE);
                if echo {
                    room = room.with_echo(path(gain)).unwrap().with_echo_canceller().unwrap();
                }
                sound.begin(companion_types::TurnId(1));
                let mut speak = vec![0.0; usize::try_from(start_ms * 16).unwrap()];
                speak.extend(&near);
                room.speak(&speak);
                assert!(sound.push(companion_types::TurnId(1), &reply) > 40_000);
                onset(&mut room, 300)
            };
            let (alone, over) = (lag(false).unwrap(), lag(true).unwrap());
            assert!(
                over.abs_diff(alone) <= 100,
                "gain {gain} at {start_ms} ms: found at {over} ms, alone at {alone} ms"
            );
        }
    }
}

/// The room, until `left` frames after everything was said.
struct Until<'a, F> {
    paced: &'a mut PacedRoom,
    done: F,
    left: usize,
}

impl<F: Fn() -> bool> companiond::FrameSource for Until<'_, F> {
    fn next_frame(&mut self) -> Option<companion_types::AudioFrame> {
        if (self.done)() {
            self.left = self.left.checked_sub(1)?;
        }
        self.paced.next_frame()
    }
}
