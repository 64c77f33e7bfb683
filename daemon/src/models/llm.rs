//! The language model of its slot: placed into the memory that is there, loaded, and what thinks where
//! none is: the smaller model, the chat server, nobody.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use companion_dialogue::{Generator, TokenCounter};
use companion_engine::models::causal_lm::is_greedy;
use companion_engine::{Gpu, GpuError};
use companion_remote::RemoteSettings;

use super::free_memory::FreeMemory;
use super::placement::{Placement, PlacementError, Rung, Wish, place};
use super::{Catalogue, Slot};
use crate::backend::{
    EmptyGenerator, GuessedTokens, Guessing, LmGenerator, LmOptions, RemoteGenerator,
};
use crate::config::{ComputeDevice, LlmSettings, Speculation};
use crate::error::DaemonError;
use crate::turn::LlmSlot;
use crate::worker::MakePort;

/// Id of the chat server that thinks where no language model is loaded.
pub(super) const REMOTE: &str = "remote";

/// A generator for the stage, how to make it again, and what the prompt must know of it.
pub(super) struct Brain {
    pub(super) port: Box<dyn Generator>,
    pub(super) again: MakePort<Box<dyn Generator>>,
    pub(super) slot: LlmSlot,
    /// The model's id, or the chat server's; `None`: nobody thinks.
    pub(super) id: Option<String>,
    /// How it lies in memory; `None`: it is no model of this machine.
    pub(super) placement: Option<Placement>,
    /// How long loading took.
    pub(super) took: Duration,
}

struct NoTokens;

impl TokenCounter for NoTokens {
    fn count(&self, text: &str) -> usize {
        text.chars().count()
    }

    fn per_message(&self) -> usize {
        0
    }
}

/// What failed on the way down: the model's id and why.
pub(super) type Failure = (String, DaemonError);

/// The GPU that the settings ask for, where there is one.
pub(crate) fn gpu(settings: &LlmSettings) -> Option<Gpu> {
    let wanted = match settings.device {
        ComputeDevice::Cpu => return None,
        ComputeDevice::Auto if !Gpu::is_built() => return None,
        ComputeDevice::Auto => false,
        ComputeDevice::Cuda => true,
    };
    match Gpu::open(settings.gpu) {
        Ok(gpu) => Some(gpu),
        Err(GpuError::NoDriver | GpuError::NoDevice { .. }) if !wanted => None,
        Err(error) => {
            tracing::error!(%error, "llm.device: the language model computes on the processor");
            None
        }
    }
}

/// Loads language models.
pub(crate) struct Loader {
    pub(crate) settings: LlmSettings,
    /// Tokens of a prompt that are wished for.
    pub(crate) prompt: usize,
    pub(crate) remote: RemoteSettings,
    /// The GPU that models are loaded on; none: they compute on the processor.
    pub(crate) gpu: Option<Gpu>,
    /// Where heads of prompts are kept.
    pub(crate) heads: PathBuf,
    pub(crate) memory: Arc<dyn FreeMemory>,
}

impl Loader {
    /// Bytes that a language model may take now.
    pub(super) fn room(&self) -> Option<usize> {
        let LlmSettings { memory_limit_mb, memory_reserve_mb, .. } = self.settings;
        let free = self.memory.free().map(|free| free.saturating_sub(memory_reserve_mb << 20));
        let limit = (memory_limit_mb > 0).then_some(memory_limit_mb << 20);
        [free, limit].into_iter().flatten().min()
    }

    /// How the model in `directory` would lie in memory, of which it may take `free` bytes.
    ///
    /// # Errors
    /// When it does not fit on any rung, or its files cannot be read.
    pub(super) fn place(
        &self,
        directory: &Path,
        free: Option<usize>,
    ) -> Result<Placement, DaemonError> {
        let wish = Wish { prompt: self.prompt, kv: self.settings.kv_cache, free };
        let gpu = self.gpu.as_ref();
        let placed = place(wish, |context| LmGenerator::plan(directory, context, gpu));
        let name = gpu.map(|gpu| gpu.name().to_owned());
        placed.map(|placement| Placement { gpu: name, ..placement }).map_err(|error| match error {
            PlacementError::Plan(source) => {
                DaemonError::Model { slot: "llm", source: Box::new(source) }
            }
            short @ PlacementError::Short { .. } => DaemonError::OutOfMemory(short.to_string()),
        })
    }

    fn options(&self, id: &str, catalogue: &Catalogue, placement: &Placement) -> LmOptions {
        let draft = || match catalogue.find(&self.settings.draft, Slot::Llm) {
            Ok((_, directory)) => Guessing::Draft(directory.to_owned()),
            Err(error) => {
                tracing::warn!(%error, "nobody guesses tokens");
                Guessing::None
            }
        };
        LmOptions {
            gpu: self.gpu.clone(),
            context: placement.context,
            eight_bit_cache: placement.eight,
            guessing: match self.settings.speculation {
                Speculation::Off => Guessing::None,
                Speculation::PromptLookup => Guessing::PromptLookup,
                Speculation::Draft => draft(),
            },
            head: self.settings.keep_head.then(|| self.heads.join(format!("{id}.kv"))),
        }
    }

