//! Cases of the language models' fixtures: logits at every position, decoding through the cache,
//! residual streams, tokenizers, streaming, chat templates, sampling.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use companion_engine::chat_template::ChatTemplate;
use companion_engine::models::decoder::{Architecture, CudaDecoder, Decoder, IntegerDecoder};
use companion_engine::sampling::{SamplingOptions, filter, softmax};
use companion_engine::tokenizer::{TextStream, TextTokenizer};
use companion_engine::{Device, Gpu, GpuKvPrecision};
use serde_json::Value;

use super::asr::layout::{entries, folders, json, name};
use super::{Case, DeviceChoice, Findings, HostTensor, Settings, Tolerance, tensors};

/// Limits of one computation: relative L2 and relative maximum.
type Limits = (f64, f64);
/// Plain float32.
const EXACT: Limits = (1e-4, 1e-3);
/// Kernels that quantise activations to 8 bits.
const INT8: Limits = (5e-2, 6e-2);
/// Integer arithmetic against the exact reference, relative L2: the same.
const INTEGER: f64 = INT8.0;

/// A GPU's half-precision activations and eight-bit output map against the exact reference, relative L2: below the
/// 6e-2 of a cache that is off by one position.
const GPU: f64 = 2e-2;
/// Tokens of a fixture's context at most.
const GPU_CONTEXT: usize = 2048;

/// Finds the cases below `folder`.
///
/// # Errors
/// When the folder cannot be read.
pub fn cases(folder: &Path) -> anyhow::Result<Vec<Case>> {
    let mut found = Vec::new();
    for dir in folders(folder)? {
        let label = name(folder, &dir);
        let expected = dir.join("expected");
        if dir.join("sampling.json").is_file() {
            found.push(Case::new(label, move |_, findings| sampling(&dir, findings)));
            continue;
        }
        let own = (!dir.ends_with("expected")).then_some(&dir);
        let recorded = [Some(&expected), own]
            .into_iter()
            .flatten()
            .find(|d| d.join("embeddings.safetensors").is_file())
            .cloned();
        if let Some(recorded) = recorded {
            let inner = dir.join("model");
            let model = if dir.join("config.json").is_file() { dir.clone() } else { inner };
            found.push(if model.join("config.json").is_file() {
                Case::new(label.clone(), move |_, findings| {
                    super::embedders::embedder(&model, &recorded, findings)
                })
            } else {
                Case::not_built(label.clone(), "the weights are not in this folder")
            });
        } else if expected.join("cases.json").is_file() {
            found.push(model_case(&label, &dir));
        }
        if expected.join("tokenizer.json").is_file() {
            let dir = dir.clone();
            let run = move |_: &Settings, findings: &mut Findings| tokenizer(&dir, findings);
            found.push(Case::new(format!("{label}/tokenizer"), run));
        }
        if expected.join("chat.json").is_file() {
            let dir = dir.clone();
            let run = move |_: &Settings, findings: &mut Findings| chat(&dir, findings);
            found.push(Case::new(format!("{label}/chat"), run));
        }
        for file in entries(&dir)?.into_iter().filter(|f| f.extension() == Some("gguf".as_ref())) {
            found.push(gguf_case(&label, &dir, &file));
        }
    }
    Ok(found)
}

fn model_case(label: &str, dir: &Path) -> Case {
    let Ok(config) = json(&dir.join("config.json")) else {
        return Case::not_built(label, "a model without config.json");
    };
    let kind = config["model_type"].as_str().unwrap_or_default().to_owned();
    if Architecture::named(&kind).is_none() {
        return Case::not_built(label, format!("models of type {kind} are not built yet"));
    }
    let dir = dir.to_owned();
    let relative = format!("{label}/expected/logits.safetensors");
    Case::new(label, move |settings, findings| {
        let run = Run {
            weights: dir.clone(),
            described: dir.join("expected/cases.json"),
            logits: dir.join("expected/logits.safetensors"),
            relative,
            limits: EXACT,
        };
        run.check(settings, findings)
    })
}

