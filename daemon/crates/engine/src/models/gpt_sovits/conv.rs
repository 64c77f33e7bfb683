//! The convolutions of GPT-SoVITS's models, in one place so that they can be made fast in one place:
//! plain and transposed over time. Batches of one.

use candle_core::{Result, Tensor};

/// A convolution over time.
#[derive(Clone, Debug)]
pub(super) struct Conv1d {
    /// `[out, in, taps]`.
    kernel: Tensor,
    /// `[out, 1]`.
    bias: Option<Tensor>,
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
        Ok(Self { kernel: kernel.contiguous()?, bias, stride, dilation })
    }

    /// Output channels.
    pub(super) fn width(&self) -> usize {
        self.kernel.dims()[0]
    }

    /// Taps.
    pub(super) fn taps(&self) -> usize {
        self.kernel.dims()[2]
    }

    /// Frames from one output to the next.
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// `x` `[in, frames]` to `[out, frames']` without padding.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.padded(x, 0)
    }

    /// As many frames out as in (stride 1): `(taps − 1) / 2` zeros before, the rest behind.
    pub(super) fn same(&self, x: &Tensor) -> Result<Tensor> {
        let reach = (self.taps() - 1) * self.dilation;
        if reach.is_multiple_of(2) {
            return self.padded(x, reach / 2);
        }
        self.padded(&x.pad_with_zeros(1, reach / 2, reach - reach / 2)?, 0)
    }

    fn padded(&self, x: &Tensor, padding: usize) -> Result<Tensor> {
        let y = if self.taps() == 1 && self.stride == 1 {
            self.kernel.squeeze(2)?.matmul(&x.contiguous()?)?
        } else {
            x.unsqueeze(0)?
                .contiguous()?
                .conv1d(&self.kernel, padding, self.stride, self.dilation, 1)?
                .squeeze(0)?
        };
        match &self.bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        }
    }
}

/// A transposed convolution that makes `rate` frames of one; `(taps − rate) / 2` frames are cut off
/// at both ends.
#[derive(Clone, Debug)]
pub(super) struct Upsampling {
    /// `[in, out, taps]`.
    kernel: Tensor,
    /// `[out, 1]`.
    bias: Tensor,
    rate: usize,
}

impl Upsampling {
    pub(super) fn new(kernel: Tensor, bias: &Tensor, rate: usize) -> Result<Self> {
        Ok(Self { kernel: kernel.contiguous()?, bias: bias.unsqueeze(1)?, rate })
    }

    /// Output channels.
    pub(super) fn width(&self) -> usize {
        self.kernel.dims()[1]
    }

    /// `x` `[in, frames]` to `[out, frames · rate]` (one frame more if taps − rate is odd).
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let cut = (self.kernel.dims()[2] - self.rate) / 2;
        let full = x
            .unsqueeze(0)?
            .contiguous()?
            .conv_transpose1d(&self.kernel, 0, 0, self.rate, 1, 1)?
            .squeeze(0)?;
        let frames = full.dim(1)?;
        full.narrow(1, cut, frames - 2 * cut)?.broadcast_add(&self.bias)
    }
}
