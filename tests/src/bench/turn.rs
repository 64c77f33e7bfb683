//! A whole spoken turn in a simulated room, in real time: from the end of speech to the first sound.

use companion_audio::{SimulatedRoom, playback};
use companion_types::SampleRate;
use companiond::{App, PacedRoom, Settings, TurnEvent, listen_to};

use super::{Bench, Row};

const RATE: SampleRate = SampleRate(48_000);

pub(super) fn turn(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let state = tempfile::tempdir()?;
    let mut settings = Settings::default();
    settings.paths.state = state.path().to_owned();
    settings.paths.data = bench.root.join("static");
    settings.paths.models = vec![bench.root.join("models")];
    settings.paths.espeak = bench.programs.join("companion-espeak");
    let endpoint_ms = settings.asr.endpoint_silence_ms as f64;
    let (sound, tap) = playback(RATE);
    let app = App::start(settings, sound, None, Box::new(|| ()))?;
    let mut events = app.conversation().watch();
    let (pcm, ..) = bench.speak("我今天很高兴")?;
    let mut room = SimulatedRoom::new(tap, RATE);
    let mut waterfalls = Vec::new();
    for _ in 0..bench.repeats(3).min(10) {
        room.speak(&pcm);
        let mut paced = PacedRoom::new(room, 5_000);
        let listener = companion_asr::ListenerSettings::default();
        listen_to(&mut paced, app.conversation(), listener);
        room = paced.into_inner();
        while let Ok(event) = events.try_recv() {
            if let TurnEvent::Ended(report) = event {
                waterfalls.push(report.latency_ms);
            }
        }
    }
    anyhow::ensure!(!waterfalls.is_empty(), "no turn ended");
    let median = |step: fn(&companion_types::Waterfall) -> Option<f64>| {
        let mut steps: Vec<f64> = waterfalls.iter().filter_map(step).collect();
        steps.sort_by(f64::total_cmp);
        steps.get(steps.len() / 2).copied().unwrap_or(f64::NAN)
    };
    let count = waterfalls.len();
    Ok(vec![
        Row::plain(format!("recall, median of {count}"), median(|w| w.recall), "ms"),
        Row::plain("first token", median(|w| w.first_token), "ms"),
        Row::plain("first sentence", median(|w| w.first_sentence), "ms"),
        Row::plain("endpoint", median(|w| w.endpoint), "ms"),
        Row::beside(
            "first audio after the end of speech",
            (median(|w| w.first_audio), "ms"),
            (endpoint_ms, "the silence that ends an utterance"),
        ),
    ])
}
