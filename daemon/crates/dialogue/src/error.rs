//! What can go wrong while thinking.

use companion_types::{ErrorKind, Kind};

/// Thinking failed.
#[derive(Debug, thiserror::Error)]
pub enum DialogueError {
    /// The current input alone is more than the budget.
    #[error(
        "the input has {tokens} tokens, but a prompt may have {budget}: shorten it, or raise \
         [dialogue] context_budget_tokens"
    )]
    InputTooLong {
        /// Tokens of the smallest possible prompt.
        tokens: usize,
        /// The budget.
        budget: usize,
    },
}

impl Kind for DialogueError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::InputTooLong { .. } => ErrorKind::InvalidArgument,
        }
    }
}
