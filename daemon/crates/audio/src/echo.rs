//! Takes the loudspeaker's sound out of what the microphone heard, with the AEC3 of sonora. Works on
//! 16 kHz frames and on nothing else; runs on the `hear` thread, one canceller per microphone.

use companion_types::{CAPTURE_RATE, FRAME_MS, FRAME_SAMPLES};
use sonora::config::{EchoCanceller as Aec3, TransparentModeType};
use sonora::{AudioProcessing, Config, StreamConfig};

use crate::echo_presence::EchoPresence;
use crate::error::AudioError;

/// sonora takes 10 ms at a time.
const HALF: usize = FRAME_SAMPLES / 2;
/// A reference below this power is silence: -66 dBFS.
const AUDIBLE: f32 = 2.5e-7;
/// An echo tail is over this long after the last audible reference: a second, longer than the
/// reverberation of a living room and the buffers of any device.
const TAIL_FRAMES: u64 = 1_000 / FRAME_MS;
/// Time constant of the loss estimate: one second.
const FORGET: f32 = 1.0 / 50.0;

/// Takes out of the microphone's frames what the loudspeaker played. Delays by 8 ms while it works.
pub struct EchoCanceller {
    aec: AudioProcessing,
    /// Frames since the reference was last audible.
    quiet: u64,
    presence: EchoPresence,
    /// 1 where the canceller speaks, 0 where the microphone passes as it is.
    share: f32,
    mic_power: f32,
    out_power: f32,
}

impl std::fmt::Debug for EchoCanceller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EchoCanceller").field("echo_loss_db", &self.echo_loss_db()).finish()
    }
}

