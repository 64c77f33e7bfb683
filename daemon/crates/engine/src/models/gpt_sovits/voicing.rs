//! Voices a growing sequence of codes so that the pieces are one sound: every sample is decoded with
//! all that the flow and the vocoder see on its left, and with some codes that are not heard yet on
//! its right. Only the prior, which looks at all codes, moves a little when codes are added; what
//! that changes is faded over. Nothing is shifted, so that every code has its samples.

use candle_core::Tensor;

use super::{
    noise::FrameNoise,
    s2::{Passage, S2},
};
use crate::EngineError;

/// Samples over which a piece is faded into the next: a code, 40 ms.
const FADE: usize = 1_280;

/// What stays the same while a piece of text is spoken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting<'a> {
    pub(super) model: &'a S2,
    pub(super) style: &'a Tensor,
    pub(super) phones: &'a [u32],
    pub(super) speed: f64,
    pub(super) noise_scale: f64,
}

/// A sound being voiced.
#[derive(Debug)]
pub(super) struct Voicing<'a> {
    setting: Setting<'a>,
    noise: FrameNoise,
    codes: Vec<u32>,
    /// Samples that were given out.
    heard: usize,
    /// What would have followed them.
    tail: Vec<f32>,
}

impl<'a> Voicing<'a> {
    pub(super) fn new(setting: Setting<'a>, noise: FrameNoise) -> Self {
        Self { setting, noise, codes: Vec::new(), heard: 0, tail: Vec::new() }
    }

    /// Samples given out so far.
    pub(super) fn heard(&self) -> usize {
        self.heard
    }

    /// Takes the next codes and gives the samples up to the last `behind` codes, which wait for more.
    pub(super) fn push(&mut self, codes: &[u32], behind: usize) -> Result<Vec<f32>, EngineError> {
        self.codes.extend_from_slice(codes);
        let Setting { model, style, phones, speed, noise_scale } = self.setting;
        let count = self.codes.len();
        let until = model.sample_of(count.saturating_sub(behind), speed);
        if until <= self.heard {
            return Ok(Vec::new());
        }
        let all = model.sample_of(count, speed);
        let samples = self.heard..(until + FADE).min(all);
        let passage = Passage { codes: &self.codes, phones, speed, noise_scale, samples };
        let noise = &mut self.noise;
        let mut sound =
            model.passage(&passage, style, &mut |channels, frames| noise.rows(channels, frames))?;
        fade(&self.tail, &mut sound);
        self.tail = sound.split_off((until - self.heard).min(sound.len()));
        self.heard = until;
        Ok(sound)
    }
}

/// Fades from `old` into the beginning of `new`, both of which are the same moments.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a fade is short and kept as f32"
)]
fn fade(old: &[f32], new: &mut [f32]) {
    let length = old.len().min(new.len());
    for (i, (old, new)) in old.iter().zip(new.iter_mut()).enumerate() {
        let turn = std::f64::consts::PI * (i as f64 + 0.5) / length as f64;
        let share = (0.5 - 0.5 * turn.cos()) as f32;
        *new = old + (*new - old) * share;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fade_begins_with_the_old_and_ends_with_the_new() {
        let mut new = [1.0; 6];
        fade(&[0.0; 4], &mut new);
        assert!(new[0] < 0.05 && (new[1] + new[2] - 1.0).abs() < 1e-6 && new[3] > 0.95, "{new:?}");
        assert_eq!(new[4..], [1.0, 1.0]);
    }

    #[test]
    fn what_is_faded_into_itself_stays() {
        let mut new = [0.25, -0.5];
        fade(&[0.25, -0.5], &mut new);
        assert_eq!(new, [0.25, -0.5]);
    }
}
