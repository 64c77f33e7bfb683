//! A language model with its tokenizer and template, and the KV cache that is kept from turn to turn.
//! The architectures share one decoder. One owner, one thread.

mod generation;
#[cfg(test)]
mod guided_tests;
mod model;
mod release;
mod saved_cache;
mod speculation;
mod stop_text;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod tiny_model;

use std::path::Path;
use std::sync::Arc;

use candle_core::Device;

pub use generation::{GenerationStats, Guides, Piece, StopCause};
pub use model::Arithmetic;
use model::Model;
use release::end_tokens;
pub use release::is_greedy;
pub(crate) use release::{architecture, gguf_in};
pub use speculation::{DraftModel, Drafter, PromptLookup};

use crate::EngineError;
use crate::chat_template::{ChatMessage, ChatTemplate};
use crate::constraint::Vocabulary;
use crate::models::decoder::{Architecture, CacheFork, KvPrecision, MemoryPlan, plan};
use crate::tokenizer::TextTokenizer;
use crate::weights::GgufFile;

/// Tokens read in one pass.
const PREFILL_ROWS: usize = 512;

/// A copy of what a model has cached: tokens, keys and values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    tokens: Vec<u32>,
    cache: CacheFork,
}

impl Fork {
    /// Tokens held.
    #[must_use]
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }
}

/// A loaded model. One owner.
#[derive(Debug)]
pub struct CausalLm {
    model: Model,
    /// Of the last position that was read.
    logits: Vec<f32>,
    tokenizer: Arc<TextTokenizer>,
    template: ChatTemplate,
    ends: Vec<u32>,
    /// Tokens whose keys and values are in the cache.
    cached: Vec<u32>,
    max_context: usize,
    /// Of the model and its arithmetic.
    fingerprint: u64,
    /// Made when a form is first asked for.
    vocabulary: Option<Arc<Vocabulary>>,
}

impl CausalLm {
    /// Loads a release directory: config.json, tokenizer.json, tokenizer_config.json and weights, or
    /// a single GGUF, alone or beside the tokenizer's files. Contexts are limited to `max_context` tokens.
    ///
    /// # Errors
    /// When a file is missing or damaged, or the architecture is not one that is built.
    pub fn load(
        directory: &Path,
        device: &Device,
        max_context: usize,
        arithmetic: Arithmetic,
    ) -> Result<Self, EngineError> {
        let gguf = gguf_in(directory);
        let architecture = architecture(directory)?;
        if Architecture::named(&architecture).is_none() {
            return Err(EngineError::Config {
                file: directory.join("config.json"),
                key: "model_type".to_owned(),
                problem: Architecture::unknown(&architecture),
            });
        }
        let model =
            Model::load(gguf.as_deref().unwrap_or(directory), device, arithmetic, max_context)?;
        // A GGUF may lie alone: it has the tokenizer and the template within.
        let inside = match &gguf {
            Some(path) if !directory.join("tokenizer.json").is_file() => {
                Some(GgufFile::open(path)?)
            }
            _ => None,
        };
        let (tokenizer, template) = match &inside {
            Some(file) => (TextTokenizer::of_gguf(file)?, ChatTemplate::of_gguf(file)?),
            None => (TextTokenizer::open(directory)?, ChatTemplate::open(directory)?),
        };
        let tokenizer = Arc::new(tokenizer);
        let mut ends = end_tokens(directory, &tokenizer)?;
        if let Some(end) = inside.and_then(|f| f.number("tokenizer.ggml.eos_token_id").ok()) {
            ends.extend(u32::try_from(end).ok().filter(|end| !ends.contains(end)));
        }
        let max_context = max_context.min(model.config().max_position_embeddings);
        let (logits, cached) = (Vec::new(), Vec::new());
        let fingerprint = saved_cache::fingerprint(directory, gguf.as_deref(), &model)?;
        Ok(Self {
            model,
            logits,
            tokenizer,
            template,
            ends,
            cached,
            max_context,
            fingerprint,
            vocabulary: None,
        })
    }

    /// What the model in `directory` will take in memory with contexts of `max_context` tokens. Loads
    /// nothing.
    ///
    /// # Errors
    /// When a description is missing or damaged, or a tensor is missing.
    pub fn plan(
        directory: &Path,
        max_context: usize,
        arithmetic: Arithmetic,
    ) -> Result<MemoryPlan, EngineError> {
        let gguf = gguf_in(directory);
        plan(gguf.as_deref().unwrap_or(directory), &arithmetic, max_context)
    }

    /// The bytes of the tokens, for forms of replies ([`crate::constraint::Grammar`]). Made at the first
    /// call.
    #[must_use]
    pub fn vocabulary(&mut self) -> Arc<Vocabulary> {
        let made = self.vocabulary.get_or_insert_with(|| {
            let size = self.model.config().vocab_size;
            Arc::new(Vocabulary::new(Arc::clone(&self.tokenizer), size, &self.ends))
        });
        Arc::clone(made)
    }

