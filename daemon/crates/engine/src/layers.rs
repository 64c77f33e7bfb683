//! Layers that the language models share: linear maps, norms, rotary positions, the KV cache.

use std::sync::Arc;

use candle_core::quantized::QMatMul;
use candle_core::{DType, Device, Module, Result, Tensor};

use crate::quant::Packed;

/// A linear map with its weights as they are kept: plain, or quantised.
#[derive(Debug, Clone)]
pub(crate) enum Linear {
    /// Transposed weights `[in, out]` (a view) and bias `[out]`.
    Dense(Tensor, Option<Tensor>),
    /// Quantised weights and bias `[out]`.
    Quantized(QMatMul, Option<Tensor>),
    /// Packed weights (CPU) and bias `[out]`.
    Packed(Arc<Packed>, Option<Tensor>),
}

impl Linear {
    /// A map of packed weights; dequantised on a device other than the CPU.
    pub(crate) fn packed(weights: Packed, bias: Option<Tensor>, device: &Device) -> Result<Self> {
        if device.is_cpu() {
            return Ok(Self::Packed(Arc::new(weights), bias));
        }
        Ok(Self::Dense(weights.dense(0..weights.outputs(), device)?.t()?, bias))
    }

    /// Bytes of its weights.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Dense(weights, _) => weights.elem_count() * 4,
            Self::Quantized(QMatMul::QTensor(weights), _) => weights.storage_size_in_bytes(),
            Self::Quantized(QMatMul::Tensor(weights) | QMatMul::TensorF16(weights), _) => {
                weights.elem_count() * weights.dtype().size_in_bytes()
            }
            Self::Packed(weights, _) => weights.bytes(),
        }
    }

    /// `x` `[rows, in]` to `[rows, out]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (y, bias) = match self {
            Self::Dense(weights, bias) => (x.matmul(weights)?, bias),
            Self::Quantized(weights, bias) => (weights.forward(x)?, bias),
            Self::Packed(weights, bias) => (weights.forward(x)?, bias),
        };
        match bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        }
    }
}

/// How the frequencies of rotary positions are slowed for contexts longer than those first trained on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum RopeScaling {
    /// Not at all.
    None,
    /// All by one factor (Chen et al. 2023, "Extending Context Window via Position Interpolation").
    Linear(f64),
    /// By wavelength against the original context: short waves stay, long ones are slowed by `factor`,
    /// those between are blended (`apply_scaling` in `models/llama3/reference_impl/model.py` of
    /// meta-llama/llama-models).
    Llama3 {
        /// Of the long waves.
        factor: f64,
        /// Waves longer than `original / low` are long.
        low: f64,
        /// Waves shorter than `original / high` are short.
        high: f64,
        /// Positions of the original context.
        original: f64,
    },
}

impl RopeScaling {
    /// Radians per position of each of the `dim / 2` pairs of a head, with base `theta`.
    pub(crate) fn speeds(self, dim: usize, theta: f64) -> Vec<f32> {
        let half = dim / 2;
        let scaled = |i: usize| {
            #[expect(clippy::cast_precision_loss, reason = "head sizes")]
            let speed = theta.powf(-(i as f64) / half as f64);
            match self {
                Self::None => speed,
                Self::Linear(factor) => speed / factor,
                Self::Llama3 { factor, low, high, original } => {
                    let waves = original * speed / (2.0 * std::f64::consts::PI);
                    let kept = ((waves - low) / (high - low)).clamp(0.0, 1.0);
                    kept * speed + (1.0 - kept) * speed / factor
                }
            }
        };
        #[expect(clippy::cast_possible_truncation, reason = "the engine computes in f32")]
        (0..half).map(|i| scaled(i) as f32).collect()
    }
}

/// Cosines and sines of rotary positions (Su et al. 2021): the two halves of a head rotated against
/// each other as in GPT-NeoX, or neighbours as in the paper.
#[derive(Debug)]
pub(crate) struct Rope {
    cos: Tensor,
    sin: Tensor,
    speed: Vec<f32>,
    interleaved: bool,
}

