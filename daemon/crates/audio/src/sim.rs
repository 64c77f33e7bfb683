//! A room that exists only on the sample clock: what is spoken into it is a list of samples, what is
//! played in it is recorded, and the loudspeaker may be heard by the microphone.

use std::collections::VecDeque;

use companion_types::{AudioFrame, CAPTURE_RATE, FRAME_MS, FRAME_SAMPLES, SampleClock, SampleRate};

use crate::echo::EchoCanceller;
use crate::error::AudioError;
use crate::playback::PlaybackTap;
use crate::resample::Resampler;

/// Input of one resampling pass, in milliseconds.
const CHUNK_MS: u64 = 5;

/// How the loudspeaker is heard by the microphone.
#[derive(Debug, Clone, PartialEq)]
pub struct EchoPath {
    /// Factor of the direct sound.
    pub gain: f32,
    /// Delay of the direct sound in milliseconds, buffers included; 20 at least, more
    /// where the rate of the loudspeaker is hard to convert.
    pub delay_ms: u64,
    /// Impulse response of the room at 16 kHz, from the direct sound on; empty for none.
    pub impulse: Vec<f32>,
}

/// The loudspeaker's way to the microphone.
#[derive(Debug)]
struct Loop {
    resampler: Resampler,
    path: Option<EchoPath>,
    canceller: Option<EchoCanceller>,
    /// Played at 16 kHz and not yet a reference, which is `lead` samples behind the loudspeaker.
    played: VecDeque<f32>,
    lead: usize,
    /// The references of the past, newest last.
    past: VecDeque<f32>,
}

impl Loop {
    fn new(rate: SampleRate) -> Result<Self, AudioError> {
        let chunk = usize::try_from(rate.samples_of(CHUNK_MS)).unwrap_or(FRAME_SAMPLES);
        let resampler = Resampler::with_chunk(rate, CAPTURE_RATE, chunk)?;
        let lead = resampler.lag().max(FRAME_SAMPLES);
        let played = std::iter::repeat_n(0.0, lead).collect();
        Ok(Self { resampler, path: None, canceller: None, played, lead, past: VecDeque::new() })
    }

    /// Adds the echo of `played` to `mic`, and takes it out again if there is a canceller.
    fn pass(&mut self, played: &[f32], mic: &mut [f32; FRAME_SAMPLES]) -> Result<(), AudioError> {
        self.played.extend(self.resampler.push(played)?);
        let mut reference = [0.0; FRAME_SAMPLES];
        for sample in &mut reference {
            *sample = self.played.pop_front().unwrap_or(0.0);
        }
        if let Some(path) = &self.path {
            self.past.extend(reference);
            let delay = usize::try_from(CAPTURE_RATE.samples_of(path.delay_ms)).unwrap_or(0);
            let behind = delay.saturating_sub(self.lead);
            let now = self.past.len().saturating_sub(FRAME_SAMPLES);
            let direct = [1.0];
            let impulse = if path.impulse.is_empty() { &direct[..] } else { &path.impulse };
            for (i, sample) in mic.iter_mut().enumerate() {
                let heard = impulse.iter().enumerate().map(|(k, weight)| {
                    let at = (now + i).checked_sub(behind + k);
                    weight * at.and_then(|at| self.past.get(at)).copied().unwrap_or(0.0)
                });
                *sample += path.gain * heard.sum::<f32>();
            }
            let kept = behind + impulse.len();
            self.past.drain(..self.past.len().saturating_sub(kept));
        }
        if let Some(canceller) = &mut self.canceller {
            *mic = canceller.clean(mic, &reference)?;
        }
        Ok(())
    }
}

/// A simulated microphone and loudspeaker, stepped 20 ms at a time.
#[derive(Debug)]
pub struct SimulatedRoom {
    tap: PlaybackTap,
    rate: SampleRate,
    playback_samples: usize,
    clock: SampleClock,
    mic: VecDeque<f32>,
    played: Vec<f32>,
    echo: Option<Loop>,
}

impl SimulatedRoom {
    /// A room whose loudspeaker takes `rate` samples per second from `tap`, unheard by the microphone.
    #[must_use]
    pub fn new(tap: PlaybackTap, rate: SampleRate) -> Self {
        let playback_samples = usize::try_from(rate.samples_of(FRAME_MS)).unwrap_or(FRAME_SAMPLES);
        Self {
            tap,
            rate,
            playback_samples,
            clock: SampleClock(0),
            mic: VecDeque::new(),
            played: Vec::new(),
            echo: None,
        }
    }

