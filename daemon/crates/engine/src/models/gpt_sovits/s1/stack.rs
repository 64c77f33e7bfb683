//! The decoder's layers, as plain rows on the CPU and as tensors elsewhere, each with what it keeps of
//! the rows before.

use candle_core::{Device, Result as Computed, Tensor};
use companion_kernels::{Activation, Dense};

use super::super::{
    Watch,
    load::{Linear, Norm, Weights, attend, computing, heads, joined},
    watched,
};
use super::STAGE;
use crate::{
    EngineError,
    layers::KvCache,
    models::post_norm::{Memory, NormValues, PostNorm, PostNormLayer},
};

#[derive(Debug)]
pub(super) struct Layer {
    qkv: Linear,
    out: Linear,
    up: Linear,
    down: Linear,
    norm1: Norm,
    norm2: Norm,
}

/// The layers.
#[derive(Debug)]
pub(super) enum Stack {
    Tensors { layers: Vec<Layer>, heads: usize, width: usize, device: Device },
    Rows { layers: PostNorm, width: usize },
}

/// Keys and values of the rows so far.
#[derive(Debug)]
pub(super) enum Past {
    Tensors(Vec<KvCache>),
    Rows(Memory),
}

impl Stack {
    pub(super) fn load(
        weights: &mut Weights<'_>,
        width: usize,
        heads: usize,
    ) -> Result<Self, EngineError> {
        let count = weights.count("h.layers", "linear1.weight");
        let name = |i: usize| format!("h.layers.{i}");
        if let Some(threads) = weights.threads() {
            let layers = (0..count)
                .map(|i| rows_layer(weights.below(&name(i)), width))
                .collect::<Result<_, _>>()?;
            let layers = PostNorm::new(layers, heads, Activation::Relu, threads);
            return Ok(Self::Rows { layers, width });
        }
        let device = weights.device().clone();
        let layers =
            (0..count).map(|i| layer(weights.below(&name(i)), width)).collect::<Result<_, _>>()?;
        Ok(Self::Tensors { layers, heads, width, device })
    }

    /// Nothing yet.
    pub(super) fn past(&self) -> Result<Past, EngineError> {
        match self {
            Self::Tensors { layers, heads, width, device } => {
                let empty = |_: &Layer| KvCache::new(*heads, width / heads, device);
                let caches = layers.iter().map(empty).collect::<Computed<_>>();
                caches.map(Past::Tensors).map_err(computing(STAGE))
            }
            Self::Rows { layers, .. } => Ok(Past::Rows(layers.memory())),
        }
    }

    /// Phones and codes at once, `x` `[phones + codes, width]`; gives all rows.
    pub(super) fn begin(
        &self,
        x: Tensor,
        (phones, codes): (usize, usize),
        past: &mut Past,
        watch: &mut Watch<'_>,
    ) -> Result<Tensor, EngineError> {
        let failed = computing(STAGE);
        match (self, past) {
            (Self::Tensors { layers, heads, .. }, Past::Tensors(caches)) => {
                let mask = prefill_mask(phones, codes, x.device()).map_err(&failed)?;
                let mut x = x;
                for (i, (layer, cache)) in layers.iter().zip(&mut *caches).enumerate() {
                    x = layer.forward(&x, cache, *heads, Some(&mask)).map_err(&failed)?;
                    watch(&format!("layer{i}"), &x)?;
                }
                if let Some(cache) = caches.first() {
                    let (keys, values) = cache.all().map_err(&failed)?;
                    watch("k0", &joined(&keys).map_err(&failed)?)?;
                    watch("v0", &joined(&values).map_err(&failed)?)?;
                }
                Ok(x)
            }
            (Self::Rows { layers, width }, Past::Rows(memory)) => {
                let seen: Vec<usize> = (0..phones + codes).map(|row| phones.max(row + 1)).collect();
                let shape = (phones + codes, *width);
                let placed = |rows: &[f32]| Tensor::from_slice(rows, shape, &Device::Cpu);
                let mut rows = x.flatten_all().and_then(|x| x.to_vec1()).map_err(&failed)?;
                let shown = watched(watch);
                layers.forward(&mut rows, &seen, memory, &mut |i, rows| match shown {
                    true => watch(&format!("layer{i}"), &placed(rows).map_err(&failed)?),
                    false => Ok(()),
                })?;
                if shown {
                    let (keys, values) = memory.rows(0);
                    watch("k0", &placed(&keys).map_err(&failed)?)?;
                    watch("v0", &placed(&values).map_err(&failed)?)?;
                }
                placed(&rows).map_err(&failed)
            }
            _ => unreachable_past(),
        }
    }

