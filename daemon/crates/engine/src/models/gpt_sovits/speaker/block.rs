//! The parts of ERes2NetV2: convolutions with the batch norm behind them folded in, the fusion of
//! two images by a gate, and the residual block that works on groups of channels one after another.

use candle_core::{Result as Computed, Tensor};

use super::super::{
    conv2d::Conv2d,
    load::{Weights, computing},
};
use crate::EngineError;

/// Added to the variance by torch's batch norm.
const EPSILON: f32 = 1e-5;
/// Where the activation of a block is cut off (a constant of the reference).
const CEILING: f64 = 20.0;

/// A convolution `conv` of `from` channels followed by the batch norm `norm` (Ioffe and Szegedy
/// 2015), whose recorded mean and variance become part of kernel and bias.
pub(super) fn normed(
    weights: &mut Weights<'_>,
    (conv, norm): (&str, &str),
    from: usize,
    stride: usize,
) -> Result<Conv2d, EngineError> {
    let (kernel, to) = kernel(weights, conv, from)?;
    let mut values = |name: String| weights.values(&name, &[to]);
    let gain = values(format!("{norm}.weight"))?;
    let shift = values(format!("{norm}.bias"))?;
    let mean = values(format!("{norm}.running_mean"))?;
    let variance = values(format!("{norm}.running_var"))?;
    let bias = format!("{conv}.bias");
    let bias = if weights.has(&bias) { weights.values(&bias, &[to])? } else { vec![0.0; to] };
    let scale: Vec<f32> =
        gain.iter().zip(&variance).map(|(g, v)| g / (v + EPSILON).sqrt()).collect();
    let shift: Vec<f32> = (0..to).map(|i| shift[i] + (bias[i] - mean[i]) * scale[i]).collect();
    let folded = || {
        let device = kernel.device();
        let scale = Tensor::from_vec(scale, (to, 1, 1, 1), device)?;
        let shift = Tensor::from_vec(shift, to, device)?;
        Conv2d::new(&kernel.broadcast_mul(&scale)?, Some(&shift), stride)
    };
    folded().map_err(computing("placing the weights"))
}

/// The kernel of a convolution of `from` channels, square and of odd side, and its outputs.
pub(super) fn kernel(
    weights: &mut Weights<'_>,
    conv: &str,
    from: usize,
) -> Result<(Tensor, usize), EngineError> {
    let name = format!("{conv}.weight");
    let [to, _, side, _] = weights.dims(&name)?;
    // A side is made odd, so that a kernel of an even one is refused with its shape.
    Ok((weights.tensor(&name, &[to, from, side | 1, side | 1])?, to))
}

/// Attentional fusion (Dai et al. 2021): a gate computed from both images says how much of each is
/// taken.
#[derive(Debug)]
pub(super) struct Fusion {
    narrow: Conv2d,
    wide: Conv2d,
}

impl Fusion {
    /// Two images of `width` channels each become one.
    pub(super) fn load(mut weights: Weights<'_>, width: usize) -> Result<Self, EngineError> {
        let narrow = normed(&mut weights, ("local_att.0", "local_att.1"), 2 * width, 1)?;
        let wide = normed(&mut weights, ("local_att.3", "local_att.4"), narrow.width(), 1)?;
        if wide.width() == width {
            return Ok(Self { narrow, wide });
        }
        Err(EngineError::Malformed {
            file: weights.path(),
            problem: format!("a fusion has {} outputs, expected {width}", wide.width()),
        })
    }

    pub(super) fn forward(&self, x: &Tensor, y: &Tensor) -> Computed<Tensor> {
        let gate = self.narrow.forward(&Tensor::cat(&[x, y], 0)?)?.silu()?;
        let gate = self.wide.forward(&gate)?.tanh()?;
        // x (1 + gate) + y (1 − gate)
        (x + y)? + gate.mul(&(x - y)?)?
    }
}

/// A residual block (Chen et al. 2024, after Res2Net, Gao et al. 2019): channels are reduced and cut
/// into groups; each group is added to, or fused with, what came out of the one before.
#[derive(Debug)]
pub(super) struct Block {
    reduce: Conv2d,
    groups: Vec<Conv2d>,
    /// Between neighbouring groups; none where they are added.
    fusions: Vec<Fusion>,
    expand: Conv2d,
    shortcut: Option<Conv2d>,
}

