//! Quantities with units: ranges of them, temperatures, names of units. Reads no bare numbers.

use regex::{Captures, Regex};

use super::numbers::number;
use crate::{
    TtsError,
    text::pattern::{group, pattern},
};

/// Units and their names in the order they are replaced, wherever they stand.
const UNITS: [(&str, &str); 17] = [
    ("cm2", "平方厘米"),
    ("cm²", "平方厘米"),
    ("cm3", "立方厘米"),
    ("cm³", "立方厘米"),
    ("cm", "厘米"),
    ("db", "分贝"),
    ("ds", "毫秒"),
    ("kg", "千克"),
    ("km", "千米"),
    ("m2", "平方米"),
    ("m²", "平方米"),
    ("m³", "立方米"),
    ("m3", "立方米"),
    ("ml", "毫升"),
    ("m", "米"),
    ("mm", "毫米"),
    ("s", "秒"),
];

/// The patterns of quantities.
#[derive(Debug)]
pub(super) struct Measures {
    range: Regex,
    temperature: Regex,
}

impl Measures {
    pub(super) fn new() -> Result<Self, TtsError> {
        let units = UNITS.map(|(unit, _)| unit).join("|");
        let quantity = format!(r"(?:-?[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:%|°C|℃|度|摄氏度|{units})");
        Ok(Self {
            range: pattern(&format!("({quantity})~({quantity})"))?,
            temperature: pattern(r"(-?)([0-9]+(?:\.[0-9]+)?)(°C|℃|度|摄氏度)")?,
        })
    }

    /// `5%~10%` is 5%至10%.
    pub(super) fn read_ranges(&self, text: &str) -> String {
        let read = |found: &Captures<'_>| format!("{}至{}", group(found, 1), group(found, 2));
        self.range.replace_all(text, read).into_owned()
    }

    /// `-10℃` is 零下十度.
    pub(super) fn read_temperatures(&self, text: &str) -> String {
        let read = |found: &Captures<'_>| {
            let below = if group(found, 1).is_empty() { "" } else { "零下" };
            let unit = if group(found, 3) == "摄氏度" { "摄氏度" } else { "度" };
            format!("{below}{}{unit}", number(group(found, 2)))
        };
        self.temperature.replace_all(text, read).into_owned()
    }

    /// Names of units in place of their signs, wherever these stand.
    pub(super) fn read_units(text: &str) -> String {
        UNITS.iter().fold(text.to_owned(), |text, (unit, name)| text.replace(unit, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_quantities_run_until() {
        let measures = Measures::new().unwrap();
        assert_eq!(measures.read_ranges("5%~10%"), "5%至10%");
        assert_eq!(measures.read_ranges("5mm~.5mm"), "5mm至.5mm");
        assert_eq!(measures.read_ranges("5~10%"), "5~10%");
    }

    #[test]
    fn temperatures_below_zero_are_named_so() {
        let measures = Measures::new().unwrap();
        assert_eq!(measures.read_temperatures("-10℃"), "零下十度");
        assert_eq!(measures.read_temperatures("36.5摄氏度"), "三十六点五摄氏度");
        assert_eq!(measures.read_temperatures("25°C"), "二十五度");
    }

    #[test]
    fn units_are_named_wherever_they_stand() {
        assert_eq!(Measures::read_units("5kg和20cm和30m2"), "5千克和20厘米和30平方米");
        // In the reference's order, which puts cm3 before cm.
        assert_eq!(Measures::read_units("20cm30m2"), "20立方厘米0平方米");
        assert_eq!(Measures::read_units("5mm"), "5米米");
        assert_eq!(Measures::read_units("17km/h"), "17千米/h");
    }
}
