//! BERT (Devlin et al. 2019) and XLM-RoBERTa (Conneau et al. 2020) as encoders, for embedders and voices: learnt positions, post-norm
//! blocks, GELU with erf. MiniLM and bge have the layout of `BertModel`; BGE-M3 that of
//! `XLMRobertaModel`, whose positions start behind the padding's id. One text at a time, so there is
//! no padding to mask. Computed in f32.

use std::path::Path;

use candle_core::{Device, Result, Tensor};
use candle_nn::ops::{layer_norm, softmax_last_dim};
use companion_kernels::{Activation, Dense};

use crate::EngineError;
use crate::layers::Linear;
use crate::models::post_norm::{NormValues, PostNorm, PostNormLayer};
use crate::models::settings::Settings;
use crate::models::threads::Threads;
use crate::weights::ShardedWeights;

type Loaded<T> = std::result::Result<T, EngineError>;

#[derive(Debug)]
struct Norm {
    weight: Tensor,
    bias: Tensor,
    eps: f32,
}

impl Norm {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        layer_norm(&x.contiguous()?, &self.weight, &self.bias, self.eps)
    }
}

#[derive(Debug)]
struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    attention_norm: Norm,
    widen: Linear,
    narrow: Linear,
    norm: Norm,
}

/// The layers, plain rows on the CPU.
#[derive(Debug)]
enum Stack {
    Tensors(Vec<Layer>),
    Rows(PostNorm),
}

/// An encoder of token ids.
#[derive(Debug)]
pub(super) struct Bert {
    words: Tensor,
    positions: Tensor,
    /// Row of the first token type, `[1, hidden]`.
    kind: Tensor,
    norm: Norm,
    layers: Stack,
    heads: usize,
    first_position: usize,
    vocab: usize,
    device: Device,
}

struct Source<'a> {
    weights: ShardedWeights,
    prefix: String,
    eps: f32,
    device: &'a Device,
}

impl Source<'_> {
    fn tensor(&mut self, name: &str, shape: &[usize]) -> Loaded<Tensor> {
        self.weights.tensor(&format!("{}{name}", self.prefix), shape, self.device)
    }

    fn linear(&mut self, name: &str, input: usize, output: usize) -> Loaded<Linear> {
        let weights = self.tensor(&format!("{name}.weight"), &[output, input])?;
        let weights = weights
            .t()
            .map_err(|source| EngineError::Compute { stage: "placing the weights", source })?;
        Ok(Linear::Dense(weights, Some(self.tensor(&format!("{name}.bias"), &[output])?)))
    }

    fn floats(&mut self, name: &str, shape: &[usize]) -> Loaded<Vec<f32>> {
        self.weights.floats(&format!("{}{name}", self.prefix), shape)
    }

    /// Maps of the same input as one, packed for the CPU.
    fn dense(&mut self, names: &[String], input: usize, output: usize) -> Loaded<Dense> {
        let (mut weights, mut bias) = (Vec::new(), Vec::new());
        for name in names {
            weights.extend(self.floats(&format!("{name}.weight"), &[output, input])?);
            bias.extend(self.floats(&format!("{name}.bias"), &[output])?);
        }
        Ok(Dense::linear([names.len() * output, input], &weights, Some(&bias)))
    }

    fn rows_layer(&mut self, name: &str, width: usize, inner: usize) -> Loaded<PostNormLayer> {
        let of = |part: &str| format!("{name}.{part}");
        let qkv = ["query", "key", "value"].map(|part| of(&format!("attention.self.{part}")));
        Ok(PostNormLayer {
            qkv: self.dense(&qkv, width, width)?,
            out: self.dense(&[of("attention.output.dense")], width, width)?,
            up: self.dense(&[of("intermediate.dense")], width, inner)?,
            down: self.dense(&[of("output.dense")], inner, width)?,
            norm1: self.norm_values(&of("attention.output.LayerNorm"), width)?,
            norm2: self.norm_values(&of("output.LayerNorm"), width)?,
        })
    }

    fn norm_values(&mut self, name: &str, width: usize) -> Loaded<NormValues> {
        let (scale, shift) = self.norm_names(name);
        let scale = self.floats(&format!("{name}.{scale}"), &[width])?;
        let shift = self.floats(&format!("{name}.{shift}"), &[width])?;
        Ok(NormValues { scale, shift, epsilon: self.eps })
    }

    /// Old checkpoints call scale and shift gamma and beta.
    fn norm_names(&self, name: &str) -> (&'static str, &'static str) {
        let old = self.weights.has(&format!("{}{name}.gamma", self.prefix));
        if old { ("gamma", "beta") } else { ("weight", "bias") }
    }

    fn norm(&mut self, name: &str, width: usize) -> Loaded<Norm> {
        let (scale, shift) = self.norm_names(name);
        let weight = self.tensor(&format!("{name}.{scale}"), &[width])?;
        Ok(Norm { weight, bias: self.tensor(&format!("{name}.{shift}"), &[width])?, eps: self.eps })
    }
}