    /// One more row, `x` `[1, width]`.
    pub(super) fn next(&self, x: Tensor, past: &mut Past) -> Result<Tensor, EngineError> {
        let failed = computing(STAGE);
        match (self, past) {
            (Self::Tensors { layers, heads, .. }, Past::Tensors(caches)) => {
                layers.iter().zip(caches).try_fold(x, |x, (layer, cache)| {
                    layer.forward(&x, cache, *heads, None).map_err(&failed)
                })
            }
            (Self::Rows { layers, width }, Past::Rows(memory)) => {
                let mut row = x.flatten_all().and_then(|x| x.to_vec1()).map_err(&failed)?;
                let seen = [memory.length() + 1];
                layers.forward(&mut row, &seen, memory, &mut |_, _| Ok(()))?;
                Tensor::from_vec(row, (1, *width), &Device::Cpu).map_err(&failed)
            }
            _ => unreachable_past(),
        }
    }
}

/// A past that another stack made.
fn unreachable_past<T>() -> Result<T, EngineError> {
    super::refuse("past", "it belongs to a model on another device")
}

impl Layer {
    /// `x` `[rows, width]` are the rows behind those of the cache.
    fn forward(
        &self,
        x: &Tensor,
        cache: &mut KvCache,
        heads_count: usize,
        mask: Option<&Tensor>,
    ) -> Computed<Tensor> {
        let qkv = self.qkv.forward(x)?;
        let width = x.dim(1)?;
        let part = |i: usize| heads(&qkv.narrow(1, i * width, width)?, heads_count);
        let (keys, values) = cache.append(&part(1)?, &part(2)?)?;
        #[expect(clippy::cast_precision_loss, reason = "head sizes")]
        let scale = 1.0 / ((width / heads_count) as f64).sqrt();
        let mixed = joined(&attend((&part(0)?, &keys, &values), scale, mask)?)?;
        let x = self.norm1.forward(&(x + self.out.forward(&mixed)?)?)?;
        let inner = self.down.forward(&self.up.forward(&x)?.relu()?)?;
        self.norm2.forward(&(x + inner)?)
    }
}

fn layer(mut weights: Weights<'_>, width: usize) -> Result<Layer, EngineError> {
    let qkv = weights.tensor("self_attn.in_proj_weight", &[3 * width, width])?;
    let bias = weights.tensor("self_attn.in_proj_bias", &[3 * width])?;
    let up = weights.linear("linear1", width)?;
    Ok(Layer {
        qkv: Linear::new(&qkv, Some(bias)).map_err(computing(STAGE))?,
        out: weights.linear("self_attn.out_proj", width)?,
        down: weights.linear("linear2", up.width())?,
        up,
        norm1: weights.norm(("norm1.weight", "norm1.bias"), width, 1e-5)?,
        norm2: weights.norm(("norm2.weight", "norm2.bias"), width, 1e-5)?,
    })
}

fn rows_layer(mut weights: Weights<'_>, width: usize) -> Result<PostNormLayer, EngineError> {
    let qkv = weights.values("self_attn.in_proj_weight", &[3 * width, width])?;
    let bias = weights.values("self_attn.in_proj_bias", &[3 * width])?;
    let up = weights.dense("linear1", width)?;
    let mut norm = |name: &str| {
        Ok(NormValues {
            scale: weights.values(&format!("{name}.weight"), &[width])?,
            shift: weights.values(&format!("{name}.bias"), &[width])?,
            epsilon: 1e-5,
        })
    };
    let (norm1, norm2) = (norm("norm1")?, norm("norm2")?);
    Ok(PostNormLayer {
        qkv: Dense::linear([3 * width, width], &qkv, Some(&bias)),
        out: weights.dense("self_attn.out_proj", width)?,
        down: weights.dense("linear2", up.outputs())?,
        up,
        norm1,
        norm2,
    })
}

/// Phones see phones alone; codes see phones and no later code.
fn prefill_mask(phones: usize, codes: usize, device: &Device) -> Computed<Tensor> {
    let all = phones + codes;
    let mask: Vec<f32> = (0..all)
        .flat_map(|row| {
            let sees = if row < phones { phones } else { row + 1 };
            (0..all).map(move |column| if column < sees { 0.0 } else { f32::NEG_INFINITY })
        })
        .collect();
    Tensor::from_vec(mask, (all, all), device)
}
