//! GGUF files of random weights at the shapes of released models, for speed: no float model is made,
//! blocks are drawn as they lie in the file. What such a model says is noise; the work is the real work.

use std::borrow::Cow;
use std::io::BufWriter;
use std::path::Path;

use candle_core::Device;
use candle_core::quantized::gguf_file::{Value, write};
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

/// Sizes of a Qwen2.5 (its `config.json`).
#[derive(Debug, Clone, Copy)]
pub(super) struct ModelShape {
    /// Its usual name.
    pub(super) name: &'static str,
    hidden: usize,
    inner: usize,
    layers: usize,
    heads: usize,
    kv_heads: usize,
}

/// Rows of the vocabulary.
const VOCAB: usize = 151_936;
/// The ids of `<|endoftext|>`, `<|im_start|>`, `<|im_end|>`.
const SPECIAL: usize = 151_643;

/// A shape for tests.
#[cfg(test)]
pub(super) const TINY: ModelShape =
    ModelShape { name: "tiny", hidden: 128, inner: 256, layers: 2, heads: 4, kv_heads: 2 };

/// The shapes that are measured.
pub(super) const SHAPES: [ModelShape; 4] = [
    ModelShape { name: "0.5B", hidden: 896, inner: 4864, layers: 24, heads: 14, kv_heads: 2 },
    ModelShape { name: "1.5B", hidden: 1536, inner: 8960, layers: 28, heads: 12, kv_heads: 2 },
    ModelShape { name: "7B", hidden: 3584, inner: 18_944, layers: 28, heads: 28, kv_heads: 4 },
    ModelShape { name: "14B", hidden: 5120, inner: 13_824, layers: 48, heads: 40, kv_heads: 8 },
];

/// Numbers without order (Vigna's splitmix64).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Blocks of `dtype` whose weights have about mean zero and deviation `std`.
    fn blocks(&mut self, dtype: GgmlDType, weights: usize, std: f32) -> Vec<u8> {
        let (size, per) = (dtype.type_size(), dtype.block_size());
        let mut bytes: Vec<u8> =
            (0..weights / per * size / 8 + 1).flat_map(|_| self.next().to_le_bytes()).collect();
        bytes.truncate(weights / per * size);
        // The deviation of codes drawn evenly: 0 to 15, and -128 to 127.
        let spread = if dtype == GgmlDType::Q4_0 { 4.6 } else { 74.0 };
        let scale = half::f16::from_f32(std / spread).to_le_bytes();
        bytes.chunks_exact_mut(size).for_each(|block| block[..2].copy_from_slice(&scale));
        bytes
    }
}

/// Writes a model all of whose maps are `dtype` (Q4_0 or Q8_0), but for the output of Q4_0, which is
/// Q8_0 as llama.cpp's own tool leaves a tied one.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write_gguf(path: &Path, shape: &ModelShape, dtype: GgmlDType) -> anyhow::Result<()> {
    let mut noise = Noise(1);
    let mut tensors = Vec::new();
    let mut matrix = |name: String, dtype, rows: usize, columns: usize| -> anyhow::Result<()> {
        let std = 0.8 / (columns as f32).sqrt();
        let bytes = noise.blocks(dtype, rows * columns, std);
        let storage = QStorage::from_data(Cow::Owned(bytes), &Device::Cpu, dtype)?;
        tensors.push((name, QTensor::new(storage, (rows, columns))?));
        Ok(())
    };
    let (hidden, kv) = (shape.hidden, shape.hidden / shape.heads * shape.kv_heads);
    matrix("token_embd.weight".into(), GgmlDType::Q8_0, VOCAB, hidden)?;
    for n in 0..shape.layers {
        let name = |part: &str| format!("blk.{n}.{part}.weight");
        matrix(name("attn_q"), dtype, hidden, hidden)?;
        matrix(name("attn_k"), dtype, kv, hidden)?;
        matrix(name("attn_v"), dtype, kv, hidden)?;
        matrix(name("attn_output"), dtype, hidden, hidden)?;
        matrix(name("ffn_gate"), dtype, shape.inner, hidden)?;
        matrix(name("ffn_up"), dtype, shape.inner, hidden)?;
        matrix(name("ffn_down"), dtype, hidden, shape.inner)?;
    }
    let mut vector = |name: String, size: usize, value: f32| -> anyhow::Result<()> {
        let bytes = std::iter::repeat_n(value.to_le_bytes(), size).flatten().collect();
        let storage = QStorage::from_data(Cow::Owned(bytes), &Device::Cpu, GgmlDType::F32)?;
        tensors.push((name, QTensor::new(storage, size)?));
        Ok(())
    };
    vector("output_norm.weight".into(), hidden, 1.0)?;
    for n in 0..shape.layers {
        vector(format!("blk.{n}.attn_norm.weight"), hidden, 1.0)?;
        vector(format!("blk.{n}.ffn_norm.weight"), hidden, 1.0)?;
        vector(format!("blk.{n}.attn_q.bias"), hidden, 0.01)?;
        vector(format!("blk.{n}.attn_k.bias"), kv, 0.01)?;
        vector(format!("blk.{n}.attn_v.bias"), kv, 0.01)?;
    }
    let metadata = metadata(shape);
    let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(k, v)| (k.as_str(), v)).collect();
    let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(k, t)| (k.as_str(), t)).collect();
    write(&mut BufWriter::new(std::fs::File::create(path)?), &metadata, &tensors)?;
    Ok(())
}

