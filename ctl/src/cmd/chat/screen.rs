//! The terminal of a chat: text flows above, one line at the bottom shows the state, the microphone and
//! what is being written. Gives the bytes to write; pure but for [`Raw`], which makes the terminal hand
//! over keys at once.

use std::io::{stdin, stdout};

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Cells of the level bar.
const BAR: usize = 8;
/// The quietest level that shows, dBFS.
const QUIETEST: f64 = -60.0;
/// Clears the line that the cursor is on.
const CLEAR: &str = "\r\x1b[K";

/// Keys arrive one by one and are not echoed, until this is dropped. Ctrl-C stays a signal.
#[derive(Debug)]
pub(super) struct Raw(Termios);

impl Raw {
    /// `None` where the input is no terminal.
    pub(super) fn enter() -> Option<Self> {
        let before = tcgetattr(stdin()).ok()?;
        let mut raw = before.clone();
        raw.local_modes &= !(LocalModes::ICANON | LocalModes::ECHO);
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(stdin(), OptionalActions::Now, &raw).ok()?;
        Some(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // Nothing is left to do where the terminal is gone.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
}

/// Columns of the terminal.
pub(super) fn columns() -> usize {
    let size = tcgetwinsize(stdout()).ok().map(|size| usize::from(size.ws_col));
    size.filter(|columns| *columns >= 20).unwrap_or(80)
}

/// What the line at the bottom shows.
#[derive(Debug, Default, Clone)]
pub(super) struct Prompt {
    pub(super) state: String,
    pub(super) emotion: String,
    pub(super) level_dbfs: Option<f64>,
    pub(super) input: String,
}

impl Prompt {
    fn draw(&self, width: usize) -> String {
        let mut line = format!("[{}", self.state);
        if let Some(level) = self.level_dbfs {
            line.push_str(&format!(" {}", level_bar(level)));
        }
        if !self.emotion.is_empty() {
            line.push_str(&format!(" {}", self.emotion));
        }
        line.push_str("] > ");
        // The end of the input is what is being edited; one cell stays for the cursor.
        let room = width.saturating_sub(line.width() + 1);
        let mut from = self.input.len();
        let mut used = 0;
        for (at, c) in self.input.char_indices().rev() {
            used += c.width().unwrap_or(0);
            if used > room {
                break;
            }
            from = at;
        }
        line.push_str(&self.input[from..]);
        line
    }
}

/// A bar of a fixed width for a level in dBFS.
pub(super) fn level_bar(dbfs: f64) -> String {
    const EIGHTHS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
    let part = ((dbfs - QUIETEST) / -QUIETEST).clamp(0.0, 1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "0..=64"
    )]
    let eighths = (part * (BAR * 8) as f64) as usize;
    let mut bar = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        bar.push(EIGHTHS[eighths % 8 - 1]);
    }
    crate::output::pad(&bar, BAR)
}

/// Keeps track of where the text above the prompt ended.
#[derive(Debug, Default)]
pub(super) struct Screen {
    /// Whether there is a prompt at all; without it text flows as it comes.
    pub(super) live: bool,
    pub(super) prompt: Prompt,
    /// Cells of the unfinished line of text.
    column: usize,
    /// The line at the bottom as it was last drawn.
    drawn: String,
}

impl Screen {
    pub(super) fn new(live: bool) -> Self {
        Self { live, ..Self::default() }
    }

    /// Whether a line of text is unfinished.
    pub(super) fn mid_line(&self) -> bool {
        self.column > 0
    }

    /// Text, in the look of an SGR code where `look` holds one; its end of line is `\n`.
    pub(super) fn text(&mut self, text: &str, look: Option<u8>, width: usize) -> String {
        let mut out = String::new();
        if self.live {
            out.push_str(CLEAR);
            if self.column > 0 {
                out.push_str(&format!("\x1b[A\x1b[{}C", self.column));
            }
        }
        if let Some(code) = look {
            out.push_str(&format!("\x1b[{code}m"));
        }
        for c in text.chars() {
            let cells = c.width().unwrap_or(0);
            if c == '\n' {
                out.push('\n');
                self.column = 0;
                continue;
            }
            if self.live && self.column + cells > width {
                out.push('\n');
                self.column = 0;
            }
            out.push(c);
            self.column += cells;
        }
        if look.is_some() {
            out.push_str("\x1b[0m");
        }
        if self.live {
            if self.column > 0 {
                out.push('\n');
            }
            self.drawn = self.prompt.draw(width);
            out.push_str(&self.drawn);
        }
        out
    }

    /// The line at the bottom again, when it changed.
    pub(super) fn redraw(&mut self, width: usize) -> String {
        let line = if self.live { self.prompt.draw(width) } else { String::new() };
        if line == self.drawn {
            return String::new();
        }
        self.drawn = line;
        format!("{CLEAR}{}", self.drawn)
    }

    /// Takes the line at the bottom away.
    pub(super) fn close(&mut self) -> String {
        let out = if self.live { CLEAR.to_owned() } else { String::new() };
        self.live = false;
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a terminal shows after these bytes: just the few codes that are used here.
    fn shown(bytes: &str) -> Vec<String> {
        let (mut rows, mut row, mut column) = (vec![Vec::<char>::new()], 0usize, 0usize);
        let mut chars = bytes.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\r' => column = 0,
                '\n' => {
                    row += 1;
                    column = 0;
                    rows.resize(rows.len().max(row + 1), Vec::new());
                }
                '\x1b' => {
                    chars.next();
                    let mut number = String::new();
                    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                        number.push(digit);
                    }
                    match chars.next() {
                        Some('K') => rows[row].truncate(column),
                        Some('A') => row -= 1,
                        Some('C') => column += number.parse::<usize>().unwrap(),
                        _ => {}
                    }
                }
                c => {
                    // The second cell of a wide character holds a NUL.
                    for cell in std::iter::once(c).chain((1..c.width().unwrap()).map(|_| '\0')) {
                        let wide = rows[row].len().max(column + 1);
                        rows[row].resize(wide, ' ');
                        rows[row][column] = cell;
                        column += 1;
                    }
                }
            }
        }
        rows.iter().map(|r| r.iter().filter(|c| **c != '\0').collect()).collect()
    }

    #[test]
    fn tokens_flow_above_the_line_that_is_being_written() {
        let mut screen = Screen { live: true, ..Screen::default() };
        screen.prompt.state = "idle".into();
        screen.prompt.input = "再见".into();
        let mut bytes = screen.redraw(20);
        for token in ["companion: ", "你好", "，", "小明！很高兴见到你", "\n", "next"] {
            bytes += &screen.text(token, None, 20);
        }
        assert_eq!(
            shown(&bytes),
            ["companion: 你好，小", "明！很高兴见到你", "next", "[idle] > 再见"]
        );
    }

    #[test]
    fn a_long_input_shows_its_end() {
        let prompt = Prompt {
            state: "idle".into(),
            input: "0123456789abcdefghij".into(),
            ..Prompt::default()
        };
        assert_eq!(prompt.draw(20), "[idle] > abcdefghij");
    }

    #[test]
    fn the_level_bar_keeps_its_width() {
        for dbfs in [f64::NEG_INFINITY, -61.0, -33.3, -1.0, 3.0] {
            assert_eq!(level_bar(dbfs).width(), BAR, "{dbfs}");
        }
        assert_eq!(level_bar(0.0), "████████");
    }

    #[test]
    fn a_pipe_gets_plain_text() {
        let mut screen = Screen::default();
        assert_eq!(screen.text("你好\n", None, 4) + &screen.redraw(4) + &screen.close(), "你好\n");
    }
}
