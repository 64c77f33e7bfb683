//! Dates and times of day. Knows no other numbers.

use regex::{Captures, Regex};

use super::numbers::{One, cardinal, digits, two_places};
use crate::{
    TtsError,
    text::pattern::{group, pattern},
};

const TIME: &str = "([0-1]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?";

/// The patterns of dates and times.
#[derive(Debug)]
pub(super) struct Dates {
    named: Regex,
    plain: Regex,
    range: Regex,
    time: Regex,
}

impl Dates {
    pub(super) fn new() -> Result<Self, TtsError> {
        let date = |mark: &str| format!("{mark}(0[1-9]|1[012]){mark}(0[1-9]|[12][0-9]|3[01])");
        let plain = ["-", " ", "/", r"\."].map(date).join("|");
        Ok(Self {
            named: pattern(
                "([0-9]{4}|[0-9]{2})年(?:(0?[1-9]|1[0-2])月)?\
                 (?:(0?[1-9]|[12][0-9]|30|31)([日号]))?",
            )?,
            plain: pattern(&format!("([0-9]{{4}})(?:{plain})"))?,
            range: pattern(&format!("{TIME}[~-]{TIME}"))?,
            time: pattern(TIME)?,
        })
    }

    /// `1998年10月1号`, then `2024-03-15`.
    pub(super) fn read_dates(&self, text: &str) -> String {
        let text = self.named.replace_all(text, |found: &Captures<'_>| {
            let mut date = format!("{}年", digits(group(found, 1), One::Yi));
            append_unit(&mut date, group(found, 2), "月");
            append_unit(&mut date, group(found, 3), group(found, 4));
            date
        });
        let read = |found: &Captures<'_>| {
            let mut parts = found.iter().skip(1).flatten().map(|part| part.as_str());
            let mut part = || parts.next().unwrap_or_default();
            let mut date = format!("{}年", digits(part(), One::Yi));
            append_unit(&mut date, part(), "月");
            append_unit(&mut date, part(), "日");
            date
        };
        self.plain.replace_all(&text, read).into_owned()
    }

    /// `8:30-12:30`, then `12:00:30`.
    pub(super) fn read_times(&self, text: &str) -> String {
        let text = self.range.replace_all(text, |found: &Captures<'_>| {
            let part = |index| group(found, index);
            let begin = time(part(1), part(2), part(2), part(3));
            // The second time is "half past" by the minutes of the first.
            format!("{begin}至{}", time(part(4), part(5), part(2), part(6)))
        });
        let read = |found: &Captures<'_>| {
            let part = |index| group(found, index);
            time(part(1), part(2), part(2), part(3))
        };
        self.time.replace_all(&text, read).into_owned()
    }
}

fn append_unit(date: &mut String, number: &str, unit: &str) {
    if !number.is_empty() {
        date.push_str(&cardinal(number));
        date.push_str(unit);
    }
}

/// A time of day; `half` are the minutes that decide whether it is 半.
fn time(hour: &str, minute: &str, half: &str, second: &str) -> String {
    let mut words = format!("{}点", cardinal(hour));
    let heard = |places: &str| places.bytes().any(|digit| digit != b'0');
    if heard(minute) {
        if half == "30" {
            words.push('半');
        } else {
            words.push_str(&two_places(minute));
            words.push('分');
        }
    }
    if heard(second) {
        words.push_str(&two_places(second));
        words.push('秒');
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_are_read_digit_by_digit_and_months_as_numbers() {
        let dates = Dates::new().unwrap();
        assert_eq!(dates.read_dates("1998年10月1号"), "一九九八年十月一号");
        assert_eq!(dates.read_dates("99年出生"), "九九年出生");
        assert_eq!(dates.read_dates("2024年13月"), "二零二四年13月");
        assert_eq!(dates.read_dates("2024年05日"), "二零二四年五日");
    }

    #[test]
    fn a_date_keeps_to_one_mark() {
        let dates = Dates::new().unwrap();
        assert_eq!(dates.read_dates("2024-03-15"), "二零二四年三月十五日");
        assert_eq!(dates.read_dates("2024.12.01"), "二零二四年十二月一日");
        assert_eq!(dates.read_dates("2024-03/15"), "2024-03/15");
    }

    #[test]
    fn times_name_minutes_and_seconds_that_are_not_zero() {
        let dates = Dates::new().unwrap();
        assert_eq!(dates.read_times("08:05"), "八点零五分");
        assert_eq!(dates.read_times("12:00:30"), "十二点三十秒");
        assert_eq!(dates.read_times("0:30"), "零点半");
        assert_eq!(dates.read_times("35:18"), "3五点十八分");
    }

    #[test]
    fn the_end_of_a_range_is_half_past_when_its_beginning_is() {
        let dates = Dates::new().unwrap();
        assert_eq!(dates.read_times("8:30-12:30"), "八点半至十二点半");
        assert_eq!(dates.read_times("2:30-15:18"), "二点半至十五点半");
        assert_eq!(dates.read_times("10:00~10:30"), "十点至十点三十分");
    }
}
