//! What in a text is not written as it is said: dates, times, money, numbers with units, telephone
//! numbers, addresses. Finds it and takes it apart; says nothing. Knows no language.

use super::{
    cursor::Cursor,
    units::{CURRENCIES, Currency, UNITS, Unit},
};

/// Something that is said otherwise than it is written. Numbers are as they were written, without
/// separators of thousands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Find {
    Date {
        year: String,
        month: u32,
        day: u32,
    },
    /// Four digits before 年.
    Year(String),
    Clock(Clock),
    Clocks(Clock, Clock),
    /// `8pm`.
    Hour(u32, Half),
    Money {
        currency: &'static Currency,
        amount: Amount,
    },
    Measure {
        amount: Amount,
        unit: &'static Unit,
    },
    /// Both ends and what is measured.
    Range {
        from: Amount,
        to: Amount,
        unit: Option<&'static Unit>,
    },
    Years {
        from: String,
        to: String,
    },
    /// Digits that name a line.
    Telephone(String),
    Fraction {
        part: String,
        of: String,
    },
    Ratio(String, String),
    /// Groups of digits between dots.
    Version(Vec<String>),
    Ordinal(String),
    /// `1990s`.
    Decade(String),
    Number(Amount),
    /// An internet or mail address.
    Address(String),
}

/// A number with its sign.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) negative: bool,
    pub(super) whole: String,
    /// Written with separators of thousands.
    pub(super) grouped: bool,
    /// Digits behind the point; empty when there is none.
    pub(super) part: String,
}

impl Amount {
    /// Exactly one, positive.
    pub(super) fn is_one(&self) -> bool {
        !self.negative && self.whole == "1" && self.part.is_empty()
    }

    /// Exactly two, positive.
    pub(super) fn is_two(&self) -> bool {
        !self.negative && self.whole == "2" && self.part.is_empty()
    }
}

/// A time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    pub(super) hour: u32,
    pub(super) minute: u32,
    pub(super) second: Option<u32>,
    pub(super) half: Option<Half>,
}

/// Before or after noon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    Am,
    Pm,
}

const DASHES: [&str; 6] = ["-", "~", "～", "–", "—", "−"];
/// Names of the top level by which an address without `http://` is known.
const TOP_LEVEL: [&str; 20] = [
    "com", "org", "net", "cn", "io", "ai", "dev", "edu", "gov", "me", "co", "uk", "de", "jp",
    "app", "xyz", "info", "tv", "hk", "tw",
];
/// Longest address that is looked at, in bytes.
const LONGEST_ADDRESS: usize = 300;
/// Most digits of a number with separators or in a range, so that looking ahead stays short.
const MOST_DIGITS: usize = 15;

/// What begins at byte `at` of `text`, and where it ends.
pub(super) fn find(text: &str, at: usize) -> Option<(Find, usize)> {
    let before = text[..at].chars().next_back();
    let next = text[at..].chars().next()?;
    let in_word = before.is_some_and(|c| c.is_ascii_alphanumeric());
    let start = Cursor::new(text, at);
    if next.is_ascii_alphanumeric()
        && !in_word
        && let Some(found) = address(start)
    {
        return Some(found);
    }
    if let Some(found) = money(start) {
        return Some(found);
    }
    let signed = matches!(next, '-' | '−' | '+') && !in_word && before != Some(')');
    if signed || next == '(' || next.is_ascii_digit() {
        let rules = [telephone, date, clocks, year, version, decade, ordinal, fraction];
        let unsigned = !matches!(next, '-' | '−');
        let found = unsigned.then(|| rules.iter().find_map(|rule| rule(start)));
        if let Some(found) = found.flatten() {
            return Some(found);
        }
        return range(start).or_else(|| ratio(start)).or_else(|| number(start));
    }
    None
}

fn value(digits: &str) -> u32 {
    digits.parse().unwrap_or(u32::MAX)
}

/// `http://…`, `www.…`, `name.com/…`, `who@where.org`.
fn address(start: Cursor<'_>) -> Option<(Find, usize)> {
    let rest = start.rest();
    let part = |c: char| c.is_ascii_alphanumeric() || "._~:/?#@!$&'*+=%-".contains(c);
    let end = rest.char_indices().find(|(at, c)| !part(*c) || *at > LONGEST_ADDRESS);
    let run = &rest[..end.map_or(rest.len(), |(at, _)| at)];
    let run = run.trim_end_matches(['.', ':', '?', '!', '\'', '*', '~', '-']);
    let scheme = ["https://", "http://"].iter().find_map(|s| run.strip_prefix(s));
    let bare = scheme.unwrap_or(run);
    let host = bare.split(['/', '?', '#']).next().unwrap_or_default();
    let name = host.rsplit('@').next().unwrap_or_default();
    let label =
        |l: &str| !l.is_empty() && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let labels: Vec<&str> = name.split('.').collect();
    let top = labels.last().copied().unwrap_or_default();
    let known = TOP_LEVEL.contains(&top.to_ascii_lowercase().as_str());
    let is_host = labels.len() > 1 && labels.iter().all(|l| label(l));
    let lettered = top.bytes().all(|b| b.is_ascii_alphabetic());
    let is = is_host
        && (scheme.is_some()
            || bare.starts_with("www.")
            || known
            || (host.contains('@') && lettered));
    is.then(|| (Find::Address(bare.to_owned()), start.at + run.len()))
}

