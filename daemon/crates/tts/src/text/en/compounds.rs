//! The parts a word without spaces is most likely made of, by how often words and pairs of words were
//! counted. Reads no part.
//!
//! The likelihood is that of Norvig, "Natural Language Corpus Data" (2009), with the counts, the limits
//! and the order of work of the Python package `wordsegment`.

use super::table::Table;
use crate::{TtsError, text::Lexicon};

/// Words in the corpus that was counted.
const TOTAL: f64 = 1_024_908_267_229.0;
/// A part has no more letters.
const LONGEST: usize = 24;
/// So many letters are parted at a time…
const CHUNK: usize = 250;
/// …and so many parts of the chunk before are parted again with the next.
const OVERLAP: usize = 5;

/// Powers of ten.
const POWERS: [f64; LONGEST + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22, 1e23, 1e24,
];

/// Counts of words and of pairs of words.
#[derive(Debug)]
pub(super) struct Compounds {
    words: Table,
    pairs: Table,
}

/// The best way to part the rest of a text from some place on, given the part before.
#[derive(Debug, Clone, Copy)]
struct Best {
    /// Decimal logarithm of its likelihood.
    score: f64,
    /// Letters of its first part; 0 at the end of the text.
    length: usize,
}

impl Compounds {
    pub(super) fn read(lexicon: &Lexicon) -> Result<Self, TtsError> {
        Ok(Self {
            words: Table::read(lexicon, "en_unigrams.tsv.gz", is_count)?,
            pairs: Table::read(lexicon, "en_bigrams.tsv.gz", is_count)?,
        })
    }

    /// The parts of `word`, in small letters; everything but letters and digits is left out.
    pub(super) fn parts(&self, word: &str) -> Vec<String> {
        let mut letters = word.to_ascii_lowercase();
        letters.retain(|letter| letter.is_ascii_alphanumeric());
        let mut parts: Vec<String> = Vec::new();
        let mut open = String::new();
        let mut rest = letters.as_str();
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(CHUNK.min(rest.len()));
            open.push_str(chunk);
            let mut found = self.part(&open);
            let again = found.split_off(found.len().saturating_sub(OVERLAP)).concat();
            parts.extend(found);
            open = again;
            rest = after;
        }
        parts.extend(self.part(&open));
        parts
    }

    /// The parts of one chunk.
    fn part(&self, text: &str) -> Vec<String> {
        let counts = self.counts(text);
        // Row `at` holds the best ways to go on from there, one for each length of the part before.
        let mut best = vec![[Best { score: 0.0, length: 0 }; LONGEST + 1]; text.len() + 1];
        for at in (0..text.len()).rev() {
            // With nothing before, a word counts by itself.
            let before = if at == 0 { 0..=0 } else { 1..=LONGEST.min(at) };
            for before in before {
                best[at][before] = self.go_on(text, at, before, &counts, &best);
            }
        }
        let (mut at, mut before) = (0, 0);
        let mut parts = Vec::new();
        while at < text.len() {
            before = best[at][before].length;
            parts.push(text[at..at + before].to_owned());
            at += before;
        }
        parts
    }

    /// How often the words are counted that start at each letter, by their length.
    fn counts(&self, text: &str) -> Vec<[Option<f64>; LONGEST + 1]> {
        let mut counts = vec![[None; LONGEST + 1]; text.len()];
        for (at, counts) in counts.iter_mut().enumerate() {
            let mut rows = self.words.all();
            for length in 1..=LONGEST.min(text.len() - at) {
                let word = &text[at..at + length];
                rows = self.words.starting(rows, word);
                if rows.is_empty() {
                    break;
                }
                counts[length] = count(self.words.first(&rows, word));
            }
        }
        counts
    }

    /// The best way to go on from `at` after a part of `before` letters; of equal ways, the longer part.
    fn go_on(
        &self,
        text: &str,
        at: usize,
        before: usize,
        counts: &[[Option<f64>; LONGEST + 1]],
        best: &[[Best; LONGEST + 1]],
    ) -> Best {
        let previous = if before == 0 { None } else { counts[at - before][before] };
        let pairs = previous.map_or(0..0, |_| {
            self.pairs.starting(self.pairs.all(), &format!("{} ", &text[at - before..at]))
        });
        let mut found = Best { score: f64::NEG_INFINITY, length: 1 };
        for length in 1..=LONGEST.min(text.len() - at) {
            let alone = counts[at][length];
            // A word that was counted behind another was counted by itself.
            let pair = alone
                .filter(|_| !pairs.is_empty())
                .and_then(|_| count(self.pairs.ending(&pairs, before + 1, &text[at..at + length])));
            let share = match (pair, previous) {
                (Some(pair), Some(previous)) => pair / TOTAL / (previous / TOTAL),
                _ => share(alone, length),
            };
            let score = share.log10() + best[at + length][length].score;
            if score >= found.score {
                found = Best { score, length };
            }
        }
        found
    }
}

/// The share in the corpus of a word of so many letters; the longer an unknown one, the smaller.
fn share(count: Option<f64>, length: usize) -> f64 {
    // Powers beyond 10²² are not exact: rounded once, as the counts were made with.
    count.map_or_else(|| 10.0 / (TOTAL * POWERS[length.min(LONGEST)]), |count| count / TOTAL)
}

fn is_count(values: &str) -> bool {
    values.parse::<u64>().is_ok()
}

/// The count in a row of a table.
fn count(values: Option<&str>) -> Option<f64> {
    values?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::lexicon::shipped;

    #[test]
    fn words_come_apart_where_their_parts_are_most_frequent() {
        let compounds = Compounds::read(&shipped()).unwrap();
        let parts = |word: &str| compounds.parts(word).join(" ");
        assert_eq!(parts("smartwatch"), "smart watch");
        assert_eq!(parts("Anthropomorphize"), "anthropo morph ize");
        assert_eq!(parts("hello-world"), "helloworld");
        assert_eq!(parts("zorblax's"), "zorb lax s");
        assert_eq!(parts("it's"), "its");
        assert_eq!(parts("openai"), "open a i");
        assert_eq!(parts("---"), "");
    }

    #[test]
    fn a_text_longer_than_a_chunk_comes_apart_as_well() {
        let compounds = Compounds::read(&shipped()).unwrap();
        let parts = compounds.parts(&"thequickbrownfox".repeat(40));
        assert_eq!(parts.concat(), "thequickbrownfox".repeat(40));
        assert_eq!(parts[..4], ["the", "quick", "brown", "fox"]);
        assert_eq!(parts.len(), 160);
    }
}
