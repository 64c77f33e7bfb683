//! Continues a prompt: draws tokens one after another and gives them out as whole characters.

use std::ops::ControlFlow;

use super::CausalLm;
use crate::EngineError;
use crate::sampling::{Sampler, SamplingOptions};
use crate::tokenizer::TextStream;

/// One generated token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its place, from 0.
    pub index: usize,
    /// Its id.
    pub token: u32,
    /// Characters that are now whole.
    pub text: String,
}

/// Why generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopCause {
    /// The model ended.
    End,
    /// The limit of new tokens.
    Length,
    /// The sink or the stop flag.
    Cancelled,
}

/// What a generation took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GenerationStats {
    /// Why it ended.
    pub stop: StopCause,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Of these, found in the cache.
    pub reused_tokens: usize,
    /// New tokens.
    pub new_tokens: usize,
}

impl CausalLm {
    /// Continues `prompt`, pushing every token to `sink`. The stop flag is read once per token and, while
    /// the prompt is read, once per block of the model.
    ///
    /// # Errors
    /// When the prompt is empty or longer than the context, or the device fails.
    pub fn generate(
        &mut self,
        prompt: &[u32],
        options: &SamplingOptions,
        stop: &dyn Fn() -> bool,
        sink: &mut dyn FnMut(Piece) -> ControlFlow<()>,
    ) -> Result<GenerationStats, EngineError> {
        let mut stats = GenerationStats {
            stop: StopCause::Cancelled,
            prompt_tokens: prompt.len(),
            reused_tokens: 0,
            new_tokens: 0,
        };
        let Some(reused) = self.read(prompt, stop)? else { return Ok(stats) };
        stats.reused_tokens = reused;
        let mut sampler = Sampler::new(*options);
        let mut stream = TextStream::default();
        let mut seen = prompt.to_vec();
        loop {
            if stop() {
                return Ok(stats);
            }
            if stats.new_tokens >= options.max_new_tokens || seen.len() >= self.max_context {
                stats.stop = StopCause::Length;
                return Ok(stats);
            }
            let early = stats.new_tokens < options.min_new_tokens;
            let banned: &[u32] = if early { &self.ends } else { &[] };
            let token = sampler.draw(&mut self.logits, &seen, banned);
            if self.ends.contains(&token) {
                stats.stop = StopCause::End;
                return Ok(stats);
            }
            let special = self.tokenizer.is_special(token);
            let bytes = if special { None } else { self.tokenizer.token_bytes(token) };
            let text = stream.push(&bytes.unwrap_or_default());
            let piece = Piece { index: stats.new_tokens, token, text };
            stats.new_tokens += 1;
            seen.push(token);
            if sink(piece).is_break() || !self.step(&[token], 1, stop)? {
                return Ok(stats);
            }
        }
    }
}
