//! Telephone numbers, digit by digit. Reads no other numbers.

use regex::Regex;

use super::numbers::{One, digits};
use crate::{
    TtsError,
    text::pattern::{group, pattern, replace_between},
};

/// The patterns of telephone numbers.
#[derive(Debug)]
pub(super) struct Telephones {
    mobile: Regex,
    land_line: Regex,
    national: Regex,
}

impl Telephones {
    pub(super) fn new() -> Result<Self, TtsError> {
        let apart = |number: &str| pattern(&format!("(?:^|[^0-9])({number})(?:$|[^0-9])"));
        Ok(Self {
            mobile: apart(r"(?:\+?86 ?)?1(?:[38][0-9]|5[0-35-9]|7[678]|9[89])[0-9]{8}")?,
            land_line: apart("(?:0(?:10|2[1-3]|[3-9][0-9]{2})-?)?[1-9][0-9]{6,7}")?,
            national: pattern("400-?[0-9]{3}-?[0-9]{4}")?,
        })
    }

    /// Mobile numbers, land lines, numbers that begin with 400.
    pub(super) fn read(&self, text: &str) -> String {
        let mobile = |number: &str| parts(number, ' ');
        let text = replace_between(text, &self.mobile, |found| mobile(group(found, 1)));
        let text = replace_between(&text, &self.land_line, |found| parts(group(found, 1), '-'));
        let national = |found: &regex::Captures<'_>| parts(group(found, 0), '-');
        self.national.replace_all(&text, national).into_owned()
    }
}

/// The parts of a number with a pause between them.
fn parts(number: &str, between: char) -> String {
    number.split(between).map(|part| digits(part, One::Yao)).collect::<Vec<_>>().join("，")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mobile_numbers_stand_alone() {
        let telephones = Telephones::new().unwrap();
        assert_eq!(telephones.read("电话13812345678。"), "电话幺三八幺二三四五六七八。");
        assert_eq!(telephones.read("+8613812345678"), "八六幺三八幺二三四五六七八");
        assert_eq!(telephones.read("138123456789"), "138123456789");
    }

    #[test]
    fn land_lines_have_seven_or_eight_digits_and_perhaps_a_city() {
        let telephones = Telephones::new().unwrap();
        assert_eq!(telephones.read("2739560"), "二七三九五六零");
        assert_eq!(telephones.read("010-12345678"), "零幺零，幺二三四五六七八");
        assert_eq!(telephones.read("273956"), "273956");
    }

    #[test]
    fn national_numbers_pause_at_their_dashes() {
        let telephones = Telephones::new().unwrap();
        assert_eq!(telephones.read("400-800-8888"), "四零零，八零零，八八八八");
    }
}
