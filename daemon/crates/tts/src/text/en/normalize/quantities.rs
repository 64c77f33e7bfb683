//! Times of day, measures, money. Writes units and names in words and leaves most numbers as digits, to
//! be read with the others.

use regex::{Captures, Regex};

use super::WORD;
use crate::{
    TtsError,
    number_words::{And, cardinal},
    text::pattern::{group, pattern, replace_between},
};

/// Units behind a number, in the order they are looked for, as one and as many.
const UNITS: [(&str, &str, &str); 12] = [
    ("m", "meter", "meters"),
    ("km", "kilometer", "kilometers"),
    ("km/h", "kilometer per hour", "kilometers per hour"),
    ("ft", "feet", "feet"),
    ("L", "liter", "liters"),
    ("tbsp", "tablespoon", "tablespoons"),
    ("tsp", "teaspoon", "teaspoons"),
    ("h", "hour", "hours"),
    ("min", "minute", "minutes"),
    ("s", "second", "seconds"),
    ("°C", "degree celsius", "degrees celsius"),
    ("°F", "degree fahrenheit", "degrees fahrenheit"),
];

/// A currency: its sign, and the names of one and of many wholes and hundredths.
#[derive(Debug)]
struct Currency {
    in_front: Regex,
    behind: Regex,
    wholes: [&'static str; 2],
    hundredths: [&'static str; 2],
}

/// The patterns of quantities.
#[derive(Debug)]
pub(super) struct Quantities {
    time: Regex,
    unit: Regex,
    currencies: [Currency; 2],
}

impl Quantities {
    pub(super) fn new() -> Result<Self, TtsError> {
        let apart = |what: &str| format!("(?:^|[^{WORD}])({what})(?:$|[^{WORD}])");
        let units = UNITS.map(|(sign, ..)| sign).join("|");
        let currency = |sign: &str, wholes, hundredths| {
            Ok::<_, TtsError>(Currency {
                in_front: pattern(&format!("{sign}([0-9.,]*[0-9])"))?,
                behind: pattern(&format!("([0-9.,]*[0-9]){sign}"))?,
                wholes,
                hundredths,
            })
        };
        Ok(Self {
            time: pattern(&apart("([01]?[0-9]|2[0-3]):([0-5][0-9])"))?,
            unit: pattern(&apart(&format!(r"([0-9]+)(\.[0-9]+)?({units})")))?,
            currencies: [
                currency("£", ["pound", "pounds"], ["penny", "pence"])?,
                currency(r"\$", ["dollar", "dollars"], ["cent", "cents"])?,
            ],
        })
    }

    /// `13:05` is "one five p.m.", `9:00` "nine o'clock a.m.".
    pub(super) fn read_times(&self, text: &str) -> String {
        replace_between(text, &self.time, |found| {
            let (hour, minutes) = (group(found, 2), cardinal(group(found, 3), And::Left));
            let value: usize = hour.parse().unwrap_or_default();
            let half = if value < 12 { "a.m." } else { "p.m." };
            let hour = if value > 12 { value - 12 } else { value };
            let hour = cardinal(&hour.to_string(), And::Left);
            match minutes.as_str() {
                "zero" => format!("{hour} o'clock {half}"),
                _ => format!("{hour} {minutes} {half}"),
            }
        })
    }

    /// `2.5km` is "2.5 kilometers". Only a whole 1 is one.
    pub(super) fn read_units(&self, text: &str) -> String {
        replace_between(text, &self.unit, |found| {
            let (whole, part, sign) = (group(found, 2), group(found, 3), group(found, 4));
            let is_one = part.is_empty() && significant(whole) == "1";
            let unit = UNITS.iter().find(|(other, ..)| *other == sign);
            let name = unit.map_or(sign, |(_, one, many)| if is_one { one } else { many });
            format!("{whole}{part} {name}")
        })
    }

    /// `£95` is "95 pounds", `3.5$` is "3 dollars and 50 cents".
    pub(super) fn read_money(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for currency in &self.currencies {
            for pattern in [&currency.in_front, &currency.behind] {
                let read = |found: &Captures<'_>| currency.read(group(found, 1));
                text = pattern.replace_all(&text, read).into_owned();
            }
        }
        text
    }
}

impl Currency {
    fn read(&self, amount: &str) -> String {
        let many = self.wholes[1];
        let amount = amount.replace(',', "");
        let mut parts = amount.split('.');
        let (whole, part) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if parts.next().is_some() {
            return format!("{amount} {many}");
        }
        let whole = significant(whole);
        let part = if part.len() == 1 { format!("{part}0") } else { part.to_owned() };
        let part = significant(&part);
        let name =
            |count: &str, names: [&str; 2]| format!("{count} {}", names[usize::from(count != "1")]);
        match (whole, part) {
            ("", "") => format!("zero {many}"),
            ("", part) => name(part, self.hundredths),
            (whole, "") => name(whole, self.wholes),
            (whole, part) => {
                format!("{} and {}", name(whole, self.wholes), name(part, self.hundredths))
            }
        }
    }
}

/// Digits without zeros in front; empty for zero.
fn significant(digits: &str) -> &str {
    digits.trim_start_matches('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantities() -> Quantities {
        Quantities::new().unwrap()
    }

    #[test]
    fn times_are_read_in_twelve_hours() {
        let read = |text: &str| quantities().read_times(text);
        assert_eq!(read("8:30, 13:00"), "eight thirty a.m., one o'clock p.m.");
        assert_eq!(read("0:05 12:00"), "zero five a.m. twelve o'clock p.m.");
        assert_eq!(read("24:00 v8:30 8:305 8:60"), "24:00 v8:30 8:305 8:60");
        assert_eq!(read("123:05:30"), "123:five thirty a.m.");
    }

    #[test]
    fn units_stand_right_behind_their_number() {
        let read = |text: &str| quantities().read_units(text);
        assert_eq!(read("1h 2h 1.0h 01min"), "1 hour 2 hours 1.0 hours 01 minute");
        assert_eq!(read("83°C, 3tbsp; 5 km"), "83 degrees celsius, 3 tablespoons; 5 km");
        assert_eq!(read("the 1990s"), "the 1990 seconds");
        assert_eq!(read("5ms 5km² v5m"), "5ms 5km² v5m");
        assert_eq!(read("60km/h"), "60 kilometers/h");
    }

    #[test]
    fn money_has_its_sign_on_either_side() {
        let read = |text: &str| quantities().read_money(text);
        assert_eq!(
            read("$5.99, £1, 2.5£"),
            "5 dollars and 99 cents, 1 pound, 2 pounds and 50 pence"
        );
        assert_eq!(read("0.812$ $0.01 $1.0"), "812 cents 1 cent 1 dollar");
        assert_eq!(read("$0 £0.00 £.5"), "zero dollars zero pounds 50 pence");
        assert_eq!(read("$1.2.3"), "1.2.3 dollars");
    }
}
