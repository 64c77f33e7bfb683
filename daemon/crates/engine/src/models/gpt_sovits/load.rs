//! Reads the weights of GPT-SoVITS checkpoints: shapes are taken from the file, checked against each
//! other, and named in every error. It computes nothing but the product of a weight norm.

use std::path::{Path, PathBuf};

use candle_core::{D, Device, Result as Computed, Tensor};
use companion_kernels::{Dense, Input, Output, product};

use super::conv::{Conv1d, Upsampling};
use crate::{EngineError, models::threads::Threads, weights::TensorFile};

/// Largest size of a dimension that a model may have.
const WIDEST: usize = 1 << 20;

/// A file of weights, read under a prefix.
pub(super) struct Weights<'a> {
    file: &'a mut TensorFile,
    device: &'a Device,
    prefix: String,
    /// On the CPU.
    threads: Option<Threads>,
}

/// Names a failed computation.
pub(super) fn computing(stage: &'static str) -> impl Fn(candle_core::Error) -> EngineError {
    move |source| EngineError::Compute { stage, source }
}

/// Refuses an input.
pub(super) fn refuse<T>(what: &'static str, problem: impl Into<String>) -> Result<T, EngineError> {
    Err(EngineError::Input { what, problem: problem.into() })
}

impl<'a> Weights<'a> {
    pub(super) fn new(file: &'a mut TensorFile, device: &'a Device, prefix: &str) -> Self {
        let threads = device.is_cpu().then(Threads::of_machine);
        Self { file, device, prefix: prefix.into(), threads }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.file.path().to_owned()
    }

    pub(super) fn device(&self) -> &Device {
        self.device
    }

