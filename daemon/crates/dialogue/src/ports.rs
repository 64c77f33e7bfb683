//! What the dialogue needs from the outside: a counter of tokens and a generator of replies.

use std::ops::ControlFlow;

use companion_types::{Cancel, ErrorKind, Message, SamplingParams, TokenDelta, TurnId};

/// Counts tokens. Immutable and shared, so that a prompt is cut to its budget before it travels.
pub trait TokenCounter: Send + Sync {
    /// Tokens of a plain text.
    fn count(&self, text: &str) -> usize;

    /// Tokens that the chat template adds around one message.
    fn per_message(&self) -> usize;
}

/// What a generator is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    /// The turn it belongs to.
    pub turn: TurnId,
    /// System, history, current input.
    pub messages: Vec<Message>,
    /// How tokens are drawn.
    pub params: SamplingParams,
    /// The reply begins with one of these; none: with anything. Who cannot hold a model to that leaves
    /// it to the prompt's words.
    pub begins_with: Vec<String>,
}

/// What is known before anybody says anything.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ahead {
    /// The head that is the same at every start and holds nothing that a person said; empty: none.
    pub fixed: Vec<Message>,
    /// The messages that the next prompt will begin with.
    pub messages: Vec<Message>,
    /// What its reply will begin with, as in [`Prompt::begins_with`].
    pub begins_with: Vec<String>,
}

/// Why generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The model ended its reply.
    End,
    /// `max_new_tokens` were made.
    Length,
    /// The sink or the cancel flag said stop.
    Cancelled,
}

/// What a generation took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generated {
    /// Why it ended.
    pub stop: StopReason,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Of these, how many were in the KV cache already.
    pub reused_tokens: u32,
    /// Tokens made.
    pub new_tokens: u32,
}

/// A generator failed.
#[derive(Debug, thiserror::Error)]
#[error("language model: {message}")]
pub struct GeneratorError {
    /// What failed and what to do.
    pub message: String,
    /// Its kind.
    pub kind: ErrorKind,
}

/// Continues a conversation. Owned by one thread.
pub trait Generator: Send {
    /// Writes the reply to `prompt`, pushing every token to `sink`, and returns when the model ends
    /// it, a limit is reached, `sink` breaks or `cancel` is set (looked at once per token).
    ///
    /// # Errors
    /// When the model fails or memory is short.
    fn generate(
        &mut self,
        prompt: &Prompt,
        cancel: &Cancel,
        sink: &mut dyn FnMut(TokenDelta) -> ControlFlow<()>,
    ) -> Result<Generated, GeneratorError>;

    /// Reads what is known ahead into the KV cache, so that a later prompt that begins with it starts
    /// sooner. Stops at `cancel`.
    ///
    /// # Errors
    /// When the model fails or memory is short.
    fn prepare(&mut self, ahead: &Ahead, cancel: &Cancel) -> Result<(), GeneratorError>;
}
