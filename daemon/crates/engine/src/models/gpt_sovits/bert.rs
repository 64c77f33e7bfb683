//! BERT for the prosody of Chinese text, as `chinese-roberta-wwm-ext-large` is published: the output of the layer
//! two before the last, one row per character. The last two layers are never read.

use std::path::Path;

use candle_core::{Device, Tensor};

use super::{
    Watch,
    load::{computing, refuse},
};
use crate::{EngineError, models::bert, weights::ShardedWeights};

/// Layers at the end whose output is not used.
const UNUSED_LAYERS: usize = 2;

/// The model's weights.
#[derive(Debug)]
pub struct Bert(bert::Bert);

impl Bert {
    /// Reads a directory with `config.json`, and the named file of weights in it.
    ///
    /// # Errors
    /// When a file cannot be read, or tensors and configuration do not fit.
    pub fn open(folder: &Path, weights: &str, device: &Device) -> Result<Self, EngineError> {
        let weights = ShardedWeights::open_file(&folder.join(weights))?;
        bert::Bert::load(folder, weights, UNUSED_LAYERS, device).map(Self)
    }

    /// Tokens that a text may have at most, with its marks at both ends.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.0.longest()
    }

    /// Features of tokens `[tokens]` with their marks at both ends, `[tokens, width]`; every layer's
    /// output is shown as `hidden_N`.
    ///
    /// # Errors
    /// When an id is unknown, or there are none or too many.
    pub fn hidden(&self, ids: &[u32], watch: &mut Watch<'_>) -> Result<Tensor, EngineError> {
        self.0.hidden(ids, &mut |n, rows| watch(&format!("hidden_{n}"), rows))
    }
}

/// Rows `[tokens, width]` without the marks at both ends, each as often as its character has phones;
/// `[width, phones]`, row-major.
///
/// # Errors
/// When the numbers of characters differ.
pub fn per_phone(hidden: &Tensor, word2ph: &[usize]) -> Result<Vec<f32>, EngineError> {
    let rows = hidden.dims().first().copied().unwrap_or(0);
    if rows != word2ph.len() + 2 {
        let wanted = word2ph.len() + 2;
        return refuse("BERT rows", format!("{rows} rows, expected {wanted}"));
    }
    let index: Vec<u32> =
        (1u32..).zip(word2ph).flat_map(|(row, &count)| std::iter::repeat_n(row, count)).collect();
    if index.is_empty() {
        return Ok(Vec::new());
    }
    Tensor::new(index, hidden.device())
        .and_then(|index| hidden.index_select(&index, 0)?.t()?.flatten_all()?.to_vec1())
        .map_err(computing("BERT"))
}
