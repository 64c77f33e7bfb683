//! Language models at the shapes of releases, in integer arithmetic: prefill and decode beside reading the
//! weights once, and beside llama.cpp on the same file, turn by turn in one run; decode beside a busy process a core;
//! and the time to the first token of prompts with and without a head that was read before. On a GPU the same, beside
//! copying within its memory.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use candle_core::quantized::GgmlDType;
use companion_engine::models::decoder::{CudaDecoder, Decoder, IntegerDecoder};
use companion_engine::{Device, Gpu, GpuKvPrecision};

use super::machine::MemoryRate;
use super::random_model::{ModelShape, SHAPES, write_gguf, write_gptq};
use super::{Bench, Row, Size};

/// Tokens read at once, and made one by one, as llama-bench's `pp512` and `tg64`.
const PROMPT: usize = 512;
const NEW: usize = 64;
/// Runs of each, in turn; the middle ones count.
const ROUNDS: usize = 5;

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

/// Tokens of a head that was read before.
const HEAD: usize = 2048;
/// Tokens that are new behind it, or alone.
const FRESH: [usize; 4] = [32, 128, 1024, 4096];
/// Tokens of context that decoding on a GPU is measured at.
const CONTEXT: usize = 1024;

/// A decoder that is measured.
trait Measured {
    fn read(&mut self, ids: &[u32]) -> anyhow::Result<()>;
    fn forget(&mut self, from: usize);
}

impl Measured for IntegerDecoder {
    fn read(&mut self, ids: &[u32]) -> anyhow::Result<()> {
        for part in ids.chunks(PROMPT) {
            self.forward(part)?;
        }
        Ok(())
    }

    fn forget(&mut self, from: usize) {
        self.truncate(from);
    }
}

impl Measured for CudaDecoder {
    fn read(&mut self, ids: &[u32]) -> anyhow::Result<()> {
        self.forward_until(ids, 1, &|| false)?.context("it was not stopped")?;
        Ok(())
    }

    fn forget(&mut self, from: usize) {
        self.truncate(from);
    }
}

fn ids(count: usize) -> Vec<u32> {
    (0..count as u32).map(|n| 300 + n * 7 % 1_500).collect()
}

/// Milliseconds to the first token's logits, for prompts of `fresh` tokens behind `head` ones.
fn first_token(model: &mut impl Measured, head: usize, fresh: usize) -> anyhow::Result<f64> {
    let ids = ids(head + fresh);
    model.forget(0);
    if head > 0 {
        model.read(&ids[..head])?;
    }
    let start = Instant::now();
    model.read(&ids[head..])?;
    Ok(start.elapsed().as_secs_f64() * 1000.0)
}

/// The time to the first token; prompts that would take longer than `most_s` at `prefill` tokens/s are left out.
fn first_tokens(
    model: &mut impl Measured,
    what: &str,
    prefill: f64,
    most_s: f64,
) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for fresh in FRESH {
        for head in [0, HEAD] {
            if (head + fresh) as f64 / prefill.max(1.0) > most_s {
                continue;
            }
            let behind = if head > 0 { format!(" behind {head}") } else { String::new() };
            let took = first_token(model, head, fresh)?;
            rows.push(Row::plain(format!("{what}: first token, {fresh} new{behind}"), took, "ms"));
        }
    }
    Ok(rows)
}

/// Most of this process's memory so far, MiB (`VmHWM` of proc_pid_status(5)).
fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}

/// Whether a shape is measured: the larger ones where they are asked for by name, or on a GPU.
fn is_wanted(bench: &Bench, shape: &ModelShape) -> bool {
    let small = shape.name == "0.5B" || shape.name == "1.5B";
    small || bench.size == Size::Gpu || bench.only.contains(shape.name)
}

