//! The present moment in words. The time is given: this room reads no clock.

use companion_types::Language;
use jiff::Zoned;

/// Now, as the daemon's clock and time zone say.
#[derive(Debug, Clone)]
pub struct Moment(pub Zoned);

impl Moment {
    /// The whole moment: `2026年11月24日 星期二 12:05`, `Tuesday, 24 November 2026, 12:05`.
    #[must_use]
    pub fn full(&self, language: Language) -> String {
        let time = self.clock();
        match language {
            Language::En => {
                let date = self.date(language);
                format!("{}, {date}, {time}", self.weekday(language))
            }
            _ => format!("{} {} {time}", self.date(language), self.weekday(language)),
        }
    }

    /// `12:05`.
    #[must_use]
    pub fn clock(&self) -> String {
        format!("{}:{:02}", self.0.hour(), self.0.minute())
    }

    /// `2026年11月24日`, `24 November 2026`.
    #[must_use]
    pub fn date(&self, language: Language) -> String {
        let (year, month, day) = (self.0.year(), self.0.month(), self.0.day());
        match language {
            Language::En => {
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
                let month = usize::try_from(month).ok().and_then(|m| MONTHS.get(m - 1));
                format!("{day} {} {year}", month.copied().unwrap_or_default())
            }
            _ => format!("{year}年{month}月{day}日"),
        }
    }

    /// `星期二`, `Tuesday`.
    #[must_use]
    pub fn weekday(&self, language: Language) -> &'static str {
        const ZH: [&str; 7] =
            ["星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"];
        const EN: [&str; 7] =
            ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
        let names = if language == Language::En { EN } else { ZH };
        let offset = self.0.weekday().to_monday_zero_offset();
        usize::try_from(offset).ok().and_then(|i| names.get(i)).copied().unwrap_or_default()
    }

    /// ISO date of `seconds` since 1970 in this moment's time zone: `2026-11-24`.
    #[must_use]
    pub fn iso_date(&self, seconds: i64) -> String {
        let time = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        time.to_zoned(self.0.time_zone().clone()).strftime("%Y-%m-%d").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment() -> Moment {
        Moment("2026-11-24T12:05:00+08:00[Asia/Shanghai]".parse().unwrap())
    }

    #[test]
    fn the_moment_reads_well_in_both_languages() {
        assert_eq!(moment().full(Language::Zh), "2026年11月24日 星期二 12:05");
        assert_eq!(moment().full(Language::En), "Tuesday, 24 November 2026, 12:05");
        assert_eq!(moment().iso_date(0), "1970-01-01");
    }
}
