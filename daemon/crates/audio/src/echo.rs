//! Takes the own voice out of what the microphone hears: WebRTC's AEC3 (crate `sonora`), fed with what was really
//! played. It works in blocks of 10 ms and finds the delay of the echo by itself.

use companion_types::{CAPTURE_RATE, FRAME_SAMPLES, SampleRate};
use sonora::config::EchoCanceller as Aec3;
use sonora::{AudioProcessing, Config, StreamConfig};

use crate::error::AudioError;

/// Samples of a block at the capture rate: 10 ms.
const BLOCK: usize = FRAME_SAMPLES / 2;
/// Played sound below this mean square is silence: no echo is measured then.
const SILENCE: f32 = 1e-7;
/// How quickly the measured loss follows, per frame.
const FOLLOW: f32 = 0.05;
/// Frames of one look at the way from the loudspeaker to the microphone: 320 ms.
const LOOK_FRAMES: u32 = 16;
/// Played sound must be this loud in a look, as a mean square (-50 dBFS).
const LOUD: f32 = 1e-5;
/// Below this ratio of heard to played power (-45 dB) there is no echo to take out.
const NO_ECHO: f32 = 3e-5;
/// Looks that count: 6.4 s of sound. Nobody speaks over the own voice for so long without being answered.
const LOOKS: usize = 20;

/// Whether the microphone hears the loudspeaker at all. With headphones, or far from each other, it does not,
/// and the canceller would only take away from those who speak at the same time.
///
/// In every look with sound an echo of gain g leaves at least g squared of the played power in what is heard,
/// whatever else is heard; so the smallest ratio of the last looks is an upper bound of the echo.
#[derive(Debug, Default)]
struct EchoPresence {
    played: f32,
    heard: f32,
    frames: u32,
    ratios: std::collections::VecDeque<f32>,
}

impl EchoPresence {
    fn push(&mut self, played: f32, heard: f32) {
        self.played += played;
        self.heard += heard;
        self.frames += 1;
        if self.frames < LOOK_FRAMES {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "16")]
        let loud = LOUD * LOOK_FRAMES as f32;
        if self.played > loud {
            if self.ratios.len() == LOOKS {
                self.ratios.pop_front();
            }
            self.ratios.push_back(self.heard / self.played);
        }
        (self.played, self.heard, self.frames) = (0.0, 0.0, 0);
    }

    /// True once it is known that there is no echo.
    fn is_absent(&self) -> bool {
        self.ratios.len() >= 2 && self.ratios.iter().any(|r| *r < NO_ECHO)
    }
}

/// The canceller of one microphone and one loudspeaker.
pub struct EchoCanceller {
    processing: AudioProcessing,
    /// Samples of a block at the playback rate.
    render_block: usize,
    waiting: Vec<f32>,
    scratch: Vec<f32>,
    /// Mean squares before and behind the canceller while something was played.
    power: (f32, f32),
    /// Frames since something was played.
    quiet_frames: u32,
    /// Mean square of what was played since the last frame.
    just_played: f32,
    presence: EchoPresence,
}

impl std::fmt::Debug for EchoCanceller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EchoCanceller").field("render_block", &self.render_block).finish()
    }
}

/// Frames that an echo may ring on after the last sound: half a second.
const RINGS_ON: u32 = 25;

impl EchoCanceller {
    /// A canceller for a loudspeaker of `rate`.
    ///
    /// # Errors
    /// When 10 ms of `rate` are no whole number of samples.
    pub fn new(rate: SampleRate) -> Result<Self, AudioError> {
        if !rate.0.is_multiple_of(100) || rate.0 < 8_000 {
            return Err(AudioError::Rate {
                from: rate.0,
                to: CAPTURE_RATE.0,
                reason: "the echo canceller works in blocks of 10 ms".to_owned(),
            });
        }
        let config = Config { echo_canceller: Some(Aec3::default()), ..Config::default() };
        let processing = AudioProcessing::builder()
            .config(config)
            .capture_config(StreamConfig::new(CAPTURE_RATE.0, 1))
            .render_config(StreamConfig::new(rate.0, 1))
            .build();
        let render_block = usize::try_from(rate.0 / 100).unwrap_or(BLOCK);
        Ok(Self {
            processing,
            render_block,
            waiting: Vec::new(),
            scratch: vec![0.0; render_block],
            power: (0.0, 0.0),
            quiet_frames: u32::MAX,
            just_played: 0.0,
            presence: EchoPresence::default(),
        })
    }

    /// Tells what was played, before the frame that may hold its echo. Any number of samples.
    pub fn played(&mut self, pcm: &[f32]) {
        self.waiting.extend_from_slice(pcm);
        let mut loud = false;
        let mut used = 0;
        self.just_played = mean_square(pcm);
        for block in self.waiting.chunks_exact(self.render_block) {
            loud |= mean_square(block) > SILENCE;
            if let Err(error) =
                self.processing.process_render_f32(&[block], &mut [&mut self.scratch])
            {
                tracing::debug!(?error, "a block was not taken as echo reference");
            }
            used += block.len();
        }
        self.waiting.drain(..used);
        self.quiet_frames = if loud { 0 } else { self.quiet_frames.saturating_add(1) };
    }

