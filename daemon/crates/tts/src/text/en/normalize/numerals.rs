//! Numbers by themselves and in sums: items, operations, decimals, fractions, ordinals, counts, years.
//! Knows no units.

use regex::{Captures, Regex};

use super::{SPACE, WORD};
use crate::{
    TtsError,
    number_words::{And, cardinal, ordinal, year},
    text::pattern::{group, pattern, replace_between},
};

/// Characters set above the line.
const RAISED: &str = "[⁰¹²³⁴⁵⁶⁷⁸⁹ˣʸⁿ]";

/// The patterns of numbers.
#[derive(Debug)]
pub(super) struct Numerals {
    item: Regex,
    operation: Regex,
    negative: Regex,
    grouped: Regex,
    decimal: Regex,
    fraction: Regex,
    ordinal: Regex,
    number: Regex,
}

impl Numerals {
    pub(super) fn new() -> Result<Self, TtsError> {
        let operand = format!(r"(?:-?\d+(?:\.\d+)?{RAISED}*|\.\d+{RAISED}*|[A-Za-z]{RAISED}*)");
        Ok(Self {
            item: pattern(&format!(r"(?:^|[^{WORD}])([0-9]+\.) "))?,
            operation: pattern(&format!("({operand}){SPACE}+([-+×÷=]){SPACE}+({operand})"))?,
            negative: pattern(&format!(r"(?:^|{SPACE}+)-(\d+)"))?,
            grouped: pattern("[0-9][0-9,]+[0-9]")?,
            decimal: pattern(&format!(r"([0-9]+)\.({SPACE}*[0-9]+)"))?,
            fraction: pattern("([0-9]+)/([0-9]+)")?,
            ordinal: pattern("([0-9]+)(?:st|nd|rd|th)")?,
            number: pattern("[0-9]+")?,
        })
    }

    /// `2. ` is the number of an item: `2nd, `, to be read with the other ordinals.
    pub(super) fn mark_items(&self, text: &str) -> String {
        replace_between(text, &self.item, |found| {
            let digits = group(found, 1).trim_end_matches('.');
            let suffix = match digits.as_bytes() {
                [.., b'1', _] => "th",
                [.., b'1'] => "st",
                [.., b'2'] => "nd",
                [.., b'3'] => "rd",
                _ => "th",
            };
            format!("{digits}{suffix},")
        })
    }

