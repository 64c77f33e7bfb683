//! Measures the operations on a GPU at the shape of Qwen2.5-14B in four bits with seeded weights: a decoding step as one
//! graph, and rows at once. Prints milliseconds and, for decoding, bytes read per second. Four blocks stand for all 48
//! (their weights are many times the card's cache). Needs `packaging/cuda/build`'s kernels: set COMPANION_CUDA_FATBIN.
//!
//!     cargo run --release -p companion-cuda --example measure [half|eight]

#![expect(clippy::print_stdout, reason = "a program that prints what it measured")]

use std::time::Instant;

use companion_cuda::ops::{
    Attention, Limits, Norm, Output, Projected, Rotary, RotaryPairs, Scratch, attend, linear,
    rms_norm, rotate_append,
};
use companion_cuda::{
    Buffer, CacheShape, Codes, Device, Error, KvCache, KvPrecision, Linear, Packed, Stream,
};
use half::f16;

const WIDTH: usize = 5120;
const INNER: usize = 13824;
const HEADS: usize = 40;
const KV: usize = 8;
const DIM: usize = 128;
const VOCABULARY: usize = 152_064;
const BLOCKS: usize = 48;
const KEPT: usize = 4;
const MOST_ROWS: usize = 1024;
const CONTEXT: usize = 4096;

struct Block {
    qkv: Linear,
    o: Linear,
    gate_up: Linear,
    down: Linear,
    cache: KvCache,
}

struct Model {
    blocks: Vec<Block>,
    head: Linear,
    norm: Buffer<f32>,
    speeds: Buffer<f32>,
    past: Buffer<u32>,
    scratch: Scratch,
    x: Buffer<f32>,
    normed: Buffer<f16>,
    qkv: Buffer<f16>,
    queries: Buffer<f16>,
    mixed: Buffer<f16>,
    gated: Buffer<f16>,
    logits: Buffer<f32>,
}

/// A map of seeded codes.
fn map(device: &Device, codes: Codes, outputs: usize, inputs: usize) -> Result<Linear, Error> {
    let row = |output: usize, row: &mut [u8]| {
        let mut state = output as u32 * 2_654_435_761 + 1;
        for code in row {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *code = (state >> 24) as u8;
        }
    };
    let (zero, scale) = if codes == Codes::Four { (8, 0.002) } else { (128, 0.0002) };
    let scale = |_, _| f16::from_f32(scale);
    Packed::pack(codes, [outputs, inputs], 128, row, |_, _| zero, scale)?.upload(device)
}

impl Model {
    fn new(device: &Device, precision: KvPrecision) -> Result<Self, Error> {
        let block = |_| {
            let shape = CacheShape { heads: KV, dim: DIM, capacity: CONTEXT };
            Ok::<_, Error>(Block {
                qkv: map(device, Codes::Four, (HEADS + 2 * KV) * DIM, WIDTH)?,
                o: map(device, Codes::Four, WIDTH, HEADS * DIM)?,
                gate_up: map(device, Codes::Four, 2 * INNER, WIDTH)?,
                down: map(device, Codes::Four, WIDTH, INNER)?,
                cache: KvCache::new(device, shape, precision)?,
            })
        };
        let limits = Limits { rows: MOST_ROWS, inputs: INNER, heads: HEADS, head_dim: DIM };
        Ok(Self {
            blocks: (0..KEPT).map(block).collect::<Result<_, Error>>()?,
            head: map(device, Codes::Eight, VOCABULARY, WIDTH)?,
            norm: device.upload(&vec![1.0; WIDTH])?,
            speeds: device.upload(&vec![0.01; DIM / 2])?,
            past: device.buffer(1)?,
            scratch: Scratch::new(device, limits)?,
            x: device.upload(&vec![0.1; MOST_ROWS * WIDTH])?,
            normed: device.buffer(MOST_ROWS * WIDTH)?,
            qkv: device.buffer(MOST_ROWS * (HEADS + 2 * KV) * DIM)?,
            queries: device.buffer(MOST_ROWS * HEADS * DIM)?,
            mixed: device.buffer(MOST_ROWS * HEADS * DIM)?,
            gated: device.buffer(MOST_ROWS * INNER)?,
            logits: device.buffer(VOCABULARY)?,
        })
    }