    /// Cleans one frame of the microphone.
    pub fn clean(&mut self, pcm: &mut [f32; FRAME_SAMPLES]) {
        let before = mean_square(pcm);
        self.presence.push(self.just_played, before);
        let mut out = [0.0; FRAME_SAMPLES];
        for (input, output) in pcm.chunks_exact(BLOCK).zip(out.chunks_exact_mut(BLOCK)) {
            if let Err(error) = self.processing.process_capture_f32(&[input], &mut [output]) {
                tracing::debug!(?error, "a block was not cleaned");
                output.copy_from_slice(input);
            }
        }
        if self.quiet_frames > RINGS_ON || self.presence.is_absent() {
            // Nothing sounds that could echo, or no echo arrives: what is heard is heard as it is. The
            // canceller still saw it, so that it goes on without a jump.
            return;
        }
        if before > SILENCE {
            self.power.0 += FOLLOW * (before - self.power.0);
            self.power.1 += FOLLOW * (mean_square(&out) - self.power.1);
        }
        *pcm = out;
    }

    /// How much quieter the microphone is behind the canceller while something is played, in dB; 0 before
    /// anything was. Somebody who speaks at the same time makes it smaller.
    #[must_use]
    pub fn echo_loss_db(&self) -> f32 {
        if self.power.0 <= 0.0 {
            return 0.0;
        }
        10.0 * (self.power.0 / self.power.1.max(1e-12)).log10()
    }
}

fn mean_square(pcm: &[f32]) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "a few hundred samples")]
    let count = pcm.len().max(1) as f32;
    pcm.iter().map(|s| s * s).sum::<f32>() / count
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Speech-shaped sound: noise through a one-pole filter, in syllables of 200 ms.
    struct Talker {
        word: u32,
        low: f32,
        n: usize,
        rate: usize,
    }

    impl Talker {
        fn new(seed: u32, rate: usize) -> Self {
            Self { word: seed, low: 0.0, n: 0, rate }
        }

        fn next(&mut self) -> f32 {
            self.word = self.word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (self.word >> 8) as f32 / 8_388_608.0 - 1.0;
            self.low += 0.2 * (noise - self.low);
            self.n += 1;
            let syllable = self.n % (self.rate / 4) < self.rate / 5;
            if syllable { self.low * 0.6 } else { 0.0 }
        }
    }

    /// Runs `seconds` of a room whose loudspeaker is heard 60 ms later at half the level; gives mean squares
    /// of the near talker alone, of the microphone and of the cleaned sound over the last second.
    fn room(seconds: usize, near_talks: bool) -> (f32, f32, f32) {
        let mut canceller = EchoCanceller::new(SampleRate(16_000)).unwrap();
        let (mut far, mut near) = (Talker::new(1, 16_000), Talker::new(99, 16_000));
        let mut line = std::collections::VecDeque::from(vec![0.0_f32; 960]);
        let (mut alone, mut before, mut after, mut counted) = (0.0, 0.0, 0.0, 0);
        let frames = seconds * 50;
        for frame in 0..frames {
            let played: Vec<f32> = (0..FRAME_SAMPLES).map(|_| far.next()).collect();
            line.extend(&played);
            let mut talk = [0.0; FRAME_SAMPLES];
            let mut mic = [0.0; FRAME_SAMPLES];
            for n in 0..FRAME_SAMPLES {
                talk[n] = if near_talks && frame > frames / 2 { near.next() } else { 0.0 };
                mic[n] = 0.5 * line.pop_front().unwrap() + talk[n];
            }
            let heard = mic;
            canceller.played(&played);
            canceller.clean(&mut mic);
            if frame + 50 >= frames {
                alone += mean_square(&talk);
                before += mean_square(&heard);
                after += mean_square(&mic);
                counted += 1;
            }
        }
        let count = counted as f32;
        (alone / count, before / count, after / count)
    }

    fn db(a: f32, b: f32) -> f32 {
        10.0 * (a / b.max(1e-12)).log10()
    }

    #[test]
    fn pure_echo_is_taken_out() {
        let (_, before, after) = room(4, false);
        assert!(db(before, after) > 30.0, "{} dB", db(before, after));
    }

    #[test]
    fn somebody_who_talks_at_the_same_time_is_still_heard() {
        let (alone, _, after) = room(8, true);
        let lost = db(alone, after);
        assert!(lost.abs() < 6.0, "{lost} dB");
    }

    #[test]
    fn where_no_echo_arrives_nothing_is_taken_away() {
        let mut canceller = EchoCanceller::new(SampleRate(16_000)).unwrap();
        let (mut far, mut near) = (Talker::new(1, 16_000), Talker::new(99, 16_000));
        for frame in 0..150 {
            let played: Vec<f32> = (0..FRAME_SAMPLES).map(|_| far.next()).collect();
            let mut mic = [0.0; FRAME_SAMPLES];
            if frame >= 50 {
                mic.iter_mut().for_each(|s| *s = near.next());
            }
            let heard = mic;
            canceller.played(&played);
            canceller.clean(&mut mic);
            assert!(frame < 50 || mic == heard, "frame {frame}");
        }
    }

    #[test]
    fn without_sound_of_its_own_nothing_is_changed() {
        let mut canceller = EchoCanceller::new(SampleRate(48_000)).unwrap();
        let mut near = Talker::new(5, 16_000);
        for _ in 0..100 {
            let mut mic = [0.0; FRAME_SAMPLES];
            mic.iter_mut().for_each(|s| *s = near.next());
            let heard = mic;
            canceller.played(&[0.0; 960]);
            canceller.clean(&mut mic);
            assert_eq!(mic, heard);
        }
    }
}
