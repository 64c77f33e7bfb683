//! The recogniser: SenseVoice.

use std::path::Path;

use companion_asr::{Recognizer, RecognizerError};
use companion_engine::models::sensevoice::{SenseVoice, SenseVoiceLanguage, SenseVoiceOptions};
use companion_engine::{Device, EngineError};
use companion_types::{Language, RawTranscript};

use super::kind_of;

/// Less than this many samples (60 ms) hold no word.
const SHORTEST: usize = 960;

/// A SenseVoice model.
#[derive(Debug)]
pub struct SenseVoiceRecognizer(SenseVoice);

impl SenseVoiceRecognizer {
    /// Loads a model directory and warms it up.
    ///
    /// # Errors
    /// When a file is missing, damaged or of a kind that is not built.
    pub fn load(directory: &Path) -> Result<Self, EngineError> {
        let mut model = SenseVoice::load(directory, &Device::Cpu)?;
        model.warm_up()?;
        Ok(Self(model))
    }
}

impl Recognizer for SenseVoiceRecognizer {
    fn transcribe(
        &mut self,
        pcm: &[f32],
        language: Option<Language>,
    ) -> Result<RawTranscript, RecognizerError> {
        if pcm.len() < SHORTEST {
            return Ok(RawTranscript::default());
        }
        let language = match language {
            None => SenseVoiceLanguage::Auto,
            Some(Language::Zh) => SenseVoiceLanguage::Chinese,
            Some(Language::En) => SenseVoiceLanguage::English,
            Some(Language::Yue) => SenseVoiceLanguage::Cantonese,
            Some(Language::Ja) => SenseVoiceLanguage::Japanese,
            Some(Language::Ko) => SenseVoiceLanguage::Korean,
        };
        let options = SenseVoiceOptions { language, itn: false, ban_unknown_emotion: false };
        let text = self.0.transcribe(pcm, &options).map_err(|error| RecognizerError {
            kind: kind_of(&error),
            message: error.to_string(),
        })?;
        Ok(RawTranscript { text: text.text, confidence: text.confidence })
    }
}
