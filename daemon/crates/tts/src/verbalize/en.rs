//! How what was found is said in English.

use super::{
    find::{Amount, Clock, Find, Half, is_year},
    numbers_en::{cardinal, decade, one_by_one, ordinal, year},
};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// Words behind an amount of money that belong to the number.
const SCALES: [&str; 4] = ["thousand", "million", "billion", "trillion"];

/// What was found, in words, and how many bytes of `after`, the text behind it, were said with it.
pub(super) fn say(find: &Find, after: &str) -> (String, usize) {
    let mut taken = 0;
    let said = match find {
        Find::Date { year: y, month, day } => {
            let name = MONTHS[(*month as usize).saturating_sub(1) % 12];
            format!("{name} {}, {}", ordinal(&day.to_string()), year(y))
        }
        Find::Year(y) => year(y),
        Find::Years { from, to } => format!("{} to {}", year(from), year(to)),
        Find::Clock(time) => clock(*time),
        Find::Clocks(from, to) => format!("{} to {}", clock(*from), clock(*to)),
        Find::Hour(hour, half) => format!("{} {}", cardinal(&hour.to_string()), half_of(*half)),
        Find::Money { currency, amount } => {
            let scale = after.strip_prefix(' ').and_then(|after| {
                SCALES.iter().find(|s| {
                    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric());
                    after.strip_prefix(**s).is_some_and(ends)
                })
            });
            if let Some(scale) = scale {
                taken = scale.len() + 1;
                format!("{} {scale} {}", number(amount), currency.en_many)
            } else {
                let name = if amount.is_one() { currency.en } else { currency.en_many };
                money(amount, name, currency.cents)
            }
        }
        Find::Measure { amount, unit } => {
            format!("{} {}", number(amount), if amount.is_one() { unit.en } else { unit.en_many })
        }
        Find::Range { from, to, unit } => {
            let unit = unit.map(|u| format!(" {}", u.en_many)).unwrap_or_default();
            format!("{} to {}{unit}", number(from), number(to))
        }
        Find::Telephone(digits) => one_by_one(digits),
        Find::Fraction { part, of } => fraction(part, of),
        Find::Ratio(left, right) => format!("{} to {}", cardinal(left), cardinal(right)),
        Find::Version(groups) => {
            let groups: Vec<String> = groups.iter().map(|g| cardinal(g)).collect();
            groups.join(" point ")
        }
        Find::Ordinal(digits) => ordinal(digits),
        Find::Decade(digits) => decade(digits),
        Find::Number(amount) => number_or_year(amount),
        Find::Address(address) => super::letters::address(address, " dot ", " at ", " slash "),
    };
    (said, taken)
}

fn half_of(half: Half) -> &'static str {
    match half {
        Half::Am => "A M",
        Half::Pm => "P M",
    }
}

fn clock(time: Clock) -> String {
    let hour = cardinal(&time.hour.to_string());
    let minute = match (time.minute, time.half) {
        (0, None) if time.hour <= 12 => " o'clock".to_owned(),
        (0, None) => " hundred".to_owned(),
        (0, Some(_)) => String::new(),
        (minute @ 1..10, _) => format!(" oh {}", cardinal(&minute.to_string())),
        (minute, _) => format!(" {}", cardinal(&minute.to_string())),
    };
    let second = match time.second {
        Some(second) => format!(" and {} seconds", cardinal(&second.to_string())),
        None => String::new(),
    };
    let half = time.half.map(|half| format!(" {}", half_of(half))).unwrap_or_default();
    format!("{hour}{minute}{second}{half}")
}

/// "twelve dollars and fifty cents"; other parts than hundredths are read as numbers.
fn money(amount: &Amount, name: &str, cents: (&str, &str)) -> String {
    if amount.part.len() != 2 {
        return format!("{} {name}", number(amount));
    }
    let whole = Amount { part: String::new(), ..amount.clone() };
    let part = amount.part.trim_start_matches('0');
    if part.is_empty() {
        return format!("{} {name}", number(&whole));
    }
    let cent = format!("{} {}", cardinal(part), if part == "1" { cents.0 } else { cents.1 });
    if whole.whole.trim_start_matches('0').is_empty() {
        return cent;
    }
    format!("{} {name} and {cent}", number(&whole))
}

fn fraction(part: &str, of: &str) -> String {
    let one = part.trim_start_matches('0') == "1";
    match (of, one) {
        ("2", _) => "one half".to_owned(),
        ("4", true) => "one quarter".to_owned(),
        ("4", false) => format!("{} quarters", cardinal(part)),
        (_, true) => format!("one {}", ordinal(of)),
        (_, false) => format!("{} {}s", cardinal(part), ordinal(of)),
    }
}

fn number_or_year(amount: &Amount) -> String {
    let plain = !amount.negative && !amount.grouped && amount.part.is_empty();
    if plain && is_year(&amount.whole) { year(&amount.whole) } else { number(amount) }
}

fn number(amount: &Amount) -> String {
    let sign = if amount.negative { "minus " } else { "" };
    let part = if amount.part.is_empty() {
        String::new()
    } else {
        format!(" point {}", one_by_one(&amount.part))
    };
    format!("{sign}{}{part}", cardinal(&amount.whole))
}
