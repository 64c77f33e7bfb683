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

/// Characters of the longest of them.
const LONGEST_ABBREVIATION: usize = 4;

/// Splits one reply. Each character is looked at once, when the one behind it is known.
#[derive(Debug, Default)]
pub struct Segmenter {
    held: String,
    first_done: bool,
    /// The last character held, where it begins, and the one before it.
    last: Option<(usize, char)>,
    before: Option<char>,
    /// Letters and digits held, the last character aside.
    spoken: usize,
    /// The clause has ended, but closing marks may still come.
    ended: bool,
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
            self.ended |= self.ends_before(c);
            if self.ended && !is_closing(c) {
                let held = std::mem::take(&mut self.held);
                *self = Self { first_done: true, ..Self::default() };
                clauses.push(held);
            }
            self.before = self.last.map(|(_, last)| last);
            self.last = Some((self.held.len(), c));
            self.held.push(c);
        }
        clauses
    }

    /// The reply is over: gives the rest.
    pub fn finish(&mut self) -> Option<String> {
        let rest = std::mem::take(self).held;
        (!rest.is_empty()).then_some(rest)
    }

    /// Whether a clause ends with the last character, behind which `next` comes.
    fn ends_before(&mut self, next: char) -> bool {
        let Some((offset, c)) = self.last.filter(|_| !self.ended) else { return false };
        self.spoken += usize::from(c.is_alphanumeric());
        let shortest = if self.first_done { SHORTEST } else { SHORTEST_FIRST };
        let pauses = is_pause(c) && self.spoken >= shortest;
        let ends = self.spoken > 0
            && ((is_end(c) && !self.inside(offset, c, next))
                || (pauses && !joins_digits(self.before, c, next)));
        let full = self.spoken >= LONGEST && (c.is_whitespace() || is_han(c) && is_han(next));
        ends || full
    }

    /// A full stop inside a number, an abbreviation or an address.
    fn inside(&self, offset: usize, c: char, next: char) -> bool {
        if c != '.' {
            return false;
        }
        if !next.is_whitespace() && !is_closing(next) && !is_han(next) {
            return true;
        }
        let back = self.held[..offset].chars().rev().take_while(|c| !c.is_whitespace());
        let word: String = back.take(LONGEST_ABBREVIATION + 1).collect();
        let word: String = word.chars().rev().flat_map(char::to_lowercase).collect();
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
    use crate::any_text::{SHORT, any_texts, work_grows_linearly};
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
        work_grows_linearly(SHORT, &["a", "好", "1", "。", "a, ", "\u{0}"], |text| {
            clauses(&[text])
        });
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
