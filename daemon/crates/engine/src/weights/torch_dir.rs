//! A FunASR model directory: `configuration.json` says which file is what, `config.yaml` describes
//! the model; without the former the usual names hold. It opens files and looks at nothing inside
//! the weights.

use std::path::{Component, Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{TensorFile, read_small};
use crate::EngineError;

/// Where the parts of a model lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelDirectory {
    folder: PathBuf,
    weights: PathBuf,
    config: PathBuf,
    cmvn: PathBuf,
    tokenizer: Option<PathBuf>,
}

impl ModelDirectory {
    /// Reads which file is what.
    ///
    /// # Errors
    /// When the folder has no `configuration.json` and no `config.yaml`, or the former is damaged or
    /// names files outside the folder.
    pub fn open(folder: &Path) -> Result<Self, EngineError> {
        let description = folder.join("configuration.json");
        let metas = if description.exists() {
            let parsed: Value = serde_json::from_slice(&read_small(&description)?)
                .map_err(|error| malformed(&description, format!("no JSON: {error}")))?;
            parsed.get("file_path_metas").cloned().unwrap_or(Value::Null)
        } else {
            Value::Null
        };
        let named = |pointer: &str, usual: &str| -> Result<PathBuf, EngineError> {
            match metas.pointer(pointer).and_then(Value::as_str) {
                None => Ok(folder.join(usual)),
                Some(name) if is_plain(name) => Ok(folder.join(name)),
                Some(name) => Err(malformed(
                    &description,
                    format!("{pointer} is {name:?}, which is no file of this folder"),
                )),
            }
        };
        let tokenizer = match metas.pointer("/tokenizer_conf/bpemodel") {
            Some(_) => Some(named("/tokenizer_conf/bpemodel", "")?),
            None => usual_tokenizer(folder),
        };
        let weights = named("/init_param", "model.pt")?;
        // A directory shared without the pickle keeps the same tensors beside it.
        let twin = folder.join("model.safetensors");
        let weights = if !weights.exists() && twin.exists() { twin } else { weights };
        let config = named("/config", "config.yaml")?;
        let cmvn = named("/frontend_conf/cmvn_file", "am.mvn")?;
        Ok(Self { folder: folder.to_owned(), weights, config, cmvn, tokenizer })
    }

    /// The same directory with the weights of another file of it.
    #[must_use]
    pub fn with_weights(mut self, name: &str) -> Self {
        self.weights = self.folder.join(name);
        self
    }

    /// The configuration's file.
    #[must_use]
    pub fn config_file(&self) -> &Path {
        &self.config
    }

    /// The normalisation statistics' file.
    #[must_use]
    pub fn cmvn_file(&self) -> &Path {
        &self.cmvn
    }

    /// Reads the configuration.
    ///
    /// # Errors
    /// When it cannot be read, is no YAML, or lacks what the model needs.
    pub fn config<T: DeserializeOwned>(&self) -> Result<T, EngineError> {
        serde_yaml_ng::from_slice(&read_small(&self.config)?)
            .map_err(|error| malformed(&self.config, error.to_string()))
    }

    /// A file of the directory that not every model has; `None` when it is not there.
    #[must_use]
    pub fn extra(&self, name: &str) -> Option<PathBuf> {
        is_plain(name).then(|| self.folder.join(name)).filter(|path| path.exists())
    }

    /// Opens the weights.
    ///
    /// # Errors
    /// As [`TensorFile::open`].
    pub fn weights(&self) -> Result<TensorFile, EngineError> {
        TensorFile::open(&self.weights)
    }

    /// The SentencePiece file.
    ///
    /// # Errors
    /// When the directory has none.
    pub fn tokenizer_file(&self) -> Result<&Path, EngineError> {
        self.tokenizer.as_deref().ok_or_else(|| {
            malformed(&self.folder, "no *.bpe.model in this model directory; it is incomplete")
        })
    }
}

fn malformed(file: &Path, problem: impl Into<String>) -> EngineError {
    EngineError::Malformed { file: file.to_owned(), problem: problem.into() }
}

/// Whether a name stays inside the folder.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

/// The SentencePiece file of a directory that does not name one.
fn usual_tokenizer(folder: &Path) -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().ends_with("bpe.model"))
        .collect();
    found.sort();
    found.into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_leave_the_folder_are_no_files_of_it() {
        assert!(is_plain("model.pt") && is_plain("parts/权重.pt"));
        for name in ["", "/etc/passwd", "../model.pt", "a/../../b"] {
            assert!(!is_plain(name), "{name}");
        }
    }
}
