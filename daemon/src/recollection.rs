//! Memory as the rest of the daemon asks for it: calls on the `memory` thread.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use companion_memory::{
    Embedder, HashEmbedder, Memory, MemoryError, MemorySettings, NewMemory, NoteVectors, Words,
};
use companion_store::{OpenReport, Store, Tree};
use companion_types::{MemoryHit, MemoryId, MemoryNote, MemoryOrigin, TurnId, TurnReport, UndoId};

use crate::error::DaemonError;
use crate::turn::Remembering;
use crate::worker::Worker;

/// A client waits no longer than this for memory.
const PATIENCE: Duration = Duration::from_secs(20);
/// Name of the setting that holds the profile in use.
const PROFILE: &[u8] = b"profile";
/// Name of the setting that holds the user's own pronunciations.
const PRONUNCIATIONS: &[u8] = b"pronunciations";

/// Makes the embedder, also when the stage is started again.
pub(crate) type MakeEmbedder = Box<dyn Fn() -> Result<Box<dyn Embedder>, DaemonError> + Send>;

/// The embedder that is part of the program.
pub(crate) fn hashed_ngrams() -> MakeEmbedder {
    Box::new(|| Ok(Box::new(HashEmbedder)))
}

/// The memory stage, and what makes its embedder.
#[derive(Clone)]
pub struct Recollection(pub(crate) Arc<Worker<Remembering>>, Arc<Mutex<MakeEmbedder>>);

impl std::fmt::Debug for Recollection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Recollection").field(&self.0).finish()
    }
}

/// What was found when it was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) recollection: Recollection,
    pub(crate) report: OpenReport,
    /// The first turn that was not used yet.
    pub(crate) first_turn: TurnId,
    /// Key of the profile in use.
    pub(crate) profile: Option<String>,
}

fn open(
    folder: &Path,
    words: &Arc<Words>,
    settings: MemorySettings,
    embedder: Box<dyn Embedder>,
) -> Result<(Remembering, OpenReport), DaemonError> {
    let (store, report) = Store::open(folder)?;
    let memory = Memory::open(&store, embedder, Arc::clone(words), settings)?;
    Ok(((store, memory), report))
}

impl Recollection {
    /// Opens the store and starts the stage.
    pub(crate) fn start(folder: PathBuf, settings: MemorySettings) -> Result<Opened, DaemonError> {
        let words = Arc::new(Words::default());
        let ((store, memory), report) = open(&folder, &words, settings, Box::new(HashEmbedder))?;
        let turns = store.all::<TurnReport>(Tree::Reports)?;
        let first_turn = TurnId(turns.last().map_or(1, |(_, r)| r.turn.0 + 1));
        let profile = store.get::<String>(Tree::Settings, PROFILE)?;
        let make = Arc::new(Mutex::new(hashed_ngrams()));
        let source = Arc::clone(&make);
        let again = move || {
            let made = source.lock().unwrap_or_else(PoisonError::into_inner)();
            let embedder = made.unwrap_or_else(|error| {
                tracing::error!(%error, "the embedder is gone; memory goes on with hashed n-grams");
                Box::new(HashEmbedder)
            });
            match open(&folder, &words, settings, embedder) {
                Ok((remembering, _)) => Some(remembering),
                Err(error) => {
                    tracing::error!(%error, "memory cannot be opened again");
                    None
                }
            }
        };
        let worker = Worker::start("memory", (store, memory), Box::new(again))?;
        Ok(Opened { recollection: Self(Arc::new(worker), make), report, first_turn, profile })
    }

    /// Loads another embedder, makes the vectors of all notes with it on this thread, and puts it in place of the one
    /// in use; memory answers with the old one until then.
    ///
    /// # Errors
    /// When it cannot be loaded or fails on a note; the old one stays.
    pub(crate) fn adopt(&self, make: MakeEmbedder) -> Result<(), DaemonError> {
        let mut embedder = make()?;
        let (fingerprint, length) = (embedder.fingerprint(), embedder.dimension());
        let (notes, kept) = self.0.call_within(PATIENCE, move |(store, memory)| {
            (memory.list(), NoteVectors::kept(store, fingerprint, length))
        })?;
        let mut vectors = kept?;
        vectors.fill(embedder.as_mut(), &notes, &mut |done, all| {
            if done % 100 == 0 {
                tracing::info!(done, all, "memories are embedded anew");
            }
        })?;
        self.0.call_within(PATIENCE, move |(store, memory)| {
            memory.adopt(store, embedder, vectors)
        })??;
        *self.1.lock().unwrap_or_else(PoisonError::into_inner) = make;
        Ok(())
    }

