//! The daemon's PipeWire nodes in a private room without hardware.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use companion_asr::{AsrEvent, Listener, ListenerSettings, Recognizer, RecognizerError};
use companion_audio::write_wav;
use companion_bus::Dict;
use companion_bus::audio::AudioProxy;
use companion_bus::manager::ManagerProxy;
use companion_bus::session::SessionProxy;
use companion_types::{
    AudioFrame, CAPTURE_RATE, FRAME_SAMPLES, Language, RawTranscript, SampleClock,
};
use companiond::EarshotDetector;
use futures_util::StreamExt as _;

use crate::support::process::{Process, World};
use crate::support::{ONE_AT_A_TIME, speech};

const RATE: usize = 48_000;

/// The virtual room: what is played into `companion_try_in` is heard, what is said goes to
/// `companion_try_out`.
fn furnish(world: &mut World) {
    world.start_pipewire();
    for (input, output) in
        [("companion_try_in", "companion_try_mic"), ("companion_try_out", "companion_try_heard")]
    {
        let sink = format!("media.class=Audio/Sink node.name={input} audio.position=[MONO]");
        let source = format!("media.class=Audio/Source node.name={output} audio.position=[MONO]");
        let mut command = world.command("pw-loopback");
        command.arg(format!("--capture-props={sink}")).arg(format!("--playback-props={source}"));
        world.keep(&mut command);
        world.await_node(output);
    }
}

