//! Ends a reply that goes round in circles.

/// Watches the text of one reply.
#[derive(Debug, Default)]
pub struct LoopGuard {
    text: Vec<char>,
}

/// A phrase of at most this many characters is looked for.
const LONGEST: usize = 24;
/// So often in a row is a loop.
const TIMES: usize = 4;

impl LoopGuard {
    /// Nothing said yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds text; true when the reply now ends with the same phrase four times in a row (a phrase
    /// of one or two characters: eight times, because "哈哈哈哈" is laughter).
    pub fn push(&mut self, text: &str) -> bool {
        self.text.extend(text.chars());
        let excess = self.text.len().saturating_sub(LONGEST * TIMES * 2);
        self.text.drain(..excess);
        (1..=LONGEST).any(|len| self.ends_in_loop(len))
    }

    fn ends_in_loop(&self, len: usize) -> bool {
        let times = if len <= 2 { TIMES * 2 } else { TIMES };
        let Some(start) = self.text.len().checked_sub(len * times) else { return false };
        let tail = &self.text[start..];
        let spoken = tail[..len].iter().any(|c| c.is_alphanumeric());
        spoken && tail.chunks(len).all(|phrase| phrase == &tail[..len])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_seen_and_laughter_is_not_a_circle() {
        assert!(LoopGuard::new().push(&"我喜欢你，".repeat(4)));
        assert!(LoopGuard::new().push(&"again and ".repeat(4)));
        assert!(!LoopGuard::new().push("哈哈哈哈哈"));
        assert!(!LoopGuard::new().push("很好很好，真的很好。"));
        assert!(!LoopGuard::new().push("............"));
    }
}
