//! How characters are read: the longest phrase that the table of phrases has, else a character's
//! first reading; and the corrections of words read differently. Changes no tones.

use rustc_hash::FxHashMap;

use super::prefixes::Prefixes;
use crate::{TtsError, text::Lexicon};

/// How one character sounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sound {
    /// The syllable without tone, ü as v; the character itself when it has no reading.
    pub(super) syllable: String,
    /// 1–4, 5 for the neutral tone; 0 for marks and characters without a reading.
    pub(super) tone: u8,
}

impl Sound {
    /// The sound of `hao3`; of anything that does not end in a tone, itself.
    pub(super) fn parse(pinyin: &str) -> Self {
        let tone = pinyin.chars().next_back().and_then(|last| last.to_digit(10));
        match tone.and_then(|tone| u8::try_from(tone).ok()) {
            Some(tone @ 1..=5) if pinyin.len() > 1 => {
                Self { syllable: pinyin[..pinyin.len() - 1].to_owned(), tone }
            }
            _ => Self { syllable: pinyin.to_owned(), tone: 0 },
        }
    }

    /// As the tables write it.
    pub(super) fn pinyin(&self) -> String {
        match self.tone {
            0 => self.syllable.clone(),
            tone => format!("{}{tone}", self.syllable),
        }
    }
}

/// The tables of readings.
#[derive(Debug)]
pub(super) struct Readings {
    phrases: Prefixes,
    phrase_readings: Vec<Box<str>>,
    characters: FxHashMap<char, Box<str>>,
    corrections: FxHashMap<Box<str>, Box<str>>,
}

impl Readings {
    /// Reads phrases, characters and corrections.
    pub(super) fn read(lexicon: &Lexicon) -> Result<Self, TtsError> {
        let mut rows: Vec<(Box<str>, Box<str>)> = Vec::new();
        lexicon.rows("pypinyin_phrases.tsv.gz", |phrase, reading| {
            if phrase.chars().count() == reading.split(' ').count() {
                rows.push((phrase.into(), reading.into()));
            }
        })?;
        rows.sort();
        rows.dedup_by(|later, kept| later.0 == kept.0);
        let mut characters = FxHashMap::default();
        lexicon.rows("pypinyin_chars.tsv.gz", |character, readings| {
            let first = readings.split(' ').next();
            if let (Some(character), Some(first)) = (character.chars().next(), first) {
                characters.insert(character, first.into());
            }
        })?;
        let mut corrections = FxHashMap::default();
        lexicon.rows("zh_polyphonic.tsv.gz", |word, reading| {
            if word.chars().count() == reading.split(' ').count() {
                corrections.insert(word.into(), reading.into());
            }
        })?;
        Ok(Self {
            phrases: Prefixes::new(rows.iter().map(|(phrase, _)| &**phrase)),
            phrase_readings: rows.into_iter().map(|(_, reading)| reading).collect(),
            characters,
            corrections,
        })
    }

    /// One sound per character of `text`.
    pub(super) fn sounds(&self, text: &str) -> Vec<Sound> {
        let mut sounds = Vec::new();
        let mut start = 0;
        while let Some(character) = text[start..].chars().next() {
            if let Some((length, row)) = self.phrases.starting(&text[start..]).last() {
                sounds.extend(self.phrase_readings[row].split(' ').map(Sound::parse));
                start += length;
            } else {
                sounds.push(self.sound(character));
                start += character.len_utf8();
            }
        }
        sounds
    }

    fn sound(&self, character: char) -> Sound {
        match self.characters.get(&character) {
            Some(pinyin) => Sound::parse(pinyin),
            None => Sound { syllable: character.to_string(), tone: 0 },
        }
    }

    /// Puts right the sounds of a word: the whole word's if it is in the table, else those of single
    /// characters that are.
    pub(super) fn correct(&self, word: &str, sounds: &mut [Sound]) {
        if let Some(reading) = self.corrections.get(word) {
            sounds.iter_mut().zip(reading.split(' ')).for_each(|(s, p)| *s = Sound::parse(p));
            return;
        }
        for (character, sound) in word.chars().zip(sounds) {
            if let Some(pinyin) = self.corrections.get(&*character.encode_utf8(&mut [0; 4])) {
                *sound = Sound::parse(pinyin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::lexicon::shipped;

    fn read(readings: &Readings, text: &str) -> String {
        readings.sounds(text).iter().map(Sound::pinyin).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_longest_phrase_decides_over_its_characters() {
        let readings = Readings::read(&shipped()).unwrap();
        assert_eq!(
            read(&readings, "银行行长很长寿,"),
            "yin2 hang2 hang2 zhang3 hen3 chang2 shou4 ,"
        );
    }

    #[test]
    fn a_character_outside_phrases_has_its_first_reading() {
        let readings = Readings::read(&shipped()).unwrap();
        assert_eq!(read(&readings, "儿不"), "er2 bu4");
        assert_eq!(read(&readings, "兙a"), "兙 a");
    }

    #[test]
    fn corrections_go_by_word_then_by_character() {
        let readings = Readings::read(&shipped()).unwrap();
        let corrected = |word: &str, read: &str| {
            let mut sounds: Vec<_> = read.split(' ').map(Sound::parse).collect();
            readings.correct(word, &mut sounds);
            sounds.iter().map(Sound::pinyin).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(corrected("一丁不识", "a1 a1 a1 a1"), "yi1 ding1 bu4 shi2");
        assert_eq!(corrected("牦唑", "a1 a1"), "mao2 zuo4");
    }
}
