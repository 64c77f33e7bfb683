//! GPT-SoVITS's own ways of speaking, faults included, for comparisons with it: pieces decoded as
//! wholes or in one batch, and its two ways of streaming, of which one speaks codes twice and both
//! join the last chunk without a fade. A product speaks with [`super::pipeline`].

mod chunks;
mod voicing;

use self::{chunks::Chunks, voicing::Voicing};
use super::{
    pipeline::{Manner, Pipeline},
    s2::{Chunk, Speech},
    voice::{Voice, Words},
};
use crate::EngineError;

/// The code that is taken for silence (`TTS.py`).
const MUTE: u32 = 486;

/// How a stream is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// After every so many codes (mode 3).
    Every(usize),
    /// Where codes are most like silence, at least so many behind the last cut (mode 2). Codes
    /// behind the cut that were there when it was made are spoken in this chunk and in the next.
    Pause(usize),
}

/// A piece, or a chunk of one, that was spoken.
#[derive(Clone, Debug, PartialEq)]
pub struct Spoken {
    /// Its semantic codes.
    pub codes: Vec<u32>,
    /// Samples of 32 kHz in −1..1.
    pub samples: Vec<f32>,
}

/// A voice that speaks in GPT-SoVITS's modes. Of the manner, the chunking is not looked at; the
/// noise of latent frames is left out.
#[derive(Clone, Copy, Debug)]
pub struct Modes<'a> {
    /// The models.
    pub pipeline: &'a Pipeline,
    /// The voice.
    pub voice: &'a Voice,
    /// How codes are drawn, and the speed.
    pub manner: Manner,
}

impl Modes<'_> {
    /// Speaks pieces as wholes; at speed 1 their codes are decoded at once and the sound is cut
    /// afterwards.
    ///
    /// # Errors
    /// As [`Pipeline::speak`].
    pub fn batch(&self, pieces: &[Words<'_>]) -> Result<Vec<Spoken>, EngineError> {
        let mut all = Vec::new();
        for words in pieces {
            let (codes, _) =
                self.pipeline.codes(words, self.voice, &self.manner, &mut |_| Ok(true))?;
            all.push(codes);
        }
        if (self.manner.speed - 1.0).abs() >= f64::EPSILON {
            let each = pieces.iter().zip(all);
            return each
                .map(|(words, codes)| {
                    let samples = self.whole(&codes, words.phones)?;
                    Ok(Spoken { codes, samples })
                })
                .collect();
        }
        let phones: Vec<u32> =
            pieces.iter().flat_map(|words| words.phones.iter().copied()).collect();
        let mut sound = self.whole(&all.concat(), &phones)?;
        let per_code = self.pipeline.synthesizer().samples_per_code();
        let cut = all.into_iter().map(|codes| {
            let rest = sound.split_off((codes.len() * per_code).min(sound.len()));
            Spoken { codes, samples: std::mem::replace(&mut sound, rest) }
        });
        Ok(cut.collect())
    }

    /// Speaks a piece in chunks that share `overlap` codes. The last one may be without codes.
    ///
    /// # Errors
    /// As [`Pipeline::speak`].
    pub fn stream(
        &self,
        words: &Words<'_>,
        cut: Cut,
        overlap: usize,
    ) -> Result<Vec<Spoken>, EngineError> {
        let likeness = match cut {
            Cut::Every(_) => Vec::new(),
            Cut::Pause(_) => self.pipeline.decoder().likeness(MUTE)?,
        };
        let model = self.pipeline.synthesizer();
        let how = (self.manner.speed, overlap);
        let mut voicing = Voicing::new(model, (&self.voice.style, words.phones), how);
        let mut chunks = Chunks::new(cut, &likeness);
        let mut spoken = Vec::new();
        self.pipeline.codes(words, self.voice, &self.manner, &mut |code| {
            if let Some(codes) = chunks.push(code) {
                let samples = voicing.push(&codes, false)?;
                spoken.push(Spoken { codes, samples });
            }
            Ok(true)
        })?;
        let codes = chunks.rest();
        let samples = voicing.push(&codes, true)?;
        spoken.push(Spoken { codes, samples });
        Ok(spoken)
    }

    /// The sound of codes and their phones, decoded at once.
    fn whole(&self, codes: &[u32], phones: &[u32]) -> Result<Vec<f32>, EngineError> {
        let speech = Speech {
            codes,
            phones,
            speed: self.manner.speed,
            noise: None,
            noise_scale: 0.0,
            chunk: Chunk { codes: None, before: None },
        };
        let model = self.pipeline.synthesizer();
        Ok(model.decode(&speech, &self.voice.style, &mut |_, _| Ok(()))?.samples)
    }
}
