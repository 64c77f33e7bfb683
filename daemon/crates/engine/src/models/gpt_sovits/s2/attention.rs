//! Transformer blocks of the synthesiser's encoders (VITS, Kim et al. 2021, `attentions.py`):
//! self-attention with learned positions relative to the query (Shaw et al. 2018) inside a small
//! window, and a feed-forward part of two convolutions. Frames are columns, `[channels, frames]`.

use candle_core::{D, Result as Computed, Tensor};

use super::super::{
    conv::Conv1d,
    load::{Norm, Weights, attend, computing, heads, joined},
};
use crate::EngineError;

/// Largest relative window that is taken.
const WIDEST_WINDOW: usize = 128;

/// Attention with its four maps; relative positions where the checkpoint has them.
#[derive(Debug)]
pub(super) struct Attention {
    q: Conv1d,
    k: Conv1d,
    v: Conv1d,
    o: Conv1d,
    /// Rows for offsets −window to window of keys and values, `[2 window + 1, dim]`.
    relative: Option<(Tensor, Tensor)>,
    heads: usize,
}

impl Attention {
    pub(super) fn load(
        mut weights: Weights<'_>,
        width: usize,
        heads: usize,
    ) -> Result<Self, EngineError> {
        let relative = if weights.has("emb_rel_k") {
            let [one, rows, dim] = weights.dims("emb_rel_k")?;
            if one != 1 || rows % 2 == 0 || rows > WIDEST_WINDOW || dim * heads != width {
                return Err(EngineError::Malformed {
                    file: weights.path(),
                    problem: format!(
                        "tensor emb_rel_k has shape [{one}, {rows}, {dim}], expected an odd number \
                         of rows of {width} / {heads} values"
                    ),
                });
            }
            let mut table = |name| {
                let table = weights.tensor(name, &[1, rows, dim])?;
                table.squeeze(0).map_err(computing("placing the weights"))
            };
            Some((table("emb_rel_k")?, table("emb_rel_v")?))
        } else {
            None
        };
        let mut map = |name| weights.conv(name, width, (1, 1));
        let (q, k, v, o) = (map("conv_q")?, map("conv_k")?, map("conv_v")?, map("conv_o")?);
        for found in [&q, &k, &v, &o] {
            if found.width() != width || found.taps() != 1 {
                return Err(EngineError::Malformed {
                    file: weights.path(),
                    problem: format!("an attention map has not {width} outputs and 1 tap"),
                });
            }
        }
        Ok(Self { q, k, v, o, relative, heads })
    }

    /// Queries from `x`, keys and values from `context`; `[channels, frames of x]`.
    pub(super) fn forward(&self, x: &Tensor, context: &Tensor) -> Computed<Tensor> {
        let split =
            |map: &Conv1d, x: &Tensor| heads(&map.forward(x)?.t()?.contiguous()?, self.heads);
        let (q, k, v) = (split(&self.q, x)?, split(&self.k, context)?, split(&self.v, context)?);
        #[expect(clippy::cast_precision_loss, reason = "head sizes")]
        let scale = 1.0 / (q.dim(2)? as f64).sqrt();
        let mixed = match &self.relative {
            None => attend((&q, &k, &v), scale, None)?,
            Some((keys, values)) => {
                let q = (q * scale)?;
                let near = Near::of(keys, values, q.dim(1)?)?;
                let scores = (q.matmul(&k.transpose(1, 2)?)? + near.scores(&q)?)?;
                let weights = candle_nn::ops::softmax(&scores, D::Minus1)?;
                (weights.matmul(&v)? + near.mixed(&weights)?)?
            }
        };
        self.o.forward(&joined(&mixed)?.t()?)
    }
}

/// The rows of relative positions that a sequence reaches.
struct Near {
    keys: Tensor,
    values: Tensor,
    reach: usize,
    frames: usize,
}

impl Near {
    fn of(keys: &Tensor, values: &Tensor, frames: usize) -> Computed<Self> {
        let window = keys.dim(0)? / 2;
        let reach = window.min(frames - 1);
        let cut = |table: &Tensor| table.narrow(0, window - reach, 2 * reach + 1)?.contiguous();
        Ok(Self { keys: cut(keys)?, values: cut(values)?, reach, frames })
    }

