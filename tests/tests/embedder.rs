//! Memory with an embedder from a model folder: taken over, kept over a restart, refused when damaged.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use companion_bus::client::finish;
use companion_bus::memory::MemoryProxy;
use companion_bus::models::{ModelProxy, ModelsProxy};
use companion_bus::{Dict, Error};
use serde_json::json;
use zbus::Connection;

use crate::support::process::World;
use crate::support::root;

const WIDTH: usize = 32;
const INNER: usize = 64;
/// How far the weights go that should not tell sentences apart.
const SMALL: f32 = 0.1;
const CHARACTERS: &str = "我喜欢吃苹果住在上海的猫叫咪什么哪里名字abcdefghijklmnopqrstuvwxyz";

/// Numbers between -1 and 1 that are the same in every run: splitmix64.
fn scattered(state: &mut u64) -> f32 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let mixed = mixed ^ (mixed >> 31);
    (mixed >> 40) as f32 / (1 << 23) as f32 - 1.0
}

/// A BERT whose words are single characters. Its layer changes little, so that sentences are near each other for the
/// characters they share.
fn write_bert(folder: &Path) {
    std::fs::create_dir_all(folder.join("1_Pooling")).unwrap();
    let mut vocabulary: BTreeMap<String, usize> = BTreeMap::new();
    for word in ["[PAD]", "[UNK]", "[CLS]", "[SEP]"] {
        vocabulary.insert(word.to_owned(), vocabulary.len());
    }
    for c in CHARACTERS.chars() {
        let next = vocabulary.len();
        vocabulary.entry(c.to_string()).or_insert(next);
    }
    let words = vocabulary.len();
    let write = |name: &str, value: serde_json::Value| {
        std::fs::write(folder.join(name), value.to_string()).unwrap();
    };
    write(
        "config.json",
        json!({
            "model_type": "bert", "hidden_size": WIDTH, "num_attention_heads": 2, "num_hidden_layers": 1,
            "intermediate_size": INNER, "vocab_size": words, "max_position_embeddings": 64,
            "type_vocab_size": 2, "hidden_act": "gelu", "layer_norm_eps": 1e-12
        }),
    );
    write("1_Pooling/config.json", json!({ "pooling_mode_mean_tokens": true }));
    let special = |id: usize, content: &str| {
        json!({ "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true })
    };
    let edge = |name: &str, id: usize| json!({ "id": name, "ids": [id], "tokens": [name] });
    write(
        "tokenizer.json",
        json!({
            "version": "1.0",
            "added_tokens": [special(0, "[PAD]"), special(1, "[UNK]"), special(2, "[CLS]"), special(3, "[SEP]")],
            "pre_tokenizer": { "type": "Split", "pattern": { "Regex": "." }, "behavior": "Isolated", "invert": false },
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [{ "SpecialToken": { "id": "[CLS]", "type_id": 0 } },
                    { "Sequence": { "id": "A", "type_id": 0 } },
                    { "SpecialToken": { "id": "[SEP]", "type_id": 0 } }],
                "pair": [{ "Sequence": { "id": "A", "type_id": 0 } }, { "Sequence": { "id": "B", "type_id": 1 } }],
                "special_tokens": { "[CLS]": edge("[CLS]", 2), "[SEP]": edge("[SEP]", 3) }
            },
            "model": { "type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]" }
        }),
    );
    write("tokenizer_config.json", json!({}));
    let mut tensors = std::collections::HashMap::new();
    let mut state = 1;
    let mut add = |name: &str, shape: &[usize], mean: f32, spread: f32| {
        let values: Vec<f32> =
            (0..shape.iter().product()).map(|_| mean + spread * scattered(&mut state)).collect();
        tensors.insert(name.to_owned(), Tensor::from_vec(values, shape, &Device::Cpu).unwrap());
    };
    add("embeddings.word_embeddings.weight", &[words, WIDTH], 0.0, 1.0);
    add("embeddings.position_embeddings.weight", &[64, WIDTH], 0.0, SMALL);
    add("embeddings.token_type_embeddings.weight", &[2, WIDTH], 0.0, SMALL);
    let layer = "encoder.layer.0";
    for (name, output, input) in [
        ("attention.self.query", WIDTH, WIDTH),
        ("attention.self.key", WIDTH, WIDTH),
        ("attention.self.value", WIDTH, WIDTH),
        ("attention.output.dense", WIDTH, WIDTH),
        ("intermediate.dense", INNER, WIDTH),
        ("output.dense", WIDTH, INNER),
    ] {
        add(&format!("{layer}.{name}.weight"), &[output, input], 0.0, SMALL);
        add(&format!("{layer}.{name}.bias"), &[output], 0.0, SMALL);
    }
    for name in [
        "embeddings.LayerNorm".to_owned(),
        format!("{layer}.attention.output.LayerNorm"),
        format!("{layer}.output.LayerNorm"),
    ] {
        add(&format!("{name}.weight"), &[WIDTH], 1.0, SMALL);
        add(&format!("{name}.bias"), &[WIDTH], 0.0, SMALL);
    }
    candle_core::safetensors::save(&tensors, folder.join("model.safetensors")).unwrap();
}

async fn in_slot(connection: &Connection) -> String {
    let models = ModelsProxy::new(connection).await.unwrap();
    let slots = models.slots().await.unwrap();
    slots.into_iter().find(|(slot, _)| slot == "embed").unwrap().1
}

async fn model(connection: &Connection, id: &str) -> ModelProxy<'static> {
    let path = companion_bus::names::model_path(id);
    ModelProxy::builder(connection).path(path).build().await.unwrap()
}

