//! The one writer of results: lines and tables for people, JSON for programs. Columns are as wide as they
//! look, Chinese included. Every write may fail, because the reader may be gone.

use std::io::{self, Write};

use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use crate::cli::{Color, Globals};
use crate::messages::{Lang, Message};

/// How a piece of text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    Plain,
    Bold,
    Dim,
    Green,
    Yellow,
    Red,
    Cyan,
}

/// Where results go, and how.
pub(crate) struct Output {
    writer: Box<dyn Write>,
    pub(crate) json: bool,
    pub(crate) lang: Lang,
    /// Results go to a terminal, for people.
    pub(crate) live: bool,
    /// Progress may be drawn on stderr.
    pub(crate) progress: bool,
    color: bool,
}

impl Output {
    pub(crate) fn new(
        writer: Box<dyn Write>,
        globals: &Globals,
        lang: Lang,
        out_is_terminal: bool,
        err_is_terminal: bool,
    ) -> Self {
        let color = match globals.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => out_is_terminal && std::env::var_os("NO_COLOR").is_none(),
        };
        Self {
            writer,
            json: globals.json,
            lang,
            live: out_is_terminal && !globals.json,
            progress: err_is_terminal && !globals.json,
            color: color && !globals.json,
        }
    }

    pub(crate) fn colors(&self) -> bool {
        self.color
    }

    pub(crate) fn text(&self, message: Message) -> &'static str {
        self.lang.text(message)
    }

    /// One line.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        writeln!(self.writer, "{}", text.as_ref())?;
        self.writer.flush()
    }

    /// Text as it comes, without an end of line.
    pub(crate) fn piece(&mut self, text: &str) -> io::Result<()> {
        self.writer.write_all(text.as_bytes())?;
        self.writer.flush()
    }

    /// Bytes as they are: an exported file, a page.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)?;
        self.writer.flush()
    }

    /// One JSON value on a line.
    pub(crate) fn value(&mut self, value: &Value) -> io::Result<()> {
        writeln!(self.writer, "{value}")?;
        self.writer.flush()
    }

    /// A value by its label; the label is in the language of messages.
    pub(crate) fn field(&mut self, label: Message, value: impl AsRef<str>) -> io::Result<()> {
        let label = self.paint(Paint::Dim, &pad(self.text(label), 15));
        self.line(format!("{label} {}", value.as_ref()))
    }

    /// Rows in columns; the last column is not padded.
    pub(crate) fn table(&mut self, rows: &[Vec<String>]) -> io::Result<()> {
        for row in columns(rows) {
            self.line(row)?;
        }
        Ok(())
    }

    /// A text in a colour, where colours are wanted.
    pub(crate) fn paint(&self, paint: Paint, text: &str) -> String {
        let code = match paint {
            _ if !self.color => return text.to_owned(),
            Paint::Plain => return text.to_owned(),
            Paint::Bold => 1,
            Paint::Dim => 2,
            Paint::Red => 31,
            Paint::Green => 32,
            Paint::Yellow => 33,
            Paint::Cyan => 36,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Pads with spaces to a width in cells.
pub(crate) fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// Text on one line, without the control characters that could steer a terminal.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Text without the control characters that could steer a terminal; its lines stay.
pub(crate) fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || *c == '\n').collect()
}

fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |n: usize| rows.iter().filter_map(|r| r.get(n)).map(|c| c.width()).max();
    let widths: Vec<usize> = (0..count).map(|n| width(n).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(n, cell)| {
            if n + 1 == row.len() { cell.clone() } else { pad(cell, widths[n] + 2) }
        });
        cells.collect::<String>().trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// Bytes as people write them.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut unit, mut scale) = (0, 1u64);
    while unit + 1 < UNITS.len() && bytes / scale >= 1024 {
        unit += 1;
        scale *= 1024;
    }
    if unit == 0 {
        return format!("{bytes} B");
    }
    let tenths = (u128::from(bytes) * 10 + u128::from(scale / 2)) / u128::from(scale);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// A time span as people write it.
pub(crate) fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// A moment, in local time.
pub(crate) fn moment(unix_s: i64) -> String {
    jiff::Timestamp::from_second(unix_s).map_or_else(
        |_| "?".to_owned(),
        |at| at.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_with_wide_characters() {
        let rows = [
            vec!["m1".into(), "小明".into(), "x".into()],
            vec!["m10".into(), "ab".into(), "y".into()],
        ];
        assert_eq!(columns(&rows), ["m1   小明  x", "m10  ab    y"]);
    }

    #[test]
    fn sizes_and_spans_are_short() {
        assert_eq!([size(12), size(1536), size(15_000_000_000)], ["12 B", "1.5 KiB", "14.0 GiB"]);
        assert_eq!(
            [span(9), span(65), span(3700), span(90_000)],
            ["9 s", "1 min 5 s", "1 h 1 min", "1 d 1 h"]
        );
    }

    #[test]
    fn text_cannot_steer_the_terminal() {
        assert_eq!(one_line("a\x1b[31m\nb"), "a [31m b");
        assert_eq!(clean("a\x1b[31m\nb"), "a[31m\nb");
    }
}
