//! Resampling by a windowed sinc kernel: a short one as torchaudio's default, and a long one with a
//! steep slope as soxr's high quality. Pure.

use crate::EngineError;

/// The shape of a kernel.
#[derive(Clone, Copy, Debug)]
struct Kernel {
    /// Zero crossings on either side.
    crossings: f64,
    /// The middle of the slope, as a share of half the lower rate.
    rolloff: f64,
    /// β of the window of Kaiser; none is a squared cosine (Hann).
    beta: Option<f64>,
}

/// torchaudio's default.
const SHORT: Kernel = Kernel { crossings: 6.0, rolloff: 0.99, beta: None };
/// Measured on soxr's high quality, which passes 0.913 of the band and leaves -126 dB beyond it; β
/// after Kaiser (1974).
const STEEP: Kernel =
    Kernel { crossings: 93.0, rolloff: 0.956_9, beta: Some(0.1102 * (126.4 - 8.7)) };
/// Highest rate that is taken, hertz.
const HIGHEST: u32 = 768_000;
/// Largest product of the two rates after reduction; bounds the kernel.
const MOST_TAPS: usize = 16 << 20;

/// Resamples `pcm` from one rate to another as torchaudio does; `⌈samples · to / from⌉` samples.
///
/// # Errors
/// When a rate is 0 or above 768 kHz, or the two have so little in common that the kernel would be
/// too large.
pub fn resample(pcm: &[f32], from: u32, to: u32) -> Result<Vec<f32>, EngineError> {
    resample_by(SHORT, pcm, from, to)
}

/// Resamples `pcm` with a steep slope, about as soxr's high quality; as many samples as [`resample`]
/// gives.
///
/// # Errors
/// As [`resample`].
pub fn resample_steep(pcm: &[f32], from: u32, to: u32) -> Result<Vec<f32>, EngineError> {
    resample_by(STEEP, pcm, from, to)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates and kernels are small, samples are f32"
)]
fn resample_by(kind: Kernel, pcm: &[f32], from: u32, to: u32) -> Result<Vec<f32>, EngineError> {
    let refuse = |problem: String| Err(EngineError::Input { what: "sample rate", problem });
    if !(1..=HIGHEST).contains(&from) || !(1..=HIGHEST).contains(&to) {
        return refuse(format!("found {from} to {to} Hz, expected 1 to {HIGHEST}"));
    }
    if from == to {
        return Ok(pcm.to_vec());
    }
    let common = gcd(from, to);
    let (from, to) = ((from / common) as usize, (to / common) as usize);
    let base = from.min(to) as f64 * kind.rolloff;
    let width = (kind.crossings * from as f64 / base).ceil() as usize;
    let taps = 2 * width + from;
    if taps.saturating_mul(to) > MOST_TAPS {
        return refuse(format!("the ratio {from}:{to} needs {taps} taps; use a usual rate"));
    }
    let mut kernel = Vec::with_capacity(taps * to);
    for phase in 0..to {
        for tap in 0..taps {
            let offset = (tap as f64 - width as f64) / from as f64 - phase as f64 / to as f64;
            kernel.push((kind.at(offset * base) * base / from as f64) as f32);
        }
    }
    let wanted = (pcm.len() * to).div_ceil(from);
    let mut out = Vec::with_capacity(wanted + to);
    let mut start = 0usize;
    while out.len() < wanted {
        for phase in kernel.chunks_exact(taps) {
            // Tap t lies on sample start + t − width; samples outside are zero.
            let skipped = width.saturating_sub(start);
            let first = (start + skipped).saturating_sub(width).min(pcm.len());
            let sum: f32 =
                phase[skipped.min(taps)..].iter().zip(&pcm[first..]).map(|(k, s)| k * s).sum();
            out.push(sum);
        }
        start += from;
    }
    out.truncate(wanted);
    Ok(out)
}

impl Kernel {
    /// The kernel at a time counted in zero crossings.
    fn at(self, time: f64) -> f64 {
        let share = (time / self.crossings).clamp(-1.0, 1.0);
        let window = match self.beta {
            None => (share * std::f64::consts::FRAC_PI_2).cos().powi(2),
            Some(beta) => bessel(beta * (1.0 - share * share).sqrt()) / bessel(beta),
        };
        let angle = time.clamp(-self.crossings, self.crossings) * std::f64::consts::PI;
        let sinc = if angle == 0.0 { 1.0 } else { angle.sin() / angle };
        sinc * window
    }
}

/// The modified Bessel function of the first kind and order 0, by its series.
fn bessel(x: f64) -> f64 {
    let (mut sum, mut term, mut n) = (1.0, 1.0, 1.0);
    while term > sum * f64::EPSILON {
        term *= (x / 2.0 / n).powi(2);
        sum += term;
        n += 1.0;
    }
    sum
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_follows_the_ratio_and_a_constant_stays_one() {
        let out = resample(&[0.5; 441], 44_100, 32_000).unwrap();
        assert_eq!(out.len(), 320);
        assert!((out[160] - 0.5).abs() < 2e-3);
    }

    /// A tone of `hertz`, 0.5 s at 32 kHz.
    fn tone(hertz: f32) -> Vec<f32> {
        (0..16_000u16)
            .map(|i| {
                (std::f64::consts::TAU * f64::from(hertz) * f64::from(i) / 32_000.0).sin() as f32
            })
            .collect()
    }

    fn power(pcm: &[f32]) -> f32 {
        let middle = &pcm[1_000..7_000];
        middle.iter().map(|x| x * x).sum::<f32>() / 6_000.0
    }

    #[test]
    fn the_steep_kernel_keeps_what_the_rate_can_hold_and_nothing_above() {
        let power_of = |hertz| power(&resample_steep(&tone(hertz), 32_000, 16_000).unwrap());
        assert!((power_of(7_200.0) - 0.5).abs() < 1e-3);
        assert!(power_of(8_050.0) < 1e-9, "{}", power_of(8_050.0));
        let soft = power(&resample(&tone(8_050.0), 32_000, 16_000).unwrap());
        assert!(soft > 1e-3, "{soft}");
    }

    #[test]
    fn the_bessel_function_has_its_tabled_values() {
        // Abramowitz and Stegun, table 9.8.
        assert!((bessel(0.0) - 1.0).abs() < 1e-12);
        assert!((bessel(1.0) - 1.266_065_878).abs() < 1e-8);
    }

    #[test]
    fn rates_without_sense_are_refused() {
        for (from, to) in [(0, 1), (1, 0), (767_999, 767_998), (u32::MAX, 1)] {
            assert!(resample(&[0.0; 4], from, to).is_err());
        }
    }
}
