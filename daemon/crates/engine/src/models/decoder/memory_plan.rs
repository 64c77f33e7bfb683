//! What a model will take in memory, from its configuration and its files' headers alone: nothing is
//! loaded. Weights and cache are counted as the loaded decoder reports them, to the byte; the workspace is
//! an estimate from the sizes of the buffers.

mod gpu;

use std::path::Path;

use candle_core::quantized::GgmlDType;
use companion_kernels::{Codes, KvPrecision, KvStore, MOST_HEAD_DIM, Matrix};

use super::DecoderConfig;
use crate::EngineError;
use crate::layers::KvCache;
use crate::models::causal_lm::Arithmetic;
use crate::models::settings::Settings;
use crate::quant::QuantScheme;
use crate::weights::{GgufFile, ShardedWeights};

/// Inputs of a block (ggml's `QK8_0`, and that of the kernels).
const BLOCK: usize = 32;
/// Rows of the longest pass.
const PASS_ROWS: usize = 512;
/// Positions that the exact decoder's rotary tables have at first.
const ROTARY_ROWS: usize = 1024;

/// Bytes of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryPlan {
    /// Of the weights.
    pub weights: usize,
    /// Of the KV cache, once it has grown to the context.
    pub kv: usize,
    /// Of the same cache in eight bits, where the model can keep it so.
    pub kv_eight: Option<usize>,
    /// Of all that is computed in between, about.
    pub workspace: usize,
    /// Whether it computes in integers.
    pub integer: bool,
}

impl MemoryPlan {
    /// All together.
    #[must_use]
    pub fn total(&self) -> usize {
        self.weights + self.kv + self.workspace
    }
}

/// The plan for a release directory or a `.gguf` file, at a context of `context` tokens or the model's
/// own longest, whichever is less.
///
/// # Errors
/// When a description is missing or damaged, or a tensor is missing.
pub fn plan(
    path: &Path,
    arithmetic: &Arithmetic,
    context: usize,
) -> Result<MemoryPlan, EngineError> {
    if path.is_file() {
        let file = GgufFile::open(path)?;
        let config = DecoderConfig::of_gguf(&file)?;
        let context = context.min(config.max_position_embeddings);
        return Planner { config: &config, files: Files::Gguf(&file), zeros: false }
            .plan(arithmetic, context);
    }
    let config = DecoderConfig::read(path)?;
    let context = context.min(config.max_position_embeddings);
    let weights = ShardedWeights::open(path)?;
    let zeros = zeros_differ(&config, &Settings::open(&path.join("config.json"))?)?;
    Planner { config: &config, files: Files::Release(&weights), zeros }.plan(arithmetic, context)
}

/// The plan for a release of which only `config.json` is there: biases and packed maps are where the
/// configuration says, the output map is plain.
///
/// # Errors
/// When the configuration is missing or damaged.
pub fn plan_config(
    directory: &Path,
    arithmetic: &Arithmetic,
    context: usize,
) -> Result<MemoryPlan, EngineError> {
    let config = DecoderConfig::read(directory)?;
    let zeros = zeros_differ(&config, &Settings::open(&directory.join("config.json"))?)?;
    Planner { config: &config, files: Files::Unseen, zeros }.plan(arithmetic, context)
}

/// Whether the zero points of packed maps differ from each other: always in AWQ, in GPTQ where it is not
/// symmetric.
fn zeros_differ(config: &DecoderConfig, settings: &Settings) -> Result<bool, EngineError> {
    match (config.quant, crate::quant::description(settings)?) {
        (Some(QuantScheme::Gptq { .. }), Some(quant)) => Ok(!quant.flag("sym", true)?),
        (quant, _) => Ok(quant.is_some()),
    }
}

/// Where headers are read.
enum Files<'a> {
    Release(&'a ShardedWeights),
    Gguf(&'a GgufFile),
    /// Nowhere.
    Unseen,
}

/// How the weights of a map lie in the file.
#[derive(Clone, Copy)]
enum Stored {
    Plain,
    /// Codes of `bits` in groups of `group` inputs.
    Packed {
        bits: usize,
        group: usize,
    },
    Gguf(GgmlDType),
}

/// A linear map.
struct Map {
    part: &'static str,
    input: usize,
    output: usize,
    bias: bool,
}

struct Planner<'a> {
    config: &'a DecoderConfig,
    files: Files<'a>,
    /// Whether packed maps have zero points one by one.
    zeros: bool,
}

