//! The user's own pronunciations: kept in the store, ready for the voice. A change counts from the next reply on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use companion_tts::verbalize::{Pronunciation, Pronunciations};

use crate::error::DaemonError;
use crate::recollection::Recollection;

/// All pronunciations.
#[derive(Debug)]
pub(crate) struct WordBook {
    // Bus tasks read and change; held over one small write to the store.
    entries: Mutex<Vec<Pronunciation>>,
    ready: Arc<ArcSwap<Pronunciations>>,
    recollection: Recollection,
}

impl WordBook {
    /// Reads what the store keeps. An entry that cannot be used any more is left out, with a line in the log.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) fn open(recollection: Recollection) -> Result<Self, DaemonError> {
        let mut entries = Vec::new();
        for (written, said) in recollection.pronunciations()? {
            match Pronunciation::new(&written, &said) {
                Ok(entry) => entries.push(entry),
                Err(error) => tracing::warn!(%error, "a pronunciation is left out"),
            }
        }
        let ready = Pronunciations::new(entries.iter().cloned())?;
        let ready = Arc::new(ArcSwap::from_pointee(ready));
        Ok(Self { entries: Mutex::new(entries), ready, recollection })
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Pronunciation>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the voice reads.
    pub(crate) fn ready(&self) -> Arc<ArcSwap<Pronunciations>> {
        Arc::clone(&self.ready)
    }

    /// All entries, in the order of their words.
    pub(crate) fn all(&self) -> Vec<Pronunciation> {
        let mut all = self.entries().clone();
        all.sort_by(|a, b| a.written.cmp(&b.written));
        all
    }

    /// Adds an entry, in place of an older one for the same word; it is on disk when this returns.
    ///
    /// # Errors
    /// When it cannot be used or not be kept.
    pub(crate) fn add(&self, written: &str, said: &str) -> Result<(), DaemonError> {
        let entry = Pronunciation::new(written, said)?;
        let mut entries = self.entries();
        let mut new: Vec<Pronunciation> =
            entries.iter().filter(|old| old.written != entry.written).cloned().collect();
        new.push(entry);
        self.keep(&mut entries, new)
    }

    /// Removes the entry of a word.
    ///
    /// # Errors
    /// When there is none, or the change cannot be kept.
    pub(crate) fn remove(&self, written: &str) -> Result<(), DaemonError> {
        let mut entries = self.entries();
        let new: Vec<Pronunciation> =
            entries.iter().filter(|old| old.written != written.trim()).cloned().collect();
        if new.len() == entries.len() {
            return Err(DaemonError::NotFound(format!(
                "there is no pronunciation of {written:?}; see `companionctl voice words`"
            )));
        }
        self.keep(&mut entries, new)
    }

    fn keep(
        &self,
        entries: &mut Vec<Pronunciation>,
        new: Vec<Pronunciation>,
    ) -> Result<(), DaemonError> {
        let ready = Pronunciations::new(new.iter().cloned())?;
        let pairs = new.iter().map(|e| (e.written.clone(), e.said.clone())).collect();
        self.recollection.keep_pronunciations(pairs)?;
        *entries = new;
        self.ready.store(Arc::new(ready));
        Ok(())
    }
}
