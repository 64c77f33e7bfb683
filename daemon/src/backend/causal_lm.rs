//! The language model as the dialogue's generator.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use companion_dialogue::{Generated, Generator, GeneratorError, Prompt, StopReason, TokenCounter};
use companion_engine::chat_template::ChatMessage;
use companion_engine::models::causal_lm::{Arithmetic, CausalLm, StopCause};
use companion_engine::sampling::SamplingOptions;
use companion_engine::tokenizer::TextTokenizer;
use companion_engine::{Device, EngineError};
use companion_types::{Cancel, Message, TokenDelta, TurnId};

use super::kind_of;

/// Tokens that a chat template adds around a message: begin, role, line break, end, line break.
const FRAME_TOKENS: usize = 5;

/// Counts with the model's own tokenizer.
#[derive(Debug, Clone)]
pub struct LmCounter(Arc<TextTokenizer>);

impl TokenCounter for LmCounter {
    fn count(&self, text: &str) -> usize {
        self.0.count(text)
    }

    fn per_message(&self) -> usize {
        FRAME_TOKENS
    }
}

/// A causal language model with its tokenizer and chat template.
#[derive(Debug)]
pub struct LmGenerator(CausalLm);

fn failed(error: &EngineError) -> GeneratorError {
    GeneratorError { message: error.to_string(), kind: kind_of(error) }
}

fn chat(messages: &[Message]) -> Vec<ChatMessage> {
    let message =
        |m: &Message| ChatMessage { role: m.role.name().to_owned(), content: m.content.clone() };
    messages.iter().map(message).collect()
}

impl LmGenerator {
    /// Loads a model directory and warms it up.
    ///
    /// # Errors
    /// When a file is missing, damaged or of a kind that is not built.
    pub fn load(directory: &Path, max_context: usize) -> Result<Self, EngineError> {
        let mut model =
            CausalLm::load(directory, &Device::Cpu, max_context, Arithmetic::fastest())?;
        model.warm_up()?;
        Ok(Self(model))
    }

    /// Tokens of prompt and reply together at most.
    #[must_use]
    pub fn max_context(&self) -> usize {
        self.0.max_context()
    }

    /// Counts with this model's tokenizer.
    #[must_use]
    pub fn counter(&self) -> LmCounter {
        LmCounter(self.0.tokenizer())
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl Generator for LmGenerator {
    fn generate(
        &mut self,
        prompt: &Prompt,
        cancel: &Cancel,
        sink: &mut dyn FnMut(TokenDelta) -> ControlFlow<()>,
    ) -> Result<Generated, GeneratorError> {
        let ids = self.0.chat_ids(&chat(&prompt.messages), true).map_err(|e| failed(&e))?;
        let params = &prompt.params;
        let options = SamplingOptions {
            max_new_tokens: params.max_new_tokens as usize,
            min_new_tokens: 0,
            temperature: params.temperature,
            top_k: params.top_k as usize,
            top_p: params.top_p,
            min_p: params.min_p,
            repetition_penalty: params.repetition_penalty,
            seed: params.seed,
        };
        let turn: TurnId = prompt.turn;
        let stats = self
            .0
            .generate(&ids, &options, &|| cancel.is_cancelled(), &mut |piece| {
                let index = count(piece.index);
                sink(TokenDelta { turn, index, token: piece.token, text: piece.text })
            })
            .map_err(|e| failed(&e))?;
        Ok(Generated {
            stop: match stats.stop {
                StopCause::End | StopCause::Stop => StopReason::End,
                StopCause::Length => StopReason::Length,
                StopCause::Cancelled => StopReason::Cancelled,
            },
            prompt_tokens: count(stats.prompt_tokens),
            reused_tokens: count(stats.reused_tokens),
            new_tokens: count(stats.new_tokens),
        })
    }

    fn prefill(&mut self, messages: &[Message], cancel: &Cancel) -> Result<(), GeneratorError> {
        let ids = self.0.chat_ids(&chat(messages), false).map_err(|e| failed(&e))?;
        self.0.prefill(&ids, &|| cancel.is_cancelled()).map(|_| ()).map_err(|e| failed(&e))
    }
}