impl Planner<'_> {
    fn plan(&self, arithmetic: &Arithmetic, context: usize) -> Result<MemoryPlan, EngineError> {
        if matches!(arithmetic, Arithmetic::Gpu(_)) {
            return self.gpu(context);
        }
        let wanted = matches!(arithmetic, Arithmetic::Integer { .. });
        let integer = wanted && self.config.head_dim <= MOST_HEAD_DIM && self.is_quantized()?;
        let weights = if integer { self.integer_weights()? } else { self.exact_weights()? };
        let workspace =
            if integer { self.integer_workspace(context) } else { self.exact_workspace(context) };
        let kv = self.kv(integer.then_some(KvPrecision::Half), context);
        let kv_eight = integer.then(|| self.kv(Some(KvPrecision::Eight), context));
        Ok(MemoryPlan { weights, kv, kv_eight, workspace, integer })
    }

    /// The maps of a block.
    fn maps(&self) -> [Map; 7] {
        let c = self.config;
        let (width, inner) = (c.hidden_size, c.intermediate_size);
        let (all, kv) = (c.num_attention_heads * c.head_dim, c.num_key_value_heads * c.head_dim);
        let map = |part, input, output, bias| Map { part, input, output, bias };
        [
            map("q", width, all, c.qkv_bias),
            map("k", width, kv, c.qkv_bias),
            map("v", width, kv, c.qkv_bias),
            map("o", all, width, c.output_bias),
            map("gate", width, inner, c.mlp_bias),
            map("up", width, inner, c.mlp_bias),
            map("down", inner, width, c.mlp_bias),
        ]
    }

    /// How the map of a part such as `3.q` lies, and whether it has a bias although nothing says so.
    fn stored(&self, part: &str, input: usize) -> Result<(Stored, bool), EngineError> {
        let packed = self.config.quant.map(|scheme| match scheme {
            QuantScheme::Gptq { bits, group, .. } => (bits, group.unwrap_or(input)),
            QuantScheme::Awq { group } => (4, group.unwrap_or(input)),
        });
        let packed = packed.map(|(bits, group)| Stored::Packed { bits, group });
        match &self.files {
            Files::Gguf(file) => Ok((Stored::Gguf(dtype(file, part)?), false)),
            Files::Unseen if part == "head" => Ok((Stored::Plain, false)),
            Files::Unseen => Ok((packed.unwrap_or(Stored::Plain), false)),
            Files::Release(weights) => {
                let name = super::source::release_name(part, weights);
                let there = packed.filter(|_| weights.has(&format!("{name}.qweight")));
                let bias = there.is_some() && weights.has(&format!("{name}.bias"));
                Ok((there.unwrap_or(Stored::Plain), bias))
            }
        }
    }

    fn is_quantized(&self) -> Result<bool, EngineError> {
        for layer in 0..self.config.num_hidden_layers {
            let (stored, _) = self.stored(&format!("{layer}.gate"), self.config.hidden_size)?;
            match stored {
                Stored::Packed { .. } => {}
                Stored::Gguf(dtype) if is_integer(dtype) => {}
                Stored::Gguf(_) | Stored::Plain => return Ok(false),
            }
        }
        Ok(true)
    }

    fn exact_weights(&self) -> Result<usize, EngineError> {
        let c = self.config;
        let (vocab, width) = (c.vocab_size, c.hidden_size);
        let head = match &self.files {
            // A GGUF's tied embedding is kept once, plain numbers twice: unpacked for the product.
            Files::Gguf(file) if c.tie_word_embeddings && is_integer(dtype(file, "embedding")?) => {
                0
            }
            Files::Release(_) | Files::Unseen if c.tie_word_embeddings => 0,
            _ => stored_bytes(self.stored("head", width)?.0, vocab, width),
        };
        let rope = match &self.files {
            Files::Gguf(file) if file.has("rope_freqs.weight") => c.head_dim / 2 * 4,
            _ => 0,
        };
        let head_norms = if c.architecture.differences().head_norms { 2 * c.head_dim } else { 0 };
        let norms = (2 * width + head_norms) * 4;
        let embedding = match &self.files {
            Files::Gguf(file) => {
                stored_bytes(Stored::Gguf(dtype(file, "embedding")?), vocab, width)
            }
            _ => vocab * width * 4,
        };
        let mut total = embedding + width * 4 + head + rope;
        for layer in 0..c.num_hidden_layers {
            total += norms;
            for map in self.maps() {
                let (stored, bias) = self.stored(&format!("{layer}.{}", map.part), map.input)?;
                let bias = if bias || map.bias { map.output * 4 } else { 0 };
                total += stored_bytes(stored, map.output, map.input) + bias;
            }
        }
        Ok(total)
    }

    /// As [`super::IntegerDecoder::bytes`] counts: biases and the blocks' norms are left out.
    fn integer_weights(&self) -> Result<usize, EngineError> {
        let c = self.config;
        let (vocab, width) = (c.vocab_size, c.hidden_size);
        let own = match &self.files {
            _ if c.tie_word_embeddings => 0,
            Files::Gguf(file) if dtype(file, "embedding")? != GgmlDType::F32 => {
                stored_bytes(Stored::Gguf(dtype(file, "embedding")?), vocab, width)
            }
            _ => vocab * width * 2,
        };
        let head = self.matrix_bytes(self.stored("head", width)?.0, vocab, width);
        let mut total = own + head + width * 4;
        for layer in 0..c.num_hidden_layers {
            for map in self.maps() {
                let (stored, _) = self.stored(&format!("{layer}.{}", map.part), map.input)?;
                total += self.matrix_bytes(stored, map.output, map.input);
            }
        }
        Ok(total)
    }

    /// Bytes of a map for the integer products.
    fn matrix_bytes(&self, stored: Stored, output: usize, input: usize) -> usize {
        let (codes, width, group, zeros) = match stored {
            Stored::Packed { bits, group } => {
                let codes = if bits == 4 { Codes::Four } else { Codes::Eight };
                (codes, padded(input, group), group.next_multiple_of(BLOCK), self.zeros)
            }
            Stored::Gguf(GgmlDType::Q4_0) => (Codes::Four, input, BLOCK, false),
            Stored::Gguf(_) | Stored::Plain => (Codes::Eight, input, BLOCK, false),
        };
        Matrix::size_of(codes, [output, width], group, zeros)
    }

    /// Bytes of the cache; without `precision`, of the exact decoder's.
    fn kv(&self, precision: Option<KvPrecision>, context: usize) -> usize {
        let c = self.config;
        let (heads, dim) = (c.num_key_value_heads, c.head_dim);
        let bytes = match precision {
            Some(precision) => KvStore::size_of(precision, heads, dim, context),
            None => KvCache::bytes_of(heads, dim, context),
        };
        c.num_hidden_layers * bytes
    }

    /// Rows between the products, the quantised ones among them, and the logits.
    fn integer_workspace(&self, context: usize) -> usize {
        let c = self.config;
        let rows = context.clamp(1, PASS_ROWS);
        let (all, kv) = (c.num_attention_heads * c.head_dim, c.num_key_value_heads * c.head_dim);
        let widest = c.hidden_size.max(all).max(c.intermediate_size).next_multiple_of(BLOCK);
        let values = 2 * c.hidden_size + all + 2 * kv + all + 2 * c.intermediate_size;
        rows * (values * 4 + widest + widest / BLOCK * 8) + 2 * c.vocab_size * 4
    }

    /// Rows of one block, scores of all its heads twice, rotary tables and the logits.
    fn exact_workspace(&self, context: usize) -> usize {
        let c = self.config;
        let rows = context.clamp(1, PASS_ROWS);
        let (all, kv) = (c.num_attention_heads * c.head_dim, c.num_key_value_heads * c.head_dim);
        let values = 4 * c.hidden_size + 3 * (all + 2 * kv) + 3 * c.intermediate_size;
        let scores = 2 * c.num_attention_heads * rows * context;
        let rotary = ROTARY_ROWS.max(context.next_power_of_two()) * c.head_dim;
        (rows * values + scores + rotary + 2 * c.vocab_size) * 4
    }
}

