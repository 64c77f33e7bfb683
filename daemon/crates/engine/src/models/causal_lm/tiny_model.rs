//! Small models of random weights in a GGUF with a tokenizer of bytes within, for tests: what they say is
//! noise, the same for the same seed.

use std::borrow::Cow;
use std::path::Path;

use candle_core::Device;
use candle_core::quantized::gguf_file::{Value, write};
use candle_core::quantized::{GgmlDType, QStorage, QTensor};

use super::{Arithmetic, CausalLm};
use crate::models::decoder::KvPrecision;

/// Widths: of the stream (two heads of 32), inside the feed-forward, of keys and values (one head).
const WIDTH: usize = 64;
const INNER: usize = 96;
const KV: usize = 32;
const LAYERS: usize = 2;

/// Words beyond the 256 bytes, and what they are merged from.
const WORDS: [(&str, &str); 12] = [
    ("t h", "th"),
    ("th e", "the"),
    ("a n", "an"),
    ("\" :", "\":"),
    ("\": Ġ", "\":Ġ"),
    ("\":Ġ \"", "\":Ġ\""),
    (", Ġ", ",Ġ"),
    ("å ¼", "å¼"),
    ("å¼ Ģ", "å¼Ģ"),
    ("1 2", "12"),
    ("t r", "tr"),
    ("{ \"", "{\""),
];
/// Tokens that are no text.
const SPECIAL: [&str; 2] = ["<|endoftext|>", "<|im_end|>"];
/// Tokens in all.
pub(crate) const VOCAB: usize = 256 + WORDS.len() + SPECIAL.len();
/// The token that ends a reply.
pub(crate) const END: u32 = (VOCAB - 1) as u32;

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

    /// A map of `rows` by `columns` whose weights have about the deviation that keeps a row's length.
    fn map(&mut self, dtype: GgmlDType, rows: usize, columns: usize, gain: f32) -> QTensor {
        let std = gain / (columns as f32).sqrt();
        let (size, per) = (dtype.type_size(), dtype.block_size());
        let blocks = rows * columns / per;
        let mut bytes: Vec<u8> =
            (0..blocks * size / 8 + 1).flat_map(|_| self.next().to_le_bytes()).collect();
        bytes.truncate(blocks * size);
        if dtype == GgmlDType::F32 {
            let even = |_| (self.next() >> 40) as f32 / 8_388_608.0 - 1.0;
            bytes = (0..blocks).map(even).flat_map(|v| (v * std * 1.73).to_le_bytes()).collect();
        } else {
            // The deviation of codes drawn evenly: 0 to 15, and -128 to 127.
            let spread = if dtype == GgmlDType::Q4_0 { 4.6 } else { 74.0 };
            let scale = half::f16::from_f32(std / spread).to_le_bytes();
            bytes.chunks_exact_mut(size).for_each(|block| block[..2].copy_from_slice(&scale));
        }
        let storage = QStorage::from_data(Cow::Owned(bytes), &Device::Cpu, dtype).unwrap();
        QTensor::new(storage, (rows, columns)).unwrap()
    }
}

fn ones(size: usize, value: f32) -> QTensor {
    let bytes: Vec<u8> = std::iter::repeat_n(value.to_le_bytes(), size).flatten().collect();
    let storage = QStorage::from_data(Cow::Owned(bytes), &Device::Cpu, GgmlDType::F32).unwrap();
    QTensor::new(storage, size).unwrap()
}

