//! The linear magnitude spectrum that GPT-SoVITS reads the style from (`mel_processing.py`): frames
//! of 2048 samples every 640 at 32 kHz under a periodic Hann window, not centred. Pure.

use realfft::RealFftPlanner;

use crate::EngineError;

/// Samples of a frame, and from frame to frame.
const FRAME: usize = 2048;
const HOP: usize = 640;
/// Added to the power before the root.
const FLOOR: f32 = 1e-8;
/// Values per frame.
pub const SPECTRUM_BINS: usize = FRAME / 2 + 1;

/// Magnitudes `[1025, frames]`, row-major, and the number of frames, one per 640 samples.
///
/// # Errors
/// When the clip is too short to be mirrored at its ends.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the window is kept as f32"
)]
pub fn linear_spectrum(pcm: &[f32]) -> Result<(Vec<f32>, usize), EngineError> {
    let edge = (FRAME - HOP) / 2;
    if pcm.len() <= edge {
        return Err(EngineError::Input {
            what: "reference clip",
            problem: format!("{} samples, expected more than {edge}", pcm.len()),
        });
    }
    let mut padded: Vec<f32> = pcm[1..=edge].iter().rev().copied().collect();
    padded.extend_from_slice(pcm);
    padded.extend(pcm[pcm.len() - 1 - edge..pcm.len() - 1].iter().rev());
    let turn = std::f64::consts::TAU / FRAME as f64;
    let window: Vec<f32> =
        (0..FRAME).map(|i| (0.5 - 0.5 * (turn * i as f64).cos()) as f32).collect();
    let fft = RealFftPlanner::<f32>::new().plan_fft_forward(FRAME);
    let (mut input, mut output) = (fft.make_input_vec(), fft.make_output_vec());
    let frames = if padded.len() < FRAME { 0 } else { (padded.len() - FRAME) / HOP + 1 };
    let mut values = vec![0.0; SPECTRUM_BINS * frames];
    for frame in 0..frames {
        let samples = &padded[frame * HOP..frame * HOP + FRAME];
        for ((to, from), weight) in input.iter_mut().zip(samples).zip(&window) {
            *to = from * weight;
        }
        // The buffers were made by the same plan, the only thing `process` checks.
        let done = fft.process(&mut input, &mut output);
        debug_assert!(done.is_ok(), "buffers of another plan");
        for (bin, value) in output.iter().enumerate() {
            values[bin * frames + frame] = (value.norm_sqr() + FLOOR).sqrt();
        }
    }
    Ok((values, frames))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_frame_per_hop() {
        let (values, frames) = linear_spectrum(&[0.1; 6400]).unwrap();
        assert_eq!((frames, values.len()), (10, 10 * SPECTRUM_BINS));
        assert!(linear_spectrum(&[0.1; 704]).is_err());
    }
}
