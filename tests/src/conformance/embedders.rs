//! Cases of the embedders' fixtures: ids, hidden states, vectors, weights per token, scores.

use std::collections::{BTreeMap, BTreeSet};
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
    read: BTreeSet<String>,
    findings: &'a mut Findings,
}

impl Check<'_> {
    fn tensor(&mut self, key: &str, got: &HostTensor) {
        if let Some(want) = self.expected.get(key) {
            self.read.insert(key.to_owned());
            self.findings.tensor(key, got, want, Tolerance::rel_l2(LIMIT));
        }
    }

    /// A recorded tensor that nothing was compared with is a miss; ids and masks are inputs.
    fn nothing_is_left(&mut self) {
        let input = |key: &str| key.ends_with(".input_ids") || key.ends_with(".attention_mask");
        let left: Vec<&String> =
            self.expected.keys().filter(|key| !self.read.contains(*key) && !input(key)).collect();
        self.findings.exact("recorded and never compared", &left, &Vec::new());
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
    let mut check = Check { expected, read: BTreeSet::new(), findings };
    let texts = described["texts"].as_array().context("no texts")?;
    let (mut dense, mut sparse, mut multi) = (Vec::new(), Vec::new(), Vec::new());
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
            lexical_weights(n, &lexical, case, check.findings)?;
            sparse.push(lexical);
            let shape = [weights.len()];
            check.tensor(&format!("text{n}.token_weights"), &HostTensor::new(&shape, weights));
        }
        if let Some(colbert) = got.colbert {
            check.tensor(&format!("text{n}.colbert"), &host(&colbert)?);
            multi.push(colbert);
        }
        dense.push(got.dense);
    }
    vectors(&dense, texts, &mut check);
    scores(&sparse, &multi, &mut check)?;
    padded(&mut model, &mut check)?;
    check.nothing_is_left();
    Ok(())
}

/// The weight of every token id, as the release's own library gives them.
fn lexical_weights(
    n: usize,
    got: &BTreeMap<u32, f32>,
    case: &Value,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let list = case["lexical_weights"].as_array().context("no lexical weights are recorded")?;
    let (mut want_ids, mut want) = (Vec::new(), Vec::new());
    for entry in list {
        let id = entry["id"].as_u64().and_then(|id| u32::try_from(id).ok()).context("no id")?;
        #[expect(clippy::cast_possible_truncation, reason = "weights are f32 here")]
        want.push(entry["weight"].as_f64().context("no weight")? as f32);
        want_ids.push(id);
    }
    let got_ids: BTreeSet<u32> = got.keys().copied().collect();
    findings.exact(&format!("text{n}/lexical ids"), &got_ids, &want_ids.iter().copied().collect());
    let weights: Vec<f32> =
        want_ids.iter().map(|id| got.get(id).copied().unwrap_or(f32::NAN)).collect();
    // Recorded with six digits.
    let limit = Tolerance::absolute(2e-6);
    findings.values(&format!("text{n}/lexical weights"), &weights, &want, limit);
    Ok(())
}

/// BGE-M3's scores of texts by their tokens: the sum of products of common ids; the mean over the first text's
/// vectors of the best match among the second's.
fn scores(
    sparse: &[BTreeMap<u32, f32>],
    multi: &[candle_core::Tensor],
    check: &mut Check<'_>,
) -> anyhow::Result<()> {
    let shape = |check: &Check<'_>, key: &str| check.expected.get(key).map(|t| t.shape.clone());
    if let Some(shape) = shape(check, "scores.sparse") {
        let common = |a: &BTreeMap<u32, f32>, b: &BTreeMap<u32, f32>| {
            a.iter().filter_map(|(id, weight)| Some(weight * b.get(id)?)).sum::<f32>()
        };
        let rows = sparse.iter().take(shape[0]);
        let values = rows.flat_map(|a| sparse.iter().take(shape[1]).map(move |b| common(a, b)));
        check.tensor("scores.sparse", &HostTensor::new(&shape, values.collect()));
    }
    if let Some(shape) = shape(check, "scores.colbert") {
        let mut values = Vec::new();
        for a in multi.iter().take(shape[0]) {
            for b in multi.iter().take(shape[1]) {
                values.push(a.matmul(&b.t()?)?.max(1)?.mean_all()?.to_scalar::<f32>()?);
            }
        }
        check.tensor("scores.colbert", &HostTensor::new(&shape, values));
    }
    Ok(())
}

/// All vectors at once, cut ones, and their products.
fn vectors(dense: &[Vec<f32>], texts: &[Value], check: &mut Check<'_>) {
    let width = dense.first().map_or(0, Vec::len);
    let all = HostTensor::new(&[dense.len(), width], dense.concat());
    check.tensor("embedding", &all);
    check.tensor("dense_all", &all);
    let cuts = check.expected.iter().filter(|(key, _)| key.starts_with("embedding_cut_"));
    let cuts: Vec<(String, usize)> = cuts
        .filter_map(|(key, recorded)| Some((key.clone(), recorded.shape.last().copied()?)))
        .filter(|(_, cut)| *cut <= width)
        .collect();
    for (key, cut) in cuts {
        let shorter = |row: &Vec<f32>| {
            let length = row[..cut].iter().map(|v| v * v).sum::<f32>().sqrt();
            row[..cut].iter().map(|v| v / length).collect::<Vec<_>>()
        };
        let values: Vec<f32> = dense.iter().flat_map(shorter).collect();
        check.tensor(&key, &HostTensor::new(&[dense.len(), cut], values));
    }
    for key in ["scores", "scores.dense"] {
        let Some(shape) = check.expected.get(key).map(|t| t.shape.clone()) else { continue };
        let queries = texts.iter().filter(|t| t["kind"] == "query").count();
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let rows = dense.iter().take(shape[0]);
        let values: Vec<f32> = rows
            .flat_map(|q| dense.iter().skip(queries).take(shape[1]).map(move |d| dot(q, d)))
            .collect();
        check.tensor(key, &HostTensor::new(&shape, values));
    }
}

/// Padded batches: what is masked must not matter.
fn padded(model: &mut Embedder, check: &mut Check<'_>) -> anyhow::Result<()> {
    let batches = check.expected.keys().filter_map(|key| key.strip_suffix(".input_ids"));
    let batches: Vec<String> = batches.map(str::to_owned).collect();
    for batch in batches {
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
            let values: Vec<f32> = got.hidden.flatten_all()?.to_vec1()?;
            let mut rows = values.chunks(width).peekable();
            for masked in mask {
                match rows.next_if(|_| *masked > 0.0) {
                    Some(row) => hidden.extend_from_slice(row),
                    None => hidden.resize(hidden.len() + width, 0.0),
                }
            }
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
            check.findings.tensor(&batch, &got, &want, Tolerance::rel_l2(LIMIT));
        }
    }
    Ok(())
}