impl Rope {
    /// Tables for `rows` positions; `speed` holds the radians per position of each pair of a head.
    pub(crate) fn new(
        speed: Vec<f32>,
        interleaved: bool,
        rows: usize,
        device: &Device,
    ) -> Result<Self> {
        let empty = Tensor::zeros((0, speed.len()), DType::F32, device)?;
        let mut rope = Self { cos: empty.clone(), sin: empty, speed, interleaved };
        rope.reach(rows, device)?;
        Ok(rope)
    }

    /// Radians per position of each pair of a head.
    pub(crate) fn into_speed(self) -> Vec<f32> {
        self.speed
    }

    fn reach(&mut self, rows: usize, device: &Device) -> Result<()> {
        let known = self.cos.dim(0)?;
        if rows <= known {
            return Ok(());
        }
        let rows = rows.next_power_of_two().max(256);
        #[expect(clippy::cast_precision_loss, reason = "positions are far below 2^24")]
        let angles: Vec<f32> =
            (0..rows).flat_map(|p| self.speed.iter().map(move |s| p as f32 * s)).collect();
        let angles = Tensor::from_vec(angles, (rows, self.speed.len()), device)?;
        self.cos = angles.cos()?;
        self.sin = angles.sin()?;
        Ok(())
    }

    /// Rotates `x` `[heads, rows, dim]` whose first row is at `position`.
    pub(crate) fn rotate(&mut self, x: &Tensor, position: usize) -> Result<Tensor> {
        let rows = x.dim(1)?;
        self.reach(position + rows, x.device())?;
        let cos = self.cos.narrow(0, position, rows)?;
        let sin = self.sin.narrow(0, position, rows)?;
        let x = x.unsqueeze(0)?.contiguous()?;
        if self.interleaved {
            candle_nn::rotary_emb::rope_i(&x, &cos, &sin)?.squeeze(0)
        } else {
            candle_nn::rotary_emb::rope(&x, &cos, &sin)?.squeeze(0)
        }
    }
}

/// Positions a cache has room for at first.
const FIRST_ROWS: usize = 256;

/// Keys and values of one layer, `[kv heads, capacity, dim]`; written in place, grown by doubling.
#[derive(Debug)]
pub(crate) struct KvCache {
    keys: Tensor,
    values: Tensor,
    length: usize,
}

impl KvCache {
    pub(crate) fn new(heads: usize, dim: usize, device: &Device) -> Result<Self> {
        let empty = Tensor::zeros((heads, FIRST_ROWS, dim), DType::F32, device)?;
        Ok(Self { keys: empty.copy()?, values: empty, length: 0 })
    }

    /// Forgets everything from `length` on.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// Appends rows and gives all keys and values so far, `[kv heads, length, dim]`.
    pub(crate) fn append(&mut self, keys: &Tensor, values: &Tensor) -> Result<(Tensor, Tensor)> {
        let rows = keys.dim(1)?;
        let end = self.length + rows;
        if end > self.keys.dim(1)? {
            self.keys = grown(&self.keys, self.length, end)?;
            self.values = grown(&self.values, self.length, end)?;
        }
        self.keys.slice_set(&keys.contiguous()?, 1, self.length)?;
        self.values.slice_set(&values.contiguous()?, 1, self.length)?;
        self.length = end;
        Ok((self.keys.narrow(1, 0, end)?, self.values.narrow(1, 0, end)?))
    }

    /// Appends all that is held to `out`: keys, then values, each `[kv heads, length, dim]`, f32,
    /// little-endian.
    pub(crate) fn export(&self, out: &mut Vec<u8>) -> Result<()> {
        let (keys, values) = self.all()?;
        for all in [keys, values] {
            let all: Vec<f32> = all.contiguous()?.flatten_all()?.to_vec1()?;
            out.extend(all.iter().flat_map(|value| value.to_le_bytes()));
        }
        Ok(())
    }

    /// Holds the `length` positions that [`Self::export`] wrote, and nothing else.
    pub(crate) fn import(&mut self, length: usize, bytes: &[u8]) -> Result<()> {
        self.length = 0;
        if length == 0 {
            return Ok(());
        }
        let (heads, _, dim) = self.keys.dims3()?;
        let (keys, values) = bytes.as_chunks::<4>().0.split_at(heads * length * dim);
        let tensor = |bytes: &[[u8; 4]]| {
            let values: Vec<f32> = bytes.iter().map(|value| f32::from_le_bytes(*value)).collect();
            Tensor::from_vec(values, (heads, length, dim), self.keys.device())
        };
        let (keys, values) = (tensor(keys)?, tensor(values)?);
        self.append(&keys, &values).map(|_| ())
    }

