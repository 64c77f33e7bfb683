//! Takes the tags of emotions out of a reply as it streams: `[happy]`, `[开心]`. Pure.

use crate::messages::is_emotion;

/// The longest tag, in characters; what is longer is text.
const LONGEST: usize = 16;

/// One reply under way.
#[derive(Debug, Default)]
pub(super) struct Tags {
    /// What may yet become a tag, from its bracket on.
    held: Option<String>,
    /// Text was given; from then on only known emotions are tags.
    begun: bool,
    /// A tag was dropped; so is the space behind it.
    after_tag: bool,
}

impl Tags {
    /// What of a piece is text.
    pub(super) fn text(&mut self, piece: &str) -> String {
        let mut out = String::new();
        for c in piece.chars() {
            match &mut self.held {
                None if c == '[' => self.held = Some(String::new()),
                None => self.give(c, &mut out),
                Some(held) if c == ']' => {
                    let tag = std::mem::take(held);
                    self.held = None;
                    if !self.begun || is_emotion(tag.trim()) {
                        self.after_tag = true;
                    } else {
                        format!("[{tag}]").chars().for_each(|c| self.give(c, &mut out));
                    }
                }
                Some(held) => {
                    held.push(c);
                    if held.chars().count() > LONGEST {
                        out.push_str(&self.rest());
                    }
                }
            }
        }
        out
    }

    /// What was held back and became no tag.
    pub(super) fn rest(&mut self) -> String {
        let mut out = String::new();
        if let Some(held) = self.held.take() {
            format!("[{held}").chars().for_each(|c| self.give(c, &mut out));
        }
        out
    }

    fn give(&mut self, c: char, out: &mut String) {
        if self.after_tag && c == ' ' {
            return;
        }
        self.after_tag = false;
        self.begun |= !c.is_whitespace();
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streamed(reply: &str) -> String {
        let mut tags = Tags::default();
        let mut out: String = reply.chars().map(|c| tags.text(&c.to_string())).collect();
        out += &tags.rest();
        out
    }

    #[test]
    fn tags_go_and_brackets_stay() {
        assert_eq!(streamed("[开心] 你好！[sad] 再见"), "你好！再见");
        assert_eq!(streamed("[grumpy] A list: [1, 2], [a] and ["), "A list: [1, 2], [a] and [");
        assert_eq!(
            streamed("see [this long note of some words] here"),
            "see [this long note of some words] here"
        );
    }
}
