//! Cases of the embedders' fixtures: ids, hidden states, vectors, weights per token, scores.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use companion_engine::Device;
use companion_engine::models::embedder::Embedder;
use serde_json::Value;

use super::asr::layout::json;
use super::{Findings, HostTensor, Tolerance, tensors};

/// Limits of float32.
const LIMIT: f64 = 2e-5;

fn ids(value: &Value) -> Vec<u32> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|v| u32::try_from(v.as_u64()?).ok()).collect()
}

fn host(tensor: &candle_core::Tensor) -> anyhow::Result<HostTensor> {
    Ok(HostTensor::new(tensor.dims(), tensor.flatten_all()?.to_vec1()?))
}

struct Check<'a> {
    expected: BTreeMap<String, HostTensor>,
    findings: &'a mut Findings,
}

impl Check<'_> {
    fn tensor(&mut self, key: &str, got: &HostTensor) {
        if let Some(want) = self.expected.get(key) {
            self.findings.tensor(key, got, want, Tolerance::rel_l2(LIMIT));
        }
    }
}

/// Compares the model in `dir` with what is recorded in `recorded`.
///
/// # Errors
/// When a file is missing or the model cannot be computed.
pub(super) fn embedder(dir: &Path, recorded: &Path, findings: &mut Findings) -> anyhow::Result<()> {
    let mut model = Embedder::load(dir, &Device::Cpu)?;
    let expected = tensors::read(&recorded.join("embeddings.safetensors"))?;
    let described = json(&recorded.join("cases.json"))?;
    let mut check = Check { expected, findings };
    let texts = described["texts"].as_array().context("no texts")?;
    let mut dense = Vec::new();
    for (n, case) in texts.iter().enumerate() {
        let want = ids(&case["ids"]);
        let text = case["encoded_text"].as_str().or_else(|| case["text"].as_str());
        if let Some(text) = text {
            check.findings.exact(&format!("text{n}/ids"), &model.ids(text)?, &want);
        }
        let got = model.embed(&want)?;
        let width = got.dense.len();
        check.tensor(&format!("text{n}.dense"), &HostTensor::new(&[width], got.dense.clone()));
        check.tensor(&format!("text{n}.last_hidden_state"), &host(&got.hidden)?);
        if let Some(weights) = got.token_weights {
            let lexical = model.lexical_weights(&want, &weights);
            if let Some(recorded) = case["lexical_weights"].as_object() {
                check.findings.exact(
                    &format!("text{n}/lexical tokens"),
                    &lexical.len(),
                    &recorded.len(),
                );
                for (id, weight) in lexical {
                    #[expect(clippy::cast_possible_truncation, reason = "weights are f32 here")]
                    let want = recorded.get(&id.to_string()).and_then(Value::as_f64).unwrap_or(-1.0)
                        as f32;
                    let limit = Tolerance::absolute(1e-4);
                    check.findings.values(
                        &format!("text{n}/lexical {id}"),
                        &[weight],
                        &[want],
                        limit,
                    );
                }
            }
            let shape = [weights.len()];
            check.tensor(&format!("text{n}.token_weights"), &HostTensor::new(&shape, weights));
        }
        if let Some(colbert) = got.colbert {
            check.tensor(&format!("text{n}.colbert"), &host(&colbert)?);
        }
        dense.push(got.dense);
    }
    vectors(&dense, texts, &mut check);
    padded(&mut model, &mut check)
}

/// All vectors at once, cut ones, and their products.
fn vectors(dense: &[Vec<f32>], texts: &[Value], check: &mut Check<'_>) {
    let width = dense.first().map_or(0, Vec::len);
    let all = HostTensor::new(&[dense.len(), width], dense.concat());
    check.tensor("embedding", &all);
    check.tensor("dense_all", &all);
    if let Some(cut) = check.expected.get("embedding_cut_64").and_then(|t| t.shape.last().copied())
    {
        let shorter = |row: &Vec<f32>| {
            let length = row[..cut].iter().map(|v| v * v).sum::<f32>().sqrt();
            row[..cut].iter().map(|v| v / length).collect::<Vec<_>>()
        };
        let values: Vec<f32> = dense.iter().flat_map(shorter).collect();
        check.tensor("embedding_cut_64", &HostTensor::new(&[dense.len(), cut], values));
    }
    for key in ["scores", "scores.dense"] {
        let Some(shape) = check.expected.get(key).map(|t| t.shape.clone()) else { continue };
        let queries = texts.iter().filter(|t| t["kind"] == "query").count();
        let documents = if queries > 0 { queries } else { 0 };
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let rows = dense.iter().take(shape[0]);
        let values: Vec<f32> = rows
            .flat_map(|q| dense.iter().skip(documents).take(shape[1]).map(move |d| dot(q, d)))
            .collect();
        check.tensor(key, &HostTensor::new(&shape, values));
    }
}

/// Padded batches: what is masked must not matter.
fn padded(model: &mut Embedder, check: &mut Check<'_>) -> anyhow::Result<()> {
    for batch in ["batch0", "batch1", "left_padded", "right_padded"] {
        let part = |name: &str| check.expected.get(&format!("{batch}.{name}")).cloned();
        let (Some(tokens), Some(mask)) = (part("input_ids"), part("attention_mask")) else {
            continue;
        };
        let columns = tokens.shape.last().copied().unwrap_or(1);
        let (mut hidden, mut dense) = (Vec::new(), Vec::new());
        let rows = tokens.values.chunks(columns).zip(mask.values.chunks(columns));
        for (tokens, mask) in rows {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ids")]
            let kept: Vec<u32> = tokens
                .iter()
                .zip(mask)
                .filter(|(_, m)| **m > 0.0)
                .map(|(t, _)| *t as u32)
                .collect();
            let got = model.embed(&kept)?;
            let width = got.hidden.dim(1)?;
            let mut values: Vec<f32> = got.hidden.flatten_all()?.to_vec1()?;
            values.resize(columns * width, 0.0);
            hidden.extend(values);
            dense.extend(got.dense);
        }
        let key = format!("{batch}.last_hidden_state");
        if let Some(shape) = check.expected.get(&key).map(|t| t.shape.clone()) {
            check.tensor(&key, &HostTensor::new(&shape, hidden));
        }
        if batch.ends_with("padded")
            && let Some(want) = check.expected.get("embedding").cloned()
        {
            let got = HostTensor::new(&want.shape, dense);
            check.findings.tensor(batch, &got, &want, Tolerance::rel_l2(LIMIT));
        }
    }
    Ok(())
}
