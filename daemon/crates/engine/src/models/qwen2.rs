//! Qwen2 and Qwen2.5 (Yang et al. 2024, "Qwen2 Technical Report"): pre-norm blocks, grouped-query
//! attention with biases on q, k, v only, SwiGLU, rotary positions, optionally tied embeddings.
//! Weights from the release's safetensors or from a GGUF; computed in f32.

use std::path::Path;

use candle_core::quantized::QMatMul;
use candle_core::{Device, Result, Tensor};
use serde::Deserialize;

use crate::EngineError;
use crate::layers::{KvCache, Linear, Rope, attend};
use crate::weights::{GgufFile, ShardedWeights, read_small};

/// Sizes of a model.
#[derive(Debug, Clone, Deserialize)]
pub struct Qwen2Config {
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the feed-forward.
    pub intermediate_size: usize,
    /// Blocks.
    pub num_hidden_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key and value heads.
    pub num_key_value_heads: usize,
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// Added under the root of the norm.
    pub rms_norm_eps: f64,
    /// Base of the rotary positions.
    pub rope_theta: f64,
    /// Whether the embedding is the output too.
    #[serde(default)]
    pub tie_word_embeddings: bool,
    /// Longest context the model was made for.
    #[serde(default = "default_positions")]
    pub max_position_embeddings: usize,
}

fn default_positions() -> usize {
    32_768
}

/// Largest size of anything in a configuration; more is damage.
const LARGEST: usize = 1 << 20;

impl Qwen2Config {
    /// Reads `config.json`.
    ///
    /// # Errors
    /// When it is damaged or its sizes do not fit each other.
    pub fn read(directory: &Path) -> std::result::Result<Self, EngineError> {
        let file = directory.join("config.json");
        let config: Self = serde_json::from_slice(&read_small(&file)?)
            .map_err(|e| EngineError::Malformed { file: file.clone(), problem: e.to_string() })?;
        config.check(&file)?;
        Ok(config)
    }

    /// Reads the metadata of a GGUF.
    ///
    /// # Errors
    /// When something is missing or does not fit.
    pub fn of_gguf(gguf: &GgufFile) -> std::result::Result<Self, EngineError> {
        let config = Self {
            hidden_size: gguf.number("qwen2.embedding_length")?,
            intermediate_size: gguf.number("qwen2.feed_forward_length")?,
            num_hidden_layers: gguf.number("qwen2.block_count")?,
            num_attention_heads: gguf.number("qwen2.attention.head_count")?,
            num_key_value_heads: gguf.number("qwen2.attention.head_count_kv")?,
            vocab_size: gguf
                .value("tokenizer.ggml.tokens")
                .and_then(|v| v.to_vec().ok())
                .map_or(0, Vec::len),
            rms_norm_eps: gguf.real("qwen2.attention.layer_norm_rms_epsilon")?,
            rope_theta: gguf.real("qwen2.rope.freq_base").unwrap_or(10_000.0),
            tie_word_embeddings: !gguf.has("output.weight"),
            max_position_embeddings: gguf.number("qwen2.context_length").unwrap_or(32_768),
        };
        config.check(gguf.path())?;
        Ok(config)
    }

    fn check(&self, file: &Path) -> std::result::Result<(), EngineError> {
        let wrong = |key: &str, problem: String| {
            Err(EngineError::Config { file: file.to_owned(), key: key.to_owned(), problem })
        };
        for (key, size) in [
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("num_key_value_heads", self.num_key_value_heads),
            ("vocab_size", self.vocab_size),
        ] {
            if size == 0 || size > LARGEST {
                return wrong(key, format!("is {size}, expected 1 to {LARGEST}"));
            }
        }
        if !self.hidden_size.is_multiple_of(2 * self.num_attention_heads) {
            return wrong("hidden_size", "is no even multiple of num_attention_heads".to_owned());
        }
        if !self.num_attention_heads.is_multiple_of(self.num_key_value_heads) {
            return wrong(
                "num_attention_heads",
                "is no multiple of num_key_value_heads".to_owned(),
            );
        }
        Ok(())
    }

