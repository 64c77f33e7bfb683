//! Descriptions as releases write them, cut down to the tiny model of [`super::models`].

use crate::readers::config_kind;

/// A language model's `config.json`.
pub const QWEN2: &str = r#"{"model_type": "qwen2", "hidden_size": 8, "intermediate_size": 8,
"num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4, "vocab_size": 8,
"rms_norm_eps": 1e-6, "rope_theta": 10000.0, "tie_word_embeddings": false, "max_position_embeddings": 64,
"hidden_act": "silu", "eos_token_id": [7, 6], "use_sliding_window": false}"#;

const LLAMA: &str = r#"{"model_type": "llama", "hidden_size": 8, "intermediate_size": 8,
"num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 8,
"tie_word_embeddings": true, "attention_bias": false, "mlp_bias": false, "eos_token_id": 7,
"rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
"original_max_position_embeddings": 32}}"#;

const QWEN3: &str = r#"{"model_type": "qwen3", "hidden_size": 8, "intermediate_size": 8,
"num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4, "vocab_size": 8,
"rope_parameters": {"rope_theta": 1e6, "rope_type": "linear", "factor": 2.0},
"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": -1, "checkpoint_format": "gptq"}}"#;

const AWQ: &str = r#"{"model_type": "qwen2", "hidden_size": 8, "intermediate_size": 8,
"num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 8, "quantization_config": {"quant_method":
"awq", "bits": 4, "group_size": 128, "version": "gemm", "zero_point": true}}"#;

/// An embedder's `config.json`.
pub const BERT: &str = r#"{"model_type": "bert", "hidden_size": 8, "intermediate_size": 8,
"num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 8, "max_position_embeddings": 16,
"type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu", "position_embedding_type": "absolute"}"#;

const XLM: &str = r#"{"model_type": "xlm-roberta", "hidden_size": 8, "intermediate_size": 8, "pad_token_id": 1,
"num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 8, "max_position_embeddings": 16,
"type_vocab_size": 2, "layer_norm_eps": 1e-5}"#;

/// A tokenizer of words, for the models of eight tokens.
pub const WORD_LEVEL: &str = r#"{"version": "1.0", "added_tokens": [{"id": 7, "content": "<|im_end|>",
"single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
"normalizer": null, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
"model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "a": 1, "b": 2, "user": 3}, "unk_token": "[UNK]"}}"#;

const BYTE_LEVEL: &str = r#"{"version": "1.0", "truncation": null, "padding": null, "added_tokens":
[{"id": 9, "content": "<|im_end|>", "single_word": false, "lstrip": false, "rstrip": false,
"normalized": false, "special": true}], "normalizer": {"type": "NFC"}, "pre_tokenizer": {"type": "Sequence",
"pretokenizers": [{"type": "Split", "pattern": {"Regex": "\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"},
"behavior": "Isolated", "invert": false}, {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets":
false, "use_regex": false}]}, "post_processor": {"type": "ByteLevel", "add_prefix_space": true,
"trim_offsets": false, "use_regex": true}, "decoder": {"type": "ByteLevel", "add_prefix_space": true,
"trim_offsets": true, "use_regex": true}, "model": {"type": "BPE", "dropout": null, "unk_token": null,
"continuing_subword_prefix": "", "end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false,
"ignore_merges": false, "vocab": {"a": 0, "b": 1, "ab": 2, "T": 3, "h": 4, "e": 5, "Ġ": 6, "Th": 7, "1": 8},
"merges": ["a b", "T h"]}}"#;

const WORD_PIECE: &str = r###"{"version": "1.0", "truncation": {"max_length": 4, "strategy": "LongestFirst",
"stride": 0, "direction": "Right"}, "padding": {"strategy": {"Fixed": 4}, "direction": "Right",
"pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}, "added_tokens": [{"id": 1,
"content": "[CLS]", "single_word": true, "lstrip": true, "rstrip": true, "normalized": true, "special": true}],
"normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents":
null, "lowercase": true}, "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": {"type":
"TemplateProcessing", "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A",
"type_id": 0}}], "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
"special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}}}, "decoder": {"type":
"WordPiece", "prefix": "##", "cleanup": true}, "model": {"type": "WordPiece", "unk_token": "[UNK]",
"continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": {"[PAD]": 0, "[CLS]": 1,
"[UNK]": 2, "the": 3, "a": 4, "##b": 5, "你": 6}}}"###;

