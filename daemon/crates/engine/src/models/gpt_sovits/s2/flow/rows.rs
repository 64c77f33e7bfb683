//! The flow on the CPU: frames lie as rows with their channels together.

use candle_core::{Device, Tensor};
use companion_kernels::{Convolution, Cpu, Input, Output, convolve, gate_tanh};

use super::{
    super::super::{Watch, conv::Conv1d, load::computing, watched},
    Coupling, Flow,
};
use crate::EngineError;

const STAGE: &str = "the flow";

impl Flow {
    /// As [`Flow::backwards`], on the CPU.
    pub(super) fn rows(
        &self,
        z: &Tensor,
        style: &Tensor,
        watch: &mut Watch<'_>,
    ) -> Result<Tensor, EngineError> {
        let failed = computing(STAGE);
        let (channels, frames) = z.dims2().map_err(&failed)?;
        let mut rows = z.t().and_then(|z| z.flatten_all()?.to_vec1::<f32>()).map_err(&failed)?;
        let tensor = |rows: &[f32]| {
            let rows = Tensor::from_slice(rows, (frames, channels), &Device::Cpu);
            rows.and_then(|rows| rows.t()).map_err(computing(STAGE))
        };
        for coupling in self.couplings.iter().rev() {
            rows.chunks_exact_mut(channels).for_each(<[f32]>::reverse);
            let told = coupling.condition.forward(style);
            let told = told.and_then(|told| told.flatten_all()?.to_vec1::<f32>());
            coupling.rows(&mut rows, channels, &told.map_err(&failed)?)?;
            if watched(watch) {
                watch(&format!("flow.{}", coupling.index), &tensor(&rows)?)?;
            }
        }
        tensor(&rows)
    }
}

/// A convolution's weights; all of a flow lie on one device.
fn packed(conv: &Conv1d) -> Result<&Convolution, EngineError> {
    match conv.on_threads() {
        Some((packed, _)) => Ok(packed),
        None => super::super::refuse("flow", "its parts lie on different devices"),
    }
}

impl Coupling {
    /// Moves the second half of the channels of every row; `told` is the style's part of all gates.
    fn rows(&self, z: &mut [f32], channels: usize, told: &[f32]) -> Result<(), EngineError> {
        let Some((pre, threads)) = self.pre.on_threads() else {
            return super::super::refuse("flow", "its parts lie on different devices");
        };
        let cpu: &mut Cpu = &mut threads.lock();
        let (frames, half, width) = (z.len() / channels, channels / 2, self.pre.width());
        let reach = |conv: &Conv1d| (conv.taps() - 1) * conv.dilation();
        let widest = self.gates.iter().map(reach).max().unwrap_or(0);
        let margin = widest / 2;
        let mut x = vec![0f32; (frames + widest) * width];
        let input = Input { stride: channels, ..Input::close(z, channels) };
        convolve(cpu, pre, input, frames, Output::close(&mut x[margin * width..], width));
        let mut both = vec![0f32; frames * 2 * width];
        let (mut open, mut y) = (vec![0f32; frames * width], both.clone());
        let mut sum = vec![0f32; frames * width];
        for (i, (gate, out)) in self.gates.iter().zip(&self.outs).enumerate() {
            let from = (margin - reach(gate) / 2) * width;
            let input = Input { dilation: gate.dilation(), ..Input::close(&x[from..], width) };
            convolve(cpu, packed(gate)?, input, frames, Output::close(&mut both, 2 * width));
            gate_tanh(cpu, &both, &told[2 * width * i..2 * width * (i + 1)], &mut open);
            let to = out.width();
            convolve(
                cpu,
                packed(out)?,
                Input::close(&open, width),
                frames,
                Output::close(&mut y, to),
            );
            let inside = x[margin * width..].chunks_exact_mut(width);
            let parts = y.chunks_exact(to).zip(inside).zip(sum.chunks_exact_mut(width));
            for ((y, x), sum) in parts {
                let (kept, skipped) = y.split_at(to - width);
                x.iter_mut().zip(kept).for_each(|(x, y)| *x += y);
                sum.iter_mut().zip(skipped).for_each(|(sum, y)| *sum += y);
            }
        }
        let moved = &mut y[..frames * half];
        let input = Input::close(&sum, width);
        convolve(cpu, packed(&self.post)?, input, frames, Output::close(moved, half));
        for (z, moved) in z.chunks_exact_mut(channels).zip(moved.chunks_exact(half)) {
            z[half..].iter_mut().zip(moved).for_each(|(z, moved)| *z -= moved);
        }
        Ok(())
    }
}
