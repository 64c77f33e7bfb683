//! WAV files in and out. Nothing here believes a header: samples are read until the data ends.

use std::io::{Read, Seek, Write};

use companion_types::{CAPTURE_RATE, SampleRate};
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use crate::error::AudioError;
use crate::resample::Resampler;

/// Longest WAV taken, in seconds.
const LONGEST_S: u64 = 600;

fn wrong(error: hound::Error) -> AudioError {
    match error {
        // An error that is not the system's is the reader's: the bytes ended too early.
        hound::Error::IoError(e) if e.raw_os_error().is_none() => {
            AudioError::Wav("it is cut short".to_owned())
        }
        hound::Error::IoError(e) => AudioError::Io(e),
        other => AudioError::Wav(other.to_string()),
    }
}

/// Reads a WAV of any rate, width and number of channels as 16 kHz mono, -1..1.
///
/// # Errors
/// When it is empty, no WAV, cut short or too long.
pub fn read_wav(input: impl Read) -> Result<Vec<f32>, AudioError> {
    let mut reader = WavReader::new(input).map_err(wrong)?;
    let spec = reader.spec();
    if spec.channels == 0 || spec.sample_rate < 1_000 || spec.sample_rate > 768_000 {
        let found = format!("{} channels at {} Hz", spec.channels, spec.sample_rate);
        return Err(AudioError::Wav(format!("{found} cannot be")));
    }
    let most = u64::from(spec.sample_rate) * LONGEST_S * u64::from(spec.channels);
    let mut interleaved: Vec<f32> = Vec::new();
    let mut take = |sample: Result<f32, hound::Error>| -> Result<(), AudioError> {
        interleaved.push(sample.map_err(wrong)?);
        if interleaved.len() as u64 > most {
            return Err(AudioError::TooLong { most_s: LONGEST_S });
        }
        Ok(())
    };
    match spec.sample_format {
        SampleFormat::Float => reader.samples::<f32>().try_for_each(|s| {
            take(s.map(|v| if v.is_finite() { v.clamp(-1.0, 1.0) } else { 0.0 }))
        })?,
        SampleFormat::Int => {
            let scale = 1.0 / 2.0_f32.powi(i32::from(spec.bits_per_sample.clamp(1, 32)) - 1);
            #[expect(clippy::cast_precision_loss, reason = "24 bits are enough for audio")]
            reader.samples::<i32>().try_for_each(|s| take(s.map(|v| v as f32 * scale)))?;
        }
    }
    if interleaved.is_empty() {
        return Err(AudioError::Wav("it holds no samples".to_owned()));
    }
    let channels = usize::from(spec.channels);
    let share = 1.0 / f32::from(spec.channels);
    let mono: Vec<f32> =
        interleaved.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() * share).collect();
    let mut resampler = Resampler::new(SampleRate(spec.sample_rate), CAPTURE_RATE)?;
    let mut pcm = resampler.push(&mono)?;
    pcm.extend(resampler.finish()?);
    Ok(pcm)
}

/// Writes mono samples as a 16-bit WAV.
///
/// # Errors
/// When the output cannot be written.
pub fn write_wav(out: impl Write + Seek, pcm: &[f32], rate: SampleRate) -> Result<(), AudioError> {
    let spec = WavSpec {
        channels: 1,
        sample_rate: rate.0,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut writer = WavWriter::new(out, spec).map_err(wrong)?;
    for sample in pcm {
        #[expect(clippy::cast_possible_truncation, reason = "clamped to the range of i16")]
        let value = (sample.clamp(-1.0, 1.0) * 32_767.0).round() as i16;
        writer.write_sample(value).map_err(wrong)?;
    }
    writer.finalize().map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn wav(channels: u16, rate: u32, bits: u16, seconds: f64) -> Vec<u8> {
        let spec = WavSpec {
            channels,
            sample_rate: rate,
            bits_per_sample: bits,
            sample_format: SampleFormat::Int,
        };
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
        let top = 2.0_f64.powi(i32::from(bits) - 2);
        for i in 0..(f64::from(rate) * seconds) as u32 {
            for _ in 0..channels {
                let value =
                    (f64::from(i) * 440.0 * std::f64::consts::TAU / f64::from(rate)).sin() * top;
                writer.write_sample(value as i32).unwrap();
            }
        }
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    #[test]
    fn any_width_rate_and_channels_become_16_khz_mono() {
        for (channels, rate, bits) in
            [(1, 16_000, 16), (2, 44_100, 16), (1, 8_000, 8), (6, 48_000, 24), (1, 22_050, 32)]
        {
            let pcm = read_wav(Cursor::new(wav(channels, rate, bits, 0.5))).unwrap();
            assert_eq!(pcm.len(), 8_000, "{channels} {rate} {bits}");
            let peak = pcm.iter().fold(0.0_f32, |m, s| m.max(s.abs()));
            assert!((0.4..0.6).contains(&peak), "{channels} {rate} {bits}: {peak}");
        }
    }

    #[test]
    fn hostile_files_get_an_error_and_nothing_else() {
        let good = wav(1, 16_000, 16, 0.1);
        assert!(read_wav(Cursor::new(Vec::new())).is_err());
        assert!(read_wav(Cursor::new(b"not a wav at all, just some text".to_vec())).is_err());
        assert!(read_wav(Cursor::new(wav(1, 16_000, 16, 0.0))).is_err());
        let mut giant = good.clone();
        giant[40..44].copy_from_slice(&0x7fff_fffe_u32.to_le_bytes());
        assert!(read_wav(Cursor::new(giant)).is_err());
        for cut in 0..good.len().min(400) {
            let _ = read_wav(Cursor::new(good[..cut].to_vec()));
        }
        for at in 0..44 {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = good.clone();
                bytes[at] = value;
                let _ = read_wav(Cursor::new(bytes));
            }
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let pcm: Vec<f32> = (0..16_000_u16).map(|i| f32::from(i % 100) / 200.0).collect();
        let mut bytes = Cursor::new(Vec::new());
        write_wav(&mut bytes, &pcm, CAPTURE_RATE).unwrap();
        let back = read_wav(Cursor::new(bytes.into_inner())).unwrap();
        assert!(pcm.iter().zip(&back).all(|(a, b)| (a - b).abs() < 1e-4));
    }
}
