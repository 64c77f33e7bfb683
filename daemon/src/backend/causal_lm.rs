//! The language model as the dialogue's generator.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use companion_dialogue::{
    Ahead, Generated, Generator, GeneratorError, Prompt, StopReason, TokenCounter,
};
use companion_engine::chat_template::ChatMessage;
use companion_engine::constraint::Grammar;
use companion_engine::models::causal_lm::{
    Arithmetic, CausalLm, DraftModel, Drafter, GenerationStats, Guides, PromptLookup, StopCause,
};
use companion_engine::models::decoder::{KvPrecision, MemoryPlan};
use companion_engine::sampling::SamplingOptions;
use companion_engine::tokenizer::TextTokenizer;
use companion_engine::{Device, EngineError, Gpu};
use companion_types::{Cancel, Message, SamplingParams, TokenDelta};

use super::kind_of;

/// Tokens that a chat template adds around a message: begin, role, line break, end, line break.
const FRAME_TOKENS: usize = 5;
/// Tokens that a draft model guesses at once.
const DRAFT_TOKENS: usize = 4;
/// Sets of tags that are remembered: those of the languages that are spoken.
const FORMS: usize = 4;

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

/// Who guesses tokens, so that several are read in one pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Guessing {
    /// Nobody.
    #[default]
    None,
    /// What stood in the prompt before.
    PromptLookup,
    /// A smaller model of the same vocabulary, in this directory.
    Draft(PathBuf),
}

/// How a model is loaded.
#[derive(Debug, Clone, Default)]
pub struct LmOptions {
    /// The GPU it computes on; none: the processor.
    pub gpu: Option<Gpu>,
    /// Tokens of prompt and reply together at most.
    pub context: usize,
    /// Whether the KV cache is of eight bits, where the model can keep it so.
    pub eight_bit_cache: bool,
    /// Who guesses.
    pub guessing: Guessing,
    /// Where the KV cache of the head that never changes is kept over restarts.
    pub head: Option<PathBuf>,
}

/// The head that never changes, as it is on disk.
#[derive(Debug)]
struct KeptHead {
    file: PathBuf,
    tokens: Vec<u32>,
}

/// A causal language model with its tokenizer and chat template.
pub struct LmGenerator {
    model: CausalLm,
    guessing: Option<Box<dyn Drafter + Send>>,
    head: Option<KeptHead>,
    /// Forms by their tags, the latest used last.
    forms: Vec<(Vec<String>, Grammar)>,
}

impl std::fmt::Debug for LmGenerator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LmGenerator").field("model", &self.model).finish_non_exhaustive()
    }
}

fn arithmetic(gpu: Option<&Gpu>) -> Arithmetic {
    gpu.map_or_else(Arithmetic::fastest, |gpu| Arithmetic::Gpu(gpu.clone()))
}

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
    pub fn load(directory: &Path, options: &LmOptions) -> Result<Self, EngineError> {
        let load = |directory: &Path| {
            CausalLm::load(
                directory,
                &Device::Cpu,
                options.context,
                arithmetic(options.gpu.as_ref()),
            )
        };
        let mut model = load(directory)?;
        if options.eight_bit_cache {
            model.set_cache_precision(KvPrecision::Eight)?;
        }
        model.warm_up()?;
        let guessing: Option<Box<dyn Drafter + Send>> = match &options.guessing {
            Guessing::None => None,
            Guessing::PromptLookup => Some(Box::new(PromptLookup::default())),
            Guessing::Draft(small) => {
                let small = load(small)?;
                if !same_tokens(&small.tokenizer(), &model.tokenizer())? {
                    return Err(EngineError::Input {
                        what: "the draft model",
                        problem: "its vocabulary is not that of the model it guesses for"
                            .to_owned(),
                    });
                }
                Some(Box::new(DraftModel::new(small, DRAFT_TOKENS)))
            }
        };
        let head = options.head.as_ref().map(|file| {
            let tokens = restored(&mut model, file);
            KeptHead { file: file.clone(), tokens }
        });
        Ok(Self { model, guessing, head, forms: Vec::new() })
    }

    /// What the model in `directory` will take in the GPU's memory, or the machine's, at contexts of
    /// `context` tokens. Loads nothing.
    ///
    /// # Errors
    /// When a description is missing or damaged, or a tensor is missing.
    pub fn plan(
        directory: &Path,
        context: usize,
        gpu: Option<&Gpu>,
    ) -> Result<MemoryPlan, EngineError> {
        CausalLm::plan(directory, context, arithmetic(gpu))
    }

    /// Tokens of prompt and reply together at most.
    #[must_use]
    pub fn max_context(&self) -> usize {
        self.model.max_context()
    }

    /// Bytes of weights and of the KV cache.
    #[must_use]
    pub fn bytes(&self) -> (usize, usize) {
        self.model.bytes()
    }

    /// Counts with this model's tokenizer.
    #[must_use]
    pub fn counter(&self) -> LmCounter {
        LmCounter(self.model.tokenizer())
    }

    /// Makes the form of replies that begin with one of `tags` the last of those remembered.
    fn form(&mut self, tags: &[String]) -> Result<(), EngineError> {
        if tags.is_empty() {
            return Ok(());
        }
        match self.forms.iter().position(|(known, _)| known == tags) {
            Some(at) => {
                let form = self.forms.remove(at);
                self.forms.push(form);
            }
            None => {
                let texts: Vec<&str> = tags.iter().map(String::as_str).collect();
                let form = Grammar::tags(self.model.vocabulary(), &texts)?;
                self.forms.push((tags.to_vec(), form));
            }
        }
        let spare = self.forms.len().saturating_sub(FORMS);
        self.forms.drain(..spare);
        if let Some((_, form)) = self.forms.last_mut() {
            form.restart();
        }
        Ok(())
    }

    /// Keeps the cache of the head that never changes on disk, once.
    fn keep(&mut self, fixed: &[Message], cancel: &Cancel) -> Result<(), EngineError> {
        let Some(head) = self.head.as_mut().filter(|_| !fixed.is_empty()) else { return Ok(()) };
        let ids = self.model.chat_ids(&chat(fixed), false)?;
        if head.tokens == ids {
            return Ok(());
        }
        self.model.prefill(&ids, &|| cancel.is_cancelled())?;
        if self.model.cached() != ids {
            return Ok(());
        }
        // What cannot be kept is read again at the next start.
        match self.model.save_cache(&head.file) {
            Ok(bytes) => tracing::debug!(bytes, tokens = ids.len(), "the prompt's head is kept"),
            Err(error) => tracing::warn!(%error, "the prompt's head is not kept"),
        }
        head.tokens = ids;
        Ok(())
    }
}