fn gguf_case(label: &str, dir: &Path, file: &Path) -> Case {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let kind = stem.rsplit('-').next().unwrap_or_default().to_owned();
    let case = format!("{label}/{stem}");
    let model = companion_engine::weights::GgufFile::open(file)
        .and_then(|gguf| gguf.text("general.architecture").map(str::to_owned));
    if matches!(&model, Ok(architecture) if Architecture::named(architecture).is_none()) {
        return Case::not_built(case, "GGUF files of this architecture are not built yet");
    }
    let (dir, file) = (dir.to_owned(), file.to_owned());
    let relative = format!("{label}/expected/{kind}.safetensors");
    Case::new(case, move |settings, findings| {
        let run = Run {
            weights: file,
            described: dir.join(format!("expected/{kind}.json")),
            logits: dir.join(format!("expected/{kind}.safetensors")),
            relative,
            limits: if kind == "F16" { EXACT } else { INT8 },
        };
        run.check(settings, findings)
    })
}

/// The prompt and the recorded tokens in integer arithmetic: near the reference, not equal to it.
fn integer(
    model: &mut IntegerDecoder,
    case: &Value,
    expected: &BTreeMap<String, HostTensor>,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let name = case["name"].as_str().unwrap_or_default();
    let Some(want) = expected.get(&format!("decode.{name}")) else { return Ok(()) };
    model.truncate(0);
    let mut values = model.forward(&ids(&case["ids"]))?.to_vec();
    for token in ids(&case["greedy_ids"]).iter().take(want.shape[0] - 1) {
        values.extend(model.forward(&[*token])?);
    }
    let got = HostTensor::new(&want.shape, values);
    findings.tensor(&format!("integer.{name}"), &got, want, Tolerance::rel_l2(INTEGER));
    Ok(())
}

/// The same on a GPU, or its kernels on the CPU.
fn gpu(
    model: &mut CudaDecoder,
    case: &Value,
    expected: &BTreeMap<String, HostTensor>,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let name = case["name"].as_str().unwrap_or_default();
    let Some(want) = expected.get(&format!("decode.{name}")) else { return Ok(()) };
    let read = |model: &mut CudaDecoder, ids: &[u32]| -> anyhow::Result<Vec<f32>> {
        let logits = model.forward_until(ids, 1, &|| false)?;
        Ok(logits.context("it was not stopped")?.to_vec())
    };
    model.truncate(0);
    let mut values = read(model, &ids(&case["ids"]))?;
    for token in ids(&case["greedy_ids"]).iter().take(want.shape[0] - 1) {
        values.extend(read(model, &[*token])?);
    }
    let got = HostTensor::new(&want.shape, values);
    findings.tensor(&format!("gpu.{name}"), &got, want, Tolerance::rel_l2(GPU));
    Ok(())
}

/// One model against its recorded logits.
struct Run {
    weights: PathBuf,
    described: PathBuf,
    logits: PathBuf,
    relative: String,
    limits: Limits,
}

fn ids(value: &Value) -> Vec<u32> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|v| u32::try_from(v.as_u64()?).ok()).collect()
}

fn host(tensor: &candle_core::Tensor) -> anyhow::Result<HostTensor> {
    Ok(HostTensor::new(tensor.dims(), tensor.flatten_all()?.to_vec1()?))
}

