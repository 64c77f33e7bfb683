//! Vectors of notes that took time to make: kept in the store, made anew where the text or the embedder changed.

use std::collections::{BTreeMap, BTreeSet};

use companion_store::{Batch, Store, Tree};
use companion_types::{MemoryId, MemoryNote};
use serde::{Deserialize, Serialize};

use crate::error::MemoryError;
use crate::ports::Embedder;

/// Vectors put into the store at once.
const BATCH: usize = 64;

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    fingerprint: String,
    text: String,
    dense: Vec<f32>,
}

/// Vectors of one embedder by the note they belong to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NoteVectors {
    fingerprint: String,
    by_id: BTreeMap<MemoryId, (String, Vec<f32>)>,
    /// Those that the store lacks.
    new: BTreeSet<MemoryId>,
}

impl NoteVectors {
    /// Those of an embedder that the store holds, by its fingerprint and the length of its vectors.
    ///
    /// # Errors
    /// When the store fails.
    pub fn kept(store: &Store, fingerprint: String, length: usize) -> Result<Self, MemoryError> {
        let mut found = Self { fingerprint, ..Self::default() };
        for (key, kept) in store.all::<Kept>(Tree::Vectors)? {
            let Ok(id) = key.try_into().map(u64::from_be_bytes) else { continue };
            if kept.fingerprint == found.fingerprint && kept.dense.len() == length {
                found.by_id.insert(MemoryId(id), (kept.text, kept.dense));
            }
        }
        Ok(found)
    }

    /// The same, if they are those of this embedder; none otherwise.
    pub(crate) fn made_by(self, embedder: &dyn Embedder) -> Self {
        let fingerprint = embedder.fingerprint();
        if self.fingerprint == fingerprint { self } else { Self { fingerprint, ..Self::default() } }
    }

    /// Makes what is missing for `notes`; `progress` hears how many of how many are there.
    ///
    /// # Errors
    /// When the embedder fails.
    pub fn fill(
        &mut self,
        embedder: &mut dyn Embedder,
        notes: &[MemoryNote],
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<(), MemoryError> {
        for (done, note) in notes.iter().enumerate() {
            if self.of(note).is_none() {
                let dense = embedder.embed(&note.text)?.dense;
                self.by_id.insert(note.id, (note.text.clone(), dense));
                self.new.insert(note.id);
            }
            progress(done + 1, notes.len());
        }
        Ok(())
    }

    /// The vector of a note, when it was made of the note's present text.
    pub(crate) fn of(&self, note: &MemoryNote) -> Option<&Vec<f32>> {
        self.by_id.get(&note.id).filter(|(text, _)| *text == note.text).map(|(_, dense)| dense)
    }

    /// Puts those that the store lacks into it.
    pub(crate) fn keep(&mut self, store: &mut Store) -> Result<(), MemoryError> {
        let new: Vec<MemoryId> = self.new.iter().copied().collect();
        for part in new.chunks(BATCH) {
            let mut batch = Batch::default();
            for id in part {
                if let Some((text, dense)) = self.by_id.get(id) {
                    put(&mut batch, *id, &self.fingerprint, text, dense)?;
                }
            }
            store.commit(batch)?;
        }
        self.new.clear();
        Ok(())
    }
}

/// Adds a note's vector to a batch.
pub(crate) fn put(
    batch: &mut Batch,
    id: MemoryId,
    fingerprint: &str,
    text: &str,
    dense: &[f32],
) -> Result<(), MemoryError> {
    let kept =
        Kept { fingerprint: fingerprint.to_owned(), text: text.to_owned(), dense: dense.to_vec() };
    batch.put(Tree::Vectors, &id.0.to_be_bytes(), &kept)?;
    Ok(())
}
