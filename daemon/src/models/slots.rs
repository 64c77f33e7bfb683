//! Which model is in which slot. A model is loaded beside the one in use and put in its place between two
//! jobs; until then the old one works on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use companion_asr::Recognizer;
use companion_dialogue::{Generator, TokenCounter};
use companion_engine::models::causal_lm::is_greedy;
use companion_remote::RemoteSettings;

use super::{Catalogue, ModelInfo, Slot};
use crate::backend::{
    EmptyGenerator, EmptyRecognizer, GuessedTokens, LmGenerator, ModelEmbedder, RemoteGenerator,
    SenseVoiceRecognizer,
};
use crate::config::ModelSettings;
use crate::error::DaemonError;
use crate::recollection::{MakeEmbedder, Recollection, hashed_ngrams};
use crate::turn::LlmSlot;
use crate::voices::ESPEAK;
use crate::worker::{MakePort, Worker};

/// How a model is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum ModelState {
    #[default]
    OnDisk,
    Loading,
    Loaded(Duration),
    Failed(String),
}

impl ModelState {
    /// Name on the bus.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::OnDisk => "on-disk",
            Self::Loading => "loading",
            Self::Loaded(_) => "loaded",
            Self::Failed(_) => "failed",
        }
    }
}

#[derive(Debug)]
struct Table {
    catalogue: Catalogue,
    states: BTreeMap<String, ModelState>,
    in_slot: BTreeMap<Slot, String>,
}

/// The stages whose models can be exchanged.
pub(crate) struct SlotStages {
    pub(crate) asr: Arc<Worker<Box<dyn Recognizer>>>,
    pub(crate) llm: Arc<Worker<Box<dyn Generator>>>,
    pub(crate) llm_slot: Arc<ArcSwap<LlmSlot>>,
    pub(crate) memory: Recollection,
}

/// Id of the embedder that is part of the program.
const HASHED_NGRAMS: &str = "hashed-ngrams";

/// Id of the chat server that thinks where no language model is loaded.
const REMOTE: &str = "remote";

/// The slots.
pub(crate) struct Slots {
    // Read and written by bus tasks; held for look-ups only, never while a model loads.
    table: Mutex<Table>,
    stages: SlotStages,
    budget: usize,
    remote: RemoteSettings,
}

fn model(slot: &'static str) -> impl Fn(companion_engine::EngineError) -> DaemonError {
    move |source| DaemonError::Model { slot, source: Box::new(source) }
}

/// A loaded recogniser and how to load it again.
fn load_asr(directory: PathBuf) -> Result<Ears, DaemonError> {
    let first = SenseVoiceRecognizer::load(&directory).map_err(model("asr"))?;
    let again = move || {
        let new = SenseVoiceRecognizer::load(&directory).ok()?;
        Some(Box::new(new) as Box<dyn Recognizer>)
    };
    Ok((Box::new(first), Box::new(again)))
}

/// A loaded language model, how to load it again, and what the prompt must know of it.
fn load_llm(directory: PathBuf, budget: usize) -> Result<Brain, DaemonError> {
    // The budget is for prompts; replies come on top of it.
    let context = budget + 4096;
    let first = LmGenerator::load(&directory, context).map_err(model("llm"))?;
    let slot = LlmSlot {
        counter: Arc::new(first.counter()),
        context: first.max_context(),
        greedy: is_greedy(&directory),
    };
    let again =
        move || Some(Box::new(LmGenerator::load(&directory, context).ok()?) as Box<dyn Generator>);
    Ok((Box::new(first), Box::new(again), slot))
}

/// How to load an embedder.
fn load_embedder(directory: PathBuf) -> MakeEmbedder {
    Box::new(move || Ok(Box::new(ModelEmbedder::load(&directory).map_err(model("embed"))?)))
}

type Ears = (Box<dyn Recognizer>, MakePort<Box<dyn Recognizer>>);
type Brain = (Box<dyn Generator>, MakePort<Box<dyn Generator>>, LlmSlot);

struct NoTokens;

impl TokenCounter for NoTokens {
    fn count(&self, text: &str) -> usize {
        text.chars().count()
    }

    fn per_message(&self) -> usize {
        0
    }
}

fn no_asr() -> Ears {
    (Box::new(EmptyRecognizer), Box::new(|| Some(Box::new(EmptyRecognizer) as Box<_>)))
}

fn no_llm() -> Brain {
    let slot = LlmSlot { counter: Arc::new(NoTokens), context: 4096, greedy: true };
    (Box::new(EmptyGenerator), Box::new(|| Some(Box::new(EmptyGenerator) as Box<_>)), slot)
}

