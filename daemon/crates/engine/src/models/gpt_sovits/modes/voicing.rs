//! Voices the chunks of a stream as GPT-SoVITS does: every chunk is decoded with all codes before it
//! in sight, its first latent frames are cross-faded with the last ones of the chunk before, and the
//! ends of the sound are held back, aligned and faded, but for the last.

use candle_core::Tensor;

use super::super::{
    load::computing,
    s2::{Chunk, S2, Sound, Speech},
    stream::join,
};
use crate::EngineError;

/// Samples by which a chunk may be moved to fit the one before (the reference's).
const SEARCH: usize = 320;
/// New codes below which a chunk is decoded with more of those before it (the reference's).
const FEW: usize = 10;

/// A stream being voiced.
#[derive(Debug)]
pub(super) struct Voicing<'a> {
    model: &'a S2,
    style: &'a Tensor,
    phones: &'a [u32],
    speed: f64,
    /// Codes that two chunks share.
    overlap: usize,
    codes: Vec<u32>,
    /// Latent frames of the chunk before.
    latent: Option<Tensor>,
    /// Samples held back of it.
    tail: Vec<f32>,
}

impl<'a> Voicing<'a> {
    /// A stream at its beginning: the words' `phones` in a voice of this `style`.
    pub(super) fn new(
        model: &'a S2,
        (style, phones): (&'a Tensor, &'a [u32]),
        (speed, overlap): (f64, usize),
    ) -> Self {
        let (codes, tail) = (Vec::new(), Vec::new());
        Self { model, style, phones, speed, overlap, codes, latent: None, tail }
    }

    /// Samples that can be heard now that the next codes are there; `last` ends the stream, and may
    /// come with no codes.
    ///
    /// # Errors
    /// As [`S2::decode`].
    pub(super) fn push(&mut self, codes: &[u32], last: bool) -> Result<Vec<f32>, EngineError> {
        if codes.is_empty() {
            return Ok(if last { std::mem::take(&mut self.tail) } else { Vec::new() });
        }
        self.codes.extend_from_slice(codes);
        let first = self.latent.is_none();
        let shared = if first { 0 } else { self.overlap + FEW.saturating_sub(codes.len()) };
        let Sound { samples, latent } = self.decode(codes.len(), shared)?;
        self.latent = Some(latent);
        let begin = if shared > self.overlap {
            samples.len().saturating_sub(whole(self.samples(self.overlap + codes.len())))
        } else {
            0
        };
        let samples = &samples[begin..];
        let held = whole(self.samples(self.overlap).ceil()).min(samples.len());
        let tail = std::mem::take(&mut self.tail);
        if !last {
            self.tail = samples[samples.len() - held..].to_vec();
        }
        let mut heard = if first || last {
            samples.to_vec()
        } else {
            join(&tail, samples, tail.len(), SEARCH).0
        };
        if !last {
            heard.truncate(heard.len().saturating_sub(held));
        }
        Ok(heard)
    }

    /// Decodes the last `new + shared` codes; all of them where nothing was decoded before.
    fn decode(&self, new: usize, shared: usize) -> Result<Sound, EngineError> {
        let before = match &self.latent {
            Some(latent) => {
                let frames = latent.dims()[1];
                let kept = (2 * shared).min(frames);
                Some(latent.narrow(1, frames - kept, kept).map_err(computing("a chunk"))?)
            }
            None => None,
        };
        let speech = Speech {
            codes: &self.codes,
            phones: self.phones,
            speed: self.speed,
            noise: None,
            noise_scale: 0.0,
            chunk: Chunk { codes: before.as_ref().map(|_| new + shared), before: before.as_ref() },
        };
        self.model.decode(&speech, self.style, &mut |_, _| Ok(()))
    }

    /// Samples of so many codes at this speed, a fraction of one included.
    #[expect(clippy::cast_precision_loss, reason = "codes and samples are few")]
    fn samples(&self, codes: usize) -> f64 {
        codes as f64 * (self.model.samples_per_code() as f64 / self.speed)
    }
}

/// Whole samples.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "lengths are positive and small"
)]
fn whole(samples: f64) -> usize {
    samples as usize
}