impl Run {
    fn check(&self, settings: &Settings, findings: &mut Findings) -> anyhow::Result<()> {
        let mut model = Decoder::load(&self.weights, &Device::Cpu)?;
        let expected = tensors::read(&self.logits)?;
        let described = json(&self.described)?;
        let cases = described["cases"].as_array().context("no cases")?;
        let device = match settings.device {
            DeviceChoice::Cpu => None,
            DeviceChoice::Cuda => Some(Gpu::open(0)?),
            DeviceChoice::Emulated => Some(Gpu::emulated()),
        };
        if let Some(device) = device {
            let precision = GpuKvPrecision::Half;
            let mut model = CudaDecoder::from_decoder(model, &device, GPU_CONTEXT, precision)?;
            for case in cases {
                gpu(&mut model, case, &expected, findings)?;
            }
            return Ok(());
        }
        for case in cases {
            let name = case["name"].as_str().context("a case without a name")?;
            self.prefill(&mut model, case, name, &expected, findings)?;
            self.decode(&mut model, case, name, &expected, findings)?;
            self.greedy(&mut model, case, name, &expected, findings)?;
        }
        if model.is_quantized() {
            let mut model = IntegerDecoder::from_decoder(model, 2)?;
            for case in cases {
                integer(&mut model, case, &expected, findings)?;
            }
        }
        Ok(())
    }

    fn compare(&self, what: &str, got: &HostTensor, want: &HostTensor, findings: &mut Findings) {
        findings.tensor(what, got, want, Tolerance::rel_l2(self.limits.0));
        findings.tensor(what, got, want, Tolerance::rel_max(self.limits.1));
        findings.keep(&self.relative, what, got.clone());
    }

    /// All positions at once, in chunks, and with the cache's head reused: always the same logits.
    fn prefill(
        &self,
        model: &mut Decoder,
        case: &Value,
        name: &str,
        expected: &BTreeMap<String, HostTensor>,
        findings: &mut Findings,
    ) -> anyhow::Result<()> {
        let prompt = ids(&case["ids"]);
        let key = format!("prefill.{name}");
        let want = expected.get(&key).with_context(|| format!("{key} is not recorded"))?;
        let vocab = want.shape.last().copied().unwrap_or_default();
        let rows: Vec<usize> = match case["prefill_positions"].as_array() {
            Some(list) => list.iter().filter_map(|v| usize::try_from(v.as_u64()?).ok()).collect(),
            None => (0..prompt.len()).collect(),
        };
        let pick = |all: &HostTensor| {
            let values = rows.iter().flat_map(|r| all.values[r * vocab..(r + 1) * vocab].to_vec());
            HostTensor::new(&[rows.len(), vocab], values.collect())
        };
        model.truncate(0);
        let mut taps = Vec::new();
        let whole = host(&model.forward(&prompt, true, Some(&mut taps))?)?;
        self.compare(&key, &pick(&whole), want, findings);
        let layers = taps.len().saturating_sub(2);
        for (n, tap) in taps.iter().enumerate() {
            let stage = match n {
                0 => "embed".to_owned(),
                n if n <= layers => format!("layer{}", n - 1),
                _ => "norm".to_owned(),
            };
            let key = format!("hidden.{name}.{stage}");
            if let Some(want) = expected.get(&key) {
                self.compare(&key, &host(tap)?, want, findings);
            }
        }
        for chunk in [1, 7, 64, 256] {
            if prompt.len() <= chunk || prompt.len() / chunk > 120 {
                continue;
            }
            model.truncate(if chunk == 64 { prompt.len() / 3 } else { 0 });
            let from = model.length();
            let mut values = whole.values[..from * vocab].to_vec();
            for part in prompt[from..].chunks(chunk) {
                values.extend(host(&model.forward(part, true, None)?)?.values);
            }
            let got = pick(&HostTensor::new(&[prompt.len(), vocab], values));
            let what = format!("{key} in chunks of {chunk}");
            findings.tensor(&what, &got, want, Tolerance::rel_l2(self.limits.0));
        }
        Ok(())
    }

