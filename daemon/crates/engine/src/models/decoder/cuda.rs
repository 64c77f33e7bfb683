//! The decoder on a GPU: integers stay integers in its memory, activations are half precision, the residual
//! stream and logits f32. A step of one token is recorded once as a graph and replayed; nothing is
//! allocated after loading. One owner.

mod fork;
mod map;

use companion_cuda::ops::{
    Attention, Limits, Norm, Output, Projected, Rotary, RotaryPairs, Scratch, Table, attend, embed,
    linear, rms_norm, rotate_append,
};
use companion_cuda::{
    Buffer, CacheShape, Device, Graph, KvCache, KvPrecision, Linear, Pinned, Stream,
};
use half::f16;
use half::slice::HalfFloatSliceExt as _;
pub(super) use map::HEAD_GROUP;

use super::integer::unpacked;
use super::{Block, Decoder, DecoderConfig, placing};
use crate::EngineError;

/// Rows of one pass.
const MOST_ROWS: usize = 512;
/// Most rows whose logits are asked for in one pass: drafts and the token before them.
pub(super) const MOST_LOGITS: usize = 16;

/// What the device's crate gives.
type Done<T> = Result<T, companion_cuda::Error>;

fn failed(error: companion_cuda::Error) -> EngineError {
    EngineError::Gpu(error)
}

/// Where rows of the embedding come from.
#[derive(Debug)]
enum Embedding {
    /// The output map, whose rows they are.
    Tied,
    /// `[vocab, hidden]` in the host's memory: a token needs one row.
    Own(Pinned<f16>),
}

#[derive(Debug)]
struct CudaBlock {
    input_norm: Buffer<f32>,
    /// q, k and v.
    qkv: Linear,
    head_norms: Option<(Buffer<f32>, Buffer<f32>)>,
    o: Linear,
    post_norm: Buffer<f32>,
    /// Gate and up, in turns.
    gate_up: Linear,
    down: Linear,
    kv: KvCache,
}

/// What lies between the products.
#[derive(Debug)]
struct Rows {
    ids: Buffer<u32>,
    /// Positions before the first row.
    past: Buffer<u32>,
    /// Residual stream.
    x: Buffer<f32>,
    normed: Buffer<f16>,
    qkv: Buffer<f16>,
    queries: Buffer<f16>,
    mixed: Buffer<f16>,
    gated: Buffer<f16>,
    logits: Buffer<f32>,
    scratch: Scratch,
}

/// A step of one token, recorded.
#[derive(Debug)]
struct Recorded {
    graph: Graph,
    id: Pinned<u32>,
    past: Pinned<u32>,
    logits: Pinned<f32>,
}

/// The model with its KV cache.
#[derive(Debug)]
pub struct CudaDecoder {
    config: DecoderConfig,
    embedding: Embedding,
    blocks: Vec<CudaBlock>,
    norm: Buffer<f32>,
    head: Linear,
    /// Radians per position of each pair of a head.
    speeds: Buffer<f32>,
    rows: Rows,
    step: Option<Recorded>,
    stream: Stream,
    length: usize,
    capacity: usize,
    logits: Vec<f32>,
}

impl CudaDecoder {
    /// Takes over a loaded decoder's weights, block by block, for contexts of `capacity` tokens.
    ///
    /// # Errors
    /// When a map has sizes that the kernels do not take, the decoder is an embedder, or the device's memory
    /// is full.
    pub fn from_decoder(
        decoder: Decoder,
        device: &Device,
        capacity: usize,
        precision: KvPrecision,
    ) -> Result<Self, EngineError> {
        let Decoder { config, embedding, blocks, norm, head, rope, .. } = decoder;
        let Some(head) = head else {
            return Err(EngineError::Input {
                what: "the model",
                problem: "it was loaded as an embedder, which gives no logits".to_owned(),
            });
        };
        let stream = device.stream().map_err(failed)?;
        let width = config.hidden_size;
        let embedding = if config.tie_word_embeddings {
            Embedding::Tied
        } else {
            Embedding::Own(pinned(embedding, &config, device)?)
        };
        let head = map::output(head, width)?.upload(device).map_err(failed)?;
        let shape = CacheShape {
            heads: config.num_key_value_heads,
            dim: config.head_dim,
            capacity: capacity.max(MOST_ROWS),
        };
        let mut placed = Vec::with_capacity(blocks.len());
        for block in blocks {
            let kv = KvCache::new(device, shape, precision).map_err(failed)?;
            placed.push(CudaBlock::new(block, &config, device, kv)?);
        }
        let speeds = device.upload(&rope.into_speed()).map_err(failed)?;
        let norm = device.upload(&unpacked(&norm)?).map_err(failed)?;
        let rows = Rows::new(device, &config).map_err(failed)?;
        let (blocks, capacity) = (placed, shape.capacity);
        let (step, length, logits) = (None, 0, Vec::new());
        let mut decoder = Self {
            config,
            embedding,
            blocks,
            norm,
            head,
            speeds,
            rows,
            step,
            stream,
            length,
            capacity,
            logits,
        };
        decoder.record().map_err(failed)?;
        Ok(decoder)
    }