impl Bert {
    /// Loads a release directory of `model_type` bert or xlm-roberta, without its last `unused` layers.
    ///
    /// # Errors
    /// When a file is damaged, a tensor missing or of another shape, or a variant is not built.
    pub(super) fn load(
        directory: &Path,
        weights: ShardedWeights,
        unused: usize,
        device: &Device,
    ) -> Loaded<Self> {
        let s = Settings::open(&directory.join("config.json"))?;
        let padding = s.get("pad_token_id").and_then(serde_json::Value::as_u64).unwrap_or(1);
        let first_position = match s.text("model_type", None)? {
            "bert" => 0,
            "xlm-roberta" => usize::try_from(padding).unwrap_or(usize::MAX).saturating_add(1),
            other => {
                let problem = format!("is {other:?}, expected bert or xlm-roberta");
                return Err(s.wrong("model_type", problem));
            }
        };
        for (key, expected) in [("hidden_act", "gelu"), ("position_embedding_type", "absolute")] {
            let found = s.text(key, Some(expected))?;
            if found != expected {
                return Err(s.wrong(key, format!("is {found:?}, expected {expected:?}")));
            }
        }
        let (width, heads) = (s.size("hidden_size", None)?, s.size("num_attention_heads", None)?);
        if !width.is_multiple_of(heads) {
            let problem = format!("is {width}, expected a multiple of {heads} heads");
            return Err(s.wrong("hidden_size", problem));
        }
        #[expect(clippy::cast_possible_truncation, reason = "the op takes f32")]
        let eps = s.real("layer_norm_eps", Some(1e-12))? as f32;
        let prefix = ["", "bert.", "roberta."]
            .into_iter()
            .find(|p| weights.has(&format!("{p}embeddings.word_embeddings.weight")));
        let prefix = prefix.unwrap_or_default().to_owned();
        let mut source = Source { weights, prefix, eps, device };
        let (vocab, inner) = (s.size("vocab_size", None)?, s.size("intermediate_size", None)?);
        let reach = s.size("max_position_embeddings", None)?;
        if first_position >= reach {
            let problem = format!("is {padding}, expected less than the {reach} positions");
            return Err(s.wrong("pad_token_id", problem));
        }
        let kinds = s.size("type_vocab_size", Some(2))?;
        let kind = source.tensor("embeddings.token_type_embeddings.weight", &[kinds, width])?;
        let layers = s.size("num_hidden_layers", None)?;
        let used = layers.checked_sub(unused).filter(|n| *n > 0).ok_or_else(|| {
            s.wrong("num_hidden_layers", format!("is {layers}, expected more than {unused}"))
        })?;
        let names = (0..used).map(|n| format!("encoder.layer.{n}"));
        let layers = if device.is_cpu() {
            let layers = names.map(|name| source.rows_layer(&name, width, inner));
            let (layers, gelu) = (layers.collect::<Loaded<_>>()?, Activation::Gelu);
            Stack::Rows(PostNorm::new(layers, heads, gelu, Threads::exact()))
        } else {
            let layers = names.map(|name| Layer::load(&mut source, &name, width, inner));
            Stack::Tensors(layers.collect::<Loaded<_>>()?)
        };
        Ok(Self {
            words: source.tensor("embeddings.word_embeddings.weight", &[vocab, width])?,
            positions: source.tensor("embeddings.position_embeddings.weight", &[reach, width])?,
            kind: kind
                .narrow(0, 0, 1)
                .map_err(|source| EngineError::Compute { stage: "placing the weights", source })?,
            norm: source.norm("embeddings.LayerNorm", width)?,
            layers,
            heads,
            first_position,
            vocab,
            device: device.clone(),
        })
    }

