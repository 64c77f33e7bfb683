//! The line that a person writes: bytes of the keyboard in, lines out. Pure.

/// What came of a byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// A whole line.
    Line(String),
    /// The line looks different now.
    Edited,
    /// The person wrote the end of the input.
    End,
}

/// Where in an escape sequence it is; all of them are ignored.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Escape {
    #[default]
    None,
    Begun,
    Sequence,
}

/// A line of text under way. Its end is where it is edited.
#[derive(Debug, Default)]
pub(super) struct Editor {
    text: String,
    /// The first bytes of a character that is not whole yet.
    partial: Vec<u8>,
    escape: Escape,
}

impl Editor {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// What is left when the input ends without an end of line.
    pub(super) fn rest(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.text);
        (!rest.trim().is_empty()).then_some(rest)
    }

    pub(super) fn feed(&mut self, byte: u8) -> Option<Action> {
        if self.in_escape(byte) {
            return None;
        }
        match byte {
            b'\n' | b'\r' => Some(Action::Line(std::mem::take(&mut self.text))),
            // Ctrl-D
            0x04 => self.text.is_empty().then_some(Action::End),
            // Backspace
            0x7f | 0x08 => self.text.pop().map(|_| Action::Edited),
            // Ctrl-U
            0x15 => {
                self.text.clear();
                Some(Action::Edited)
            }
            // Ctrl-W
            0x17 => {
                let kept = self.text.trim_end().rfind(' ').map_or(0, |at| at + 1);
                self.text.truncate(kept);
                Some(Action::Edited)
            }
            b'\t' => self.character(b' '),
            0x00..0x20 => None,
            _ => self.character(byte),
        }
    }

    fn in_escape(&mut self, byte: u8) -> bool {
        self.escape = match (self.escape, byte) {
            (Escape::None, 0x1b) => Escape::Begun,
            (Escape::None, _) => return false,
            (Escape::Begun, b'[' | b'O') => Escape::Sequence,
            (Escape::Sequence, 0x40..=0x7e) | (Escape::Begun, _) => Escape::None,
            (Escape::Sequence, _) => Escape::Sequence,
        };
        true
    }

    fn character(&mut self, byte: u8) -> Option<Action> {
        self.partial.push(byte);
        match std::str::from_utf8(&self.partial) {
            Ok(character) => self.text.push_str(character),
            // Not whole yet.
            Err(error) if error.error_len().is_none() => return None,
            Err(_) => self.text.push('\u{fffd}'),
        }
        self.partial.clear();
        Some(Action::Edited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(bytes: &[u8]) -> (Vec<Action>, String) {
        let mut editor = Editor::default();
        let actions: Vec<Action> = bytes.iter().filter_map(|b| editor.feed(*b)).collect();
        (actions.into_iter().filter(|a| *a != Action::Edited).collect(), editor.text)
    }

    #[test]
    fn chinese_is_written_and_erased_by_characters() {
        let (actions, left) = typed("你好吗\x7f\n再".as_bytes());
        assert_eq!((actions, left.as_str()), (vec![Action::Line("你好".into())], "再"));
    }

    #[test]
    fn arrows_and_other_keys_leave_no_trace() {
        assert_eq!(typed(b"a\x1b[A\x1b[1;5Cb\x1bxc").1, "abc");
        assert_eq!(typed(b"one two \x17").1, "one ");
        assert_eq!(typed(b"one\x15").1, "");
    }

    #[test]
    fn the_end_counts_on_an_empty_line_only() {
        assert_eq!(typed(b"a\x04").0, []);
        assert_eq!(typed(b"\x04").0, [Action::End]);
    }
}