async fn load(connection: &Connection, id: &str) -> Result<Dict, Error> {
    let model = model(connection, id).await;
    let call = async |options| model.load(options).await;
    finish(connection, Dict::new(), call, |_| ()).await
}

async fn found(connection: &Connection, query: &str) -> String {
    let memory = MemoryProxy::new(connection).await.unwrap();
    let hits = memory.search(query.into(), Dict::new()).await.unwrap();
    hits.first().map(|hit| hit.text.clone()).unwrap_or_default()
}

#[tokio::test]
async fn a_bert_becomes_memorys_embedder_and_stays_it_over_a_restart() {
    let world = World::new();
    let models = world.folder.path().join("models");
    write_bert(&models.join("tiny-bert"));
    let folders = [models.display().to_string(), root().join("models").display().to_string()];
    let command = |embed: &str| {
        let mut command = world.daemon(false);
        command.arg("--set").arg(format!("paths.models={folders:?}"));
        command.arg("--set").arg(format!("models.embed=\"{embed}\""));
        command
    };
    let daemon = world.start(&mut command("")).await;
    let connection = world.connect().await;
    assert_eq!(in_slot(&connection).await, "hashed-ngrams");
    let memory = MemoryProxy::new(&connection).await.unwrap();
    for text in ["我喜欢吃苹果", "我住在上海", "我的猫叫咪咪"] {
        memory.add(text.into(), Dict::new()).await.unwrap();
    }
    load(&connection, "tiny-bert").await.unwrap();
    assert_eq!(in_slot(&connection).await, "tiny-bert");
    assert_eq!(found(&connection, "我的猫叫什么").await, "我的猫叫咪咪");
    let weights = models.join("tiny-bert/model.safetensors");
    let whole = std::fs::read(&weights).unwrap();
    std::fs::write(&weights, &whole[..whole.len() / 2]).unwrap();
    let error = load(&connection, "tiny-bert").await.unwrap_err();
    assert!(error.parts().1.contains("model.safetensors"), "{error}");
    assert_eq!(found(&connection, "我住在哪里").await, "我住在上海");
    drop(daemon);
    // Damaged at the start: the companion starts all the same, on hashed n-grams.
    let daemon = world.start(&mut command("tiny-bert")).await;
    let connection = world.connect().await;
    assert_eq!(in_slot(&connection).await, "hashed-ngrams");
    assert_eq!(found(&connection, "我喜欢吃什么").await, "我喜欢吃苹果");
    drop(daemon);
    std::fs::write(&weights, &whole).unwrap();
    let _daemon = world.start(&mut command("tiny-bert")).await;
    let connection = world.connect().await;
    assert_eq!(in_slot(&connection).await, "tiny-bert");
    assert_eq!(found(&connection, "我喜欢吃什么").await, "我喜欢吃苹果");
    model(&connection, "tiny-bert").await.unload(Dict::new()).await.unwrap();
    assert_eq!(in_slot(&connection).await, "hashed-ngrams");
    assert_eq!(found(&connection, "我的猫叫什么").await, "我的猫叫咪咪");
}