    /// The tokenizer, to be shared.
    #[must_use]
    pub fn tokenizer(&self) -> Arc<TextTokenizer> {
        Arc::clone(&self.tokenizer)
    }

    /// Tokens of prompt and reply together at most.
    #[must_use]
    pub fn max_context(&self) -> usize {
        self.max_context
    }

    /// Ids of a conversation.
    ///
    /// # Errors
    /// When the template or the tokenizer refuses it.
    pub fn chat_ids(&self, messages: &[ChatMessage], open: bool) -> Result<Vec<u32>, EngineError> {
        let text = self.template.render(messages, None, open, &serde_json::json!({}))?;
        self.tokenizer.encode(&text, false)
    }

    /// Bytes of weights and of the KV cache.
    #[must_use]
    pub fn bytes(&self) -> (usize, usize) {
        self.model.bytes()
    }

    /// Runs every path once, so that the first turn pays nothing for it.
    ///
    /// # Errors
    /// When the device fails.
    pub fn warm_up(&mut self) -> Result<(), EngineError> {
        self.read(&[0; 32], &|| false)?;
        self.read(&[0; 33], &|| false)?;
        self.forget();
        Ok(())
    }

    /// Empties the cache.
    pub fn forget(&mut self) {
        self.cut(0);
    }

    fn cut(&mut self, length: usize) {
        self.cached.truncate(length);
        self.model.truncate(length);
    }

    /// Reads `ids` after what is cached, unless `stop` says so; logits of the last `rows` positions.
    fn step(
        &mut self,
        ids: &[u32],
        rows: usize,
        stop: &dyn Fn() -> bool,
    ) -> Result<bool, EngineError> {
        let read = self.model.forward(ids, rows, stop, &mut self.logits)?;
        if read {
            self.cached.extend_from_slice(ids);
        }
        Ok(read)
    }

    /// Keeps the cache in `precision` from now on; what is cached is forgotten.
    ///
    /// # Errors
    /// When the model computes exactly: its cache is f32, or a GPU's memory is full.
    pub fn set_cache_precision(&mut self, precision: KvPrecision) -> Result<(), EngineError> {
        self.forget();
        if self.model.set_cache_precision(precision)? {
            return Ok(());
        }
        Err(EngineError::Input {
            what: "the precision of the cache",
            problem: "this model computes in f32, its cache too".to_owned(),
        })
    }

    /// A copy of what is cached, to go on from later.
    ///
    /// # Errors
    /// When the device fails.
    pub fn fork(&self) -> Result<Fork, EngineError> {
        Ok(Fork { tokens: self.cached.clone(), cache: self.model.fork()? })
    }

    /// Goes on from a copy: what was cached then is cached again, and nothing else.
    ///
    /// # Errors
    /// When the copy is of another model, or the device fails; nothing is cached then.
    pub fn resume(&mut self, fork: &Fork) -> Result<(), EngineError> {
        self.forget();
        self.model.resume(&fork.cache)?;
        self.cached.clone_from(&fork.tokens);
        Ok(())
    }

    /// Forgets what is cached from token `length` on.
    pub fn rollback(&mut self, length: usize) {
        self.cut(length);
    }

    /// Tokens that are cached.
    #[must_use]
    pub fn cached(&self) -> &[u32] {
        &self.cached
    }

    /// Reads `ids`, reusing the longest common head of what is cached. Gives how many tokens were
    /// reused; `None` when `stop` said so.
    fn read(&mut self, ids: &[u32], stop: &dyn Fn() -> bool) -> Result<Option<usize>, EngineError> {
        if ids.is_empty() || ids.len() >= self.max_context {
            return Err(EngineError::Input {
                what: "the prompt",
                problem: format!(
                    "has {} tokens, may have 1 to {}",
                    ids.len(),
                    self.max_context - 1
                ),
            });
        }
        let common = self.cached.iter().zip(ids).take_while(|(a, b)| a == b).count();
        let reused = common.min(ids.len() - 1);
        self.cut(reused);
        for part in ids[reused..].chunks(PREFILL_ROWS) {
            if stop() || !self.step(part, 1, stop)? {
                return Ok(None);
            }
        }
        Ok(Some(reused))
    }

    /// Reads `ids` into the cache. Gives how many were there already.
    ///
    /// # Errors
    /// As [`Self::generate`].
    pub fn prefill(&mut self, ids: &[u32], stop: &dyn Fn() -> bool) -> Result<usize, EngineError> {
        Ok(self.read(ids, stop)?.unwrap_or(0))
    }
}
