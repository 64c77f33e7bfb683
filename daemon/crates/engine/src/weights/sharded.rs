//! Safetensors in one file or in shards with an index, as the releases lay them out.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};

use super::{TensorFile, read_small};
use crate::EngineError;

/// All tensors of a model directory by name.
#[derive(Debug)]
pub struct ShardedWeights {
    files: Vec<TensorFile>,
    place: HashMap<String, usize>,
}

impl ShardedWeights {
    /// Opens `model.safetensors`, the shards of `model.safetensors.index.json`, or
    /// `pytorch_model.bin`.
    ///
    /// # Errors
    /// When a file is missing or damaged, or the index names a file outside of the directory.
    pub fn open(directory: &Path) -> Result<Self, EngineError> {
        let index = directory.join("model.safetensors.index.json");
        let names = if index.is_file() {
            shard_names(&index)?
        } else {
            let plain = ["model.safetensors", "pytorch_model.bin"];
            let name = plain.into_iter().find(|n| directory.join(n).is_file()).unwrap_or(plain[0]);
            vec![name.to_owned()]
        };
        let files = names.iter().map(|name| directory.join(name));
        Self::of(files)
    }

    /// Opens one file of weights.
    ///
    /// # Errors
    /// When it is missing or damaged.
    pub fn open_file(file: &Path) -> Result<Self, EngineError> {
        Self::of([file.to_owned()])
    }

    fn of(files: impl IntoIterator<Item = PathBuf>) -> Result<Self, EngineError> {
        let mut weights = Self { files: Vec::new(), place: HashMap::new() };
        for file in files {
            let file = TensorFile::open(&file)?;
            let at = weights.files.len();
            weights.place.extend(file.shapes().map(|(tensor, _)| (tensor.to_owned(), at)));
            weights.files.push(file);
        }
        Ok(weights)
    }

    /// Whether a tensor is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.place.contains_key(name)
    }

    /// A tensor of this shape as f32 on a device.
    ///
    /// # Errors
    /// As [`TensorFile::tensor`].
    pub fn tensor(
        &mut self,
        name: &str,
        shape: &[usize],
        device: &Device,
    ) -> Result<Tensor, EngineError> {
        let at = self.place.get(name).copied().unwrap_or_default();
        self.files[at].tensor(name, shape, device)
    }
}

impl ShardedWeights {
    /// The values of a tensor of this shape as f32.
    ///
    /// # Errors
    /// As [`TensorFile::values`].
    pub fn floats(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EngineError> {
        let at = self.place.get(name).copied().unwrap_or_default();
        self.files[at].values(name, shape)
    }

    /// The 32-bit words of an integer tensor of this shape.
    ///
    /// # Errors
    /// As [`TensorFile::words`].
    pub fn words(&mut self, name: &str, shape: &[usize]) -> Result<Vec<u32>, EngineError> {
        let at = self.place.get(name).copied().unwrap_or_default();
        self.files[at].words(name, shape)
    }
}

fn shard_names(index: &Path) -> Result<Vec<String>, EngineError> {
    let malformed = |problem: String| EngineError::Malformed { file: index.to_owned(), problem };
    let json: serde_json::Value =
        serde_json::from_slice(&read_small(index)?).map_err(|e| malformed(e.to_string()))?;
    let map = json
        .get("weight_map")
        .and_then(serde_json::Value::as_object)
        .ok_or_else(|| malformed("no weight_map".to_owned()))?;
    let mut names: Vec<String> =
        map.values().filter_map(|v| v.as_str().map(str::to_owned)).collect();
    names.sort();
    names.dedup();
    match names.iter().find(|n| n.contains(['/', '\\']) || n.starts_with('.')) {
        Some(name) => Err(malformed(format!("weight_map names {name:?}, which is no file name"))),
        None if names.is_empty() => Err(malformed("weight_map is empty".to_owned())),
        None => Ok(names),
    }
}
