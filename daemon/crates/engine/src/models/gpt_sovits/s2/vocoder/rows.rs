//! The vocoder on the CPU: frames lie as rows with their channels together, between margins of zeros, so
//! that every convolution reads a row's neighbourhood where it stands. Activations, sums and the next
//! convolution's input are made as outputs are stored.

use candle_core::{Device, Tensor};
use companion_kernels::{Activation, Cpu, Input, Output, add, convolve, leaky_scaled, product};

use super::{
    super::super::{
        Watch,
        conv::{Conv1d, Upsampling},
        load::computing,
        watched,
    },
    LAST_SLOPE, ResBlock, SLOPE, STAGE, Vocoder,
};
use crate::EngineError;

#[expect(clippy::cast_possible_truncation, reason = "small constants")]
const SLOPES: (f32, f32) = (SLOPE as f32, LAST_SLOPE as f32);

/// Frames of some channels between margins of zero rows.
struct Frames {
    values: Vec<f32>,
    margin: usize,
    frames: usize,
    channels: usize,
}

impl Frames {
    /// Room for frames, which are not cleared; the margins are.
    fn of(mut values: Vec<f32>, margin: usize, frames: usize, channels: usize) -> Self {
        values.resize((frames + 2 * margin) * channels, 0.0);
        let mut new = Self { values, margin, frames, channels };
        new.clear_margins();
        new
    }

    fn clear_margins(&mut self) {
        let (from, to) = (self.margin * self.channels, self.values.len());
        self.values[..from].fill(0.0);
        self.values[to - from..].fill(0.0);
    }

    /// The frames without their margins.
    fn inside(&self) -> &[f32] {
        let from = self.margin * self.channels;
        &self.values[from..self.values.len() - from]
    }

    fn inside_mut(&mut self) -> &mut [f32] {
        let (from, to) = (self.margin * self.channels, self.values.len());
        &mut self.values[from..to - from]
    }

    /// As a convolution over them reads them that gives as many frames.
    fn around(&self, conv: &Conv1d) -> Input<'_> {
        let reach = (conv.taps() - 1) * conv.dilation();
        let values = &self.values[(self.margin - reach / 2) * self.channels..];
        Input { values, stride: self.channels, step: 1, dilation: conv.dilation() }
    }

    fn tensor(&self) -> Result<Tensor, EngineError> {
        shown(self.inside(), self.channels)
    }
}

/// Rows as columns, for a watcher.
fn shown(rows: &[f32], channels: usize) -> Result<Tensor, EngineError> {
    Tensor::from_slice(rows, (rows.len() / channels, channels), &Device::Cpu)
        .and_then(|rows| rows.t())
        .map_err(computing(STAGE))
}

/// Buffers of a stage: what is spoken, the same activated, and the parts of a block. They are taken from
/// stage to stage, so that memory is asked for once.
#[derive(Default)]
struct Room {
    x: Vec<f32>,
    active: Vec<f32>,
    y: Vec<f32>,
    part: Vec<f32>,
    part_active: Vec<f32>,
    sum: Vec<f32>,
}

impl Vocoder {
    /// As [`Vocoder::forward`], on the CPU.
    pub(super) fn rows(
        &self,
        z: &Tensor,
        style: &Tensor,
        watch: &mut Watch<'_>,
    ) -> Result<Tensor, EngineError> {
        let failed = computing(STAGE);
        let (channels, frames) = z.dims2().map_err(&failed)?;
        let told = self.condition.forward(style).and_then(|told| told.flatten_all()?.to_vec1());
        let told: Vec<f32> = told.map_err(&failed)?;
        let Some((pre, threads)) = self.pre.on_threads() else { return super::elsewhere() };
        let mut latent = Frames::of(Vec::new(), self.pre.taps() / 2, frames, channels);
        let values = z.t().and_then(|z| z.flatten_all()?.to_vec1::<f32>()).map_err(&failed)?;
        latent.inside_mut().copy_from_slice(&values);
        let cpu = &mut *threads.lock();
        let mut room = Room::default();
        let mut x = Frames::of(std::mem::take(&mut room.sum), 0, frames, self.pre.width());
        let out = Output::close(&mut x.values, self.pre.width());
        convolve(cpu, pre, latent.around(&self.pre), frames, out);
        let shows = watched(watch);
        if shows {
            watch("dec.conv_pre", &x.tensor()?)?;
        }
        for row in x.values.chunks_exact_mut(told.len()) {
            row.iter_mut().zip(&told).for_each(|(value, told)| *value += told);
        }
        let mut share = 1.0;
        for (i, (up, blocks)) in self.stages.iter().enumerate() {
            let stage = Stage { up, blocks, number: i };
            x = stage.run(cpu, x, share, &mut room, &mut |name, values, channels| match shows {
                true => watch(&format!("dec.{name}"), &shown(values, channels)?),
                false => Ok(()),
            })?;
            #[expect(clippy::cast_precision_loss, reason = "a few blocks")]
            let blocks = blocks.len() as f32;
            share = 1.0 / blocks;
        }
        let mut last = Frames::of(room.active, self.post.taps() / 2, x.frames, x.channels);
        leaky_scaled(cpu, &x.values, (share, SLOPES.1), last.inside_mut());
        let Some((post, _)) = self.post.on_threads() else { return super::elsewhere() };
        let mut wave = vec![0f32; x.frames];
        convolve(cpu, post, last.around(&self.post), x.frames, Output::close(&mut wave, 1));
        if shows {
            watch("dec.conv_post", &shown(&wave, 1)?)?;
        }
        wave.iter_mut().for_each(|sample| *sample = sample.tanh());
        let samples = wave.len();
        Tensor::from_vec(wave, samples, &Device::Cpu).map_err(&failed)
    }
}