/// `$12.50`, `￥30`, `US$ 5`.
fn money(start: Cursor<'_>) -> Option<(Find, usize)> {
    for currency in &CURRENCIES {
        for sign in currency.signs {
            let mut cursor = start;
            if cursor.literal(sign).is_none() {
                continue;
            }
            cursor.spaces();
            if let Some(amount) = amount(&mut cursor) {
                return Some((Find::Money { currency, amount }, cursor.at));
            }
        }
    }
    None
}

/// A sign, digits with or without separators of thousands, a part behind the point.
fn amount(cursor: &mut Cursor<'_>) -> Option<Amount> {
    let mut ahead = *cursor;
    let negative = ahead.any(&["-", "−"]).is_some();
    if !negative {
        ahead.literal("+");
    }
    let mut whole = ahead.digits(1, usize::MAX)?.to_owned();
    let mut grouped = false;
    if whole.len() <= 3 {
        while whole.len() < MOST_DIGITS {
            let mut group = ahead;
            let three = group.literal(",").and_then(|()| group.digits(3, 3));
            let Some(three) = three else { break };
            whole.push_str(three);
            grouped = true;
            ahead = group;
        }
    }
    let mut behind = ahead;
    let part = behind.literal(".").and_then(|()| behind.digits(1, usize::MAX));
    let part = part.map(str::to_owned);
    if part.is_some() {
        ahead = behind;
    }
    *cursor = ahead;
    Some(Amount { negative, whole, grouped, part: part.unwrap_or_default() })
}

