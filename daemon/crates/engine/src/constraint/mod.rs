//! Replies that keep to a form: which tokens may come next, which must. A constraint knows token ids and
//! their bytes, no model; the generation asks it before each draw. Pure; runs where the model runs.

mod automaton;
mod grammar;
mod json_schema;
mod vocabulary;

pub use grammar::Grammar;
pub use json_schema::SchemaError;
pub use vocabulary::{TokenMask, Vocabulary};

use crate::EngineError;

/// What a reply may be, token by token.
pub trait Constraint {
    /// The tokens that may come next, the end aside.
    fn allowed(&mut self) -> &TokenMask;

    /// Whether the reply may end here.
    fn may_end(&self) -> bool;

    /// Whether the reply must end here: it is whole and nothing may follow.
    fn is_complete(&mut self) -> bool;

    /// Tokens of the text that alone may follow, as far as it is decided; none where there is a choice.
    /// They are not taken yet ([`Self::advance`]).
    fn forced(&mut self) -> Vec<u32>;

    /// Takes a token.
    ///
    /// # Errors
    /// When it may not come here.
    fn advance(&mut self, token: u32) -> Result<(), EngineError>;
}
