//! The rounds of a conversation, append-only: what was said, and what was heard in answer.

use std::collections::VecDeque;

use companion_types::Round;

/// The newest rounds. Trimming goes in halves, so that the head of the prompt stays the same for
/// several turns and its KV cache with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    rounds: VecDeque<Round>,
    max_rounds: usize,
}

impl History {
    /// An empty history that puts at most `max_rounds` rounds (at least one) into a prompt.
    #[must_use]
    pub fn new(max_rounds: usize) -> Self {
        Self { rounds: VecDeque::new(), max_rounds: max_rounds.max(1) }
    }

    /// Adds a finished round. A reply of which nothing was heard leaves an empty answer.
    pub fn push(&mut self, round: Round) {
        self.rounds.push_back(round);
        if self.rounds.len() > self.max_rounds {
            let keep = self.max_rounds.div_ceil(2);
            let drop = self.rounds.len() - keep;
            self.rounds.drain(..drop);
        }
    }

    /// The rounds, oldest first.
    pub fn rounds(&self) -> impl DoubleEndedIterator<Item = &Round> + ExactSizeIterator {
        self.rounds.iter()
    }

    /// The newest round.
    #[must_use]
    pub fn last(&self) -> Option<&Round> {
        self.rounds.back()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.rounds.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(n: usize) -> Round {
        Round { user: format!("u{n}"), assistant: format!("a{n}") }
    }

    #[test]
    fn the_oldest_half_goes_at_once_when_it_is_full() {
        let mut history = History::new(10);
        (0..10).for_each(|n| history.push(round(n)));
        assert_eq!(history.rounds().len(), 10);
        history.push(round(10));
        assert_eq!(history.rounds().len(), 5);
        assert_eq!(history.last(), Some(&round(10)));
    }
}
