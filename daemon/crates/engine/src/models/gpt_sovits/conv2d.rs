//! The convolution over an image that the speaker model is made of. Batches of one.

use candle_core::{Result, Tensor};

/// A convolution over an image, with a square kernel of odd side and as many zeros around the image
/// as keep its size at stride 1.
#[derive(Clone, Debug)]
pub(super) struct Conv2d {
    /// `[out, in, side, side]`.
    kernel: Tensor,
    /// `[out, 1, 1]`.
    bias: Option<Tensor>,
    stride: usize,
}

impl Conv2d {
    pub(super) fn new(kernel: &Tensor, bias: Option<&Tensor>, stride: usize) -> Result<Self> {
        let bias = bias.map(|bias| bias.unsqueeze(1)?.unsqueeze(1)).transpose()?;
        Ok(Self { kernel: kernel.contiguous()?, bias, stride })
    }

    /// Output channels.
    pub(super) fn width(&self) -> usize {
        self.kernel.dims()[0]
    }

    /// `x` `[in, rows, columns]` to `[out, ⌈rows / stride⌉, ⌈columns / stride⌉]`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (channels, rows, columns) = x.dims3()?;
        let side = self.kernel.dim(2)?;
        let y = if side == 1 && self.stride == 1 {
            let kernel = self.kernel.reshape((self.width(), channels))?;
            let pixels = x.contiguous()?.reshape((channels, rows * columns))?;
            kernel.matmul(&pixels)?.reshape((self.width(), rows, columns))?
        } else {
            let image = x.unsqueeze(0)?.contiguous()?;
            image.conv2d(&self.kernel, side / 2, self.stride, 1, 1)?.squeeze(0)?
        };
        match &self.bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn an_image_keeps_its_size_at_stride_1_and_has_half_of_it_rounded_up_at_2() {
        let x = Tensor::ones((2, 5, 7), candle_core::DType::F32, &Device::Cpu).unwrap();
        for side in [1, 3] {
            let kernel = Tensor::ones((4, 2, side, side), x.dtype(), &Device::Cpu).unwrap();
            for (stride, size) in [(1, [4, 5, 7]), (2, [4, 3, 4])] {
                let y = Conv2d::new(&kernel, None, stride).unwrap().forward(&x).unwrap();
                assert_eq!(y.dims(), size, "side {side}, stride {stride}");
            }
        }
    }

    #[test]
    fn a_kernel_of_one_pixel_mixes_channels_and_adds_the_bias() {
        let x = Tensor::new(&[[[1f32, 2.0]], [[10.0, 20.0]]], &Device::Cpu).unwrap();
        let kernel = Tensor::new(&[[[[2f32]], [[1.0]]]], &Device::Cpu).unwrap();
        let bias = Tensor::new(&[0.5f32], &Device::Cpu).unwrap();
        let y = Conv2d::new(&kernel, Some(&bias), 1).unwrap().forward(&x).unwrap();
        assert_eq!(y.flatten_all().unwrap().to_vec1::<f32>().unwrap(), [12.5, 24.5]);
    }
}