/// Writes a release directory whose maps are GPTQ of four bits in symmetric groups of 128, as the
/// exporters leave them: embedding, norms and biases in half precision.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn write_gptq(folder: &Path, shape: &ModelShape) -> anyhow::Result<()> {
    let mut noise = Noise(2);
    let mut all: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    let half = |value: f32, count: usize| -> Vec<u8> {
        std::iter::repeat_n(half::f16::from_f32(value).to_le_bytes(), count).flatten().collect()
    };
    let (hidden, kv) = (shape.hidden, shape.hidden / shape.heads * shape.kv_heads);
    // Embeddings are rows of one drawn stretch, each begun elsewhere.
    let drawn: Vec<u8> = (0..hidden * 64)
        .flat_map(|_| {
            let even = noise.next() as u32 as f32 / u32::MAX as f32 - 0.5;
            half::f16::from_f32(even * 0.1).to_le_bytes()
        })
        .collect();
    let embedding = (0..VOCAB).flat_map(|row| {
        let from = row * 94 % (hidden * 63) * 2;
        drawn[from..from + hidden * 2].iter().copied()
    });
    let embedding = embedding.collect();
    all.push(("model.embed_tokens.weight".into(), Dtype::F16, vec![VOCAB, hidden], embedding));
    all.push(("model.norm.weight".into(), Dtype::F16, vec![hidden], half(1.0, hidden)));
    for n in 0..shape.layers {
        let name = |part: &str| format!("model.layers.{n}.{part}");
        for part in ["input_layernorm", "post_attention_layernorm"] {
            let ones = half(1.0, hidden);
            all.push((name(&format!("{part}.weight")), Dtype::F16, vec![hidden], ones));
        }
        for (part, input, output) in [
            ("self_attn.q_proj", hidden, hidden),
            ("self_attn.k_proj", hidden, kv),
            ("self_attn.v_proj", hidden, kv),
            ("self_attn.o_proj", hidden, hidden),
            ("mlp.gate_proj", hidden, shape.inner),
            ("mlp.up_proj", hidden, shape.inner),
            ("mlp.down_proj", shape.inner, hidden),
        ] {
            let groups = input / 128;
            let words = |count: usize, word: u32| std::iter::repeat_n(word, count);
            let bytes = |words: Vec<u32>| words.into_iter().flat_map(u32::to_le_bytes).collect();
            let drawn = (0..input / 8 * output).map(|_| noise.next() as u32).collect();
            let group = (0..input as u32).map(|i| i / 128).collect();
            // Stored zeros are less one: 7 is the middle, 8.
            let zeros = words(groups * output / 8, 0x7777_7777).collect();
            let std = 0.8 / (input as f32).sqrt() / 4.6;
            let mut put = |what: &str, dtype, shape, data| {
                all.push((name(&format!("{part}.{what}")), dtype, shape, data));
            };
            put("qweight", Dtype::I32, vec![input / 8, output], bytes(drawn));
            put("qzeros", Dtype::I32, vec![groups, output / 8], bytes(zeros));
            put("g_idx", Dtype::I32, vec![input], bytes(group));
            put("scales", Dtype::F16, vec![groups, output], half(std, groups * output));
            if matches!(part, "self_attn.q_proj" | "self_attn.k_proj" | "self_attn.v_proj") {
                put("bias", Dtype::F16, vec![output], half(0.01, output));
            }
        }
    }
    let views = all.iter().map(|(name, dtype, shape, data)| {
        Ok((name.as_str(), TensorView::new(*dtype, shape.clone(), data)?))
    });
    let views: Vec<_> = views.collect::<anyhow::Result<_>>()?;
    safetensors::serialize_to_file(views, None, &folder.join("model.safetensors"))?;
    let config = serde_json::json!({
        "model_type": "qwen2", "hidden_size": hidden, "intermediate_size": shape.inner,
        "num_hidden_layers": shape.layers, "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads, "vocab_size": VOCAB, "rms_norm_eps": 1e-6,
        "rope_theta": 1e6, "tie_word_embeddings": true, "max_position_embeddings": 32_768,
        "hidden_act": "silu",
        "quantization_config": { "quant_method": "gptq", "bits": 4, "group_size": 128 },
    });
    std::fs::write(folder.join("config.json"), serde_json::to_vec(&config)?)?;
    Ok(())
}

