//! How companiond and `companion-espeak` talk: a request and its answer over a pipe, both as frames
//! `kind (1 byte), length (u32 little-endian), payload`.
//!
//! Request: kind `S`, payload JSON of [`SpeakRequest`]. Answer: any number of `A` (samples, i16
//! little-endian), `P` (phoneme: u32 sample, name), `W` (word: u32 sample, u32 character of the text),
//! then one `E` (payload: empty, or what went wrong). At the start the child sends `R` (u32 rate).

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

/// Longest payload taken.
const LONGEST: u32 = 8 << 20;

/// What to say, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpeakRequest {
    /// espeak-ng voice with variant.
    pub voice: String,
    /// Words per minute.
    pub rate: i32,
    /// 0-100.
    pub pitch: i32,
    /// 0-100.
    pub range: i32,
    /// 0-200.
    pub volume: i32,
    /// The text.
    pub text: String,
}

/// One frame of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Samples per second of all that follows.
    Rate(u32),
    /// Samples.
    Audio(Vec<i16>),
    /// A phoneme begins.
    Phoneme {
        /// At this sample.
        sample: u32,
        /// espeak-ng's mnemonic.
        name: String,
    },
    /// A word begins.
    Word {
        /// At this sample.
        sample: u32,
        /// At this character of the text, from 0.
        character: u32,
    },
    /// The request is done; with what went wrong.
    End(String),
}

fn write_frame(out: &mut dyn Write, kind: u8, payload: &[u8]) -> io::Result<()> {
    let length = u32::try_from(payload.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    out.write_all(&[kind])?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(payload)
}

fn read_frame(input: &mut dyn Read) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    input.read_exact(&mut head)?;
    let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
    if length > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame that is too long"));
    }
    let mut payload = Vec::new();
    input.take(u64::from(length)).read_to_end(&mut payload)?;
    if payload.len() as u64 != u64::from(length) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((head[0], payload))
}

/// Sends a request.
///
/// # Errors
/// When the pipe is broken.
pub fn send_request(out: &mut dyn Write, request: &SpeakRequest) -> io::Result<()> {
    write_frame(out, b'S', &serde_json::to_vec(request)?)?;
    out.flush()
}

/// Waits for a request; `None` when the other end is gone.
///
/// # Errors
/// When the frame makes no sense.
pub fn read_request(input: &mut dyn Read) -> io::Result<Option<SpeakRequest>> {
    match read_frame(input) {
        Ok((b'S', payload)) => Ok(Some(serde_json::from_slice(&payload)?)),
        Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "not a request")),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Sends one frame of an answer.
///
/// # Errors
/// When the pipe is broken.
pub fn send_answer(out: &mut dyn Write, answer: &Answer) -> io::Result<()> {
    match answer {
        Answer::Rate(rate) => write_frame(out, b'R', &rate.to_le_bytes()),
        Answer::Audio(samples) => {
            let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
            write_frame(out, b'A', &bytes)
        }
        Answer::Phoneme { sample, name } => {
            write_frame(out, b'P', &[&sample.to_le_bytes(), name.as_bytes()].concat())
        }
        Answer::Word { sample, character } => {
            write_frame(out, b'W', &[sample.to_le_bytes(), character.to_le_bytes()].concat())
        }
        Answer::End(problem) => write_frame(out, b'E', problem.as_bytes()),
    }
}

/// Waits for one frame of an answer.
///
/// # Errors
/// When the pipe is broken or the frame makes no sense.
pub fn read_answer(input: &mut dyn Read) -> io::Result<Answer> {
    let (kind, payload) = read_frame(input)?;
    let bad = || io::Error::new(io::ErrorKind::InvalidData, "an answer that makes no sense");
    let number = |at: usize| -> io::Result<u32> {
        let bytes = payload.get(at..at + 4).and_then(|b| b.try_into().ok());
        bytes.map(u32::from_le_bytes).ok_or_else(bad)
    };
    let text =
        |at: usize| String::from_utf8_lossy(payload.get(at..).unwrap_or_default()).into_owned();
    match kind {
        b'R' => Ok(Answer::Rate(number(0)?)),
        b'A' => {
            let samples = payload.as_chunks::<2>().0;
            Ok(Answer::Audio(samples.iter().map(|b| i16::from_le_bytes(*b)).collect()))
        }
        b'P' => Ok(Answer::Phoneme { sample: number(0)?, name: text(4) }),
        b'W' => Ok(Answer::Word { sample: number(0)?, character: number(4)? }),
        b'E' => Ok(Answer::End(text(0))),
        _ => Err(bad()),
    }
}
