//! WAV files in and out. Nothing here believes a header: samples are read until the data ends.

use std::cell::Cell;
use std::io::{Read, Seek, Write};

use companion_types::{CAPTURE_RATE, SampleRate, bounded};
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use crate::error::AudioError;
use crate::resample::Resampler;

/// Longest WAV taken, in seconds.
const LONGEST_S: u64 = 600;

/// A reader that remembers how far it got: hound tells a file that is cut short and a disk that fails
/// alike.
struct Watched<'w, R> {
    inner: R,
    seen: &'w Cell<u64>,
    ended: &'w Cell<bool>,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(out)?;
        self.seen.set(self.seen.get() + n as u64);
        self.ended.set(n == 0 && !out.is_empty());
        Ok(n)
    }
}

fn wrong(error: hound::Error) -> AudioError {
    match error {
        hound::Error::IoError(e) => AudioError::Io(e),
        hound::Error::FormatError(why) => AudioError::Wav(why.to_owned()),
        other => AudioError::Wav(other.to_string()),
    }
}

/// Reads a WAV of any rate, width and number of channels as 16 kHz mono, -1..1. Floats that are no
/// numbers become 0, louder ones are clamped. Memory grows with what is read, never with what the
/// header claims.
///
/// # Errors
/// [`AudioError::Wav`] when it is empty, no WAV, cut short or of a format that cannot be,
/// [`AudioError::TooLong`], [`AudioError::Io`] when `input` fails.
pub fn read_wav(input: impl Read) -> Result<Vec<f32>, AudioError> {
    let (mono, rate) = read_wav_mono(input)?;
    let mut resampler = Resampler::new(rate, CAPTURE_RATE)?;
    let mut pcm = resampler.push(&mono)?;
    pcm.extend(resampler.finish()?);
    Ok(pcm)
}

/// Reads a WAV as mono, -1..1, at its own rate.
///
/// # Errors
/// As [`read_wav`].
pub fn read_wav_mono(input: impl Read) -> Result<(Vec<f32>, SampleRate), AudioError> {
    let (seen, ended) = (Cell::new(0), Cell::new(false));
    let watched = Watched { inner: input, seen: &seen, ended: &ended };
    decode(watched).map_err(|error| match error {
        AudioError::Io(_) if ended.get() && seen.get() == 0 => {
            AudioError::Wav("it is empty".to_owned())
        }
        AudioError::Io(_) if ended.get() => {
            AudioError::Wav(format!("it is cut short after {} bytes", seen.get()))
        }
        other => other,
    })
}

