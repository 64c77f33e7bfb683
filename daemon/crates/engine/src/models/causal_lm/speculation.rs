//! Guesses of the tokens to come, which the model confirms in one pass (Leviathan et al. 2023). A guess
//! here is one token, not a distribution: the sampler draws each token from the model's own scores, and a
//! guess counts only where it is what was drawn. So the reply is the one that would have come without.

use super::CausalLm;

/// Guesses how a text goes on.
pub trait Drafter {
    /// At most `most` tokens that may follow `seen`, into `draft`, which is empty.
    fn draft(&mut self, seen: &[u32], most: usize, draft: &mut Vec<u32>);
}

/// Guesses that what followed the last tokens before will follow again (prompt lookup; Saxena 2023).
#[derive(Debug, Clone, Copy)]
pub struct PromptLookup {
    /// Most tokens of a guess.
    pub tokens: usize,
    /// Tokens that must have occurred before: the longest tried first.
    pub longest: usize,
    /// The fewest that count.
    pub shortest: usize,
}

impl Default for PromptLookup {
    /// Eight tokens after three or two that occurred before.
    fn default() -> Self {
        Self { tokens: 8, longest: 3, shortest: 2 }
    }
}

impl Drafter for PromptLookup {
    fn draft(&mut self, seen: &[u32], most: usize, draft: &mut Vec<u32>) {
        for length in (self.shortest.max(1)..=self.longest).rev() {
            let Some((before, last)) = seen.split_at_checked(seen.len().saturating_sub(length))
            else {
                continue;
            };
            if before.is_empty() {
                continue;
            }
            // The latest place that something follows; it may reach into the last tokens themselves.
            let place = (0..before.len()).rev().find(|at| seen[*at..].starts_with(last));
            if let Some(at) = place {
                let follows = &seen[at + length..];
                draft.extend(follows.iter().take(self.tokens.min(most)));
                return;
            }
        }
    }
}

/// Guesses with a smaller model of the same vocabulary, which takes its likeliest tokens.
#[derive(Debug)]
pub struct DraftModel {
    model: CausalLm,
    tokens: usize,
}

impl DraftModel {
    /// Guesses `tokens` at most with `model`.
    #[must_use]
    pub fn new(model: CausalLm, tokens: usize) -> Self {
        Self { model, tokens }
    }

    /// The likeliest token that was read last; `None` without scores.
    fn likeliest(&self) -> Option<u32> {
        let best = self.model.logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
        u32::try_from(best.0).ok()
    }
}

impl Drafter for DraftModel {
    fn draft(&mut self, seen: &[u32], most: usize, draft: &mut Vec<u32>) {
        let most = most.min(self.tokens);
        // A model that fails guesses nothing: the reply does not depend on it.
        if most == 0 || !matches!(self.model.read(seen, &|| false), Ok(Some(_))) {
            return;
        }
        while let Some(token) = self.likeliest() {
            draft.push(token);
            let room = self.model.cached.len() + 1 < self.model.max_context;
            if draft.len() >= most || !room || self.model.step(&[token], 1, &|| false).is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(lookup: PromptLookup, seen: &[u32], most: usize) -> Vec<u32> {
        let (mut lookup, mut draft) = (lookup, Vec::new());
        lookup.draft(seen, most, &mut draft);
        draft
    }

    #[test]
    fn what_followed_before_is_guessed_the_latest_and_longest_first() {
        let lookup = PromptLookup { tokens: 3, ..Default::default() };
        assert_eq!(draft(lookup, &[1, 2, 3, 4, 5, 6, 1, 2], 9), [3, 4, 5]);
        assert_eq!(draft(lookup, &[1, 2, 8, 1, 2, 9, 0, 1, 2], 2), [9, 0]);
        assert_eq!(draft(lookup, &[7, 1, 2, 8, 6, 1, 2, 9, 0, 7, 1, 2], 1), [8]);
    }

    #[test]
    fn a_repeated_token_is_guessed_to_go_on() {
        assert_eq!(draft(PromptLookup::default(), &[5, 4, 4, 4], 8), [4]);
    }

    #[test]
    fn nothing_is_guessed_where_nothing_occurred_before() {
        assert!(draft(PromptLookup::default(), &[1, 2, 3, 4], 8).is_empty());
        assert!(draft(PromptLookup::default(), &[1], 8).is_empty());
        assert!(draft(PromptLookup::default(), &[], 8).is_empty());
    }
}
