//! What to do when the model is short of memory or time: the ladder, one step at a time.

use companion_types::{ErrorKind, SamplingParams};

/// One step down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Ask for fewer new tokens.
    FewerTokens,
    /// Keep only the newest round of history and the best memory.
    ShorterContext,
    /// Say sorry.
    Apologise,
}

/// Remembers which steps were taken for one turn.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ladder {
    taken: usize,
}

impl Ladder {
    /// The next step after an error of this kind. Only shortness of memory is worth another try;
    /// everything else ends in an apology at once.
    pub fn next(&mut self, kind: ErrorKind) -> Step {
        let step = match (kind, self.taken) {
            (ErrorKind::OutOfMemory, 0) => Step::FewerTokens,
            (ErrorKind::OutOfMemory, 1) => Step::ShorterContext,
            _ => Step::Apologise,
        };
        self.taken += 1;
        step
    }

    /// Sampling for the step: a quarter of the tokens, at least 64.
    #[must_use]
    pub fn fewer_tokens(params: SamplingParams) -> SamplingParams {
        let max_new_tokens = (params.max_new_tokens / 4).max(64).min(params.max_new_tokens);
        SamplingParams { max_new_tokens, ..params }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortness_of_memory_goes_down_step_by_step_and_a_bug_does_not() {
        let mut ladder = Ladder::default();
        assert_eq!(ladder.next(ErrorKind::OutOfMemory), Step::FewerTokens);
        assert_eq!(ladder.next(ErrorKind::OutOfMemory), Step::ShorterContext);
        assert_eq!(ladder.next(ErrorKind::OutOfMemory), Step::Apologise);
        assert_eq!(Ladder::default().next(ErrorKind::Internal), Step::Apologise);
    }
}
