//! Weights in safetensors and pieces in SentencePiece's form, as tiny as a model can be.

use serde_json::{Map, Value, json};

/// A safetensors file of tensors: name, type, shape, bytes.
#[must_use]
pub fn safetensors(
    tensors: &[(&str, &str, Vec<usize>, Vec<u8>)],
    metadata: Option<(&str, &str)>,
) -> Vec<u8> {
    let (mut header, mut data) = (Map::new(), Vec::new());
    if let Some((key, value)) = metadata {
        header.insert("__metadata__".to_owned(), json!({ key: value }));
    }
    for (name, kind, shape, bytes) in tensors {
        let from = data.len();
        data.extend(bytes);
        let described =
            json!({ "dtype": kind, "shape": shape, "data_offsets": [from, data.len()] });
        header.insert((*name).to_owned(), described);
    }
    let header = Value::Object(header).to_string();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()
}

/// The weights that `text::QWEN2` and `text::BERT` describe, in one file.
#[must_use]
pub fn release() -> Vec<u8> {
    let mut parts: Vec<(String, Vec<usize>)> = vec![
        ("model.embed_tokens.weight".into(), vec![8, 8]),
        ("model.norm.weight".into(), vec![8]),
        ("lm_head.weight".into(), vec![8, 8]),
        ("embeddings.word_embeddings.weight".into(), vec![8, 8]),
        ("embeddings.position_embeddings.weight".into(), vec![16, 8]),
        ("embeddings.token_type_embeddings.weight".into(), vec![2, 8]),
    ];
    let block = "model.layers.0";
    for (part, out) in [("q", 8), ("k", 4), ("v", 4), ("o", 8)] {
        parts.push((format!("{block}.self_attn.{part}_proj.weight"), vec![out, 8]));
        parts.push((format!("{block}.self_attn.{part}_proj.bias"), vec![out]));
    }
    for part in ["gate", "up", "down"] {
        parts.push((format!("{block}.mlp.{part}_proj.weight"), vec![8, 8]));
    }
    for part in ["q_norm", "k_norm"] {
        parts.push((format!("{block}.self_attn.{part}.weight"), vec![4]));
    }
    for part in ["input_layernorm", "post_attention_layernorm"] {
        parts.push((format!("{block}.{part}.weight"), vec![8]));
    }
    for part in [
        "attention.self.query",
        "attention.self.key",
        "attention.self.value",
        "attention.output.dense",
        "intermediate.dense",
        "output.dense",
    ] {
        parts.push((format!("encoder.layer.0.{part}.weight"), vec![8, 8]));
        parts.push((format!("encoder.layer.0.{part}.bias"), vec![8]));
    }
    for part in ["embeddings", "encoder.layer.0.attention.output", "encoder.layer.0.output"] {
        parts.push((format!("{part}.LayerNorm.weight"), vec![8]));
        parts.push((format!("{part}.LayerNorm.bias"), vec![8]));
    }
    let tensors: Vec<(&str, &str, Vec<usize>, Vec<u8>)> = parts
        .iter()
        .map(|(name, shape)| {
            let count = shape.iter().product::<usize>();
            (name.as_str(), "F16", shape.clone(), [0x00, 0x34].repeat(count))
        })
        .collect();
    safetensors(&tensors, None)
}

/// A SentencePiece file of byte-pair merges.
#[must_use]
pub fn pieces() -> Vec<u8> {
    let field = |tag: u8, bytes: &[u8]| {
        [&[tag, u8::try_from(bytes.len()).unwrap_or(0)][..], bytes].concat()
    };
    let mut file = Vec::new();
    let known: [(&str, f32, u8); 9] = [
        ("<unk>", 0.0, 2),
        ("<s>", 0.0, 3),
        ("</s>", 0.0, 3),
        ("<0x0A>", 0.0, 6),
        ("\u{2581}", -3.0, 1),
        ("a", -4.0, 1),
        ("b", -5.0, 1),
        ("ab", -1.0, 1),
        ("<|zh|>", 0.0, 4),
    ];
    for (text, score, kind) in known {
        let score = [&[0x1d][..], &score.to_le_bytes()].concat();
        file.extend(field(0x0a, &[field(0x0a, text.as_bytes()), score, vec![0x18, kind]].concat()));
    }
    // The trainer's kind is byte pairs, the unknown surface is field 44.
    file.extend(field(0x12, &[vec![0x18, 2], [&[0xe2, 0x02][..], b"\x03 ? "].concat()].concat()));
    file.extend(field(0x1a, &[0x18, 1, 0x20, 1]));
    file
}
