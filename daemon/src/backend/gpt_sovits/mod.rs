//! The voice: GPT-SoVITS. The emotion of a clause picks the reference that it is spoken after; what depends on the
//! references alone is read once and kept.

mod prosody;
mod references;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use companion_engine::models::gpt_sovits::GptSovitsFolder;
use companion_engine::models::gpt_sovits::pipeline::{Chunking, Listener, Manner, Pipeline};
use companion_engine::models::gpt_sovits::sampler::Sampling;
use companion_engine::models::gpt_sovits::voice::{RATE, Voice};
use companion_engine::{Device, EngineError};
use companion_tts::{
    ClauseReader, GptSovitsSettings, Pace, PhoneTimes, Synthesizer, SynthesizerError, Utterance,
};
use companion_types::{Cancel, Emotion, SampleRate, SpeechChunk, TurnId};

use self::prosody::Prosody;
use self::references::References;
use super::kind_of;

/// A decoder that finds no end is stopped: so many times the usual length, and some grace.
const TOO_LONG: f64 = 2.5;
const GRACE_S: f64 = 1.5;
/// Semantic codes of a second.
const CODES_PER_S: f64 = 25.0;

/// Where a voice's parts lie.
#[derive(Debug, Clone)]
pub(crate) struct VoiceParts {
    /// The model's directory.
    pub(crate) model: PathBuf,
    /// The voice's folder with its clips.
    pub(crate) clips: PathBuf,
    /// Where what was read of the clips is kept.
    pub(crate) kept: PathBuf,
    pub(crate) settings: GptSovitsSettings,
}

/// A voice of reference clips.
pub(crate) struct GptSovitsVoice {
    pipeline: Pipeline,
    prosody: Prosody,
    references: References,
    reader: Arc<ClauseReader>,
    settings: GptSovitsSettings,
    pace: Pace,
    /// The sound of the clause before, and whose turn it was.
    before: Option<(TurnId, Emotion, Voice)>,
}

fn failed(error: &EngineError) -> SynthesizerError {
    SynthesizerError { message: error.to_string(), kind: kind_of(error) }
}

impl GptSovitsVoice {
    /// Loads the model and reads the references, or takes what was kept of them.
    ///
    /// # Errors
    /// When a file is missing, damaged or does not fit the others, or a clip cannot be used.
    pub(crate) fn load(
        parts: &VoiceParts,
        reader: Arc<ClauseReader>,
    ) -> Result<Self, SynthesizerError> {
        let device = Device::Cpu;
        let files = GptSovitsFolder::open(&parts.model).map_err(|e| failed(&e))?;
        let decoder = files.s1(&device).map_err(|e| failed(&e))?;
        let synthesizer = files.s2(&device).map_err(|e| failed(&e))?;
        let pipeline = Pipeline::new(decoder, synthesizer);
        let (bert, tokenizer) = files.bert(&device).map_err(|e| failed(&e))?;
        let prosody = Prosody::new(bert, tokenizer, pipeline.decoder().bert_width());
        let references = References::read(parts, &files, &pipeline, &prosody, &reader, &device)?;
        let settings = parts.settings.clone();
        let pace = Pace::default();
        let mut voice =
            Self { pipeline, prosody, references, reader, settings, pace, before: None };
        voice.warm_up()?;
        Ok(voice)
    }

    /// Speaks one word into nothing, so that the first clause finds everything in place.
    fn warm_up(&mut self) -> Result<(), SynthesizerError> {
        let clause = self.reader.read("你好。", companion_types::Language::Zh, &Default::default());
        let words = self.prosody.words(&clause, &self.reader).map_err(|e| failed(&e))?;
        let manner = Manner { most_codes: 4, ..Manner::default() };
        let mut nobody = |_: &[f32]| ControlFlow::Continue(());
        let voice = self.references.calm();
        self.pipeline.speak(&words.view(), voice, &manner, &mut nobody).map_err(|e| failed(&e))?;
        Ok(())
    }

    /// What a clause sounds like: after the reference of its emotion, and a little after the clause
    /// before it where the emotion changes within a reply. Less intensity brings it nearer to calm.
    fn sound(&mut self, utterance: &Utterance) -> Result<(Voice, f64), EngineError> {
        let (turn, emotion) = (utterance.sentence.turn, &utterance.sentence.emotion);
        let (target, speed) = self.references.of(emotion);
        let less = 1.0 - utterance.intensity.clamp(0.0, 1.0);
        let weaker;
        let target = if less > 0.0 {
            weaker = target.blended(self.references.calm(), less)?;
            &weaker
        } else {
            target
        };
        let sound = match &self.before {
            Some((before, other, sound)) if *before == turn && other != emotion => {
                target.blended(sound, self.settings.smooth)?
            }
            _ => target.clone(),
        };
        self.before = Some((turn, emotion.clone(), sound.clone()));
        Ok((sound, speed * self.settings.speed))
    }

