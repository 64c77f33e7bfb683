//! Resampling by a windowed sinc kernel as torchaudio's default: six zero crossings, a squared cosine
//! as window (Hann), cut off at 0.99 of the lower rate's half. Pure.

use crate::EngineError;

/// Zero crossings of the kernel on either side, and the share of the band that is kept.
const CROSSINGS: f64 = 6.0;
const ROLLOFF: f64 = 0.99;
/// Highest rate that is taken, hertz.
const HIGHEST: u32 = 768_000;
/// Largest product of the two rates after reduction; bounds the kernel.
const MOST_TAPS: usize = 16 << 20;

/// Resamples `pcm` from one rate to another; `⌈samples · to / from⌉` samples.
///
/// # Errors
/// When a rate is 0 or above 768 kHz, or the two have so little in common that the kernel would be
/// too large.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates and kernels are small, samples are f32"
)]
pub fn resample(pcm: &[f32], from: u32, to: u32) -> Result<Vec<f32>, EngineError> {
    let refuse = |problem: String| Err(EngineError::Input { what: "sample rate", problem });
    if !(1..=HIGHEST).contains(&from) || !(1..=HIGHEST).contains(&to) {
        return refuse(format!("found {from} to {to} Hz, expected 1 to {HIGHEST}"));
    }
    if from == to {
        return Ok(pcm.to_vec());
    }
    let common = gcd(from, to);
    let (from, to) = ((from / common) as usize, (to / common) as usize);
    let base = from.min(to) as f64 * ROLLOFF;
    let width = (CROSSINGS * from as f64 / base).ceil() as usize;
    let taps = 2 * width + from;
    if taps.saturating_mul(to) > MOST_TAPS {
        return refuse(format!("the ratio {from}:{to} needs {taps} taps; use a usual rate"));
    }
    let mut kernel = Vec::with_capacity(taps * to);
    for phase in 0..to {
        for tap in 0..taps {
            let offset = (tap as f64 - width as f64) / from as f64 - phase as f64 / to as f64;
            let time = (offset * base).clamp(-CROSSINGS, CROSSINGS);
            let window = (time * std::f64::consts::PI / CROSSINGS / 2.0).cos().powi(2);
            let angle = time * std::f64::consts::PI;
            let sinc = if angle == 0.0 { 1.0 } else { angle.sin() / angle };
            kernel.push((sinc * window * base / from as f64) as f32);
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

    #[test]
    fn rates_without_sense_are_refused() {
        for (from, to) in [(0, 1), (1, 0), (767_999, 767_998), (u32::MAX, 1)] {
            assert!(resample(&[0.0; 4], from, to).is_err());
        }
    }
}
