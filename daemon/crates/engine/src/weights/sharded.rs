//! The weights of a release in one file or in shards with an index, as the releases lay them out: safetensors
//! under transformers' name or AutoGPTQ's, or PyTorch's pickles. It chooses files and looks at nothing inside.

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

/// What follows the name of a file of weights where it lists shards.
const INDEX: &str = ".index.json";
/// Names of transformers, in the order in which they are looked for.
const SAFETENSORS: &str = "model.safetensors";
const PICKLE: &str = "pytorch_model.bin";
/// Beginning of the names of AutoGPTQ (`gptq_model-4bit-128g.safetensors`).
const GPTQ: &str = "gptq_model";

/// The whole file or the index of a directory's weights, whichever is looked for first: the safetensors of
/// transformers, those of AutoGPTQ, the only other safetensors, the pickles.
///
/// # Errors
/// When there are several, none of which goes before the others.
fn chosen(directory: &Path) -> Result<Option<PathBuf>, EngineError> {
    let either = |name: &str| {
        let names = [format!("{name}{INDEX}"), name.to_owned()];
        names.into_iter().map(|name| directory.join(name)).find(|path| path.is_file())
    };
    if let Some(found) = either(SAFETENSORS) {
        return Ok(Some(found));
    }
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.strip_suffix(INDEX).unwrap_or(name).ends_with(".safetensors"))
        .collect();
    names.sort();
    // Adapters are no model; shards are told by their index.
    names.retain(|name| !name.starts_with("adapter_"));
    let of = |keep: &dyn Fn(&String) -> bool| -> Vec<String> {
        names.iter().filter(|name| keep(name)).cloned().collect()
    };
    let indexes = of(&|name| name.ends_with(INDEX));
    let gptq = of(&|name| name.starts_with(GPTQ));
    for kind in [indexes, gptq, names.clone()] {
        match kind.as_slice() {
            [] => {}
            [one] => return Ok(Some(directory.join(one))),
            [first, second, ..] => {
                let problem = format!(
                    "{first} and {second} are both weights; keep one, or name it {SAFETENSORS}"
                );
                return Err(EngineError::Malformed { file: directory.to_owned(), problem });
            }
        }
    }
    Ok(either(PICKLE))
}

/// Whether a directory has safetensors under one of the releases' names; too many are there, too.
pub(crate) fn has_safetensors(directory: &Path) -> bool {
    let pickle =
        |path: &Path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(PICKLE));
    match chosen(directory) {
        Ok(Some(path)) => !pickle(&path),
        Ok(None) => false,
        Err(_) => true,
    }
}

impl ShardedWeights {
    /// Opens a release's weights: `model.safetensors`, `gptq_model-*.safetensors`, another safetensors file
    /// that lies alone, or `pytorch_model.bin`, each whole or in the shards of its `.index.json`.
    ///
    /// # Errors
    /// When a file is missing or damaged, several could be meant, or the index names a file outside of the
    /// directory.
    pub fn open(directory: &Path) -> Result<Self, EngineError> {
        let found = chosen(directory)?.unwrap_or_else(|| directory.join(SAFETENSORS));
        if !found.to_string_lossy().ends_with(INDEX) {
            return Self::of([found]);
        }
        Self::of(shard_names(&found)?.iter().map(|name| directory.join(name)))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A safetensors file of one number under each of these names.
    fn tensors(names: &[&str]) -> Vec<u8> {
        let each = |n: &&str| {
            format!("\"{n}\":{{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}")
        };
        let header = format!("{{{}}}", names.iter().map(each).collect::<Vec<_>>().join(","));
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &1_f32.to_le_bytes()].concat()
    }

    fn index(places: &[(&str, &str)]) -> Vec<u8> {
        let map: serde_json::Map<String, serde_json::Value> =
            places.iter().map(|(name, file)| ((*name).to_owned(), (*file).into())).collect();
        serde_json::json!({ "weight_map": map }).to_string().into_bytes()
    }

    /// The tensors `a` and `b` that a directory of these files has.
    fn found(files: &[(&str, Vec<u8>)]) -> Result<[bool; 2], String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let safetensors = files.iter().any(|(name, _)| name.contains("safetensors"));
        assert_eq!(has_safetensors(folder.path()), safetensors);
        let weights = ShardedWeights::open(folder.path()).map_err(|error| error.to_string())?;
        Ok(["a", "b"].map(|name| weights.has(name)))
    }

    #[test]
    fn shards_of_pickles_are_found_by_their_index() {
        // Which form a shard has is told by its bytes.
        let shards = [
            ("pytorch_model-00001-of-00002.bin", tensors(&["a"])),
            ("pytorch_model-00002-of-00002.bin", tensors(&["b"])),
        ];
        let index = index(&[("a", shards[0].0), ("b", shards[1].0)]);
        let mut files = shards.to_vec();
        files.push(("pytorch_model.bin.index.json", index));
        assert_eq!(found(&files), Ok([true, true]));
        // A whole file goes behind its index, safetensors before both.
        files.push(("pytorch_model.bin", tensors(&[])));
        assert_eq!(found(&files), Ok([true, true]));
        files.push(("model.safetensors", tensors(&["b"])));
        assert_eq!(found(&files), Ok([false, true]));
    }

    #[test]
    fn autogptqs_names_are_found_whole_and_in_shards() {
        let name = "gptq_model-4bit-128g.safetensors";
        assert_eq!(found(&[(name, tensors(&["a", "b"]))]), Ok([true, true]));
        let shards =
            ["gptq_model-8bit--1g-00001-of-00002.safetensors", "gptq_model-8bit--1g-2.safetensors"];
        let files = [
            (shards[0], tensors(&["a"])),
            (shards[1], tensors(&["b"])),
            (
                "gptq_model-8bit--1g.safetensors.index.json",
                index(&[("a", shards[0]), ("b", shards[1])]),
            ),
        ];
        assert_eq!(found(&files), Ok([true, true]));
        assert_eq!(found(&[("model-w4.safetensors", tensors(&["b"]))]), Ok([false, true]));
    }

    #[test]
    fn of_several_files_none_is_guessed() {
        let two = [("x.safetensors", tensors(&["a"])), ("y.safetensors", tensors(&["b"]))];
        let error = found(&two).unwrap_err();
        assert!(error.contains("x.safetensors and y.safetensors are both weights"), "{error}");
        let beside =
            [("adapter_model.safetensors", tensors(&["a"])), ("y.safetensors", tensors(&["b"]))];
        assert_eq!(found(&beside), Ok([false, true]));
        assert!(found(&[]).unwrap_err().contains("model.safetensors"));
        let away = [("model.safetensors.index.json", index(&[("a", "../a.safetensors")]))];
        assert!(found(&away).unwrap_err().contains("no file name"));
    }
}
