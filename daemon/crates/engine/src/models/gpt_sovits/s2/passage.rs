//! A passage of the sound of codes: what lies around it is decoded only as far as the flow and the
//! vocoder see. Frames have fixed places, so that passages of the same codes are pieces of one sound.

use std::ops::Range;

use candle_core::Tensor;

use super::{FRAMES_PER_CODE, S2, STAGE};
use crate::{EngineError, models::gpt_sovits::load::computing};

/// Noise of latent frames, `[channels, frames]` row-major, for the frames asked for; or none.
pub(in super::super) type FrameNoise<'a> = dyn FnMut(usize, Range<usize>) -> Option<Vec<f32>> + 'a;

/// How many frames decide on one, on either side of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sights {
    /// In the flow (32 in the published models: four couplings of four layers with five taps).
    pub(super) flow: usize,
    /// In the vocoder (11 in the published models).
    pub(super) vocoder: usize,
}

/// Which part of the sound of codes is wanted.
#[derive(Clone, Debug)]
pub(in super::super) struct Passage<'a> {
    /// Semantic codes, all that are known.
    pub(in super::super) codes: &'a [u32],
    /// Ids of the phones.
    pub(in super::super) phones: &'a [u32],
    /// 1 is the codes' own speed.
    pub(in super::super) speed: f64,
    /// What the noise is multiplied by.
    pub(in super::super) noise_scale: f64,
    /// The samples wanted, from the beginning of the sound.
    pub(in super::super) samples: Range<usize>,
}

impl S2 {
    /// The sample, from the beginning of the sound, at which a code begins when all are spoken at
    /// this speed; the end of the sound for the number of codes.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "codes are few and speeds positive"
    )]
    pub(in super::super) fn sample_of(&self, code: usize, speed: f64) -> usize {
        ((code * self.samples_per_code()) as f64 / speed).round() as usize
    }

    /// Decodes a passage: the samples wanted, as far as the codes reach. `noise` is asked, with the
    /// number of channels, for the noise of the frames that are computed.
    ///
    /// # Errors
    /// As [`S2::decode`].
    pub(in super::super) fn passage(
        &self,
        passage: &Passage<'_>,
        style: &Tensor,
        noise: &mut FrameNoise<'_>,
    ) -> Result<Vec<f32>, EngineError> {
        let inputs = (passage.codes, passage.phones);
        self.check(inputs, passage.speed, style)?;
        let failed = computing(STAGE);
        let all = self.sample_of(passage.codes.len(), passage.speed);
        let (begin, end) = (passage.samples.start, passage.samples.end.min(all));
        if begin >= end {
            return Ok(Vec::new());
        }
        let last = self.frames(passage.codes.len(), passage.speed);
        let wanted = begin / self.frame_samples..end.div_ceil(self.frame_samples).min(last);
        let voiced = around(&wanted, self.sights.vocoder, last);
        let sampled = around(&voiced, self.sights.flow, last);
        let (quantized, phones, told) = self.placed(inputs, style, &mut |_, _| Ok(()))?;
        let encoded = self.prior.encoded((&quantized, &phones, &told), &mut |_, _| Ok(()))?;
        let stats =
            self.prior.passage(&encoded, passage.speed, sampled.clone()).map_err(&failed)?;
        let noise = noise(self.prior.width, sampled.clone());
        let z = self.sampled(&stats, noise.as_deref(), passage.noise_scale)?;
        let z = self.flow.backwards(&z, style, &mut |_, _| Ok(()))?;
        let z = z
            .narrow(1, voiced.start - sampled.start, voiced.len())
            .and_then(|z| z.contiguous())
            .map_err(&failed)?;
        let sound = self.vocoder.forward(&z, style, &mut |_, _| Ok(()))?;
        let from = begin - voiced.start * self.frame_samples;
        sound.narrow(0, from, end - begin).and_then(|sound| sound.to_vec1()).map_err(&failed)
    }

    /// Frames of so many codes at this speed, the last perhaps not wholly heard.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "codes are few and speeds positive"
    )]
    fn frames(&self, codes: usize, speed: f64) -> usize {
        ((codes * FRAMES_PER_CODE) as f64 / speed).ceil() as usize
    }
}

/// `frames` and up to `sight` more on either side, none of which lies beyond `last`.
fn around(frames: &Range<usize>, sight: usize, last: usize) -> Range<usize> {
    frames.start.saturating_sub(sight)..(frames.end + sight).min(last)
}
