//! Log-mel filterbank energies as Kaldi's `fbank` makes them: per frame the mean is taken off, then
//! pre-emphasis 0.97, a window, zero-padding to a power of two, power spectrum, mel filters,
//! logarithm. Models differ in the window and in the scale of the samples. A frame is computed in
//! buffers made once.

use std::{fmt, sync::Arc};

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex32};

use super::mel::MelBank;
use crate::EngineError;

const PRE_EMPHASIS: f32 = 0.97;
/// Lowest frequency of the filters, hertz (Kaldi's default).
const LOW_HERTZ: f64 = 20.0;
/// Smallest energy whose logarithm is taken: f32's machine epsilon.
const FLOOR: f32 = f32::EPSILON;

/// What a frame is weighed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Hamming's, the one of FunASR's front ends.
    Hamming,
    /// Kaldi's own default: Hann's to the power of 0.85.
    Povey,
}

impl Window {
    /// The weights of a frame of `length` samples, equal at both ends.
    #[expect(clippy::cast_precision_loss, reason = "a frame has few samples")]
    #[expect(clippy::cast_possible_truncation, reason = "the window is kept as f32")]
    fn weights(self, length: usize) -> Vec<f32> {
        let turn = std::f64::consts::TAU / (length - 1) as f64;
        let weight = |cosine: f64| match self {
            Self::Hamming => 0.54 - 0.46 * cosine,
            Self::Povey => (0.5 - 0.5 * cosine).powf(0.85),
        };
        (0..length).map(|i| weight((turn * i as f64).cos()) as f32).collect()
    }
}

/// What a filterbank computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FbankSettings {
    /// Samples per second.
    pub sample_rate: u32,
    /// Filters, and so values per row.
    pub mel_bins: usize,
    /// Length of a frame, milliseconds.
    pub frame_ms: u32,
    /// From the start of a frame to the start of the next, milliseconds.
    pub hop_ms: u32,
    /// What each frame is weighed with.
    pub window: Window,
    /// What samples (-1..1) are multiplied by: 32768 for the scale of 16-bit integers.
    pub amplitude: f32,
}

impl FbankSettings {
    /// Samples per frame.
    #[must_use]
    pub fn frame_samples(&self) -> usize {
        (self.sample_rate as usize * self.frame_ms as usize) / 1000
    }

    /// Samples from frame to frame.
    #[must_use]
    pub fn hop_samples(&self) -> usize {
        (self.sample_rate as usize * self.hop_ms as usize) / 1000
    }
}

impl Default for FbankSettings {
    /// FunASR's: 16 kHz, 80 filters, 25 ms every 10 ms, samples as 16-bit integers.
    fn default() -> Self {
        Self {
            sample_rate: 16_000,
            mel_bins: 80,
            frame_ms: 25,
            hop_ms: 10,
            window: Window::Hamming,
            amplitude: 32_768.0,
        }
    }
}

/// Everything that depends on the length of a frame.
struct Frame {
    window: Vec<f32>,
    amplitude: f32,
    fft: Arc<dyn RealToComplex<f32>>,
    mel: MelBank,
    samples: Vec<f32>,
    spectrum: Vec<Complex32>,
    scratch: Vec<Complex32>,
    power: Vec<f32>,
}

impl Frame {
    fn new(settings: &FbankSettings, length: usize) -> Self {
        let fft_size = length.next_power_of_two();
        let fft = RealFftPlanner::<f32>::new().plan_fft_forward(fft_size);
        let high = f64::from(settings.sample_rate) / 2.0;
        Self {
            window: settings.window.weights(length),
            amplitude: settings.amplitude,
            mel: MelBank::new(settings.mel_bins, fft_size, settings.sample_rate, (LOW_HERTZ, high)),
            samples: fft.make_input_vec(),
            spectrum: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            power: vec![0.0; fft_size / 2],
            fft,
        }
    }

