//! Safetensors: every tensor's values and words, a kept voice, and the same file as a language model's shard.

use std::path::Path;

use companion_engine::Device;
use companion_engine::models::gpt_sovits::voice::Voice;
use companion_engine::weights::{ShardedWeights, TensorFile};

/// Tensors that are read of a file, so that a header of thousands over the same bytes ends in time.
const MOST: usize = 64;

/// Reads every tensor of a file; whether it could be opened.
pub(super) fn tensors(file: &Path) -> bool {
    let Ok(mut open) = TensorFile::open(file) else { return false };
    let shapes: Vec<(String, Vec<usize>)> =
        open.shapes().take(MOST).map(|(name, shape)| (name.to_owned(), shape.to_vec())).collect();
    for (name, shape) in &shapes {
        let _values = open.values(name, shape);
        let _words = open.words(name, shape);
        let _tensor = open.tensor(name, shape, &Device::Cpu);
    }
    let _settings = open.settings().to_string();
    true
}

pub(super) fn read(folder: &Path, bytes: &[u8]) -> bool {
    if !super::put(folder, "model.safetensors", bytes) {
        return false;
    }
    let sound = tensors(&folder.join("model.safetensors"));
    if let Ok(mut all) = ShardedWeights::open(folder) {
        let _floats = all.floats("a", &[2, 2]);
        let _words = all.words("b", &[2]);
    }
    if let Ok(voice) = Voice::from_bytes(bytes, &Device::Cpu) {
        let _again = voice.to_bytes();
    }
    sound
}
