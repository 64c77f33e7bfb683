//! Sound over descriptors: a spoken turn, speech into a file, recognition of a file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use serde_json::json;

use crate::bus::{Bus, done};
use crate::scripted::{RATE, Scripted};

/// Half a second of stereo at 44.1 kHz; `loud` or silent.
fn recording(folder: &Path, loud: bool) -> PathBuf {
    let path = folder.join("q.wav");
    let spec = WavSpec {
        channels: 2,
        sample_rate: 44_100,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut wav = WavWriter::create(&path, spec).unwrap();
    for n in 0..44_100i32 {
        let sample = if loud { (n / 2 % 100 - 50) * 300 } else { 0 };
        wav.write_sample(i16::try_from(sample).unwrap()).unwrap();
    }
    wav.finalize().unwrap();
    path
}

fn samples(path: &Path) -> (u32, Vec<i16>) {
    let mut wav = WavReader::open(path).unwrap();
    let rate = wav.spec().sample_rate;
    (rate, wav.samples::<i16>().map(Result::unwrap).collect())
}

#[tokio::test]
async fn a_recording_is_heard_and_its_reply_is_written() {
    let bus = Bus::start();
    let daemon = Scripted::start(&bus).await;
    let question = recording(bus.folder(), true);
    let reply = bus.folder().join("r.wav");
    let (question, reply_text) = (question.to_str().unwrap(), reply.to_str().unwrap());
    let turn = bus.json(&["turn", question, "--out", reply_text, "--fast"]).await;
    assert_eq!(turn["transcript"], "我叫什么名字");
    assert_eq!(turn["latency_ms"]["first_audio"], 240.0);
    assert_eq!(turn["memories"], json!(["m1", "m2"]));
    assert_eq!(
        turn["heard"],
        json!({ "language": "zh", "emotion": "calm", "event": "speech", "confidence": 0.9 })
    );
    assert_eq!(turn["earlier"], json!([]));
    assert_eq!(turn["audio"]["seconds"], 0.2);
    assert_eq!(samples(&reply), (RATE, (1..=4410).collect()));
    let calls = daemon.calls();
    assert!(calls.contains(&"open_session fd".to_owned()), "{calls:?}");
    // 44.1 kHz stereo arrives as 16 kHz mono, whole.
    assert!(calls.contains(&"heard 8000 samples".to_owned()), "{calls:?}");
    assert_eq!(calls.last().unwrap(), "close");
}

#[tokio::test]
async fn people_see_both_sides_of_a_spoken_turn() {
    let bus = Bus::start();
    let _daemon = Scripted::start(&bus).await;
    let question = recording(bus.folder(), true);
    let ran = bus.run(&["turn", question.to_str().unwrap(), "--fast"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.out.starts_with("you: 我叫什么名字  (zh, calm)\ncompanion: 你叫小明。很高兴！\n"),
        "{ran:?}"
    );
    assert!(ran.out.contains("first audio") && ran.out.contains('█'), "{ran:?}");
}

#[tokio::test]
async fn a_recording_is_sent_at_the_pace_of_speech() {
    let bus = Bus::start();
    let _daemon = Scripted::start(&bus).await;
    let question = recording(bus.folder(), true);
    let begun = std::time::Instant::now();
    bus.json(&["turn", question.to_str().unwrap()]).await;
    assert!(begun.elapsed() >= Duration::from_millis(480), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_turn_that_cannot_be_fails_with_the_reason() {
    let bus = Bus::start();
    let daemon = Scripted::start(&bus).await;
    let silent = recording(bus.folder(), false);
    let silent = silent.to_str().unwrap();
    let ran = bus.run(&["--timeout", "1", "turn", silent, "--fast"]).await;
    assert_eq!(ran.code, Some(75), "{ran:?}");
    let ran = bus.run(&["turn", "/etc/hostname"]).await;
    assert_eq!(ran.code, Some(65), "{ran:?}");
    assert!(ran.err.contains("/etc/hostname"), "{ran:?}");
    assert_eq!(bus.run(&["turn", "/nowhere.wav"]).await.code, Some(66));
    // The daemon goes while the recording is on its way.
    let child = bus.program(&["turn", silent]).spawn().unwrap();
    daemon.saw("heard 8000 samples").await;
    daemon.vanish().await;
    let output = tokio::time::timeout(Duration::from_secs(30), child.wait_with_output()).await;
    let output = output.expect("it ends by itself").unwrap();
    let ran = done(output.status, &output.stdout, &output.stderr);
    assert_ne!(ran.code, Some(0), "{ran:?}");
}

#[tokio::test]
async fn speech_goes_into_a_file_with_its_marks() {
    let bus = Bus::start();
    let daemon = Scripted::start(&bus).await;
    let file = bus.folder().join("s.wav");
    let text = file.to_str().unwrap();
    let said = bus.json(&["say", "你好", "--out", text]).await;
    assert_eq!(said["words"], json!([{ "text": "你好", "start": 0, "end": 2205 }]));
    assert_eq!(said["visemes"], json!([{ "shape": "a", "at": 10, "weight": 0.5 }]));
    assert_eq!(said["seconds"], 0.1);
    assert_eq!(samples(&file), (RATE, (0..2205).collect()));
    assert_eq!(daemon.calls(), ["synthesize 你好"]);
    let mut piped = bus.program(&["say", "你好", "--out", "-"]);
    let output = piped.output().await.unwrap();
    assert_eq!(output.stdout, std::fs::read(&file).unwrap());
    let ran = bus.run(&["say", "你好", "--out", "/nowhere/s.wav"]).await;
    assert_eq!(ran.code, Some(66), "{ran:?}");
}

#[tokio::test]
async fn a_clip_is_recognised() {
    let bus = Bus::start();
    let daemon = Scripted::start(&bus).await;
    let clip = recording(bus.folder(), true);
    let clip = clip.to_str().unwrap();
    let ran = bus.run(&["listen", clip, "--language", "zh"]).await;
    assert_eq!(ran.out, "今天天气真好\nzh · happy · speech · confidence 0.93\n");
    let bytes = std::fs::metadata(clip).unwrap().len();
    assert_eq!(daemon.calls(), [format!("transcribe {bytes} bytes language=zh")]);
    assert_eq!(bus.json(&["listen", clip]).await["confidence"], 0.93);
    assert_eq!(bus.run(&["listen", "/etc/hostname"]).await.code, Some(65));
}
