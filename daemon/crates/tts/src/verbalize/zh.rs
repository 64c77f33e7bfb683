//! How what was found is said in Chinese.

use super::{
    find::{Amount, Clock, Find, Half},
    numbers_zh::{cardinal, one_by_one},
    units::Unit,
};

/// Words that are counted with 两 and not 二, as they begin.
const COUNTED: [&str; 54] = [
    "个", "位", "只", "条", "张", "本", "件", "次", "天", "年", "周", "小时", "点", "分钟", "秒",
    "块", "元", "米", "公里", "千克", "斤", "岁", "种", "杯", "瓶", "碗", "间", "家", "人", "遍",
    "句", "段", "首", "份", "套", "双", "对", "把", "辆", "台", "部", "座", "朵", "棵", "匹", "头",
    "名", "颗", "步", "倍", "场", "座", "片", "支",
];
/// What follows 两 in spite of [`COUNTED`]: 二年级, 二点五 is no time.
const NOT_COUNTED: [&str; 3] = ["年级", "次方", "元论"];

/// What was found, in words; `after` is the text behind it.
pub(super) fn say(find: &Find, after: &str) -> String {
    match find {
        Find::Date { year, month, day } => format!(
            "{}年{}月{}日",
            one_by_one(year, false),
            cardinal(&month.to_string()),
            cardinal(&day.to_string())
        ),
        Find::Year(year) => one_by_one(year, false),
        Find::Years { from, to } => {
            format!("{}到{}", one_by_one(from, false), one_by_one(to, false))
        }
        Find::Clock(time) => clock(*time),
        Find::Clocks(from, to) => format!("{}到{}", clock(*from), clock(*to)),
        Find::Hour(hour, half) => {
            clock(Clock { hour: *hour, minute: 0, second: None, half: Some(*half) })
        }
        Find::Money { currency, amount } => {
            format!("{}{}", counted(amount, currency.zh), currency.zh)
        }
        Find::Measure { amount, unit } => measure(amount, unit),
        Find::Range { from, to, unit: None } => {
            format!("{}到{}", number(from), counted(to, after))
        }
        Find::Range { from, to, unit: Some(unit) } => {
            format!("{}{}到{}{}", unit.zh_first, number(from), counted(to, unit.zh), unit.zh)
        }
        Find::Telephone(digits) => one_by_one(digits, true),
        Find::Fraction { part, of } => format!("{}分之{}", cardinal(of), cardinal(part)),
        Find::Ratio(left, right) => format!("{}比{}", cardinal(left), cardinal(right)),
        Find::Version(groups) => {
            let groups: Vec<String> = groups.iter().map(|g| one_by_one(g, false)).collect();
            groups.join("点")
        }
        Find::Ordinal(digits) => format!("第{}", cardinal(digits)),
        Find::Decade(digits) => match digits.get(2..4) {
            Some(tens) => format!("{}世纪{}年代", century(digits), cardinal(tens)),
            None => format!("{}年代", cardinal(digits)),
        },
        Find::Number(amount) => counted(amount, after),
        Find::Address(address) => super::letters::address(address, "点", "艾特", "斜杠"),
    }
}

/// 1990 is of the 20th century.
fn century(year: &str) -> String {
    let hundreds: u32 = year.get(..2).and_then(|h| h.parse().ok()).unwrap_or_default();
    cardinal(&(hundreds + 1).to_string())
}

fn clock(time: Clock) -> String {
    let mut said = String::new();
    let hour = match (time.half, time.hour) {
        (Some(Half::Pm), hour @ 1..12) => hour + 12,
        (Some(Half::Am), 12) => 0,
        (_, hour) => hour,
    };
    match (time.half, hour) {
        (Some(_), 0..6) => said.push_str("凌晨"),
        (Some(_), 6..12) => said.push_str("上午"),
        (Some(_), 12..18) => said.push_str("下午"),
        (Some(_), _) => said.push_str("晚上"),
        (None, _) => {}
    }
    let shown = if time.half.is_some() && hour > 12 { hour - 12 } else { hour };
    said.push_str(&if shown == 2 { "两".to_owned() } else { cardinal(&shown.to_string()) });
    said.push('点');
    match time.minute {
        0 if time.second.is_none() => {}
        0 => said.push_str("零分"),
        minute @ 1..10 => {
            said.push('零');
            said.push_str(&cardinal(&minute.to_string()));
            said.push('分');
        }
        minute => {
            said.push_str(&cardinal(&minute.to_string()));
            said.push('分');
        }
    }
    if let Some(second) = time.second {
        said.push_str(&cardinal(&second.to_string()));
        said.push('秒');
    }
    said
}

fn measure(amount: &Amount, unit: &Unit) -> String {
    // 零下三摄氏度, not 负三摄氏度.
    if amount.negative && unit.zh.ends_with('度') {
        let plain = Amount { negative: false, ..amount.clone() };
        return format!("零下{}{}", number(&plain), unit.zh);
    }
    format!("{}{}{}", unit.zh_first, counted(amount, unit.zh), unit.zh)
}

/// A number before what it counts: 两个, 二月.
fn counted(amount: &Amount, what: &str) -> String {
    let starts = |words: &[&str]| words.iter().any(|word| what.starts_with(word));
    let two = amount.is_two() && starts(&COUNTED) && !starts(&NOT_COUNTED);
    if two { "两".to_owned() } else { number(amount) }
}

fn number(amount: &Amount) -> String {
    let sign = if amount.negative { "负" } else { "" };
    let long = amount.part.is_empty() && amount.whole.len() > 16;
    let whole = if long { one_by_one(&amount.whole, false) } else { cardinal(&amount.whole) };
    if amount.part.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}点{}", one_by_one(&amount.part, false))
    }
}