    /// Feeds the recorded tokens through the cache.
    fn decode(
        &self,
        model: &mut Decoder,
        case: &Value,
        name: &str,
        expected: &BTreeMap<String, HostTensor>,
        findings: &mut Findings,
    ) -> anyhow::Result<()> {
        let key = format!("decode.{name}");
        let Some(want) = expected.get(&key) else { return Ok(()) };
        let prompt = ids(&case["ids"]);
        let greedy = ids(&case["greedy_ids"]);
        model.truncate(0);
        let mut values = host(&model.forward(&prompt, false, None)?)?.values;
        for token in greedy.iter().take(want.shape[0] - 1) {
            values.extend(host(&model.forward(&[*token], false, None)?)?.values);
        }
        let got = HostTensor::new(&want.shape, values);
        self.compare(&key, &got, want, findings);
        Ok(())
    }

    /// Decodes freely; a first difference is excused where the reference itself was undecided.
    fn greedy(
        &self,
        model: &mut Decoder,
        case: &Value,
        name: &str,
        expected: &BTreeMap<String, HostTensor>,
        findings: &mut Findings,
    ) -> anyhow::Result<()> {
        let want = ids(&case["greedy_ids"]);
        let margins = case["greedy_margin"].as_array().map(Vec::as_slice).unwrap_or_default();
        let scale = expected
            .get(&format!("decode.{name}"))
            .map_or(1.0, |t| t.values.iter().fold(0.0_f64, |most, v| most.max(f64::from(v.abs()))));
        model.truncate(0);
        let mut logits = host(&model.forward(&ids(&case["ids"]), false, None)?)?.values;
        for (step, token) in want.iter().enumerate() {
            let best = (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b]));
            let best = u32::try_from(best.unwrap_or_default())?;
            if best != *token {
                let margin = margins.get(step).and_then(Value::as_f64).unwrap_or(f64::MAX);
                if margin < 2.0 * self.limits.1 * scale {
                    return Ok(());
                }
                findings.exact(&format!("greedy.{name}[{step}]"), &best, token);
                return Ok(());
            }
            logits = host(&model.forward(&[*token], false, None)?)?.values;
        }
        findings.exact(&format!("greedy.{name}"), &want.len(), &want.len());
        Ok(())
    }
}

fn tokenizer(dir: &Path, findings: &mut Findings) -> anyhow::Result<()> {
    let tokenizer = TextTokenizer::open(dir)?;
    let expected = json(&dir.join("expected/tokenizer.json"))?;
    let list = |key: &str| expected[key].as_array().cloned().unwrap_or_default();
    for (n, case) in list("texts").iter().enumerate() {
        let text = case["text"].as_str().context("a case without a text")?;
        if case.get("ids").is_some_and(Value::is_array) {
            let got = tokenizer.encode(text, true)?;
            findings.exact(&format!("texts[{n}]/ids"), &got, &ids(&case["ids"]));
        }
        if case.get("ids_without_special").is_some_and(Value::is_array) {
            let want = ids(&case["ids_without_special"]);
            let got = tokenizer.encode(text, false)?;
            findings.exact(&format!("texts[{n}]/ids_without_special"), &got, &want);
        }
        for (key, skip) in [("decoded", false), ("decoded_skip_special", true)] {
            if let Some(want) = case[key].as_str() {
                let got = tokenizer.decode(&ids(&case["ids"]), skip)?;
                findings.exact(&format!("texts[{n}]/{key}"), got.as_str(), want);
            }
        }
    }
    for (n, case) in list("streaming").iter().enumerate() {
        let mut stream = TextStream::default();
        let mut sent = String::new();
        let wholes = case["whole_characters_after_each_token"].as_array().cloned();
        for (token, whole) in ids(&case["ids"]).into_iter().zip(wholes.unwrap_or_default()) {
            let bytes = tokenizer.token_bytes(token).ok_or_else(|| anyhow!("no token {token}"))?;
            sent.push_str(&stream.push(&bytes));
            let whole = whole.as_str().unwrap_or_default();
            let fine = whole.starts_with(&sent) && !sent.contains('\u{fffd}');
            findings.exact(&format!("streaming[{n}]/prefix"), &fine, &true);
            if whole == case["text"].as_str().unwrap_or_default() {
                findings.exact(&format!("streaming[{n}]/text"), sent.as_str(), whole);
            }
        }
    }
    Ok(())
}

