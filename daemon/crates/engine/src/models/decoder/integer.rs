//! The decoder in integer arithmetic on the CPU, for models whose weights are integers already (GPTQ, AWQ,
//! GGUF): activations are taken as eight bits in blocks of 32, weights stay packed, keys and values are
//! half precision. Not equal to the reference
//! to its last digits: who needs that takes [`super::Decoder`]. One owner; the kernels' threads end with it.

mod map;

use self::map::Stack;
pub(super) use self::map::{Taken, taken, unpacked};
use super::embedding::Compact;
use super::{Block, Decoder, DecoderConfig, computing, placing};
use crate::EngineError;
use companion_kernels::{
    Activations, AttentionShape, Cpu, KvStore, MOST_HEAD_DIM, RotaryPairs, attend, attend_singly,
    rms_norm, rotate, swiglu,
};

/// Where rows of the embedding come from.
#[derive(Debug)]
enum Embedding {
    /// The output map, whose rows they are.
    Tied,
    /// A table of its own.
    Own(Compact),
}

#[derive(Debug)]
pub(super) struct IntegerBlock {
    input_norm: Vec<f32>,
    /// q, k and v.
    qkv: Stack,
    head_norms: Option<(Vec<f32>, Vec<f32>)>,
    o: Stack,
    post_norm: Vec<f32>,
    gate_up: Stack,
    down: Stack,
    pub(super) kv: KvStore,
}

/// Rows between the products; kept from call to call.
#[derive(Debug, Default)]
struct Rows {
    /// Residual stream.
    x: Vec<f32>,
    normed: Vec<f32>,
    qkv: Vec<f32>,
    mixed: Vec<f32>,
    gated: Vec<f32>,
    logits: Vec<f32>,
    integers: Activations,
    /// Cosines and sines of one position.
    angles: (Vec<f32>, Vec<f32>),
}

/// The model with its KV cache.
#[derive(Debug)]
pub struct IntegerDecoder {
    pub(super) config: DecoderConfig,
    cpu: Cpu,
    embedding: Embedding,
    pub(super) blocks: Vec<IntegerBlock>,
    norm: Vec<f32>,
    head: Stack,
    /// Radians per position of each pair of a head.
    speed: Vec<f32>,
    rows: Rows,
    pub(super) length: usize,
}

impl IntegerDecoder {
    /// Takes over a loaded decoder's weights, block by block. Plain maps of a model whose other maps are
    /// integers become eight-bit ones. `threads` in all, the calling one among them.
    ///
    /// # Errors
    /// When a map has sizes or zero points that integer arithmetic does not take, a head is too wide, or
    /// the decoder is an embedder.
    pub fn from_decoder(decoder: Decoder, threads: usize) -> Result<Self, EngineError> {
        let Decoder { config, embedding, blocks, norm, head, rope, .. } = decoder;
        if config.head_dim > MOST_HEAD_DIM {
            return Err(EngineError::Input {
                what: "the model",
                problem: format!("heads of {} values, at most {MOST_HEAD_DIM}", config.head_dim),
            });
        }
        let Some(head) = head else {
            return Err(EngineError::Input {
                what: "the model",
                problem: "it was loaded as an embedder, which gives no logits".to_owned(),
            });
        };
        let embedding = if config.tie_word_embeddings {
            // Freed before the output map is packed.
            drop(embedding);
            Embedding::Tied
        } else {
            Embedding::Own(embedding.compact().map_err(placing)?)
        };
        let head = Stack::new(vec![head])?;
        let blocks = blocks.into_iter().map(|block| IntegerBlock::new(block, &config));
        Ok(Self {
            blocks: blocks.collect::<Result<_, _>>()?,
            norm: unpacked(&norm)?,
            speed: rope.into_speed(),
            cpu: Cpu::new(threads),
            rows: Rows::default(),
            length: 0,
            config,
            embedding,
            head,
        })
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

    /// Instructions and threads in use.
    #[must_use]
    pub fn cpu(&self) -> &Cpu {
        &self.cpu
    }

    /// Rolls the cache back to `length` positions, in a time that does not depend on how many are
    /// forgotten.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
        self.blocks.iter_mut().for_each(|block| block.kv.truncate(length));
    }

