//! Splits the text of a reply into clauses to speak, as soon as they are complete. Pure; any split of
//! the same text gives the same clauses, and their concatenation is the text.

/// A clause is cut here even without punctuation, at a space or between Han characters.
const LONGEST: usize = 60;
/// A comma ends a clause only behind so many characters, so that speech does not stutter; the first
/// clause may be shorter, so that it begins soon.
const SHORTEST: usize = 8;
const SHORTEST_FIRST: usize = 3;

/// Words whose full stop ends no sentence.
const ABBREVIATIONS: [&str; 12] =
    ["mr", "mrs", "ms", "dr", "prof", "st", "vs", "etc", "e.g", "i.e", "no", "jr"];

/// Splits one reply.
#[derive(Debug, Default)]
pub struct Segmenter {
    held: String,
    first_done: bool,
}

fn is_end(c: char) -> bool {
    matches!(c, '。' | '！' | '？' | '!' | '?' | '；' | ';' | '…' | '\n' | '.')
}

fn is_pause(c: char) -> bool {
    matches!(c, '，' | ',' | '、' | '：' | ':' | '—')
}

/// Closing marks belong to the clause before them.
fn is_closing(c: char) -> bool {
    is_end(c) || matches!(c, '”' | '’' | '"' | '」' | '）' | ')' | '~' | '～') || c.is_whitespace()
}

impl Segmenter {
    /// Takes text, gives the clauses that are complete.
    pub fn push(&mut self, text: &str) -> Vec<String> {
        let mut clauses = Vec::new();
        for c in text.chars() {
            self.held.push(c);
            while let Some(end) = self.boundary() {
                let rest = self.held.split_off(end);
                clauses.push(std::mem::replace(&mut self.held, rest));
                self.first_done = true;
            }
        }
        clauses
    }

    /// The reply is over: gives the rest.
    pub fn finish(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.held);
        (!rest.is_empty()).then_some(rest)
    }

    /// Where the first clause of what is held ends. Known only once the character behind it is seen.
    fn boundary(&self) -> Option<usize> {
        let chars: Vec<(usize, char)> = self.held.char_indices().collect();
        let mut spoken = 0;
        let mut at = 0;
        while at + 1 < chars.len() {
            let (offset, c) = chars[at];
            spoken += usize::from(c.is_alphanumeric());
            let next = chars[at + 1].1;
            let before = at.checked_sub(1).map(|i| chars[i].1);
            let shortest = if self.first_done { SHORTEST } else { SHORTEST_FIRST };
            let ends = spoken > 0
                && ((is_end(c) && !self.inside(offset, c, next))
                    || (is_pause(c) && spoken >= shortest && !joins_digits(before, c, next)));
            let full = spoken >= LONGEST && (c.is_whitespace() || is_han(c) && is_han(next));
            if ends || full {
                let mut end = at + 1;
                while end < chars.len() && is_closing(chars[end].1) {
                    end += 1;
                }
                // More closing marks may still come.
                return (end < chars.len()).then(|| chars[end].0);
            }
            at += 1;
        }
        None
    }

    /// A full stop inside a number, an abbreviation or an address.
    fn inside(&self, offset: usize, c: char, next: char) -> bool {
        if c != '.' {
            return false;
        }
        if !next.is_whitespace() && !is_closing(next) && !is_han(next) {
            return true;
        }
        let word = self.held[..offset].rsplit(char::is_whitespace).next().unwrap_or_default();
        let word = word.to_lowercase();
        let letter = word.chars().count() == 1 && word.chars().all(|c| c.is_ascii_alphabetic());
        ABBREVIATIONS.contains(&word.as_str()) || (letter && word != "i")
    }
}

fn joins_digits(before: Option<char>, c: char, next: char) -> bool {
    matches!(c, ',' | ':') && before.is_some_and(|b| b.is_ascii_digit()) && next.is_ascii_digit()
}

pub(crate) fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{323af}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::any_text::{any_texts, work_grows_linearly};
    use proptest::prelude::*;

    fn clauses(parts: &[&str]) -> Vec<String> {
        let mut segmenter = Segmenter::default();
        let mut all: Vec<String> = parts.iter().flat_map(|p| segmenter.push(p)).collect();
        all.extend(segmenter.finish());
        all
    }

    #[test]
    fn clauses_end_at_punctuation_of_both_languages() {
        assert_eq!(
            clauses(&["你好呀，我是小伴。今天天气真的很好，我们出去走走吧！"]),
            ["你好呀，", "我是小伴。", "今天天气真的很好，", "我们出去走走吧！"]
        );
        assert_eq!(
            clauses(&["Hello, Tom. How are you today?"]),
            ["Hello, ", "Tom. ", "How are you today?"]
        );
    }

    #[test]
    fn numbers_abbreviations_and_addresses_stay_whole() {
        assert_eq!(
            clauses(&["It costs 3.14 dollars, Mr. Smith."]),
            ["It costs 3.14 dollars, ", "Mr. Smith."]
        );
        assert_eq!(clauses(&["现在是12:05，一共1,000元。"]), ["现在是12:05，", "一共1,000元。"]);
        assert_eq!(clauses(&["看 www.example.com 吧。"]), ["看 www.example.com 吧。"]);
    }

    #[test]
    fn ten_thousand_random_texts_are_cut_and_long_words_cost_what_they_are_long() {
        any_texts(|text| assert_eq!(clauses(&[text]).concat(), text));
        work_grows_linearly(&["a", "好", "1", "。", "a, ", "\u{0}"], |text| clauses(&[text]));
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_clauses_and_nothing_is_lost(
            text in "[a-c你好。，,.! 0-9?…\n]{0,80}",
            cut in 0usize..80,
        ) {
            let whole = clauses(&[&text]);
            prop_assert_eq!(whole.concat(), text.clone());
            let cut = (0..=cut.min(text.len())).rev().find(|c| text.is_char_boundary(*c)).unwrap_or(0);
            prop_assert_eq!(clauses(&[&text[..cut], &text[cut..]]), whole);
        }
    }
}
