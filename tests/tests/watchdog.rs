//! The watchdog is fed only while every stage is fresh, and a stage that hangs is started again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use companion_audio::playback;
use companion_turn::TurnInput;
use companiond::{App, StageState};

use crate::support::{ONE_AT_A_TIME, RATE, settings};

/// Waits until `done`, at most 20 s; true when it came.
fn wait(mut done: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(20) {
        if done() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

#[test]
fn a_hung_stage_stops_the_watchdog_until_it_works_again() {
    let _alone = ONE_AT_A_TIME.blocking_lock();
    let state = tempfile::tempdir().unwrap();
    let mut settings = settings(state.path());
    settings.health.heartbeat_ms = 50;
    settings.health.stage_timeout_ms = 1_500;
    let fed = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&fed);
    let feed = Box::new(move || {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    let (sound, _tap) = playback(RATE);
    let app = App::start(settings, sound, None, feed).unwrap();
    let count = || fed.load(Ordering::Relaxed);
    assert!(wait(|| count() > 2), "the watchdog is not fed at all");
    for stage in ["asr", "llm", "tts", "memory", "turn"] {
        let (release, until) = sync_channel(0);
        assert!(app.occupy(stage, until));
        let hung = || app.health().report().iter().any(|r| r.state == StageState::Hung);
        let starting = app.health().report().iter().find(|r| r.stage == stage).unwrap().restarts;
        // Memory and the turn thread cannot be made anew beside the old ones: they must come back.
        if matches!(stage, "memory" | "turn") {
            assert!(wait(hung), "{stage} never hung");
            let stood = count();
            std::thread::sleep(Duration::from_millis(300));
            assert_eq!(count(), stood, "fed while {stage} hangs");
            drop(release);
        } else {
            // Started again in the very look that finds it hung, so that state is not to be seen here.
            let restarted = || {
                let report = app.health().report();
                report.iter().any(|r| r.stage == stage && r.restarts == starting + 1)
            };
            assert!(wait(restarted), "{stage} was not started again");
            drop(release);
        }
        let before = count();
        assert!(wait(|| count() > before + 2), "not fed after {stage} came back");
    }
    // Everything works after all that.
    let asked = TurnInput::Written { text: "我今天很难过".into(), aloud: false };
    let report = app.conversation().ask(asked, Duration::from_secs(20)).unwrap();
    assert!(!report.text.is_empty());
    app.recollection().remember("我喜欢苹果", false).unwrap();
}
