//! SAN-M layers ("SAN-M: Memory Equipped Self-Attention for End-to-End Speech Recognition", Gao et
//! al. 2020) as FunASR's encoders stack them: self-attention beside a depthwise convolution over the
//! values, then a feed-forward part, each behind a layer norm. Tensor names and layout are those of
//! FunASR checkpoints. Utterances are computed one by one, so nothing is padded or masked.

use std::path::PathBuf;

use candle_core::{CpuStorage, CustomOp1, D, Device, Layout, Result, Shape, Tensor};
use candle_nn::ops::softmax_last_dim;

use crate::{EngineError, weights::TensorFile};

/// What fails when a device has no room.
const PLACING: &str = "placing the weights";

/// Sizes of a stack of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SanmSizes {
    /// Width of the rows between blocks.
    pub width: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width inside the feed-forward part.
    pub inner: usize,
    /// Taps of the depthwise convolution.
    pub kernel: usize,
    /// By how many rows the convolution looks further back (`sanm_shfit`).
    pub shift: usize,
}

impl SanmSizes {
    /// Checks sizes read from `file`.
    ///
    /// # Errors
    /// When one is outside of what such models have.
    pub fn check(&self, file: &std::path::Path) -> std::result::Result<(), EngineError> {
        let refuse = |key: &str, problem: String| {
            Err(EngineError::Config { file: PathBuf::from(file), key: key.into(), problem })
        };
        let Self { width, heads, inner, kernel, shift } = *self;
        if !(1..=8_192).contains(&width) {
            return refuse("output_size", format!("{width} is not from 1 to 8192"));
        }
        if heads == 0 || width % heads != 0 {
            return refuse("attention_heads", format!("{heads} heads do not divide {width}"));
        }
        if !(1..=65_536).contains(&inner) {
            return refuse("linear_units", format!("{inner} is not from 1 to 65536"));
        }
        if !(1..=255).contains(&kernel) {
            return refuse("kernel_size", format!("{kernel} is not from 1 to 255"));
        }
        if shift > kernel / 2 {
            return refuse("sanm_shfit", format!("{shift} is more than half of {kernel} taps"));
        }
        Ok(())
    }
}

/// Reads the weights of one module after another.
#[derive(Debug)]
pub struct Loader<'a> {
    /// The file.
    pub file: &'a mut TensorFile,
    /// Where the weights go.
    pub device: &'a Device,
}

impl Loader<'_> {
    fn tensor(&mut self, name: &str, shape: &[usize]) -> std::result::Result<Tensor, EngineError> {
        self.file.tensor(name, shape, self.device)
    }

    /// `{name}.weight` and `{name}.bias` of a linear layer.
    ///
    /// # Errors
    /// When one is missing or has another shape.
    pub fn linear(
        &mut self,
        name: &str,
        from: usize,
        to: usize,
    ) -> std::result::Result<Linear, EngineError> {
        Ok(Linear {
            weight: self.tensor(&format!("{name}.weight"), &[to, from])?,
            bias: self.tensor(&format!("{name}.bias"), &[to])?,
        })
    }

    /// `{name}.weight` and `{name}.bias` of a layer norm.
    ///
    /// # Errors
    /// When one is missing or has another shape.
    pub fn norm(
        &mut self,
        name: &str,
        width: usize,
        epsilon: f32,
    ) -> std::result::Result<Norm, EngineError> {
        let weight = self.file.values(&format!("{name}.weight"), &[width])?;
        let bias = self.file.values(&format!("{name}.bias"), &[width])?;
        let on_device = if self.device.is_cpu() {
            None
        } else {
            let place = |values: &[f32]| {
                Tensor::from_slice(values, width, self.device)
                    .map_err(|source| EngineError::Compute { stage: PLACING, source })
            };
            Some((place(&weight)?, place(&bias)?))
        };
        Ok(Norm { weight, bias, on_device, epsilon })
    }
}

/// `x W^T + b`.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    /// Rows `[rows, from]` to `[rows, to]`.
    ///
    /// # Errors
    /// When the computation fails.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.matmul(&self.weight.t()?)?.broadcast_add(&self.bias)
    }
}

/// Layer norm. On the CPU the variance is taken around the mean, in two passes: features of silence
/// lie far from zero and close together, where the mean of squares has too few digits.
#[derive(Clone, Debug)]
pub struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    on_device: Option<(Tensor, Tensor)>,
    epsilon: f32,
}

impl Norm {
    /// Normalises rows.
    ///
    /// # Errors
    /// When the computation fails.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match &self.on_device {
            Some((weight, bias)) => {
                candle_nn::ops::layer_norm(&x.contiguous()?, weight, bias, self.epsilon)
            }
            None => x.apply_op1_no_bwd(self),
        }
    }
}