    /// `q` `[heads, frames, dim]` against the rows: column j of frame i belongs to offset j − i.
    fn scores(&self, q: &Tensor) -> Computed<Tensor> {
        let (heads, frames, dim) = q.dims3()?;
        let rows = q.reshape((heads * frames, dim))?.matmul(&self.keys.t()?)?;
        let rows = rows.reshape((heads, frames, 2 * self.reach + 1))?;
        let beside = frames - 1 - self.reach;
        // [2 frames − 1] offsets; shifted by one per row they become columns.
        let all = rows.pad_with_zeros(2, beside, beside + 1)?;
        let flat = all.reshape((heads, 2 * frames * frames))?.pad_with_zeros(1, 0, frames - 1)?;
        flat.reshape((heads, frames + 1, 2 * frames - 1))?.narrow(1, 0, frames)?.narrow(
            2,
            frames - 1,
            frames,
        )
    }

    /// Sums the rows of values by the attention `[heads, frames, frames]`.
    fn mixed(&self, weights: &Tensor) -> Computed<Tensor> {
        let (heads, frames, _) = weights.dims3()?;
        debug_assert_eq!(frames, self.frames);
        let wide = weights.pad_with_zeros(2, 0, frames - 1)?;
        let flat =
            wide.reshape((heads, frames * (2 * frames - 1)))?.pad_with_zeros(1, frames, 0)?;
        let offsets = flat.reshape((heads, frames, 2 * frames))?.narrow(2, 1, 2 * frames - 1)?;
        let near = offsets.narrow(2, frames - 1 - self.reach, 2 * self.reach + 1)?.contiguous()?;
        let dim = self.values.dim(1)?;
        near.reshape((heads * frames, 2 * self.reach + 1))?
            .matmul(&self.values)?
            .reshape((heads, frames, dim))
    }
}

#[derive(Debug)]
struct Block {
    attention: Attention,
    norm1: Norm,
    conv1: Conv1d,
    conv2: Conv1d,
    norm2: Norm,
}

/// A stack of blocks, each part followed by its norm.
#[derive(Debug)]
pub(super) struct Encoder {
    blocks: Vec<Block>,
}

impl Encoder {
    pub(super) fn load(
        mut weights: Weights<'_>,
        width: usize,
        heads: usize,
    ) -> Result<Self, EngineError> {
        let count = weights.count("attn_layers", "conv_q.weight");
        let block = |i: usize| {
            let attention =
                Attention::load(weights.below(&format!("attn_layers.{i}")), width, heads)?;
            let mut norm = |name: &str| {
                let (gamma, beta) = (format!("{name}.{i}.gamma"), format!("{name}.{i}.beta"));
                weights.norm((&gamma, &beta), width, 1e-5)
            };
            let (norm1, norm2) = (norm("norm_layers_1")?, norm("norm_layers_2")?);
            let conv1 = weights.conv(&format!("ffn_layers.{i}.conv_1"), width, (1, 1))?;
            let conv2 = weights.conv(&format!("ffn_layers.{i}.conv_2"), conv1.width(), (1, 1))?;
            Ok(Block { attention, norm1, conv1, conv2, norm2 })
        };
        Ok(Self { blocks: (0..count).map(block).collect::<Result<_, EngineError>>()? })
    }

    /// `x` `[channels, frames]`; the outputs of the first block's two parts are shown.
    pub(super) fn forward(
        &self,
        x: &Tensor,
        show: &mut dyn FnMut(&str, &Tensor) -> Result<(), EngineError>,
    ) -> Result<Tensor, EngineError> {
        const STAGE: &str = "an encoder of the synthesiser";
        let mut x = x.clone();
        for (i, block) in self.blocks.iter().enumerate() {
            let mixed = block.attention.forward(&x, &x).map_err(computing(STAGE))?;
            let inner = |x: &Tensor| {
                let x = block.norm1.over_channels(&(x + &mixed)?)?;
                let inner = block.conv2.same(&block.conv1.same(&x)?.relu()?)?;
                let out = block.norm2.over_channels(&(x + &inner)?)?;
                Ok((inner, out))
            };
            let (inner, out) = inner(&x).map_err(computing(STAGE))?;
            if i == 0 {
                show("attn0", &mixed)?;
                show("ffn0", &inner)?;
            }
            x = out;
        }
        Ok(x)
    }
}
