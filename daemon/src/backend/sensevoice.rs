//! The recogniser: SenseVoice.

use std::path::Path;

use companion_asr::{Agreement, Found, Recognizer, RecognizerError, Wanted};
use companion_audio::{AudioError, Resampler};
use companion_engine::ctc_force::TokenSets;
use companion_engine::models::sensevoice::{SenseVoice, SenseVoiceLanguage, SenseVoiceOptions};
use companion_engine::{Device, EngineError};
use companion_types::{Language, RawTranscript, SampleRate};

use super::kind_of;
use super::sound_alike::SoundAlike;

/// Less than this many samples (60 ms) hold no word.
const SHORTEST: usize = 960;

/// Samples of 16 kHz in a row of the model's output (60 ms), and in half a row, by which sound begins
/// before its row.
const ROW: u64 = 960;
const LEAD: u64 = ROW / 2;

/// Silence before and behind a sound that is compared, samples: the models were trained with some, and miss what begins
/// with the sound itself.
const AROUND: usize = 1600;
/// How much slower the second look is than the sound.
const SLOWER: f64 = 1.3;

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
        let Some(first) = self.look(pcm, wanted, 1.0)? else { return Ok(None) };
        // Slower, what is said twice in a few rows has room for both.
        let slow = slowed(pcm).map_err(|e| RecognizerError {
            message: e.to_string(),
            kind: companion_types::Kind::kind(&e),
        })?;
        let second = self.look(&slow, wanted, SLOWER)?;
        Ok(Some(match second {
            Some(second) => first.averaged(&second),
            None => first,
        }))
    }
}

impl SenseVoiceRecognizer {
    /// How far a sound that was made `slower` says what it should.
    fn look(
        &mut self,
        pcm: &[f32],
        wanted: &[Wanted],
        slower: f64,
    ) -> Result<Option<Agreement>, RecognizerError> {
        let vocabulary = self.model.vocabulary();
        let words: Vec<TokenSets> =
            wanted.iter().map(|one| self.alike.tokens(vocabulary, one)).collect();
        let known: Vec<TokenSets> = words.iter().filter(|w| !w.is_empty()).cloned().collect();
        let options = SenseVoiceOptions { itn: false, ..SenseVoiceOptions::default() };
        let quiet = vec![0.0; AROUND];
        let sound = [&quiet[..], pcm, &quiet[..]].concat();
        let forced = self.model.force(&sound, &known, &options).map_err(|e| failed(&e))?;
        let Some(forced) = forced else { return Ok(None) };
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clauses are short"
        )]
        let sample = |row: usize| {
            let at = (row as u64 * ROW).saturating_sub(LEAD + AROUND as u64);
            ((at as f64 / slower) as u64).min((pcm.len() as f64 / slower) as u64)
        };
        let mut agreement = Agreement::default();
        let mut found = forced.words.iter().zip(&forced.more);
        let mut last = 0;
        for (one, word) in wanted.iter().zip(&words) {
            // What the vocabulary cannot tell counts as said, where it must have been.
            let told = if word.is_empty() { None } else { found.next() };
            let Some((word, more)) = told else {
                agreement.wanted.push(Found::sure(one.kind(), last));
                agreement.added.push(f32::NEG_INFINITY);
                continue;
            };
            last = sample(word.rows.end);
            agreement.added.push(*more);
            agreement.wanted.push(Found {
                kind: one.kind(),
                start: sample(word.rows.start),
                end: last,
                probability: word.probability,
                without: word.without,
                other: word.other,
                again: word.again,
            });
        }
        agreement.added.push(forced.more.last().copied().unwrap_or(f32::NEG_INFINITY));
        Ok(Some(agreement))
    }
}

/// The sound as if it were played slower; its pitch falls with it.
fn slowed(pcm: &[f32]) -> Result<Vec<f32>, AudioError> {
    let mut resampler = Resampler::new(SampleRate(10 * 1000), SampleRate(13 * 1000))?;
    let mut slow = resampler.push(pcm)?;
    slow.extend(resampler.finish()?);
    Ok(slow)
}

fn failed(error: &EngineError) -> RecognizerError {
    RecognizerError { kind: kind_of(error), message: error.to_string() }
}
