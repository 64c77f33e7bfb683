//! The store: journal first, then index.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StoreError;
use crate::index::{Index, KeyValue, Readable};
use crate::journal::Journal;
use crate::record::{Change, Tree};

/// The journal is rewritten when it is this large and three quarters of it are outdated.
const COMPACT_BYTES: u64 = 4 << 20;

/// What opening found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Records in the store.
    pub records: usize,
    /// Bytes cut off the journal's end: a write that had not been acknowledged.
    pub torn_bytes: u64,
    /// Damaged bytes inside the journal.
    pub damaged_bytes: u64,
    /// Where a damaged index was put, and what was wrong with it.
    pub set_aside: Option<(PathBuf, String)>,
    /// Records of the index that had to be written anew from the journal.
    pub repaired: usize,
}

/// Several changes that are kept together or not at all.
#[derive(Debug, Default)]
pub struct Batch(Vec<Change>);

impl Batch {
    /// Puts `value` under `key`.
    ///
    /// # Errors
    /// When the value cannot be encoded.
    pub fn put<T: Serialize>(
        &mut self,
        tree: Tree,
        key: &[u8],
        value: &T,
    ) -> Result<&mut Self, StoreError> {
        let value = serde_json::to_vec(value)
            .map_err(|source| StoreError::Value { tree: tree.name(), source })?;
        self.0.push(Change { tree, key: key.to_vec(), value: Some(value) });
        Ok(self)
    }

    /// Removes `key`.
    pub fn remove(&mut self, tree: Tree, key: &[u8]) -> &mut Self {
        self.0.push(Change { tree, key: key.to_vec(), value: None });
        self
    }
}

/// Everything that is kept. One owner.
#[derive(Debug)]
pub struct Store {
    journal: Journal,
    index: Index,
    live_bytes: u64,
    broken: Option<String>,
}

type Truth = BTreeMap<(Tree, Vec<u8>), Option<Vec<u8>>>;

impl Store {
    /// Opens the store in `folder`, making it when it is new and repairing what can be repaired.
    ///
    /// # Errors
    /// When the folder cannot be used, or another process holds it.
    pub fn open(folder: &Path) -> Result<(Self, OpenReport), StoreError> {
        std::fs::create_dir_all(folder).map_err(|source| StoreError::Io {
            what: "cannot make",
            path: folder.to_owned(),
            source,
        })?;
        // The index holds the lock, so it is opened first.
        let opened = Index::open(folder)?;
        let (journal, replay) = Journal::open(folder)?;
        let mut truth: Truth = BTreeMap::new();
        for change in replay.changes {
            truth.insert((change.tree, change.key), change.value);
        }
        let mut report = OpenReport {
            torn_bytes: replay.torn_bytes,
            damaged_bytes: replay.damaged_bytes,
            set_aside: opened.set_aside,
            ..OpenReport::default()
        };
        let mut store = Self { journal, index: opened.index, live_bytes: 0, broken: None };
        store.reconcile(truth, opened.readable, &mut report)?;
        Ok((store, report))
    }

    /// Makes index and journal agree. The journal wins; what only the index knows (the journal was
    /// damaged there) is kept and journalled again.
    fn reconcile(
        &mut self,
        truth: Truth,
        readable: Vec<Readable>,
        report: &mut OpenReport,
    ) -> Result<(), StoreError> {
        let mut indexed: BTreeMap<(Tree, Vec<u8>), Vec<u8>> =
            readable.into_iter().map(|(tree, key, value)| ((tree, key), value)).collect();
        let fresh = report.set_aside.is_some();
        for ((tree, key), value) in truth {
            let slot = (tree, key);
            let known = indexed.remove(&slot);
            match value {
                Some(value) => {
                    if fresh || known.as_ref() != Some(&value) {
                        self.index.put(slot.0, &slot.1, &value)?;
                        report.repaired += 1;
                    }
                    self.live_bytes += (slot.1.len() + value.len() + 22) as u64;
                    report.records += 1;
                }
                None if known.is_some() && !fresh => self.index.remove(slot.0, &slot.1)?,
                None => {}
            }
        }
        let orphans: Vec<Change> = indexed
            .into_iter()
            .map(|((tree, key), value)| Change { tree, key, value: Some(value) })
            .collect();
        if !orphans.is_empty() {
            report.records += orphans.len();
            self.commit(Batch(orphans))?;
        }
        self.index.flush()
    }

    /// Keeps the changes; when this returns, they are on disk.
    ///
    /// # Errors
    /// When they could not be written. Nothing of them is kept then.
    pub fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        if let Some(reason) = &self.broken {
            return Err(StoreError::Closed { reason: reason.clone() });
        }
        self.journal.append(&batch.0)?;
        for change in &batch.0 {
            let applied = match &change.value {
                Some(value) => {
                    self.live_bytes += (change.key.len() + value.len() + 22) as u64;
                    self.index.put(change.tree, &change.key, value)
                }
                None => self.index.remove(change.tree, &change.key),
            };
            if let Err(error) = applied {
                // Acknowledged by the journal, but not to be read until the next start.
                self.broken = Some(error.to_string());
                return Err(error);
            }
        }
        self.compact_when_due()
    }

    /// Puts one value.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn put<T: Serialize>(
        &mut self,
        tree: Tree,
        key: &[u8],
        value: &T,
    ) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        batch.put(tree, key, value)?;
        self.commit(batch)
    }

    /// Reads one value.
    ///
    /// # Errors
    /// When the record is damaged.
    pub fn get<T: DeserializeOwned>(
        &self,
        tree: Tree,
        key: &[u8],
    ) -> Result<Option<T>, StoreError> {
        let Some(bytes) = self.index.get(tree, key)? else { return Ok(None) };
        let value = serde_json::from_slice(&bytes);
        value.map(Some).map_err(|source| StoreError::Value { tree: tree.name(), source })
    }

    /// All values of a tree in key order.
    ///
    /// # Errors
    /// When a record is damaged.
    pub fn all<T: DeserializeOwned>(&self, tree: Tree) -> Result<Vec<(Vec<u8>, T)>, StoreError> {
        let decode = |(key, bytes): KeyValue| {
            let value = serde_json::from_slice(&bytes);
            value
                .map(|value| (key, value))
                .map_err(|source| StoreError::Value { tree: tree.name(), source })
        };
        self.index.all(tree)?.into_iter().map(decode).collect()
    }

    /// Bytes of the journal.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.journal.bytes()
    }

    /// Brings the index to disk too, so that the next start is quicker.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.index.flush()
    }

    fn compact_when_due(&mut self) -> Result<(), StoreError> {
        if self.journal.bytes() < COMPACT_BYTES || self.live_bytes < COMPACT_BYTES {
            return Ok(());
        }
        let mut live = Vec::new();
        for tree in Tree::ALL {
            let records = self.index.all(tree)?;
            live.extend(records.into_iter().map(|(key, value)| Change {
                tree,
                key,
                value: Some(value),
            }));
        }
        let size: u64 = live
            .iter()
            .map(|c| (c.key.len() + c.value.as_ref().map_or(0, Vec::len) + 22) as u64)
            .sum();
        self.live_bytes = size;
        if size * 4 <= self.journal.bytes() {
            self.index.flush()?;
            self.journal.compact(&live)?;
        }
        // Counted anew from here, so that the walk above is rare.
        self.live_bytes = 0;
        Ok(())
    }
}