    /// Keeps a note.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn remember(&self, text: &str, core: bool) -> Result<MemoryId, DaemonError> {
        let text = text.to_owned();
        let now_s = jiff::Timestamp::now().as_second();
        let new = NewMemory { text, origin: MemoryOrigin::Note, turn: None, now_s, core };
        Ok(self.0.call_within(PATIENCE, move |(store, memory)| memory.add(store, new))??)
    }

    /// All memories, newest first.
    ///
    /// # Errors
    /// When the stage does not answer.
    pub fn memories(&self) -> Result<Vec<MemoryNote>, DaemonError> {
        self.0.call_within(PATIENCE, |(_, memory)| memory.list())
    }

    /// One memory.
    ///
    /// # Errors
    /// When there is none of this id.
    pub fn get(&self, id: MemoryId) -> Result<MemoryNote, DaemonError> {
        let found = self.0.call_within(PATIENCE, move |(_, memory)| memory.get(id).cloned())?;
        found.ok_or_else(|| DaemonError::NotFound(format!("there is no memory {id}")))
    }

    /// The nearest memories.
    ///
    /// # Errors
    /// When the embedder fails.
    pub fn recall(&self, query: &str, count: usize) -> Result<Vec<MemoryHit>, DaemonError> {
        let query = query.to_owned();
        let found = self.0.call_within(PATIENCE, move |(_, memory)| {
            let start = std::time::Instant::now();
            memory.recall(&query, count, Duration::from_secs(5), &|| start.elapsed())
        })?;
        Ok(found?.hits)
    }

    /// Forgets; gives the id to undo it with.
    ///
    /// # Errors
    /// When one of them does not exist.
    pub fn forget(&self, ids: Vec<MemoryId>) -> Result<UndoId, DaemonError> {
        Ok(self.0.call_within(PATIENCE, move |(store, memory)| memory.forget(store, &ids))??)
    }

    /// Brings back what was forgotten.
    ///
    /// # Errors
    /// When there is nothing to undo.
    pub fn undo(&self, undo: UndoId) -> Result<Vec<MemoryId>, DaemonError> {
        Ok(self.0.call_within(PATIENCE, move |(store, memory)| memory.undo(store, undo))??)
    }

    /// The memories that a turn's answer rested on, with their texts.
    ///
    /// # Errors
    /// When the turn is unknown or the store fails.
    pub fn explain(&self, turn: TurnId) -> Result<Vec<(MemoryId, String)>, DaemonError> {
        let found =
            self.0.call_within(PATIENCE, move |(store, memory)| -> Result<_, MemoryError> {
                let report: Option<TurnReport> = store.get(Tree::Reports, &turn.0.to_be_bytes())?;
                let text =
                    |id: MemoryId| memory.get(id).map(|n| n.text.clone()).unwrap_or_default();
                Ok(report.map(|r| r.memories.into_iter().map(|id| (id, text(id))).collect()))
            })??;
        found.ok_or_else(|| DaemonError::NotFound(format!("there is no report of turn {turn}")))
    }

    /// How many memories there are, and bytes on disk.
    ///
    /// # Errors
    /// When the stage does not answer.
    pub fn size(&self) -> Result<(usize, u64), DaemonError> {
        self.0.call_within(PATIENCE, |(store, memory)| (memory.count(), store.bytes()))
    }

    /// Keeps which profile is in use.
    pub(crate) fn keep_profile(&self, key: &str) -> Result<(), DaemonError> {
        let key = key.to_owned();
        let put =
            move |remembering: &mut Remembering| remembering.0.put(Tree::Settings, PROFILE, &key);
        Ok(self.0.call_within(PATIENCE, put)??)
    }

    /// The user's own pronunciations: words and how they are said.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) fn pronunciations(&self) -> Result<Vec<(String, String)>, DaemonError> {
        let kept = self.0.call_within(PATIENCE, |(store, _)| {
            store.get::<Vec<(String, String)>>(Tree::Settings, PRONUNCIATIONS)
        })??;
        Ok(kept.unwrap_or_default())
    }

    /// Keeps the pronunciations.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(crate) fn keep_pronunciations(
        &self,
        entries: Vec<(String, String)>,
    ) -> Result<(), DaemonError> {
        let put = move |remembering: &mut Remembering| {
            remembering.0.put(Tree::Settings, PRONUNCIATIONS, &entries)
        };
        Ok(self.0.call_within(PATIENCE, put)??)
    }
}
