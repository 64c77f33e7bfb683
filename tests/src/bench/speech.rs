//! Hearing and speaking.

use std::ops::ControlFlow;
use std::time::Instant;

use anyhow::Context as _;
use companion_asr::SpeechDetector as _;
use companion_audio::Resampler;
use companion_engine::Device;
use companion_engine::models::sensevoice::{SenseVoice, SenseVoiceOptions};
use companion_tts::{EspeakVoice, Synthesizer as _, Utterance, VoiceFile};
use companion_types::{
    CAPTURE_RATE, Cancel, Emotion, FRAME_SAMPLES, Language, Sentence, SentenceSeq, TurnId,
};
use companiond::EarshotDetector;

use super::{Bench, Row, median_ms};

const TEXT: &str = "我今天很高兴，因为天气很好。";

impl Bench {
    fn voice(&self) -> anyhow::Result<EspeakVoice> {
        let file = VoiceFile::open(&self.root.join("static/voices"), "default")?;
        Ok(EspeakVoice::new(
            self.programs.join("companion-espeak"),
            file.espeak.context("the voice has no [espeak]")?,
        ))
    }

    /// Speech of the starter voice, 16 kHz, with silence around it; the milliseconds until its first chunk
    /// and until its end; its length in seconds.
    pub(super) fn speak(&self, text: &str) -> anyhow::Result<(Vec<f32>, f64, f64, f64)> {
        let mut voice = self.voice()?;
        let language = Language::of_text(text);
        let sentence = |text: &str| Sentence {
            turn: TurnId(0),
            seq: SentenceSeq(0),
            emotion: Emotion::CALM,
            text: text.into(),
            last: true,
        };
        // The first call starts the child process.
        let warm = Utterance::new(sentence("好"), language);
        voice.speak(&warm, &Cancel::new(), &mut |_| ControlFlow::Continue(()))?;
        let mut resampler = Resampler::new(voice.rate(), CAPTURE_RATE)?;
        let mut pcm = vec![0.0; 8_000];
        let (mut first, mut samples) = (None, 0);
        let rate = f64::from(voice.rate().0);
        let start = Instant::now();
        let utterance = Utterance::new(sentence(text), language);
        voice.speak(&utterance, &Cancel::new(), &mut |chunk| {
            first.get_or_insert_with(|| start.elapsed());
            samples += chunk.pcm.len();
            pcm.extend(resampler.push(&chunk.pcm).unwrap_or_default());
            ControlFlow::Continue(())
        })?;
        let whole = start.elapsed().as_secs_f64() * 1000.0;
        pcm.extend(resampler.finish()?);
        pcm.extend(vec![0.0; 8_000]);
        let first = first.map_or(whole, |f| f.as_secs_f64() * 1000.0);
        Ok((pcm, first, whole, samples as f64 / rate))
    }
}

pub(super) fn vad(bench: &Bench) -> Vec<Row> {
    let mut detector = EarshotDetector::new();
    let frame = [0.01; FRAME_SAMPLES];
    let frames = bench.repeats(500);
    let ms = median_ms(5, || {
        for _ in 0..frames {
            let _ = detector.score(&frame);
        }
    });
    let each = ms / frames as f64;
    vec![Row::beside("a frame of 20 ms", (each, "ms"), (20.0, "real time"))]
}

pub(super) fn asr(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let directory = bench.root.join("models/companion-ears-starter");
    let start = Instant::now();
    let mut model = SenseVoice::load(&directory, &Device::Cpu)?;
    let load = start.elapsed().as_secs_f64() * 1000.0;
    model.warm_up()?;
    let (pcm, ..) = bench.speak(TEXT)?;
    let seconds = pcm.len() as f64 / 16_000.0;
    let options = SenseVoiceOptions::default();
    let mut failed = None;
    let ms = median_ms(bench.repeats(7), || failed = model.transcribe(&pcm, &options).err());
    if let Some(error) = failed {
        return Err(error.into());
    }
    // Every weight is used once per LFR frame (60 ms): two operations.
    let weights = std::fs::metadata(directory.join("model.safetensors"))?.len() as f64 / 2.0;
    let floor = 2.0 * weights * (seconds / 0.06) / bench.machine.matmul_gflop_s / 1e6;
    Ok(vec![
        Row::plain("load", load, "ms"),
        Row::beside(
            format!("{seconds:.1} s of speech"),
            (ms, "ms"),
            (floor, "the products alone, as large matrices"),
        ),
        Row::beside("", (ms, "ms"), (seconds * 1000.0, "real time")),
    ])
}

pub(super) fn tts(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let (_, first, whole, seconds) = bench.speak(TEXT)?;
    Ok(vec![
        Row::plain("first chunk", first, "ms"),
        Row::beside(
            format!("{seconds:.1} s of speech"),
            (whole, "ms"),
            (seconds * 1000.0, "real time"),
        ),
    ])
}
