//! The recogniser: SenseVoice.

use std::path::Path;

use companion_asr::{Agreement, Found, Recognizer, RecognizerError, Stray, Wanted};
use companion_engine::ctc_force::TokenSets;
use companion_engine::models::sensevoice::{SenseVoice, SenseVoiceLanguage, SenseVoiceOptions};
use companion_engine::{Device, EngineError};
use companion_types::{Language, RawTranscript};

use super::kind_of;
use super::sound_alike::SoundAlike;

/// Less than this many samples (60 ms) hold no word.
const SHORTEST: usize = 960;

/// Samples of 16 kHz in a row of the model's output (60 ms), and in half a row, by which sound begins
/// before its row.
const ROW: u64 = 960;
const LEAD: u64 = ROW / 2;

/// A SenseVoice model.
#[derive(Debug)]
pub struct SenseVoiceRecognizer {
    model: SenseVoice,
    alike: SoundAlike,
}

impl SenseVoiceRecognizer {
    /// Loads a model directory and warms it up.
    ///
    /// # Errors
    /// When a file is missing, damaged or of a kind that is not built.
    pub fn load(directory: &Path) -> Result<Self, EngineError> {
        let mut model = SenseVoice::load(directory, &Device::Cpu)?;
        model.warm_up()?;
        let alike = SoundAlike::new(model.vocabulary());
        Ok(Self { model, alike })
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
        let text = self.model.transcribe(pcm, &options).map_err(|e| failed(&e))?;
        Ok(RawTranscript { text: text.text, confidence: text.confidence })
    }

    fn agree(
        &mut self,
        pcm: &[f32],
        wanted: &[Wanted],
    ) -> Result<Option<Agreement>, RecognizerError> {
        let vocabulary = self.model.vocabulary();
        let words: Vec<TokenSets> =
            wanted.iter().map(|one| self.alike.tokens(vocabulary, one)).collect();
        let known: Vec<TokenSets> = words.iter().filter(|w| !w.is_empty()).cloned().collect();
        let options = SenseVoiceOptions { itn: false, ..SenseVoiceOptions::default() };
        let forced = self.model.force(pcm, &known, &options).map_err(|e| failed(&e))?;
        let Some(forced) = forced else { return Ok(None) };
        let sample = |row: usize| (row as u64 * ROW).saturating_sub(LEAD).min(pcm.len() as u64);
        let strays = forced.strays.iter().map(|stray| Stray {
            start: sample(stray.rows.start),
            end: sample(stray.rows.end),
            loss: stray.loss,
        });
        let mut found = forced.words.iter().map(|word| Found {
            start: sample(word.rows.start),
            end: sample(word.rows.end),
            probability: word.probability,
            absent: word.absent,
            again: word.again,
        });
        let mut last = 0;
        let placed = words.iter().map(|word| {
            // What the vocabulary cannot tell counts as said, where it must have been.
            let one = if word.is_empty() { None } else { found.next() };
            let one = one.unwrap_or(Found { start: last, end: last, ..Found::SURE });
            last = one.end;
            one
        });
        Ok(Some(Agreement { wanted: placed.collect(), strays: strays.collect() }))
    }
}

fn failed(error: &EngineError) -> RecognizerError {
    RecognizerError { kind: kind_of(error), message: error.to_string() }
}
