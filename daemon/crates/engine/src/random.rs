//! Random numbers from a seed: splitmix64 (Steele et al. 2014), and what is made of its uniform
//! numbers. The same seed gives the same numbers.

use std::f32::consts::TAU;

/// What the state grows by from number to number.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A source of random numbers.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
    /// The second of a pair of normal numbers.
    spare: Option<f32>,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_add(STEP), spare: None }
    }

    /// 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in 0..1, in steps of 2⁻²⁴.
    pub(crate) fn uniform(&mut self) -> f32 {
        #[expect(clippy::cast_precision_loss, reason = "24 bits fit exactly")]
        let value = (self.bits() >> 40) as f32;
        value / 16_777_216.0
    }

    /// Exponential with mean 1, never 0.
    pub(crate) fn exponential(&mut self) -> f32 {
        (-(1.0 - self.uniform()).ln()).max(f32::MIN_POSITIVE)
    }

    /// Normal with mean 0 and deviation 1 (Box and Muller 1958).
    pub(crate) fn normal(&mut self) -> f32 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (2.0 * self.exponential()).sqrt();
        let (sin, cos) = (TAU * self.uniform()).sin_cos();
        self.spare = Some(radius * sin);
        radius * cos
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(draw: impl FnMut() -> f32) -> (f32, f32) {
        let values: Vec<f32> = std::iter::repeat_with(draw).take(100_000).collect();
        let mean = values.iter().sum::<f32>() / 1e5;
        (mean, values.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / 1e5)
    }

    #[test]
    fn normal_numbers_have_mean_0_and_variance_1() {
        let mut random = Random::new(3);
        let (mean, variance) = moments(|| random.normal());
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
    }

    #[test]
    fn exponential_numbers_have_mean_1_and_are_above_0() {
        let mut random = Random::new(4);
        let (mean, variance) = moments(|| {
            let value = random.exponential();
            assert!(value > 0.0);
            value
        });
        assert!((mean - 1.0).abs() < 0.02 && (variance - 1.0).abs() < 0.06, "{mean} {variance}");
    }

    #[test]
    fn a_seed_repeats_its_numbers() {
        let numbers = |seed| {
            let mut random = Random::new(seed);
            [random.uniform(), random.normal(), random.exponential()]
        };
        assert_eq!(numbers(9), numbers(9));
        assert_ne!(numbers(9), numbers(10));
    }
}
