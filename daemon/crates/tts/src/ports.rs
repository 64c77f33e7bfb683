//! What speaking needs from the outside: something that turns a sentence into sound.

use std::ops::ControlFlow;
use std::sync::Arc;

use companion_types::{Cancel, ErrorKind, Language, SampleRate, Sentence, SpeechChunk};

use crate::verbalize::Pronunciations;

/// A sentence with all that a synthesiser needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Utterance {
    /// The sentence; its emotion picks the reference audio or the prosody.
    pub sentence: Sentence,
    /// Language of the surrounding reply; spans of the other one are spoken in theirs.
    pub language: Language,
    /// How the user wants words said.
    pub pronunciations: Arc<Pronunciations>,
    /// How much of its emotion is heard: 0 is calm, 1 the voice's own.
    pub intensity: f64,
    /// How often this was made before: another attempt sounds otherwise where the voice can.
    pub attempt: u32,
}

impl Utterance {
    /// A sentence in a reply of `language`, without pronunciations of the user's own.
    #[must_use]
    pub fn new(sentence: Sentence, language: Language) -> Self {
        Self { sentence, language, pronunciations: Arc::default(), intensity: 1.0, attempt: 0 }
    }
}

/// A synthesiser failed.
#[derive(Debug, thiserror::Error)]
#[error("voice: {message}")]
pub struct SynthesizerError {
    /// What failed and what to do.
    pub message: String,
    /// Its kind.
    pub kind: ErrorKind,
}

/// Turns sentences into sound. Owned by one thread.
pub trait Synthesizer: Send {
    /// Rate of the samples it makes.
    fn rate(&self) -> SampleRate;

    /// Whether another attempt at the same sentence sounds otherwise.
    fn varies(&self) -> bool {
        false
    }

    /// Speaks one sentence, pushing chunks of 100-400 ms to `sink` as soon as they are there; the
    /// final one is marked `last` and comes even when nothing can be spoken (then without samples).
    /// Returns early when `sink` breaks or `cancel` is set.
    ///
    /// # Errors
    /// When the synthesiser fails.
    fn speak(
        &mut self,
        utterance: &Utterance,
        cancel: &Cancel,
        sink: &mut dyn FnMut(SpeechChunk) -> ControlFlow<()>,
    ) -> Result<(), SynthesizerError>;
}
