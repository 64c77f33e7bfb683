//! A language model with its tokenizer and template: generation over a KV cache that is kept from
//! turn to turn. The architectures share one decoder.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use candle_core::Device;

use crate::EngineError;
use crate::chat_template::{ChatMessage, ChatTemplate};
use crate::models::decoder::{Architecture, Decoder, DecoderConfig, IntegerDecoder};
use crate::sampling::{Sampler, SamplingOptions};
use crate::tokenizer::{TextStream, TextTokenizer};
use crate::weights::{GgufFile, read_small};

/// Tokens read in one pass.
const PREFILL_ROWS: usize = 512;

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

/// How a model computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// In f32, as the reference.
    Exact,
    /// On the CPU in integers where the weights are integers ([`IntegerDecoder`]), on so many threads;
    /// exactly otherwise.
    Integer {
        /// Threads, the calling one among them.
        threads: usize,
    },
}

impl Arithmetic {
    /// Integers on all cores this process may use.
    #[must_use]
    pub fn fastest() -> Self {
        Self::Integer { threads: std::thread::available_parallelism().map_or(1, usize::from) }
    }
}

#[derive(Debug)]
enum Model {
    Exact(Box<Decoder>),
    Integer(Box<IntegerDecoder>),
}

impl Model {
    /// Chooses. A map that integers cannot hold leaves the exact one, which needs loading again.
    fn load(path: &Path, device: &Device, arithmetic: Arithmetic) -> Result<Self, EngineError> {
        let exact = Decoder::load(path, device)?;
        let Arithmetic::Integer { threads } = arithmetic else {
            return Ok(Self::Exact(Box::new(exact)));
        };
        if !device.is_cpu() || !exact.is_quantized() {
            return Ok(Self::Exact(Box::new(exact)));
        }
        match IntegerDecoder::from_decoder(exact, threads) {
            Ok(model) => {
                let cpu = model.cpu();
                let (isa, threads) = (cpu.isa().name(), cpu.threads());
                tracing::info!(isa, threads, "the language model computes in integers");
                Ok(Self::Integer(Box::new(model)))
            }
            Err(error) => {
                tracing::warn!(%error, "no integer arithmetic for this model, it computes in f32");
                Ok(Self::Exact(Box::new(Decoder::load(path, device)?)))
            }
        }
    }

    fn config(&self) -> &DecoderConfig {
        match self {
            Self::Exact(model) => model.config(),
            Self::Integer(model) => model.config(),
        }
    }

    fn bytes(&self) -> (usize, usize) {
        match self {
            Self::Exact(model) => model.bytes(),
            Self::Integer(model) => model.bytes(),
        }
    }

    fn truncate(&mut self, length: usize) {
        match self {
            Self::Exact(model) => model.truncate(length),
            Self::Integer(model) => model.truncate(length),
        }
    }

    /// Logits of the last position, into `logits`.
    fn forward(&mut self, ids: &[u32], logits: &mut Vec<f32>) -> Result<(), EngineError> {
        logits.clear();
        match self {
            Self::Exact(model) => {
                let values = model
                    .forward(ids, false, None)?
                    .flatten_all()
                    .and_then(|flat| flat.to_vec1::<f32>())
                    .map_err(|source| EngineError::Compute {
                        stage: "fetching the logits",
                        source,
                    })?;
                *logits = values;
            }
            Self::Integer(model) => logits.extend_from_slice(model.forward(ids)?),
        }
        Ok(())
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
        let model = Model::load(gguf.as_deref().unwrap_or(directory), device, arithmetic)?;
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
        Ok(Self { model, logits, tokenizer, template, ends, cached, max_context })
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

    fn step(&mut self, ids: &[u32]) -> Result<(), EngineError> {
        self.model.forward(ids, &mut self.logits)?;
        self.cached.extend_from_slice(ids);
        Ok(())
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
            if stop() {
                return Ok(None);
            }
            self.step(part)?;
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

    /// Continues `prompt`, pushing every token to `sink`. The stop flag is read once per token.
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
            if sink(piece).is_break() {
                return Ok(stats);
            }
            self.step(&[token])?;
        }
    }
}

/// The only `.gguf` of a directory that has no safetensors.
pub(super) fn gguf_in(directory: &Path) -> Option<std::path::PathBuf> {
    let plain = ["model.safetensors", "model.safetensors.index.json"];
    if plain.iter().any(|name| directory.join(name).is_file()) {
        return None;
    }
    let mut found: Vec<_> = std::fs::read_dir(directory)
        .ok()?
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "gguf"))
        .collect();
    found.sort();
    found.into_iter().next()
}

pub(super) fn architecture(directory: &Path) -> Result<String, EngineError> {
    let file = directory.join("config.json");
    if !file.is_file() && gguf_in(directory).is_some() {
        let gguf = GgufFile::open(&gguf_in(directory).unwrap_or_default())?;
        return gguf.text("general.architecture").map(str::to_owned);
    }
    let malformed = |problem: String| EngineError::Malformed { file: file.clone(), problem };
    let json: serde_json::Value =
        serde_json::from_slice(&read_small(&file)?).map_err(|e| malformed(e.to_string()))?;
    let kind = json.get("model_type").and_then(serde_json::Value::as_str);
    kind.map(str::to_owned).ok_or_else(|| malformed("model_type is missing".to_owned()))
}

/// Whether the release says that its tokens are not drawn at random (`do_sample: false`).
#[must_use]
pub fn is_greedy(directory: &Path) -> bool {
    read_small(&directory.join("generation_config.json"))
        .ok()
        .and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok())
        .and_then(|json| json.get("do_sample")?.as_bool())
        == Some(false)
}

fn end_tokens(directory: &Path, tokenizer: &TextTokenizer) -> Result<Vec<u32>, EngineError> {
    let mut ends = Vec::new();
    for name in ["generation_config.json", "config.json"] {
        let file = directory.join(name);
        if !file.is_file() {
            continue;
        }
        let json: serde_json::Value = serde_json::from_slice(&read_small(&file)?)
            .map_err(|e| EngineError::Malformed { file: file.clone(), problem: e.to_string() })?;
        match json.get("eos_token_id") {
            Some(serde_json::Value::Array(ids)) => {
                ends.extend(ids.iter().filter_map(|id| u32::try_from(id.as_u64()?).ok()));
            }
            Some(id) => ends.extend(id.as_u64().and_then(|id| u32::try_from(id).ok())),
            None => {}
        }
    }
    let usual = ["<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>"];
    ends.extend(usual.iter().filter_map(|t| tokenizer.id(t)));
    ends.sort_unstable();
    ends.dedup();
    Ok(ends)
}
