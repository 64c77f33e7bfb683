//! A regular form over a vocabulary: the state of one reply, and the masks of the states met so far, which
//! stay for the replies to come. Here too: replies that begin with one of some tags.

use std::collections::HashMap;
use std::sync::Arc;

use super::automaton::{Automaton, Builder, State};
use super::{Constraint, TokenMask, Vocabulary};
use crate::EngineError;

/// Most bytes that are forced at once.
const MOST_FORCED: usize = 4096;

/// A form that replies keep to. One reply at a time; [`Grammar::restart`] before the next.
#[derive(Debug)]
pub struct Grammar {
    vocabulary: Arc<Vocabulary>,
    automaton: Automaton,
    masks: HashMap<State, TokenMask>,
    state: State,
}

impl Grammar {
    pub(super) fn new(vocabulary: Arc<Vocabulary>, automaton: Automaton) -> Self {
        let state = automaton.start();
        Self { vocabulary, automaton, masks: HashMap::new(), state }
    }

    /// One of `tags`, then anything.
    ///
    /// # Errors
    /// When there are no tags.
    pub fn tags(vocabulary: Arc<Vocabulary>, tags: &[&str]) -> Result<Self, EngineError> {
        if tags.iter().all(|tag| tag.is_empty()) {
            let problem = "there are none, or all are empty".to_owned();
            return Err(EngineError::Input { what: "the tags of a reply", problem });
        }
        let mut builder = Builder::default();
        let start = builder.place();
        let rest = builder.one_of(start, tags.iter().map(|tag| tag.as_bytes()));
        builder.byte_to(rest, 0..=255, rest);
        Ok(Self::new(vocabulary, builder.finish(start, rest)))
    }

    /// Goes back to the begin of a reply; what was learnt about the vocabulary stays.
    pub fn restart(&mut self) {
        self.state = self.automaton.start();
    }

    /// The state after the bytes of a token.
    fn after(&mut self, token: u32) -> Option<State> {
        let bytes = self.vocabulary.bytes(token);
        if bytes.is_empty() {
            return None;
        }
        bytes.iter().try_fold(self.state, |state, byte| self.automaton.step(state, *byte))
    }
}

impl Constraint for Grammar {
    fn allowed(&mut self) -> &TokenMask {
        let Self { vocabulary, automaton, masks, state } = self;
        masks
            .entry(*state)
            .or_insert_with(|| vocabulary.walk(*state, |state, byte| automaton.step(state, byte)))
    }

    fn may_end(&self) -> bool {
        self.automaton.accepts(self.state)
    }

    fn is_complete(&mut self) -> bool {
        self.may_end() && self.automaton.is_last(self.state)
    }

    fn forced(&mut self) -> Vec<u32> {
        let (mut text, mut state) = (Vec::new(), self.state);
        while let Some((byte, next)) = self.automaton.only(state)
            && text.len() < MOST_FORCED
        {
            text.push(byte);
            state = next;
        }
        if text.is_empty() { Vec::new() } else { self.vocabulary.spell(&text) }
    }

    fn advance(&mut self, token: u32) -> Result<(), EngineError> {
        let Some(state) = self.after(token) else {
            return Err(EngineError::Input {
                what: "a token of a constrained reply",
                problem: format!("token {token} may not come here"),
            });
        };
        self.state = state;
        Ok(())
    }
}
