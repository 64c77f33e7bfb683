//! The convolutions of GPT-SoVITS's models, plain and transposed over time, batches of one. On the CPU
//! their weights are packed and frames lie as rows; tensors of columns are views of such rows.

use candle_core::{Device, Error, Result, Tensor};
use companion_kernels::{Activation, Convolution, Dense, Input, Output, convolve};

use crate::models::threads::Threads;

/// Where a convolution's weights are.
#[derive(Clone, Debug)]
enum Form {
    /// `[out, in, taps]`, and a bias `[out, 1]`.
    Tensors(Tensor, Option<Tensor>),
    /// On the CPU.
    Packed(Convolution, Threads),
}

/// A convolution over time.
#[derive(Clone, Debug)]
pub(super) struct Conv1d {
    form: Form,
    /// `[out, in, taps]`.
    sizes: [usize; 3],
    stride: usize,
    dilation: usize,
}

impl Conv1d {
    pub(super) fn new(
        kernel: Tensor,
        bias: Option<Tensor>,
        stride: usize,
        dilation: usize,
    ) -> Result<Self> {
        let bias = bias.map(|bias| bias.unsqueeze(1)).transpose()?;
        let (out, from, taps) = kernel.dims3()?;
        let form = Form::Tensors(kernel.contiguous()?, bias);
        Ok(Self { form, sizes: [out, from, taps], stride, dilation })
    }

    /// The same on the given threads of the CPU, if any.
    pub(super) fn packed(self, threads: Option<&Threads>) -> Result<Self> {
        match (&self.form, threads) {
            (Form::Tensors(kernel, bias), Some(threads)) => {
                let kernel = kernel.flatten_all()?.to_vec1::<f32>()?;
                let bias =
                    bias.as_ref().map(|bias| bias.flatten_all()?.to_vec1::<f32>()).transpose()?;
                let packed = Convolution::pack(self.sizes, &kernel, bias.as_deref(), self.stride);
                Ok(Self { form: Form::Packed(packed, threads.clone()), ..self })
            }
            _ => Ok(self),
        }
    }

    /// Its packed weights and what they compute on; none elsewhere than on the CPU.
    pub(super) fn on_threads(&self) -> Option<(&Convolution, &Threads)> {
        match &self.form {
            Form::Packed(packed, threads) => Some((packed, threads)),
            Form::Tensors(..) => None,
        }
    }

    /// Output channels.
    pub(super) fn width(&self) -> usize {
        self.sizes[0]
    }

    /// Taps.
    pub(super) fn taps(&self) -> usize {
        self.sizes[2]
    }

    /// Frames from one output to the next.
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// Frames from one tap to the next.
    pub(super) fn dilation(&self) -> usize {
        self.dilation
    }

    /// Frames that it sees on either side of one ([`Self::same`]).
    pub(super) fn sight(&self) -> usize {
        self.taps() / 2 * self.dilation()
    }

    /// `x` `[in, frames]` to `[out, frames']` without padding.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.padded(x, (0, 0), Activation::None)
    }

    /// As [`Self::forward`], then GELU.
    pub(super) fn forward_gelu(&self, x: &Tensor) -> Result<Tensor> {
        self.padded(x, (0, 0), Activation::Gelu)
    }

    /// As many frames out as in (stride 1): `(taps − 1) / 2` zeros before, the rest behind.
    pub(super) fn same(&self, x: &Tensor) -> Result<Tensor> {
        let reach = (self.taps() - 1) * self.dilation;
        self.padded(x, (reach / 2, reach - reach / 2), Activation::None)
    }

    fn padded(
        &self,
        x: &Tensor,
        (before, behind): (usize, usize),
        activation: Activation,
    ) -> Result<Tensor> {
        match &self.form {
            Form::Tensors(kernel, bias) => {
                let y = self.of_tensors(kernel, x, (before, behind))?;
                let y = match bias {
                    Some(bias) => y.broadcast_add(bias)?,
                    None => y,
                };
                if activation == Activation::Gelu { y.gelu_erf() } else { Ok(y) }
            }
            Form::Packed(packed, threads) => {
                let (from, frames) = x.dims2()?;
                let all = before + frames + behind;
                let reach = (self.taps() - 1) * self.dilation + 1;
                if from != self.sizes[1] || all < reach {
                    return Err(Error::Msg(format!(
                        "{frames} frames of {from} channels, expected {reach} of {}",
                        self.sizes[1]
                    )));
                }
                let mut values = x.t()?.flatten_all()?.to_vec1::<f32>()?;
                if before + behind > 0 {
                    let mut wider = vec![0f32; all * from];
                    wider[before * from..(before + frames) * from].copy_from_slice(&values);
                    values = wider;
                }
                let (rows, to) = ((all - reach) / self.stride + 1, self.width());
                let mut y = vec![0f32; rows * to];
                let input = Input {
                    values: &values,
                    stride: from,
                    step: self.stride,
                    dilation: self.dilation,
                };
                let output = Output { activation, ..Output::close(&mut y, to) };
                convolve(&mut threads.lock(), packed, input, rows, output);
                Tensor::from_vec(y, (rows, to), &Device::Cpu)?.t()
            }
        }
    }

    fn of_tensors(
        &self,
        kernel: &Tensor,
        x: &Tensor,
        (before, behind): (usize, usize),
    ) -> Result<Tensor> {
        if self.taps() == 1 && self.stride == 1 {
            return kernel.squeeze(2)?.matmul(&x.contiguous()?);
        }
        let (x, padding) = match before == behind {
            true => (x.clone(), before),
            false => (x.pad_with_zeros(1, before, behind)?, 0),
        };
        x.unsqueeze(0)?
            .contiguous()?
            .conv1d(kernel, padding, self.stride, self.dilation, 1)?
            .squeeze(0)
    }
}

