//! The dictionary of words with frequency and part of speech. Cuts nothing.

use rustc_hash::FxHashMap;

use super::prefixes::Prefixes;
use crate::{TtsError, text::Lexicon};

const FILE: &str = "jieba_dict.txt.gz";

/// Words with how often they were counted and their part of speech.
#[derive(Debug)]
pub(super) struct Vocabulary {
    words: Prefixes,
    frequencies: Vec<u32>,
    tags: Vec<u8>,
    tag_names: Vec<String>,
    log_total: f64,
}

impl Vocabulary {
    /// Reads `word frequency tag` lines; of equal words the last counts.
    pub(super) fn read(lexicon: &Lexicon) -> Result<Self, TtsError> {
        let text = lexicon.text(FILE)?;
        let wrong = |number: usize, problem: &str| TtsError::Lexicon {
            path: lexicon.path(FILE),
            problem: format!("line {}: {problem}", number + 1),
        };
        let mut tag_names: Vec<String> = Vec::new();
        let mut ids: FxHashMap<&str, u8> = FxHashMap::default();
        let mut total = 0_u64;
        let mut rows: Vec<(&str, u32, u8)> = Vec::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
            let mut fields = line.split(' ');
            let (Some(word), Some(frequency), Some(tag)) =
                (fields.next(), fields.next(), fields.next())
            else {
                return Err(wrong(number, "wants word, frequency and tag"));
            };
            let frequency: u32 =
                frequency.parse().map_err(|_| wrong(number, "the frequency is no number"))?;
            let id = match ids.get(tag) {
                Some(id) => *id,
                None => {
                    let id = u8::try_from(tag_names.len())
                        .map_err(|_| wrong(number, "more than 256 tags"))?;
                    tag_names.push(tag.to_owned());
                    ids.insert(tag, id);
                    id
                }
            };
            total += u64::from(frequency);
            rows.push((word, frequency, id));
        }
        rows.sort_by_key(|row| row.0);
        rows.dedup_by(|later, kept| {
            let equal = later.0 == kept.0;
            if equal {
                *kept = *later;
            }
            equal
        });
        Ok(Self {
            words: Prefixes::new(rows.iter().map(|row| row.0)),
            frequencies: rows.iter().map(|row| row.1).collect(),
            tags: rows.iter().map(|row| row.2).collect(),
            tag_names,
            log_total: (total.max(1) as f64).ln(),
        })
    }

    /// The words `text` starts with, shortest first: length in bytes and frequency.
    pub(super) fn starting<'t>(&'t self, text: &'t str) -> impl Iterator<Item = (usize, u32)> + 't {
        let counted = |(length, row): (usize, usize)| (length, self.frequencies[row]);
        self.words.starting(text).map(counted).filter(|(_, frequency)| *frequency > 0)
    }

    /// Whether the word was counted at least once.
    pub(super) fn holds(&self, word: &str) -> bool {
        self.words.find(word).is_some_and(|row| self.frequencies[row] > 0)
    }

    /// Part of speech of a word, if the dictionary has it.
    pub(super) fn tag(&self, word: &str) -> Option<&str> {
        let row = self.words.find(word)?;
        self.tag_names.get(usize::from(self.tags[row])).map(String::as_str)
    }

    /// Logarithm of a word's share of all words counted.
    pub(super) fn log_share(&self, frequency: u32) -> f64 {
        f64::from(frequency.max(1)).ln() - self.log_total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::lexicon::shipped;

    #[test]
    fn the_shipped_words_have_frequency_and_part_of_speech() {
        let vocabulary = Vocabulary::read(&shipped()).unwrap();
        assert_eq!(vocabulary.tag("今天"), Some("t"));
        assert!(vocabulary.holds("今天"));
        assert!(!vocabulary.holds("今天天"));
        let starts: Vec<_> = vocabulary.starting("公园里").map(|(length, _)| length).collect();
        assert_eq!(starts, [3, 6]);
    }
}
