//! Whether the microphone hears the loudspeaker at all. With headphones, or when the two are far apart, it does
//! not, and a canceller would only take away from those who speak at the same time.
//!
//! While something is played, an echo of gain g leaves at least g squared of the played power in what is heard,
//! whatever else is heard: the smallest ratio of the last looks is an upper bound of the echo.

use std::collections::VecDeque;

/// Frames of one look: 320 ms, longer than an echo is late.
const LOOK_FRAMES: u32 = 16;
/// Played sound must be this loud on average in a look (-50 dBFS).
const LOUD: f32 = 1e-5;
/// Below this ratio of heard to played power (-45 dB) there is no echo to take out.
const NO_ECHO: f32 = 3e-5;
/// Looks that count: 6.4 s of sound. Nobody speaks over the own voice for so long without being answered.
const LOOKS: usize = 20;

/// What the last looks found.
#[derive(Debug, Default)]
pub(crate) struct EchoPresence {
    played: f32,
    heard: f32,
    frames: u32,
    /// The look before had sound, so that its echo has arrived in this one, however late it is.
    was_loud: bool,
    ratios: VecDeque<f32>,
}

impl EchoPresence {
    /// Takes the powers of one frame: what was played, what was heard.
    pub(crate) fn push(&mut self, played: f32, heard: f32) {
        self.played += played;
        self.heard += heard;
        self.frames += 1;
        if self.frames < LOOK_FRAMES {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "16")]
        let loud = self.played > LOUD * LOOK_FRAMES as f32;
        if loud && self.was_loud {
            if self.ratios.len() == LOOKS {
                self.ratios.pop_front();
            }
            self.ratios.push_back(self.heard / self.played);
        }
        self.was_loud = loud;
        (self.played, self.heard, self.frames) = (0.0, 0.0, 0);
    }

    /// True once it is known that no echo arrives.
    pub(crate) fn is_absent(&self) -> bool {
        self.ratios.iter().any(|ratio| *ratio < NO_ECHO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of 400 ms with pauses of 200 ms, as powers of frames.
    fn word(frame: usize) -> f32 {
        if frame % 30 < 20 { 1e-2 } else { 0.0 }
    }

    #[test]
    fn an_echo_is_never_taken_for_absent_however_late_it_comes() {
        for late in [1, 4, 8, 12] {
            let mut presence = EchoPresence::default();
            for frame in 0..500_usize {
                let echo = frame.checked_sub(late).map_or(0.0, word) * 0.01;
                presence.push(word(frame), echo);
                assert!(!presence.is_absent(), "{late} frames late, frame {frame}");
            }
        }
    }

    #[test]
    fn without_an_echo_that_is_known_within_a_second_and_stays_known_while_somebody_speaks() {
        let mut presence = EchoPresence::default();
        for frame in 0..50 {
            presence.push(word(frame), 1e-8);
        }
        assert!(presence.is_absent());
        for frame in 50..250 {
            presence.push(word(frame), 1e-2);
            assert!(presence.is_absent(), "frame {frame}");
        }
    }
}