fn chat(dir: &Path, findings: &mut Findings) -> anyhow::Result<()> {
    let template = ChatTemplate::open(dir)?;
    let tokenizer = TextTokenizer::open(dir)?;
    let expected = json(&dir.join("expected/chat.json"))?;
    for case in expected["cases"].as_array().context("no cases")? {
        let name = case["name"].as_str().unwrap_or("?");
        let messages = case["messages"].as_array().cloned().unwrap_or_default();
        let tools = case.get("tools").filter(|t| !t.is_null());
        let open = case["add_generation_prompt"].as_bool().unwrap_or_default();
        let empty = serde_json::json!({});
        let extra = case.get("kwargs").filter(|k| k.is_object()).unwrap_or(&empty);
        let prompt = template.render(&messages, tools, open, extra)?;
        let want = case["prompt"].as_str().context("no prompt")?;
        findings.exact(&format!("{name}/prompt"), prompt.as_str(), want);
        let got = tokenizer.encode(&prompt, false)?;
        findings.exact(&format!("{name}/ids"), &got, &ids(&case["ids"]));
    }
    Ok(())
}

fn sampling(dir: &Path, findings: &mut Findings) -> anyhow::Result<()> {
    let recorded = tensors::read(&dir.join("sampling.safetensors"))?;
    let described = json(&dir.join("sampling.json"))?;
    for (n, case) in described["cases"].as_array().context("no cases")?.iter().enumerate() {
        let params = &case["params"];
        let real = |key: &str, default: f64| params[key].as_f64().unwrap_or(default);
        #[expect(clippy::cast_possible_truncation, reason = "parameters are f32 here")]
        let mut options = SamplingOptions {
            temperature: real("temperature", 1.0) as f32,
            top_k: usize::try_from(params["top_k"].as_u64().unwrap_or(0))?,
            top_p: real("top_p", 1.0) as f32,
            min_p: real("min_p", 0.0) as f32,
            repetition_penalty: real("repetition_penalty", 1.0) as f32,
            ..SamplingOptions::default()
        };
        // Without sampling transformers only penalises.
        if params["do_sample"].as_bool() == Some(false) {
            let penalty = options.repetition_penalty;
            let plain = SamplingOptions { temperature: 1.0, ..SamplingOptions::default() };
            options = SamplingOptions { repetition_penalty: penalty, ..plain };
        }
        let logits = format!("logits.{}", case["logits"].as_str().unwrap_or_default());
        let logits = recorded.get(&logits).with_context(|| format!("{logits} is not recorded"))?;
        let mut scores = logits.values.clone();
        filter(&mut scores, &ids(&case["input_ids"]), &options);
        let mut probabilities = softmax(&scores);
        let index = case["index"].as_u64().unwrap_or(n as u64);
        let kept = scores.iter().filter(|s| s.is_finite()).count() as u64;
        findings.exact(&format!("case{index}/kept"), &kept, &case["kept"].as_u64().unwrap_or(0));
        let want =
            |what: &str| recorded.get(&format!("case{index}.{what}")).map(|t| t.values.clone());
        let mut wanted = want("probs").context("no probabilities recorded")?;
        if case["order_among_equal_logits_undefined"].as_bool().unwrap_or_default() {
            probabilities.sort_by(f32::total_cmp);
            wanted.sort_by(f32::total_cmp);
        } else if let Some(wanted) = want("scores") {
            let limit = Tolerance::absolute(1e-5 * 40.0);
            findings.values(&format!("case{index}/scores"), &scores, &wanted, limit);
        }
        let limit = Tolerance::absolute(1e-5);
        findings.values(&format!("case{index}/probs"), &probabilities, &wanted, limit);
    }
    Ok(())
}