    /// Bytes of weights and of the KV cache.
    #[must_use]
    pub fn bytes(&self) -> (usize, usize) {
        let own = if let Embedding::Own(all) = &self.embedding { all.bytes() } else { 0 };
        let blocks: usize = self.blocks.iter().map(IntegerBlock::weights).sum();
        let kv = self.blocks.iter().map(|block| block.kv.size()).sum();
        (own + blocks + self.head.size() + self.norm.len() * 4, kv)
    }

    /// Bytes of weights that one new token reads: all but the embedding's other rows.
    #[must_use]
    pub fn bytes_per_token(&self) -> usize {
        self.blocks.iter().map(IntegerBlock::weights).sum::<usize>() + self.head.size()
    }

    /// Reads `ids` after what is in the cache. Gives the logits of the last position.
    ///
    /// # Errors
    /// When there are no ids or one is outside the vocabulary.
    pub fn forward(&mut self, ids: &[u32]) -> Result<&[f32], EngineError> {
        Ok(self.forward_until(ids, 1, &|| false)?.unwrap_or_default())
    }

    /// Reads `ids` after what is in the cache, unless `stop` says so between two blocks: then nothing
    /// is read. Gives the logits `[rows, vocab]` of the last `rows` positions. When these are more than
    /// one, they equal bit by bit those of as many passes of one token.
    ///
    /// # Errors
    /// As [`Self::forward`].
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
        let (width, count) = (self.config.hidden_size, rows.clamp(1, ids.len()));
        self.embed(ids)?;
        #[expect(clippy::cast_possible_truncation, reason = "computed in f32")]
        let eps = self.config.rms_norm_eps as f32;
        for block in &mut self.blocks {
            if stop() {
                let length = self.length;
                self.blocks.iter_mut().for_each(|block| block.kv.truncate(length));
                return Ok(None);
            }
            let step = Step {
                cpu: &mut self.cpu,
                rows: &mut self.rows,
                config: &self.config,
                speed: &self.speed,
                position: self.length,
                count: ids.len(),
                singly: count > 1,
                eps,
            };
            step.block(block);
        }
        self.length += ids.len();
        let Rows { x, normed, logits, integers, .. } = &mut self.rows;
        normed.resize(count * width, 0.0);
        logits.resize(count * vocab, 0.0);
        let last = &x[(ids.len() - count) * width..ids.len() * width];
        rms_norm(&mut self.cpu, last, &self.norm, eps, normed);
        self.head.apply(&mut self.cpu, (normed, width), integers, logits);
        Ok(Some(logits))
    }

    fn embed(&mut self, ids: &[u32]) -> Result<(), EngineError> {
        let width = self.config.hidden_size;
        self.rows.x.resize(ids.len() * width, 0.0);
        for (id, row) in ids.iter().zip(self.rows.x.chunks_exact_mut(width)) {
            match &self.embedding {
                Embedding::Tied => self.head.row(*id as usize, row),
                Embedding::Own(all) => all.row(*id as usize, row).map_err(computing)?,
            }
        }
        Ok(())
    }
}

impl IntegerBlock {
    fn new(block: Block, config: &DecoderConfig) -> Result<Self, EngineError> {
        let Block { input_norm, q, k, v, head_norms, o, post_norm, gate, up, down, .. } = block;
        let head_norms = match head_norms {
            Some((q, k)) => Some((unpacked(&q)?, unpacked(&k)?)),
            None => None,
        };
        Ok(Self {
            input_norm: unpacked(&input_norm)?,
            qkv: Stack::new(vec![q, k, v])?,
            head_norms,
            o: Stack::new(vec![o])?,
            post_norm: unpacked(&post_norm)?,
            gate_up: Stack::new(vec![gate, up])?,
            down: Stack::new(vec![down])?,
            kv: KvStore::new(config.num_key_value_heads, config.head_dim),
        })
    }

