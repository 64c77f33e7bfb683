//! Descriptions of models: the first byte says which file the rest is. The other files of the directory are
//! those of a tiny sound model, so that what a description asks for is also built and used.

use std::path::Path;
use std::sync::OnceLock;

use companion_engine::Device;
use companion_engine::chat_template::{ChatMessage, ChatTemplate};
use companion_engine::dsp::Cmvn;
use companion_engine::models::causal_lm::{Arithmetic, CausalLm, is_greedy};
use companion_engine::models::decoder::{DecoderConfig, plan};
use companion_engine::models::embedder::Embedder;
use companion_engine::models::{describe, sensevoice};
use companion_engine::ngram::NgramModel;
use companion_engine::weights::{ModelDirectory, ShardedWeights};

use crate::seeds::{models, text};

/// What a file is, by the first byte less `a`.
pub(super) const KINDS: [&str; 12] = [
    "config.json",
    "tokenizer_config.json",
    "config.yaml",
    "configuration.json",
    "am.mvn",
    "lm.arpa",
    "model.safetensors.index.json",
    "1_Pooling/config.json",
    "sentence_bert_config.json",
    "generation_config.json",
    "kv.cache",
    "decoding.json",
];

fn weights() -> &'static [u8] {
    static WEIGHTS: OnceLock<Vec<u8>> = OnceLock::new();
    WEIGHTS.get_or_init(models::release)
}

/// A language model's and an embedder's directory around one file.
fn around(folder: &Path, kind: &str, config: &str) {
    for (name, bytes) in [
        ("model.safetensors", weights()),
        ("tokenizer.json", text::WORD_LEVEL.as_bytes()),
        ("tokenizer_config.json", text::TOKENIZER_CONFIG.as_bytes()),
        ("config.json", config.as_bytes()),
    ] {
        if name != kind {
            super::put(folder, name, bytes);
        }
    }
}

fn use_language_model(folder: &Path) -> bool {
    let _greedy = is_greedy(folder);
    let loaded = CausalLm::load(folder, &Device::Cpu, 64, Arithmetic::Exact);
    loaded.is_ok_and(|mut model| {
        let message = ChatMessage { role: "user".into(), content: "a b".into() };
        if let Ok(ids) = model.chat_ids(&[message], true) {
            let _read = model.prefill(&ids, &|| false);
        }
        true
    })
}

fn use_embedder(folder: &Path) -> bool {
    Embedder::load(folder, &Device::Cpu).is_ok_and(|mut model| {
        if let Ok(ids) = model.ids("a b a b a b a b a b a b a b a b a b") {
            let _vector = model.embed(&ids);
        }
        true
    })
}

fn use_template(folder: &Path) -> bool {
    let Ok(template) = ChatTemplate::open(folder) else { return false };
    let message = |role: &str| ChatMessage { role: role.into(), content: " 你好 ".into() };
    let tools = serde_json::json!([{"type": "function", "function": {"name": "a"}}]);
    let messages = [message("system"), message("user"), message("assistant"), message("user")];
    for tools in [None, Some(&tools)] {
        let extra = serde_json::json!({"enable_thinking": false});
        let _text = template.render(&messages, tools, true, &extra);
    }
    true
}

/// The cache of a tiny model with these bytes behind the head that only that model knows.
fn use_cache(folder: &Path, bytes: &[u8]) -> bool {
    const HEAD: usize = 20;
    around(folder, "", text::QWEN2);
    let Ok(mut model) = CausalLm::load(folder, &Device::Cpu, 64, Arithmetic::Exact) else {
        return false;
    };
    let file = folder.join("kv.cache");
    let Ok(_) = model.save_cache(&file) else { return false };
    let Ok(mut saved) = std::fs::read(&file) else { return false };
    saved.truncate(HEAD);
    saved.extend(bytes);
    let checksum = crc32fast::hash(&saved);
    saved.extend(checksum.to_le_bytes());
    let restored = super::put(folder, "kv.cache", &saved) && model.restore_cache(&file).is_ok();
    let _read = model.prefill(&[1, 2], &|| false);
    restored
}

fn use_recogniser(folder: &Path) -> bool {
    let Ok(files) = ModelDirectory::open(folder) else { return false };
    let _model = sensevoice::SenseVoice::from_directory(&files, &Device::Cpu);
    sensevoice::SenseVoiceConfig::read(&files).is_ok()
}

pub(super) fn read(folder: &Path, bytes: &[u8]) -> bool {
    let Some((kind, rest)) = bytes.split_first() else { return false };
    let kind = KINDS[usize::from(kind.wrapping_sub(b'a')) % KINDS.len()];
    let bert = matches!(kind, "1_Pooling/config.json" | "sentence_bert_config.json");
    if bert && std::fs::create_dir(folder.join("1_Pooling")).is_err() {
        return false;
    }
    if kind != "kv.cache" && !super::put(folder, kind, rest) {
        return false;
    }
    match kind {
        "config.json" => {
            around(folder, kind, "");
            let config = DecoderConfig::read(folder);
            let _plan = plan(folder, &Arithmetic::Exact, 4096);
            let _described = describe(folder);
            let _loaded = use_language_model(folder);
            use_embedder(folder) || config.is_ok()
        }
        "tokenizer_config.json" => use_template(folder),
        "config.yaml" | "configuration.json" | "decoding.json" => {
            super::put(folder, "am.mvn", text::CMVN.as_bytes());
            super::put(folder, "lm.arpa", text::ARPA.as_bytes());
            super::put(folder, "x.bpe.model", &models::pieces());
            if kind != "config.yaml" {
                super::put(folder, "config.yaml", text::SENSEVOICE.as_bytes());
            }
            let _described = describe(folder);
            use_recogniser(folder)
        }
        "am.mvn" => Cmvn::read(&folder.join(kind), 2).is_ok(),
        "lm.arpa" => {
            let id = |token: &str| token.parse().ok();
            NgramModel::read(&folder.join(kind), &id).is_ok_and(|model| {
                let (_, state) = model.next(model.begin(), 1);
                let _end = (model.next(state, 2), model.end(state));
                true
            })
        }
        "model.safetensors.index.json" => {
            super::put(folder, "a.safetensors", weights());
            ShardedWeights::open(folder).is_ok()
        }
        "kv.cache" => use_cache(folder, rest),
        "generation_config.json" => {
            around(folder, kind, text::QWEN2);
            use_language_model(folder)
        }
        _ => {
            around(folder, kind, text::BERT);
            use_embedder(folder)
        }
    }
}
