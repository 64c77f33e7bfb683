//! Bare numbers: ranges, negatives, versions, decimals, numbers with a measure word, names in
//! digits, and all that are left, in this order.

use regex::{Captures, Regex};

use super::numbers::{One, cardinal, digits, number, sign};
use crate::{
    TtsError,
    text::pattern::{group, pattern, replace_between},
};

/// What a number before it counts; of those of several characters, what starts with no other.
const MEASURE_WORDS: &str = "[处台架枚趟幅平方堵间床株批项例列篇栋注亩封艘把目套段人所朵匹张座回场\
    尾条个首阙阵网炮顶丘棵只支袭辆挑担颗壳窠曲墙群腔砣客贯扎捆刀令打手罗坡山岭江溪钟队单双对出口\
    头脚板跳枝件贴针线管名位身堂课本页家户层丝毫厘分钱两斤铢石钧锱忽寸尺丈里寻常铺程米撮勺合升斗\
    盘碗碟叠桶笼盆盒杯斛锅簋篮罐瓶壶卮盏箩箱煲啖袋钵年月日季刻时周天秒旬纪岁世更夜春夏秋冬代伏辈\
    丸泡粒幢堆根道面片块元亿千百万吨角毛]|微克|微米|公分|小时|美元|十吨";

/// The patterns of bare numbers.
#[derive(Debug)]
pub(super) struct Quantities {
    range: Regex,
    negative: Regex,
    version: Regex,
    decimal: Regex,
    counted: Regex,
    name: Regex,
    rest: Regex,
}

impl Quantities {
    pub(super) fn new() -> Result<Self, TtsError> {
        let signed = r"-?[0-9]+(?:\.[0-9]+)?";
        let beside = "[^0-9+×÷=-]";
        Ok(Self {
            range: pattern(&format!("(?:^|{beside})(({signed})[-~]({signed}))(?:$|{beside})"))?,
            negative: pattern("-([0-9]+)")?,
            version: pattern(r"[0-9]+(?:\.[0-9]+){2,}")?,
            decimal: pattern(r"(-?)([0-9]+\.[0-9]+)|(\.[0-9]+)")?,
            counted: pattern(&format!("([0-9]+)([多余几+]?)({MEASURE_WORDS})"))?,
            name: pattern("[0-9]{3,}")?,
            rest: pattern(r"(-?)([0-9]+(?:\.[0-9]+)?)|(\.[0-9]+)")?,
        })
    }

    /// All numbers of `text`.
    pub(super) fn read(&self, text: &str) -> String {
        let text = replace_between(text, &self.range, |found| {
            format!("{}到{}", self.read_rest(group(found, 2)), self.read_rest(group(found, 3)))
        });
        let negative = |found: &Captures<'_>| format!("负{}", cardinal(group(found, 1)));
        let text = self.negative.replace_all(&text, negative);
        let text = self.version.replace_all(&text, |found: &Captures<'_>| version(group(found, 0)));
        let text = self.decimal.replace_all(&text, signed);
        let text = self.counted.replace_all(&text, counted);
        let name = |found: &Captures<'_>| digits(group(found, 0), One::Yao);
        let text = self.name.replace_all(&text, name);
        self.read_rest(&text)
    }

    fn read_rest(&self, text: &str) -> String {
        self.rest.replace_all(text, signed).into_owned()
    }
}

/// A number with its sign in group 1 and its value in group 2, or a value below one in group 3.
fn signed(found: &Captures<'_>) -> String {
    match found.get(3) {
        Some(below_one) => number(below_one.as_str()),
        None => format!("{}{}", sign(group(found, 1)), number(group(found, 2))),
    }
}

fn version(text: &str) -> String {
    text.split('.').map(|part| digits(part, One::Yi)).collect::<Vec<_>>().join("点")
}

/// A number before a measure word: exactly two is 两.
fn counted(found: &Captures<'_>) -> String {
    let value = match cardinal(group(found, 1)) {
        two if two == "二" => "两".to_owned(),
        value => value,
    };
    let more = match group(found, 2) {
        "+" => "多",
        more => more,
    };
    format!("{value}{more}{}", group(found, 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        Quantities::new().unwrap().read(text)
    }

    #[test]
    fn a_range_is_read_with_to() {
        assert_eq!(read("10~20之间"), "十到二十之间");
        assert_eq!(read("1.5-2.5倍"), "一点五到二点五倍");
    }

    #[test]
    fn a_range_next_to_a_sign_is_none() {
        assert_eq!(read("1~2.5+"), "一到二零点五+");
        assert_eq!(read("=1~2"), "=一~二");
    }

    #[test]
    fn negatives_versions_and_decimals() {
        assert_eq!(read("-11"), "负十一");
        assert_eq!(read("3.10.2"), "三点一零点二");
        assert_eq!(read("2.05元"), "二点零五元");
        assert_eq!(read(".98"), "零点九八");
        assert_eq!(read("-3.5"), "负三零点五");
    }

    #[test]
    fn exactly_two_of_something_is_liang() {
        assert_eq!(read("2个"), "两个");
        assert_eq!(read("12个"), "十二个");
        assert_eq!(read("2多斤"), "两多斤");
        assert_eq!(read("2+人"), "两多人");
        assert_eq!(read("第2"), "第二");
    }

    #[test]
    fn three_digits_that_count_nothing_are_read_one_by_one() {
        assert_eq!(read("编号00078"), "编号零零零七八");
        assert_eq!(read("442步"), "四四二步");
        assert_eq!(read("300个"), "三百个");
        assert_eq!(read("42"), "四十二");
        assert_eq!(read("100微克"), "一百微克");
    }
}
