//! `listening [MODEL]`: an hour of sounds that are no speech through the whole listening path (detector, endpointer,
//! recogniser, confidence), and speech of the starter voice beside it, so that deafness does not look like success.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;
use companion_asr::{AsrEvent, Listener, ListenerSettings};
use companion_audio::Resampler;
use companion_tts::{EspeakVoice, Synthesizer as _, Utterance, VoiceFile};
use companion_types::{
    AudioFrame, CAPTURE_RATE, Cancel, Emotion, FRAME_SAMPLES, Language, SampleClock, Sentence,
    SentenceSeq, TurnId,
};
use companiond::{EarshotDetector, SenseVoiceRecognizer};

const RATE: usize = 16_000;
/// Seconds of one clip, and of the silence behind it.
const CLIP_S: usize = 9;
const GAP_S: usize = 1;
const TEXTS: [&str; 8] = [
    "今天天气很好我们去公园走走",
    "我想听一首安静的歌",
    "明天早上提醒我开会",
    "你觉得晚饭吃什么好",
    "please remind me to call my mother",
    "the weather is lovely today",
    "i would like a cup of coffee",
    "what should we do this weekend",
];

/// Measures what the ears make of sounds that are no speech.
#[derive(Debug, Parser)]
#[command(name = "listening", version)]
struct Arguments {
    /// The recogniser's directory.
    #[arg(default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/companion-ears-starter"))]
    model: PathBuf,
    /// Minutes of sound.
    #[arg(long, default_value_t = 60)]
    minutes: usize,
    /// Prints what was heard.
    #[arg(long)]
    show: bool,
    /// Data of the voice.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../static"))]
    data: PathBuf,
}

/// A small generator of numbers (xorshift, Marsaglia 2003), so that every run hears the same.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1_u64 << 24) as f32
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.next()
    }

    /// Noise whose power falls with frequency, by a leaky sum.
    fn noise(&mut self, count: usize, leak: f32) -> Vec<f32> {
        let mut held = 0.0;
        let white = |r: &mut Self| r.next() + r.next() + r.next() - 1.5;
        (0..count)
            .map(|_| {
                held = leak * held + white(self);
                held
            })
            .collect()
    }
}

struct Sounds {
    random: Random,
    speech: Vec<Vec<f32>>,
}

const KINDS: [&str; 8] = [
    "silence",
    "white noise",
    "brown noise",
    "modulated noise",
    "tones",
    "music",
    "babble",
    "reversed speech",
];

impl Sounds {
    fn clip(&mut self, kind: &str) -> Vec<f32> {
        let count = CLIP_S * RATE;
        let r = &mut self.random;
        let time = |n: usize| n as f32 / RATE as f32;
        let mut pcm = match kind {
            "white noise" => r.noise(count, 0.0),
            "brown noise" => r.noise(count, 0.97),
            "modulated noise" => {
                let speed = r.between(1.0, 6.0);
                let noise = r.noise(count, 0.7);
                noise
                    .iter()
                    .enumerate()
                    .map(|(n, s)| s * (std::f32::consts::TAU * speed * time(n)).sin().max(0.0))
                    .collect()
            }
            "tones" => {
                let pitches = [
                    r.between(80.0, 400.0),
                    r.between(400.0, 1_500.0),
                    r.between(1_500.0, 4_000.0),
                ];
                (0..count)
                    .map(|n| {
                        pitches.iter().map(|p| (std::f32::consts::TAU * p * time(n)).sin()).sum()
                    })
                    .collect()
            }
            "music" => melody(r, count),
            "babble" => {
                let mut mix = vec![0.0; count];
                for _ in 0..6 {
                    let voice = &self.speech
                        [(r.next() * self.speech.len() as f32) as usize % self.speech.len()];
                    let from = (r.next() * voice.len() as f32) as usize;
                    for (n, s) in mix.iter_mut().enumerate() {
                        *s += voice[(from + n) % voice.len()];
                    }
                }
                mix
            }
            "reversed speech" => {
                let voice = &self.speech
                    [(r.next() * self.speech.len() as f32) as usize % self.speech.len()];
                voice.iter().rev().copied().cycle().take(count).collect()
            }
            _ => vec![0.0; count],
        };
        let peak = pcm.iter().fold(1e-6_f32, |a, s| a.max(s.abs()));
        let loud = 10_f32.powf(r.between(-35.0, -3.0) / 20.0);
        for s in &mut pcm {
            *s = *s / peak * loud + (r.next() - 0.5) * 1e-4;
        }
        pcm
    }
}

