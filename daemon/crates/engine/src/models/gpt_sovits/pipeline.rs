//! From words to sound in a voice, in chunks while the codes are still being drawn. The text front
//! end lies before it, the reading of reference clips in [`super::voice`]. It runs in the thread of
//! its owner.

use std::{fmt, ops::ControlFlow};

use super::{
    load::refuse,
    noise::{FrameNoise, Noise},
    s1::{End, MOST_STEPS, Request, S1},
    s2::S2,
    sampler::Sampling,
    voice::{Voice, Words},
    voicing::{Setting, Voicing},
};
use crate::EngineError;

/// How something is spoken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Manner {
    /// How codes are drawn.
    pub sampling: Sampling,
    /// Repeats the sound to the last sample. Without one nothing is left to chance: the likeliest
    /// code is taken and every latent frame is its mean.
    pub seed: Option<u64>,
    /// 1 is the codes' own speed; 0.1 to 10.
    pub speed: f64,
    /// What the noise of latent frames is multiplied by.
    pub noise_scale: f64,
    /// Codes of a piece at most, 25 a second; [`MOST_STEPS`] is the end in any case.
    pub most_codes: usize,
    /// When a chunk is voiced.
    pub chunking: Chunking,
}

impl Default for Manner {
    /// The reference's, in chunks.
    fn default() -> Self {
        Self {
            sampling: Sampling::default(),
            seed: Some(0),
            speed: 1.0,
            noise_scale: 0.5,
            most_codes: MOST_STEPS,
            chunking: Chunking::default(),
        }
    }
}

/// When a chunk is voiced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chunking {
    /// Codes that are drawn before the first chunk; it sounds `look_ahead` codes shorter.
    pub first: usize,
    /// How many times longer each chunk is than the one before. A chunk is heard without a pause
    /// if drawing and voicing a code take less than 40 ms divided by this.
    pub growth: f64,
    /// Codes of a chunk at most.
    pub most: usize,
    /// Codes that are drawn and not yet heard, so that what is heard knows what follows. Each is
    /// 40 ms of delay.
    pub look_ahead: usize,
}

impl Default for Chunking {
    /// 16 codes and 3 of them ahead: the first chunk is 0.52 s of sound.
    fn default() -> Self {
        Self { first: 16, growth: 1.25, most: 75, look_ahead: 3 }
    }
}

impl Chunking {
    /// No chunk before all codes are drawn.
    #[must_use]
    pub fn whole() -> Self {
        Self { first: usize::MAX, most: usize::MAX, ..Self::default() }
    }

    /// Codes of the chunk after one of `codes`.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "chunks are short, and a cast stops at the largest number"
    )]
    fn after(self, codes: usize) -> usize {
        let grown = (codes as f64 * self.growth.max(1.0)).ceil() as usize;
        grown.min(self.most).max(1)
    }
}

/// Who hears what is spoken. A closure that takes samples is one.
pub trait Listener {
    /// Takes the next samples of 32 kHz in −1..1 and says whether there are to be more.
    fn hear(&mut self, samples: &[f32]) -> ControlFlow<()>;

    /// Whether it still listens; asked at every code.
    fn listens(&self) -> bool {
        true
    }
}

impl<F: FnMut(&[f32]) -> ControlFlow<()>> Listener for F {
    fn hear(&mut self, samples: &[f32]) -> ControlFlow<()> {
        self(samples)
    }
}

/// What was spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// Semantic codes that were drawn, 25 a second at speed 1.
    pub codes: Vec<u32>,
    /// Samples that were handed out.
    pub samples: usize,
    /// Why it ended; [`End::Stopped`] where the listener had enough.
    pub end: End,
}

/// Both models of a voice.
pub struct Pipeline {
    s1: S1,
    s2: S2,
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline").finish_non_exhaustive()
    }
}

impl Pipeline {
    /// Puts the models of a voice together.
    #[must_use]
    pub fn new(s1: S1, s2: S2) -> Self {
        Self { s1, s2 }
    }

    /// The semantic decoder.
    #[must_use]
    pub fn decoder(&self) -> &S1 {
        &self.s1
    }

    /// The synthesiser, which voices are read with.
    #[must_use]
    pub fn synthesizer(&self) -> &S2 {
        &self.s2
    }

