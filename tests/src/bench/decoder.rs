//! Language models at the shapes of releases, in integer arithmetic: prefill and decode beside reading the
//! weights once, and beside llama.cpp on the same file, turn by turn in one run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use candle_core::quantized::GgmlDType;
use companion_engine::Device;
use companion_engine::models::decoder::{Decoder, IntegerDecoder};

use super::random_model::{SHAPES, write_gguf, write_gptq};
use super::{Bench, Row};

/// Tokens read at once, and made one by one, as llama-bench's `pp512` and `tg64`.
const PROMPT: usize = 512;
const NEW: usize = 64;

/// Tokens per second.
#[derive(Debug, Clone, Copy)]
struct Speed {
    prefill: f64,
    decode: f64,
}

/// The middle of some speeds.
fn median(speeds: &[Speed], of: impl Fn(&Speed) -> f64) -> f64 {
    let mut all: Vec<f64> = speeds.iter().map(of).collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or_default()
}

pub(super) fn llm(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let mut rows = Vec::new();
    for shape in &SHAPES {
        for (name, dtype) in [("q4_0", GgmlDType::Q4_0), ("q8_0", GgmlDType::Q8_0)] {
            let file = folder.path().join("model.gguf");
            let own = format!("{} {name}", shape.name);
            let gptq = format!("{} GPTQ int4 g128", shape.name);
            let with_gptq = dtype == GgmlDType::Q4_0 && gptq.contains(&bench.only);
            if !own.contains(&bench.only) && !with_gptq {
                continue;
            }
            write_gguf(&file, shape, dtype)?;
            if own.contains(&bench.only) {
                rows.extend(one(bench, &own, &file, &file)?);
            }
            if with_gptq {
                // llama.cpp reads no GPTQ: it goes on with its own four bits.
                write_gptq(folder.path(), shape)?;
                rows.extend(one(bench, &gptq, folder.path(), &file)?);
            }
        }
    }
    Ok(rows)
}

/// Measures the model at `path`, beside llama.cpp with `peer_file`.
fn one(bench: &Bench, what: &str, path: &Path, peer_file: &Path) -> anyhow::Result<Vec<Row>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let start = Instant::now();
    let mut model = IntegerDecoder::from_decoder(Decoder::load(path, &Device::Cpu)?, threads)?;
    let load = start.elapsed().as_secs_f64() * 1000.0;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        ours.push(speed(&mut model)?);
        if let Some(program) = &bench.peer {
            theirs.push(peer(program, peer_file, threads)?);
        }
    }
    let per_token = model.bytes_per_token() as f64;
    let roof = bench.machine.read_gb_s * 1e9 / per_token;
    let prefill = (median(&ours, |s| s.prefill), "tokens/s");
    let decode = (median(&ours, |s| s.decode), "tokens/s");
    let read = format!("{what}: decode of {NEW}, {:.0} MB a token", per_token / 1e6);
    let mut rows = vec![
        Row::plain(format!("{what}: load"), load, "ms"),
        Row::beside(read.clone(), decode, (roof, "reading every weight from memory")),
    ];
    let read_all = format!("{what}: prefill of {PROMPT}");
    if theirs.is_empty() {
        rows.push(Row::plain(read_all, prefill.0, prefill.1));
    } else {
        let peer = |of: fn(&Speed) -> f64| (median(&theirs, of), "llama.cpp");
        rows.push(Row::beside(read, decode, peer(|s| s.decode)));
        rows.push(Row::beside(read_all, prefill, peer(|s| s.prefill)));
    }
    Ok(rows)
}

fn speed(model: &mut IntegerDecoder) -> anyhow::Result<Speed> {
    let ids: Vec<u32> = (0..PROMPT as u32).map(|n| 300 + n * 7 % 1_500).collect();
    model.truncate(0);
    // Once without counting: pages and room for the rows.
    model.forward(&ids[..32])?;
    model.truncate(0);
    let start = Instant::now();
    model.forward(&ids)?;
    let prefill = PROMPT as f64 / start.elapsed().as_secs_f64();
    model.truncate(0);
    model.forward(&ids[..1])?;
    let start = Instant::now();
    for id in &ids[1..=NEW] {
        model.forward(&[*id])?;
    }
    Ok(Speed { prefill, decode: NEW as f64 / start.elapsed().as_secs_f64() })
}