const UNIGRAM: &str = r#"{"version": "1.0", "added_tokens": [], "normalizer": {"type": "Sequence", "normalizers":
[{"type": "NFKC"}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}, {"type": "Strip",
"strip_left": true, "strip_right": true}, {"type": "Prepend", "prepend": "x"}, {"type": "Lowercase"}]},
"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Metaspace", "replacement": "▁",
"prepend_scheme": "always", "split": true}, {"type": "Digits", "individual_digits": true}, {"type":
"Punctuation", "behavior": "Isolated"}]}, "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 2],
"cls": ["<s>", 0], "trim_offsets": true, "add_prefix_space": false}, "decoder": {"type": "Sequence",
"decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
{"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}, "model": {"type": "Unigram",
"unk_id": 3, "byte_fallback": false, "vocab": [["<s>", 0.0], ["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0],
["▁a", -2.5], ["b", -3.0], ["▁", -2.0], ["t", -4.0]]}}"#;

const FALLBACK: &str = r#"{"version": "1.0", "added_tokens": [], "normalizer": {"type": "Sequence",
"normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "},
"content": "▁"}]}, "pre_tokenizer": null, "post_processor": {"type": "BertProcessing", "sep": ["b", 3], "cls":
["a", 2]}, "decoder": {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": true},
"model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true, "vocab": {"<unk>": 0,
"▁": 1, "a": 2, "b": 3, "<0x00>": 4, "<0xFF>": 5, "<0x0A>": 6, "ab": 7}, "merges": [["a", "b"]]}}"#;

/// Tokenizers of every kind of model, with many kinds of parts.
pub const TOKENIZERS: [(&str, &str); 6] = [
    ("word-level", WORD_LEVEL),
    ("byte-level", BYTE_LEVEL),
    ("word-piece", WORD_PIECE),
    ("unigram", UNIGRAM),
    ("fallback", FALLBACK),
    ("nothing", r#"{"model": {"type": "BPE", "vocab": {}, "merges": []}}"#),
];

/// A template beside its tokens.
pub const TOKENIZER_CONFIG: &str = r#"{"bos_token": "<s>", "eos_token": {"content": "<|im_end|>"}, "chat_template":
"{%- if tools %}{{- tools | tojson }}{%- endif %}{%- for message in messages %}{%- if loop.first and message.role == 'system' %}{{- bos_token }}{%- endif %}{{- message['role'] + ' ' + message.content.strip() }}{%- if loop.last %}{{- eos_token }}{%- endif %}{%- endfor %}{%- set ns = namespace(n=0) %}{%- for i in range(3) %}{%- set ns.n = ns.n + i %}{%- endfor %}{{ ns.n }}{%- macro f(x) %}{{ x[::-1] | length }}{%- endmacro %}{{ f('ab') }}{%- if add_generation_prompt %} assistant {%- endif %}"}"#;

/// A recogniser's `config.yaml`.
pub const SENSEVOICE: &str = "encoder: SenseVoiceEncoderSmall\nencoder_conf:\n  output_size: 4\n  \
attention_heads: 2\n  linear_units: 4\n  num_blocks: 1\n  tp_blocks: 1\n  kernel_size: 3\n  sanm_shfit: 0\n  \
normalize_before: true\nmodel: SenseVoiceSmall\nfrontend_conf: &f\n  fs: 16000\n  window: hamming\n  n_mels: 2\n  \
frame_length: 25\n  frame_shift: 10\n  lfr_m: 1\n  lfr_n: 1\n  dither: 0.0\nmore: [*f, 1]\n";

