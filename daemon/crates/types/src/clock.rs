//! The clock of hearing: counted samples, so that a test runs the same second a thousand times.

use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

use crate::CAPTURE_RATE;

/// Samples heard since the device was opened, at 16 kHz.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct SampleClock(pub u64);

impl SampleClock {
    /// The time as whole milliseconds.
    #[must_use]
    pub fn ms(self) -> u64 {
        CAPTURE_RATE.ms_of(self.0)
    }

    /// The clock at `ms` milliseconds.
    #[must_use]
    pub fn from_ms(ms: u64) -> Self {
        Self(CAPTURE_RATE.samples_of(ms))
    }

    /// Milliseconds since `earlier`, 0 when it lies ahead.
    #[must_use]
    pub fn ms_since(self, earlier: Self) -> u64 {
        CAPTURE_RATE.ms_of(self.0.saturating_sub(earlier.0))
    }
}

impl Add<u64> for SampleClock {
    type Output = Self;
    fn add(self, samples: u64) -> Self {
        Self(self.0.saturating_add(samples))
    }
}

impl Sub<u64> for SampleClock {
    type Output = Self;
    fn sub(self, samples: u64) -> Self {
        Self(self.0.saturating_sub(samples))
    }
}