    /// One row from exactly one frame of samples.
    fn row(&mut self, pcm: &[f32], out: &mut [f32]) {
        let length = self.window.len();
        let (frame, padding) = self.samples.split_at_mut(length);
        padding.fill(0.0);
        for (to, from) in frame.iter_mut().zip(pcm) {
            *to = from * self.amplitude;
        }
        #[expect(clippy::cast_precision_loss, reason = "a frame has few samples")]
        let mean = frame.iter().sum::<f32>() / length as f32;
        let mut previous = frame[0] - mean;
        for (sample, weight) in frame.iter_mut().zip(&self.window) {
            let centred = *sample - mean;
            *sample = (centred - PRE_EMPHASIS * previous) * weight;
            previous = centred;
        }
        // The three buffers were made by the same plan, the only thing `process` checks.
        let done =
            self.fft.process_with_scratch(&mut self.samples, &mut self.spectrum, &mut self.scratch);
        debug_assert!(done.is_ok(), "buffers of another plan");
        for (power, bin) in self.power.iter_mut().zip(&self.spectrum) {
            *power = bin.norm_sqr();
        }
        self.mel.energies(&self.power, out);
        for value in out {
            *value = value.max(FLOOR).ln();
        }
    }
}

/// Computes filterbank rows.
pub struct Fbank {
    settings: FbankSettings,
    frame: Frame,
}

