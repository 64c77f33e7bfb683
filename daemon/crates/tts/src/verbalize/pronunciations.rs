//! The user's own pronunciations: how a word is said, as other words or as tone-numbered pinyin.

use std::collections::HashMap;

use crate::{TtsError, segmenter::is_han};

/// Most entries, and the longest of them in characters.
const MOST: usize = 10_000;
const LONGEST: usize = 64;
/// Stands for syllables of words that are not written in Chinese characters.
const CARRIER: char = '啊';

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pronunciation {
    /// The word as it is written.
    pub written: String,
    /// How it is said: other words, or syllables such as `chong2 qing4`.
    pub said: String,
}

impl Pronunciation {
    /// An entry.
    ///
    /// # Errors
    /// When a side is empty or too long, or the syllables do not fit the characters one by one.
    pub fn new(written: &str, said: &str) -> Result<Self, TtsError> {
        let (written, said) = (written.trim(), said.trim());
        let refuse = |problem: String| Err(TtsError::Pronunciation { problem });
        for (side, name) in [(written, "the word"), (said, "how it is said")] {
            let count = side.chars().count();
            if count == 0 || count > LONGEST {
                return refuse(format!(
                    "{name} has {count} characters; 1 to {LONGEST} are possible"
                ));
            }
            if side.chars().any(char::is_control) {
                return refuse(format!("{name} holds a control character"));
            }
        }
        let entry = Self { written: written.to_owned(), said: said.to_owned() };
        let pinyin = said.split_whitespace().filter(|s| is_syllable(s)).count();
        let all = said.split_whitespace().count();
        let characters = written.chars().count();
        if pinyin == all && written.chars().all(is_han) && pinyin != characters {
            return refuse(format!(
                "{written:?} has {characters} characters and {said:?} {pinyin} syllables; give one for each"
            ));
        }
        Ok(entry)
    }

    /// Characters and their syllables, when it is said in pinyin.
    pub(super) fn syllables(&self) -> Option<Vec<(char, String)>> {
        let parts: Vec<&str> = self.said.split_whitespace().collect();
        if !parts.iter().all(|part| is_syllable(part)) {
            return None;
        }
        let own = self.written.chars().all(is_han);
        let characters = self.written.chars().map(|c| if own { c } else { CARRIER });
        let characters = characters.chain(std::iter::repeat(CARRIER));
        Some(
            characters
                .zip(parts)
                .map(|(c, part)| (c, part.to_lowercase().replace('ü', "v")))
                .collect(),
        )
    }
}

/// Letters with a tone from 1 to 5, such as `lv4`.
fn is_syllable(text: &str) -> bool {
    let mut letters = text.chars();
    let tone = letters.next_back();
    let stem = letters.as_str();
    matches!(tone, Some('1'..='5'))
        && (1..=6).contains(&stem.chars().count())
        && stem.chars().all(|c| c.is_ascii_alphabetic() || c == 'ü')
}

/// All entries of one user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pronunciations {
    /// By the first character, in lower case; the longest first.
    entries: HashMap<char, Vec<Pronunciation>>,
}

impl Pronunciations {
    /// The entries; a later one takes the place of an earlier one for the same word.
    ///
    /// # Errors
    /// When there are too many.
    pub fn new(entries: impl IntoIterator<Item = Pronunciation>) -> Result<Self, TtsError> {
        let mut all = Self::default();
        let mut count = 0;
        for entry in entries {
            count += 1;
            if count > MOST {
                let problem = format!("more than {MOST} pronunciations; remove some first");
                return Err(TtsError::Pronunciation { problem });
            }
            let first = entry.written.chars().next().map_or('\0', lower);
            let list = all.entries.entry(first).or_default();
            list.retain(|old| old.written != entry.written);
            let at = list.partition_point(|old| old.written.len() >= entry.written.len());
            list.insert(at, entry);
        }
        Ok(all)
    }

    /// The longest entry whose word begins at byte `at`, and where it ends. Words of letters match whole
    /// words only, in any case.
    pub(super) fn at(&self, text: &str, at: usize) -> Option<(&Pronunciation, usize)> {
        let rest = &text[at..];
        let list = self.entries.get(&lower(rest.chars().next()?))?;
        let before = text[..at].chars().next_back();
        list.iter().find_map(|entry| {
            let mut end = at;
            let mut here = rest.chars();
            for wanted in entry.written.chars() {
                let c = here.next()?;
                if lower(c) != lower(wanted) {
                    return None;
                }
                end += c.len_utf8();
            }
            let joins = |a: Option<char>, b: Option<char>| {
                let part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
                part(a) && part(b)
            };
            let inside = joins(before, rest.chars().next())
                || joins(entry.written.chars().next_back(), text[end..].chars().next());
            (!inside).then_some((entry, end))
        })
    }
}

fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}
