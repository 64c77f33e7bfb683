//! The models on disk: directories in the model folders, told apart by their description files.

use std::path::{Path, PathBuf};

use companion_engine::models::{ModelKind, describe};

use crate::error::DaemonError;

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Slot {
    /// The language model.
    Llm,
    /// The recogniser.
    Asr,
    /// Speech or not.
    Vad,
    /// The embedder of memory.
    Embed,
    /// The voice.
    Tts,
}

impl Slot {
    /// All slots.
    pub(crate) const ALL: [Self; 5] = [Self::Asr, Self::Llm, Self::Tts, Self::Vad, Self::Embed];

    /// Name on the bus.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Llm => "llm",
            Self::Asr => "asr",
            Self::Vad => "vad",
            Self::Embed => "embed",
            Self::Tts => "tts",
        }
    }
}

/// One model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModelInfo {
    /// Name of its directory.
    pub(crate) id: String,
    pub(crate) slot: Slot,
    pub(crate) architecture: String,
    /// `None`: part of the program.
    pub(crate) directory: Option<PathBuf>,
    pub(crate) bytes: u64,
    /// Why it cannot be loaded.
    pub(crate) problem: Option<String>,
}

/// All models.
#[derive(Debug, Clone)]
pub(crate) struct Catalogue {
    folders: Vec<PathBuf>,
    models: Vec<ModelInfo>,
}

fn built_in(id: &str, slot: Slot, architecture: &str) -> ModelInfo {
    ModelInfo {
        id: id.to_owned(),
        slot,
        architecture: architecture.to_owned(),
        directory: None,
        bytes: 0,
        problem: None,
    }
}

impl Catalogue {
    /// Looks through the folders.
    pub(crate) fn scan(folders: &[PathBuf]) -> Self {
        let mut models = vec![
            built_in("earshot", Slot::Vad, "earshot"),
            built_in("hashed-ngrams", Slot::Embed, "hashed-ngrams"),
            built_in("espeak-ng", Slot::Tts, "espeak-ng"),
        ];
        for folder in folders {
            let Ok(entries) = std::fs::read_dir(folder) else { continue };
            let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
            paths.sort();
            for path in paths {
                let Some(info) = of_directory(&path) else { continue };
                if !models.iter().any(|m| m.id == info.id) {
                    models.push(info);
                }
            }
        }
        Self { folders: folders.to_vec(), models }
    }

    pub(crate) fn models(&self) -> &[ModelInfo] {
        &self.models
    }

    pub(crate) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// The model of an id that is for `slot`, with its directory.
    pub(crate) fn find(&self, id: &str, slot: Slot) -> Result<(&ModelInfo, &Path), DaemonError> {
        let found = self.models.iter().find(|m| m.id == id && m.slot == slot);
        found.and_then(|m| Some((m, m.directory.as_deref()?))).ok_or_else(|| {
            let folders: Vec<String> =
                self.folders.iter().map(|f| f.display().to_string()).collect();
            DaemonError::NotFound(format!(
                "there is no {} model {id:?}: looked in {}; see `companionctl model list`",
                slot.name(),
                folders.join(", ")
            ))
        })
    }
}

fn of_directory(path: &Path) -> Option<ModelInfo> {
    let id = path.file_name()?.to_str()?.to_owned();
    if id.starts_with('.') || !path.is_dir() {
        return None;
    }
    let found = describe(path)?;
    let slot = match found.kind {
        ModelKind::CausalLm => Slot::Llm,
        ModelKind::SpeechRecognizer => Slot::Asr,
        ModelKind::Embedder => Slot::Embed,
        ModelKind::SpeechSynthesizer => Slot::Tts,
    };
    let sizes = std::fs::read_dir(path).ok()?.flatten().filter_map(|e| e.metadata().ok());
    let bytes = sizes.filter(std::fs::Metadata::is_file).map(|m| m.len()).sum();
    Some(ModelInfo {
        id,
        slot,
        architecture: found.architecture,
        directory: Some(path.to_owned()),
        bytes,
        problem: found.problem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_starters_are_found_and_strange_folders_are_not_models() {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
        let catalogue = Catalogue::scan(&[shipped, "/nowhere".into()]);
        let (ears, _) = catalogue.find("companion-ears-starter", Slot::Asr).unwrap();
        assert_eq!((ears.architecture.as_str(), &ears.problem), ("sensevoice", &None));
        assert!(ears.bytes > 1 << 20);
        let (brain, _) = catalogue.find("companion-brain-starter", Slot::Llm).unwrap();
        assert_eq!(brain.architecture, "qwen2");
        assert!(!catalogue.models().iter().any(|m| m.id == "starter"));
        let error = catalogue.find("nothing", Slot::Llm).unwrap_err().to_string();
        assert!(error.contains("nothing") && error.contains("/nowhere"), "{error}");
    }
}