impl fmt::Debug for Fbank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fbank").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Fbank {
    /// A filterbank with its tables.
    ///
    /// # Errors
    /// When the settings describe no usable frame.
    pub fn new(settings: FbankSettings) -> Result<Self, EngineError> {
        let usable = (4_000..=192_000).contains(&settings.sample_rate)
            && (1..=512).contains(&settings.mel_bins)
            && (1..=1_000).contains(&settings.frame_ms)
            && (1..=settings.frame_ms).contains(&settings.hop_ms)
            && settings.amplitude.is_finite();
        if !usable {
            return Err(EngineError::Input {
                what: "filterbank settings",
                problem: format!(
                    "{settings:?} is out of range: 4-192 kHz, 1-512 filters, frames of 1-1000 ms \
                     no shorter than the hop"
                ),
            });
        }
        Ok(Self { settings, frame: Frame::new(&settings, settings.frame_samples()) })
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &FbankSettings {
        &self.settings
    }

    /// How many whole frames `samples` hold.
    #[must_use]
    pub fn frames(&self, samples: usize) -> usize {
        self.frames_every(self.settings.hop_samples(), samples)
    }

    /// How many of them `samples` hold when one begins every `hop` samples.
    fn frames_every(&self, hop: usize, samples: usize) -> usize {
        match samples.checked_sub(self.settings.frame_samples()) {
            Some(rest) => 1 + rest / hop.max(1),
            None => 0,
        }
    }

    /// Appends the rows of all whole frames of `pcm` (-1..1) to `rows`, and says how many.
    pub fn append(&mut self, pcm: &[f32], rows: &mut Vec<f32>) -> usize {
        self.append_every(self.settings.hop_samples(), pcm, rows)
    }

    fn append_every(&mut self, hop: usize, pcm: &[f32], rows: &mut Vec<f32>) -> usize {
        let (length, hop) = (self.settings.frame_samples(), hop.max(1));
        let (count, bins) = (self.frames_every(hop, pcm.len()), self.settings.mel_bins);
        let begin = rows.len();
        rows.resize(begin + count * bins, 0.0);
        for (index, row) in rows[begin..].chunks_exact_mut(bins).enumerate() {
            self.frame.row(&pcm[index * hop..index * hop + length], row);
        }
        count
    }

    /// Rows of a whole clip. A clip shorter than a frame is one frame of its own length, as in the
    /// reference.
    ///
    /// # Errors
    /// When there are fewer than two samples.
    pub fn clip(&mut self, pcm: &[f32]) -> Result<Vec<f32>, EngineError> {
        self.clip_every(self.settings.hop_samples(), pcm)
    }

    /// Rows of a whole clip, one every `hop` samples in place of the settings' hop: with a shorter one the sound is
    /// stretched in time, its pitch kept.
    ///
    /// # Errors
    /// As [`Self::clip`].
    pub fn clip_every(&mut self, hop: usize, pcm: &[f32]) -> Result<Vec<f32>, EngineError> {
        if pcm.len() < 2 {
            return Err(EngineError::Input {
                what: "audio",
                problem: format!("{} samples make no frame; two at least are needed", pcm.len()),
            });
        }
        let mut rows = Vec::new();
        if pcm.len() < self.settings.frame_samples() {
            rows.resize(self.settings.mel_bins, 0.0);
            Frame::new(&self.settings, pcm.len()).row(pcm, &mut rows);
        } else {
            self.append_every(hop, pcm, &mut rows);
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digital_silence_lies_on_the_floor() {
        let mut fbank = Fbank::new(FbankSettings::default()).unwrap();
        let rows = fbank.clip(&[0.0; 560]).unwrap();
        assert_eq!(rows.len(), 2 * 80);
        assert!(rows.iter().all(|v| (v + 15.942_385).abs() < 1e-5), "{:?}", &rows[..3]);
    }

    #[test]
    fn frames_are_counted_without_padding() {
        let fbank = Fbank::new(FbankSettings::default()).unwrap();
        let counts: Vec<usize> =
            [0, 399, 400, 559, 560, 1_000].map(|n| fbank.frames(n)).into_iter().collect();
        assert_eq!(counts, [0, 0, 1, 1, 2, 4]);
    }

    #[test]
    fn a_shorter_hop_gives_more_rows_and_the_same_where_they_meet() {
        let mut fbank = Fbank::new(FbankSettings::default()).unwrap();
        let chirp: Vec<f32> =
            (0..4_000u16).map(|i| (f32::from(i).powf(1.4) * 0.003).sin()).collect();
        let (all, half) = (fbank.clip(&chirp).unwrap(), fbank.clip_every(80, &chirp).unwrap());
        assert_eq!(half.len(), 2 * all.len());
        for (row, twice) in all.chunks(80).zip(half.chunks(160)) {
            assert_eq!(row, &twice[..80]);
        }
        assert_eq!(fbank.clip_every(160, &chirp).unwrap(), all);
        // No hop at all is one of a sample.
        assert_eq!(fbank.clip_every(0, &chirp[..402]).unwrap().len(), 3 * 80);
    }

    #[test]
    fn a_single_sample_is_an_error_and_two_are_a_row() {
        let mut fbank = Fbank::new(FbankSettings::default()).unwrap();
        assert!(matches!(fbank.clip(&[0.1]), Err(EngineError::Input { .. })));
        assert!(matches!(fbank.clip(&[]), Err(EngineError::Input { .. })));
        assert_eq!(fbank.clip(&[0.1, -0.1]).unwrap().len(), 80);
    }

    #[test]
    fn the_windows_differ_at_their_ends_and_meet_in_the_middle() {
        let (hamming, povey) = (Window::Hamming.weights(5), Window::Povey.weights(5));
        assert!((hamming[0] - 0.08).abs() < 1e-6 && povey[0].abs() < 1e-6, "{hamming:?} {povey:?}");
        assert!((hamming[1] - 0.54).abs() < 1e-6, "{hamming:?}");
        assert!((povey[1] - 0.5f32.powf(0.85)).abs() < 1e-6, "{povey:?}");
        assert!((hamming[2] - 1.0).abs() < 1e-6 && (povey[2] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_amplitude_moves_every_logarithm_by_twice_its_own() {
        let tone: Vec<f32> = (0..400u16).map(|i| (f32::from(i) * 0.7).sin()).collect();
        let rows = |amplitude| {
            let settings = FbankSettings { amplitude, ..FbankSettings::default() };
            Fbank::new(settings).unwrap().clip(&tone).unwrap()
        };
        let (quiet, loud) = (rows(1_024.0), rows(32_768.0));
        let step = 2.0 * 32f32.ln();
        assert!(quiet.iter().zip(&loud).all(|(q, l)| (l - q - step).abs() < 1e-3));
    }

    #[test]
    fn settings_without_a_usable_frame_are_refused() {
        for broken in [
            FbankSettings { mel_bins: 0, ..FbankSettings::default() },
            FbankSettings { hop_ms: 0, ..FbankSettings::default() },
            FbankSettings { sample_rate: 0, ..FbankSettings::default() },
            FbankSettings { hop_ms: 30, ..FbankSettings::default() },
            FbankSettings { amplitude: f32::NAN, ..FbankSettings::default() },
        ] {
            assert!(Fbank::new(broken).is_err(), "{broken:?}");
        }
    }
}
