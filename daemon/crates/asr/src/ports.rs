//! What hearing needs from the outside: something that scores speech and something that writes it
//! down. Both are synchronous and owned by one thread.

use companion_types::{ErrorKind, FRAME_SAMPLES, Language, RawTranscript};

use crate::agreement::{Agreement, Wanted};

/// Scores how likely a frame is speech (a VAD).
pub trait SpeechDetector: Send {
    /// Probability of speech, 0..1, after hearing this 20 ms frame (320 samples, 16 kHz). A detector
    /// with another block size keeps the rest for the next call.
    fn score(&mut self, pcm: &[f32; FRAME_SAMPLES]) -> f32;

    /// Forgets all it has heard.
    fn reset(&mut self);
}

/// A recogniser failed.
#[derive(Debug, thiserror::Error)]
#[error("speech recogniser: {message}")]
pub struct RecognizerError {
    /// What failed and what to do.
    pub message: String,
    /// Its kind.
    pub kind: ErrorKind,
}

/// Writes speech down. Utterances are encoded whole: a pass takes a few milliseconds per second of
/// speech, so a partial result is a pass over what is there.
pub trait Recognizer: Send {
    /// Text of `pcm` (16 kHz mono, -1..1) with the model's rich tags in it. `language` restricts
    /// the model where it can be; `None` lets it decide.
    ///
    /// # Errors
    /// When the model fails; too little audio is no failure but an empty text.
    fn transcribe(
        &mut self,
        pcm: &[f32],
        language: Option<Language>,
    ) -> Result<RawTranscript, RecognizerError>;

    /// How far `pcm` says what it should; `None` when the model cannot tell, or the sound is too short
    /// to say it.
    ///
    /// # Errors
    /// When the model fails.
    fn agree(
        &mut self,
        pcm: &[f32],
        wanted: &[Wanted],
    ) -> Result<Option<Agreement>, RecognizerError> {
        let _ = (pcm, wanted);
        Ok(None)
    }
}
