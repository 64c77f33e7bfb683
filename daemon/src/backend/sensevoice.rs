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

/// Hops in a row of the model's output; its sound begins half a row before it.
const ROW_HOPS: u64 = 6;
/// Samples of a row of the filterbank that is asked what recurs.
const FBANK_ROW: u64 = 160;

/// Silence before and behind a sound that is compared, samples: the models were trained with some, and miss what begins
/// with the sound itself.
const AROUND: usize = 1600;

/// A way to look at a sound.
#[derive(Debug, Clone, Copy)]
struct Look {
    /// How much slower it is played; its pitch falls with it.
    slower: f64,
    /// Samples from frame to frame; with less than 160 it is heard slower at the same pitch.
    hop: usize,
}

/// The sound itself.
const PLAIN: Look = Look { slower: 1.0, hop: 160 };
/// Looks besides [`PLAIN`]. Slower, what is said twice in a few rows has room for both.
const MORE_LOOKS: [Look; 2] = [Look { slower: 1.3, hop: 160 }, Look { slower: 1.0, hop: 123 }];

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
        let Some(first) = self.look(PLAIN, pcm, wanted)? else { return Ok(None) };
        let mut more = Vec::new();
        for look in MORE_LOOKS {
            more.extend(self.look(look, pcm, wanted)?);
        }
        let mut agreement = first.averaged(&more);
        self.compare(pcm, &mut agreement)?;
        Ok(Some(agreement))
    }
}

impl SenseVoiceRecognizer {
    /// How far a sound says what it should.
    fn look(
        &mut self,
        look: Look,
        pcm: &[f32],
        wanted: &[Wanted],
    ) -> Result<Option<Agreement>, RecognizerError> {
        let vocabulary = self.model.vocabulary();
        let words: Vec<TokenSets> =
            wanted.iter().map(|one| self.alike.tokens(vocabulary, one)).collect();
        let known: Vec<TokenSets> = words.iter().filter(|w| !w.is_empty()).cloned().collect();
        let options = SenseVoiceOptions { itn: false, ..SenseVoiceOptions::default() };
        let quiet = vec![0.0; AROUND];
        let slow =
            if look.slower > 1.0 { slowed(pcm).map_err(|e| unheard(&e))? } else { pcm.to_vec() };
        let sound = [&quiet[..], &slow, &quiet[..]].concat();
        let forced = self.model.force_every(look.hop, &sound, &known, &options);
        let Some(forced) = forced.map_err(|e| failed(&e))? else { return Ok(None) };
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clauses are short"
        )]
        let sample = |row: usize| {
            let long = ROW_HOPS * look.hop as u64;
            let at = (row as u64 * long).saturating_sub(long / 2 + AROUND as u64);
            ((at as f64 / look.slower) as u64).min(pcm.len() as u64)
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
                start: sample(word.rows.start),
                end: last,
                probability: word.probability,
                without: word.without,
                other: word.other,
                again: word.again,
                most_again: word.again,
                ..Found::sure(one.kind(), last)
            });
        }
        agreement.added.push(forced.more.last().copied().unwrap_or(f32::NEG_INFINITY));
        Ok(Some(agreement))
    }

    /// How far what is between the neighbours of each wanted one says the same twice.
    fn compare(&mut self, pcm: &[f32], agreement: &mut Agreement) -> Result<(), RecognizerError> {
        let recurrence = self.model.recurrence(pcm).map_err(|e| failed(&e))?;
        let row = |sample: u64| usize::try_from(sample / FBANK_ROW).unwrap_or(usize::MAX);
        let middles: Vec<usize> =
            agreement.wanted.iter().map(|one| row(u64::midpoint(one.start, one.end))).collect();
        for (place, found) in agreement.wanted.iter_mut().enumerate() {
            let before = place.checked_sub(1).map_or(0, |before| middles[before]);
            let behind = middles.get(place + 1).copied().unwrap_or(usize::MAX);
            found.recurs = recurrence.within(before..behind);
        }
        Ok(())
    }
}

/// The sound as if it were played slower; its pitch falls with it.
fn slowed(pcm: &[f32]) -> Result<Vec<f32>, AudioError> {
    let mut resampler = Resampler::new(SampleRate(10 * 1000), SampleRate(13 * 1000))?;
    let mut slow = resampler.push(pcm)?;
    slow.extend(resampler.finish()?);
    Ok(slow)
}

fn unheard(error: &AudioError) -> RecognizerError {
    RecognizerError { kind: companion_types::Kind::kind(error), message: error.to_string() }
}

fn failed(error: &EngineError) -> RecognizerError {
    RecognizerError { kind: kind_of(error), message: error.to_string() }
}
