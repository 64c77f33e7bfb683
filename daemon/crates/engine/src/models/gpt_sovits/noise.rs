//! The chance in a voice: how codes are drawn and how latent frames deviate from their means. A seed
//! repeats it; without one, the likeliest code is taken and every frame is its mean.

use std::ops::Range;

use crate::random::Random;

/// A source of noise.
#[derive(Clone, Debug)]
pub(super) struct Noise(Option<Random>);

impl Noise {
    /// The same noise for the same seed; none at all without one.
    pub(super) fn new(seed: Option<u64>) -> Self {
        Self(seed.map(Random::new))
    }

    /// A source of its own, told by the next number of this one.
    pub(super) fn fork(&mut self) -> Self {
        Self(self.0.as_mut().map(|random| Random::new(random.bits())))
    }

    /// Fills `draws` for a code (see [`super::sampler::draw`]).
    pub(super) fn exponential(&mut self, draws: &mut [f32]) {
        match &mut self.0 {
            Some(random) => draws.fill_with(|| random.exponential()),
            None => draws.fill(1.0),
        }
    }
}

/// The noise of latent frames: drawn frame after frame and kept, so that a frame has the same noise
/// however often it is decoded.
#[derive(Debug)]
pub(super) struct FrameNoise {
    noise: Noise,
    /// One frame after another.
    drawn: Vec<f32>,
}

impl FrameNoise {
    pub(super) fn new(noise: Noise) -> Self {
        Self { noise, drawn: Vec::new() }
    }

    /// `[channels, frames]`, row-major; none without noise. Always asked for as many channels.
    pub(super) fn rows(&mut self, channels: usize, frames: Range<usize>) -> Option<Vec<f32>> {
        let random = self.noise.0.as_mut()?;
        while self.drawn.len() < channels * frames.end {
            self.drawn.push(random.normal());
        }
        let channel = |channel: usize| frames.clone().map(move |at| at * channels + channel);
        Some((0..channels).flat_map(channel).map(|at| self.drawn[at]).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fork_neither_repeats_its_source_nor_differs_from_run_to_run() {
        let numbers = |noise: Noise| FrameNoise::new(noise).rows(1, 0..3);
        let fork = || Noise::new(Some(5)).fork();
        assert_eq!(numbers(fork()), numbers(fork()));
        assert_ne!(numbers(fork()), numbers(Noise::new(Some(5))));
    }

    #[test]
    fn no_noise_takes_the_likeliest_code_and_the_mean_of_every_frame() {
        let mut draws = [0.0; 3];
        let mut noise = Noise::new(None).fork();
        noise.exponential(&mut draws);
        assert_eq!((draws, FrameNoise::new(noise).rows(2, 0..4)), ([1.0; 3], None));
    }

    #[test]
    fn a_frame_has_the_same_noise_in_every_window() {
        let noise = || FrameNoise::new(Noise::new(Some(1)));
        let whole = noise().rows(2, 0..5).unwrap();
        let mut parts = noise();
        parts.rows(2, 0..2);
        // Two channels of five frames: frames 1 to 3 of each.
        assert_eq!(parts.rows(2, 1..4).unwrap(), [&whole[1..4], &whole[6..9]].concat());
    }
}
