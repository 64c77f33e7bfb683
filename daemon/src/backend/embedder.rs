//! Memory's embedder: BGE-M3, a BERT or Qwen3-Embedding.

use std::path::Path;

use companion_engine::models::embedder::Embedder as Model;
use companion_engine::{Device, EngineError};
use companion_memory::{Embedder, EmbedderError, Embedding};

use super::kind_of;

/// Said once after loading: everything is in place then, and the length of the vectors is known.
const PROBE: &str = "你好 hello";

/// A text embedder.
#[derive(Debug)]
pub struct ModelEmbedder {
    model: Model,
    fingerprint: String,
    dimension: usize,
}

impl ModelEmbedder {
    /// Loads a release directory and warms it up.
    ///
    /// # Errors
    /// When a file is missing, damaged or of a kind that is not built.
    pub fn load(directory: &Path) -> Result<Self, EngineError> {
        let mut model = Model::load(directory, &Device::Cpu)?;
        let ids = model.ids(PROBE)?;
        let dimension = model.embed(&ids)?.dense.len();
        let name = directory.file_name().unwrap_or_default().to_string_lossy();
        let bytes: u64 = std::fs::read_dir(directory)
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.metadata().ok())
            .filter(std::fs::Metadata::is_file)
            .map(|file| file.len())
            .sum();
        Ok(Self { model, fingerprint: format!("{name}-{dimension}-{bytes}"), dimension })
    }
}

impl Embedder for ModelEmbedder {
    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn is_slow(&self) -> bool {
        true
    }

    fn embed(&mut self, text: &str) -> Result<Embedding, EmbedderError> {
        self.embed_ids(self.model.ids(text))
    }

    fn embed_query(&mut self, query: &str) -> Result<Embedding, EmbedderError> {
        self.embed_ids(self.model.query_ids(query))
    }
}

impl ModelEmbedder {
    fn embed_ids(
        &mut self,
        ids: Result<Vec<u32>, EngineError>,
    ) -> Result<Embedding, EmbedderError> {
        let made = ids.and_then(|ids| {
            let found = self.model.embed(&ids)?;
            let sparse = found
                .token_weights
                .map(|weights| self.model.lexical_weights(&ids, &weights).into_iter().collect());
            Ok(Embedding { dense: found.dense, sparse: sparse.unwrap_or_default() })
        });
        made.map_err(|error| EmbedderError { kind: kind_of(&error), message: error.to_string() })
    }
}