impl Default for EchoCanceller {
    fn default() -> Self {
        Self::new()
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred samples")]
pub(crate) fn power(pcm: &[f32]) -> f32 {
    pcm.iter().map(|s| s * s).sum::<f32>() / pcm.len().max(1) as f32
}

impl EchoCanceller {
    /// A canceller that knows nothing of the room yet; it converges within a second of sound.
    #[must_use]
    pub fn new() -> Self {
        // No high-pass and no noise suppression: recognisers want the sound as it is.
        let config = Config {
            echo_canceller: Some(Aec3 {
                enforce_high_pass_filtering: false,
                // Who wears headphones has no echo; the other detector takes 10 s to see that and
                // lowers speech by 12 dB until then.
                transparent_mode: TransparentModeType::Hmm,
            }),
            ..Config::default()
        };
        let mono = StreamConfig::new(CAPTURE_RATE.0, 1);
        let aec = AudioProcessing::builder()
            .config(config)
            .capture_config(mono)
            .render_config(mono)
            .build();
        let presence = EchoPresence::default();
        Self { aec, quiet: TAIL_FRAMES, presence, share: 0.0, mic_power: 0.0, out_power: 0.0 }
    }

    /// Cleans a frame of the microphone; `reference` is what the loudspeaker played at that time or up
    /// to 200 ms before. A second after the last sound of the reference, and where no echo arrives, the
    /// microphone passes as it is, faded over within one frame.
    ///
    /// # Errors
    /// When sonora refuses the frame.
    pub fn clean(
        &mut self,
        mic: &[f32; FRAME_SAMPLES],
        reference: &[f32; FRAME_SAMPLES],
    ) -> Result<[f32; FRAME_SAMPLES], AudioError> {
        let failed = |e: sonora::Error| AudioError::Echo(format!("{e:?}"));
        let audible = power(reference) > AUDIBLE;
        self.presence.push(power(reference), power(mic));
        self.quiet = if audible { 0 } else { self.quiet.saturating_add(1) };
        let mut out = [0.0; FRAME_SAMPLES];
        let mut unused = [0.0; HALF];
        for at in [0, HALF] {
            let to = at + HALF;
            self.aec
                .process_render_f32(&[&reference[at..to]], &mut [&mut unused])
                .map_err(failed)?;
            self.aec
                .process_capture_f32(&[&mic[at..to]], &mut [&mut out[at..to]])
                .map_err(failed)?;
        }
        if audible {
            self.mic_power += FORGET * (power(mic) - self.mic_power);
            self.out_power += FORGET * (power(&out) - self.out_power);
        }
        self.pass(mic, &mut out);
        Ok(out)
    }

    /// Fades between the canceller and the way past it.
    fn pass(&mut self, mic: &[f32; FRAME_SAMPLES], out: &mut [f32; FRAME_SAMPLES]) {
        let needed = self.quiet < TAIL_FRAMES && !self.presence.is_absent();
        let wanted = if needed { 1.0 } else { 0.0 };
        #[expect(clippy::cast_precision_loss, reason = "320")]
        let step = (wanted - self.share) / FRAME_SAMPLES as f32;
        for (clean, raw) in out.iter_mut().zip(mic) {
            self.share += step;
            *clean = *clean * self.share + raw * (1.0 - self.share);
        }
        self.share = wanted;
    }

    /// By how many dB the echo of the last second of played sound was lowered, `None` before any was
    /// heard. Who talks at the same time makes it look smaller.
    #[must_use]
    pub fn echo_loss_db(&self) -> Option<f32> {
        (self.mic_power > AUDIBLE / 100.0)
            .then(|| 10.0 * (self.mic_power / self.out_power.max(1e-12)).log10())
    }
}

/// Sound for tests, here and in the simulated room.
#[cfg(test)]
pub(crate) mod test_sound {
    pub(crate) use super::power;

    pub(crate) const SECOND: usize = 16_000;

    /// Something like speech: voiced syllables of changing pitch, hissing consonants, pauses. Two seeds
    /// are two talkers.
    pub(crate) fn talker(seed: u32, seconds: usize, loud: f32) -> Vec<f32> {
        let mut state = seed.wrapping_mul(747_796_405).max(1);
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as f32 / u32::MAX as f32 * 2.0 - 1.0
        };
        let mut pcm = Vec::new();
        while pcm.len() < seconds * SECOND {
            let (pitch, glide) = (150.0 + 60.0 * random(), 30.0 * random());
            let (voiced, long) = (random() > -0.5, 2_400 + (random().abs() * 2_400.0) as usize);
            let mut phase = 0.0_f32;
            let formants = [500.0 + 300.0 * random(), 1_500.0 + 600.0 * random(), 2_800.0];
            for i in 0..long {
                let at = i as f32 / long as f32;
                let envelope = (std::f32::consts::PI * at).sin();
                phase += (pitch + glide * at) / SECOND as f32;
                let value = if voiced {
                    (1..24_u8).map(f32::from).fold(0.0, |sum, k| {
                        let hz = k * pitch;
                        let near = |f: &f32| 1.0 / (1.0 + ((hz - f) / 150.0).powi(2));
                        let gain: f32 = formants.iter().map(near).sum();
                        sum + gain * (std::f32::consts::TAU * k * phase).sin()
                    })
                } else {
                    random() * 0.5
                };
                pcm.push(value * envelope * loud * 0.3);
            }
            pcm.extend(std::iter::repeat_n(0.0, (random().abs() * 1_600.0) as usize));
        }
        pcm.truncate(seconds * SECOND);
        pcm
    }
}

#[cfg(test)]
mod tests {
    use super::test_sound::{SECOND, talker};
    use super::*;

    /// What the microphone hears of `played`: 40 ms later, with the reflections of a small room.
    fn room(played: &[f32], gain: f32) -> Vec<f32> {
        let taps = [(640, 1.0), (700, 0.4), (833, -0.3), (1_201, 0.2), (1_777, -0.1)];
        let at = |i: usize, delay: usize| i.checked_sub(delay).map_or(0.0, |j| played[j]);
        (0..played.len())
            .map(|i| taps.iter().map(|(d, g)| g * at(i, *d)).sum::<f32>() * gain)
            .collect()
    }