/// The chat server that is set. Nothing is sent until it is asked.
fn remote_llm(settings: &RemoteSettings) -> Result<Brain, DaemonError> {
    let first = RemoteGenerator::open(settings.clone())?;
    let counter = Arc::new(GuessedTokens);
    let slot = LlmSlot { counter, context: settings.context_tokens, greedy: false };
    let settings = settings.clone();
    let again =
        move || Some(Box::new(RemoteGenerator::open(settings.clone()).ok()?) as Box<dyn Generator>);
    Ok((Box::new(first), Box::new(again), slot))
}

/// What thinks where no language model is loaded: the chat server if one is set, and its id, or nothing.
fn without_llm(remote: &RemoteSettings) -> (Brain, Option<&'static str>) {
    if !remote.is_configured() {
        return (no_llm(), None);
    }
    match remote_llm(remote) {
        Ok(brain) => (brain, Some(REMOTE)),
        Err(error) => {
            tracing::error!(%error, "the chat server is not used");
            (no_llm(), None)
        }
    }
}

impl Slots {
    /// Loads the configured models and starts their stages. A model that fails leaves its slot empty: the
    /// companion starts all the same and says what is wrong.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub(crate) fn start(
        folders: &[PathBuf],
        models: &ModelSettings,
        budget: usize,
        remote: RemoteSettings,
        memory: Recollection,
    ) -> Result<Self, DaemonError> {
        let ModelSettings { asr, llm, embed } = models;
        let catalogue = Catalogue::scan(folders);
        let mut states = BTreeMap::new();
        let mut in_slot = BTreeMap::from([
            (Slot::Vad, "earshot".to_owned()),
            (Slot::Embed, HASHED_NGRAMS.to_owned()),
            (Slot::Tts, ESPEAK.to_owned()),
        ]);
        for id in in_slot.values() {
            states.insert(id.clone(), ModelState::Loaded(Duration::ZERO));
        }
        let mut note = |slot: Slot, id: &str, took: Result<Duration, DaemonError>| match took {
            Ok(took) => {
                states.insert(id.to_owned(), ModelState::Loaded(took));
                in_slot.insert(slot, id.to_owned());
            }
            Err(error) => {
                tracing::error!(%error, slot = slot.name(), "the slot stays empty");
                states.insert(id.to_owned(), ModelState::Failed(error.to_string()));
            }
        };
        let (ears, took) = configured(&catalogue, asr, Slot::Asr, load_asr);
        if let Some(took) = took {
            note(Slot::Asr, asr, took);
        }
        let (port, again) = ears.unwrap_or_else(no_asr);
        let asr_stage = Arc::new(Worker::start("asr", port, again)?);
        let (brain, took) = configured(&catalogue, llm, Slot::Llm, |d| load_llm(d, budget));
        if let Some(took) = took {
            note(Slot::Llm, llm, took);
        }
        let (port, again, slot) = brain.unwrap_or_else(|| {
            let (brain, id) = without_llm(&remote);
            if let Some(id) = id {
                note(Slot::Llm, id, Ok(Duration::ZERO));
            }
            brain
        });
        let llm_slot = Arc::new(ArcSwap::from_pointee(slot));
        let llm_stage = Arc::new(Worker::start("llm", port, again)?);
        let adopt = |directory| memory.adopt(load_embedder(directory));
        if let (_, Some(took)) = configured(&catalogue, embed, Slot::Embed, adopt) {
            note(Slot::Embed, embed, took);
        }
        let stages = SlotStages { asr: asr_stage, llm: llm_stage, llm_slot, memory };
        let table = Mutex::new(Table { catalogue, states, in_slot });
        Ok(Self { table, stages, budget, remote })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stages(&self) -> &SlotStages {
        &self.stages
    }

    /// Looks through the folders again.
    pub(crate) fn rescan(&self) -> Vec<ModelInfo> {
        let folders = self.table().catalogue.folders().to_vec();
        let new = Catalogue::scan(&folders);
        let models = new.models().to_vec();
        self.table().catalogue = new;
        models
    }

    pub(crate) fn models(&self) -> Vec<ModelInfo> {
        self.table().catalogue.models().to_vec()
    }

    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        self.table().catalogue.folders().to_vec()
    }

    pub(crate) fn state(&self, id: &str) -> ModelState {
        self.table().states.get(id).cloned().unwrap_or_default()
    }

    /// What speaks now: a voice's model or espeak-ng; a model that cannot be used, and why.
    pub(crate) fn speaks(&self, model: &str, took: Duration, failed: Option<(String, String)>) {
        let mut table = self.table();
        if let Some(old) = table.in_slot.insert(Slot::Tts, model.to_owned())
            && old != model
            && old != ESPEAK
        {
            table.states.insert(old, ModelState::OnDisk);
        }
        table.states.insert(model.to_owned(), ModelState::Loaded(took));
        if let Some((model, problem)) = failed {
            table.states.insert(model, ModelState::Failed(problem));
        }
    }

    /// Slots and the models in them.
    pub(crate) fn in_slots(&self) -> Vec<(Slot, Option<String>)> {
        let table = self.table();
        Slot::ALL.into_iter().map(|slot| (slot, table.in_slot.get(&slot).cloned())).collect()
    }

    /// Loads a model and puts it into its slot; waits for it.
    ///
    /// # Errors
    /// When it cannot be loaded; what was in the slot stays.
    pub(crate) fn load(&self, id: &str) -> Result<Duration, DaemonError> {
        let (slot, directory) = {
            let mut table = self.table();
            let info = table.catalogue.models().iter().find(|m| m.id == id).cloned();
            let Some(info) = info else {
                return Err(DaemonError::NotFound(format!("there is no model {id:?}")));
            };
            let Some(directory) = info.directory else {
                return Err(DaemonError::Invalid(format!(
                    "{id} is part of the program: it is always loaded"
                )));
            };
            if table.states.get(id) == Some(&ModelState::Loading) {
                return Err(DaemonError::Busy("loading this model already"));
            }
            table.states.insert(id.to_owned(), ModelState::Loading);
            (info.slot, directory)
        };
        let start = Instant::now();
        let result = self.put(slot, directory);
        let took = start.elapsed();
        let mut table = self.table();
        match result {
            Ok(()) => {
                if let Some(old) = table.in_slot.insert(slot, id.to_owned())
                    && old != id
                    && old != HASHED_NGRAMS
                    && old != REMOTE
                {
                    table.states.insert(old, ModelState::OnDisk);
                }
                table.states.insert(id.to_owned(), ModelState::Loaded(took));
                Ok(took)
            }
            Err(error) => {
                table.states.insert(id.to_owned(), ModelState::Failed(error.to_string()));
                Err(error)
            }
        }
    }

    fn put(&self, slot: Slot, directory: PathBuf) -> Result<(), DaemonError> {
        match slot {
            Slot::Asr => {
                let (port, again) = load_asr(directory)?;
                self.stages.asr.replace(port, again)
            }
            Slot::Llm => {
                let (port, again, slot) = load_llm(directory, self.budget)?;
                self.stages.llm.replace(port, again)?;
                self.stages.llm_slot.store(Arc::new(slot));
                Ok(())
            }
            Slot::Embed => self.stages.memory.adopt(load_embedder(directory)),
            Slot::Vad => Err(DaemonError::Invalid("the vad slot is not exchanged".to_owned())),
            Slot::Tts => Err(DaemonError::Invalid(
                "a voice brings its model: use a profile whose voice names this one in its \
                 voice.toml; see `companionctl voice list`"
                    .to_owned(),
            )),
        }
    }

    /// Empties a model's slot.
    ///
    /// # Errors
    /// When it is in no slot, or is part of the program.
    pub(crate) fn unload(&self, id: &str) -> Result<(), DaemonError> {
        let slot = {
            let table = self.table();
            let found = table.in_slot.iter().find(|(_, in_it)| *in_it == id).map(|(slot, _)| *slot);
            let none = || DaemonError::Invalid(format!("model {id:?} is not loaded"));
            found.ok_or_else(none)?
        };
        let mut instead = (slot == Slot::Embed).then_some(HASHED_NGRAMS);
        match slot {
            Slot::Asr => {
                let (port, again) = no_asr();
                self.stages.asr.replace(port, again)?;
            }
            Slot::Llm if id == REMOTE => {
                return Err(DaemonError::Invalid(
                    "the chat server is set in [remote]: take it out there, or load a language model"
                        .to_owned(),
                ));
            }
            Slot::Llm => {
                let ((port, again, slot), remote) = without_llm(&self.remote);
                instead = remote;
                self.stages.llm.replace(port, again)?;
                self.stages.llm_slot.store(Arc::new(slot));
            }
            Slot::Embed if id != HASHED_NGRAMS => {
                self.stages.memory.adopt(hashed_ngrams())?;
            }
            Slot::Vad | Slot::Embed | Slot::Tts => {
                return Err(DaemonError::Invalid(format!(
                    "{id} is part of the program and stays: it is what is left when nothing else is loaded"
                )));
            }
        }
        let mut table = self.table();
        match instead {
            Some(instead) => drop(table.in_slot.insert(slot, instead.to_owned())),
            None => drop(table.in_slot.remove(&slot)),
        }
        table.states.insert(id.to_owned(), ModelState::OnDisk);
        Ok(())
    }
}

/// Loads the model a setting names; no time for none.
fn configured<T>(
    catalogue: &Catalogue,
    id: &str,
    slot: Slot,
    load: impl FnOnce(PathBuf) -> Result<T, DaemonError>,
) -> (Option<T>, Option<Result<Duration, DaemonError>>) {
    if id.is_empty() {
        return (None, None);
    }
    let start = Instant::now();
    let found = catalogue.find(id, slot).map(|(_, directory)| Path::to_owned(directory));
    match found.and_then(load) {
        Ok(made) => (Some(made), Some(Ok(start.elapsed()))),
        Err(error) => (None, Some(Err(error))),
    }
}