    /// Loads the model of an id as it was placed.
    ///
    /// # Errors
    /// When there is no such model or it cannot be loaded.
    pub(super) fn load(
        &self,
        catalogue: &Catalogue,
        id: &str,
        mut placement: Placement,
    ) -> Result<Brain, DaemonError> {
        let start = Instant::now();
        let (_, directory) = catalogue.find(id, Slot::Llm)?;
        let (directory, options) = (directory.to_owned(), self.options(id, catalogue, &placement));
        if let Some(folder) = options.head.as_deref().and_then(Path::parent)
            && let Err(error) = std::fs::create_dir_all(folder)
        {
            tracing::warn!(%error, folder = %folder.display(), "the prompt's head is not kept");
        }
        let load = |directory: &Path, options: &LmOptions| {
            LmGenerator::load(directory, options)
                .map_err(|source| DaemonError::Model { slot: "llm", source: Box::new(source) })
        };
        let first = match load(&directory, &options) {
            Err(error) if options.guessing != Guessing::None => {
                tracing::warn!(%error, "loading once more without anybody who guesses tokens");
                load(&directory, &LmOptions { guessing: Guessing::None, ..options.clone() })?
            }
            other => other?,
        };
        placement.context = first.max_context();
        let slot = LlmSlot {
            counter: Arc::new(first.counter()),
            context: first.max_context(),
            reply: placement.reply,
            greedy: is_greedy(&directory),
        };
        let again = move || {
            Some(Box::new(LmGenerator::load(&directory, &options).ok()?) as Box<dyn Generator>)
        };
        if !placement.rungs.is_empty() {
            tracing::warn!(model = id, placed = placement.describe(), "memory is short");
        }
        Ok(Brain {
            port: Box::new(first),
            again: Box::new(again),
            slot,
            id: Some(id.to_owned()),
            placement: Some(placement),
            took: start.elapsed(),
        })
    }

    /// The wished model, or what comes below it: the smaller one, the chat server, nobody. What failed
    /// on the way is told. `free` bytes may be taken.
    pub(super) fn descend(
        &self,
        catalogue: &Catalogue,
        wished: &str,
        free: Option<usize>,
    ) -> (Brain, Vec<Failure>) {
        let mut failures: Vec<Failure> = Vec::new();
        let fallback = self.settings.fallback.as_str();
        let ids = [wished, fallback];
        let ids =
            ids.iter().enumerate().filter(|(n, id)| !id.is_empty() && !ids[..*n].contains(id));
        for (_, id) in ids {
            let made = catalogue.find(id, Slot::Llm).and_then(|(_, directory)| {
                let mut placement = self.place(directory, free)?;
                if *id != wished && !wished.is_empty() {
                    placement.rungs.push(Rung::SmallerModel((*id).to_owned()));
                }
                self.load(catalogue, id, placement)
            });
            match made {
                Ok(brain) => return (brain, failures),
                Err(error) => {
                    tracing::error!(%error, model = id, "the language model is not loaded");
                    failures.push(((*id).to_owned(), error));
                }
            }
        }
        if !failures.is_empty() && self.remote.is_configured() {
            tracing::warn!(rung = %Rung::Remote, "no language model is loaded");
        }
        (self.without_model(), failures)
    }

    /// What thinks where no language model is loaded: the chat server if one is set, or nobody.
    pub(super) fn without_model(&self) -> Brain {
        if self.remote.is_configured() {
            match self.chat_server() {
                Ok(brain) => return brain,
                Err(error) => tracing::error!(%error, "the chat server is not used"),
            }
        }
        Brain {
            port: Box::new(EmptyGenerator),
            again: Box::new(|| Some(Box::new(EmptyGenerator) as Box<_>)),
            slot: LlmSlot { counter: Arc::new(NoTokens), context: 4096, reply: 4096, greedy: true },
            id: None,
            placement: None,
            took: Duration::ZERO,
        }
    }

    /// The chat server that is set. Nothing is sent until it is asked.
    fn chat_server(&self) -> Result<Brain, DaemonError> {
        let first = RemoteGenerator::open(self.remote.clone())?;
        let context = self.remote.context_tokens;
        let remote = self.remote.clone();
        let again = move || {
            Some(Box::new(RemoteGenerator::open(remote.clone()).ok()?) as Box<dyn Generator>)
        };
        Ok(Brain {
            port: Box::new(first),
            again: Box::new(again),
            slot: LlmSlot {
                counter: Arc::new(GuessedTokens),
                context,
                reply: context,
                greedy: false,
            },
            id: Some(REMOTE.to_owned()),
            placement: None,
            took: Duration::ZERO,
        })
    }
}