    fn clean(mic: &[f32], reference: &[f32]) -> (Vec<f32>, EchoCanceller) {
        let mut canceller = EchoCanceller::new();
        let mut out = Vec::new();
        for (m, r) in mic.chunks_exact(FRAME_SAMPLES).zip(reference.chunks_exact(FRAME_SAMPLES)) {
            out.extend(canceller.clean(m.try_into().unwrap(), r.try_into().unwrap()).unwrap());
        }
        (out, canceller)
    }

    fn db(a: &[f32], b: &[f32]) -> f32 {
        10.0 * (power(a).max(1e-12) / power(b).max(1e-12)).log10()
    }

    #[test]
    fn pure_echo_is_thirty_db_down_after_a_second() {
        let played = talker(3, 6, 0.5);
        let heard = room(&played, 0.5);
        let (out, canceller) = clean(&heard, &played);
        for second in 1..6 {
            let part = second * SECOND..(second + 1) * SECOND;
            let down = db(&heard[part.clone()], &out[part]);
            println!("second {second}: {down:.1} dB");
            assert!(down >= 30.0, "second {second}: {down:.1} dB");
        }
        let told = canceller.echo_loss_db().unwrap();
        assert!(told >= 30.0, "{told:.1} dB");
    }

    /// Delay of sonora's AEC3, found by correlation: 8 ms.
    const DELAY: usize = 128;

    /// How like the talker's speech the cleaned one is: change of power in dB, correlation.
    fn kept(out: &[f32], near: &[f32]) -> (f32, f32) {
        let (out, near) = (&out[DELAY..], &near[..near.len() - DELAY]);
        let dot = out.iter().zip(near).map(|(o, n)| o * n).sum::<f32>() / out.len() as f32;
        (db(out, near), dot / (power(out) * power(near)).sqrt())
    }

    /// Four seconds of a reply alone, then a second talker over it.
    fn over_a_reply(echo_gain: f32) -> (f32, f32) {
        let played = talker(3, 8, 0.5);
        let echo = room(&played, echo_gain);
        let mut near = talker(11, 8, 0.5);
        near[..4 * SECOND].fill(0.0);
        let heard: Vec<f32> = echo.iter().zip(&near).map(|(e, n)| e + n).collect();
        let begun = std::time::Instant::now();
        let (out, _) = clean(&heard, &played);
        let took = begun.elapsed();
        let result = kept(&out[4 * SECOND..], &near[4 * SECOND..]);
        println!("echo at {echo_gain}: {result:?}, 8 s cleaned in {took:?}");
        result
    }

    #[test]
    fn who_talks_over_the_reply_is_heard() {
        for (gain, least) in [(0.1, 0.95), (0.3, 0.9), (0.6, 0.85)] {
            let (change, alike) = over_a_reply(gain);
            assert!(change.abs() < 2.5, "the second talker changed by {change:.1} dB");
            assert!(alike > least, "the second talker is only {alike:.2} alike");
        }
    }

    #[test]
    fn with_headphones_nothing_is_taken_away() {
        let played = talker(3, 8, 0.5);
        let mut near = talker(11, 8, 0.5);
        near[..4 * SECOND].fill(0.0);
        let (out, _) = clean(&near, &played);
        // The first second shows that no echo arrives; from then on the microphone passes as it is.
        assert_eq!(out[2 * SECOND..], near[2 * SECOND..]);
    }

    #[test]
    fn a_second_after_the_last_sound_the_microphone_passes_as_it_is() {
        let near = talker(11, 6, 0.5);
        let mut played = talker(3, 6, 0.5);
        played[2 * SECOND..].fill(0.0);
        let echo = room(&played, 0.3);
        let heard: Vec<f32> = echo.iter().zip(&near).map(|(e, n)| e + n).collect();
        let (out, _) = clean(&heard, &played);
        let quiet = 4 * SECOND..6 * SECOND;
        assert_eq!(out[quiet.clone()], near[quiet]);
        // Never played: the same from the very first sample.
        let (out, canceller) = clean(&near, &vec![0.0; near.len()]);
        assert_eq!(out, near);
        assert_eq!(canceller.echo_loss_db(), None);
    }
}
