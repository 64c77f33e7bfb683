//! A room that exists only on the sample clock: what is spoken into it is a list of samples, what is
//! played in it is recorded, and the loudspeaker may be heard by the microphone.

use companion_types::{AudioFrame, FRAME_MS, FRAME_SAMPLES, SampleClock};

use crate::playback::PlaybackTap;

/// A simulated microphone and loudspeaker, stepped 20 ms at a time.
#[derive(Debug)]
pub struct SimulatedRoom {
    tap: PlaybackTap,
    playback_samples: usize,
    clock: SampleClock,
    mic: std::collections::VecDeque<f32>,
    played: Vec<f32>,
}

impl SimulatedRoom {
    /// A room whose loudspeaker takes `rate` samples per second from `tap`.
    #[must_use]
    pub fn new(tap: PlaybackTap, rate: companion_types::SampleRate) -> Self {
        let playback_samples = usize::try_from(rate.samples_of(FRAME_MS)).unwrap_or(FRAME_SAMPLES);
        Self {
            tap,
            playback_samples,
            clock: SampleClock(0),
            mic: std::collections::VecDeque::new(),
            played: Vec::new(),
        }
    }

    /// Speaks samples (16 kHz mono) into the room, behind what is still to be spoken.
    pub fn speak(&mut self, pcm: &[f32]) {
        self.mic.extend(pcm);
    }

    /// Whether everything was spoken.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.mic.is_empty()
    }

    /// The next 20 ms: what the microphone hears while the loudspeaker plays.
    pub fn step(&mut self) -> AudioFrame {
        let at = self.played.len();
        self.played.resize(at + self.playback_samples, 0.0);
        self.tap.fill(&mut self.played[at..]);
        let mut pcm = [0.0; FRAME_SAMPLES];
        for sample in &mut pcm {
            *sample = self.mic.pop_front().unwrap_or(0.0);
        }
        let frame = AudioFrame { at: self.clock, pcm };
        self.clock = self.clock + FRAME_SAMPLES as u64;
        frame
    }

    /// Everything that was played so far.
    #[must_use]
    pub fn played(&self) -> &[f32] {
        &self.played
    }

    /// The room's clock.
    #[must_use]
    pub fn clock(&self) -> SampleClock {
        self.clock
    }
}
