//! Keeps what was heard just before the onset, so that the first syllable is not lost.

use std::collections::VecDeque;

use companion_types::{CAPTURE_RATE, FRAME_SAMPLES};

/// The last samples heard, a fixed number at most.
#[derive(Debug)]
pub struct Preroll {
    samples: VecDeque<f32>,
    capacity: usize,
}

impl Preroll {
    /// Keeps `ms` milliseconds.
    #[must_use]
    pub fn new(ms: u64) -> Self {
        let capacity = usize::try_from(CAPTURE_RATE.samples_of(ms)).unwrap_or(usize::MAX);
        Self { samples: VecDeque::with_capacity(capacity + FRAME_SAMPLES), capacity }
    }

    /// Adds a frame and forgets what is too old.
    pub fn push(&mut self, pcm: &[f32]) {
        self.samples.extend(pcm);
        let excess = self.samples.len().saturating_sub(self.capacity);
        self.samples.drain(..excess);
    }

    /// Takes everything out, oldest first.
    pub fn take(&mut self) -> Vec<f32> {
        self.samples.drain(..).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_samples_are_kept() {
        let mut preroll = Preroll::new(1);
        preroll.push(&(0..20_u8).map(f32::from).collect::<Vec<_>>());
        assert_eq!(preroll.take(), (4..20_u8).map(f32::from).collect::<Vec<_>>());
        assert!(preroll.take().is_empty());
    }
}
