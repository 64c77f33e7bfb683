//! GGUF files (version 3): tiny language models with their tokenizer, and tokenizers alone.

/// Types of values and of tensors, with ggml's numbers.
const U32: u32 = 4;
const I32: u32 = 5;
const F32: u32 = 6;
const BOOL: u32 = 7;
const TEXT: u32 = 8;
const LIST: u32 = 9;
const PLAIN: u32 = 0;
const HALF: u32 = 1;
const Q4_0: u32 = 2;
const Q8_0: u32 = 8;

const WIDTH: u64 = 32;
const TOKENS: [&str; 16] = [
    "a",
    "b",
    "Ġ",
    "t",
    "h",
    "e",
    "1",
    "2",
    "ab",
    "th",
    "the",
    "ä",
    "½",
    "ł",
    "<|endoftext|>",
    "<|im_end|>",
];

#[derive(Default)]
struct Writer {
    pairs: Vec<Vec<u8>>,
    infos: Vec<Vec<u8>>,
    data: Vec<u8>,
}

fn word(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

impl Writer {
    fn pair(&mut self, key: &str, kind: u32, value: &[u8]) {
        self.pairs.push([&word(key)[..], &kind.to_le_bytes(), value].concat());
    }

    fn number(&mut self, key: &str, value: u32) {
        self.pair(key, U32, &value.to_le_bytes());
    }

    fn text(&mut self, key: &str, value: &str) {
        self.pair(key, TEXT, &word(value));
    }

    fn list(&mut self, key: &str, kind: u32, values: &[Vec<u8>]) {
        let head = [&kind.to_le_bytes()[..], &(values.len() as u64).to_le_bytes()].concat();
        self.pair(key, LIST, &[head, values.concat()].concat());
    }

    fn tensor(&mut self, name: &str, kind: u32, shape: &[u64]) {
        let count: u64 = shape.iter().product();
        // A block of 32: a scale in half precision, then codes.
        let block: Vec<u8> = match kind {
            Q4_0 => [&[0, 0x28][..], &[0x97; 16]].concat(),
            Q8_0 => [&[0, 0x18][..], &[0x05; 32]].concat(),
            HALF => [0, 0x34].repeat(32),
            _ => [0, 0, 0x80, 0x3e].repeat(32),
        };
        let bytes = usize::try_from(count).unwrap_or(0) * block.len() / 32;
        let offset = self.data.len() as u64;
        self.data.extend(block.iter().cycle().take(bytes));
        self.data.resize(self.data.len().next_multiple_of(32), 0);
        let mut info = word(name);
        info.extend(u32::try_from(shape.len()).unwrap_or(0).to_le_bytes());
        info.extend(shape.iter().flat_map(|size| size.to_le_bytes()));
        info.extend(kind.to_le_bytes());
        info.extend(offset.to_le_bytes());
        self.infos.push(info);
    }

    fn bytes(self) -> Vec<u8> {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.extend((self.infos.len() as u64).to_le_bytes());
        file.extend((self.pairs.len() as u64).to_le_bytes());
        file.extend(self.pairs.concat());
        file.extend(self.infos.concat());
        file.resize(file.len().next_multiple_of(32), 0);
        file.extend(self.data);
        file
    }
}

fn tokenizer(writer: &mut Writer, pre: &str) {
    writer.text("tokenizer.ggml.model", "gpt2");
    writer.text("tokenizer.ggml.pre", pre);
    let tokens: Vec<Vec<u8>> = TOKENS.iter().map(|token| word(token)).collect();
    writer.list("tokenizer.ggml.tokens", TEXT, &tokens);
    let kind = |id: usize| if id < 14 { 1_i32 } else { 3 };
    let kinds: Vec<Vec<u8>> = (0..TOKENS.len()).map(|id| kind(id).to_le_bytes().to_vec()).collect();
    writer.list("tokenizer.ggml.token_type", I32, &kinds);
    writer.list("tokenizer.ggml.merges", TEXT, &[word("a b"), word("t h"), word("th e")]);
    writer.number("tokenizer.ggml.bos_token_id", 14);
    writer.number("tokenizer.ggml.eos_token_id", 15);
    writer.pair("tokenizer.ggml.add_bos_token", BOOL, &[1]);
    writer.text(
        "tokenizer.chat_template",
        "{% for m in messages %}{{ m.role }}{{ m.content | trim }}<|im_end|>{% endfor %}",
    );
}

/// A language model of one block whose embedding has `rows`; `tied` has no output map of its own.
fn model(kind: &str, weights: u32, tied: bool, rows: u64) -> Vec<u8> {
    let mut w = Writer::default();
    w.text("general.architecture", kind);
    w.number("general.alignment", 32);
    for (key, value) in [
        ("embedding_length", 32),
        ("block_count", 1),
        ("feed_forward_length", 32),
        ("attention.head_count", 2),
        ("attention.head_count_kv", 1),
        ("attention.key_length", 16),
        ("context_length", 64),
    ] {
        w.number(&format!("{kind}.{key}"), value);
    }
    w.pair(&format!("{kind}.attention.layer_norm_rms_epsilon"), F32, &1e-6_f32.to_le_bytes());
    w.pair(&format!("{kind}.rope.freq_base"), F32, &1e4_f32.to_le_bytes());
    tokenizer(&mut w, if kind == "llama" { "llama-bpe" } else { "qwen2" });
    w.tensor("token_embd.weight", weights, &[WIDTH, rows]);
    w.tensor("output_norm.weight", PLAIN, &[WIDTH]);
    if !tied {
        w.tensor("output.weight", weights, &[WIDTH, rows]);
    }
    for (part, out) in [
        ("attn_q", 32),
        ("attn_k", 16),
        ("attn_v", 16),
        ("attn_output", 32),
        ("ffn_gate", 32),
        ("ffn_up", 32),
        ("ffn_down", 32),
    ] {
        w.tensor(&format!("blk.0.{part}.weight"), weights, &[WIDTH, out]);
    }
    for norm in ["attn_norm", "ffn_norm"] {
        w.tensor(&format!("blk.0.{norm}.weight"), PLAIN, &[WIDTH]);
    }
    match kind {
        "qwen2" => {
            for (part, size) in [("attn_q", 32), ("attn_k", 16), ("attn_v", 16)] {
                w.tensor(&format!("blk.0.{part}.bias"), PLAIN, &[size]);
            }
        }
        "qwen3" => {
            w.tensor("blk.0.attn_q_norm.weight", PLAIN, &[16]);
            w.tensor("blk.0.attn_k_norm.weight", PLAIN, &[16]);
        }
        _ => w.tensor("rope_freqs.weight", PLAIN, &[8]),
    }
    w.bytes()
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut bare = Writer::default();
    bare.list(
        "a.nested",
        LIST,
        &[[&BOOL.to_le_bytes()[..], &2_u64.to_le_bytes(), &[0, 1]].concat()],
    );
    bare.tensor("token_embd.weight", Q8_0, &[32, 1]);
    let rows = TOKENS.len() as u64;
    vec![
        ("bare".to_owned(), bare.bytes()),
        ("qwen2-q4_0".to_owned(), model("qwen2", Q4_0, true, rows)),
        ("qwen2-q8_0".to_owned(), model("qwen2", Q8_0, false, rows)),
        ("qwen3-q4_0".to_owned(), model("qwen3", Q4_0, false, rows)),
        ("llama-q4_0".to_owned(), model("llama", Q4_0, false, rows)),
        ("llama-f16".to_owned(), model("llama", HALF, true, rows)),
    ]
}

/// A language model whose embedding of `rows` by 32 is nearly all of it.
#[must_use]
pub fn wide(tied: bool, rows: u64) -> Vec<u8> {
    model("qwen2", Q4_0, tied, rows)
}

pub(super) fn tokenizers() -> Vec<(String, Vec<u8>)> {
    let alone = |pre: &str| {
        let mut writer = Writer::default();
        tokenizer(&mut writer, pre);
        (format!("gguf-{pre}"), writer.bytes())
    };
    vec![alone("qwen2"), alone("llama-bpe")]
}
