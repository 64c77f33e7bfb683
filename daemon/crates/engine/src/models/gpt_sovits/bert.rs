//! BERT (Devlin et al. 2019) for the prosody of Chinese text, as `chinese-roberta-wwm-ext-large` is
//! published: the output of the layer two before the last, one row per character. The last two layers
//! are never read. No pooler, no language-model head.

use std::path::Path;

use candle_core::{Device, Result as Computed, Tensor};
use serde_json::Value;

use super::{
    Watch,
    load::{Linear, Norm, Weights, attend, computing, heads, joined, refuse, setting},
};
use crate::{
    EngineError,
    weights::{TensorFile, read_small},
};

const STAGE: &str = "BERT";
/// Layers at the end whose output is not used.
const UNUSED_LAYERS: usize = 2;

#[derive(Debug)]
struct Layer {
    qkv: [Linear; 3],
    out: Linear,
    norm1: Norm,
    up: Linear,
    down: Linear,
    norm2: Norm,
}

/// The model's weights.
#[derive(Debug)]
pub struct Bert {
    words: Tensor,
    /// Rows of the positions with the one kind of segment added.
    positions: Tensor,
    norm: Norm,
    layers: Vec<Layer>,
    heads: usize,
    device: Device,
}

impl Bert {
    /// Reads a directory with `config.json` and `pytorch_model.bin`, or the named weights.
    ///
    /// # Errors
    /// When a file cannot be read, or tensors and configuration do not fit.
    pub fn open(folder: &Path, weights: &str, device: &Device) -> Result<Self, EngineError> {
        let path = folder.join("config.json");
        let config: Value = serde_json::from_slice(&read_small(&path)?).map_err(|error| {
            EngineError::Malformed { file: path.clone(), problem: format!("no JSON: {error}") }
        })?;
        let number = |key, most| setting(&config, &path, key, most);
        let (heads, layers) =
            (number("num_attention_heads", 256)?, number("num_hidden_layers", 256)?);
        let epsilon = config.get("layer_norm_eps").and_then(Value::as_f64).unwrap_or(1e-12);
        let mut file = TensorFile::open(&folder.join(weights))?;
        let prefix = if file.shape("bert.embeddings.word_embeddings.weight").is_some() {
            "bert."
        } else {
            ""
        };
        #[expect(clippy::cast_possible_truncation, reason = "a small constant")]
        let loaded =
            Self::load(Weights::new(&mut file, device, prefix), (heads, layers), epsilon as f32);
        loaded
    }

    fn load(
        mut weights: Weights<'_>,
        (heads, layers): (usize, usize),
        epsilon: f32,
    ) -> Result<Self, EngineError> {
        let words = weights.any::<2>("embeddings.word_embeddings.weight")?;
        let width = words.dims()[1];
        if width % heads != 0 || layers <= UNUSED_LAYERS {
            return Err(EngineError::Config {
                file: weights.path(),
                key: "num_attention_heads, num_hidden_layers".into(),
                problem: format!(
                    "found {heads} and {layers}, expected a divisor of {width} and at least 3"
                ),
            });
        }
        let [longest, _] = weights.dims("embeddings.position_embeddings.weight")?;
        let [kinds, _] = weights.dims("embeddings.token_type_embeddings.weight")?;
        let positions =
            weights.tensor("embeddings.position_embeddings.weight", &[longest, width])?;
        let segment = weights.tensor("embeddings.token_type_embeddings.weight", &[kinds, width])?;
        let positions = segment
            .narrow(0, 0, 1)
            .and_then(|row| positions.broadcast_add(&row))
            .map_err(computing("placing the weights"))?;
        let named = |weights: &mut Weights<'_>, name: &str| {
            // Old checkpoints call scale and shift gamma and beta.
            let (gamma, beta) = (format!("{name}.gamma"), format!("{name}.beta"));
            if weights.has(&gamma) {
                return weights.norm((&gamma, &beta), width, epsilon);
            }
            let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
            weights.norm((&weight, &bias), width, epsilon)
        };
        let norm = named(&mut weights, "embeddings.LayerNorm")?;
        let mut all = Vec::new();
        for i in 0..layers - UNUSED_LAYERS {
            let mut weights = weights.below(&format!("encoder.layer.{i}"));
            let mut map = |name: &str| weights.linear(&format!("attention.self.{name}"), width);
            let qkv = [map("query")?, map("key")?, map("value")?];
            let out = weights.linear("attention.output.dense", width)?;
            let norm1 = named(&mut weights, "attention.output.LayerNorm")?;
            let up = weights.linear("intermediate.dense", width)?;
            let down = weights.linear("output.dense", up.width())?;
            let norm2 = named(&mut weights, "output.LayerNorm")?;
            all.push(Layer { qkv, out, norm1, up, down, norm2 });
        }
        let device = weights.device().clone();
        Ok(Self { words, positions, norm, layers: all, heads, device })
    }

    /// Features of tokens `[tokens]` with their marks at both ends, `[tokens, width]`; every layer's
    /// output is shown as `hidden_N`.
    ///
    /// # Errors
    /// When an id is unknown, or there are none or too many.
    pub fn hidden(&self, ids: &[u32], watch: &mut Watch<'_>) -> Result<Tensor, EngineError> {
        let (known, longest) = (self.words.dims()[0], self.positions.dims()[0]);
        if ids.is_empty() || ids.len() > longest {
            return refuse("tokens", format!("{} tokens, expected 1 to {longest}", ids.len()));
        }
        if let Some(id) = ids.iter().find(|id| **id as usize >= known) {
            return refuse("tokens", format!("found id {id}, expected ids below {known}"));
        }
        let failed = computing(STAGE);
        let begin = || {
            let words = self.words.embedding(&Tensor::new(ids, &self.device)?)?;
            self.norm.forward(&(words + self.positions.narrow(0, 0, ids.len())?)?)
        };
        let mut x = begin().map_err(&failed)?;
        watch("hidden_0", &x)?;
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&x, self.heads).map_err(&failed)?;
            watch(&format!("hidden_{}", i + 1), &x)?;
        }
        Ok(x)
    }
}

impl Layer {
    fn forward(&self, x: &Tensor, heads_count: usize) -> Computed<Tensor> {
        let part = |i: usize| heads(&self.qkv[i].forward(x)?, heads_count);
        let (q, k, v) = (part(0)?, part(1)?, part(2)?);
        #[expect(clippy::cast_precision_loss, reason = "head sizes")]
        let scale = 1.0 / (q.dim(2)? as f64).sqrt();
        let mixed = joined(&attend((&q, &k, &v), scale, None)?)?;
        let x = self.norm1.forward(&(x + self.out.forward(&mixed)?)?)?;
        let inner = self.down.forward(&self.up.forward(&x)?.gelu_erf()?)?;
        self.norm2.forward(&(x + inner)?)
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
        .map_err(computing(STAGE))
}