impl CustomOp1 for Norm {
    fn name(&self) -> &'static str {
        "layer-norm"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, width) = layout.shape().dims2()?;
        let (CpuStorage::F32(values), Some((begin, end))) = (storage, layout.contiguous_offsets())
        else {
            candle_core::bail!("layer norm takes contiguous rows of f32")
        };
        if width != self.weight.len() {
            candle_core::bail!("rows of {width} values, weights for {}", self.weight.len())
        }
        let mut out = Vec::with_capacity(rows * width);
        #[expect(clippy::cast_precision_loss, reason = "rows are narrow")]
        let count = width as f64;
        for row in values[begin..end].chunks_exact(width) {
            let mean = sum(row, |x| x) / count;
            let variance = sum(row, |x| (x - mean) * (x - mean)) / count;
            let scale = 1.0 / (variance + f64::from(self.epsilon)).sqrt();
            let parts = row.iter().zip(&self.weight).zip(&self.bias);
            #[expect(clippy::cast_possible_truncation, reason = "the result is f32")]
            out.extend(parts.map(|((x, weight), bias)| {
                let normal = (f64::from(*x) - mean) * scale;
                (normal * f64::from(*weight) + f64::from(*bias)) as f32
            }));
        }
        Ok((CpuStorage::F32(out), (rows, width).into()))
    }
}

/// Sum in double precision, in eight lanes.
fn sum(values: &[f32], term: impl Fn(f64) -> f64) -> f64 {
    let (chunks, rest) = values.as_chunks::<8>();
    let mut lanes = [0f64; 8];
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += term(f64::from(*value));
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|value| term(f64::from(*value))).sum::<f64>()
}

/// Depthwise convolution over time plus its input: `conv(v) + v`, zero-padded to the same length.
#[derive(Clone, Debug)]
struct Memory {
    /// `[kernel, width]`, so that a tap's weights lie together.
    taps: Vec<f32>,
    on_device: Vec<Tensor>,
    width: usize,
    /// Rows before the current one.
    left: usize,
}

impl Memory {
    fn load(
        loader: &mut Loader<'_>,
        name: &str,
        sizes: &SanmSizes,
    ) -> std::result::Result<Self, EngineError> {
        let SanmSizes { width, kernel, shift, .. } = *sizes;
        let stored = loader.file.values(name, &[width, 1, kernel])?;
        let left = (kernel - 1) / 2 + shift;
        let mut taps = vec![0.0; kernel * width];
        for (channel, weights) in stored.chunks_exact(kernel).enumerate() {
            for (tap, weight) in weights.iter().enumerate() {
                taps[tap * width + channel] = *weight;
            }
        }
        let place = |source| EngineError::Compute { stage: PLACING, source };
        let on_device = if loader.device.is_cpu() {
            Vec::new()
        } else {
            taps.chunks_exact(width)
                .map(|tap| Tensor::from_slice(tap, (1, width), loader.device))
                .collect::<Result<_>>()
                .map_err(place)?
        };
        Ok(Self { taps, on_device, width, left })
    }

    /// Rows `[rows, width]`, which may be a column range of wider rows.
    fn forward(&self, v: &Tensor) -> Result<Tensor> {
        if self.on_device.is_empty() {
            return v.apply_op1_no_bwd(self);
        }
        let rows = v.dim(0)?;
        let right = self.on_device.len() - 1 - self.left;
        let padded = v.pad_with_zeros(0, self.left, right)?;
        let mut sum = v.zeros_like()?;
        for (tap, weights) in self.on_device.iter().enumerate() {
            sum = (sum + padded.narrow(0, tap, rows)?.broadcast_mul(weights)?)?;
        }
        // Last, as the reference does: 1 added to a tap's weight would cost its digits.
        sum + v
    }
}

impl CustomOp1 for Memory {
    fn name(&self) -> &'static str {
        "sanm-memory"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, width) = layout.shape().dims2()?;
        let (stride, contiguous) = (layout.stride()[0], layout.stride()[1]);
        let CpuStorage::F32(values) = storage else {
            candle_core::bail!("the memory of a SAN-M block is computed in f32")
        };
        if width != self.width || (contiguous != 1 && width > 1) {
            candle_core::bail!("rows of {width} values do not fit {} channels", self.width)
        }
        let input = &values[layout.start_offset()..];
        let mut out = vec![0f32; rows * width];
        for (row, sums) in out.chunks_exact_mut(width).enumerate() {
            for (tap, weights) in self.taps.chunks_exact(width).enumerate() {
                let Some(source) = (row + tap).checked_sub(self.left).filter(|&s| s < rows) else {
                    continue;
                };
                let source = &input[source * stride..source * stride + width];
                for ((sum, weight), value) in sums.iter_mut().zip(weights).zip(source) {
                    *sum += weight * value;
                }
            }
            for (sum, value) in sums.iter_mut().zip(&input[row * stride..row * stride + width]) {
                *sum += value;
            }
        }
        Ok((CpuStorage::F32(out), (rows, width).into()))
    }
}