    /// Speaks words. The chunks, one behind the other, are the sound that is decoded from all codes
    /// at once, but for what the prior does not know yet when a chunk is voiced: every code is heard
    /// once, and all have `codes · 1280 / speed` samples, rounded. The listener may end it at every
    /// code.
    ///
    /// # Errors
    /// When there are no words, words or voice do not fit the models, or a number of the manner is
    /// out of its range.
    pub fn speak(
        &self,
        words: &Words<'_>,
        voice: &Voice,
        manner: &Manner,
        listener: &mut dyn Listener,
    ) -> Result<Spoken, EngineError> {
        check(manner)?;
        self.s2.check_style(&voice.style)?;
        let mut noise = Noise::new(manner.seed).fork();
        let setting = Setting {
            model: &self.s2,
            style: &voice.style,
            phones: words.phones,
            speed: manner.speed,
            noise_scale: manner.noise_scale,
        };
        let mut voicing = Voicing::new(setting, FrameNoise::new(noise.fork()));
        let chunking = manner.chunking;
        let mut waiting = Vec::new();
        let mut wanted = chunking.first.max(1);
        let mut open = true;
        let (codes, end) = self.codes(words, voice, manner, &mut |code| {
            waiting.push(code);
            open = listener.listens();
            if open && waiting.len() >= wanted {
                let samples = voicing.push(&waiting, chunking.look_ahead)?;
                wanted = chunking.after(waiting.len());
                waiting.clear();
                open = samples.is_empty() || listener.hear(&samples).is_continue();
            }
            Ok(open)
        })?;
        if open && listener.listens() {
            let samples = voicing.push(&waiting, 0)?;
            if !samples.is_empty() {
                // All of it was handed out, whatever the answer.
                let _ = listener.hear(&samples);
            }
        }
        Ok(Spoken { codes, samples: voicing.heard(), end })
    }

    /// Draws the codes of words; `each` sees every one and says whether to go on.
    pub(super) fn codes(
        &self,
        words: &Words<'_>,
        voice: &Voice,
        manner: &Manner,
        each: &mut dyn FnMut(u32) -> Result<bool, EngineError>,
    ) -> Result<(Vec<u32>, End), EngineError> {
        let width = self.s1.bert_width();
        if words.phones.is_empty() {
            return refuse("words", "no phones; at least one is needed");
        }
        words.check(width)?;
        voice.words().check(width)?;
        let phones = [voice.phones.as_slice(), words.phones].concat();
        let bert = beside(&voice.words(), words);
        let request = Request { phones: &phones, bert: &bert, prompt: &voice.codes };
        let mut noise = Noise::new(manner.seed);
        let mut failure = None;
        let drawn = self.s1.decode(
            &request,
            &manner.sampling,
            // The decoder stops behind the code that is one too many.
            manner.most_codes.saturating_sub(1),
            &mut |draws| noise.exponential(draws),
            &mut |_, _, code| {
                code.is_none_or(|code| {
                    each(code).unwrap_or_else(|error| {
                        failure = Some(error);
                        false
                    })
                })
            },
        )?;
        failure.map_or(Ok(drawn), Err)
    }
}

/// Refuses numbers without sense.
fn check(manner: &Manner) -> Result<(), EngineError> {
    if !(0.1..=10.0).contains(&manner.speed) {
        return refuse("speed", format!("found {}, expected 0.1 to 10", manner.speed));
    }
    if !(0.0..=10.0).contains(&manner.noise_scale) {
        return refuse("noise scale", format!("found {}, expected 0 to 10", manner.noise_scale));
    }
    if !manner.chunking.growth.is_finite() {
        return refuse("growth of chunks", "found no number");
    }
    Ok(())
}

/// The features of two pieces, `[width, phones]`, one beside the other.
fn beside(left: &Words<'_>, right: &Words<'_>) -> Vec<f32> {
    if left.phones.is_empty() {
        return right.bert.to_vec();
    }
    let rows = left.bert.chunks(left.phones.len()).zip(right.bert.chunks(right.phones.len()));
    rows.flat_map(|(left, right)| [left, right]).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_put_beside_each_other_row_by_row() {
        let left = Words { phones: &[1], bert: &[1.0, 2.0] };
        let right = Words { phones: &[1, 2], bert: &[3.0, 4.0, 5.0, 6.0] };
        assert_eq!(beside(&left, &right), [1.0, 3.0, 4.0, 2.0, 5.0, 6.0]);
        assert_eq!(beside(&Words::default(), &right), right.bert);
    }

    #[test]
    fn chunks_grow_up_to_the_most_and_never_shrink() {
        let chunking = Chunking { first: 4, growth: 1.5, most: 10, look_ahead: 1 };
        assert_eq!([4, 6, 9, 10].map(|codes| chunking.after(codes)), [6, 9, 10, 10]);
        let shrinking = Chunking { growth: 0.5, ..chunking };
        assert_eq!(shrinking.after(4), 4);
        assert_eq!(Chunking::whole().after(usize::MAX), usize::MAX);
    }
}
