//! Chinese: normalisation, words, readings, tone changes, phones. Pure.

mod erhua;
mod markov;
mod merge;
mod neutral;
mod normalize;
mod parts;
mod prefixes;
mod readings;
mod sandhi_words;
mod syllables;
mod tones;
mod vocabulary;
mod words;

use normalize::Normalizer;
use readings::{Readings, Sound};
use syllables::{MARKS, Syllables};
use tones::Tones;
use words::{Word, Words};

use super::{Lexicon, Phones};
use crate::TtsError;

/// Signs that stand for a pause of their own length, and the phone it has.
const PAUSES: [(char, &str); 2] = [('￥', "SP2"), ('^', "SP3")];

/// The front end of Chinese text: tables read once, then unchanged.
#[derive(Debug)]
pub struct Chinese {
    normalizer: Normalizer,
    words: Words,
    readings: Readings,
    tones: Tones,
    syllables: Syllables,
}

/// What a text goes through on its way to phones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stages {
    /// The clauses with numbers and signs in words.
    pub normalized_sentences: Vec<String>,
    /// The clauses joined, in simplified Han characters and single marks.
    pub norm_text: String,
    /// As `norm_text`, with commas in place of the signs that stand for pauses.
    pub clean_norm_text: String,
    /// `clean_norm_text` cut after its marks.
    pub segments: Vec<String>,
    /// Words of each segment with their parts of speech.
    pub words: Vec<Vec<(String, String)>>,
    /// The same, joined where tones depend on each other.
    pub merged: Vec<Vec<(String, String)>>,
    /// Readings of the characters of each segment, before any change of tone.
    pub char_pinyin: Vec<Vec<String>>,
    /// Names of the symbol table.
    pub phones: Vec<String>,
    /// Phones of each character of `clean_norm_text`.
    pub word2ph: Vec<usize>,
}

impl Chinese {
    /// Reads the tables of `lexicon`.
    ///
    /// # Errors
    /// When a table cannot be read or is not what it should be.
    pub fn new(lexicon: &Lexicon) -> Result<Self, TtsError> {
        Ok(Self {
            normalizer: Normalizer::read(lexicon)?,
            words: Words::read(lexicon)?,
            readings: Readings::read(lexicon)?,
            tones: Tones::read(lexicon)?,
            syllables: Syllables::read(lexicon)?,
        })
    }

    /// The text as it is read: simplified Han characters and the marks `! ? … , . -`.
    #[must_use]
    pub fn normalize(&self, text: &str) -> String {
        self.normalizer.join(&self.normalizer.clauses(text))
    }

    /// The phones of a syllable, tone-numbered pinyin; `None` for what is none.
    #[must_use]
    pub fn syllable(&self, pinyin: &str) -> Option<Vec<String>> {
        let mut phones = Vec::new();
        self.syllables.append(&Sound::parse(pinyin), &mut phones);
        (!phones.iter().any(|phone| phone == super::symbols::UNKNOWN)).then_some(phones)
    }

    /// The phones of a text.
    #[must_use]
    pub fn phones(&self, text: &str) -> Phones {
        let stages = self.stages(text);
        Phones { phones: stages.phones, word2ph: stages.word2ph, norm_text: stages.clean_norm_text }
    }

    /// The phones of a text with everything between.
    #[must_use]
    pub fn stages(&self, text: &str) -> Stages {
        let normalized_sentences = self.normalizer.clauses(text);
        let norm_text = self.normalizer.join(&normalized_sentences);
        let pause = PAUSES.iter().find(|(sign, _)| text.contains(*sign));
        let clean_norm_text = match pause {
            Some((sign, _)) => self.normalize(&text.replace(*sign, ",")),
            None => norm_text.clone(),
        };
        let segments = segments(&clean_norm_text);
        let mut stages =
            Stages { normalized_sentences, norm_text, clean_norm_text, ..Stages::default() };
        for segment in &segments {
            self.append_segment(segment, &mut stages);
        }
        stages.segments = segments;
        if let Some((_, phone)) = pause {
            stages.phones.iter_mut().filter(|p| *p == ",").for_each(|p| *p = (*phone).to_owned());
        }
        stages
    }

    fn append_segment(&self, segment: &str, stages: &mut Stages) {
        let words = self.words.cut(segment);
        stages.words.push(words.iter().map(pair).collect());
        let merged = merge::merge(words, &self.readings);
        stages.merged.push(merged.iter().map(pair).collect());
        let mut sounds = self.readings.sounds(segment);
        stages.char_pinyin.push(sounds.iter().map(Sound::pinyin).collect());
        let mut rest = sounds.as_mut_slice();
        for word in &merged {
            let length = word.text.chars().count().min(rest.len());
            let (own, after) = rest.split_at_mut(length);
            self.change_tones(word, own);
            rest = after;
        }
        for sound in &sounds {
            stages.word2ph.push(self.syllables.append(sound, &mut stages.phones));
        }
    }

    /// Corrects the reading of a word and changes its tones as its characters meet.
    fn change_tones(&self, word: &Word, sounds: &mut [Sound]) {
        self.readings.correct(&word.text, sounds);
        self.tones.change(&word.text, &word.tag, sounds);
        erhua::change(&word.text, &word.tag, self.tones.words(), sounds);
    }
}

/// A text cut after its marks.
fn segments(text: &str) -> Vec<String> {
    text.split_inclusive(MARKS).map(str::to_owned).collect()
}

fn pair(word: &Word) -> (String, String) {
    (word.text.clone(), word.tag.clone())
}

#[cfg(test)]
mod tests;