/// Normalisation statistics of two dimensions.
pub const CMVN: &str = "<Nnet>\n<Splice> 2 2\n[ 0 ]\n<AddShift> 2 2\n<LearnRateCoef> 0 [ -1 2.5 ]\n\
<Rescale> 2 2\n<LearnRateCoef> 0 [ 0.5 2 ]\n</Nnet>\n";

/// An n-gram model.
pub const ARPA: &str = "\\data\\\nngram 1=5\nngram 2=3\nngram 3=1\n\n\\1-grams:\n-99\t<s>\t-0.3\n\
-1.0\t</s>\n-2.0\t<unk>\n-0.5\t1\t-0.2\n-0.7\t2\t-0.1\n\n\\2-grams:\n-0.1\t<s> 1\t-0.4\n\
-0.3\t1 2\t0.0\n-0.6\t2 </s>\n\n\\3-grams:\n-0.05\t<s> 1 2\n\n\\end\\\n";

/// ARPA's first lines in a zstd frame of one raw block.
fn packed() -> Vec<u8> {
    let text = ARPA.as_bytes();
    let length = u32::try_from(text.len()).unwrap_or(0);
    // Magic; a frame that says nothing but its window (RFC 8878, 3.1.1.1); the last block, raw.
    let block = (length << 3 | 1).to_le_bytes();
    [&[0x28, 0xb5, 0x2f, 0xfd, 0, 0x50][..], &block[..3], text].concat()
}

/// Head of a saved cache behind what only its model knows: sizes, one token, keys and values.
fn cache() -> Vec<u8> {
    let numbers: Vec<u8> =
        [4_u32, 1, 1, 4, 1, 1].iter().flat_map(|number| number.to_le_bytes()).collect();
    [numbers, vec![0; 2 * 4 * 4]].concat()
}

pub(super) fn configs() -> Vec<(String, Vec<u8>)> {
    let pooling = r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}"#;
    let index = r#"{"metadata": {}, "weight_map": {"a": "a.safetensors", "b": "a.safetensors"}}"#;
    let files = r#"{"file_path_metas": {"init_param": "model.pt", "config": "config.yaml",
        "tokenizer_conf": {"bpemodel": "x.bpe.model"}, "frontend_conf": {"cmvn_file": "am.mvn"}}}"#;
    let decoding = r#"{"language_model": "lm.arpa", "weight": 0.3, "bonus": 0.5, "beam": 8}"#;
    let (packed, cache) = (packed(), cache());
    let seeds: [(&str, &str, &[u8]); 18] = [
        ("qwen2", "config.json", QWEN2.as_bytes()),
        ("llama", "config.json", LLAMA.as_bytes()),
        ("qwen3-gptq", "config.json", QWEN3.as_bytes()),
        ("qwen2-awq", "config.json", AWQ.as_bytes()),
        ("bert", "config.json", BERT.as_bytes()),
        ("xlm", "config.json", XLM.as_bytes()),
        ("template", "tokenizer_config.json", TOKENIZER_CONFIG.as_bytes()),
        ("sensevoice", "config.yaml", SENSEVOICE.as_bytes()),
        ("files", "configuration.json", files.as_bytes()),
        ("statistics", "am.mvn", CMVN.as_bytes()),
        ("ngrams", "lm.arpa", ARPA.as_bytes()),
        ("ngrams-packed", "lm.arpa", &packed),
        ("index", "model.safetensors.index.json", index.as_bytes()),
        ("pooling", "1_Pooling/config.json", pooling.as_bytes()),
        ("limits", "sentence_bert_config.json", br#"{"max_seq_length": 8}"#),
        ("generation", "generation_config.json", br#"{"do_sample": false, "eos_token_id": [7]}"#),
        ("cache", "kv.cache", &cache),
        ("decoding", "decoding.json", decoding.as_bytes()),
    ];
    seeds
        .into_iter()
        .map(|(name, kind, bytes)| (name.to_owned(), [&[config_kind(kind)][..], bytes].concat()))
        .collect()
}