    /// The same room, in which the microphone hears the loudspeaker.
    ///
    /// # Errors
    /// When the loudspeaker's rate cannot be converted to the microphone's.
    pub fn with_echo(mut self, path: EchoPath) -> Result<Self, AudioError> {
        self.echo()?.path = Some(path);
        Ok(self)
    }

    /// The same room, with the echo taken out of the frames again, as the PipeWire device does it.
    ///
    /// # Errors
    /// When the loudspeaker's rate cannot be converted to the microphone's.
    pub fn with_echo_canceller(mut self) -> Result<Self, AudioError> {
        self.echo()?.canceller = Some(EchoCanceller::new());
        Ok(self)
    }

    fn echo(&mut self) -> Result<&mut Loop, AudioError> {
        let echo = match self.echo.take() {
            Some(echo) => echo,
            None => Loop::new(self.rate)?,
        };
        Ok(self.echo.insert(echo))
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
        if let Some(echo) = &mut self.echo
            && echo.pass(&self.played[at..], &mut pcm).is_err()
        {
            // Neither resampler nor canceller refuses a frame of the right length.
            self.echo = None;
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

    /// By how many dB the canceller lowers the echo, `None` without one or before anything was played.
    #[must_use]
    pub fn echo_loss_db(&self) -> Option<f32> {
        self.echo.as_ref()?.canceller.as_ref()?.echo_loss_db()
    }
}

#[cfg(test)]
mod tests {
    use companion_types::TurnId;

    use super::*;
    use crate::echo::test_sound::{power, talker};
    use crate::playback::playback;

    const RATE: SampleRate = SampleRate(24_000);

    fn path() -> EchoPath {
        let mut impulse = vec![0.0; 600];
        for (at, weight) in [(0, 1.0), (61, 0.4), (190, -0.3), (590, 0.2)] {
            impulse[at] = weight;
        }
        EchoPath { gain: 0.4, delay_ms: 45, impulse }
    }

    /// What the microphone hears while a talker's `seconds` are played (too slow by half: no matter).
    fn run(
        mut room: SimulatedRoom,
        queue: &crate::Playback,
        seconds: u64,
    ) -> (SimulatedRoom, Vec<f32>) {
        let speech = talker(3, 2 * usize::try_from(seconds).unwrap(), 0.5);
        let mut left = &speech[..];
        queue.begin(TurnId(1));
        let mut heard = Vec::new();
        for _ in 0..seconds * 50 {
            left = &left[queue.push(TurnId(1), left)..];
            heard.extend(room.step().pcm);
        }
        (room, heard)
    }

    #[test]
    fn an_echo_comes_at_its_delay_with_its_gain() {
        for (rate, delay_ms) in [(24_000, 20), (48_000, 45), (22_050, 45), (16_000, 200)] {
            let rate = SampleRate(rate);
            let (queue, tap) = playback(rate);
            let mut room = SimulatedRoom::new(tap, rate)
                .with_echo(EchoPath { gain: 0.5, delay_ms, impulse: Vec::new() })
                .unwrap();
            queue.begin(TurnId(1));
            let ms = |ms| usize::try_from(rate.samples_of(ms)).unwrap();
            let mut click = vec![0.0; ms(1_000)];
            click[ms(100)..ms(101)].fill(0.8);
            assert_eq!(queue.push(TurnId(1), &click), click.len());
            let heard: Vec<f32> = (0..50).flat_map(|_| room.step().pcm).collect();
            let peak = heard.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
            let expected = CAPTURE_RATE.samples_of(100 + delay_ms) as i64 + 8;
            assert!((peak.0 as i64 - expected).abs() <= 10, "{delay_ms}: {} {expected}", peak.0);
            assert!((0.35..0.5).contains(peak.1), "{}", peak.1);
        }
    }

    #[test]
    fn the_canceller_takes_the_echo_out_and_runs_the_same_every_time() {
        let make = || {
            let (queue, tap) = playback(RATE);
            (queue, SimulatedRoom::new(tap, RATE).with_echo(path()).unwrap())
        };
        let (queue, room) = make();
        let (room, echo) = run(room, &queue, 4);
        assert_eq!(room.echo_loss_db(), None);
        let cancelled = || {
            let (queue, room) = make();
            run(room.with_echo_canceller().unwrap(), &queue, 4)
        };
        let (room, clean) = cancelled();
        let down = 10.0 * (power(&echo[16_000..]) / power(&clean[16_000..])).log10();
        println!("{down:.1} dB");
        assert!(down >= 30.0, "{down:.1} dB");
        assert!(room.echo_loss_db().is_some_and(|db| db >= 30.0));
        assert_eq!(cancelled().1, clean);
    }
}
