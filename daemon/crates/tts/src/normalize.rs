//! Numbers as words. English numbers are left to the synthesiser where it reads them right.

const DIGITS: [&str; 10] = ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九"];

fn digits(text: &str) -> String {
    text.chars().filter_map(|c| c.to_digit(10)).map(|d| DIGITS[d as usize]).collect()
}

/// Four digits as 千百十, e.g. 105 → 一百零五.
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
        text.push_str(DIGITS[usize::try_from(digit).unwrap_or_default()]);
        text.push_str(name);
    }
    text
}

fn whole_zh(text: &str) -> String {
    let Ok(number) = text.parse::<u64>() else { return digits(text) };
    if number == 0 {
        return DIGITS[0].to_owned();
    }
    if number >= 1_000_000_000_000 || (text.len() > 1 && text.starts_with('0')) {
        return digits(text);
    }
    let mut out = String::new();
    let mut gap = false;
    for (unit, name) in [(100_000_000, "亿"), (10_000, "万"), (1, "")] {
        let part = number / unit % 10_000;
        if part == 0 {
            gap = !out.is_empty();
            continue;
        }
        if !out.is_empty() && (part < 1000 || gap) {
            out.push('零');
        }
        out.push_str(&below_ten_thousand(part));
        out.push_str(name);
        gap = false;
    }
    // 一十五 is said 十五.
    match out.strip_prefix("一十") {
        Some(rest) => format!("十{rest}"),
        None => out,
    }
}

/// A number as it is said in Chinese: `12:05`, `3.14`, `25%`, `-4`, `1,000`, `2026`. With `as_digits`
/// (years, telephone numbers) digit by digit.
#[must_use]
pub fn read_number_zh(text: &str, as_digits: bool) -> String {
    let text = text.replace(',', "");
    if let Some(rest) = text.strip_suffix('%') {
        return format!("百分之{}", read_number_zh(rest, false));
    }
    if let Some(rest) = text.strip_prefix('-') {
        return format!("负{}", read_number_zh(rest, false));
    }
    if let Some((hour, minute)) = text.split_once(':') {
        let minute = minute.split(':').next().unwrap_or_default();
        let past = match minute.parse::<u64>() {
            Ok(0) | Err(_) => String::new(),
            Ok(m) if m < 10 => format!("零{}分", whole_zh(&m.to_string())),
            Ok(m) => format!("{}分", whole_zh(&m.to_string())),
        };
        return format!("{}点{past}", whole_zh(hour));
    }
    if let Some((whole, part)) = text.split_once('.') {
        return format!("{}点{}", whole_zh(whole), digits(part));
    }
    if as_digits || text.len() > 8 { digits(&text) } else { whole_zh(&text) }
}

/// A number for the English voice: separators that it stumbles over are taken out.
#[must_use]
pub fn read_number_en(text: &str) -> String {
    let text = text.replace(',', "");
    if let Some(rest) = text.strip_suffix('%') {
        return format!("{rest} percent");
    }
    match text.split_once(':') {
        Some((hour, minute)) if minute.starts_with('0') && minute != "00" => {
            format!("{hour} oh {}", minute.trim_start_matches('0'))
        }
        Some((hour, "00")) => format!("{hour} o'clock"),
        Some((hour, minute)) => format!("{hour} {minute}"),
        None => text,
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
            ("1000", "一千"),
            ("1005", "一千零五"),
            ("1,000", "一千"),
            ("20000", "二万"),
            ("10500", "一万零五百"),
            ("12:05", "十二点零五分"),
            ("8:00", "八点"),
            ("12:30", "十二点三十分"),
            ("3.14", "三点一四"),
            ("25%", "百分之二十五"),
            ("-4", "负四"),
            ("13800138000", "一三八零零一三八零零零"),
        ] {
            assert_eq!(read_number_zh(text, false), said, "{text}");
        }
        assert_eq!(read_number_zh("2026", true), "二零二六");
        assert_eq!(read_number_en("12:05"), "12 oh 5");
        assert_eq!(read_number_en("50%"), "50 percent");
    }
}