    /// How a clause that is usually so many seconds long is spoken.
    fn manner(&self, utterance: &Utterance, speed: f64, usual: f64) -> Manner {
        let GptSovitsSettings { top_k, top_p, temperature, .. } = self.settings;
        #[expect(clippy::cast_possible_truncation, reason = "both are near 1")]
        let sampling = Sampling {
            top_k: Some(top_k).filter(|k| *k > 0),
            top_p: Some(top_p as f32),
            temperature: temperature as f32,
            ..Sampling::default()
        };
        // Another attempt is another draw; the same reply sounds the same twice.
        let sentence = &utterance.sentence;
        let seed = (sentence.turn.0 << 20)
            ^ (u64::from(sentence.seq.0) << 4)
            ^ u64::from(utterance.attempt);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a clause is short"
        )]
        let most_codes = ((usual * TOO_LONG + GRACE_S) * CODES_PER_S) as usize;
        let chunking = Chunking::default();
        Manner { sampling, seed: Some(seed), speed, chunking, most_codes, ..Manner::default() }
    }
}

/// Hands chunks out as they come.
struct Out<'a> {
    utterance: &'a Utterance,
    cancel: &'a Cancel,
    sink: &'a mut dyn FnMut(SpeechChunk) -> ControlFlow<()>,
    times: PhoneTimes,
    pace: Pace,
    samples: u64,
    open: bool,
}

impl Out<'_> {
    fn chunk(&self, pcm: Vec<f32>, last: bool) -> SpeechChunk {
        let sentence = &self.utterance.sentence;
        SpeechChunk {
            turn: sentence.turn,
            seq: sentence.seq,
            rate: SampleRate(RATE),
            pcm,
            visemes: Vec::new(),
            words: Vec::new(),
            last,
        }
    }

    fn send(&mut self, chunk: SpeechChunk) -> ControlFlow<()> {
        let flow = (self.sink)(chunk);
        self.open = flow.is_continue();
        flow
    }
}

impl Listener for Out<'_> {
    fn hear(&mut self, samples: &[f32]) -> ControlFlow<()> {
        self.samples += samples.len() as u64;
        let mut chunk = self.chunk(samples.to_vec(), false);
        (chunk.words, chunk.visemes) = self.times.until(self.samples, self.pace);
        self.send(chunk)
    }

    fn listens(&self) -> bool {
        self.open && !self.cancel.is_cancelled()
    }
}

impl Synthesizer for GptSovitsVoice {
    fn rate(&self) -> SampleRate {
        SampleRate(RATE)
    }

    fn varies(&self) -> bool {
        true
    }

    fn speak(
        &mut self,
        utterance: &Utterance,
        cancel: &Cancel,
        sink: &mut dyn FnMut(SpeechChunk) -> ControlFlow<()>,
    ) -> Result<(), SynthesizerError> {
        let sentence = &utterance.sentence;
        let clause =
            self.reader.read(&sentence.text, utterance.language, &utterance.pronunciations);
        let times = PhoneTimes::new(&clause, RATE);
        let pace = self.pace;
        let mut out = Out { utterance, cancel, sink, times, pace, samples: 0, open: true };
        if clause.is_empty() {
            let silent = out.chunk(Vec::new(), true);
            let _ = out.send(silent);
            return Ok(());
        }
        let words = self.prosody.words(&clause, &self.reader).map_err(|e| failed(&e))?;
        let (sound, speed) = self.sound(utterance).map_err(|e| failed(&e))?;
        let manner = self.manner(utterance, speed, out.times.usual_s());
        let spoken = self.pipeline.speak(&words.view(), &sound, &manner, &mut out);
        let mut end = out.chunk(Vec::new(), true);
        let samples = out.samples;
        if out.listens() {
            // The length is known now: what is left of words and shapes is given with the end, which
            // comes even where the models fail in the middle.
            (end.words, end.visemes) = out.times.finish(samples, &mut self.pace);
            let _ = out.send(end);
        }
        spoken.map_err(|e| failed(&e))?;
        Ok(())
    }
}
