//! Words of a segment with their parts of speech: the likeliest path through the dictionary's words,
//! and the hidden Markov model where it finds single characters only. Changes no word.

use super::{markov::Markov, vocabulary::Vocabulary};
use crate::{TtsError, text::Lexicon};

/// Part of speech of marks and of what nobody knows.
const OTHER: &str = "x";
/// Part of speech of numbers.
const NUMERAL: &str = "m";
/// Part of speech of Latin letters.
const LATIN: &str = "eng";

/// A word and its part of speech, in the dictionary's abbreviations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) tag: String,
}

impl Word {
    pub(super) fn new(text: impl Into<String>, tag: &str) -> Self {
        Self { text: text.into(), tag: tag.to_owned() }
    }
}

/// What a character may be part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Han,
    Number,
    Letter,
    Joining,
    Mark,
}

/// The classes of jieba's tagger.
fn script(character: char) -> Script {
    match character {
        '\u{4e00}'..='\u{9fd5}' => Script::Han,
        '0'..='9' | '.' => Script::Number,
        'a'..='z' | 'A'..='Z' => Script::Letter,
        '+' | '#' | '&' | '_' => Script::Joining,
        _ => Script::Mark,
    }
}

/// Cuts segments into words.
#[derive(Debug)]
pub(super) struct Words {
    vocabulary: Vocabulary,
    markov: Markov,
}

impl Words {
    /// Reads dictionary and model.
    pub(super) fn read(lexicon: &Lexicon) -> Result<Self, TtsError> {
        Ok(Self { vocabulary: Vocabulary::read(lexicon)?, markov: Markov::read(lexicon)? })
    }

    /// The words of a segment; together they are the segment.
    pub(super) fn cut(&self, segment: &str) -> Vec<Word> {
        let mut words = Vec::new();
        for block in
            runs(segment, |a, b| (script(a) == Script::Mark) == (script(b) == Script::Mark))
        {
            if block.chars().next().is_some_and(|c| script(c) == Script::Mark) {
                words.extend(block.chars().map(|mark| Word::new(mark, OTHER)));
            } else {
                self.cut_block(block, &mut words);
            }
        }
        words
    }

    fn cut_block(&self, block: &str, words: &mut Vec<Word>) {
        let ends = self.likeliest_path(block);
        let mut start = 0;
        let mut singles = 0;
        while start < block.len() {
            let end = ends[start].max(start + 1);
            let word = &block[start..end];
            if word.chars().nth(1).is_some() {
                self.cut_singles(&block[singles..start], words);
                words.push(self.known(word));
                singles = end;
            }
            start = end;
        }
        self.cut_singles(&block[singles..], words);
    }

    /// For each byte where a character starts, where the word from there on ends.
    fn likeliest_path(&self, block: &str) -> Vec<usize> {
        let mut ends = vec![0; block.len() + 1];
        let mut shares = vec![0.0; block.len() + 1];
        for (start, character) in block.char_indices().rev() {
            let mut best: Option<(f64, usize)> = None;
            for (length, frequency) in self.vocabulary.starting(&block[start..]) {
                let end = start + length;
                let share = self.vocabulary.log_share(frequency) + shares[end];
                if best.is_none_or(|(other, _)| share >= other) {
                    best = Some((share, end));
                }
            }
            let alone = start + character.len_utf8();
            let (share, end) =
                best.unwrap_or_else(|| (self.vocabulary.log_share(1) + shares[alone], alone));
            shares[start] = share;
            ends[start] = end;
        }
        ends
    }

    /// A run in which the path found no word of two characters or more.
    fn cut_singles(&self, run: &str, words: &mut Vec<Word>) {
        if run.chars().nth(1).is_none() || self.vocabulary.holds(run) {
            words.extend(run.chars().map(|single| self.known(single.encode_utf8(&mut [0; 4]))));
            return;
        }
        for piece in runs(run, |a, b| script(a) == script(b)) {
            match piece.chars().next().map(script) {
                Some(Script::Han) => self.markov.cut(piece, words),
                Some(Script::Number) => words.push(Word::new(piece, NUMERAL)),
                Some(Script::Letter) => words.push(Word::new(piece, LATIN)),
                _ => words.push(Word::new(piece, OTHER)),
            }
        }
    }

    fn known(&self, word: &str) -> Word {
        Word::new(word, self.vocabulary.tag(word).unwrap_or(OTHER))
    }
}

/// Parts of a text between neighbours that do not belong together.
fn runs(text: &str, together: impl Fn(char, char) -> bool) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut before = None;
    for (place, character) in text.char_indices() {
        if before.is_some_and(|before| !together(before, character)) {
            found.push(&text[start..place]);
            start = place;
        }
        before = Some(character);
    }
    if start < text.len() {
        found.push(&text[start..]);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::lexicon::shipped;

    fn cut(words: &Words, text: &str) -> String {
        let words = words.cut(text);
        words.iter().map(|w| format!("{}/{}", w.text, w.tag)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_sentence_is_cut_along_its_likeliest_words() {
        let words = Words::read(&shipped()).unwrap();
        assert_eq!(cut(&words, "今年二十多岁."), "今年/t 二十多岁/m ./x");
        assert_eq!(cut(&words, "你来了!"), "你/r 来/v 了/ul !/x");
    }

    #[test]
    fn what_is_no_han_character_is_a_number_or_a_mark() {
        let words = Words::read(&shipped()).unwrap();
        assert_eq!(cut(&words, "…"), "…/x");
        assert_eq!(cut(&words, "3.5"), "3.5/m");
        assert_eq!(cut(&words, ""), "");
    }
}
