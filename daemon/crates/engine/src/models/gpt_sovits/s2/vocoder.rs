//! HiFi-GAN's generator (Kong et al. 2020) told the style: latent frames to samples.

mod rows;

use candle_core::{Result as Computed, Tensor};

use super::super::{
    Watch,
    conv::{Conv1d, Upsampling},
    load::{Weights, computing},
};
use crate::EngineError;

const STAGE: &str = "the vocoder";
/// Slope below zero of all activations but the last (HiFi-GAN), and of the last (torch's default).
const SLOPE: f64 = 0.1;
const LAST_SLOPE: f64 = 0.01;

/// Sizes that shapes do not tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VocoderSizes {
    pub(super) rates: Vec<usize>,
    pub(super) kernels: Vec<usize>,
    pub(super) dilations: Vec<Vec<usize>>,
}

#[derive(Debug)]
struct ResBlock(Vec<(Conv1d, Conv1d)>);

#[derive(Debug)]
pub(super) struct Vocoder {
    pre: Conv1d,
    condition: Conv1d,
    stages: Vec<(Upsampling, Vec<ResBlock>)>,
    post: Conv1d,
}

impl Vocoder {
    pub(super) fn load(
        mut weights: Weights<'_>,
        (channels, style): (usize, usize),
        sizes: &VocoderSizes,
    ) -> Result<Self, EngineError> {
        let pre = weights.conv("conv_pre", channels, (1, 1))?;
        let condition = weights.conv("cond", style, (1, 1))?;
        let mut width = pre.width();
        let mut stages = Vec::new();
        for (i, &rate) in sizes.rates.iter().enumerate() {
            let up = weights.upsampling(&format!("ups.{i}"), width, rate)?;
            width = up.width();
            let mut blocks = Vec::new();
            for (j, (&kernel, dilations)) in sizes.kernels.iter().zip(&sizes.dilations).enumerate()
            {
                let name = format!("resblocks.{}", i * sizes.kernels.len() + j);
                blocks.push(block(weights.below(&name), width, kernel, dilations)?);
            }
            stages.push((up, blocks));
        }
        let post = weights.conv("conv_post", width, (1, 1))?;
        if condition.width() != pre.width() || post.width() != 1 {
            return Err(EngineError::Malformed {
                file: weights.path(),
                problem: format!(
                    "dec.cond has {} outputs and dec.conv_post {}, expected {} and 1",
                    condition.width(),
                    post.width(),
                    pre.width()
                ),
            });
        }
        Ok(Self { pre, condition, stages, post })
    }

    /// Frames that it sees on either side of one, which is so many samples.
    pub(super) fn sight(&self, frame_samples: usize) -> usize {
        let wider = |(first, last): (isize, isize), by: usize| {
            (first - by.cast_signed(), last + by.cast_signed())
        };
        let mut seen = wider((0, frame_samples.cast_signed() - 1), self.post.sight());
        for (up, blocks) in self.stages.iter().rev() {
            let farthest = blocks.iter().map(ResBlock::sight).max().unwrap_or(0);
            seen = up.seen(wider(seen, farthest));
        }
        let (first, last) = wider(seen, self.pre.sight());
        first.unsigned_abs().max(last.unsigned_abs())
    }

    /// `z` `[channels, frames]`, `style` `[channels, 1]`; `[samples]` in −1..1.
    pub(super) fn forward(
        &self,
        z: &Tensor,
        style: &Tensor,
        watch: &mut Watch<'_>,
    ) -> Result<Tensor, EngineError> {
        let failed = computing(STAGE);
        if self.pre.on_threads().is_some() {
            return self.rows(z, style, watch);
        }
        let x = self.pre.same(z).map_err(&failed)?;
        watch("dec.conv_pre", &x)?;
        let mut x = self
            .condition
            .forward(style)
            .and_then(|told| x.broadcast_add(&told))
            .map_err(&failed)?;
        for (i, (up, blocks)) in self.stages.iter().enumerate() {
            x = leaky(&x, SLOPE).and_then(|x| up.forward(&x)).map_err(&failed)?;
            watch(&format!("dec.ups.{i}"), &x)?;
            let mut sum: Option<Tensor> = None;
            for (j, block) in blocks.iter().enumerate() {
                let y = block.forward(&x).map_err(&failed)?;
                watch(&format!("dec.resblocks.{}", i * blocks.len() + j), &y)?;
                sum = Some(match sum {
                    Some(sum) => (sum + y).map_err(&failed)?,
                    None => y,
                });
            }
            if let Some(sum) = sum {
                #[expect(clippy::cast_precision_loss, reason = "a few blocks")]
                let share = 1.0 / blocks.len() as f64;
                x = (sum * share).map_err(&failed)?;
            }
        }
        let x = leaky(&x, LAST_SLOPE).and_then(|x| self.post.same(&x)).map_err(&failed)?;
        watch("dec.conv_post", &x)?;
        x.tanh().and_then(|x| x.flatten_all()).map_err(&failed)
    }
}

impl ResBlock {
    /// Frames that it sees on either side of one.
    fn sight(&self) -> usize {
        self.0.iter().map(|(dilated, plain)| dilated.sight() + plain.sight()).sum()
    }

    fn forward(&self, x: &Tensor) -> Computed<Tensor> {
        let mut x = x.clone();
        for (dilated, plain) in &self.0 {
            let y = dilated.same(&leaky(&x, SLOPE)?)?;
            x = (plain.same(&leaky(&y, SLOPE)?)? + x)?;
        }
        Ok(x)
    }
}

fn block(
    mut weights: Weights<'_>,
    width: usize,
    kernel: usize,
    dilations: &[usize],
) -> Result<ResBlock, EngineError> {
    let mut pairs = Vec::new();
    for (i, &dilation) in dilations.iter().enumerate() {
        let dilated = weights.conv(&format!("convs1.{i}"), width, (1, dilation))?;
        let plain = weights.conv(&format!("convs2.{i}"), width, (1, 1))?;
        for conv in [&dilated, &plain] {
            if conv.taps() != kernel || conv.width() != width || kernel.is_multiple_of(2) {
                return Err(EngineError::Malformed {
                    file: weights.path(),
                    problem: format!(
                        "a residual block has {} outputs and {} taps, expected {width} and an odd \
                         {kernel} (model.resblock_kernel_sizes)",
                        conv.width(),
                        conv.taps()
                    ),
                });
            }
        }
        pairs.push((dilated, plain));
    }
    Ok(ResBlock(pairs))
}

/// A part that lies elsewhere than the first one.
fn elsewhere<T>() -> Result<T, EngineError> {
    super::refuse("vocoder", "its parts lie on different devices")
}

fn leaky(x: &Tensor, slope: f64) -> Computed<Tensor> {
    candle_nn::ops::leaky_relu(x, slope)
}
