//! Which model is in which slot. A model is loaded beside the one in use and put in its place between two
//! jobs; until then the old one works on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use companion_asr::Recognizer;
use companion_dialogue::Generator;

use super::keeping::Keeping;
use super::llm::{Brain, Failure, Loader, REMOTE};
use super::placement::Placement;
use super::{Catalogue, ModelInfo, Slot};
use crate::backend::{EmptyRecognizer, ModelEmbedder, SenseVoiceRecognizer};
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
    /// Out of memory until somebody speaks.
    Resting,
    Failed(String),
}

impl ModelState {
    /// Name on the bus.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::OnDisk => "on-disk",
            Self::Loading => "loading",
            Self::Loaded(_) => "loaded",
            Self::Resting => "resting",
            Self::Failed(_) => "failed",
        }
    }
}

#[derive(Debug)]
pub(super) struct Table {
    pub(super) catalogue: Catalogue,
    pub(super) states: BTreeMap<String, ModelState>,
    pub(super) in_slot: BTreeMap<Slot, String>,
    /// How the language model lies in memory; `None`: none does.
    pub(super) placement: Option<Placement>,
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

/// The slots.
pub(crate) struct Slots {
    // Read and written by bus tasks; held for look-ups only, never while a model loads.
    table: Mutex<Table>,
    pub(super) stages: SlotStages,
    pub(super) loader: Loader,
    pub(super) keeping: Keeping,
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

/// How to load an embedder.
fn load_embedder(directory: PathBuf) -> MakeEmbedder {
    Box::new(move || Ok(Box::new(ModelEmbedder::load(&directory).map_err(model("embed"))?)))
}

type Ears = (Box<dyn Recognizer>, MakePort<Box<dyn Recognizer>>);

fn no_asr() -> Ears {
    (Box::new(EmptyRecognizer), Box::new(|| Some(Box::new(EmptyRecognizer) as Box<_>)))
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
        loader: Loader,
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
        let (brain, failures) = loader.descend(&catalogue, llm, loader.room());
        let Brain { port, again, slot, id, placement, took } = brain;
        for (id, error) in failures {
            note(Slot::Llm, &id, Err(error));
        }
        if let Some(id) = &id {
            note(Slot::Llm, id, Ok(took));
        }
        let llm_slot = Arc::new(ArcSwap::from_pointee(slot));
        let llm_stage = Arc::new(Worker::start("llm", port, again)?);
        let adopt = |directory| memory.adopt(load_embedder(directory));
        if let (_, Some(took)) = configured(&catalogue, embed, Slot::Embed, adopt) {
            note(Slot::Embed, embed, took);
        }
        let stages = SlotStages { asr: asr_stage, llm: llm_stage, llm_slot, memory };
        let table = Mutex::new(Table { catalogue, states, in_slot, placement });
        Ok(Self { table, stages, loader, keeping: Keeping::default() })
    }

    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stages(&self) -> &SlotStages {
        &self.stages
    }

    /// Whether language models compute on a GPU.
    pub(crate) fn has_gpu(&self) -> bool {
        self.loader.gpu.is_some()
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

    /// How the language model lies in memory, where `id` is the one that does.
    pub(crate) fn placement(&self, id: &str) -> Option<Placement> {
        let table = self.table();
        let in_it = table.in_slot.get(&Slot::Llm).is_some_and(|in_slot| in_slot == id);
        table.placement.clone().filter(|_| in_it)
    }

    /// Puts a language model into its stage. What failed on the way to it is noted.
    pub(super) fn seat(&self, brain: Brain, failures: Vec<Failure>) -> Result<(), DaemonError> {
        let Brain { port, again, slot, id, placement, took } = brain;
        self.stages.llm.replace(port, again)?;
        self.stages.llm_slot.store(Arc::new(slot));
        let mut table = self.table();
        for (id, error) in failures {
            table.states.insert(id, ModelState::Failed(error.to_string()));
        }
        let old = match &id {
            Some(id) => table.in_slot.insert(Slot::Llm, id.clone()),
            None => table.in_slot.remove(&Slot::Llm),
        };
        // One that failed keeps saying why.
        if let Some(old) = old.filter(|old| Some(old) != id.as_ref() && old != REMOTE)
            && !matches!(table.states.get(&old), Some(ModelState::Failed(_)))
        {
            table.states.insert(old, ModelState::OnDisk);
        }
        if let Some(id) = id {
            table.states.insert(id, ModelState::Loaded(took));
        }
        table.placement = placement;
        Ok(())
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
        let result = match slot {
            Slot::Llm => return self.load_llm(id),
            slot => self.put(slot, directory),
        };
        let took = start.elapsed();
        let mut table = self.table();
        match result {
            Ok(()) => {
                if let Some(old) = table.in_slot.insert(slot, id.to_owned())
                    && old != id
                    && old != HASHED_NGRAMS
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
            Slot::Embed => self.stages.memory.adopt(load_embedder(directory)),
            Slot::Llm | Slot::Vad => {
                Err(DaemonError::Invalid(format!("the {} slot is not exchanged so", slot.name())))
            }
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
        let instead = (slot == Slot::Embed).then_some(HASHED_NGRAMS);
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
            Slot::Llm => return self.unload_llm(id),
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