    fn weights(&self) -> usize {
        self.qkv.size() + self.o.size() + self.gate_up.size() + self.down.size()
    }
}

/// One block's work on some rows.
struct Step<'a> {
    cpu: &'a mut Cpu,
    rows: &'a mut Rows,
    config: &'a DecoderConfig,
    speed: &'a [f32],
    /// Of the first row.
    position: usize,
    count: usize,
    /// Whether rows must come out as if they came one at a time.
    singly: bool,
    eps: f32,
}

impl Step<'_> {
    fn block(mut self, block: &mut IntegerBlock) {
        let (width, inner) = (self.config.hidden_size, self.config.intermediate_size);
        self.rows.integers.take_singly(self.singly);
        self.attention(block);
        let Rows { x, normed, gated, integers, .. } = &mut *self.rows;
        rms_norm(self.cpu, x, &block.post_norm, self.eps, normed);
        gated.resize(self.count * 2 * inner, 0.0);
        block.gate_up.apply(self.cpu, (normed, width), integers, gated);
        swiglu(self.cpu, gated, inner);
        block.down.apply(self.cpu, (gated, inner), integers, normed);
        add(x, normed);
    }

    fn attention(&mut self, block: &mut IntegerBlock) {
        let DecoderConfig { hidden_size, head_dim, .. } = *self.config;
        let (heads, kv) = (self.config.num_attention_heads, self.config.num_key_value_heads);
        let (all, stride) = (heads * head_dim, (heads + 2 * kv) * head_dim);
        let Rows { x, normed, qkv, mixed, integers, angles, .. } = &mut *self.rows;
        normed.resize(self.count * hidden_size, 0.0);
        qkv.resize(self.count * stride, 0.0);
        mixed.resize(self.count * all, 0.0);
        rms_norm(self.cpu, x, &block.input_norm, self.eps, normed);
        block.qkv.apply(self.cpu, (normed, hidden_size), integers, qkv);
        let pairs =
            if self.config.interleaved { RotaryPairs::Neighbours } else { RotaryPairs::Halves };
        block.kv.reserve(self.position + self.count);
        for (row, qkv) in qkv.chunks_exact_mut(stride).enumerate() {
            turn_to(angles, self.speed, self.position + row);
            let (turned, v) = qkv.split_at_mut((heads + kv) * head_dim);
            for (n, head) in turned.chunks_exact_mut(head_dim).enumerate() {
                if let Some((q, k)) = &block.head_norms {
                    norm_head(head, if n < heads { q } else { k }, self.eps);
                }
                rotate(head, &angles.0, &angles.1, pairs);
            }
            block.kv.push(&turned[all..], v);
        }
        let shape = AttentionShape { heads, stride };
        let attention = if self.singly { attend_singly } else { attend };
        attention(self.cpu, qkv, self.count, shape, &block.kv, mixed);
        block.o.apply(self.cpu, (mixed, all), integers, normed);
        add(x, normed);
    }
}

/// Cosines and sines of a position.
fn turn_to((cos, sin): &mut (Vec<f32>, Vec<f32>), speed: &[f32], position: usize) {
    cos.clear();
    sin.clear();
    for speed in speed {
        #[expect(clippy::cast_precision_loss, reason = "positions are far below 2^24")]
        let angle = position as f32 * speed;
        cos.push(angle.cos());
        sin.push(angle.sin());
    }
}

/// RMS norm of one head in place.
fn norm_head(head: &mut [f32], weights: &[f32], eps: f32) {
    #[expect(clippy::cast_precision_loss, reason = "head sizes")]
    let mean = head.iter().map(|v| v * v).sum::<f32>() / head.len() as f32;
    let scale = 1.0 / (mean + eps).sqrt();
    head.iter_mut().zip(weights).for_each(|(value, weight)| *value *= scale * weight);
}

fn add(x: &mut [f32], more: &[f32]) {
    x.iter_mut().zip(more).for_each(|(x, more)| *x += more);
}
