//! Converts rates with rubato's FFT resampler, chunk by chunk.

use audioadapter_buffers::direct::InterleavedSlice;
use companion_types::SampleRate;
use rubato::{Fft, FixedSync, Resampler as _};

use crate::error::AudioError;

/// Input frames of one pass; 10 ms at 44.1 kHz or so.
const CHUNK: usize = 441;

/// A mono resampler for a stream.
pub struct Resampler {
    inner: Option<Fft<f32>>,
    held: Vec<f32>,
    /// Samples of the filter's delay that are still to be dropped.
    delay: usize,
    ratio: f64,
    taken: usize,
    given: usize,
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resampler").field("ratio", &self.ratio).finish_non_exhaustive()
    }
}

impl Resampler {
    /// From one rate to another.
    ///
    /// # Errors
    /// When a rate is 0 or the two cannot be converted.
    pub fn new(from: SampleRate, to: SampleRate) -> Result<Self, AudioError> {
        Self::with_chunk(from, to, CHUNK)
    }

    /// From one rate to another, `chunk` input samples at a time: a short one answers sooner, a long
    /// one filters more steeply. Rates without a large common divisor (22.05 kHz to 16 kHz) need longer
    /// ones and get them: [`Self::lag`] tells.
    ///
    /// # Errors
    /// When a rate is 0 or the two cannot be converted.
    pub fn with_chunk(from: SampleRate, to: SampleRate, chunk: usize) -> Result<Self, AudioError> {
        let rate = |reason: String| AudioError::Rate { from: from.0, to: to.0, reason };
        if from.0 == 0 || to.0 == 0 {
            return Err(rate("a rate of 0".to_owned()));
        }
        let (input, output) = (from.0 as usize, to.0 as usize);
        let inner = if from == to {
            None
        } else {
            let fft = Fft::new(input, output, chunk.max(1), 1, FixedSync::Input);
            Some(fft.map_err(|e| rate(e.to_string()))?)
        };
        let delay = inner.as_ref().map_or(0, rubato::Resampler::output_delay);
        let ratio = f64::from(to.0) / f64::from(from.0);
        Ok(Self { inner, held: Vec::new(), delay, ratio, taken: 0, given: 0 })
    }

    /// By how many samples of output it lags at most: one pass and the filter's delay. 0 when there is
    /// nothing to convert.
    #[must_use]
    pub fn lag(&self) -> usize {
        self.inner.as_ref().map_or(0, |r| r.output_frames_max() + r.output_delay())
    }

    /// Takes samples, gives those that are ready.
    ///
    /// # Errors
    /// When the resampler fails.
    pub fn push(&mut self, pcm: &[f32]) -> Result<Vec<f32>, AudioError> {
        self.taken += pcm.len();
        if self.inner.is_none() {
            self.given += pcm.len();
            return Ok(pcm.to_vec());
        }
        self.held.extend_from_slice(pcm);
        let mut out = Vec::new();
        while let Some(chunk) = self.inner.as_ref().map(rubato::Resampler::input_frames_next)
            && self.held.len() >= chunk
        {
            let part: Vec<f32> = self.held.drain(..chunk).collect();
            out.extend(self.pass(&part)?);
        }
        self.given += out.len();
        Ok(out)
    }

    /// The stream is over: gives the rest, so that the whole is as long as it must be.
    ///
    /// # Errors
    /// When the resampler fails.
    pub fn finish(&mut self) -> Result<Vec<f32>, AudioError> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "lengths of audio"
        )]
        let wanted = (self.taken as f64 * self.ratio).round() as usize;
        let mut out = Vec::new();
        while self.given + out.len() < wanted {
            let Some(chunk) = self.inner.as_ref().map(rubato::Resampler::input_frames_next) else {
                break;
            };
            let mut part: Vec<f32> = std::mem::take(&mut self.held);
            part.resize(chunk, 0.0);
            out.extend(self.pass(&part)?);
        }
        out.truncate(wanted.saturating_sub(self.given));
        self.given += out.len();
        Ok(out)
    }

    fn pass(&mut self, part: &[f32]) -> Result<Vec<f32>, AudioError> {
        let failed = |e: String| AudioError::Rate { from: 0, to: 0, reason: e };
        let Some(inner) = &mut self.inner else { return Ok(part.to_vec()) };
        let adapter =
            InterleavedSlice::new(part, 1, part.len()).map_err(|e| failed(e.to_string()))?;
        let mut out = inner.process(&adapter, None).map_err(|e| failed(e.to_string()))?.take_data();
        let drop = self.delay.min(out.len());
        out.drain(..drop);
        self.delay -= drop;
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_keeps_its_length_and_level_through_any_rates() {
        for (from, to) in [
            (22_050, 48_000),
            (44_100, 16_000),
            (48_000, 16_000),
            (16_000, 16_000),
            (8_000, 16_000),
        ] {
            let pcm: Vec<f32> = (0..from)
                .map(|i| {
                    (2.0 * std::f64::consts::PI * 440.0 * f64::from(i) / f64::from(from)).sin()
                        as f32
                        * 0.5
                })
                .collect();
            let mut resampler = Resampler::new(SampleRate(from), SampleRate(to)).unwrap();
            let mut out = Vec::new();
            for part in pcm.chunks(333) {
                out.extend(resampler.push(part).unwrap());
            }
            out.extend(resampler.finish().unwrap());
            assert_eq!(out.len(), to as usize, "{from} {to}");
            let middle = &out[out.len() / 4..out.len() / 2];
            let power = middle.iter().map(|s| f64::from(s * s)).sum::<f64>() / middle.len() as f64;
            assert!((power - 0.125).abs() < 0.004, "{from} {to}: {power}");
        }
        assert!(Resampler::new(SampleRate(0), SampleRate(16_000)).is_err());
    }
}
