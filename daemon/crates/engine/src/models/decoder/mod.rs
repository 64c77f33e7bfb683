//! The decoder that Qwen2, Qwen3 and Llama share: pre-norm blocks, grouped-query attention (Ainslie et
//! al. 2023) over a KV cache, rotary positions, SwiGLU (Shazeer 2020), RMS norms (Zhang and Sennrich
//! 2019), optionally tied embeddings. What differs is said in a file per architecture. Weights from a
//! release's safetensors or from a GGUF; computed in f32. One owner, one thread.

mod architecture;
mod cache;
mod config;
mod cuda;
mod embedding;
mod integer;
mod memory_plan;
mod source;

use std::path::Path;

use candle_core::quantized::QMatMul;
use candle_core::{Device, Result, Tensor};

pub use architecture::Architecture;
pub use companion_kernels::KvPrecision;

pub use cache::{CacheElement, CacheFork, CacheShape};
pub use config::DecoderConfig;
pub(crate) use config::{Bias, Differences};
pub use cuda::CudaDecoder;
use embedding::Embedding;
pub use integer::IntegerDecoder;
pub use memory_plan::{MemoryPlan, plan, plan_config};
use source::{Gguf, LinearShape, Release, Source};

use crate::EngineError;
use crate::layers::{KvCache, Linear, Rope, attend};
use crate::weights::{GgufFile, ShardedWeights};

#[derive(Debug)]
struct Block {
    input_norm: Tensor,
    q: Linear,
    k: Linear,
    v: Linear,
    /// Norms of a head's queries and keys.
    head_norms: Option<(Tensor, Tensor)>,
    o: Linear,
    post_norm: Tensor,
    gate: Linear,
    up: Linear,
    down: Linear,
    cache: KvCache,
}

/// The model with its KV cache.
#[derive(Debug)]
pub struct Decoder {
    config: DecoderConfig,
    embedding: Embedding,
    blocks: Vec<Block>,
    norm: Tensor,
    /// `None` in an embedder.
    head: Option<Linear>,
    rope: Rope,
    length: usize,
    weight_bytes: usize,
    device: Device,
}

fn placing(source: candle_core::Error) -> EngineError {
    EngineError::Compute { stage: "placing the weights", source }
}

fn computing(source: candle_core::Error) -> EngineError {
    EngineError::Compute { stage: "the language model", source }
}

/// Residual streams for comparisons: after the embedding, after every block, after the last norm.
pub type Taps = Vec<Tensor>;

impl Decoder {
    /// Loads a release directory (safetensors) or a `.gguf` file.
    ///
    /// # Errors
    /// When a file is damaged, a tensor missing or of another shape, or the architecture or a variant
    /// of it is not built.
    pub fn load(path: &Path, device: &Device) -> std::result::Result<Self, EngineError> {
        if path.is_file() {
            let file = GgufFile::open(path)?;
            let config = DecoderConfig::of_gguf(&file)?;
            return Self::build(config, &mut Gguf::new(file, device), true, device);
        }
        Self::release(path, true, device)
    }