/// An upsampling and the blocks behind it.
struct Stage<'a> {
    up: &'a Upsampling,
    blocks: &'a [ResBlock],
    number: usize,
}

/// Takes a stage's name, its rows and their channels.
type Show<'a> = dyn FnMut(&str, &[f32], usize) -> Result<(), EngineError> + 'a;

impl Stage<'_> {
    /// Frames times `share` to the sum of the blocks.
    fn run(
        &self,
        cpu: &mut Cpu,
        before: Frames,
        share: f32,
        room: &mut Room,
        show: &mut Show<'_>,
    ) -> Result<Frames, EngineError> {
        let (up, channels) = (self.up, self.up.width());
        let Some(dense) = up.dense() else { return super::elsewhere() };
        // What one input row gives begins `cut` frames before the first that is kept.
        let convs = || self.blocks.iter().flat_map(|block| &block.0);
        let reach = |conv: &Conv1d| (conv.taps() - 1) * conv.dilation() / 2;
        let widest = convs().map(|(a, b)| reach(a).max(reach(b))).max().unwrap_or(0);
        let (frames, margin) = (up.frames(before.frames), widest.max(up.cut() + up.rate()));
        let rest = up.reach() - 1;
        let mut input =
            Frames::of(std::mem::take(&mut room.y), rest, before.frames, before.channels);
        leaky_scaled(cpu, &before.values, (share, SLOPES.0), input.inside_mut());
        let mut x = Frames::of(std::mem::take(&mut room.x), margin, frames, channels);
        let mut active = Frames::of(std::mem::take(&mut room.active), margin, frames, channels);
        let from = (margin - up.cut()) * channels;
        let to = Output {
            also: Some((&mut active.values[from..], SLOPES.0)),
            ..Output::close(&mut x.values[from..], up.rate() * channels)
        };
        let rows = before.frames + rest;
        product(cpu, dense, Input::close(&input.values, before.channels), rows, to);
        active.clear_margins();
        show(&format!("ups.{}", self.number), x.inside(), channels)?;
        let mut sum = Frames::of(before.values, 0, frames, channels);
        let mut parts = Parts {
            y: Frames::of(input.values, margin, frames, channels),
            part: Frames::of(std::mem::take(&mut room.part), 0, frames, channels),
            active: Frames::of(std::mem::take(&mut room.part_active), margin, frames, channels),
        };
        for (j, block) in self.blocks.iter().enumerate() {
            block.run(cpu, (&x, &active), &mut parts)?;
            let number = self.number * self.blocks.len() + j;
            show(&format!("resblocks.{number}"), &parts.part.values, channels)?;
            match j {
                0 => std::mem::swap(&mut sum, &mut parts.part),
                _ => add(cpu, &parts.part.values, &mut sum.values),
            }
        }
        let Parts { y, part, active: part_active } = parts;
        (room.x, room.active, room.y) = (x.values, active.values, y.values);
        (room.part, room.part_active) = (part.values, part_active.values);
        Ok(sum)
    }
}

/// What a block works in: between its convolutions, its sum so far, and that activated.
struct Parts {
    y: Frames,
    part: Frames,
    active: Frames,
}

impl ResBlock {
    /// Leaves the block's outcome for `x` (given activated as well) in `parts.part`.
    fn run(
        &self,
        cpu: &mut Cpu,
        (x, active): (&Frames, &Frames),
        parts: &mut Parts,
    ) -> Result<(), EngineError> {
        let Parts { y, part, active: own } = parts;
        let (channels, frames) = (x.channels, x.frames);
        for (n, (dilated, plain)) in self.0.iter().enumerate() {
            let (Some((first, _)), Some((second, _))) = (dilated.on_threads(), plain.on_threads())
            else {
                return super::elsewhere();
            };
            let input = if n == 0 { active.around(dilated) } else { own.around(dilated) };
            let activation = Activation::Leaky(SLOPES.0);
            let to = Output { activation, ..Output::close(y.inside_mut(), channels) };
            convolve(cpu, first, input, frames, to);
            let also = (n + 1 < self.0.len()).then(|| (own.inside_mut(), SLOPES.0));
            let to = Output {
                add: n > 0,
                plus: (n == 0).then(|| x.inside()),
                also,
                ..Output::close(&mut part.values, channels)
            };
            convolve(cpu, second, y.around(plain), frames, to);
        }
        Ok(())
    }
}