impl Block {
    pub(super) fn load(
        mut weights: Weights<'_>,
        from: usize,
        stride: usize,
    ) -> Result<Self, EngineError> {
        let reduce = normed(&mut weights, ("conv1", "bn1"), from, stride)?;
        let count = weights.count("convs", "weight");
        let share = reduce.width().checked_div(count).unwrap_or(0);
        let groups = (0..count)
            .map(|i| {
                let names = (format!("convs.{i}"), format!("bns.{i}"));
                normed(&mut weights, (&names.0, &names.1), share, 1)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let fused = weights.has("fuse_models.0.local_att.0.weight");
        let fusions = (1..if fused { count } else { 1 })
            .map(|i| Fusion::load(weights.below(&format!("fuse_models.{}", i - 1)), share))
            .collect::<Result<Vec<_>, _>>()?;
        let expand = normed(&mut weights, ("conv3", "bn3"), reduce.width(), 1)?;
        let shortcut = if weights.has("shortcut.0.weight") {
            Some(normed(&mut weights, ("shortcut.0", "shortcut.1"), from, stride)?)
        } else {
            None
        };
        let past = shortcut.as_ref().map_or(from, Conv2d::width);
        let fits = share * count == reduce.width()
            && groups.iter().all(|group| group.width() == share)
            && past == expand.width()
            && (shortcut.is_some() || stride == 1);
        if fits && count > 0 {
            return Ok(Self { reduce, groups, fusions, expand, shortcut });
        }
        Err(EngineError::Malformed {
            file: weights.path(),
            problem: format!(
                "a block of {count} groups has {} channels inside, {} outputs and {past} channels \
                 past it, which do not fit",
                reduce.width(),
                expand.width()
            ),
        })
    }

    /// Output channels.
    pub(super) fn width(&self) -> usize {
        self.expand.width()
    }

    pub(super) fn forward(&self, x: &Tensor) -> Computed<Tensor> {
        let reduced = clipped(&self.reduce.forward(x)?)?;
        let share = reduced.dim(0)? / self.groups.len();
        let mut done: Vec<Tensor> = Vec::with_capacity(self.groups.len());
        for (i, conv) in self.groups.iter().enumerate() {
            let part = reduced.narrow(0, i * share, share)?;
            let input = match (done.last(), self.fusions.get(i.saturating_sub(1))) {
                (None, _) => part,
                (Some(before), None) => (before + part)?,
                (Some(before), Some(fusion)) => fusion.forward(before, &part)?,
            };
            done.push(clipped(&conv.forward(&input)?)?);
        }
        let y = self.expand.forward(&Tensor::cat(&done, 0)?)?;
        match &self.shortcut {
            Some(shortcut) => clipped(&(y + shortcut.forward(x)?)?),
            None => clipped(&(y + x)?),
        }
    }
}

fn clipped(x: &Tensor) -> Computed<Tensor> {
    x.clamp(0.0, CEILING)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use candle_core::Device;

    use super::*;
    use crate::weights::TensorFile;

    fn values(x: &Tensor) -> Vec<f32> {
        x.flatten_all().unwrap().to_vec1().unwrap()
    }

    fn constant(shape: (usize, usize, usize, usize), value: f32) -> Conv2d {
        Conv2d::new(&Tensor::full(value, shape, &Device::Cpu).unwrap(), None, 1).unwrap()
    }

    #[test]
    fn an_image_fused_with_itself_is_doubled_whatever_the_gate_says() {
        let (narrow, wide) = (constant((1, 4, 1, 1), 0.3), constant((2, 1, 1, 1), -0.7));
        let x = Tensor::new(&[[[1f32, -2.0]], [[0.5, 3.0]]], &Device::Cpu).unwrap();
        let fused = Fusion { narrow, wide }.forward(&x, &x).unwrap();
        assert_eq!(values(&fused), [2.0, -4.0, 1.0, 6.0]);
    }

    #[test]
    fn a_gate_wide_open_takes_twice_the_first_image_and_nothing_of_the_second() {
        let (narrow, wide) = (constant((1, 2, 1, 1), 100.0), constant((1, 1, 1, 1), 100.0));
        let first = Tensor::new(&[[[1f32]]], &Device::Cpu).unwrap();
        let second = Tensor::new(&[[[5f32]]], &Device::Cpu).unwrap();
        assert_eq!(values(&Fusion { narrow, wide }.forward(&first, &second).unwrap()), [2.0]);
    }

    #[test]
    fn the_batch_norm_behind_a_convolution_becomes_part_of_it() {
        let tensors = [
            ("c.weight", vec![1, 1, 1, 1], vec![3.0]),
            ("c.bias", vec![1], vec![0.25]),
            ("n.weight", vec![1], vec![2.0]),
            ("n.bias", vec![1], vec![-1.0]),
            ("n.running_mean", vec![1], vec![0.5]),
            ("n.running_var", vec![1], vec![4.0]),
        ];
        let tensors: HashMap<&str, Tensor> = tensors
            .into_iter()
            .map(|(name, shape, data)| (name, Tensor::from_vec(data, shape, &Device::Cpu).unwrap()))
            .collect::<HashMap<&str, Tensor>>();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        candle_core::safetensors::save(&tensors, &path).unwrap();
        let mut file = TensorFile::open(&path).unwrap();
        let mut weights = Weights::new(&mut file, &Device::Cpu, "");
        let conv = normed(&mut weights, ("c", "n"), 1, 1).unwrap();
        let y = values(&conv.forward(&Tensor::new(&[[[1.5f32]]], &Device::Cpu).unwrap()).unwrap());
        // (1.5 · 3 + 0.25 − 0.5) / √4 · 2 − 1
        assert!((y[0] - 3.25).abs() < 1e-4, "{y:?}");
    }
}