/// Notes of a pentatonic scale with overtones, plucked.
fn melody(r: &mut Random, count: usize) -> Vec<f32> {
    let scale = [0, 2, 4, 7, 9, 12, 14, 16];
    let length = (r.between(0.12, 0.5) * RATE as f32) as usize;
    let (decay, overtones) = (r.between(1.0, 8.0), 2 + (r.next() * 5.0) as usize);
    let mut pcm = Vec::with_capacity(count);
    while pcm.len() < count {
        let step = scale[(r.next() * 8.0) as usize % 8];
        let pitch = 220.0 * 2_f32.powf(step as f32 / 12.0);
        for n in 0..length {
            let t = n as f32 / RATE as f32;
            let sum: f32 = (1..=overtones)
                .map(|h| (std::f32::consts::TAU * pitch * h as f32 * t).sin() / h as f32)
                .sum();
            pcm.push(sum * (-t * decay).exp());
        }
    }
    pcm.truncate(count);
    pcm
}

fn speak(arguments: &Arguments) -> anyhow::Result<Vec<Vec<f32>>> {
    let file = VoiceFile::open(&arguments.data.join("voices"), "default")?;
    let exe = std::env::current_exe()?;
    let programs = exe.parent().context("where is this program?")?;
    let mut voice = EspeakVoice::new(
        programs.join("companion-espeak"),
        file.espeak.context("the voice has no [espeak]")?,
    );
    let emotions = [Emotion::CALM, Emotion::HAPPY, Emotion::SAD, Emotion::ANGRY];
    let mut clips = Vec::new();
    for (n, text) in TEXTS.iter().enumerate() {
        let language = Language::of_text(text);
        let emotion = emotions[n % emotions.len()].clone();
        let sentence = Sentence {
            turn: TurnId(0),
            seq: SentenceSeq(0),
            emotion,
            text: (*text).into(),
            last: true,
        };
        let mut resampler = Resampler::new(voice.rate(), CAPTURE_RATE)?;
        let mut pcm = Vec::new();
        voice.speak(&Utterance::new(sentence, language), &Cancel::new(), &mut |chunk| {
            pcm.extend(resampler.push(&chunk.pcm).unwrap_or_default());
            ControlFlow::Continue(())
        })?;
        pcm.extend(resampler.finish()?);
        clips.push(pcm);
    }
    Ok(clips)
}

#[derive(Debug, Default)]
struct Tally {
    clips: usize,
    woke: usize,
    text: usize,
    confidence: Vec<f32>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut out = io::stdout();
    let mut recognizer = SenseVoiceRecognizer::load(&arguments.model)?;
    let mut listener = Listener::new(
        EarshotDetector::new(),
        ListenerSettings { partial_every_ms: 0, ..ListenerSettings::default() },
    );
    let mut sounds = Sounds { random: Random(0x5EED_C0DE), speech: speak(&arguments)? };
    let mut table: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut now = 0;
    let clips = (arguments.minutes * 60 / (CLIP_S + GAP_S)).max(KINDS.len());
    let speech = sounds.speech.len();
    for number in 0..clips + speech {
        let (kind, mut pcm) = match number.checked_sub(clips) {
            Some(n) => ("(speech, to compare)", sounds.speech[n].clone()),
            None => (KINDS[number % KINDS.len()], sounds.clip(KINDS[number % KINDS.len()])),
        };
        pcm.extend(vec![0.0; GAP_S * RATE]);
        let tally = table.entry(kind).or_default();
        tally.clips += 1;
        let (mut woke, mut heard) = (false, false);
        for frame in pcm.as_chunks::<FRAME_SAMPLES>().0 {
            let frame = AudioFrame { at: SampleClock(now), pcm: *frame };
            now += FRAME_SAMPLES as u64;
            match listener.push(&frame, &mut recognizer)? {
                Some(AsrEvent::SpeechStarted { .. }) => woke = true,
                Some(AsrEvent::SpeechEnded { transcript, .. })
                    if !transcript.text.trim().is_empty() =>
                {
                    heard = true;
                    tally.confidence.push(transcript.confidence);
                    if arguments.show {
                        writeln!(
                            out,
                            "    {kind}: {} ({:.2})",
                            transcript.text, transcript.confidence
                        )?;
                    }
                }
                _ => {}
            }
        }
        tally.woke += usize::from(woke);
        tally.text += usize::from(heard);
    }
    writeln!(
        out,
        "| sound | clips of {CLIP_S} s | detector woke | text | confidence, least to most |"
    )?;
    writeln!(out, "|---|---|---|---|---|")?;
    let (mut all, mut text) = (0, 0);
    for (kind, tally) in &mut table {
        tally.confidence.sort_by(f32::total_cmp);
        let range = match tally.confidence.as_slice() {
            [] => "-".to_owned(),
            some => {
                format!("{:.2}, {:.2}, {:.2}", some[0], some[some.len() / 2], some[some.len() - 1])
            }
        };
        writeln!(out, "| {kind} | {} | {} | {} | {range} |", tally.clips, tally.woke, tally.text)?;
        if !kind.starts_with('(') {
            (all, text) = (all + tally.clips, text + tally.text);
        }
    }
    writeln!(
        out,
        "no text in {:.1} % of {all} clips without speech",
        100.0 * (1.0 - text as f64 / all.max(1) as f64)
    )?;
    Ok(())
}
