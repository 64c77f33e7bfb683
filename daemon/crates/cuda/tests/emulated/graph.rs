//! A decoding step that is recorded once and replayed at every position.

use companion_cuda::ops::{
    Attention, Limits, Norm, Output, Projected, Rotary, RotaryPairs, Scratch, Table, argmax,
    attend, embed, linear, rms_norm, rotate_append,
};
use companion_cuda::{
    Buffer, CacheShape, Counters, Device, Error, KvCache, KvPrecision, Linear, Packed, Stream,
};
use half::f16;

use crate::support::{Numbers, device, read};

const WIDTH: usize = 64;
const DIM: usize = 32;
const HEADS: usize = 4;
const KV: usize = 2;
const INNER: usize = 96;
const VOCABULARY: usize = 50;

/// One block of a decoder with seeded weights, and the rows between its operations.
struct Block {
    qkv: Linear,
    o: Linear,
    gate_up: Linear,
    down: Linear,
    head: Linear,
    norm: Buffer<f32>,
    speeds: Buffer<f32>,
    cache: KvCache,
    scratch: Scratch,
    /// Position, then the token's id.
    input: Buffer<u32>,
    past: Buffer<u32>,
    x: Buffer<f32>,
    normed: Buffer<f16>,
    projected: Buffer<f16>,
    queries: Buffer<f16>,
    mixed: Buffer<f16>,
    gated: Buffer<f16>,
    logits: Buffer<f32>,
    best: Buffer<u32>,
}

impl Block {
    fn new(device: &Device) -> Self {
        let mut n = Numbers(31);
        let mut map = |outputs: usize, inputs: usize| {
            let values = n.values(outputs * inputs);
            let row = |o: usize, row: &mut [f32]| {
                row.copy_from_slice(&values[o * inputs..(o + 1) * inputs]);
            };
            Packed::quantize([outputs, inputs], 64, row).unwrap().upload(device).unwrap()
        };
        let shape = CacheShape { heads: KV, dim: DIM, capacity: 128 };
        let limits = Limits { rows: 1, inputs: INNER, heads: HEADS, head_dim: DIM };
        Self {
            qkv: map((HEADS + 2 * KV) * DIM, WIDTH),
            o: map(WIDTH, HEADS * DIM),
            gate_up: map(2 * INNER, WIDTH),
            down: map(WIDTH, INNER),
            head: map(VOCABULARY, WIDTH),
            norm: device.upload(&[1.0; WIDTH]).unwrap(),
            speeds: device.upload(&[0.1; DIM / 2]).unwrap(),
            cache: KvCache::new(device, shape, KvPrecision::Half).unwrap(),
            scratch: Scratch::new(device, limits).unwrap(),
            input: device.buffer(1).unwrap(),
            past: device.buffer(1).unwrap(),
            x: device.buffer(WIDTH).unwrap(),
            normed: device.buffer(WIDTH).unwrap(),
            projected: device.buffer((HEADS + 2 * KV) * DIM).unwrap(),
            queries: device.buffer(HEADS * DIM).unwrap(),
            mixed: device.buffer(HEADS * DIM).unwrap(),
            gated: device.buffer(INNER).unwrap(),
            logits: device.buffer(VOCABULARY).unwrap(),
            best: device.buffer(1).unwrap(),
        }
    }

    fn step(&mut self, stream: &Stream) -> Result<(), Error> {
        let norm = Norm { weight: &self.norm, eps: 1e-6 };
        let s = &mut self.scratch;
        embed(stream, Table::Tied(&self.head), &self.input, (1, WIDTH), &mut self.x)?;
        rms_norm(stream, norm, &self.x, (0, 1), &mut self.normed)?;
        linear(stream, &self.qkv, &self.normed, 1, Output::Half(&mut self.projected), s)?;
        let rotary = Rotary { speeds: &self.speeds, pairs: RotaryPairs::Halves, norms: None };
        let projected = Projected { qkv: &self.projected, rows: 1, heads: HEADS };
        let (queries, cache) = (&mut self.queries, &mut self.cache);
        rotate_append(stream, rotary, projected, &self.past, queries, cache)?;
        let (queries, cache, past) = (&self.queries, &self.cache, &self.past);
        let attention = Attention { queries, rows: 1, heads: HEADS, cache, past };
        attend(stream, attention, &mut self.mixed, s)?;
        linear(stream, &self.o, &self.mixed, 1, Output::AddTo(&mut self.x), s)?;
        rms_norm(stream, norm, &self.x, (0, 1), &mut self.normed)?;
        linear(stream, &self.gate_up, &self.normed, 1, Output::SwiGlu(&mut self.gated), s)?;
        linear(stream, &self.down, &self.gated, 1, Output::AddTo(&mut self.x), s)?;
        rms_norm(stream, norm, &self.x, (0, 1), &mut self.normed)?;
        linear(stream, &self.head, &self.normed, 1, Output::Float(&mut self.logits), s)?;
        argmax(stream, &self.logits, (1, VOCABULARY), &mut self.best)
    }
}

#[test]
fn one_recording_serves_every_position_and_allocates_nothing() {
    let (device, stream) = device();
    let mut plain = Block::new(&device);
    let ids: Vec<u32> = (0..70).map(|n| n * 7 % 50).collect();
    let mut want = Vec::new();
    for (position, id) in (0u32..).zip(&ids) {
        stream.upload(&mut plain.input, 0, &[*id]).unwrap();
        stream.upload(&mut plain.past, 0, &[position]).unwrap();
        plain.step(&stream).unwrap();
        want.push((read(&stream, &plain.logits), read(&stream, &plain.best)[0]));
    }

    let mut recorded = Block::new(&device);
    let (mut id, mut past) = (device.pinned(1).unwrap(), device.pinned(1).unwrap());
    let graph = stream
        .record(|stream| {
            stream.copy_in(&id, &mut recorded.input)?;
            stream.copy_in(&past, &mut recorded.past)?;
            recorded.step(stream)
        })
        .unwrap();
    assert_eq!(graph.launches(), 12);
    assert_eq!(read(&stream, &recorded.logits), [0.0; VOCABULARY], "recording does nothing yet");

    let before = device.counters();
    for (position, (token, (logits, best))) in (0u32..).zip(ids.iter().zip(&want)) {
        id.write(0, &[*token]).unwrap();
        past.write(0, &[position]).unwrap();
        stream.replay(&graph).unwrap();
        assert_eq!(read(&stream, &recorded.logits), *logits, "at {position}");
        assert_eq!(read(&stream, &recorded.best)[0], *best);
    }
    let after = device.counters();
    assert_eq!(
        after,
        Counters { replays: before.replays + 70, waits: before.waits + 140, ..before }
    );
    drop((recorded, id, past));
    stream.replay(&graph).unwrap();
}

#[test]
fn what_a_recording_cannot_hold_is_refused() {
    let (device, stream) = device();
    let mut buffer = device.buffer::<u32>(1).unwrap();
    let refused = stream.record(|stream| stream.upload(&mut buffer, 0, &[1]));
    assert!(matches!(refused, Err(Error::Recording { what: "an upload" })), "{refused:?}");
    stream.upload(&mut buffer, 0, &[1]).unwrap();
}
