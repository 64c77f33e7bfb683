//! English numbers in words, from their digits: cardinals, ordinals, years. Finds no numbers in text.
//!
//! The words, commas and hyphens are those of the Python package `inflect`, which the voices' texts were
//! written with; the reference's reading keeps them, the product's leaves commas and hyphens out.

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
/// Names of the groups of three digits, from the right.
const GROUPS: [&str; 12] = [
    "",
    "thousand",
    "million",
    "billion",
    "trillion",
    "quadrillion",
    "quintillion",
    "sextillion",
    "septillion",
    "octillion",
    "nonillion",
    "decillion",
];
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

/// Whether `and` stands before the last two digits of a group, as in "one hundred and two".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum And {
    Said,
    Left,
}

/// A number in words, from ASCII digits: "two hundred twenty-three thousand, five hundred two". One too
/// large for a name is read digit by digit.
pub(crate) fn cardinal(digits: &str, and: And) -> String {
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return ONES[0].to_owned();
    }
    if digits.len() > GROUPS.len() * 3 {
        return one_by_one(digits);
    }
    let values: Vec<usize> = digits.bytes().map(|digit| usize::from(digit - b'0')).collect();
    let mut groups: Vec<String> = Vec::new();
    for (place, group) in values.rchunks(3).enumerate() {
        let value = group.iter().fold(0, |value, digit| value * 10 + digit);
        if value > 0 {
            let words = below_thousand(value, and);
            groups.push(format!("{words} {}", GROUPS[place]).trim_end().to_owned());
        }
    }
    let last = groups.remove(0);
    groups.reverse();
    if groups.is_empty() {
        return last;
    }
    // No comma before a last word that stands alone: "one thousand five".
    let join = match (last.contains(' '), and) {
        (true, _) => ", ",
        (false, And::Said) => " and ",
        (false, And::Left) => " ",
    };
    format!("{}{join}{last}", groups.join(", "))
}

/// The ordinal of a number in words: "twenty-first", "one hundredth".
pub(crate) fn ordinal(cardinal: &str) -> String {
    let from = cardinal.rfind([' ', '-']).map_or(0, |place| place + 1);
    let (start, last) = cardinal.split_at(from);
    if let Some((_, ordinal)) = ORDINALS.iter().find(|(word, _)| *word == last) {
        return format!("{start}{ordinal}");
    }
    match last.strip_suffix('y') {
        Some(stem) => format!("{start}{stem}ieth"),
        None => format!("{cardinal}th"),
    }
}

/// A number as years are read, in pairs: "nineteen oh five", "twenty-one hundred", "two thousand five".
/// `None` for what is no year between 1001 and 2999.
pub(crate) fn year(digits: &str) -> Option<String> {
    let digits = digits.trim_start_matches('0');
    let value: usize = (digits.len() == 4).then(|| digits.parse().ok())??;
    if !(1001..3000).contains(&value) {
        return None;
    }
    let century = below_hundred(value / 100);
    Some(match (value, value % 100) {
        (2000, _) => "two thousand".to_owned(),
        (2001..2010, rest) => format!("two thousand {}", below_hundred(rest)),
        (_, 0) => format!("{century} hundred"),
        (_, rest @ 1..10) => format!("{century} oh {}", below_hundred(rest)),
        (_, rest) => format!("{century} {}", below_hundred(rest)),
    })
}

/// Digits read one after the other: "one four".
pub(crate) fn one_by_one(digits: &str) -> String {
    let words: Vec<&str> =
        digits.bytes().map(|digit| ONES[usize::from(digit.wrapping_sub(b'0')) % 10]).collect();
    words.join(" ")
}

fn below_thousand(value: usize, and: And) -> String {
    let (hundreds, rest) = (value / 100, value % 100);
    match (hundreds, rest) {
        (0, _) => below_hundred(rest),
        (_, 0) => format!("{} hundred", ONES[hundreds]),
        _ if and == And::Said => format!("{} hundred and {}", ONES[hundreds], below_hundred(rest)),
        _ => format!("{} hundred {}", ONES[hundreds], below_hundred(rest)),
    }
}

fn below_hundred(value: usize) -> String {
    match (value / 10, value % 10) {
        (0 | 1, _) => ONES[value].to_owned(),
        (tens, 0) => TENS[tens].to_owned(),
        (tens, ones) => format!("{}-{}", TENS[tens], ONES[ones]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(digits: &str) -> String {
        cardinal(digits, And::Left)
    }

    #[test]
    fn a_cardinal_names_its_groups_with_commas_between() {
        assert_eq!(plain("0"), "zero");
        assert_eq!(plain("000"), "zero");
        assert_eq!(plain("17"), "seventeen");
        assert_eq!(plain("40"), "forty");
        assert_eq!(plain("0042"), "forty-two");
        assert_eq!(plain("502"), "five hundred two");
        assert_eq!(plain("1000000000"), "one billion");
        assert_eq!(plain("223502"), "two hundred twenty-three thousand, five hundred two");
    }

    #[test]
    fn no_comma_stands_before_a_last_word_that_is_alone() {
        assert_eq!(plain("68034"), "sixty-eight thousand thirty-four");
        assert_eq!(plain("1000001"), "one million one");
        assert_eq!(plain("1001000"), "one million, one thousand");
        assert_eq!(plain("5000100"), "five million, one hundred");
        assert_eq!(cardinal("1005", And::Said), "one thousand and five");
        assert_eq!(cardinal("1121", And::Said), "one thousand, one hundred and twenty-one");
    }

    #[test]
    fn a_number_without_a_name_is_read_digit_by_digit() {
        assert_eq!(plain(&format!("1{}", "0".repeat(35))), "one hundred decillion");
        assert_eq!(plain(&"12".repeat(19)), ["one two"; 19].join(" "));
        assert_eq!(plain(&"9".repeat(10_000)).len(), 10_000 * 5 - 1);
    }

    #[test]
    fn an_ordinal_changes_the_last_word() {
        for (words, expected) in [
            ("zero", "zeroth"),
            ("one", "first"),
            ("twelve", "twelfth"),
            ("eighteen", "eighteenth"),
            ("twenty", "twentieth"),
            ("twenty-one", "twenty-first"),
            ("one hundred", "one hundredth"),
            ("one hundred and five", "one hundred and fifth"),
        ] {
            assert_eq!(ordinal(words), expected);
        }
    }

    #[test]
    fn years_are_read_in_pairs() {
        let year = |digits: &str| year(digits).unwrap_or_default();
        assert_eq!(year("1616"), "sixteen sixteen");
        assert_eq!(year("1905"), "nineteen oh five");
        assert_eq!(year("1900"), "nineteen hundred");
        assert_eq!(year("2000"), "two thousand");
        assert_eq!(year("2005"), "two thousand five");
        assert_eq!(year("2010"), "twenty ten");
        assert_eq!(year("2999"), "twenty-nine ninety-nine");
        assert_eq!(year("1000"), "");
        assert_eq!(year("3000"), "");
        assert_eq!(year("12345678901234567890123"), "");
    }
}