/// Sizes and a vocabulary of made-up names: 256 bytes in GPT-2's letters, then words.
fn metadata(shape: &ModelShape) -> Vec<(String, Value)> {
    let count = |value: usize| Value::U32(u32::try_from(value).unwrap_or(u32::MAX));
    let text = |value: &str| Value::String(value.to_owned());
    let shown = |byte: u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let hidden = (0..256u32).filter(|byte| !shown(*byte)).zip(256..);
    let letters: std::collections::HashMap<u32, u32> = hidden.collect();
    let tokens = (0..VOCAB as u32).map(|id| match id as usize {
        0..256 => char::from_u32(letters.get(&id).copied().unwrap_or(id)).map(String::from),
        256 => Some("th".to_owned()),
        SPECIAL => Some("<|endoftext|>".to_owned()),
        at if at == SPECIAL + 1 => Some("<|im_start|>".to_owned()),
        at if at == SPECIAL + 2 => Some("<|im_end|>".to_owned()),
        at => Some(format!("w{at}")),
    });
    // Plain tokens are of type 1, control tokens of type 3.
    let kinds = (0..VOCAB).map(|id| if (SPECIAL..SPECIAL + 3).contains(&id) { 3 } else { 1 });
    let own = [
        ("block_count", count(shape.layers)),
        ("context_length", count(32_768)),
        ("embedding_length", count(shape.hidden)),
        ("feed_forward_length", count(shape.inner)),
        ("attention.head_count", count(shape.heads)),
        ("attention.head_count_kv", count(shape.kv_heads)),
        ("attention.layer_norm_rms_epsilon", Value::F32(1e-6)),
        ("rope.freq_base", Value::F32(1e6)),
    ];
    let mut all: Vec<(String, Value)> =
        own.into_iter().map(|(key, value)| (format!("qwen2.{key}"), value)).collect();
    let more = [
        ("general.architecture", text("qwen2")),
        ("general.name", text(&format!("random {}", shape.name))),
        ("tokenizer.ggml.model", text("gpt2")),
        ("tokenizer.ggml.pre", text("qwen2")),
        (
            "tokenizer.ggml.tokens",
            Value::Array(tokens.map(|t| Value::String(t.unwrap_or_default())).collect()),
        ),
        ("tokenizer.ggml.token_type", Value::Array(kinds.map(Value::I32).collect())),
        ("tokenizer.ggml.merges", Value::Array(vec![text("t h")])),
        ("tokenizer.ggml.eos_token_id", count(SPECIAL + 2)),
        ("tokenizer.ggml.padding_token_id", count(SPECIAL)),
        ("tokenizer.ggml.add_bos_token", Value::Bool(false)),
    ];
    all.extend(more.map(|(key, value)| (key.to_owned(), value)));
    all
}
