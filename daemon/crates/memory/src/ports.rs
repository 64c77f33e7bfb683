//! What memory needs from the outside: something that turns text into a vector.

use companion_types::ErrorKind;

/// What an embedder gives for one text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Embedding {
    /// Dense vector, L2-normalised, [`Embedder::dimension`] long.
    pub dense: Vec<f32>,
    /// Sparse lexical weights by term hash or token id; empty where the model has none.
    pub sparse: Vec<(u32, f32)>,
}

/// An embedder failed.
#[derive(Debug, thiserror::Error)]
#[error("embedder: {message}")]
pub struct EmbedderError {
    /// What failed and what to do.
    pub message: String,
    /// Its kind.
    pub kind: ErrorKind,
}

/// Text to vector.
pub trait Embedder: Send {
    /// Name and version: vectors of another fingerprint are not comparable and are made anew.
    fn fingerprint(&self) -> String;

    /// Length of the dense vector.
    fn dimension(&self) -> usize;

    /// Whether a vector takes so long that it is kept on disk.
    fn is_slow(&self) -> bool {
        false
    }

    /// Embeds one text.
    ///
    /// # Errors
    /// When the model fails.
    fn embed(&mut self, text: &str) -> Result<Embedding, EmbedderError>;

    /// Embeds what is looked for; some models are told that it is a question.
    ///
    /// # Errors
    /// When the model fails.
    fn embed_query(&mut self, query: &str) -> Result<Embedding, EmbedderError> {
        self.embed(query)
    }
}