    /// The same file below `name`.
    pub(super) fn below(&mut self, name: &str) -> Weights<'_> {
        let prefix = format!("{}{name}.", self.prefix);
        Weights { file: self.file, device: self.device, prefix, threads: self.threads.clone() }
    }

    /// What the model's packed maps compute on; none elsewhere than on the CPU.
    pub(super) fn threads(&self) -> Option<Threads> {
        self.threads.clone()
    }

    /// `{name}.weight` `[out, in]` and `{name}.bias`, packed for the CPU; `from` inputs wanted.
    pub(super) fn dense(&mut self, name: &str, from: usize) -> Result<Dense, EngineError> {
        let weight = format!("{name}.weight");
        let [to, _] = self.dims(&weight)?;
        let weight = self.values(&weight, &[to, from])?;
        let bias = format!("{name}.bias");
        let bias = if self.has(&bias) { Some(self.values(&bias, &[to])?) } else { None };
        Ok(Dense::linear([to, from], &weight, bias.as_deref()))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.file.shape(&format!("{}{name}", self.prefix)).is_some()
    }

    /// How many modules `name.0`, `name.1`, … there are, told by `inner` in each.
    pub(super) fn count(&self, name: &str, inner: &str) -> usize {
        (0..WIDEST).take_while(|i| self.has(&format!("{name}.{i}.{inner}"))).count()
    }

    /// The shape of a tensor of `N` dimensions, none of which is 0.
    pub(super) fn dims<const N: usize>(&self, name: &str) -> Result<[usize; N], EngineError> {
        let full = format!("{}{name}", self.prefix);
        let Some(shape) = self.file.shape(&full) else {
            return Err(EngineError::MissingTensor { file: self.path(), tensor: full });
        };
        match <[usize; N]>::try_from(shape) {
            Ok(dims) if dims.iter().all(|size| (1..=WIDEST).contains(size)) => Ok(dims),
            _ => Err(EngineError::Malformed {
                file: self.path(),
                problem: format!(
                    "tensor {full} has shape {shape:?}, expected {N} dimensions of 1 to {WIDEST}"
                ),
            }),
        }
    }

    pub(super) fn values(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EngineError> {
        self.file.values(&format!("{}{name}", self.prefix), shape)
    }

    pub(super) fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, EngineError> {
        self.file.tensor(&format!("{}{name}", self.prefix), shape, self.device)
    }

    /// A tensor of whatever sizes it has.
    pub(super) fn any<const N: usize>(&mut self, name: &str) -> Result<Tensor, EngineError> {
        let dims = self.dims::<N>(name)?;
        self.tensor(name, &dims)
    }

    /// `{name}.weight` `[out, in]` and, where there is one, `{name}.bias`; `from` inputs wanted.
    pub(super) fn linear(&mut self, name: &str, from: usize) -> Result<Linear, EngineError> {
        if let Some(threads) = self.threads() {
            return Ok(Linear::Packed(self.dense(name, from)?, threads));
        }
        let weight = format!("{name}.weight");
        let [to, _] = self.dims(&weight)?;
        let weight = self.tensor(&weight, &[to, from])?;
        let bias = format!("{name}.bias");
        let bias = if self.has(&bias) { Some(self.tensor(&bias, &[to])?) } else { None };
        Linear::new(&weight, bias).map_err(computing("placing the weights"))
    }

    /// A layer norm over the last dimension, its scale and shift named `scale` and `shift`.
    pub(super) fn norm(
        &mut self,
        (scale, shift): (&str, &str),
        width: usize,
        epsilon: f32,
    ) -> Result<Norm, EngineError> {
        Ok(Norm {
            scale: self.tensor(scale, &[width])?,
            shift: self.tensor(shift, &[width])?,
            epsilon,
        })
    }

    /// `{name}.weight`, or the product of `weight_g` and `weight_v` (Salimans and Kingma 2016, the
    /// norm over all dimensions but the first), `[out, in, taps]`.
    pub(super) fn kernel(&mut self, name: &str) -> Result<Tensor, EngineError> {
        let plain = format!("{name}.weight");
        if self.has(&plain) {
            return self.any::<3>(&plain);
        }
        let direction = format!("{name}.weight_v");
        let [first, second, taps] = self.dims(&direction)?;
        let v = self.tensor(&direction, &[first, second, taps])?;
        let g = self.tensor(&format!("{name}.weight_g"), &[first, 1, 1])?;
        weight_norm(&v, &g).map_err(computing("placing the weights"))
    }

    /// A convolution with `from` input channels; `padding` on both sides.
    pub(super) fn conv(
        &mut self,
        name: &str,
        from: usize,
        (stride, dilation): (usize, usize),
    ) -> Result<Conv1d, EngineError> {
        let kernel = self.kernel(name)?;
        let found = kernel.dims().to_vec();
        if found[1] != from {
            return Err(EngineError::Shape {
                file: self.path(),
                tensor: format!("{}{name}.weight", self.prefix),
                expected: vec![found[0], from, found[2]],
                found,
            });
        }
        let bias = format!("{name}.bias");
        let bias = if self.has(&bias) { Some(self.tensor(&bias, &[found[0]])?) } else { None };
        Conv1d::new(kernel, bias, stride, dilation)
            .and_then(|conv| conv.packed(self.threads.as_ref()))
            .map_err(computing("placing the weights"))
    }

    /// A transposed convolution by `rate` with `from` input channels.
    pub(super) fn upsampling(
        &mut self,
        name: &str,
        from: usize,
        rate: usize,
    ) -> Result<Upsampling, EngineError> {
        let kernel = self.kernel(name)?;
        let [first, to, taps] = [kernel.dims()[0], kernel.dims()[1], kernel.dims()[2]];
        if first != from || taps < rate {
            return Err(EngineError::Shape {
                file: self.path(),
                tensor: format!("{}{name}.weight_v", self.prefix),
                expected: vec![from, to, taps.max(rate)],
                found: vec![first, to, taps],
            });
        }
        let bias = self.tensor(&format!("{name}.bias"), &[to])?;
        Upsampling::new(kernel, &bias, rate, self.threads.is_some())
            .map_err(computing("placing the weights"))
    }
}

/// `g · v / |v|`, the norm over all dimensions but the first.
fn weight_norm(v: &Tensor, g: &Tensor) -> Computed<Tensor> {
    let norm = v.sqr()?.sum_keepdim(2)?.sum_keepdim(1)?.sqrt()?;
    v.broadcast_mul(&g.div(&norm)?)
}