    /// Ids that a text may have at most.
    pub(super) fn longest(&self) -> usize {
        self.positions.dims().first().map_or(0, |n| n.saturating_sub(self.first_position))
    }

    /// Hidden states `[ids, hidden]` of a text; the output of the embeddings and of every layer is shown to
    /// `watch` by its number.
    ///
    /// # Errors
    /// When there are no ids or more than positions, an id is outside the vocabulary, or the device
    /// fails.
    pub(super) fn hidden(
        &self,
        ids: &[u32],
        watch: &mut dyn FnMut(usize, &Tensor) -> Loaded<()>,
    ) -> Loaded<Tensor> {
        let room = self.longest();
        if ids.is_empty() || ids.len() > room || ids.iter().any(|id| *id as usize >= self.vocab) {
            return Err(EngineError::Input {
                what: "the tokens",
                problem: format!("need 1 to {room} ids below {}", self.vocab),
            });
        }
        let failed = |source| EngineError::Compute { stage: "BERT", source };
        let mut x = self.embed(ids).map_err(failed)?;
        watch(0, &x)?;
        match &self.layers {
            Stack::Rows(layers) => layers.whole(&x, &mut |n, rows| watch(n + 1, rows)),
            Stack::Tensors(layers) => {
                for (n, layer) in layers.iter().enumerate() {
                    x = layer.forward(&x, self.heads).map_err(failed)?;
                    watch(n + 1, &x)?;
                }
                Ok(x)
            }
        }
    }

    fn embed(&self, ids: &[u32]) -> Result<Tensor> {
        let words = self.words.index_select(&Tensor::new(ids, &self.device)?, 0)?;
        let padding = self.first_position.checked_sub(1).and_then(|id| u32::try_from(id).ok());
        let positions = match padding {
            // XLM-R's padding has a position of its own, and the others are counted without it.
            Some(padding) if ids.contains(&padding) => {
                let mut next = self.first_position;
                let places: Vec<u32> = ids
                    .iter()
                    .map(|id| match *id == padding {
                        true => padding,
                        false => {
                            next += 1;
                            u32::try_from(next - 1).unwrap_or(u32::MAX)
                        }
                    })
                    .collect();
                self.positions.index_select(&Tensor::new(places, &self.device)?, 0)?
            }
            _ => self.positions.narrow(0, self.first_position, ids.len())?,
        };
        self.norm.forward(&(words + positions)?.broadcast_add(&self.kind)?)
    }
}

impl Layer {
    fn load(source: &mut Source<'_>, name: &str, width: usize, inner: usize) -> Loaded<Self> {
        let attention = format!("{name}.attention");
        Ok(Self {
            query: source.linear(&format!("{attention}.self.query"), width, width)?,
            key: source.linear(&format!("{attention}.self.key"), width, width)?,
            value: source.linear(&format!("{attention}.self.value"), width, width)?,
            out: source.linear(&format!("{attention}.output.dense"), width, width)?,
            attention_norm: source.norm(&format!("{attention}.output.LayerNorm"), width)?,
            widen: source.linear(&format!("{name}.intermediate.dense"), width, inner)?,
            narrow: source.linear(&format!("{name}.output.dense"), inner, width)?,
            norm: source.norm(&format!("{name}.output.LayerNorm"), width)?,
        })
    }

