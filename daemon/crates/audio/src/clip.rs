//! What can be measured of a clip of speech before anybody listens to it: length, level, noise, clipping. Pure.

use companion_types::SampleRate;

/// A frame, milliseconds.
const FRAME_MS: u64 = 20;
/// Samples at least this large count as clipped.
const FULL: f32 = 0.999;
/// Quieter than this is silence, in dBFS.
const SILENCE_DBFS: f32 = -120.0;

/// Measures of a clip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClipMeasures {
    /// Length in seconds.
    pub seconds: f32,
    /// Level of the louder half of its frames, dB below full scale (root mean square).
    pub level_dbfs: f32,
    /// Level of the quietest tenth of its frames.
    pub noise_dbfs: f32,
    /// Share of samples at full scale, 0..1.
    pub clipped: f32,
}

impl ClipMeasures {
    /// Measures mono samples; of nothing the level is silence.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "clips are short")]
    pub fn of(pcm: &[f32], rate: SampleRate) -> Self {
        let frame = usize::try_from(rate.samples_of(FRAME_MS)).unwrap_or(1).max(1);
        let mut levels: Vec<f32> = pcm
            .chunks(frame)
            .map(|frame| frame.iter().map(|s| s * s).sum::<f32>() / frame.len() as f32)
            .collect();
        levels.sort_by(f32::total_cmp);
        let count = levels.len();
        let mean = |powers: &[f32]| match powers.len() {
            0 => 0.0,
            n => powers.iter().sum::<f32>() / n as f32,
        };
        let clipped = pcm.iter().filter(|s| s.abs() >= FULL).count();
        Self {
            seconds: pcm.len() as f32 / rate.0.max(1) as f32,
            level_dbfs: decibels(mean(&levels[count / 2..])),
            noise_dbfs: decibels(mean(&levels[..(count / 10).max(1).min(count)])),
            clipped: clipped as f32 / pcm.len().max(1) as f32,
        }
    }

    /// How far speech stands above noise, dB.
    #[must_use]
    pub fn above_noise_db(&self) -> f32 {
        self.level_dbfs - self.noise_dbfs
    }
}

fn decibels(power: f32) -> f32 {
    (10.0 * power.max(1e-12).log10()).max(SILENCE_DBFS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: SampleRate = SampleRate(16_000);

    fn tone(seconds: f32, level: f32) -> Vec<f32> {
        let count = (seconds * 16_000.0) as usize;
        (0..count).map(|n| level * (n as f32 * 0.1).sin()).collect()
    }

    #[test]
    fn level_and_noise_are_those_of_the_loud_and_the_quiet_frames() {
        let mut pcm = tone(3.0, 0.5);
        pcm.extend(tone(1.0, 0.005));
        let measures = ClipMeasures::of(&pcm, RATE);
        assert!((measures.seconds - 4.0).abs() < 1e-3);
        assert!((measures.level_dbfs + 9.0).abs() < 0.3, "{measures:?}");
        assert!((measures.above_noise_db() - 40.0).abs() < 1.0, "{measures:?}");
        assert!(measures.clipped < 1e-6);
    }

    #[test]
    fn nothing_and_silence_are_no_numbers_out_of_range() {
        for pcm in [Vec::new(), vec![0.0; 100]] {
            let measures = ClipMeasures::of(&pcm, RATE);
            assert!(measures.level_dbfs <= SILENCE_DBFS && measures.above_noise_db().abs() < 1e-6);
        }
        assert!(ClipMeasures::of(&[1.0, -1.0, 0.0, 0.5], RATE).clipped > 0.49);
    }
}
