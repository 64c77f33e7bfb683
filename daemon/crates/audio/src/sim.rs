//! A room that exists only on the sample clock: what is spoken into it is a list of samples, what is
//! played in it is recorded, and the loudspeaker may be heard by the microphone.

use std::collections::VecDeque;

use companion_types::{AudioFrame, CAPTURE_RATE, FRAME_MS, FRAME_SAMPLES, SampleClock, SampleRate};

use crate::echo::EchoCanceller;
use crate::error::AudioError;
use crate::playback::PlaybackTap;
use crate::resample::Resampler;

/// The way from the loudspeaker to the microphone.
#[derive(Debug)]
struct EchoPath {
    to_capture: Resampler,
    /// Played sound at the capture rate that has not arrived yet.
    line: VecDeque<f32>,
    gain: f32,
    canceller: Option<EchoCanceller>,
}

/// A simulated microphone and loudspeaker, stepped 20 ms at a time.
#[derive(Debug)]
pub struct SimulatedRoom {
    tap: PlaybackTap,
    playback_samples: usize,
    clock: SampleClock,
    mic: VecDeque<f32>,
    played: Vec<f32>,
    echo: Option<EchoPath>,
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
            mic: VecDeque::new(),
            played: Vec::new(),
            echo: None,
        }
    }

    /// The microphone hears the loudspeaker `delay_ms` later at `gain`. With `cancel` the frames come
    /// through the echo canceller, as those of a real microphone do.
    ///
    /// # Errors
    /// When the rate cannot be converted.
    pub fn with_echo(
        mut self,
        rate: SampleRate,
        delay_ms: u64,
        gain: f32,
        cancel: bool,
    ) -> Result<Self, AudioError> {
        let late = usize::try_from(CAPTURE_RATE.samples_of(delay_ms)).unwrap_or(0);
        self.echo = Some(EchoPath {
            to_capture: Resampler::new(rate, CAPTURE_RATE)?,
            line: VecDeque::from(vec![0.0; late]),
            gain,
            canceller: if cancel { Some(EchoCanceller::new(rate)?) } else { None },
        });
        Ok(self)
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
        if let Some(echo) = &mut self.echo {
            echo.arrive(&self.played[at..], &mut pcm);
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

impl EchoPath {
    /// Adds what of the played sound arrives now, and takes it out again where that is wanted.
    fn arrive(&mut self, played: &[f32], pcm: &mut [f32; FRAME_SAMPLES]) {
        self.line.extend(self.to_capture.push(played).unwrap_or_default());
        for sample in &mut *pcm {
            *sample += self.gain * self.line.pop_front().unwrap_or(0.0);
        }
        if let Some(canceller) = &mut self.canceller {
            canceller.played(played);
            canceller.clean(pcm);
        }
    }
}
