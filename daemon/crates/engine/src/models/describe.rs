//! What a directory holds, told from its description files without loading a weight.

use std::path::Path;

use super::causal_lm;
use super::decoder::Architecture;
use super::gpt_sovits::{GptSovitsFolder, is_gpt_sovits};
use crate::weights::read_small;

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModelKind {
    /// A causal language model.
    CausalLm,
    /// A speech recogniser.
    SpeechRecognizer,
    /// A text embedder.
    Embedder,
    /// A voice.
    SpeechSynthesizer,
}

/// A model directory at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelDescription {
    /// What it is for.
    pub kind: ModelKind,
    /// Architecture, such as `qwen2` or `sensevoice`.
    pub architecture: String,
    /// Why it cannot be loaded as it lies there; `None` when it looks loadable.
    pub problem: Option<String>,
}

/// Describes a directory; `None` when it holds no model.
#[must_use]
pub fn describe(directory: &Path) -> Option<ModelDescription> {
    if let Some(found) = funasr(directory) {
        return Some(found);
    }
    if is_gpt_sovits(directory) {
        return Some(ModelDescription {
            kind: ModelKind::SpeechSynthesizer,
            architecture: "gpt-sovits".to_owned(),
            problem: GptSovitsFolder::open(directory).err().map(|error| error.to_string()),
        });
    }
    if !directory.join("config.json").is_file() && causal_lm::gguf_in(directory).is_none() {
        return None;
    }
    let kind = ModelKind::CausalLm;
    match causal_lm::architecture(directory) {
        Ok(architecture) if is_embedder(directory, &architecture) => {
            let kind = ModelKind::Embedder;
            let known = is_bert(&architecture) || Architecture::named(&architecture).is_some();
            let problem = (!known).then(|| format!("{architecture} is not built"));
            Some(ModelDescription { kind, architecture, problem })
        }
        Ok(architecture) => {
            let known = Architecture::named(&architecture).is_some();
            let problem = (!known).then(|| format!("{architecture} is not built"));
            Some(ModelDescription { kind, architecture, problem })
        }
        Err(error) => {
            let problem = Some(error.to_string());
            Some(ModelDescription { kind, architecture: "unknown".to_owned(), problem })
        }
    }
}

fn is_bert(architecture: &str) -> bool {
    matches!(architecture, "bert" | "xlm-roberta")
}

/// Encoders are embedders; a decoder is one where sentence-transformers' list of modules lies beside it.
fn is_embedder(directory: &Path, architecture: &str) -> bool {
    is_bert(architecture) || directory.join("modules.json").is_file()
}

/// FunASR's layout: `config.yaml` names the encoder.
fn funasr(directory: &Path) -> Option<ModelDescription> {
    let text = read_small(&directory.join("config.yaml")).ok()?;
    let config: serde_yaml_ng::Value = serde_yaml_ng::from_slice(&text).ok()?;
    let encoder = config.get("encoder")?.as_str()?;
    let kind = ModelKind::SpeechRecognizer;
    if encoder == "SenseVoiceEncoderSmall" {
        let architecture = "sensevoice".to_owned();
        return Some(ModelDescription { kind, architecture, problem: None });
    }
    let problem = Some(format!("{encoder} is not built"));
    Some(ModelDescription { kind, architecture: encoder.to_lowercase(), problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(files: &[(&str, &str)]) -> Option<ModelDescription> {
        let folder = tempfile::tempdir().unwrap();
        files
            .iter()
            .for_each(|(name, text)| std::fs::write(folder.path().join(name), text).unwrap());
        describe(folder.path())
    }

    #[test]
    fn embedders_are_told_from_language_models() {
        for (config, beside, kind) in [
            ("bert", None, ModelKind::Embedder),
            ("xlm-roberta", None, ModelKind::Embedder),
            ("qwen3", Some("modules.json"), ModelKind::Embedder),
            ("qwen3", None, ModelKind::CausalLm),
        ] {
            let config = format!(r#"{{"model_type": "{config}"}}"#);
            let mut files = vec![("config.json", config.as_str())];
            files.extend(beside.map(|name| (name, "[]")));
            let found = described(&files).unwrap();
            assert_eq!((found.kind, found.problem), (kind, None), "{config} {beside:?}");
        }
        let files = [("config.json", r#"{"model_type": "t5"}"#), ("modules.json", "[]")];
        let found = described(&files).unwrap();
        assert_eq!(found.kind, ModelKind::Embedder);
        assert_eq!(found.problem.as_deref(), Some("t5 is not built"));
        assert_eq!(described(&[]), None);
    }
}