    /// Loads a release directory without the output map: an embedder.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_headless(
        directory: &Path,
        device: &Device,
    ) -> std::result::Result<Self, EngineError> {
        Self::release(directory, false, device)
    }

    fn release(
        directory: &Path,
        with_head: bool,
        device: &Device,
    ) -> std::result::Result<Self, EngineError> {
        let config = DecoderConfig::read(directory)?;
        let weights = ShardedWeights::open(directory)?;
        let mut source = Release::new(weights, config.quant, device);
        Self::build(config, &mut source, with_head, device)
    }

    fn build(
        config: DecoderConfig,
        source: &mut dyn Source,
        with_head: bool,
        device: &Device,
    ) -> std::result::Result<Self, EngineError> {
        let (width, dim) = (config.hidden_size, config.head_dim);
        let embedding = source.embedding(config.vocab_size, width)?;
        let head = if with_head {
            let tied = config.tie_word_embeddings.then_some(&embedding);
            Some(source.head(config.vocab_size, width, tied)?)
        } else {
            None
        };
        let blocks = (0..config.num_hidden_layers)
            .map(|n| Block::load(n, &config, source, device))
            .collect::<std::result::Result<_, _>>()?;
        let norm = source.vector("norm", width)?;
        let mut speed = config.rope_scaling.speeds(dim, config.rope_theta);
        if let Some(divisors) = source.rope_divisors(dim / 2)? {
            speed.iter_mut().zip(&divisors).for_each(|(speed, divisor)| *speed /= divisor);
        }
        Ok(Self {
            norm,
            rope: Rope::new(speed, config.interleaved, 1024, device).map_err(placing)?,
            embedding,
            blocks,
            head,
            length: 0,
            weight_bytes: source.bytes(),
            device: device.clone(),
            config,
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

    /// Whether the maps of its blocks are integers; a GGUF may also hold plain ones.
    #[must_use]
    pub fn is_quantized(&self) -> bool {
        let integers = |map: &Linear| {
            matches!(map, Linear::Packed(..) | Linear::Quantized(QMatMul::QTensor(_), _))
        };
        self.blocks.iter().all(|block| integers(&block.gate))
    }

    /// Rolls the cache back to `length` positions, in a time that does not depend on how many are
    /// forgotten.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
        self.blocks.iter_mut().for_each(|b| b.cache.truncate(length));
    }

    /// Bytes of weights and of the KV cache.
    #[must_use]
    pub fn bytes(&self) -> (usize, usize) {
        (self.weight_bytes, self.blocks.iter().map(|b| b.cache.bytes()).sum())
    }

    /// Reads `ids` after what is in the cache. Gives the logits `[rows, vocab]` of the last position,
    /// or of all when `all`.
    ///
    /// # Errors
    /// When an id is outside the vocabulary, the model has no output map, or the device fails.
    pub fn forward(
        &mut self,
        ids: &[u32],
        all: bool,
        taps: Option<&mut Taps>,
    ) -> std::result::Result<Tensor, EngineError> {
        let hidden = self.hidden(ids, all, taps)?;
        self.logits(&hidden)
    }

    /// Reads `ids` after what is in the cache. Gives the hidden states `[rows, hidden]` after the last
    /// norm, of the last position, or of all when `all`.
    ///
    /// # Errors
    /// When an id is outside the vocabulary, or the device fails.
    pub fn hidden(
        &mut self,
        ids: &[u32],
        all: bool,
        mut taps: Option<&mut Taps>,
    ) -> std::result::Result<Tensor, EngineError> {
        let rows = if all { ids.len() } else { 1 };
        let hidden = self.read(ids, rows, &mut taps, &|| false)?;
        hidden.ok_or_else(|| computing(candle_core::Error::Msg("stopped by nobody".to_owned())))
    }

    /// Reads `ids` after what is in the cache, unless `stop` says so between two blocks: then nothing
    /// is read. Gives the logits `[rows, vocab]` of the last `rows` positions.
    ///
    /// # Errors
    /// As [`Self::forward`].
    pub fn forward_until(
        &mut self,
        ids: &[u32],
        rows: usize,
        stop: &dyn Fn() -> bool,
    ) -> std::result::Result<Option<Tensor>, EngineError> {
        let hidden = self.read(ids, rows, &mut None, stop)?;
        hidden.map(|hidden| self.logits(&hidden)).transpose()
    }

    fn logits(&self, hidden: &Tensor) -> std::result::Result<Tensor, EngineError> {
        let Some(head) = &self.head else {
            return Err(EngineError::Input {
                what: "the tokens",
                problem: "this model was loaded as an embedder, which gives no logits".to_owned(),
            });
        };
        head.forward(hidden).map_err(computing)
    }

    fn read(
        &mut self,
        ids: &[u32],
        rows: usize,
        taps: &mut Option<&mut Taps>,
        stop: &dyn Fn() -> bool,
    ) -> std::result::Result<Option<Tensor>, EngineError> {
        self.check(ids)?;
        let hidden = self.run(ids, rows.min(ids.len()), taps, stop);
        if matches!(hidden, Ok(Some(_))) {
            self.length += ids.len();
        } else {
            // A pass that ended half-way leaves caches of different lengths.
            let length = self.length;
            self.blocks.iter_mut().for_each(|b| b.cache.truncate(length));
        }
        hidden.map_err(computing)
    }

    fn check(&self, ids: &[u32]) -> std::result::Result<(), EngineError> {
        if ids.is_empty() || ids.iter().any(|id| *id as usize >= self.config.vocab_size) {
            return Err(EngineError::Input {
                what: "the tokens",
                problem: format!("need one or more ids below {}", self.config.vocab_size),
            });
        }
        Ok(())
    }

    fn run(
        &mut self,
        ids: &[u32],
        rows: usize,
        taps: &mut Option<&mut Taps>,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Tensor>> {
        let mut x = self.embedding.rows(ids, &self.device)?;
        tap(taps, &x);
        #[expect(clippy::cast_possible_truncation, reason = "the op takes f32")]
        let eps = self.config.rms_norm_eps as f32;
        for block in &mut self.blocks {
            if stop() {
                return Ok(None);
            }
            let h = candle_nn::ops::rms_norm(&x, &block.input_norm, eps)?;
            x = (x + block.attention(&h, &self.config, &mut self.rope, self.length)?)?;
            let h = candle_nn::ops::rms_norm(&x, &block.post_norm, eps)?;
            let gated = (block.gate.forward(&h)?.silu()? * block.up.forward(&h)?)?;
            x = (x + block.down.forward(&gated)?)?;
            tap(taps, &x);
        }
        let x = x.narrow(0, ids.len() - rows, rows)?;
        let x = candle_nn::ops::rms_norm(&x.contiguous()?, &self.norm, eps)?;
        tap(taps, &x);
        Ok(Some(x))
    }
}

fn tap(taps: &mut Option<&mut Taps>, x: &Tensor) {
    if let Some(taps) = taps {
        taps.push(x.clone());
    }
}

impl Block {
    fn load(
        n: usize,
        config: &DecoderConfig,
        source: &mut dyn Source,
        device: &Device,
    ) -> std::result::Result<Self, EngineError> {
        let (width, inner, dim) = (config.hidden_size, config.intermediate_size, config.head_dim);
        let (all, kv) = (config.num_attention_heads * dim, config.num_key_value_heads * dim);
        let (qkv, out, mlp) = (config.qkv_bias, config.output_bias, config.mlp_bias);
        let head_norms = if config.architecture.differences().head_norms {
            let q = source.vector(&format!("{n}.q_norm"), dim)?;
            Some((q, source.vector(&format!("{n}.k_norm"), dim)?))
        } else {
            None
        };
        let input_norm = source.vector(&format!("{n}.input_norm"), width)?;
        let post_norm = source.vector(&format!("{n}.post_norm"), width)?;
        let mut linear = |part: &str, input, output, bias| {
            source.linear(&format!("{n}.{part}"), LinearShape { input, output, bias })
        };
        Ok(Self {
            input_norm,
            q: linear("q", width, all, qkv)?,
            k: linear("k", width, kv, qkv)?,
            v: linear("v", width, kv, qkv)?,
            head_norms,
            o: linear("o", all, width, out)?,
            post_norm,
            gate: linear("gate", width, inner, mlp)?,
            up: linear("up", width, inner, mlp)?,
            down: linear("down", inner, width, mlp)?,
            cache: KvCache::new(config.num_key_value_heads, dim, device).map_err(placing)?,
        })
    }

    fn attention(
        &mut self,
        h: &Tensor,
        config: &DecoderConfig,
        rope: &mut Rope,
        position: usize,
    ) -> Result<Tensor> {
        let (rows, dim) = (h.dim(0)?, config.head_dim);
        let (heads, kv) = (config.num_attention_heads, config.num_key_value_heads);
        let split = |x: Tensor, heads: usize| x.reshape((rows, heads, dim));
        let mut q = split(self.q.forward(h)?, heads)?;
        let mut k = split(self.k.forward(h)?, kv)?;
        if let Some((q_norm, k_norm)) = &self.head_norms {
            #[expect(clippy::cast_possible_truncation, reason = "the op takes f32")]
            let eps = config.rms_norm_eps as f32;
            q = candle_nn::ops::rms_norm(&q.contiguous()?, q_norm, eps)?;
            k = candle_nn::ops::rms_norm(&k.contiguous()?, k_norm, eps)?;
        }
        let v = split(self.v.forward(h)?, kv)?.transpose(0, 1)?.contiguous()?;
        let q = rope.rotate(&q.transpose(0, 1)?, position)?;
        let k = rope.rotate(&k.transpose(0, 1)?, position)?;
        let (k, v) = self.cache.append(&k, &v)?;
        let mixed = attend(&q, &k, &v)?;
        self.o.forward(&mixed.transpose(0, 1)?.reshape((rows, heads * dim))?)
    }
}