/// Whether two tokenizers have one vocabulary: as many tokens, and a text of both languages alike.
fn same_tokens(one: &TextTokenizer, other: &TextTokenizer) -> Result<bool, EngineError> {
    const TEXT: &str =
        "你好，今天 12:30 一起吃饭吗？ Hello, shall we have lunch at half past twelve?";
    Ok(one.size() == other.size() && one.encode(TEXT, false)? == other.encode(TEXT, false)?)
}

/// The tokens of the head that was kept, in the cache again; none when there is none or it is another's.
fn restored(model: &mut CausalLm, file: &Path) -> Vec<u32> {
    if !file.exists() {
        return Vec::new();
    }
    match model.restore_cache(file) {
        Ok(tokens) => tracing::debug!(tokens, "the prompt's head is read from disk"),
        Err(error) => tracing::info!(%error, "the prompt's head is read anew"),
    }
    model.cached().to_vec()
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn sampling(params: &SamplingParams) -> SamplingOptions {
    SamplingOptions {
        max_new_tokens: params.max_new_tokens as usize,
        min_new_tokens: 0,
        temperature: params.temperature,
        top_k: params.top_k as usize,
        top_p: params.top_p,
        min_p: params.min_p,
        repetition_penalty: params.repetition_penalty,
        seed: params.seed,
    }
}

fn generated(stats: &GenerationStats) -> Generated {
    if stats.drafted_tokens > 0 {
        let (drafted, accepted) = (stats.drafted_tokens, stats.accepted_tokens);
        tracing::debug!(drafted, accepted, passes = stats.passes, "tokens were guessed");
    }
    Generated {
        stop: match stats.stop {
            StopCause::End | StopCause::Stop => StopReason::End,
            StopCause::Length => StopReason::Length,
            StopCause::Cancelled => StopReason::Cancelled,
        },
        prompt_tokens: count(stats.prompt_tokens),
        reused_tokens: count(stats.reused_tokens),
        new_tokens: count(stats.new_tokens),
    }
}

impl Generator for LmGenerator {
    fn generate(
        &mut self,
        prompt: &Prompt,
        cancel: &Cancel,
        sink: &mut dyn FnMut(TokenDelta) -> ControlFlow<()>,
    ) -> Result<Generated, GeneratorError> {
        let ids = self.model.chat_ids(&chat(&prompt.messages), true).map_err(|e| failed(&e))?;
        self.form(&prompt.begins_with).map_err(|e| failed(&e))?;
        let Self { model, guessing, forms, .. } = self;
        let form = forms.last_mut().filter(|_| !prompt.begins_with.is_empty());
        let guides = Guides {
            constraint: form.map(|(_, form)| form as _),
            drafter: guessing.as_deref_mut().map(|guessing| guessing as _),
            ..Guides::default()
        };
        let stats = model
            .generate_guided(
                &ids,
                &sampling(&prompt.params),
                guides,
                &|| cancel.is_cancelled(),
                &mut |piece| {
                    let index = count(piece.index);
                    sink(TokenDelta {
                        turn: prompt.turn,
                        index,
                        token: piece.token,
                        text: piece.text,
                    })
                },
            )
            .map_err(|e| failed(&e))?;
        Ok(generated(&stats))
    }

    fn prepare(&mut self, ahead: &Ahead, cancel: &Cancel) -> Result<(), GeneratorError> {
        let mut prepare = || {
            self.form(&ahead.begins_with)?;
            self.keep(&ahead.fixed, cancel)?;
            let ids = self.model.chat_ids(&chat(&ahead.messages), false)?;
            self.model.prefill(&ids, &|| cancel.is_cancelled())
        };
        prepare().map(drop).map_err(|e| failed(&e))
    }
}
