//! Gaussian noise of one step of a 16-bit sample, so that digital silence looks like a quiet room
//! to the models. Deterministic: the same samples give the same features.

use std::f32::consts::TAU;

/// A source of Gaussian noise (xorshift64* and the Box-Muller transform).
#[derive(Clone, Debug)]
pub(super) struct Dither {
    state: u64,
    spare: Option<f32>,
}

impl Dither {
    pub(super) fn new() -> Self {
        Self { state: 0x9E37_79B9_7F4A_7C15, spare: None }
    }

    /// Adds noise of standard deviation `amount` to every sample.
    pub(super) fn add(&mut self, samples: &mut [f32], amount: f32) {
        for sample in samples {
            *sample += amount * self.gaussian();
        }
    }

    /// Uniform in (0, 1].
    fn uniform(&mut self) -> f32 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let bits = self.state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 40;
        #[expect(clippy::cast_precision_loss, reason = "24 bits fit an f32")]
        let step = (bits + 1) as f32;
        step / 16_777_216.0
    }

    fn gaussian(&mut self) -> f32 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        let (sin, cos) = (TAU * self.uniform()).sin_cos();
        self.spare = Some(radius * sin);
        radius * cos
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_noise_has_mean_zero_and_the_asked_deviation() {
        let mut samples = vec![0.0; 100_000];
        Dither::new().add(&mut samples, 2.0);
        let mean: f32 = samples.iter().sum::<f32>() / 1e5;
        let variance: f32 = samples.iter().map(|x| x * x).sum::<f32>() / 1e5;
        assert!(mean.abs() < 0.03, "{mean}");
        assert!((variance - 4.0).abs() < 0.1, "{variance}");
    }
}