/// A setting of a configuration that must be a number from 1 to `most`.
pub(super) fn setting(
    config: &serde_json::Value,
    file: &Path,
    key: &str,
    most: usize,
) -> Result<usize, EngineError> {
    let found = key.split('.').try_fold(config, |value, part| value.get(part));
    let number = found.and_then(serde_json::Value::as_u64).and_then(|n| usize::try_from(n).ok());
    match number {
        Some(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(EngineError::Config {
            file: file.to_owned(),
            key: key.into(),
            problem: format!(
                "found {}, expected a number from 1 to {most}",
                found.unwrap_or(&serde_json::Value::Null)
            ),
        }),
    }
}

/// A list of numbers, each from 1 to `most`, at most 16 of them.
pub(super) fn setting_list(
    config: &serde_json::Value,
    file: &Path,
    key: &str,
    most: usize,
) -> Result<Vec<usize>, EngineError> {
    let found = key.split('.').try_fold(config, |value, part| value.get(part));
    let list = found.and_then(|list| serde_json::from_value::<Vec<usize>>(list.clone()).ok());
    match list {
        Some(list)
            if (1..=16).contains(&list.len()) && list.iter().all(|n| (1..=most).contains(n)) =>
        {
            Ok(list)
        }
        _ => Err(EngineError::Config {
            file: file.to_owned(),
            key: key.into(),
            problem: format!("expected 1 to 16 numbers from 1 to {most}"),
        }),
    }
}

/// `x Wᵀ + b`.
#[derive(Clone, Debug)]
pub(super) enum Linear {
    /// Weights `[in, out]` and bias.
    Tensors(Tensor, Option<Tensor>),
    /// On the CPU.
    Packed(Dense, Threads),
}

impl Linear {
    pub(super) fn new(weight: &Tensor, bias: Option<Tensor>) -> Computed<Self> {
        Ok(Self::Tensors(weight.t()?, bias))
    }

    /// Inputs.
    pub(super) fn inputs(&self) -> usize {
        match self {
            Self::Tensors(weight, _) => weight.dims()[0],
            Self::Packed(dense, _) => dense.inputs(),
        }
    }

    /// Outputs.
    pub(super) fn width(&self) -> usize {
        match self {
            Self::Tensors(weight, _) => weight.dims()[1],
            Self::Packed(dense, _) => dense.outputs(),
        }
    }

    /// `x` `[rows, in]` to `[rows, out]`.
    pub(super) fn forward(&self, x: &Tensor) -> Computed<Tensor> {
        match self {
            Self::Tensors(weight, bias) => {
                let y = x.matmul(weight)?;
                match bias {
                    Some(bias) => y.broadcast_add(bias),
                    None => Ok(y),
                }
            }
            Self::Packed(dense, threads) => {
                let (rows, from) = x.dims2()?;
                if from != dense.inputs() {
                    let wanted = dense.inputs();
                    return Err(candle_core::Error::Msg(format!(
                        "rows of {from} values, expected {wanted}"
                    )));
                }
                let (x, to) = (x.flatten_all()?.to_vec1::<f32>()?, dense.outputs());
                let mut y = vec![0f32; rows * to];
                let (input, output) = (Input::close(&x, from), Output::close(&mut y, to));
                product(&mut threads.lock(), dense, input, rows, output);
                Tensor::from_vec(y, (rows, to), &Device::Cpu)
            }
        }
    }
}

/// Layer normalisation (Ba et al. 2016) over the last dimension.
#[derive(Clone, Debug)]
pub(super) struct Norm {
    scale: Tensor,
    shift: Tensor,
    epsilon: f32,
}

impl Norm {
    /// `x` `[rows, width]`, normalised row by row.
    pub(super) fn forward(&self, x: &Tensor) -> Computed<Tensor> {
        candle_nn::ops::layer_norm(&x.contiguous()?, &self.scale, &self.shift, self.epsilon)
    }

    /// `x` `[channels, frames]`, normalised frame by frame.
    pub(super) fn over_channels(&self, x: &Tensor) -> Computed<Tensor> {
        self.forward(&x.t()?)?.t()
    }
}

/// Splits `[rows, heads · dim]` to `[heads, rows, dim]`.
pub(super) fn heads(x: &Tensor, heads: usize) -> Computed<Tensor> {
    let (rows, width) = x.dims2()?;
    x.reshape((rows, heads, width / heads))?.transpose(0, 1)?.contiguous()
}

/// Joins `[heads, rows, dim]` to `[rows, heads · dim]`.
pub(super) fn joined(x: &Tensor) -> Computed<Tensor> {
    let (heads, rows, dim) = x.dims3()?;
    x.transpose(0, 1)?.reshape((rows, heads * dim))
}

/// Softmax attention of `q` over `k`, `v` (all `[heads, rows, dim]`), scores times `scale` plus
/// `mask` `[rows of q, rows of k]` where given; `[heads, rows of q, dim]`.
pub(super) fn attend(
    (q, k, v): (&Tensor, &Tensor, &Tensor),
    scale: f64,
    mask: Option<&Tensor>,
) -> Computed<Tensor> {
    let mut scores = (q * scale)?.matmul(&k.transpose(1, 2)?)?;
    if let Some(mask) = mask {
        scores = scores.broadcast_add(mask)?;
    }
    candle_nn::ops::softmax(&scores, D::Minus1)?.matmul(&v.contiguous()?)
}
