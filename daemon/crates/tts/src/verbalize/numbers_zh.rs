//! Chinese numbers in words. Finds no numbers in text.

const DIGITS: [&str; 10] = ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九"];

/// Digits one after the other; with `yao` one is 幺, as in telephone numbers.
pub(super) fn one_by_one(digits: &str, yao: bool) -> String {
    let read = |d: u32| if yao && d == 1 { "幺" } else { DIGITS[d as usize % 10] };
    digits.chars().filter_map(|c| c.to_digit(10)).map(read).collect()
}

/// Up to four digits as 千百十; a leading two of thousands is 两.
fn below_ten_thousand(number: u64) -> String {
    let mut text = String::new();
    let mut zero = false;
    for (unit, name) in [(1000, "千"), (100, "百"), (10, "十"), (1, "")] {
        let digit = number / unit % 10;
        if digit == 0 {
            zero = !text.is_empty();
            continue;
        }
        if zero {
            text.push('零');
            zero = false;
        }
        let two = digit == 2 && unit == 1000;
        text.push_str(if two { "两" } else { DIGITS[usize::try_from(digit).unwrap_or_default()] });
        text.push_str(name);
    }
    text
}

/// A whole number: 105 → 一百零五, 20000 → 两万. What has a leading zero or is very large is read digit
/// by digit.
pub(super) fn cardinal(digits: &str) -> String {
    let large = |n: &u64| *n < 10_000_000_000_000_000;
    let Some(number) = digits.parse::<u64>().ok().filter(large) else {
        return one_by_one(digits, false);
    };
    if number == 0 {
        return DIGITS[0].to_owned();
    }
    if digits.len() > 1 && digits.starts_with('0') {
        return one_by_one(digits, false);
    }
    let mut out = String::new();
    let mut gap = false;
    for (unit, name) in [(1_000_000_000_000, "万亿"), (100_000_000, "亿"), (10_000, "万"), (1, "")]
    {
        let part = number / unit % 10_000;
        if part == 0 {
            gap = !out.is_empty();
            continue;
        }
        if !out.is_empty() && (part < 1000 || gap) {
            out.push('零');
        }
        let two = part == 2 && !name.is_empty();
        out.push_str(&if two { "两".to_owned() } else { below_ten_thousand(part) });
        out.push_str(name);
        gap = false;
    }
    // 一十五 is said 十五.
    match out.strip_prefix("一十") {
        Some(rest) => format!("十{rest}"),
        None => out,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_as_people_say_them() {
        for (text, said) in [
            ("0", "零"),
            ("5", "五"),
            ("10", "十"),
            ("15", "十五"),
            ("105", "一百零五"),
            ("110", "一百一十"),
            ("222", "二百二十二"),
            ("1000", "一千"),
            ("1005", "一千零五"),
            ("2026", "两千零二十六"),
            ("20000", "两万"),
            ("10500", "一万零五百"),
            ("200000000", "两亿"),
            ("100000005", "一亿零五"),
            ("007", "零零七"),
        ] {
            assert_eq!(cardinal(text), said, "{text}");
        }
        assert_eq!(one_by_one("1380", true), "幺三八零");
    }
}
