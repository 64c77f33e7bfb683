//! English text as it is read: numbers and signs in words, plain letters, single marks. Each corner reads
//! one kind of writing; the order they take turns in decides what is what.

mod letters;
mod numerals;
mod quantities;

use numerals::Numerals;
use quantities::Quantities;

use crate::TtsError;

/// Characters of words, for a class: none stands beside a clock time or a number with a unit.
const WORD: &str = r"\p{L}\p{N}_";
/// White space.
const SPACE: &str = r"[\s\x1C-\x1F]";

/// Writes text as it is read.
#[derive(Debug)]
pub(super) struct Normalizer {
    numerals: Numerals,
    quantities: Quantities,
}

impl Normalizer {
    pub(super) fn new() -> Result<Self, TtsError> {
        Ok(Self { numerals: Numerals::new()?, quantities: Quantities::new()? })
    }

    /// The text in the letters `A-Za-z`, spaces and the marks `'.,?!-`.
    pub(super) fn normalize(&self, text: &str) -> String {
        let text = text.replace('。', ".").replace('！', "!").replace('？', "?");
        let text = self.numerals.mark_items(&text);
        let text = self.numerals.read_operations(&text);
        let text = self.numerals.read_negatives(&text);
        let text = self.numerals.drop_commas(&text);
        let text = self.quantities.read_times(&text);
        let text = self.quantities.read_units(&text);
        let text = self.quantities.read_money(&text);
        let text = self.numerals.read_decimals(&text);
        let text = self.numerals.read_fractions(&text);
        let text = self.numerals.read_ordinals(&text);
        let text = self.numerals.read_numbers(&text);
        let text = letters::reduce(&text);
        let text = letters::read_abbreviations(&text);
        let text = letters::part_capitals(&text);
        letters::join_marks(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        Normalizer::new().unwrap().normalize(text)
    }

    #[test]
    fn a_sentence_is_written_in_words() {
        assert_eq!(
            read("He ran 1,234 miles, 15% more, at 8:30."),
            "He ran twelve thirty-four miles, fifteen percent more, at eight thirty a.m."
        );
        assert_eq!(read("A28B64"), "Atwenty-eight Bsixty-four");
        assert_eq!(read("你好，tired。"), "tired.");
    }

    #[test]
    fn the_number_of_an_item_is_an_ordinal_wherever_it_stands() {
        assert_eq!(read("1. First item. 2. Second."), "first, First item. second, Second.");
        assert_eq!(read("It was 2023. Then"), "It was two thousand and twenty-third, Then");
        assert_eq!(read("v1.5. Next"), "vone point fifth, Next");
    }

    #[test]
    fn a_text_without_letters_leaves_its_marks() {
        assert_eq!(read(""), "");
        assert_eq!(read("“，：”"), "");
        assert_eq!(read("?!..."), "?");
    }
}
