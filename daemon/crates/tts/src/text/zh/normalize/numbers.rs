//! Numbers in Chinese words. Finds none in a text.

const DIGITS: [char; 10] = ['零', '一', '二', '三', '四', '五', '六', '七', '八', '九'];

/// Powers of ten below 10⁸ with a name, largest first.
const UNITS: [(usize, char); 4] = [(4, '万'), (3, '千'), (2, '百'), (1, '十')];

/// Digits between two 亿.
const GROUP: usize = 8;

/// How the digit 1 is read where digits are read one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum One {
    /// 一, in years and decimals.
    Yi,
    /// 幺, in numbers that are names.
    Yao,
}

/// 负 for a minus sign.
pub(super) fn sign(minus: &str) -> &'static str {
    if minus.is_empty() { "" } else { "负" }
}

fn word(digit: char) -> Option<char> {
    DIGITS.get(digit.to_digit(10)? as usize).copied()
}

/// Digit by digit; anything else in `text` is left out.
pub(super) fn digits(text: &str, one: One) -> String {
    let read = |digit| match (word(digit)?, one) {
        ('一', One::Yao) => Some('幺'),
        (word, _) => Some(word),
    };
    text.chars().filter_map(read).collect()
}

/// A whole number of any length: 1050 is 一千零五十. Empty for no digits.
pub(super) fn cardinal(digits: &str) -> String {
    if digits.is_empty() {
        return String::new();
    }
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return DIGITS[0].into();
    }
    let mut words = String::new();
    let mut rest = digits;
    while !rest.is_empty() {
        let (group, later) = rest.split_at((rest.len() - 1) % GROUP + 1);
        append(group, &mut words);
        if !later.is_empty() {
            words.push('亿');
        }
        rest = later;
    }
    match words.strip_prefix("一十") {
        Some(teens) => format!("十{teens}"),
        None => words,
    }
}

/// A group of at most eight digits, with one 零 for the gap in front of its first one.
fn append(group: &str, words: &mut String) {
    let value = group.trim_start_matches('0');
    if value.len() <= 1 {
        if let Some(digit) = value.chars().next().and_then(word) {
            words.extend((value.len() < group.len()).then_some(DIGITS[0]));
            words.push(digit);
        }
        return;
    }
    for (places, unit) in UNITS {
        if places < value.len() {
            let (front, back) = group.split_at(group.len() - places);
            append(front, words);
            words.push(unit);
            return append(back, words);
        }
    }
}

/// A number without sign, whole or decimal: 2.50 is 二点五零.
pub(super) fn number(text: &str) -> String {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let words = cardinal(whole);
    let kept = decimals.trim_end_matches('0');
    let mut decimals = digits(kept, One::Yi);
    if kept.len() < text.split_once('.').map_or(0, |(_, all)| all.len()) {
        decimals.push(DIGITS[0]);
    }
    match (words.is_empty(), decimals.is_empty()) {
        (_, true) => words,
        (true, false) => format!("零点{decimals}"),
        (false, false) => format!("{words}点{decimals}"),
    }
}

/// A number whose leading zero is heard: minutes and seconds.
pub(super) fn two_places(text: &str) -> String {
    let words = cardinal(text.trim_start_matches('0'));
    if text.starts_with('0') { format!("零{words}") } else { words }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_heard_as_one_zero() {
        let cases = [
            ("0", "零"),
            ("000", "零"),
            ("", ""),
            ("12", "十二"),
            ("101", "一百零一"),
            ("10010", "一万零一十"),
            ("123456789", "一亿二千三百四十五万六千七百八十九"),
            ("1000000000", "十亿"),
            ("579908084", "五亿七千九百九十万八千零八十四"),
            ("9702849137", "九十七亿零二百八十四万九千一百三十七"),
            ("10000000000000005", "一亿亿零五"),
        ];
        cases.iter().for_each(|(digits, words)| assert_eq!(cardinal(digits), *words, "{digits}"));
    }

    #[test]
    fn decimals_are_read_one_by_one_with_one_zero_at_the_end() {
        let cases = [
            ("3.14159", "三点一四一五九"),
            ("2.50", "二点五零"),
            ("2.000", "二点零"),
            (".5", "零点五"),
        ];
        cases.iter().for_each(|(digits, words)| assert_eq!(number(digits), *words, "{digits}"));
        assert_eq!(number("42"), "四十二");
    }

    #[test]
    fn one_is_yao_in_numbers_that_are_names() {
        assert_eq!(digits("110", One::Yao), "幺幺零");
        assert_eq!(digits("1998", One::Yi), "一九九八");
    }

    #[test]
    fn a_leading_zero_of_minutes_is_heard() {
        assert_eq!(two_places("05"), "零五");
        assert_eq!(two_places("10"), "十");
    }

    #[test]
    fn ten_thousand_digits_are_read() {
        assert!(cardinal(&"1".repeat(10_000)).ends_with("一千一百一十一万一千一百一十一"));
    }
}
