//! Audio as the rooms pass it on: mono f32 in -1..1.

use serde::{Deserialize, Serialize};

use crate::SampleClock;

/// Sample rate of everything that is heard: 16 kHz, what the speech models were trained on.
pub const CAPTURE_RATE: SampleRate = SampleRate(16_000);
/// Length of one capture frame in milliseconds.
pub const FRAME_MS: u64 = 20;
/// Samples of one capture frame: 20 ms at 16 kHz.
pub const FRAME_SAMPLES: usize = 320;

/// Samples per second of one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SampleRate(pub u32);

impl SampleRate {
    /// How many milliseconds `samples` last, rounded down.
    #[must_use]
    pub fn ms_of(self, samples: u64) -> u64 {
        samples.saturating_mul(1000) / u64::from(self.0.max(1))
    }

    /// How many samples `ms` milliseconds hold, rounded down.
    #[must_use]
    pub fn samples_of(self, ms: u64) -> u64 {
        ms.saturating_mul(u64::from(self.0)) / 1000
    }
}

/// 20 ms of what the microphone heard: 320 samples, 16 kHz mono, -1..1.
#[derive(Debug, Clone, PartialEq)]
pub struct AudioFrame {
    /// When its first sample was heard.
    pub at: SampleClock,
    /// The samples.
    pub pcm: [f32; FRAME_SAMPLES],
}

/// A sample as everything behind the microphone may take it: -1..1, and 0 for what is no number. Devices with gain,
/// and clients, send other things.
#[must_use]
pub fn bounded(sample: f32) -> f32 {
    if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 }
}
