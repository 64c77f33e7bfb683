//! The VAD: the earshot crate, whose weights are inside the library. It takes blocks of 16 ms; frames
//! have 20 ms, so the rest waits for the next frame.

use companion_asr::SpeechDetector;
use companion_types::{FRAME_SAMPLES, bounded};

/// Samples of a block: 16 ms at 16 kHz.
const BLOCK: usize = 256;

/// The VAD of the daemon.
pub struct EarshotDetector {
    inner: Box<earshot::Detector>,
    held: Vec<f32>,
    score: f32,
}

impl std::fmt::Debug for EarshotDetector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EarshotDetector")
    }
}

impl Default for EarshotDetector {
    fn default() -> Self {
        Self::new()
    }
}

impl EarshotDetector {
    /// A detector that has heard nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            inner: earshot::Detector::default_boxed(),
            held: Vec::with_capacity(1024),
            score: 0.0,
        }
    }
}

impl SpeechDetector for EarshotDetector {
    fn score(&mut self, pcm: &[f32; FRAME_SAMPLES]) -> f32 {
        // It panics at louder samples.
        self.held.extend(pcm.iter().copied().map(bounded));
        // Two blocks may end in one frame; the livelier one counts.
        let mut best: Option<f32> = None;
        while self.held.len() >= BLOCK {
            let score = self.inner.predict_f32(&self.held[..BLOCK]);
            best = Some(best.map_or(score, |b: f32| b.max(score)));
            self.held.drain(..BLOCK);
        }
        self.score = best.unwrap_or(self.score);
        self.score
    }

    fn reset(&mut self) {
        self.inner.reset();
        self.held.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_that_no_microphone_should_give_are_scored_all_the_same() {
        let mut detector = EarshotDetector::new();
        for wild in [3.0, -40.0, f32::NAN, f32::INFINITY, f32::MAX] {
            for _ in 0..4 {
                let score = detector.score(&[wild; FRAME_SAMPLES]);
                assert!((0.0..=1.0).contains(&score), "{wild}: {score}");
            }
        }
    }
}