/// Records both sides of the room on one clock: what the microphone gets, left; what is said, right.
fn record(world: &World, file: &Path) -> Process {
    let mut command = world.command("pw-record");
    let props = "{ node.name=companion_recorder node.autoconnect=false }";
    command.args(["--rate", "48000", "--channels", "2", "--format", "s16", "-P", props]).arg(file);
    let recorder = Process::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
    world.await_node("companion_recorder");
    for (from, to) in
        [("companion_try_mic:capture_MONO", "FL"), ("companion_try_heard:capture_MONO", "FR")]
    {
        let to = format!("companion_recorder:input_{to}");
        let mut tries = 0;
        while !world.command("pw-link").args([from, &to]).output().unwrap().status.success() {
            tries += 1;
            assert!(tries < 100, "{from} cannot be linked to {to}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    recorder
}

fn play(world: &World, pcm: &[f32]) -> Process {
    let path = world.folder.path().join("play.wav");
    // A player may drop the end of a file: silence stands behind it.
    let mut padded = pcm.to_vec();
    padded.extend(vec![0.0; 8_000]);
    write_wav(std::fs::File::create(&path).unwrap(), &padded, CAPTURE_RATE).unwrap();
    let mut command = world.command("pw-play");
    command.args(["--target", "companion_try_in"]).arg(path);
    Process::start(command.stdout(Stdio::null()).stderr(Stdio::null()))
}

/// Both channels of a recording.
fn channels(file: &Path) -> (Vec<f32>, Vec<f32>) {
    let mut reader = hound::WavReader::open(file).unwrap();
    let samples: Vec<f32> =
        reader.samples::<i16>().map_while(Result::ok).map(|s| f32::from(s) / 32768.0).collect();
    samples.as_chunks::<2>().0.iter().map(|[left, right]| (*left, *right)).unzip()
}

struct NoWords;

impl Recognizer for NoWords {
    fn transcribe(
        &mut self,
        _pcm: &[f32],
        _language: Option<Language>,
    ) -> Result<RawTranscript, RecognizerError> {
        Ok(RawTranscript { text: "<|zh|>啊".into(), confidence: 1.0 })
    }
}

/// Samples (at 48 kHz) at which the daemon's own detector finds that somebody begins to speak.
fn onsets(microphone: &[f32]) -> Vec<usize> {
    let mut listener = Listener::new(EarshotDetector::new(), ListenerSettings::default());
    let mut resampler =
        companion_audio::Resampler::new(companion_types::SampleRate(48_000), CAPTURE_RATE).unwrap();
    let pcm = resampler.push(microphone).unwrap();
    let mut found = Vec::new();
    for (n, frame) in pcm.as_chunks::<FRAME_SAMPLES>().0.iter().enumerate() {
        let frame = AudioFrame { at: SampleClock((n * FRAME_SAMPLES) as u64), pcm: *frame };
        if let Ok(Some(AsrEvent::SpeechStarted { .. })) = listener.push(&frame, &mut NoWords) {
            found.push((n + 1) * FRAME_SAMPLES * RATE / 16_000);
        }
    }
    found
}

#[tokio::test]
async fn a_voice_that_breaks_in_silences_the_reply_within_100_ms_at_the_sink() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let mut world = World::new();
    furnish(&mut world);
    let _daemon = world.start(&mut world.daemon(true)).await;
    world.await_node("companion.mic");
    let connection = world.connect().await;
    let manager = ManagerProxy::new(&connection).await.unwrap();
    let path = manager.open_session(Dict::new()).await.unwrap();
    let session = SessionProxy::builder(&connection).path(path).build().await.unwrap();
    let mut ended = session.receive_turn_ended().await.unwrap();
    let file = world.folder.path().join("both.wav");
    let recorder = record(&world, &file);
    let text = "今天天气很好，我们一起去公园走走，然后吃点东西，再回家听音乐，晚上早点睡觉。";
    manager.say(text.into(), Dict::new()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let player = play(&world, &speech("等一下我叫什么名字"));
    let first = tokio::time::timeout(Duration::from_secs(20), ended.next()).await.unwrap().unwrap();
    let report = first.args().unwrap();
    assert_eq!(*report.outcome(), "interrupted");
    let report = companion_bus::TurnResult::from_dict(report.report());
    assert!(text.starts_with(report.heard_text.trim()) && report.heard_text.len() < text.len());
    drop(player);
    tokio::time::sleep(Duration::from_millis(300)).await;
    recorder.signal("-INT");
    tokio::time::sleep(Duration::from_millis(300)).await;
    drop(recorder);
    let (microphone, said) = channels(&file);
    let detected = onsets(&microphone)[0];
    assert!(said[..detected].iter().any(|s| s.abs() > 0.05), "nothing was said before");
    // Until the answer to the second utterance, which begins half a second after its end at the earliest.
    let still = detected + RATE / 10;
    let until = (still + RATE / 2).min(said.len());
    let late = said[still..until].iter().position(|s| s.abs() > 1e-3);
    assert_eq!(late, None, "sound more than 100 ms after the detection");
}

#[tokio::test]
async fn the_nodes_come_back_after_pipewire_was_killed() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let mut world = World::new();
    let daemon = world.start(&mut world.daemon(true)).await;
    let connection = world.connect().await;
    let audio = AudioProxy::builder(&connection)
        .cache_properties(zbus::proxy::CacheProperties::No)
        .build()
        .await
        .unwrap();
    let manager = ManagerProxy::new(&connection).await.unwrap();
    // No PipeWire yet: the daemon lives and says what is missing.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!audio.connected().await.unwrap());
    assert!(audio.detail().await.unwrap().contains("XDG_RUNTIME_DIR"));
    let error = manager.say("你好".into(), Dict::new()).await.unwrap_err();
    assert_eq!(error.parts().0, "Unavailable");
    for round in 0..2 {
        furnish(&mut world);
        for node in ["companion.mic", "companion.speaker"] {
            world.await_node(node);
        }
        let mut tries = 0;
        while !audio.connected().await.unwrap() || audio.nodes().await.unwrap().len() < 2 {
            tries += 1;
            assert!(tries < 300, "round {round}: the daemon does not see its nodes");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let player = play(&world, &speech("你好你好你好"));
        let mut tries = 0;
        while audio.level().await.unwrap().0 < -40.0 {
            tries += 1;
            assert!(tries < 300, "round {round}: nothing is heard");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        drop(player);
        world.kill_pipewire();
        let mut tries = 0;
        while audio.connected().await.unwrap() {
            tries += 1;
            assert!(tries < 300, "round {round}: the loss is not seen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    drop(daemon);
}