pub(super) fn llm(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let mut rows = Vec::new();
    if bench.size == Size::Gpu {
        let gpu = Gpu::open(0)?;
        for shape in SHAPES.iter().filter(|shape| shape.name.contains(&bench.only)) {
            write_gptq(folder.path(), shape)?;
            rows.extend(on_gpu(&gpu, shape.name, folder.path())?);
        }
        return Ok(rows);
    }
    for shape in SHAPES.iter().filter(|shape| is_wanted(bench, shape)) {
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
    // The roof is measured between the runs: what else the host does changes it.
    let (mut memory, mut read) = (MemoryRate::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(speed(&mut model)?);
        read.push(memory.measure());
        if let Some(program) = &bench.peer {
            theirs.push(peer(program, peer_file, threads)?);
        }
    }
    drop(memory);
    let (beside, alone) = decode_beside_others(&mut model, threads)?;
    let per_token = model.bytes_per_token() as f64;
    read.sort_by(f64::total_cmp);
    let roof = read[read.len() / 2] * 1e9 / per_token;
    let prefill = (median(&ours, |s| s.prefill), "tokens/s");
    let decode = (median(&ours, |s| s.decode), "tokens/s");
    let read = format!("{what}: decode of {NEW}, {:.0} MB a token", per_token / 1e6);
    let busy = format!("{what}: decode beside a busy process a core");
    let mut rows = vec![
        Row::plain(format!("{what}: load"), load, "ms"),
        Row::beside(read.clone(), decode, (roof, "reading every weight from memory")),
        Row::beside(
            busy.clone(),
            (beside.decode, "tokens/s"),
            (alone.decode / 2.0, "half of what it is alone"),
        ),
        Row::beside(
            busy,
            (beside.decode, "tokens/s"),
            (
                alone.decode * beside.processors / alone.processors,
                "as much as its processor time allows",
            ),
        ),
    ];
    rows.extend(first_tokens(&mut model, what, prefill.0, 20.0)?);
    if let Some(peak) = peak_mib() {
        rows.push(Row::plain(format!("{what}: peak memory of this run so far"), peak, "MiB"));
    }
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

/// Bytes per second of copying within the GPU's memory, both ways counted: the best of some runs.
fn copies(gpu: &Gpu) -> anyhow::Result<f64> {
    const BYTES: usize = 1 << 30;
    let size = BYTES.min(gpu.memory()?.free / 4);
    let stream = gpu.stream()?;
    let (from, mut to) = (gpu.buffer::<u8>(size)?, gpu.buffer::<u8>(size)?);
    let mut best = f64::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        for _ in 0..4 {
            stream.copy_between((&from, 0), (&mut to, 0), size)?;
        }
        stream.synchronize()?;
        best = best.min(start.elapsed().as_secs_f64() / 4.0);
    }
    Ok(2.0 * size as f64 / best)
}

/// Measures the model in `folder` on a GPU.
fn on_gpu(gpu: &Gpu, what: &str, folder: &Path) -> anyhow::Result<Vec<Row>> {
    let copied = copies(gpu)?;
    let before = gpu.memory()?;
    let start = Instant::now();
    let decoder = Decoder::load(folder, &Device::Cpu)?;
    let room = HEAD + FRESH[FRESH.len() - 1];
    let mut model = CudaDecoder::from_decoder(decoder, gpu, room, GpuKvPrecision::Eight)?;
    let load = start.elapsed().as_secs_f64() * 1000.0;
    let taken = before.free.saturating_sub(gpu.memory()?.free);
    // Once without counting.
    first_token(&mut model, 0, PROMPT)?;
    let prefill = 1024.0 / (first_token(&mut model, 0, 1024)? / 1000.0);
    first_token(&mut model, 0, CONTEXT)?;
    let counted = gpu.counters();
    let start = Instant::now();
    for id in ids(NEW) {
        model.read(&[id])?;
    }
    let decode = NEW as f64 / start.elapsed().as_secs_f64();
    let allocations = gpu.counters().allocations - counted.allocations;
    let (_, kv) = model.bytes();
    let cached = kv as f64 / room as f64 * (CONTEXT + NEW / 2) as f64;
    let per_token = model.bytes_per_token() as f64 + cached;
    let megabytes = format!("{:.0} MB a token", per_token / 1e6);
    let mut rows = vec![
        Row::plain(format!("{what} GPTQ int4: load"), load, "ms"),
        Row::plain(format!("{what}: memory taken"), taken as f64 / 1e6, "MB"),
        Row::beside(
            format!("{what}: decode of {NEW} at {CONTEXT}, {megabytes}"),
            (decode, "tokens/s"),
            (copied / per_token, "copying as many bytes"),
        ),
        Row::plain(format!("{what}: prefill of 1024"), prefill, "tokens/s"),
        Row::plain(format!("{what}: kernels a token"), model.launches_per_token() as f64, ""),
        Row::plain(format!("{what}: allocations in {NEW} tokens"), allocations as f64, ""),
    ];
    rows.extend(first_tokens(&mut model, what, prefill, 60.0)?);
    Ok(rows)
}

/// A process that never waits; ended when dropped.
struct Busy(Child);

impl Busy {
    fn start() -> anyhow::Result<Self> {
        let shell = Command::new("sh").args(["-c", "while :; do :; done"]).spawn();
        Ok(Self(shell.context("starting a busy process")?))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        // It may have been ended by someone else.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How decoding goes, and the processor time it gets.
struct Going {
    /// Tokens per second, the middle of some runs.
    decode: f64,
    /// Processors in use over all runs.
    processors: f64,
}

impl Going {
    fn measure(model: &mut IntegerDecoder, runs: usize) -> anyhow::Result<Self> {
        let (start, used) = (Instant::now(), processor_seconds()?);
        let speeds: Vec<Speed> = (0..runs).map(|_| decode(model)).collect::<Result<_, _>>()?;
        let processors = (processor_seconds()? - used) / start.elapsed().as_secs_f64();
        Ok(Self { decode: median(&speeds, |speed| speed.decode), processors })
    }
}

/// Processor time of this process so far, from proc_pid_stat(5).
fn processor_seconds() -> anyhow::Result<f64> {
    /// Clock ticks a second of that file, on every Linux.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // Behind the name, which may hold anything: `utime` and `stime` are the 12th and 13th.
    let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
    let ticks: Vec<f64> =
        behind.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    ensure!(ticks.len() == 2, "/proc/self/stat is short");
    Ok(ticks.iter().sum::<f64>() / TICKS)
}

/// Decoding with a busy process for every thread, and alone.
fn decode_beside_others(
    model: &mut IntegerDecoder,
    threads: usize,
) -> anyhow::Result<(Going, Going)> {
    let alone = Going::measure(model, ROUNDS)?;
    let others: Vec<Busy> = (0..threads).map(|_| Busy::start()).collect::<Result<_, _>>()?;
    // The system finds a core for each of them.
    std::thread::sleep(Duration::from_millis(500));
    let beside = Going::measure(model, ROUNDS)?;
    drop(others);
    Ok((beside, alone))
}

fn speed(model: &mut IntegerDecoder) -> anyhow::Result<Speed> {
    let ids = ids(PROMPT);
    model.truncate(0);
    // Once without counting: pages and room for the rows.
    model.forward(&ids[..32])?;
    model.truncate(0);
    let start = Instant::now();
    model.forward(&ids)?;
    let prefill = PROMPT as f64 / start.elapsed().as_secs_f64();
    Ok(Speed { prefill, ..decode(model)? })
}

/// The speed of decoding alone.
fn decode(model: &mut IntegerDecoder) -> anyhow::Result<Speed> {
    let ids = ids(PROMPT);
    model.truncate(0);
    model.forward(&ids[..1])?;
    let start = Instant::now();
    for id in &ids[1..=NEW] {
        model.forward(&[*id])?;
    }
    Ok(Speed { prefill: 0.0, decode: NEW as f64 / start.elapsed().as_secs_f64() })
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
    fn processor_time_is_what_was_used() {
        let (start, before) = (Instant::now(), processor_seconds().unwrap());
        while start.elapsed() < Duration::from_millis(300) {}
        let used = processor_seconds().unwrap() - before;
        // Other tests of this process may use more; a loaded machine gives less, but some.
        assert!(used >= 0.02, "{used}");
    }

    #[test]
    fn a_gpus_rows_count_its_kernels_and_find_no_allocation_while_it_decodes() {
        let folder = tempfile::tempdir().unwrap();
        write_gptq(folder.path(), &TINY).unwrap();
        let gpu = Gpu::emulated();
        let decoder = Decoder::load(folder.path(), &Device::Cpu).unwrap();
        let mut model =
            CudaDecoder::from_decoder(decoder, &gpu, 600, GpuKvPrecision::Eight).unwrap();
        let before = gpu.counters().allocations;
        assert!(first_token(&mut model, 40, 8).unwrap() > 0.0);
        assert_eq!((model.length(), gpu.counters().allocations), (48, before));
        assert!(model.launches_per_token() > 8);
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
            // Many rows are rounded to bf16 where there are tiles for them, few ones to eight bits.
            let near = if model.cpu().isa().name() == "amx-bf16" { 3e-2 } else { 1e-2 };
            let whole = logits(&mut model, &[&ids]);
            assert!(distance(&whole, &want) < 5e-2, "{kind}: {}", distance(&whole, &want));
            let steps: Vec<&[u32]> = ids[66..].chunks(1).collect();
            let parts: Vec<&[u32]> = [&ids[..3], &ids[3..66]].into_iter().chain(steps).collect();
            let cut = logits(&mut model, &parts);
            assert!(distance(&cut, &whole) < near, "{kind}: {}", distance(&cut, &whole));
            let other = logits(&mut model, &[&ids[1..]]);
            assert!(distance(&other, &whole) > 2.0 * near, "{kind}: another prompt, other logits");
            model.truncate(40);
            let resumed = model.forward(&ids[41..]).unwrap().to_vec();
            assert!(distance(&resumed, &other) < near, "{kind}: {}", distance(&resumed, &other));
        }
    }
}
