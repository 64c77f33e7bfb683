//! A place in a text that moves on over what it is asked for. Knows no kind of text.

/// A place in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'t> {
    text: &'t str,
    /// Byte of `text`, on a character's boundary.
    pub(super) at: usize,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str, at: usize) -> Self {
        Self { text, at }
    }

    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Over ASCII digits: all that stand here, when they are `least` to `most`.
    pub(super) fn digits(&mut self, least: usize, most: usize) -> Option<&'t str> {
        let rest = self.rest();
        let limit = most.saturating_add(1);
        let count = rest.bytes().take(limit).take_while(u8::is_ascii_digit).count();
        (count >= least && count <= most).then(|| {
            self.at += count;
            &rest[..count]
        })
    }

    /// Over exactly this.
    pub(super) fn literal(&mut self, text: &str) -> Option<()> {
        self.rest().starts_with(text).then(|| self.at += text.len())
    }

    /// Over the first of these that stands here.
    pub(super) fn any<'a>(&mut self, texts: &[&'a str]) -> Option<&'a str> {
        let found = texts.iter().find(|text| self.rest().starts_with(**text))?;
        self.at += found.len();
        Some(found)
    }

    /// Over at most one space.
    pub(super) fn spaces(&mut self) {
        self.literal(" ");
    }
}
