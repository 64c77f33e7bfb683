//! sled as the index: opened with care, because a damaged one may refuse, panic or lie. Every value
//! carries a checksum of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::record::Tree;

/// Tree, key, value.
pub(crate) type Readable = (Tree, Vec<u8>, Vec<u8>);
/// Key, value.
pub(crate) type KeyValue = (Vec<u8>, Vec<u8>);

#[derive(Debug)]
pub(crate) struct Index {
    db: sled::Db,
    trees: Vec<sled::Tree>,
}

/// How the index could be opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) index: Index,
    /// Where a damaged one was put, and what was wrong.
    pub(crate) set_aside: Option<(PathBuf, String)>,
    /// Everything that could be read from it with a right checksum.
    pub(crate) readable: Vec<Readable>,
}

/// A value with its checksum in front.
fn seal(value: &[u8]) -> Vec<u8> {
    let mut sealed = crc32fast::hash(value).to_le_bytes().to_vec();
    sealed.extend_from_slice(value);
    sealed
}

fn unseal(sealed: &[u8]) -> Option<&[u8]> {
    let crc = u32::from_le_bytes(sealed.get(..4)?.try_into().ok()?);
    let value = &sealed[4..];
    (crc32fast::hash(value) == crc).then_some(value)
}

fn index_error(tree: Tree, error: &sled::Error) -> StoreError {
    StoreError::Index { tree: tree.name(), message: error.to_string() }
}

impl Index {
    fn try_open(path: &Path) -> Result<Self, String> {
        let open = || -> Result<Self, sled::Error> {
            let db = sled::Config::new().path(path).cache_capacity(32 << 20).open()?;
            let trees =
                Tree::ALL.iter().map(|t| db.open_tree(t.name())).collect::<Result<_, _>>()?;
            Ok(Self { db, trees })
        };
        match catch_unwind(AssertUnwindSafe(open)) {
            Ok(Ok(index)) => Ok(index),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("it panicked while opening".to_owned()),
        }
    }

    fn tree(&self, tree: Tree) -> &sled::Tree {
        let at = Tree::ALL.iter().position(|t| *t == tree).unwrap_or_default();
        &self.trees[at]
    }

    /// Everything with a right checksum, and the first thing that was wrong.
    fn read_all(&self) -> (Vec<Readable>, Option<String>) {
        let mut readable = Vec::new();
        let mut wrong = None;
        for tree in Tree::ALL {
            let walk = AssertUnwindSafe(|| {
                let mut found = Vec::new();
                let mut fault = None;
                for item in self.tree(tree).iter() {
                    match item {
                        Ok((key, sealed)) => match unseal(&sealed) {
                            Some(value) => found.push((tree, key.to_vec(), value.to_vec())),
                            None => fault = Some(format!("a checksum in {}", tree.name())),
                        },
                        Err(error) => {
                            fault = Some(error.to_string());
                            break;
                        }
                    }
                }
                (found, fault)
            });
            match catch_unwind(walk) {
                Ok((found, fault)) => {
                    readable.extend(found);
                    wrong = wrong.or(fault);
                }
                Err(_) => wrong = wrong.or(Some(format!("it panicked reading {}", tree.name()))),
            }
        }
        (readable, wrong)
    }

    /// Opens the index in `folder/index`. The ladder: open; without its snapshots; set the damaged one
    /// aside and begin an empty one.
    pub(crate) fn open(folder: &Path) -> Result<Opened, StoreError> {
        let path = folder.join("index");
        let mut attempt = Self::try_open(&path);
        if let Err(message) = &attempt {
            if message.contains("lock") || message.contains("Resource temporarily unavailable") {
                return Err(StoreError::Locked { path: folder.to_owned() });
            }
            remove_snapshots(&path);
            attempt = Self::try_open(&path);
        }
        let mut readable = Vec::new();
        let wrong = match attempt {
            Ok(index) => {
                let (found, wrong) = index.read_all();
                readable = found;
                match wrong {
                    None => return Ok(Opened { index, set_aside: None, readable }),
                    Some(wrong) => {
                        drop(index);
                        wrong
                    }
                }
            }
            Err(message) => message,
        };
        let aside = set_aside(folder, &path)?;
        let index = Self::try_open(&path).map_err(|message| StoreError::Index {
            tree: "all",
            message: format!("a new one cannot be made: {message}"),
        })?;
        Ok(Opened { index, set_aside: Some((aside, wrong)), readable })
    }

    pub(crate) fn put(&self, tree: Tree, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.tree(tree).insert(key, seal(value)).map_err(|e| index_error(tree, &e))?;
        Ok(())
    }

    pub(crate) fn remove(&self, tree: Tree, key: &[u8]) -> Result<(), StoreError> {
        self.tree(tree).remove(key).map_err(|e| index_error(tree, &e))?;
        Ok(())
    }

    pub(crate) fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.tree(tree).get(key).map_err(|e| index_error(tree, &e))?;
        match found {
            None => Ok(None),
            Some(sealed) => match unseal(&sealed) {
                Some(value) => Ok(Some(value.to_vec())),
                None => Err(StoreError::Index {
                    tree: tree.name(),
                    message: "a record has a wrong checksum".to_owned(),
                }),
            },
        }
    }

    /// All records of a tree in key order.
    pub(crate) fn all(&self, tree: Tree) -> Result<Vec<KeyValue>, StoreError> {
        self.tree(tree)
            .iter()
            .filter_map(|item| match item {
                Ok((key, sealed)) => unseal(&sealed).map(|v| Ok((key.to_vec(), v.to_vec()))),
                Err(error) => Some(Err(index_error(tree, &error))),
            })
            .collect()
    }

    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        self.db.flush().map_err(|e| StoreError::Index { tree: "all", message: e.to_string() })?;
        Ok(())
    }
}

fn remove_snapshots(path: &Path) {
    let Ok(entries) = std::fs::read_dir(path) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with("snap.") {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn set_aside(folder: &Path, path: &Path) -> Result<PathBuf, StoreError> {
    let free = (1..1000).map(|n| folder.join(format!("damaged-{n}"))).find(|p| !p.exists());
    let aside = free.unwrap_or_else(|| folder.join("damaged"));
    match std::fs::rename(path, &aside) {
        Ok(()) => Ok(aside),
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => Ok(aside),
        Err(source) => {
            Err(StoreError::Io { what: "cannot set aside", path: path.to_owned(), source })
        }
    }
}
