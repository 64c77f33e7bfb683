//! The microphone as frames: 20 ms each, without the own voice. When the node is gone the frames are silent and
//! come in real time, so that the clock of the conversation goes on.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use companion_types::{AudioFrame, FRAME_MS, FRAME_SAMPLES, SampleClock, SampleRate};
use ringbuf::HeapCons;
use ringbuf::traits::{Consumer as _, Observer as _};

use super::Inner;
use crate::echo::EchoCanceller;
use crate::error::AudioError;

/// Sound that is this late does not come: silence is heard in its place.
const LATE: Duration = Duration::from_millis(100);
/// The ring is looked at this often. The callback must not wake anybody: that can block it.
const LOOK: Duration = Duration::from_millis(2);
/// After a pause this long in taking frames, what lies in the rings is old.
const PAUSE: Duration = Duration::from_millis(300);
/// Frames over which the level is measured: 100 ms.
const LEVEL_FRAMES: usize = 5;

/// The `hear` thread's end of the capture node.
pub struct Microphone {
    inner: Arc<Inner>,
    heard: HeapCons<f32>,
    reference: HeapCons<f32>,
    canceller: Option<EchoCanceller>,
    played: Vec<f32>,
    clock: SampleClock,
    /// When the next frame should be there.
    due: Instant,
    last_call: Instant,
    levels: [(f32, f32); LEVEL_FRAMES],
    frames: usize,
}

impl std::fmt::Debug for Microphone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Microphone").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl Microphone {
    pub(super) fn new(
        inner: Arc<Inner>,
        heard: HeapCons<f32>,
        reference: HeapCons<f32>,
        cancel_at: Option<SampleRate>,
    ) -> Result<Self, AudioError> {
        let canceller = cancel_at.map(EchoCanceller::new).transpose()?;
        let now = Instant::now();
        Ok(Self {
            inner,
            heard,
            reference,
            canceller,
            played: Vec::new(),
            clock: SampleClock(0),
            due: now,
            last_call: now,
            levels: [(0.0, 0.0); LEVEL_FRAMES],
            frames: 0,
        })
    }

    /// Waits for the next 20 ms; `None` once the nodes were stopped.
    pub fn next_frame(&mut self) -> Option<AudioFrame> {
        if self.last_call.elapsed() > PAUSE {
            self.heard.clear();
            self.reference.clear();
            self.inner.status.overruns.store(0, Ordering::Relaxed);
            self.due = Instant::now();
        }
        let mut pcm = [0.0; FRAME_SAMPLES];
        loop {
            if self.inner.status.is_stopped() {
                return None;
            }
            if self.heard.occupied_len() >= FRAME_SAMPLES {
                let _ = self.heard.pop_slice(&mut pcm);
                self.due = Instant::now() + Duration::from_millis(FRAME_MS);
                break;
            }
            if Instant::now() > self.due + LATE {
                self.due += Duration::from_millis(FRAME_MS);
                break;
            }
            std::thread::sleep(LOOK);
        }
        self.last_call = Instant::now();
        self.measure(&pcm);
        self.cancel_echo(&mut pcm);
        let at = self.clock;
        self.clock = self.clock + FRAME_SAMPLES as u64;
        Some(AudioFrame { at, pcm })
    }

    fn cancel_echo(&mut self, pcm: &mut [f32; FRAME_SAMPLES]) {
        self.played.clear();
        self.played.extend(self.reference.pop_iter());
        let Some(canceller) = &mut self.canceller else { return };
        canceller.played(&self.played);
        canceller.clean(pcm);
        self.inner.status.set_echo_loss(canceller.echo_loss_db());
    }

    fn measure(&mut self, pcm: &[f32; FRAME_SAMPLES]) {
        let peak = pcm.iter().fold(0.0_f32, |most, s| most.max(s.abs()));
        let energy: f32 = pcm.iter().map(|s| s * s).sum();
        self.levels[self.frames % LEVEL_FRAMES] = (peak, energy);
        self.frames = self.frames.wrapping_add(1);
        let peak = self.levels.iter().fold(0.0_f32, |most, l| most.max(l.0));
        #[expect(clippy::cast_precision_loss, reason = "1600 samples")]
        let count = (LEVEL_FRAMES * FRAME_SAMPLES) as f32;
        let rms = (self.levels.iter().map(|l| l.1).sum::<f32>() / count).sqrt();
        self.inner.status.set_level(peak, rms);
    }
}