    /// Weights that a step reads, and keys and values at `length` positions.
    fn bytes(&self, length: usize) -> usize {
        let of = |b: &Block| {
            let weights = b.qkv.size() + b.o.size() + b.gate_up.size() + b.down.size();
            weights + b.cache.bytes() / CONTEXT * length
        };
        self.blocks.iter().map(of).sum::<usize>() * BLOCKS / KEPT + self.head.size()
    }

    fn step(&mut self, stream: &Stream, rows: usize) -> Result<(), Error> {
        let norm = Norm { weight: &self.norm, eps: 1e-6 };
        let s = &mut self.scratch;
        for n in 0..BLOCKS {
            let block = &mut self.blocks[n % KEPT];
            rms_norm(stream, norm, &self.x, (0, rows), &mut self.normed)?;
            linear(stream, &block.qkv, &self.normed, rows, Output::Half(&mut self.qkv), s)?;
            let rotary = Rotary { speeds: &self.speeds, pairs: RotaryPairs::Halves, norms: None };
            let projected = Projected { qkv: &self.qkv, rows, heads: HEADS };
            let (queries, cache) = (&mut self.queries, &mut block.cache);
            rotate_append(stream, rotary, projected, &self.past, queries, cache)?;
            let (queries, cache, past) = (&self.queries, &block.cache, &self.past);
            let attention = Attention { queries, rows, heads: HEADS, cache, past };
            attend(stream, attention, &mut self.mixed, s)?;
            linear(stream, &block.o, &self.mixed, rows, Output::AddTo(&mut self.x), s)?;
            rms_norm(stream, norm, &self.x, (0, rows), &mut self.normed)?;
            linear(stream, &block.gate_up, &self.normed, rows, Output::SwiGlu(&mut self.gated), s)?;
            linear(stream, &block.down, &self.gated, rows, Output::AddTo(&mut self.x), s)?;
        }
        rms_norm(stream, norm, &self.x, (rows - 1, 1), &mut self.normed)?;
        linear(stream, &self.head, &self.normed, 1, Output::Float(&mut self.logits), s)
    }
}

fn main() -> Result<(), Error> {
    let eight = std::env::args().any(|argument| argument == "eight");
    let precision = if eight { KvPrecision::Eight } else { KvPrecision::Half };
    let device = Device::open(0)?;
    let stream = device.stream()?;
    let mut model = Model::new(&device, precision)?;
    println!("{}, {} multiprocessors, cache {precision:?}", device.name(), device.processors());
    for (rows, past) in
        [(1, 0), (1, 1023), (1, 4095), (4, 1023), (16, 1023), (64, 1023), (256, 0), (1024, 0)]
    {
        stream.upload(&mut model.past, 0, &[u32::try_from(past).unwrap_or(0)])?;
        let graph = stream.record(|stream| model.step(stream, rows))?;
        let times = (0..12).map(|_| {
            let start = Instant::now();
            stream.replay(&graph)?;
            stream.synchronize()?;
            Ok::<_, Error>(start.elapsed().as_secs_f64())
        });
        let mut times = times.collect::<Result<Vec<_>, Error>>()?;
        times.sort_by(f64::total_cmp);
        let (median, bytes) = (times[times.len() / 2], model.bytes(past + rows));
        println!(
            "{rows:5} rows after {past:5}: {:8.3} ms, best {:8.3}; {:7.1} GB/s; {} launches",
            median * 1e3,
            times[0] * 1e3,
            bytes as f64 / median / 1e9,
            graph.launches()
        );
    }
    Ok(())
}
