//! Cuts a word in two where its shortest part lies: tones change inside the parts. Changes no tone.

use std::io::Cursor;

use jieba_rs::Jieba;

use crate::{TtsError, text::Lexicon};

const FILE: &str = "jieba_dict.txt.gz";

/// Cuts words in two.
#[derive(Debug)]
pub(super) struct Parts {
    search: Jieba,
}

impl Parts {
    /// Reads the dictionary whose words the parts are.
    pub(super) fn read(lexicon: &Lexicon) -> Result<Self, TtsError> {
        let text = lexicon.text(FILE)?;
        let search = Jieba::with_dict(&mut Cursor::new(text.as_bytes())).map_err(|error| {
            TtsError::Lexicon { path: lexicon.path(FILE), problem: error.to_string() }
        })?;
        Ok(Self { search })
    }

    /// How many characters the first part of `word` has; all of them when it is one part. The
    /// shortest of the words a search engine would index it by is the first part if the word starts
    /// with it, else taken for the last.
    pub(super) fn first(&self, word: &str) -> usize {
        let total = word.chars().count();
        let found = self.search.cut_for_search(word, true);
        let Some(shortest) = found.iter().min_by_key(|part| part.end - part.start) else {
            return total;
        };
        let length = shortest.end - shortest.start;
        if word.starts_with(shortest.word) { length } else { total.saturating_sub(length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::lexicon::shipped;

    #[test]
    fn the_shortest_part_lies_in_front_or_behind() {
        let parts = Parts::read(&shipped()).unwrap();
        assert_eq!(parts.first("展览馆"), 2);
        assert_eq!(parts.first("纸老虎"), 1);
        assert_eq!(parts.first("老虎"), 2);
        assert_eq!(parts.first("好"), 1);
        assert_eq!(parts.first(""), 0);
    }
}