    fn head_dim(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }
}

#[derive(Debug)]
struct Block {
    input_norm: Tensor,
    q: Linear,
    k: Linear,
    v: Linear,
    o: Linear,
    post_norm: Tensor,
    gate: Linear,
    up: Linear,
    down: Linear,
    cache: KvCache,
}

/// The model with its KV cache.
#[derive(Debug)]
pub struct Qwen2 {
    config: Qwen2Config,
    embedding: Tensor,
    blocks: Vec<Block>,
    norm: Tensor,
    head: Linear,
    rope: Rope,
    length: usize,
    weight_bytes: usize,
    device: Device,
}

/// Where weights come from, by the part they are.
trait Source {
    fn linear(
        &mut self,
        name: &str,
        input: usize,
        output: usize,
        bias: bool,
    ) -> std::result::Result<Linear, EngineError>;
    fn vector(&mut self, name: &str, size: usize) -> std::result::Result<Tensor, EngineError>;
    fn embedding(
        &mut self,
        rows: usize,
        width: usize,
    ) -> std::result::Result<(Tensor, Linear), EngineError>;
    fn bytes(&self) -> usize;
}

fn placing(source: candle_core::Error) -> EngineError {
    EngineError::Compute { stage: "placing the weights", source }
}

struct Release<'a> {
    weights: ShardedWeights,
    tied: bool,
    device: &'a Device,
    bytes: usize,
}

impl Release<'_> {
    fn read(&mut self, name: &str, shape: &[usize]) -> std::result::Result<Tensor, EngineError> {
        self.bytes += shape.iter().product::<usize>() * 4;
        self.weights.tensor(name, shape, self.device)
    }

    fn dense(weights: &Tensor, bias: Option<Tensor>) -> std::result::Result<Linear, EngineError> {
        Ok(Linear::Dense(weights.t().map_err(placing)?, bias))
    }
}

/// The release's name of a part: `3.q` is `model.layers.3.self_attn.q_proj`.
fn release_name(part: &str) -> String {
    let Some((layer, what)) = part.split_once('.') else { return "model.norm".to_owned() };
    let inner = match what {
        "input_norm" => "input_layernorm",
        "post_norm" => "post_attention_layernorm",
        "gate" => "mlp.gate_proj",
        "up" => "mlp.up_proj",
        "down" => "mlp.down_proj",
        other => return format!("model.layers.{layer}.self_attn.{other}_proj"),
    };
    format!("model.layers.{layer}.{inner}")
}

/// GGUF's name of a part: `3.q` is `blk.3.attn_q`.
fn gguf_name(part: &str) -> String {
    let Some((layer, what)) = part.split_once('.') else { return "output_norm".to_owned() };
    let inner = match what {
        "input_norm" => "attn_norm",
        "post_norm" => "ffn_norm",
        "gate" => "ffn_gate",
        "up" => "ffn_up",
        "down" => "ffn_down",
        "o" => "attn_output",
        other => return format!("blk.{layer}.attn_{other}"),
    };
    format!("blk.{layer}.{inner}")
}

impl Source for Release<'_> {
    fn linear(
        &mut self,
        name: &str,
        input: usize,
        output: usize,
        bias: bool,
    ) -> std::result::Result<Linear, EngineError> {
        let name = release_name(name);
        let weights = self.read(&format!("{name}.weight"), &[output, input])?;
        let bias = if bias { Some(self.read(&format!("{name}.bias"), &[output])?) } else { None };
        Self::dense(&weights, bias)
    }

    fn vector(&mut self, name: &str, size: usize) -> std::result::Result<Tensor, EngineError> {
        self.read(&format!("{}.weight", release_name(name)), &[size])
    }

    fn embedding(
        &mut self,
        rows: usize,
        width: usize,
    ) -> std::result::Result<(Tensor, Linear), EngineError> {
        let embedding = self.read("model.embed_tokens.weight", &[rows, width])?;
        if self.tied || !self.weights.has("lm_head.weight") {
            let head = Self::dense(&embedding, None)?;
            return Ok((embedding, head));
        }
        let head = self.read("lm_head.weight", &[rows, width])?;
        Ok((embedding, Self::dense(&head, None)?))
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

struct Gguf<'a> {
    file: GgufFile,
    device: &'a Device,
    bytes: usize,
}