/// One run of llama-bench.
fn peer(program: &PathBuf, file: &Path, threads: usize) -> anyhow::Result<Speed> {
    let out = Command::new(program)
        .args(["-r", "1", "-o", "json", "-t", &threads.to_string()])
        .args(["-p", &PROMPT.to_string(), "-n", &NEW.to_string(), "-m"])
        .arg(file)
        .output()
        .with_context(|| format!("starting {}", program.display()))?;
    ensure!(out.status.success(), "llama-bench: {}", String::from_utf8_lossy(&out.stderr));
    let found: serde_json::Value = serde_json::from_slice(&out.stdout)?;
    let of = |key: &str| {
        let rows = found.as_array().map(Vec::as_slice).unwrap_or_default();
        let row = rows.iter().find(|row| row[key].as_u64().is_some_and(|n| n > 0));
        row.and_then(|row| row["avg_ts"].as_f64()).context("llama-bench says no speed")
    };
    Ok(Speed { prefill: of("n_prompt")?, decode: of("n_gen")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::random_model::TINY;

    fn logits(model: &mut IntegerDecoder, parts: &[&[u32]]) -> Vec<f32> {
        model.truncate(0);
        parts.iter().map(|part| model.forward(part).unwrap().to_vec()).last().unwrap()
    }

    /// L2 norm of the difference over that of `want`.
    fn distance(got: &[f32], want: &[f32]) -> f32 {
        let square = |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>();
        let off = square(&mut got.iter().zip(want).map(|(g, w)| g - w));
        (off / square(&mut want.iter().copied())).sqrt()
    }

    #[test]
    fn integers_are_near_the_exact_decoder_and_do_not_depend_on_how_a_prompt_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let ids: Vec<u32> = (0..70).map(|n| 300 + n * 13 % 900).collect();
        for kind in ["q4_0", "q8_0", "gptq"] {
            let file = folder.path().join(format!("{kind}.gguf"));
            match kind {
                "gptq" => write_gptq(folder.path(), &TINY).unwrap(),
                "q4_0" => write_gguf(&file, &TINY, GgmlDType::Q4_0).unwrap(),
                _ => write_gguf(&file, &TINY, GgmlDType::Q8_0).unwrap(),
            }
            let path = if kind == "gptq" { folder.path() } else { file.as_path() };
            let mut exact = Decoder::load(path, &Device::Cpu).unwrap();
            assert!(exact.is_quantized(), "{kind}");
            let want: Vec<f32> =
                exact.forward(&ids, false, None).unwrap().flatten_all().unwrap().to_vec1().unwrap();
            let mut model = IntegerDecoder::from_decoder(exact, 2).unwrap();
            let whole = logits(&mut model, &[&ids]);
            assert!(distance(&whole, &want) < 5e-2, "{kind}: {}", distance(&whole, &want));
            let steps: Vec<&[u32]> = ids[66..].chunks(1).collect();
            let parts: Vec<&[u32]> = [&ids[..3], &ids[3..66]].into_iter().chain(steps).collect();
            let cut = logits(&mut model, &parts);
            assert!(distance(&cut, &whole) < 1e-2, "{kind}: {}", distance(&cut, &whole));
            let other = logits(&mut model, &[&ids[1..]]);
            assert!(distance(&other, &whole) > 1e-2, "{kind}: another prompt, other logits");
            model.truncate(40);
            let resumed = model.forward(&ids[41..]).unwrap().to_vec();
            assert!(distance(&resumed, &other) < 1e-2, "{kind}: {}", distance(&resumed, &other));
        }
    }
}