    fn forward(&self, x: &Tensor, heads: usize) -> Result<Tensor> {
        let (rows, width) = x.dims2()?;
        let dim = width / heads;
        let split = |x: Tensor| x.reshape((rows, heads, dim))?.transpose(0, 1)?.contiguous();
        #[expect(clippy::cast_precision_loss, reason = "head sizes")]
        let query = (split(self.query.forward(x)?)? / (dim as f64).sqrt())?;
        let (key, value) = (split(self.key.forward(x)?)?, split(self.value.forward(x)?)?);
        let weights = softmax_last_dim(&query.matmul(&key.transpose(1, 2)?)?)?;
        let mixed = weights.matmul(&value)?.transpose(0, 1)?.reshape((rows, width))?;
        let x = self.attention_norm.forward(&(x + self.out.forward(&mixed)?)?)?;
        let inner = self.widen.forward(&x)?.gelu_erf()?;
        self.norm.forward(&(&x + self.narrow.forward(&inner)?)?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// An encoder of one block with 16 rows of positions.
    fn load(kind: &str, padding: u64) -> std::result::Result<Bert, String> {
        let folder = tempfile::tempdir().unwrap();
        let config = serde_json::json!({
            "model_type": kind, "hidden_size": 4, "num_attention_heads": 1, "intermediate_size": 4,
            "num_hidden_layers": 1, "vocab_size": 3, "max_position_embeddings": 16, "type_vocab_size": 1, "pad_token_id": padding,
        });
        std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        let mut tensors = HashMap::new();
        let mut add = |name: String, shape: &[usize]| {
            tensors
                .insert(name, Tensor::ones(shape, candle_core::DType::F32, &Device::Cpu).unwrap());
        };
        for (name, rows) in [("word", 3), ("position", 16), ("token_type", 1)] {
            add(format!("embeddings.{name}_embeddings.weight"), &[rows, 4]);
        }
        let layer = "encoder.layer.0.";
        for part in [
            "attention.self.query",
            "attention.self.key",
            "attention.self.value",
            "attention.output.dense",
            "intermediate.dense",
            "output.dense",
        ] {
            add(format!("{layer}{part}.weight"), &[4, 4]);
            add(format!("{layer}{part}.bias"), &[4]);
        }
        for part in ["embeddings", "encoder.layer.0.attention.output", "encoder.layer.0.output"] {
            add(format!("{part}.LayerNorm.weight"), &[4]);
            add(format!("{part}.LayerNorm.bias"), &[4]);
        }
        candle_core::safetensors::save(&tensors, folder.path().join("model.safetensors")).unwrap();
        let weights = ShardedWeights::open(folder.path()).unwrap();
        Bert::load(folder.path(), weights, 0, &Device::Cpu).map_err(|error| error.to_string())
    }

    #[test]
    fn a_padding_that_leaves_no_position_is_refused() {
        assert_eq!(load("xlm-roberta", 14).unwrap().longest(), 1);
        for padding in [15, u64::MAX] {
            let error = load("xlm-roberta", padding).unwrap_err();
            assert!(
                error.contains(&format!("pad_token_id: is {padding}, expected less")),
                "{error}"
            );
        }
    }

    #[test]
    fn xlm_roberta_has_room_for_two_ids_less_than_it_has_positions() {
        for (kind, room) in [("bert", 16), ("xlm-roberta", 14)] {
            let bert = load(kind, 1).unwrap();
            assert_eq!(bert.longest(), room, "{kind}");
            assert!(bert.hidden(&vec![1; room], &mut |_, _| Ok(())).is_ok(), "{kind}");
            assert!(bert.hidden(&vec![1; room + 1], &mut |_, _| Ok(())).is_err(), "{kind}");
        }
    }
}