    /// All keys and values, `[kv heads, length, dim]`.
    pub(crate) fn all(&self) -> Result<(Tensor, Tensor)> {
        Ok((self.keys.narrow(1, 0, self.length)?, self.values.narrow(1, 0, self.length)?))
    }

    /// Bytes held by a cache that has grown to `length` positions.
    pub(crate) fn bytes_of(heads: usize, dim: usize, length: usize) -> usize {
        2 * heads * dim * length.next_power_of_two().max(FIRST_ROWS) * 4
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        (self.keys.elem_count() + self.values.elem_count()) * 4
    }
}

fn grown(old: &Tensor, length: usize, wanted: usize) -> Result<Tensor> {
    let (heads, _, dim) = old.dims3()?;
    let new = Tensor::zeros((heads, wanted.next_power_of_two(), dim), DType::F32, old.device())?;
    if length > 0 {
        new.slice_set(&old.narrow(1, 0, length)?.contiguous()?, 1, 0)?;
    }
    Ok(new)
}

/// Softmax attention of `q` `[heads, rows, dim]` over `k`, `v` `[kv heads, all, dim]`; the rows are
/// the last ones of all. Heads that share keys are computed as one product.
pub(crate) fn attend(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
    let (heads, rows, dim) = q.dims3()?;
    let (kv_heads, all, _) = k.dims3()?;
    let shared = heads / kv_heads;
    #[expect(clippy::cast_precision_loss, reason = "head sizes")]
    let scale = 1.0 / (dim as f64).sqrt();
    let q = (q * scale)?.reshape((kv_heads, shared * rows, dim))?;
    let mut scores = q.matmul(&k.transpose(1, 2)?)?;
    if rows > 1 {
        let mask = causal_mask(rows, all, q.device())?;
        scores = scores.reshape((kv_heads, shared, rows, all))?.broadcast_add(&mask)?.reshape((
            kv_heads,
            shared * rows,
            all,
        ))?;
    }
    let weights = candle_nn::ops::softmax_last_dim(&scores)?;
    weights.matmul(&v.contiguous()?)?.reshape((heads, rows, dim))
}

fn causal_mask(rows: usize, all: usize, device: &Device) -> Result<Tensor> {
    let before = all - rows;
    let mask: Vec<f32> = (0..rows)
        .flat_map(|r| (0..all).map(move |c| if c <= before + r { 0.0 } else { f32::NEG_INFINITY }))
        .collect();
    Tensor::from_vec(mask, (rows, all), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn llama_slows_long_waves_and_keeps_short_ones() {
        let plain = RopeScaling::None.speeds(32, 500_000.0);
        let scaling = RopeScaling::Llama3 { factor: 8.0, low: 1.0, high: 4.0, original: 256.0 };
        let slowed = scaling.speeds(32, 500_000.0);
        let ratios: Vec<f32> = plain.iter().zip(&slowed).map(|(p, s)| p / s).collect();
        assert!((ratios[0] - 1.0).abs() < 1e-6 && (ratios[15] - 8.0).abs() < 1e-4, "{ratios:?}");
        assert!(ratios.windows(2).all(|pair| pair[0] <= pair[1] + 1e-4), "{ratios:?}");
        assert!(ratios.iter().any(|r| *r > 1.01 && *r < 7.9), "{ratios:?}");
    }

    #[test]
    fn neighbours_and_halves_rotate_alike_when_reordered() {
        let speed = RopeScaling::None.speeds(4, 100.0);
        let device = Device::Cpu;
        let halves = Tensor::new(&[[[1f32, 2.0, 3.0, 4.0]]], &device).unwrap();
        let pairs = Tensor::new(&[[[1f32, 3.0, 2.0, 4.0]]], &device).unwrap();
        let mut rope = Rope::new(speed.clone(), false, 8, &device).unwrap();
        let a: Vec<f32> =
            rope.rotate(&halves, 5).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        let mut rope = Rope::new(speed, true, 8, &device).unwrap();
        let b: Vec<f32> = rope.rotate(&pairs, 5).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(a, [b[0], b[2], b[1], b[3]]);
    }
}