fn unit(cursor: &mut Cursor<'_>) -> Option<&'static Unit> {
    let mut ahead = *cursor;
    ahead.spaces();
    // The longest sign first: km/h before km before k.
    let found = UNITS
        .iter()
        .flat_map(|unit| unit.signs.iter().map(move |sign| (unit, *sign)))
        .filter(|(_, sign)| ahead.rest().starts_with(sign))
        .max_by_key(|(_, sign)| sign.len());
    let (unit, sign) = found?;
    ahead.at += sign.len();
    let word = sign.ends_with(|c: char| c.is_ascii_alphanumeric());
    let next = ahead.peek();
    if word && next.is_some_and(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    *cursor = ahead;
    Some(unit)
}

/// `2026-11-25`, `2026/11/25`, `2026.11.25`.
fn date(start: Cursor<'_>) -> Option<(Find, usize)> {
    let mut cursor = start;
    let year = cursor.digits(4, 4)?.to_owned();
    let sign = cursor.any(&["-", "/", "."])?;
    let month = value(cursor.digits(1, 2)?);
    cursor.literal(sign)?;
    let day = value(cursor.digits(1, 2)?);
    let more = cursor.peek().is_some_and(|c| c.is_ascii_digit());
    let valid = (1..=12).contains(&month) && (1..=31).contains(&day) && !more;
    valid.then_some((Find::Date { year, month, day }, cursor.at))
}

/// `2026` before 年, also the first of `2020-2026年`.
fn year(start: Cursor<'_>) -> Option<(Find, usize)> {
    let mut cursor = start;
    let from = cursor.digits(4, 4)?.to_owned();
    if cursor.peek() == Some('年') {
        return Some((Find::Year(from), cursor.at));
    }
    cursor.any(&DASHES)?;
    let to = cursor.digits(4, 4)?.to_owned();
    let years = cursor.peek() == Some('年') || [&from, &to].iter().all(|y| is_year(y)) && from < to;
    let more = cursor.peek().is_some_and(|c| c.is_ascii_digit() || c == '-');
    (years && !more).then_some((Find::Years { from, to }, cursor.at))
}

/// Whether four digits are most likely a year.
pub(super) fn is_year(digits: &str) -> bool {
    digits.len() == 4 && (1100..2100).contains(&value(digits))
}

fn clock(cursor: &mut Cursor<'_>) -> Option<Clock> {
    let mut ahead = *cursor;
    let hour = value(ahead.digits(1, 2)?);
    ahead.any(&[":", "："])?;
    let minute = value(ahead.digits(2, 2)?);
    let mut behind = ahead;
    let second = behind.any(&[":", "："]).and_then(|_| behind.digits(2, 2)).map(value);
    if second.is_some() {
        ahead = behind;
    }
    let half = half(&mut ahead);
    let more = ahead.peek().is_some_and(|c| c.is_ascii_digit());
    let valid = hour <= 24 && minute < 60 && second.is_none_or(|s| s < 60) && !more;
    valid.then(|| {
        *cursor = ahead;
        Clock { hour, minute, second, half }
    })
}

/// `am`, `p.m.` and the like, behind a time.
fn half(cursor: &mut Cursor<'_>) -> Option<Half> {
    let mut ahead = *cursor;
    ahead.spaces();
    let am = ["a.m.", "A.M.", "a.m", "AM", "am"];
    let pm = ["p.m.", "P.M.", "p.m", "PM", "pm"];
    let half = match ahead.any(&am) {
        Some(_) => Half::Am,
        None => ahead.any(&pm).map(|_| Half::Pm)?,
    };
    if ahead.peek().is_some_and(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    *cursor = ahead;
    Some(half)
}

/// `12:05`, `8:00-9:30`, `8pm`.
fn clocks(start: Cursor<'_>) -> Option<(Find, usize)> {
    let mut cursor = start;
    if let Some(from) = clock(&mut cursor) {
        let mut behind = cursor;
        behind.spaces();
        let dash = behind.any(&DASHES);
        behind.spaces();
        if let Some(to) = dash.and_then(|_| clock(&mut behind)) {
            return Some((Find::Clocks(from, to), behind.at));
        }
        return Some((Find::Clock(from), cursor.at));
    }
    let hour = value(cursor.digits(1, 2)?);
    let half = half(&mut cursor)?;
    (1..=12).contains(&hour).then_some((Find::Hour(hour, half), cursor.at))
}

/// Numbers of lines as they are written in China and in North America.
fn telephone(start: Cursor<'_>) -> Option<(Find, usize)> {
    let shapes: [&[usize]; 8] =
        [&[3, 4, 4], &[11], &[3, 8], &[4, 7], &[4, 8], &[3, 3, 4], &[3, 7], &[3, 4]];
    let mut cursor = start;
    let mut digits = String::new();
    let abroad = cursor.literal("+").is_some();
    if abroad {
        digits.push_str(cursor.digits(1, 3)?);
        cursor.any(&["-", " "]);
    }
    shapes.iter().find_map(|shape| {
        let (digits, end) = line(cursor, digits.clone(), shape)?;
        let own = &digits[digits.len() - shape.iter().sum::<usize>()..];
        let begins = |with: &[&str]| with.iter().any(|w| own.starts_with(w));
        let mobile = own.starts_with('1') && !begins(&["10", "11", "12"]);
        let spaced = shape.len() == 3;
        let is = abroad
            || match shape {
                [3, 4, 4] | [11] => mobile,
                [3, 8] | [4, 7] | [4, 8] => own.starts_with('0'),
                [3, 3, 4] => spaced && !begins(&["0", "1"]) || begins(&["400", "800"]),
                [3, 7] => begins(&["400", "800"]),
                _ => start.peek() != Some('(') && begins(&["555"]),
            };
        is.then_some((Find::Telephone(digits), end))
    })
}

fn line(mut cursor: Cursor<'_>, mut digits: String, shape: &[usize]) -> Option<(String, usize)> {
    let bracket = cursor.literal("(").is_some();
    for (index, length) in shape.iter().enumerate() {
        if index > 0 {
            cursor.any(&["-", " "])?;
        }
        digits.push_str(cursor.digits(*length, *length)?);
        if index == 0 && bracket {
            cursor.literal(")")?;
            if cursor.peek() != Some(' ') && cursor.peek() != Some('-') {
                return None;
            }
        }
    }
    let more = cursor.peek().is_some_and(|c| c.is_ascii_digit());
    (!more).then_some((digits, cursor.at))
}

/// `1.2.3`, `192.168.0.1`.
fn version(start: Cursor<'_>) -> Option<(Find, usize)> {
    let mut cursor = start;
    let mut groups = vec![cursor.digits(1, 6)?.to_owned()];
    while groups.len() < 6 {
        let mut behind = cursor;
        let next = behind.literal(".").and_then(|()| behind.digits(1, 6));
        let Some(next) = next else { break };
        groups.push(next.to_owned());
        cursor = behind;
    }
    (groups.len() > 2).then_some((Find::Version(groups), cursor.at))
}

/// `1990s`, `80s`.
fn decade(start: Cursor<'_>) -> Option<(Find, usize)> {
    let mut cursor = start;
    let digits = cursor.digits(4, 4).or_else(|| cursor.digits(2, 2))?.to_owned();
    cursor.any(&["'s", "s"])?;
    let more = cursor.peek().is_some_and(|c| c.is_ascii_alphanumeric());
    let is = digits.ends_with('0') && (digits.len() == 2 || is_year(&digits)) && !more;
    is.then_some((Find::Decade(digits), cursor.at))
}

/// `1st`, `22nd`.
fn ordinal(start: Cursor<'_>) -> Option<(Find, usize)> {
    let mut cursor = start;
    let digits = cursor.digits(1, 9)?.to_owned();
    cursor.any(&["st", "nd", "rd", "th"])?;
    let more = cursor.peek().is_some_and(|c| c.is_ascii_alphanumeric());
    (!more).then_some((Find::Ordinal(digits), cursor.at))
}

/// `3/4`: less than one, so that `24/7` and dates stay what they are.
fn fraction(start: Cursor<'_>) -> Option<(Find, usize)> {
    let mut cursor = start;
    let part = cursor.digits(1, 3)?.to_owned();
    cursor.literal("/")?;
    let of = cursor.digits(1, 3)?.to_owned();
    let more = cursor.peek().is_some_and(|c| c.is_ascii_digit() || c == '/');
    let is = value(&part) < value(&of) && value(&part) > 0 && !more;
    is.then_some((Find::Fraction { part, of }, cursor.at))
}

/// `3-5天`, `10~15℃`.
fn range(start: Cursor<'_>) -> Option<(Find, usize)> {
    let mut cursor = start;
    let from = amount(&mut cursor).filter(|a| a.whole.len() <= MOST_DIGITS)?;
    let mut middle = cursor;
    let first = unit(&mut middle);
    let mut behind = dashed(cursor).or_else(|| dashed(middle))?;
    let to = amount(&mut behind).filter(|a| a.whole.len() <= MOST_DIGITS)?;
    let again = DASHES.iter().any(|dash| {
        let mut more = behind;
        more.literal(dash).is_some() && more.peek().is_some_and(|c| c.is_ascii_digit())
    });
    let last = unit(&mut behind);
    // 5 - 3 = 2
    let mut sum = behind;
    sum.spaces();
    let again = again || sum.peek() == Some('=');
    (!again).then_some((Find::Range { from, to, unit: last.or(first) }, behind.at))
}

/// Behind a dash that stands here, spaces left aside.
fn dashed(mut cursor: Cursor<'_>) -> Option<Cursor<'_>> {
    cursor.spaces();
    cursor.any(&DASHES)?;
    cursor.spaces();
    Some(cursor)
}

/// `3:2`.
fn ratio(start: Cursor<'_>) -> Option<(Find, usize)> {
    let mut cursor = start;
    let left = cursor.digits(1, 4)?.to_owned();
    cursor.any(&[":", "："])?;
    let right = cursor.digits(1, 4)?.to_owned();
    Some((Find::Ratio(left, right), cursor.at))
}

fn number(start: Cursor<'_>) -> Option<(Find, usize)> {
    let mut cursor = start;
    let amount = amount(&mut cursor)?;
    if let Some(unit) = unit(&mut cursor) {
        return Some((Find::Measure { amount, unit }, cursor.at));
    }
    for currency in &CURRENCIES {
        let mut behind = cursor;
        if behind.any(currency.signs).is_some() {
            return Some((Find::Money { currency, amount }, behind.at));
        }
    }
    Some((Find::Number(amount), cursor.at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Find {
        let (find, end) = find(text, 0).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(end, text.len(), "{text}: {find:?}");
        find
    }

    #[test]
    fn what_is_no_whole_of_its_kind_is_less() {
        assert!(matches!(whole("2026-11-25"), Find::Date { month: 11, day: 25, .. }));
        assert!(matches!(find("2026-13-25", 0), Some((Find::Range { .. } | Find::Number(_), _))));
        assert!(matches!(whole("12:05"), Find::Clock(_)));
        assert!(matches!(whole("25:05"), Find::Ratio(..)));
        assert!(matches!(whole("13800138000"), Find::Telephone(_)));
        assert!(matches!(whole("11800138000"), Find::Number(_)));
        assert!(matches!(whole("1.2.3"), Find::Version(_)));
        assert!(matches!(find("24/7", 0), Some((Find::Number(_), 2))));
    }

    #[test]
    fn addresses_are_told_from_words_with_dots() {
        assert_eq!(whole("https://a.example/x?y=1"), Find::Address("a.example/x?y=1".into()));
        assert_eq!(find("example.com.", 0).unwrap().1, "example.com".len());
        assert_eq!(whole("tom@mail.example.org"), Find::Address("tom@mail.example.org".into()));
        assert_eq!(find("e.g. this", 0), None);
        assert_eq!(find("word.Another", 0), None);
    }
}