impl Gguf<'_> {
    fn quantized(
        &mut self,
        name: &str,
        shape: &[usize],
    ) -> std::result::Result<QMatMul, EngineError> {
        let tensor = self.file.tensor(name, shape, self.device)?;
        self.bytes += tensor.storage_size_in_bytes();
        QMatMul::from_arc(tensor).map_err(placing)
    }

    fn plain(&mut self, name: &str, shape: &[usize]) -> std::result::Result<Tensor, EngineError> {
        let tensor = self.file.tensor(name, shape, self.device)?;
        self.bytes += shape.iter().product::<usize>() * 4;
        tensor.dequantize(self.device).map_err(placing)
    }
}

impl Source for Gguf<'_> {
    fn linear(
        &mut self,
        name: &str,
        input: usize,
        output: usize,
        bias: bool,
    ) -> std::result::Result<Linear, EngineError> {
        let name = gguf_name(name);
        let weights = self.quantized(&format!("{name}.weight"), &[output, input])?;
        let bias = if bias { Some(self.plain(&format!("{name}.bias"), &[output])?) } else { None };
        Ok(Linear::Quantized(weights, bias))
    }

    fn vector(&mut self, name: &str, size: usize) -> std::result::Result<Tensor, EngineError> {
        self.plain(&format!("{}.weight", gguf_name(name)), &[size])
    }

    fn embedding(
        &mut self,
        rows: usize,
        width: usize,
    ) -> std::result::Result<(Tensor, Linear), EngineError> {
        let embedding = self.plain("token_embd.weight", &[rows, width])?;
        let output =
            if self.file.has("output.weight") { "output.weight" } else { "token_embd.weight" };
        Ok((embedding, Linear::Quantized(self.quantized(output, &[rows, width])?, None)))
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Residual streams for comparisons: after the embedding, after every block, after the last norm.
pub type Taps = Vec<Tensor>;

impl Qwen2 {
    /// Loads a release directory (safetensors) or a `.gguf` file.
    ///
    /// # Errors
    /// When a file is damaged, a tensor missing or of another shape.
    pub fn load(path: &Path, device: &Device) -> std::result::Result<Self, EngineError> {
        if path.is_file() {
            let file = GgufFile::open(path)?;
            let config = Qwen2Config::of_gguf(&file)?;
            return Self::build(config, &mut Gguf { file, device, bytes: 0 }, device);
        }
        let config = Qwen2Config::read(path)?;
        let weights = ShardedWeights::open(path)?;
        let tied = config.tie_word_embeddings;
        Self::build(config, &mut Release { weights, tied, device, bytes: 0 }, device)
    }

    fn build(
        config: Qwen2Config,
        source: &mut dyn Source,
        device: &Device,
    ) -> std::result::Result<Self, EngineError> {
        let (width, inner, dim) = (config.hidden_size, config.intermediate_size, config.head_dim());
        let kv = config.num_key_value_heads * dim;
        let (embedding, head) = source.embedding(config.vocab_size, width)?;
        let mut blocks = Vec::with_capacity(config.num_hidden_layers.min(256));
        for n in 0..config.num_hidden_layers {
            blocks.push(Block {
                input_norm: source.vector(&format!("{n}.input_norm"), width)?,
                q: source.linear(&format!("{n}.q"), width, width, true)?,
                k: source.linear(&format!("{n}.k"), width, kv, true)?,
                v: source.linear(&format!("{n}.v"), width, kv, true)?,
                o: source.linear(&format!("{n}.o"), width, width, false)?,
                post_norm: source.vector(&format!("{n}.post_norm"), width)?,
                gate: source.linear(&format!("{n}.gate"), width, inner, false)?,
                up: source.linear(&format!("{n}.up"), width, inner, false)?,
                down: source.linear(&format!("{n}.down"), inner, width, false)?,
                cache: KvCache::new(config.num_key_value_heads, dim, device).map_err(placing)?,
            });
        }
        Ok(Self {
            norm: source.vector("norm", width)?,
            rope: Rope::new(dim, config.rope_theta, 1024, device).map_err(placing)?,
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
    pub fn config(&self) -> &Qwen2Config {
        &self.config
    }

    /// Positions in the cache.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Forgets the cache from `length` on.
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
    /// When an id is outside the vocabulary, or the device fails.
    pub fn forward(
        &mut self,
        ids: &[u32],
        all: bool,
        mut taps: Option<&mut Taps>,
    ) -> std::result::Result<Tensor, EngineError> {
        if ids.is_empty() || ids.iter().any(|id| *id as usize >= self.config.vocab_size) {
            return Err(EngineError::Input {
                what: "the tokens",
                problem: format!("need one or more ids below {}", self.config.vocab_size),
            });
        }
        let logits = self.run(ids, all, &mut taps);
        if logits.is_err() {
            // A block that failed half-way leaves caches of different lengths.
            let length = self.length;
            self.blocks.iter_mut().for_each(|b| b.cache.truncate(length));
        } else {
            self.length += ids.len();
        }
        logits.map_err(|source| EngineError::Compute { stage: "the language model", source })
    }

    fn run(&mut self, ids: &[u32], all: bool, taps: &mut Option<&mut Taps>) -> Result<Tensor> {
        let ids_tensor = Tensor::new(ids, &self.device)?;
        let mut x = self.embedding.index_select(&ids_tensor, 0)?;
        tap(taps, &x);
        #[expect(clippy::cast_possible_truncation, reason = "the op takes f32")]
        let eps = self.config.rms_norm_eps as f32;
        for block in &mut self.blocks {
            let h = candle_nn::ops::rms_norm(&x, &block.input_norm, eps)?;
            x = (x + block.attention(&h, &self.config, &mut self.rope, self.length)?)?;
            let h = candle_nn::ops::rms_norm(&x, &block.post_norm, eps)?;
            let gated = (block.gate.forward(&h)?.silu()? * block.up.forward(&h)?)?;
            x = (x + block.down.forward(&gated)?)?;
            tap(taps, &x);
        }
        if !all {
            x = x.narrow(0, ids.len() - 1, 1)?;
        }
        let x = candle_nn::ops::rms_norm(&x.contiguous()?, &self.norm, eps)?;
        tap(taps, &x);
        self.head.forward(&x)
    }
}

fn tap(taps: &mut Option<&mut Taps>, x: &Tensor) {
    if let Some(taps) = taps {
        taps.push(x.clone());
    }
}

impl Block {
    fn attention(
        &mut self,
        h: &Tensor,
        config: &Qwen2Config,
        rope: &mut Rope,
        position: usize,
    ) -> Result<Tensor> {
        let (rows, dim) = (h.dim(0)?, config.head_dim());
        let split =
            |x: Tensor, heads: usize| x.reshape((rows, heads, dim))?.transpose(0, 1)?.contiguous();
        let q = split(self.q.forward(h)?, config.num_attention_heads)?;
        let k = split(self.k.forward(h)?, config.num_key_value_heads)?;
        let v = split(self.v.forward(h)?, config.num_key_value_heads)?;
        let q = rope.rotate(&q, position)?;
        let k = rope.rotate(&k, position)?;
        let (k, v) = self.cache.append(&k, &v)?;
        let mixed = attend(&q, &k, &v)?;
        self.o.forward(&mixed.transpose(0, 1)?.reshape((rows, config.hidden_size))?)
    }
}