/// Writes `model.gguf` with maps of `dtype` (F32, Q4_0 or Q8_0).
pub(crate) fn write_tiny(folder: &Path, dtype: GgmlDType, seed: u64) {
    let mut noise = Noise(seed);
    let mut tensors = vec![
        ("token_embd.weight".to_owned(), noise.map(dtype, VOCAB, WIDTH, 8.0)),
        ("output.weight".to_owned(), noise.map(dtype, VOCAB, WIDTH, 2.5)),
        ("output_norm.weight".to_owned(), ones(WIDTH, 1.0)),
    ];
    for n in 0..LAYERS {
        for (part, rows, columns) in [
            ("attn_q", WIDTH, WIDTH),
            ("attn_k", KV, WIDTH),
            ("attn_v", KV, WIDTH),
            ("attn_output", WIDTH, WIDTH),
            ("ffn_gate", INNER, WIDTH),
            ("ffn_up", INNER, WIDTH),
            ("ffn_down", WIDTH, INNER),
        ] {
            tensors.push((format!("blk.{n}.{part}.weight"), noise.map(dtype, rows, columns, 1.0)));
        }
        tensors.push((format!("blk.{n}.attn_norm.weight"), ones(WIDTH, 1.0)));
        tensors.push((format!("blk.{n}.ffn_norm.weight"), ones(WIDTH, 1.0)));
        for (part, size) in [("attn_q", WIDTH), ("attn_k", KV), ("attn_v", KV)] {
            tensors.push((format!("blk.{n}.{part}.bias"), ones(size, 0.01)));
        }
    }
    let metadata = metadata();
    let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(k, v)| (*k, v)).collect();
    let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(k, t)| (k.as_str(), t)).collect();
    let mut file = std::fs::File::create(folder.join("model.gguf")).unwrap();
    write(&mut file, &metadata, &tensors).unwrap();
}

fn metadata() -> Vec<(&'static str, Value)> {
    let count = |value: usize| Value::U32(value as u32);
    let text = |value: &str| Value::String(value.to_owned());
    let mut letters: Vec<(u8, char)> =
        crate::tokenizer::byte_table().into_iter().map(|(c, b)| (b, c)).collect();
    letters.sort_unstable();
    let mut tokens: Vec<String> = letters.iter().map(|(_, c)| c.to_string()).collect();
    tokens.extend(WORDS.iter().map(|(_, word)| (*word).to_owned()));
    tokens.extend(SPECIAL.map(str::to_owned));
    // Plain tokens are of type 1, control tokens of type 3.
    let kinds = (0..VOCAB).map(|id| Value::I32(if id < 256 + WORDS.len() { 1 } else { 3 }));
    vec![
        ("general.architecture", text("qwen2")),
        ("qwen2.block_count", count(LAYERS)),
        ("qwen2.context_length", count(4096)),
        ("qwen2.embedding_length", count(WIDTH)),
        ("qwen2.feed_forward_length", count(INNER)),
        ("qwen2.attention.head_count", count(2)),
        ("qwen2.attention.head_count_kv", count(1)),
        ("qwen2.attention.layer_norm_rms_epsilon", Value::F32(1e-6)),
        ("qwen2.rope.freq_base", Value::F32(1e4)),
        ("tokenizer.ggml.model", text("gpt2")),
        ("tokenizer.ggml.pre", text("qwen2")),
        ("tokenizer.ggml.tokens", Value::Array(tokens.iter().map(|t| text(t)).collect())),
        ("tokenizer.ggml.token_type", Value::Array(kinds.collect())),
        (
            "tokenizer.ggml.merges",
            Value::Array(WORDS.iter().map(|(merge, _)| text(merge)).collect()),
        ),
        ("tokenizer.ggml.eos_token_id", count(VOCAB - 1)),
        ("tokenizer.chat_template", text("{{ messages[0].content }}")),
    ]
}

/// A loaded tiny model; integers compute on two threads.
pub(crate) fn tiny(dtype: GgmlDType, seed: u64, integer: bool) -> CausalLm {
    let folder = tempfile::tempdir().unwrap();
    write_tiny(folder.path(), dtype, seed);
    let arithmetic = if integer { Arithmetic::Integer { threads: 2 } } else { Arithmetic::Exact };
    CausalLm::load(folder.path(), &Device::Cpu, 2048, arithmetic).unwrap()
}

/// The exact model, the integer ones of four and eight bits, and one whose cache is of eight bits.
pub(crate) fn all_kinds(seed: u64) -> [CausalLm; 4] {
    let mut small = tiny(GgmlDType::Q4_0, seed, true);
    small.set_cache_precision(KvPrecision::Eight).unwrap();
    [
        tiny(GgmlDType::F32, seed, false),
        tiny(GgmlDType::Q4_0, seed, true),
        tiny(GgmlDType::Q8_0, seed, true),
        small,
    ]
}
