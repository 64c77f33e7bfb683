//! English numbers as the product says them: no commas, no hyphens, digits one by one where they are no count.

use crate::number_words::{self, And};

pub(super) use crate::number_words::one_by_one;

/// Most digits that are named as a count.
const MOST: usize = 15;

fn plain(words: &str) -> String {
    words.replace(", ", " ").replace('-', " ")
}

/// A whole number: "two thousand twenty six". One with a leading zero, or a very long one, is read digit
/// by digit.
pub(super) fn cardinal(digits: &str) -> String {
    if digits.len() > MOST || digits.len() > 1 && digits.starts_with('0') {
        return one_by_one(digits);
    }
    plain(&number_words::cardinal(digits, And::Left))
}

/// "twenty first", "one hundredth".
pub(super) fn ordinal(digits: &str) -> String {
    number_words::ordinal(&plain(&number_words::cardinal(digits, And::Left)))
}

/// Four digits as a year is said: "nineteen oh five", "two thousand five", "twenty twenty six".
pub(super) fn year(digits: &str) -> String {
    number_words::year(digits).map_or_else(|| cardinal(digits), |year| plain(&year))
}

/// The ten years from a year on: "nineteen nineties", "eighties".
pub(super) fn decade(digits: &str) -> String {
    let year = if digits.len() == 2 { cardinal(digits) } else { year(digits) };
    year.strip_suffix('y').map_or_else(|| format!("{year}s"), |stem| format!("{stem}ies"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_words() {
        for (digits, words) in [
            ("0", "zero"),
            ("007", "zero zero seven"),
            ("15", "fifteen"),
            ("101", "one hundred one"),
            ("2026", "two thousand twenty six"),
            ("1000000", "one million"),
            (
                "9999999999999999",
                "nine nine nine nine nine nine nine nine nine nine nine nine nine nine nine nine",
            ),
        ] {
            assert_eq!(cardinal(digits), words);
        }
        for (digits, words) in
            [("1", "first"), ("22", "twenty second"), ("20", "twentieth"), ("100", "one hundredth")]
        {
            assert_eq!(ordinal(digits), words);
        }
        for (digits, words) in [
            ("1905", "nineteen oh five"),
            ("2005", "two thousand five"),
            ("2000", "two thousand"),
            ("1900", "nineteen hundred"),
            ("2026", "twenty twenty six"),
        ] {
            assert_eq!(year(digits), words);
        }
        assert_eq!((decade("1990"), decade("80")), ("nineteen nineties".into(), "eighties".into()));
        assert_eq!(decade("1900"), "nineteen hundreds");
    }
}
