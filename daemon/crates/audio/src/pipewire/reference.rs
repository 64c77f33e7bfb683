//! What the loudspeaker played, at 16 kHz and found by the graph's clock. Runs on the `hear` thread.

use std::collections::VecDeque;

use companion_types::{CAPTURE_RATE, FRAME_SAMPLES, SampleRate};
use ringbuf::HeapCons;
use ringbuf::traits::Consumer;

use super::marks::Mark;
use crate::error::AudioError;
use crate::resample::Resampler;

/// Input of one resampling pass: 5 ms, so that the reference is ready soon after the microphone.
const CHUNK_MS: u64 = 5;
/// A jump of the clock up to this is jitter of the cycles and not followed: 5 ms.
const JITTER: i64 = 80;
/// A loudspeaker whose last cycle is older than this stands still.
const STALE_NS: i64 = 200_000_000;
/// So much is kept at most, 3 s.
const KEEP: usize = 48_000;

/// The played sound that waits to be compared with the heard.
pub(super) struct Reference {
    ring: HeapCons<f32>,
    marks: HeapCons<Mark>,
    rate: SampleRate,
    resampler: Resampler,
    mark: Option<Mark>,
    pcm: VecDeque<f32>,
    /// Index at 16 kHz of the first sample in `pcm`.
    start: i64,
    /// Index that follows the last frame given.
    next: Option<i64>,
}

impl Reference {
    pub(super) fn new(
        ring: HeapCons<f32>,
        marks: HeapCons<Mark>,
        rate: SampleRate,
    ) -> Result<Self, AudioError> {
        let chunk = usize::try_from(rate.samples_of(CHUNK_MS)).unwrap_or(240);
        let resampler = Resampler::with_chunk(rate, CAPTURE_RATE, chunk)?;
        let pcm = VecDeque::new();
        Ok(Self { ring, marks, rate, resampler, mark: None, pcm, start: 0, next: None })
    }

    /// By how many samples at 16 kHz a reference may come later than its frame.
    pub(super) fn lag(&self) -> usize {
        self.resampler.lag()
    }

    /// Fetches what was played since the last time.
    pub(super) fn fetch(&mut self) -> Result<(), AudioError> {
        let fresh: Vec<f32> = self.ring.pop_iter().collect();
        if !fresh.is_empty() {
            self.pcm.extend(self.resampler.push(&fresh)?);
        }
        self.mark = Mark::newest(&mut self.marks).or(self.mark);
        let over = self.pcm.len().saturating_sub(KEEP);
        self.pcm.drain(..over);
        self.start += i64::try_from(over).unwrap_or(0);
        Ok(())
    }

    /// The frame that was played from `at_ns` on. `None` while it is still to come; silence where
    /// nothing was played, or when `now_or_never`.
    pub(super) fn frame(&mut self, at_ns: i64, now_or_never: bool) -> Option<[f32; FRAME_SAMPLES]> {
        let mut frame = [0.0; FRAME_SAMPLES];
        let mark = match self.mark {
            Some(mark) if at_ns - mark.at_ns < STALE_NS => mark,
            _ => {
                self.next = None;
                return Some(frame);
            }
        };
        let at_rate = mark.index_at(at_ns, self.rate.0);
        let by_clock = at_rate * i64::from(CAPTURE_RATE.0) / i64::from(self.rate.0.max(1));
        let from = match self.next {
            Some(next) if (next - by_clock).abs() <= JITTER => next,
            _ => by_clock,
        };
        #[expect(clippy::cast_possible_wrap, reason = "320")]
        let to = from + FRAME_SAMPLES as i64;
        let end = self.start + i64::try_from(self.pcm.len()).unwrap_or(0);
        if end < to && !now_or_never {
            return None;
        }
        let skip = usize::try_from(from - self.start).unwrap_or(0).min(self.pcm.len());
        self.pcm.drain(..skip);
        self.start += i64::try_from(skip).unwrap_or(0);
        let lead = usize::try_from(self.start - from).unwrap_or(0).min(FRAME_SAMPLES);
        for sample in &mut frame[lead..] {
            let Some(value) = self.pcm.pop_front() else { break };
            *sample = value;
            self.start += 1;
        }
        self.next = Some(to);
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use ringbuf::HeapRb;
    use ringbuf::traits::{Producer, Split};

    use super::*;

    #[test]
    fn a_frame_is_found_by_time_whatever_the_size_of_the_cycles() {
        let (mut sound, sound_out) = HeapRb::new(96_000).split();
        let (mut marks, marks_out) = HeapRb::new(64).split();
        let mut reference = Reference::new(sound_out, marks_out, CAPTURE_RATE).unwrap();
        assert_eq!(reference.frame(0, false), Some([0.0; FRAME_SAMPLES]));
        let mut index = 0_u64;
        for cycle in [341_u16, 342, 171, 1_024, 700] {
            let mark = Mark { at_ns: i64::try_from(index * 62_500).unwrap() + 1_000_000, index };
            marks.try_push(mark).unwrap();
            let pcm: Vec<f32> =
                (0..cycle).map(|i| f32::from(u16::try_from(index).unwrap() + i)).collect();
            sound.push_slice(&pcm);
            index += u64::from(cycle);
        }
        reference.fetch().unwrap();
        // 30 ms after the first sample, with jitter that is not followed at the second frame.
        let frame = reference.frame(31_000_000, false).unwrap();
        assert_eq!((frame[0], frame[319]), (480.0, 799.0));
        let frame = reference.frame(51_000_000 + 2_000_000, false).unwrap();
        assert_eq!((frame[0], frame[319]), (800.0, 1_119.0));
        let frame = reference.frame(111_000_000, false).unwrap();
        assert_eq!(frame[0], 1_760.0);
        // What is still to come is waited for, unless there is no time left.
        assert_eq!(reference.frame(161_000_000, false), None);
        let cut = reference.frame(151_000_000, true).unwrap();
        assert_eq!((cut[0], cut[319]), (2_400.0, 0.0));
        assert_eq!(reference.frame(900_000_000, false), Some([0.0; FRAME_SAMPLES]));
    }
}