    /// Sizes.
    #[must_use]
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// Positions in the cache.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// The device it lives on.
    #[must_use]
    pub fn device(&self) -> Device {
        self.stream.device()
    }

    /// Rolls the cache back to `length` positions.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// Keeps the cache in `precision` from now on; what it held is forgotten.
    ///
    /// # Errors
    /// When the device's memory is full; then nothing but a new decoder helps.
    pub fn set_cache_precision(&mut self, precision: KvPrecision) -> Result<(), EngineError> {
        self.length = 0;
        // The recording keeps the old cache alive.
        self.step = None;
        let device = self.device();
        for block in &mut self.blocks {
            let shape = block.kv.shape();
            block.kv = KvCache::new(&device, shape, precision).map_err(failed)?;
        }
        self.record().map_err(failed)
    }

    /// Bytes of device memory: of weights, and of the KV cache.
    #[must_use]
    pub fn bytes(&self) -> (usize, usize) {
        let blocks: usize = self.blocks.iter().map(CudaBlock::weights).sum();
        let kv = self.blocks.iter().map(|block| block.kv.bytes()).sum();
        (blocks + self.head.size() + self.norm.bytes(), kv)
    }

    /// Bytes of weights that the work on one token reads.
    #[must_use]
    pub fn bytes_per_token(&self) -> usize {
        self.blocks.iter().map(CudaBlock::weights).sum::<usize>() + self.head.size()
    }

    /// Kernels of the work on one token.
    #[must_use]
    pub fn launches_per_token(&self) -> usize {
        self.step.as_ref().map_or(0, |step| step.graph.launches())
    }