    /// `x + y = z` is "x plus y Equals z", until no sign stands between two operands and spaces.
    pub(super) fn read_operations(&self, text: &str) -> String {
        let read = |found: &Captures<'_>| {
            let name = match group(found, 2) {
                "+" => "plus",
                "-" => "minus",
                "×" => "times",
                "÷" => "divided by",
                _ => "Equals",
            };
            format!("{} {name} {}", group(found, 1), group(found, 3))
        };
        let mut text = text.to_owned();
        while self.operation.is_match(&text) {
            text = self.operation.replace_all(&text, read).into_owned();
        }
        text
    }

    /// ` -5` is "negative 5"; the space in front is lost.
    pub(super) fn read_negatives(&self, text: &str) -> String {
        self.negative.replace_all(text, "negative $1").into_owned()
    }

    /// `1,234` is `1234`.
    pub(super) fn drop_commas(&self, text: &str) -> String {
        let read = |found: &Captures<'_>| group(found, 0).replace(',', "");
        self.grouped.replace_all(text, read).into_owned()
    }

    /// `3.14` is `3 point 1 4`, to be read with the other numbers.
    pub(super) fn read_decimals(&self, text: &str) -> String {
        let read = |found: &Captures<'_>| {
            let places: String = group(found, 2).chars().flat_map(|place| [' ', place]).collect();
            format!("{} point{places}", group(found, 1))
        };
        self.decimal.replace_all(text, read).into_owned()
    }

    /// `3/4` is "three fourths".
    pub(super) fn read_fractions(&self, text: &str) -> String {
        let read = |found: &Captures<'_>| {
            let (above, below) = (group(found, 1), group(found, 2));
            let (above, below) = (cardinal(above, And::Said), cardinal(below, And::Said));
            match (below.as_str(), above.as_str()) {
                ("one", _) => above,
                ("two", "one") => format!("{above} half"),
                ("two", _) => format!("{above} halves"),
                (_, "zero" | "one") => format!("{above} {}", ordinal(&below)),
                _ => format!("{above} {}s", ordinal(&below)),
            }
        };
        self.fraction.replace_all(text, read).into_owned()
    }

    /// `21st` is "twenty-first", whatever its ending says.
    pub(super) fn read_ordinals(&self, text: &str) -> String {
        let read = |found: &Captures<'_>| ordinal(&cardinal(group(found, 1), And::Said));
        self.ordinal.replace_all(text, read).into_owned()
    }

    /// Years, then any other digits.
    pub(super) fn read_numbers(&self, text: &str) -> String {
        let read = |found: &Captures<'_>| {
            let digits = group(found, 0);
            year(digits).unwrap_or_else(|| cardinal(digits, And::Left))
        };
        self.number.replace_all(text, read).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numerals() -> Numerals {
        Numerals::new().unwrap()
    }

    #[test]
    fn a_number_with_dot_and_space_counts_items() {
        let read = |text: &str| numerals().mark_items(text);
        assert_eq!(read("1. a 2. b 3. c 4. d"), "1st, a 2nd, b 3rd, c 4th, d");
        assert_eq!(read("11. 12. 13. 21. "), "11th, 12th, 13th, 21st, ");
        assert_eq!(read("111. 2023. x"), "111th, 2023rd, x");
        assert_eq!(read("v1. x 5.x 7."), "v1. x 5.x 7.");
    }

    #[test]
    fn signs_between_operands_and_spaces_are_named() {
        let read = |text: &str| numerals().read_operations(text);
        assert_eq!(read("x + y = z"), "x plus y Equals z");
        assert_eq!(read("6 ÷ 2 × -1.5 - .5"), "6 divided by 2 times -1.5 minus .5");
        assert_eq!(read("x² + y"), "x² plus y");
        assert_eq!(read("go home - and"), "go home minus and");
        assert_eq!(read("1+1 a-b"), "1+1 a-b");
    }

    #[test]
    fn a_hyphen_between_space_and_digits_is_negative() {
        let read = |text: &str| numerals().read_negatives(text);
        assert_eq!(read("-5 and -10"), "negative 5 andnegative 10");
        assert_eq!(read("3-5 (-2) - 4"), "3-5 (-2) - 4");
    }

    #[test]
    fn commas_inside_numbers_go() {
        let read = |text: &str| numerals().drop_commas(text);
        assert_eq!(read("1,234,567 and 1,5, 6"), "1234567 and 15, 6");
        assert_eq!(read("1, 2,"), "1, 2,");
    }

    #[test]
    fn decimals_are_read_place_by_place() {
        let read = |text: &str| numerals().read_decimals(text);
        assert_eq!(read("3.14"), "3 point 1 4");
        assert_eq!(read("1.2.30"), "1 point 2.30");
        assert_eq!(read("7."), "7.");
    }

    #[test]
    fn fractions_are_counts_of_ordinals() {
        let read = |text: &str| numerals().read_fractions(text);
        assert_eq!(read("1/2 3/2 0/2"), "one half three halves zero halves");
        assert_eq!(read("3/4 1/67 0/53"), "three fourths one sixty-seventh zero fifty-third");
        assert_eq!(read("5/1 47/82"), "five forty-seven eighty-seconds");
        assert_eq!(read("1/120"), "one one hundred and twentieth");
    }

    #[test]
    fn an_ordinal_may_have_any_ending() {
        let read = |text: &str| numerals().read_ordinals(text);
        assert_eq!(read("33st 10nd 23th"), "thirty-third tenth twenty-third");
        assert_eq!(read("121st"), "one hundred and twenty-first");
    }

    #[test]
    fn four_digits_are_mostly_years() {
        let read = |text: &str| numerals().read_numbers(text);
        assert_eq!(
            read("2023 2005 4090"),
            "twenty twenty-three two thousand five four thousand ninety"
        );
        assert_eq!(read("12345"), "twelve thousand, three hundred forty-five");
    }
}