/// Where a transposed convolution's weights are.
#[derive(Clone, Debug)]
enum UpForm {
    /// `[in, out, taps]`, and a bias `[out, 1]`.
    Tensors(Tensor, Tensor),
    /// On the CPU.
    Packed(Dense),
}

/// A transposed convolution that makes `rate` frames of one; `(taps − rate) / 2` frames are cut off
/// at both ends.
#[derive(Clone, Debug)]
pub(super) struct Upsampling {
    form: UpForm,
    /// `[in, out, taps]`.
    sizes: [usize; 3],
    rate: usize,
}

impl Upsampling {
    /// `kernel` `[in, out, taps]`, packed for the CPU or not.
    pub(super) fn new(kernel: Tensor, bias: &Tensor, rate: usize, packed: bool) -> Result<Self> {
        let (from, to, taps) = kernel.dims3()?;
        let form = match packed {
            false => UpForm::Tensors(kernel.contiguous()?, bias.unsqueeze(1)?),
            true => {
                let kernel = kernel.flatten_all()?.to_vec1::<f32>()?;
                let bias = bias.to_vec1::<f32>()?.repeat(rate);
                let reach = taps.div_ceil(rate);
                // Of input row n and those before it come the frames n · rate and following, each
                // from every `rate`-th tap.
                let weight = |output: usize, row: usize, i: usize| {
                    let tap = (reach - 1 - row) * rate + output / to;
                    if tap < taps { kernel[(i * to + output % to) * taps + tap] } else { 0.0 }
                };
                UpForm::Packed(Dense::pack([rate * to, reach, from], Some(&bias), weight))
            }
        };
        Ok(Self { form, sizes: [from, to, taps], rate })
    }

    /// Output channels.
    pub(super) fn width(&self) -> usize {
        self.sizes[1]
    }

    /// Frames made of one.
    pub(super) fn rate(&self) -> usize {
        self.rate
    }

    /// Frames cut off at either end.
    pub(super) fn cut(&self) -> usize {
        (self.sizes[2] - self.rate) / 2
    }

    /// Input rows that a frame is made of.
    pub(super) fn reach(&self) -> usize {
        self.sizes[2].div_ceil(self.rate)
    }

    /// Frames made of `frames` (one more than `rate` times as many if taps − rate is odd).
    pub(super) fn frames(&self, frames: usize) -> usize {
        (frames - 1) * self.rate + self.sizes[2] - 2 * self.cut()
    }

    /// Its packed weights, a convolution over [`Self::reach`] rows each of whose outputs is `rate` frames.
    pub(super) fn dense(&self) -> Option<&Dense> {
        match &self.form {
            UpForm::Packed(dense) => Some(dense),
            UpForm::Tensors(..) => None,
        }
    }

    /// First and last frame that the frames `first..=last` are made of.
    pub(super) fn seen(&self, (first, last): (isize, isize)) -> (isize, isize) {
        let [rate, cut, taps] = [self.rate, self.cut(), self.sizes[2]].map(usize::cast_signed);
        // (The division rounds down; the first one is rounded up.)
        ((first + cut - taps + rate).div_euclid(rate), (last + cut).div_euclid(rate))
    }

    /// `x` `[in, frames]` to `[out, frames · rate]`; on the CPU the vocoder goes through
    /// [`Self::dense`].
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let UpForm::Tensors(kernel, bias) = &self.form else {
            return Err(Error::Msg("a packed transposed convolution has no tensors".into()));
        };
        let full = x
            .unsqueeze(0)?
            .contiguous()?
            .conv_transpose1d(kernel, 0, 0, self.rate, 1, 1)?
            .squeeze(0)?;
        let frames = full.dim(1)?;
        full.narrow(1, self.cut(), frames - 2 * self.cut())?.broadcast_add(bias)
    }
}