    /// Reads `ids` after what is in the cache, unless `stop` says so between two blocks: then nothing
    /// is read. Gives the logits `[rows, vocab]` of the last `rows` positions, at most 16.
    ///
    /// # Errors
    /// When there are no ids, one is outside the vocabulary, there is no room for them, or the device
    /// fails.
    pub fn forward_until(
        &mut self,
        ids: &[u32],
        rows: usize,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<&[f32]>, EngineError> {
        let vocab = self.config.vocab_size;
        if ids.is_empty() || ids.iter().any(|id| *id as usize >= vocab) {
            return Err(EngineError::Input {
                what: "the tokens",
                problem: format!("need one or more ids below {vocab}"),
            });
        }
        if self.length + ids.len() > self.capacity {
            return Err(EngineError::Input {
                what: "the tokens",
                problem: format!(
                    "{} after {} are more than the cache of {} takes",
                    ids.len(),
                    self.length,
                    self.capacity
                ),
            });
        }
        if ids.len() == 1 {
            self.one(ids[0]).map_err(failed)?;
            return Ok(Some(&self.logits));
        }
        let before = self.length;
        let rows = rows.clamp(1, ids.len().min(MOST_LOGITS));
        let mut parts = ids.chunks(MOST_ROWS).peekable();
        while let Some(part) = parts.next() {
            // The rows that are asked for must come from one pass.
            let wanted = if parts.peek().is_none() { rows.min(part.len()) } else { 0 };
            let done = self.pass(part, wanted, stop).map_err(failed)?;
            if !done {
                self.length = before;
                return Ok(None);
            }
        }
        Ok(Some(&self.logits))
    }

    /// A token by the recorded step.
    fn one(&mut self, id: u32) -> Done<()> {
        let Some(step) = &mut self.step else {
            return Err(companion_cuda::Error::Recording {
                what: "a step that was never recorded",
            });
        };
        step.id.write(0, &[id])?;
        step.past.write(0, &[position(self.length)])?;
        self.stream.replay(&step.graph)?;
        self.stream.synchronize()?;
        self.logits.resize(step.logits.len(), 0.0);
        step.logits.read(&mut self.logits)?;
        self.length += 1;
        Ok(())
    }

    /// One pass; whether it was done.
    fn pass(&mut self, ids: &[u32], wanted: usize, stop: &dyn Fn() -> bool) -> Done<bool> {
        self.stream.upload(&mut self.rows.ids, 0, ids)?;
        self.stream.upload(&mut self.rows.past, 0, &[position(self.length)])?;
        let Self { config, embedding, blocks, norm, head, speeds, rows, stream, .. } = self;
        let work = Work { config, speeds, stream, count: ids.len() };
        work.embed(embedding, head, rows)?;
        for block in blocks {
            if stop() {
                stream.synchronize()?;
                return Ok(false);
            }
            work.block(block, rows)?;
        }
        if wanted > 0 {
            work.logits(norm, head, wanted, rows)?;
            self.logits.resize(wanted * config.vocab_size, 0.0);
            stream.download(&rows.logits, 0, &mut self.logits)?;
        } else {
            stream.synchronize()?;
        }
        self.length += ids.len();
        Ok(true)
    }

    /// Records a step of one token. (It is done once before, so that what loads lazily is loaded.)
    fn record(&mut self) -> Done<()> {
        let device = self.stream.device();
        let id = device.pinned(1)?;
        let past = device.pinned(1)?;
        let mut logits = device.pinned(self.config.vocab_size)?;
        let Self { config, embedding, blocks, norm, head, speeds, rows, stream, .. } = self;
        let mut work = |stream: &Stream| {
            let work = Work { config, speeds, stream, count: 1 };
            stream.copy_in(&id, &mut rows.ids)?;
            stream.copy_in(&past, &mut rows.past)?;
            work.embed(embedding, head, rows)?;
            for block in &mut *blocks {
                work.block(block, rows)?;
            }
            work.logits(norm, head, 1, rows)?;
            stream.copy_out(&rows.logits, &mut logits)
        };
        work(stream)?;
        stream.synchronize()?;
        let graph = stream.record(|stream| work(stream))?;
        self.step = Some(Recorded { graph, id, past, logits });
        Ok(())
    }
}

/// The embedding's rows in half precision, in pinned memory of the host.
fn pinned(
    embedding: super::Embedding,
    config: &DecoderConfig,
    device: &Device,
) -> Result<Pinned<f16>, EngineError> {
    let (vocab, width) = (config.vocab_size, config.hidden_size);
    let compact = embedding.compact().map_err(placing)?;
    let mut table = device.pinned(vocab * width).map_err(failed)?;
    let (mut row, mut halves) = (vec![0f32; width], vec![f16::ZERO; width]);
    for id in 0..vocab {
        compact.row(id, &mut row).map_err(placing)?;
        halves.convert_from_f32_slice(&row);
        table.write(id * width, &halves).map_err(failed)?;
    }
    Ok(table)
}

fn position(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl Rows {
    fn new(device: &Device, config: &DecoderConfig) -> Done<Self> {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let (heads, kv) = (config.num_attention_heads, config.num_key_value_heads);
        let (all, pairs) = (heads * config.head_dim, 2 * kv * config.head_dim);
        let limits = Limits {
            rows: MOST_ROWS,
            inputs: width.max(all).max(inner),
            heads,
            head_dim: config.head_dim,
        };
        Ok(Self {
            ids: device.buffer(MOST_ROWS)?,
            past: device.buffer(1)?,
            x: device.buffer(MOST_ROWS * width)?,
            normed: device.buffer(MOST_ROWS * width)?,
            qkv: device.buffer(MOST_ROWS * (all + pairs))?,
            queries: device.buffer(MOST_ROWS * all)?,
            mixed: device.buffer(MOST_ROWS * all)?,
            gated: device.buffer(MOST_ROWS * inner)?,
            logits: device.buffer(MOST_LOGITS * config.vocab_size)?,
            scratch: Scratch::new(device, limits)?,
        })
    }
}

impl CudaBlock {
    fn new(
        block: Block,
        config: &DecoderConfig,
        device: &Device,
        kv: KvCache,
    ) -> Result<Self, EngineError> {
        let Block { input_norm, q, k, v, head_norms, o, post_norm, gate, up, down, .. } = block;
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let all = config.num_attention_heads * config.head_dim;
        let vector =
            |tensor: &candle_core::Tensor| device.upload(&unpacked(tensor)?).map_err(failed);
        let place = |packed: companion_cuda::Packed| packed.upload(device).map_err(failed);
        let head_norms = match head_norms {
            Some((q, k)) => Some((vector(&q)?, vector(&k)?)),
            None => None,
        };
        Ok(Self {
            input_norm: vector(&input_norm)?,
            qkv: place(map::stacked(vec![q, k, v], width)?)?,
            head_norms,
            o: place(map::stacked(vec![o], all)?)?,
            post_norm: vector(&post_norm)?,
            gate_up: place(map::gated(gate, up, width)?)?,
            down: place(map::stacked(vec![down], inner)?)?,
            kv,
        })
    }

    fn weights(&self) -> usize {
        self.qkv.size() + self.o.size() + self.gate_up.size() + self.down.size()
    }
}

/// Some rows' way through the model; all calls only queue work.
struct Work<'a> {
    config: &'a DecoderConfig,
    speeds: &'a Buffer<f32>,
    stream: &'a Stream,
    count: usize,
}

impl Work<'_> {
    fn embed(&self, embedding: &Embedding, head: &Linear, rows: &mut Rows) -> Done<()> {
        let table = match embedding {
            Embedding::Tied => Table::Tied(head),
            Embedding::Own(table) => Table::Pinned(table),
        };
        let size = (self.count, self.config.hidden_size);
        embed(self.stream, table, &rows.ids, size, &mut rows.x)
    }

