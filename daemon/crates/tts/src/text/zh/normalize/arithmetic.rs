//! Sums, powers, fractions, shares of a hundred. Reads no bare numbers.

use regex::{Captures, Regex};

use super::numbers::{number, sign};
use crate::{
    TtsError,
    text::pattern::{group, pattern},
};

/// Characters set above the line.
const RAISED: &str = "[⁰¹²³⁴⁵⁶⁷⁸⁹ˣʸⁿ]";

/// The patterns of arithmetic.
#[derive(Debug)]
pub(super) struct Arithmetic {
    operation: Regex,
    power: Regex,
    fraction: Regex,
    percentage: Regex,
}

impl Arithmetic {
    pub(super) fn new() -> Result<Self, TtsError> {
        let operand =
            format!(r"(?:-?[0-9]+(?:\.[0-9]+)?{RAISED}*|\.[0-9]+{RAISED}*|[A-Za-z]{RAISED}*)");
        Ok(Self {
            operation: pattern(&format!("({operand})([-+×÷=])({operand})"))?,
            power: pattern(&format!("{RAISED}+"))?,
            fraction: pattern("(-?)([0-9]+)/([0-9]+)")?,
            percentage: pattern(r"(-?)([0-9]+(?:\.[0-9]+)?)%")?,
        })
    }

    /// `1+1=2` is 1加1等于2, until no sign stands between two operands.
    pub(super) fn read_operations(&self, text: &str) -> String {
        let read = |found: &Captures<'_>| {
            let name = match group(found, 2) {
                "+" => "加",
                "-" => "减",
                "×" => "乘",
                "÷" => "除",
                _ => "等于",
            };
            format!("{}{name}{}", group(found, 1), group(found, 3))
        };
        let mut text = text.to_owned();
        while self.operation.is_match(&text) {
            text = self.operation.replace_all(&text, read).into_owned();
        }
        text
    }

    /// `³` is 的3次方, to be read with the other numbers.
    pub(super) fn read_powers(&self, text: &str) -> String {
        let read = |found: &Captures<'_>| {
            format!("的{}次方", group(found, 0).chars().map(plain).collect::<String>())
        };
        self.power.replace_all(text, read).into_owned()
    }

    /// `3/4` is 四分之三.
    pub(super) fn read_fractions(&self, text: &str) -> String {
        let read = |found: &Captures<'_>| {
            let (above, below) = (number(group(found, 2)), number(group(found, 3)));
            format!("{}{below}分之{above}", sign(group(found, 1)))
        };
        self.fraction.replace_all(text, read).into_owned()
    }

    /// `65%` is 百分之六十五.
    pub(super) fn read_percentages(&self, text: &str) -> String {
        let read = |found: &Captures<'_>| {
            format!("{}百分之{}", sign(group(found, 1)), number(group(found, 2)))
        };
        self.percentage.replace_all(text, read).into_owned()
    }
}

/// A raised character on the line.
fn plain(raised: char) -> char {
    match raised {
        '⁰' => '0',
        '¹' => '1',
        '²' => '2',
        '³' => '3',
        '⁴'..='⁹' => char::from_u32(raised as u32 - '⁴' as u32 + '4' as u32).unwrap_or(raised),
        'ˣ' => 'x',
        'ʸ' => 'y',
        'ⁿ' => 'n',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_between_operands_is_named() {
        let arithmetic = Arithmetic::new().unwrap();
        assert_eq!(arithmetic.read_operations("1+1=2"), "1加1等于2");
        assert_eq!(arithmetic.read_operations("10÷2×-3"), "10除2乘-3");
        assert_eq!(arithmetic.read_operations("400-800-8888"), "400减800减8888");
        assert_eq!(arithmetic.read_operations("x²+y²"), "x²加y²");
        assert_eq!(arithmetic.read_operations("10+次"), "10+次");
    }

    #[test]
    fn powers_fractions_and_percentages() {
        let arithmetic = Arithmetic::new().unwrap();
        assert_eq!(arithmetic.read_powers("2³和xⁿ和2¹⁰"), "2的3次方和x的n次方和2的10次方");
        assert_eq!(arithmetic.read_fractions("3/4和-1/2"), "四分之三和负二分之一");
        assert_eq!(arithmetic.read_percentages("65%和-3.5%"), "百分之六十五和负百分之三点五");
    }
}
