//! Reads a WAV file of any shape as 16 kHz mono, and writes what the daemon spoke. Pure but for the files.

use std::io::{Cursor, Read};
use std::path::Path;

use audioadapter_buffers::direct::InterleavedSlice;
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use rubato::{Fft, FixedSync, Resampler as _};

use crate::exit::{Failure, Outcome};

/// The rate of a session's microphone.
pub(crate) const MIC_HZ: u32 = 16_000;
/// Input frames of one pass of the resampler.
const PASS: usize = 1024;
/// The longest recording, seconds: more is no turn.
const LONGEST_S: u32 = 600;

/// A file's sound as a session takes it: S16LE, 16 kHz, mono.
pub(crate) fn read(path: &Path) -> Outcome<Vec<i16>> {
    let file = std::fs::File::open(path).map_err(|e| Failure::file(&e, "reading", path))?;
    decode(std::io::BufReader::new(file)).map_err(|(kind, why)| {
        Failure::new(kind, format!("reading {}: {why}", path.display()))
            .hint("a WAV file of 8 to 32 bit PCM or 32 bit float is needed")
    })
}

fn decode(bytes: impl Read) -> Result<Vec<i16>, (&'static str, String)> {
    let corrupt = |e: hound::Error| ("Corrupt", e.to_string());
    let mut wav = WavReader::new(bytes).map_err(corrupt)?;
    let spec = wav.spec();
    if spec.channels == 0 || spec.sample_rate == 0 {
        return Err(("Corrupt", "it has no channels or no rate".to_owned()));
    }
    if wav.duration() / spec.sample_rate > LONGEST_S {
        return Err(("InvalidArgument", format!("it is longer than {LONGEST_S} s")));
    }
    let samples: Vec<f32> = match spec.sample_format {
        SampleFormat::Float => wav.samples::<f32>().collect::<Result<_, _>>().map_err(corrupt)?,
        SampleFormat::Int => {
            let full = 2f32.powi(i32::from(spec.bits_per_sample) - 1);
            #[expect(clippy::cast_precision_loss, reason = "24 bits are enough for sound")]
            let scale = |s: i32| s as f32 / full;
            wav.samples::<i32>().map(|s| s.map(scale)).collect::<Result<_, _>>().map_err(corrupt)?
        }
    };
    let channels = usize::from(spec.channels);
    let mono: Vec<f32> = samples
        .chunks_exact(channels)
        .map(|f| f.iter().sum::<f32>() / f32::from(spec.channels))
        .collect();
    let mono = resample(&mono, spec.sample_rate).map_err(|why| ("InvalidArgument", why))?;
    #[expect(clippy::cast_possible_truncation, reason = "clamped")]
    let quantise = |s: &f32| (s.clamp(-1.0, 1.0) * f32::from(i16::MAX)).round() as i16;
    Ok(mono.iter().map(quantise).collect())
}

/// The whole signal at 16 kHz, without the filter's delay.
fn resample(mono: &[f32], from: u32) -> Result<Vec<f32>, String> {
    if from == MIC_HZ {
        return Ok(mono.to_vec());
    }
    let (from, to) = (from as usize, MIC_HZ as usize);
    let mut filter =
        Fft::<f32>::new(from, to, PASS, 1, FixedSync::Input).map_err(|e| e.to_string())?;
    let wanted = mono.len() * to / from;
    let delay = filter.output_delay();
    let mut out = Vec::with_capacity(delay + wanted);
    let mut rest = mono;
    while out.len() < delay + wanted {
        let take = filter.input_frames_next().min(rest.len());
        let mut pass = rest[..take].to_vec();
        rest = &rest[take..];
        pass.resize(filter.input_frames_next(), 0.0);
        let frames = InterleavedSlice::new(&pass, 1, pass.len()).map_err(|e| e.to_string())?;
        out.extend(filter.process(&frames, None).map_err(|e| e.to_string())?.take_data());
    }
    out.drain(..delay);
    out.truncate(wanted);
    Ok(out)
}

/// Bytes of S16LE as samples; half a sample at the end is dropped.
pub(crate) fn samples(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
}

/// Without the silence before the first sound and after the last, in which nobody spoke.
pub(crate) fn trimmed(pcm: &[i16]) -> &[i16] {
    let first = pcm.iter().position(|s| *s != 0).unwrap_or(pcm.len());
    let last = pcm.iter().rposition(|s| *s != 0).map_or(first, |n| n + 1);
    &pcm[first..last]
}

/// A mono WAV file as bytes.
pub(crate) fn encode(pcm: &[i16], rate: u32) -> Outcome<Vec<u8>> {
    let failed = |e: hound::Error| Failure::new("Internal", format!("writing WAV: {e}"));
    let spec = WavSpec {
        channels: 1,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut bytes = Cursor::new(Vec::new());
    let mut wav = WavWriter::new(&mut bytes, spec).map_err(failed)?;
    for sample in pcm {
        wav.write_sample(*sample).map_err(failed)?;
    }
    wav.finalize().map_err(failed)?;
    Ok(bytes.into_inner())
}

/// Writes a mono WAV file.
pub(crate) fn write(path: &Path, pcm: &[i16], rate: u32) -> Outcome {
    std::fs::write(path, encode(pcm, rate)?).map_err(|e| Failure::file(&e, "writing", path))
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    fn stereo_sine(rate: u32) -> Vec<u8> {
        let spec = WavSpec {
            channels: 2,
            sample_rate: rate,
            bits_per_sample: 32,
            sample_format: SampleFormat::Float,
        };
        let mut bytes = Cursor::new(Vec::new());
        let mut wav = WavWriter::new(&mut bytes, spec).unwrap();
        for n in 0..rate {
            let sample = 0.5 * (TAU * 440.0 * n as f32 / rate as f32).sin();
            wav.write_sample(sample).unwrap();
            wav.write_sample(sample).unwrap();
        }
        wav.finalize().unwrap();
        bytes.into_inner()
    }

    #[test]
    fn any_rate_becomes_sixteen_kilohertz_mono_in_time() {
        for rate in [8000, 22_050, 44_100, 48_000] {
            let pcm = decode(stereo_sine(rate).as_slice()).unwrap();
            assert_eq!(pcm.len(), 16_000);
            // In the middle the sine is where it was: half a sample of delay, which rounding may leave,
            // is 0.043 of this sine.
            let worst = (4000..12_000)
                .map(|n| {
                    let want = 0.5 * (TAU * 440.0 * n as f32 / 16_000.0).sin();
                    (f32::from(pcm[n]) / 32_767.0 - want).abs()
                })
                .fold(0.0, f32::max);
            assert!(worst < 0.045, "{rate} Hz is off by {worst}");
        }
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let pcm: Vec<i16> = (0..1600).map(|n| (n % 100) * 300).collect();
        let read = decode(encode(&pcm, MIC_HZ).unwrap().as_slice()).unwrap();
        assert!(pcm.iter().zip(&read).all(|(a, b)| (a - b).abs() <= 1));
    }

    #[test]
    fn silence_around_speech_is_left_out() {
        assert_eq!(trimmed(&[0, 0, 5, 0, -1, 0]), [5, 0, -1]);
        assert!(trimmed(&[0, 0]).is_empty() && trimmed(&[]).is_empty());
    }

    #[test]
    fn what_is_no_wav_is_corrupt() {
        assert_eq!(decode(b"RIFX".as_slice()).unwrap_err().0, "Corrupt");
    }
}
