//! The own voice, looped into the microphone, starts no turn.

use std::time::Duration;

use companion_audio::{SimulatedRoom, playback};
use companion_turn::TurnInput;
use companion_types::{Emotion, Outcome};
use companiond::{App, PacedRoom, TurnEvent, listen_to};

use crate::support::{ONE_AT_A_TIME, RATE, settings};

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

#[test]
fn ten_replies_in_a_row_that_the_microphone_hears_start_no_turn() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let state = tempfile::tempdir().unwrap();
    let (sound, tap) = playback(RATE);
    let app = App::start(settings(state.path()), sound, None, Box::new(|| ())).unwrap();
    let mut events = app.conversation().watch();
    let room = SimulatedRoom::new(tap, RATE).with_echo(RATE, 40, 0.5, true).unwrap();
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
