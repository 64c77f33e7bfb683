//! Frames of the microphone for the `hear` thread: 20 ms each, cleaned of echo, without a gap in the
//! sample clock whatever happens to the device.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use companion_types::{AudioFrame, CAPTURE_RATE, FRAME_MS, FRAME_SAMPLES, SampleClock, bounded};
use ringbuf::HeapCons;
use ringbuf::traits::Consumer;

use super::marks::Mark;
use super::reference::Reference;
use super::shared::Shared;
use crate::echo::EchoCanceller;

/// A microphone that gave nothing for this long is gone, until it gives something.
const GONE: Duration = Duration::from_millis(60);
/// Longest sleep. The callback must not wake anyone (that is a lock or a system call), so the thread
/// looks by itself; 4 ms of 20 add little delay and cost 250 wake-ups a second at most.
const LOOK_AGAIN: Duration = Duration::from_millis(4);
/// Beyond the lag of its resampler a reference may be so many samples late, a cycle of 20 ms; then the
/// frame goes without.
const PATIENCE: usize = 320;
const FRAME: Duration = Duration::from_millis(FRAME_MS);

/// What the loudspeaker's sound is taken out with.
struct Cleaner {
    reference: Reference,
    canceller: EchoCanceller,
}

/// The microphone's frames, one every 20 ms.
pub struct CaptureStream {
    ring: HeapCons<f32>,
    marks: HeapCons<Mark>,
    mark: Option<Mark>,
    pcm: VecDeque<f32>,
    /// Index of the first sample in `pcm`.
    index: u64,
    cleaner: Option<Cleaner>,
    shared: Arc<Shared>,
    clock: SampleClock,
    /// When the last sample came.
    last_sound: Instant,
    /// When the next silent frame is due, while the microphone is gone.
    next_silent: Option<Instant>,
}

impl std::fmt::Debug for CaptureStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CaptureStream").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl CaptureStream {
    pub(super) fn new(
        ring: HeapCons<f32>,
        marks: HeapCons<Mark>,
        reference: Option<Reference>,
        shared: Arc<Shared>,
    ) -> Self {
        let cleaner =
            reference.map(|reference| Cleaner { reference, canceller: EchoCanceller::new() });
        Self {
            ring,
            marks,
            mark: None,
            pcm: VecDeque::new(),
            index: 0,
            cleaner,
            shared,
            clock: SampleClock(0),
            last_sound: Instant::now(),
            next_silent: None,
        }
    }

    /// The next 20 ms; `None` once the device was stopped. Waits for the microphone, and while there is
    /// none (muted, unplugged, no PipeWire) gives silence at the pace of the wall clock: the sample
    /// clock, and all that counts on it, goes on.
    pub fn next_frame(&mut self) -> Option<AudioFrame> {
        loop {
            if self.shared.stopped() {
                return None;
            }
            self.fetch();
            let pcm = self.heard().or_else(|| self.silence());
            if let Some(pcm) = pcm {
                let frame = AudioFrame { at: self.clock, pcm };
                self.clock = self.clock + FRAME_SAMPLES as u64;
                return Some(frame);
            }
            std::thread::sleep(self.until_due());
        }
    }

    fn fetch(&mut self) {
        let before = self.pcm.len();
        self.pcm.extend(self.ring.pop_iter().map(bounded));
        self.mark = Mark::newest(&mut self.marks).or(self.mark);
        if self.pcm.len() > before {
            self.last_sound = Instant::now();
            self.next_silent = None;
        }
        if let Some(cleaner) = &mut self.cleaner
            && cleaner.reference.fetch().is_err()
        {
            // The resampler is broken for good; sound with echo is better than none.
            self.cleaner = None;
        }
    }

    /// A frame of what was captured, if there is one and its reference is there.
    fn heard(&mut self) -> Option<[f32; FRAME_SAMPLES]> {
        if self.pcm.len() < FRAME_SAMPLES {
            return None;
        }
        let at_ns = self.mark.map(|m| m.time_of(self.index, CAPTURE_RATE.0));
        let lag = self.cleaner.as_ref().map_or(0, |c| c.reference.lag());
        let late = self.pcm.len() >= FRAME_SAMPLES + PATIENCE + lag;
        let reference = match (&mut self.cleaner, at_ns) {
            (Some(cleaner), Some(at_ns)) => Some(cleaner.reference.frame(at_ns, late)?),
            _ => None,
        };
        let mut pcm = [0.0; FRAME_SAMPLES];
        for (to, from) in pcm.iter_mut().zip(self.pcm.drain(..FRAME_SAMPLES)) {
            *to = from;
        }
        self.index += FRAME_SAMPLES as u64;
        if let (Some(cleaner), Some(reference)) = (&mut self.cleaner, reference) {
            match cleaner.canceller.clean(&pcm, &reference) {
                Ok(clean) => pcm = clean.map(bounded),
                Err(_) => self.cleaner = None,
            }
            let loss = self.cleaner.as_ref().and_then(|c| c.canceller.echo_loss_db());
            self.shared.meters.set_echo_loss(loss);
        }
        Some(pcm)
    }

    /// A frame of silence, if the microphone is gone and 20 ms have passed.
    fn silence(&mut self) -> Option<[f32; FRAME_SAMPLES]> {
        let now = Instant::now();
        if now.duration_since(self.last_sound) < GONE {
            return None;
        }
        // The time spent finding out is made up for by the first silent frames.
        let due = self.next_silent.unwrap_or(self.last_sound + FRAME);
        self.next_silent = Some(due);
        (now >= due).then(|| {
            self.next_silent = Some(due + FRAME);
            [0.0; FRAME_SAMPLES]
        })
    }

    /// How long to sleep until there may be a frame.
    fn until_due(&self) -> Duration {
        let missing = FRAME_SAMPLES.saturating_sub(self.pcm.len()) as u64;
        let by_sound = Duration::from_micros(missing * 1_000_000 / u64::from(CAPTURE_RATE.0));
        by_sound.clamp(Duration::from_millis(1), LOOK_AGAIN)
    }
}