fn decode(input: impl Read) -> Result<(Vec<f32>, SampleRate), AudioError> {
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
        SampleFormat::Float => reader.samples::<f32>().try_for_each(|s| take(s.map(bounded)))?,
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
    Ok((mono, SampleRate(spec.sample_rate)))
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

    /// A file made by hand: format tag, channels, rate, bits, what stands behind the 16 bytes of the
    /// format, how long the data claims to be, the data.
    fn raw(spec: (u16, u16, u32, u16), more: &[u8], claims: u32, data: &[u8]) -> Vec<u8> {
        let (tag, channels, rate, bits) = spec;
        let block = channels.saturating_mul(bits / 8);
        let mut bytes = b"RIFF".to_vec();
        bytes.extend(claims.saturating_add(36).to_le_bytes());
        bytes.extend(b"WAVEfmt ");
        bytes.extend((16 + u32::try_from(more.len()).unwrap()).to_le_bytes());
        bytes.extend(tag.to_le_bytes());
        bytes.extend(channels.to_le_bytes());
        bytes.extend(rate.to_le_bytes());
        bytes.extend(rate.saturating_mul(u32::from(block)).to_le_bytes());
        bytes.extend(block.to_le_bytes());
        bytes.extend(bits.to_le_bytes());
        bytes.extend(more);
        bytes.extend(b"data");
        bytes.extend(claims.to_le_bytes());
        bytes.extend(data);
        bytes
    }

    fn whole(spec: (u16, u16, u32, u16), data: &[u8]) -> Result<Vec<f32>, AudioError> {
        read_wav(Cursor::new(raw(spec, &[], u32::try_from(data.len()).unwrap(), data)))
    }

    fn refused(bytes: Vec<u8>, why: &str) {
        match read_wav(Cursor::new(bytes)) {
            Err(AudioError::Wav(said)) => assert!(said.contains(why), "{said:?} and not {why:?}"),
            other => panic!("{:?} and not {why:?}", other.map(|pcm| pcm.len())),
        }
    }

    #[test]
    fn an_empty_file_and_a_file_without_samples_say_what_they_lack() {
        refused(Vec::new(), "empty");
        refused(raw((1, 1, 16_000, 16), &[], 0, &[]), "no samples");
        refused(b"OggS and so on, long enough to be read".to_vec(), "RIFF");
        refused(b"RIFF".to_vec(), "cut short");
    }

    #[test]
    fn data_that_ends_before_its_header_says_so_is_cut_short() {
        refused(raw((1, 1, 16_000, 16), &[], 3_200, &[1; 1_600]), "cut short");
        // Half a sample too many is not.
        refused(raw((1, 1, 16_000, 16), &[], 3_200, &[1; 1_601]), "cut short");
    }

    #[test]
    fn a_header_of_two_gigabytes_on_a_tiny_file_takes_no_memory() {
        refused(raw((1, 1, 16_000, 16), &[], 0x7fff_fffe, &[0; 64]), "cut short");
        refused(raw((1, 2, 768_000, 32), &[], 0xffff_fff8, &[0; 64]), "cut short");
    }

    #[test]
    fn no_channels_no_rate_and_impossible_ones_are_refused() {
        refused(raw((1, 0, 16_000, 16), &[], 32, &[0; 32]), "channels");
        refused(raw((1, 1, 0, 16), &[], 32, &[0; 32]), "0 Hz");
        refused(raw((1, 1, 800_000, 16), &[], 32, &[0; 32]), "800000 Hz");
        refused(raw((1, 1, 16_000, 0), &[], 32, &[0; 32]), "bits");
        // MP3 in a WAV.
        refused(raw((0x55, 1, 16_000, 16), &[0, 0], 32, &[0; 32]), "format");
    }

    #[test]
    fn eight_bits_are_unsigned_and_24_and_32_signed() {
        let level = |pcm: Vec<f32>| pcm[200];
        assert!((level(whole((1, 1, 16_000, 8), &[192; 400]).unwrap()) - 0.5).abs() < 1e-3);
        let pcm24: Vec<u8> = [0, 0, 0xc0].repeat(400);
        assert!((level(whole((1, 1, 16_000, 24), &pcm24).unwrap()) + 0.5).abs() < 1e-3);
        let pcm32: Vec<u8> = 0x4000_0000_u32.to_le_bytes().repeat(400);
        assert!((level(whole((1, 1, 16_000, 32), &pcm32).unwrap()) - 0.5).abs() < 1e-3);
    }

    #[test]
    fn stereo_of_a_cd_is_mixed_and_resampled() {
        let frame: Vec<u8> = [i16::MAX / 2, 0].iter().flat_map(|s| s.to_le_bytes()).collect();
        let pcm = whole((1, 2, 44_100, 16), &frame.repeat(44_100)).unwrap();
        assert_eq!(pcm.len(), 16_000);
        assert!((pcm[8_000] - 0.25).abs() < 1e-3, "{}", pcm[8_000]);
    }

    #[test]
    fn floats_that_are_no_numbers_are_silence_and_loud_ones_are_clamped() {
        let floats = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 7.0, -7.0, 0.5];
        let bytes: Vec<u8> = floats.iter().flat_map(|s| s.to_le_bytes()).collect();
        assert_eq!(whole((3, 1, 16_000, 32), &bytes).unwrap(), [0.0, 0.0, 0.0, 1.0, -1.0, 0.5]);
    }

    #[test]
    fn the_extensible_format_is_read_like_the_plain_one() {
        // 22 bytes more: valid bits, speakers, and the GUID of PCM.
        let mut more = vec![22, 0, 16, 0, 4, 0, 0, 0, 1, 0, 0, 0];
        more.extend([0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]);
        let data = 16_384_i16.to_le_bytes().repeat(400);
        let pcm = read_wav(Cursor::new(raw((0xfffe, 1, 16_000, 16), &more, 800, &data))).unwrap();
        assert_eq!(pcm, vec![0.5; 400]);
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