/// One block.
#[derive(Clone, Debug)]
pub struct SanmBlock {
    norm1: Norm,
    query_key_value: Linear,
    memory: Memory,
    out: Linear,
    norm2: Norm,
    widen: Linear,
    narrow: Linear,
    heads: usize,
    /// Rows of another width than the block's have no residual around the attention.
    residual: bool,
}

impl SanmBlock {
    /// Reads the block `name` whose input rows are `from` wide.
    ///
    /// # Errors
    /// When a weight is missing or has another shape.
    pub fn load(
        loader: &mut Loader<'_>,
        name: &str,
        from: usize,
        sizes: &SanmSizes,
        epsilon: f32,
    ) -> std::result::Result<Self, EngineError> {
        let SanmSizes { width, heads, inner, .. } = *sizes;
        let attention = format!("{name}.self_attn");
        Ok(Self {
            norm1: loader.norm(&format!("{name}.norm1"), from, epsilon)?,
            query_key_value: loader.linear(
                &format!("{attention}.linear_q_k_v"),
                from,
                3 * width,
            )?,
            memory: Memory::load(loader, &format!("{attention}.fsmn_block.weight"), sizes)?,
            out: loader.linear(&format!("{attention}.linear_out"), width, width)?,
            norm2: loader.norm(&format!("{name}.norm2"), width, epsilon)?,
            widen: loader.linear(&format!("{name}.feed_forward.w_1"), width, inner)?,
            narrow: loader.linear(&format!("{name}.feed_forward.w_2"), inner, width)?,
            heads,
            residual: from == width,
        })
    }

    /// Rows `[rows, from]` to `[rows, width]`.
    ///
    /// # Errors
    /// When the computation fails.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let attended = self.attend(&self.norm1.forward(x)?)?;
        let x = if self.residual { (x + attended)? } else { attended };
        let inner = self.widen.forward(&self.norm2.forward(&x)?)?.relu()?;
        x + self.narrow.forward(&inner)?
    }

    fn attend(&self, y: &Tensor) -> Result<Tensor> {
        let joined = self.query_key_value.forward(y)?;
        let (rows, width) = (joined.dim(0)?, joined.dim(1)? / 3);
        let split = |part: usize| {
            let columns = joined.narrow(1, part * width, width)?;
            columns.reshape((rows, self.heads, width / self.heads))?.transpose(0, 1)?.contiguous()
        };
        #[expect(clippy::cast_precision_loss, reason = "heads are narrow")]
        let scale = 1.0 / ((width / self.heads) as f64).sqrt();
        let (query, key, value) = ((split(0)? * scale)?, split(1)?, split(2)?);
        let memory = self.memory.forward(&joined.narrow(1, 2 * width, width)?)?;
        let weights = softmax_last_dim(&query.matmul(&key.t()?)?)?;
        let mixed = weights.matmul(&value)?.transpose(0, 1)?.reshape((rows, width))?;
        self.out.forward(&mixed)? + memory
    }
}

/// Sinusoidal position codes: sines in the first half of a row, cosines in the second, positions
/// from 1 (FunASR's `SinusoidalPositionEncoder`). Rows are kept once made.
#[derive(Clone, Debug)]
pub struct Positions {
    width: usize,
    rows: Tensor,
}

impl Positions {
    /// Codes for rows of `width` values, `rows` of them to begin with.
    ///
    /// # Errors
    /// When the device has no room.
    pub fn new(width: usize, rows: usize, device: &Device) -> Result<Self> {
        Ok(Self { width, rows: Self::make(width, rows, device)? })
    }

    #[expect(clippy::cast_precision_loss, reason = "positions and widths are small")]
    fn make(width: usize, rows: usize, device: &Device) -> Result<Tensor> {
        let half = width / 2;
        let step = -(10_000f32.ln()) / (half.max(2) - 1) as f32;
        let speeds: Vec<f32> = (0..half).map(|i| (i as f32 * step).exp()).collect();
        let mut values = Vec::with_capacity(rows * width);
        for position in 1..=rows {
            let angles = speeds.iter().map(|speed| position as f32 * speed);
            values.extend(angles.clone().map(f32::sin));
            values.extend(angles.map(f32::cos));
        }
        Tensor::from_vec(values, (rows, 2 * half), device)
    }

    /// `x * scale` plus the codes of its rows.
    ///
    /// # Errors
    /// When the computation fails.
    pub fn encode(&mut self, x: &Tensor, scale: f64) -> Result<Tensor> {
        let rows = x.dim(0)?;
        if rows > self.rows.dim(0)? {
            self.rows = Self::make(self.width, rows.next_power_of_two(), x.device())?;
        }
        (x * scale)? + self.rows.narrow(0, 0, rows)?
    }
}

/// Copies the last dimension's rows to the host.
///
/// # Errors
/// When the copy fails.
pub fn host(x: &Tensor) -> Result<(Vec<f32>, usize)> {
    let width = x.dim(D::Minus1)?;
    Ok((x.flatten_all()?.to_vec1()?, width))
}