    fn norm<'n>(&self, weight: &'n Buffer<f32>) -> Norm<'n> {
        #[expect(clippy::cast_possible_truncation, reason = "computed in f32")]
        let eps = self.config.rms_norm_eps as f32;
        Norm { weight, eps }
    }

    fn block(&self, block: &mut CudaBlock, rows: &mut Rows) -> Done<()> {
        let Self { config, speeds, stream, count } = *self;
        let Rows { past, x, normed, qkv, queries, mixed, gated, scratch, .. } = rows;
        let heads = config.num_attention_heads;
        rms_norm(stream, self.norm(&block.input_norm), x, (0, count), normed)?;
        linear(stream, &block.qkv, normed, count, Output::Half(qkv), scratch)?;
        let norms = block.head_norms.as_ref();
        let rotary = Rotary {
            speeds,
            pairs: if config.interleaved { RotaryPairs::Neighbours } else { RotaryPairs::Halves },
            norms: norms.map(|(q, k)| (q, k, self.norm(q).eps)),
        };
        let projected = Projected { qkv, rows: count, heads };
        rotate_append(stream, rotary, projected, past, queries, &mut block.kv)?;
        let attention = Attention { queries, rows: count, heads, cache: &block.kv, past };
        attend(stream, attention, mixed, scratch)?;
        linear(stream, &block.o, mixed, count, Output::AddTo(x), scratch)?;
        rms_norm(stream, self.norm(&block.post_norm), x, (0, count), normed)?;
        linear(stream, &block.gate_up, normed, count, Output::SwiGlu(gated), scratch)?;
        linear(stream, &block.down, gated, count, Output::AddTo(x), scratch)
    }

    fn logits(
        &self,
        norm: &Buffer<f32>,
        head: &Linear,
        wanted: usize,
        rows: &mut Rows,
    ) -> Done<()> {
        let Rows { x, normed, logits, scratch, .. } = rows;
        let last = (self.count - wanted, wanted);
        rms_norm(self.stream, self.norm(norm), x, last, normed)?;
        linear(self.stream, head, normed, wanted, Output::Float(logits), scratch)
    }
}

#[cfg(test)]
mod tests;
