//! The flow between prior and latent frames, run backwards: coupling layers that move only the mean
//! (Dinh et al. 2015), each with a WaveNet of gated convolutions told the style (`modules.py`).

mod rows;

use candle_core::{Result as Computed, Tensor};

use super::super::{
    Watch,
    conv::Conv1d,
    load::{Weights, computing},
};
use crate::EngineError;

#[derive(Debug)]
struct Coupling {
    /// Its number in the checkpoint.
    index: usize,
    pre: Conv1d,
    condition: Conv1d,
    gates: Vec<Conv1d>,
    outs: Vec<Conv1d>,
    post: Conv1d,
}

#[derive(Debug)]
pub(super) struct Flow {
    couplings: Vec<Coupling>,
}

/// Most layers that are looked for; every second one only flips channels.
const MOST_FLOWS: usize = 64;

impl Flow {
    pub(super) fn load(
        mut weights: Weights<'_>,
        channels: usize,
        style: usize,
    ) -> Result<Self, EngineError> {
        let half = channels / 2;
        let mut couplings = Vec::new();
        for index in (0..MOST_FLOWS).step_by(2) {
            if !weights.has(&format!("flows.{index}.pre.weight")) {
                break;
            }
            let mut weights = weights.below(&format!("flows.{index}"));
            let pre = weights.conv("pre", half, (1, 1))?;
            let width = pre.width();
            let count = weights.count("enc.in_layers", "bias");
            let mut layers = |name: &str| {
                (0..count)
                    .map(|i| weights.conv(&format!("enc.{name}.{i}"), width, (1, 1)))
                    .collect::<Result<Vec<_>, _>>()
            };
            let (gates, outs) = (layers("in_layers")?, layers("res_skip_layers")?);
            let condition = weights.conv("enc.cond_layer", style, (1, 1))?;
            let post = weights.conv("post", width, (1, 1))?;
            let last = outs.len().saturating_sub(1);
            let fits = condition.width() == 2 * width * count
                && post.width() == half
                && gates.iter().all(|gate| gate.width() == 2 * width)
                && outs
                    .iter()
                    .enumerate()
                    .all(|(i, out)| out.width() == if i == last { width } else { 2 * width });
            if !fits || count == 0 {
                return Err(EngineError::Malformed {
                    file: weights.path(),
                    problem: format!(
                        "flow.flows.{index} has layers that do not fit its width {width}"
                    ),
                });
            }
            couplings.push(Coupling { index, pre, condition, gates, outs, post });
        }
        Ok(Self { couplings })
    }

    /// Frames that it sees on either side of one.
    pub(super) fn sight(&self) -> usize {
        self.couplings.iter().flat_map(|coupling| &coupling.gates).map(Conv1d::sight).sum()
    }

    /// `z` and the result `[channels, frames]`; `style` `[channels, 1]`.
    pub(super) fn backwards(
        &self,
        z: &Tensor,
        style: &Tensor,
        watch: &mut Watch<'_>,
    ) -> Result<Tensor, EngineError> {
        if self.couplings.iter().any(|coupling| coupling.pre.on_threads().is_some()) {
            return self.rows(z, style, watch);
        }
        let mut z = z.clone();
        for coupling in self.couplings.iter().rev() {
            z = coupling.backwards(&z, style).map_err(computing("the flow"))?;
            watch(&format!("flow.{}", coupling.index), &z)?;
        }
        Ok(z)
    }
}

impl Coupling {
    fn backwards(&self, z: &Tensor, style: &Tensor) -> Computed<Tensor> {
        let z = flipped(z)?;
        let half = z.dim(0)? / 2;
        let kept = z.narrow(0, 0, half)?;
        let mut x = self.pre.forward(&kept)?;
        let width = x.dim(0)?;
        let condition = self.condition.forward(style)?;
        let mut sum = x.zeros_like()?;
        for (i, (gate, out)) in self.gates.iter().zip(&self.outs).enumerate() {
            let told = condition.narrow(0, 2 * width * i, 2 * width)?;
            let both = gate.same(&x)?.broadcast_add(&told)?;
            let open = candle_nn::ops::sigmoid(&both.narrow(0, width, width)?)?;
            let y = out.forward(&(both.narrow(0, 0, width)?.tanh()? * open)?)?;
            if i + 1 < self.outs.len() {
                x = (x + y.narrow(0, 0, width)?)?;
                sum = (sum + y.narrow(0, width, width)?)?;
            } else {
                sum = (sum + y)?;
            }
        }
        let moved = (z.narrow(0, half, half)? - self.post.forward(&sum)?)?;
        Tensor::cat(&[kept, moved], 0)
    }
}

/// The channels in reverse order.
fn flipped(z: &Tensor) -> Computed<Tensor> {
    let channels = u32::try_from(z.dim(0)?).unwrap_or(u32::MAX);
    let order: Vec<u32> = (0..channels).rev().collect();
    z.contiguous()?.index_select(&Tensor::new(order, z.device())?, 0)
}
