//! What a release directory says beside its weights: the architecture, the end tokens, whether tokens are
//! drawn at random. Loads no weight.

use std::path::Path;

use crate::EngineError;
use crate::tokenizer::TextTokenizer;
use crate::weights::{GgufFile, has_safetensors, read_small};

/// The first `.gguf` of a directory that has no safetensors.
pub(crate) fn gguf_in(directory: &Path) -> Option<std::path::PathBuf> {
    if has_safetensors(directory) {
        return None;
    }
    let mut found: Vec<_> = std::fs::read_dir(directory)
        .ok()?
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "gguf"))
        .collect();
    found.sort();
    found.into_iter().next()
}

pub(crate) fn architecture(directory: &Path) -> Result<String, EngineError> {
    let file = directory.join("config.json");
    if !file.is_file() && gguf_in(directory).is_some() {
        let gguf = GgufFile::open(&gguf_in(directory).unwrap_or_default())?;
        return gguf.text("general.architecture").map(str::to_owned);
    }
    let malformed = |problem: String| EngineError::Malformed { file: file.clone(), problem };
    let json: serde_json::Value =
        serde_json::from_slice(&read_small(&file)?).map_err(|e| malformed(e.to_string()))?;
    let kind = json.get("model_type").and_then(serde_json::Value::as_str);
    kind.map(str::to_owned).ok_or_else(|| malformed("model_type is missing".to_owned()))
}

/// Whether the release says that its tokens are not drawn at random (`do_sample: false`).
#[must_use]
pub fn is_greedy(directory: &Path) -> bool {
    read_small(&directory.join("generation_config.json"))
        .ok()
        .and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok())
        .and_then(|json| json.get("do_sample")?.as_bool())
        == Some(false)
}

pub(super) fn end_tokens(
    directory: &Path,
    tokenizer: &TextTokenizer,
) -> Result<Vec<u32>, EngineError> {
    let mut ends = Vec::new();
    for name in ["generation_config.json", "config.json"] {
        let file = directory.join(name);
        if !file.is_file() {
            continue;
        }
        let json: serde_json::Value = serde_json::from_slice(&read_small(&file)?)
            .map_err(|e| EngineError::Malformed { file: file.clone(), problem: e.to_string() })?;
        match json.get("eos_token_id") {
            Some(serde_json::Value::Array(ids)) => {
                ends.extend(ids.iter().filter_map(|id| u32::try_from(id.as_u64()?).ok()));
            }
            Some(id) => ends.extend(id.as_u64().and_then(|id| u32::try_from(id).ok())),
            None => {}
        }
    }
    let usual = ["<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>"];
    ends.extend(usual.iter().filter_map(|t| tokenizer.id(t)));
    ends.sort_unstable();
    ends.dedup();
    Ok(ends)
}
