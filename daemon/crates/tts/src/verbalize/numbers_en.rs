//! English numbers in words: cardinals, ordinals, years. Finds no numbers in text.

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] =
    ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const GROUPS: [&str; 5] = ["", " thousand", " million", " billion", " trillion"];
/// Last words whose ordinal is no matter of adding `th`.
const ORDINALS: [(&str, &str); 7] = [
    ("one", "first"),
    ("two", "second"),
    ("three", "third"),
    ("five", "fifth"),
    ("eight", "eighth"),
    ("nine", "ninth"),
    ("twelve", "twelfth"),
];

/// Digits one after the other.
pub(super) fn one_by_one(digits: &str) -> String {
    let words: Vec<&str> =
        digits.bytes().filter(u8::is_ascii_digit).map(|d| ONES[usize::from(d - b'0')]).collect();
    words.join(" ")
}

fn below_hundred(value: usize) -> String {
    match (value / 10, value % 10) {
        (0 | 1, _) => ONES[value].to_owned(),
        (tens, 0) => TENS[tens].to_owned(),
        (tens, ones) => format!("{}-{}", TENS[tens], ONES[ones]),
    }
}

fn below_thousand(value: usize) -> String {
    match (value / 100, value % 100) {
        (0, rest) => below_hundred(rest),
        (hundreds, 0) => format!("{} hundred", ONES[hundreds]),
        (hundreds, rest) => format!("{} hundred {}", ONES[hundreds], below_hundred(rest)),
    }
}

/// A whole number: "two thousand twenty-six". What has a leading zero or no name is read digit by digit.
pub(super) fn cardinal(digits: &str) -> String {
    let short = digits.len() <= GROUPS.len() * 3 && (digits.len() == 1 || !digits.starts_with('0'));
    let Some(value) = digits.parse::<u64>().ok().filter(|_| short) else {
        return one_by_one(digits);
    };
    if value == 0 {
        return ONES[0].to_owned();
    }
    let mut words: Vec<String> = Vec::new();
    let mut rest = value;
    for name in GROUPS {
        let group = usize::try_from(rest % 1000).unwrap_or_default();
        if group > 0 {
            words.push(format!("{}{name}", below_thousand(group)));
        }
        rest /= 1000;
    }
    words.reverse();
    words.join(" ")
}

/// "twenty-first", "one hundredth".
pub(super) fn ordinal(digits: &str) -> String {
    let cardinal = cardinal(digits.trim_start_matches('0'));
    let from = cardinal.rfind([' ', '-']).map_or(0, |at| at + 1);
    let (start, last) = cardinal.split_at(from);
    match ORDINALS.iter().find(|(word, _)| *word == last) {
        Some((_, ordinal)) => format!("{start}{ordinal}"),
        None => match last.strip_suffix('y') {
            Some(stem) => format!("{start}{stem}ieth"),
            None => format!("{cardinal}th"),
        },
    }
}

/// Four digits as a year is said: "nineteen oh five", "two thousand five", "twenty twenty-six".
pub(super) fn year(digits: &str) -> String {
    let (Some(century), Some(rest)) = (digits.get(..2), digits.get(2..4)) else {
        return cardinal(digits);
    };
    let (Ok(century), Ok(rest)) = (century.parse::<usize>(), rest.parse::<usize>()) else {
        return cardinal(digits);
    };
    match (century % 10, rest) {
        (0, 0..10) => cardinal(digits),
        (_, 0) => format!("{} hundred", below_hundred(century)),
        (_, 1..10) => format!("{} oh {}", below_hundred(century), ONES[rest]),
        _ => format!("{} {}", below_hundred(century), below_hundred(rest)),
    }
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
            ("2026", "two thousand twenty-six"),
            ("1000000", "one million"),
            (
                "9999999999999999",
                "nine nine nine nine nine nine nine nine nine nine nine nine nine nine nine nine",
            ),
        ] {
            assert_eq!(cardinal(digits), words);
        }
        for (digits, words) in
            [("1", "first"), ("22", "twenty-second"), ("20", "twentieth"), ("100", "one hundredth")]
        {
            assert_eq!(ordinal(digits), words);
        }
        for (digits, words) in [
            ("1905", "nineteen oh five"),
            ("2005", "two thousand five"),
            ("2000", "two thousand"),
            ("1900", "nineteen hundred"),
            ("2026", "twenty twenty-six"),
        ] {
            assert_eq!(year(digits), words);
        }
        assert_eq!((decade("1990"), decade("80")), ("nineteen nineties".into(), "eighties".into()));
        assert_eq!(decade("1900"), "nineteen hundreds");
    }
}