/// Whether a GGUF's type is one of integers.
fn is_integer(dtype: GgmlDType) -> bool {
    !matches!(dtype, GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16)
}

/// Inputs with each group filled up to whole blocks.
fn padded(input: usize, group: usize) -> usize {
    let whole = input / group * group.next_multiple_of(BLOCK);
    whole + (input % group).next_multiple_of(BLOCK)
}

/// Bytes of a map as the exact decoder keeps it.
fn stored_bytes(stored: Stored, output: usize, input: usize) -> usize {
    match stored {
        Stored::Plain => output * input * 4,
        // Codes, then a scale and a zero of 4 bytes per output and group.
        Stored::Packed { bits, group } => {
            output * padded(input, group) * bits / 8 + output * input.div_ceil(group) * 8
        }
        Stored::Gguf(dtype) => output * input / dtype.block_size() * dtype.type_size(),
    }
}

fn dtype(file: &GgufFile, part: &str) -> Result<GgmlDType, EngineError> {
    let name = match part {
        "head" if file.has("output.weight") => "output.weight".to_owned(),
        "head" | "embedding" => "token_embd.weight".to_owned(),
        part => format!("{}.weight", super::source::gguf_name(part)),
    };
    file.dtype(&name)
        .ok_or_else(|| EngineError::MissingTensor { file: file.path().to_owned(), tensor: name })
}

#[cfg(test)]
#[path = "memory_plan_tests.rs"]
mod tests;
