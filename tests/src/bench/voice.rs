//! The voice's models at their published shapes: each stage beside the machine's limit, and beside the same
//! layers in torch, turn by turn in one run.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::Context as _;
use candle_core::Tensor;
use companion_engine::Device;
use companion_engine::models::gpt_sovits::{
    bert::Bert,
    hubert::Hubert,
    s1::{Request, S1},
    s2::{Chunk, S2, Speech},
    sampler::Sampling,
};

use super::voice_model::{S2Shape, VERSIONS, write_bert, write_hubert, write_s1, write_s2};
use super::{Bench, Row, median_ms};

/// Phones and prompt codes of a prefill, and codes that are made (the README of the fixtures).
const PHONES: usize = 90;
const PROMPT: usize = 125;
const NEW: usize = 48;
/// Rounds, each of ours and the peer's.
const ROUNDS: usize = 3;

/// torch with the same layers, asked by the name of a stage.
struct Peer {
    process: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    fn start(bench: &Bench) -> anyhow::Result<Option<Self>> {
        let Some(python) = &bench.peer else { return Ok(None) };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut process = Command::new(python)
            .arg(bench.root.join("tests/peer/gpt_sovits.py"))
            .arg(threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", python.display()))?;
        let ask = process.stdin.take().context("no way to ask")?;
        let answers = BufReader::new(process.stdout.take().context("no way to answer")?);
        Ok(Some(Self { process, ask, answers }))
    }

    /// Milliseconds of a stage.
    fn ms(&mut self, stage: &str) -> anyhow::Result<f64> {
        writeln!(self.ask, "{stage}")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        line.trim().parse().with_context(|| format!("torch says {line:?} of {stage}"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It ends by itself where its input does; what it says then is of no use.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What is measured, and what the limit of it is in milliseconds.
struct Stage<'a> {
    what: String,
    peer: String,
    limit: (f64, &'static str),
    work: Box<dyn FnMut() -> anyhow::Result<()> + 'a>,
}

fn middle(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or_default()
}

/// Measures a stage in turn with torch.
fn measure(stage: &mut Stage<'_>, peer: &mut Option<Peer>) -> anyhow::Result<Vec<Row>> {
    (stage.work)()?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut failed = None;
        ours.push(median_ms(3, || failed = (stage.work)().err().or(failed.take())));
        if let Some(error) = failed {
            return Err(error);
        }
        if let Some(peer) = peer {
            theirs.push(peer.ms(&stage.peer)?);
        }
    }
    let ours = (middle(ours), "ms");
    let mut rows = vec![Row::beside(&stage.what, ours, stage.limit)];
    if !theirs.is_empty() {
        rows.push(Row::beside(&stage.what, ours, (middle(theirs), "torch")));
    }
    Ok(rows)
}

pub(super) fn tts(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let mut peer = Peer::start(bench)?;
    let mut rows = Vec::new();
    for (name, stages) in [
        ("s1", s1 as fn(&Bench, &Path, &mut Option<Peer>) -> anyhow::Result<Vec<Row>>),
        ("bert", bert),
        ("hubert", hubert),
    ] {
        if name.contains(&bench.only) {
            rows.extend(stages(bench, folder.path(), &mut peer)?);
        }
    }
    for shape in &VERSIONS {
        if format!("s2 {}", shape.name).contains(&bench.only) {
            rows.extend(s2(bench, shape, folder.path(), &mut peer)?);
        }
    }
    Ok(rows)
}

/// Milliseconds that reading the bytes, or the operations, take at least.
fn limits(bench: &Bench, bytes: f64, flops: f64) -> (f64, &'static str) {
    let read = bytes / bench.machine.read_gb_s / 1e6;
    let compute = flops / bench.machine.matmul_gflop_s / 1e6;
    if read > compute {
        (read, "reading every weight from memory")
    } else {
        (compute, "float32 matrices of 512")
    }
}

fn s1(bench: &Bench, folder: &Path, peer: &mut Option<Peer>) -> anyhow::Result<Vec<Row>> {
    const WEIGHTS: f64 = 24.0 * 12.0 * 512.0 * 512.0 + 1025.0 * 512.0;
    let file = folder.join("s1.safetensors");
    write_s1(&file)?;
    let mut model = S1::open(&file, Some(16), &Device::Cpu)?;
    model.mute_end()?;
    let phones: Vec<u32> = (0..PHONES as u32).map(|n| n * 7 % 700).collect();
    let prompt: Vec<u32> = (0..PROMPT as u32).map(|n| n * 37 % 1000).collect();
    let bert = vec![0.1; 1024 * PHONES];
    let request = Request { phones: &phones, bert: &bert, prompt: &prompt };
    let begin = || Ok(model.begin(&request, &mut |_, _| Ok(())).map(drop)?);
    let greedy = Sampling { top_k: Some(1), ..Sampling::default() };
    let decode = || {
        let fill = &mut |q: &mut [f32]| q.fill(1.0);
        model.decode(&request, &greedy, NEW, fill, &mut |_, _, _| true)?;
        Ok(())
    };
    let rows = (PHONES + PROMPT) as f64;
    let mut prefill = Stage {
        what: format!("s1: prefill of {PHONES} phones, {PROMPT} codes"),
        peer: "s1 prefill".into(),
        limit: limits(bench, WEIGHTS * 2.0, WEIGHTS * 2.0 * rows),
        work: Box::new(begin),
    };
    let mut all = measure(&mut prefill, peer)?;
    // A decode has the prefill before it, whose time is known.
    let before = all[0].value;
    let mut whole = Stage {
        what: String::new(),
        peer: "s1 decode".into(),
        limit: limits(bench, WEIGHTS * 2.0, 0.0),
        work: Box::new(decode),
    };
    let measured = measure(&mut whole, peer)?;
    let speed = (NEW as f64 / (measured[0].value - before) * 1e3, "codes/s");
    let what = format!("s1: decode of {NEW}");
    all.push(Row::beside(&what, speed, (1e3 / whole.limit.0, whole.limit.1)));
    if let Some(theirs) = measured.get(1).and_then(|row| row.limit) {
        all.push(Row::beside(&what, speed, (NEW as f64 / theirs * 1e3, "torch")));
    }
    Ok(all)
}

fn bert(bench: &Bench, folder: &Path, peer: &mut Option<Peer>) -> anyhow::Result<Vec<Row>> {
    const WEIGHTS: f64 = 22.0 * 12.0 * 1024.0 * 1024.0;
    write_bert(folder)?;
    let model = Bert::open(folder, "model.safetensors", &Device::Cpu)?;
    let mut all = Vec::new();
    for tokens in [12u32, 32] {
        let ids: Vec<u32> = (0..tokens).map(|n| n * 331 % 21_000).collect();
        let mut stage = Stage {
            what: format!("bert: {tokens} tokens, 22 layers"),
            peer: format!("bert {tokens}"),
            limit: limits(bench, WEIGHTS * 2.0, WEIGHTS * 2.0 * f64::from(tokens)),
            work: Box::new(|| Ok(model.hidden(&ids, &mut |_, _| Ok(())).map(drop)?)),
        };
        all.extend(measure(&mut stage, peer)?);
    }
    Ok(all)
}

fn hubert(bench: &Bench, folder: &Path, peer: &mut Option<Peer>) -> anyhow::Result<Vec<Row>> {
    // 5 s and the 0.6 s of silence behind.
    const SAMPLES: usize = 89_600;
    write_hubert(folder)?;
    let model = Hubert::open(folder, "model.safetensors", &Device::Cpu)?;
    let pcm: Vec<f32> = (0..SAMPLES).map(|n| (n as f32 * 0.37).sin() * 0.1).collect();
    let frames = SAMPLES as f64 / 320.0;
    let convs = 2.0 * 512.0 * 512.0 * frames * (3.0 * (32.0 + 16.0 + 8.0 + 4.0) / 2.0 + 2.0 * 3.0);
    let layers = 2.0 * frames * (12.0 * 12.0 * 768.0 * 768.0 + 768.0 * 48.0 * 128.0);
    let mut stage = Stage {
        what: "hubert: 5 s".into(),
        peer: "hubert".into(),
        limit: limits(bench, 0.0, convs + layers),
        work: Box::new(|| Ok(model.hidden(&pcm, &mut |_, _| Ok(())).map(drop)?)),
    };
    measure(&mut stage, peer)
}

fn s2(
    bench: &Bench,
    shape: &S2Shape,
    folder: &Path,
    peer: &mut Option<Peer>,
) -> anyhow::Result<Vec<Row>> {
    let file = folder.join("s2.safetensors");
    let config = write_s2(&file, shape)?;
    let model = S2::open(&file, Some(&config), &Device::Cpu)?;
    let style = Tensor::ones((shape.style, 1), candle_core::DType::F32, &Device::Cpu)?;
    let phones: Vec<u32> = (0..40).collect();
    let mut all = Vec::new();
    for codes in [100u32, 16] {
        let ids: Vec<u32> = (0..codes).map(|n| n * 37 % 1000).collect();
        let speech = Speech {
            codes: &ids,
            phones: &phones,
            speed: 1.0,
            noise: None,
            noise_scale: 0.5,
            chunk: Chunk { codes: None, before: None },
        };
        let seconds = f64::from(codes) / 25.0;
        let mut stage = Stage {
            what: format!("s2 {}: {codes} codes, {seconds:.2} s", shape.name),
            peer: format!("s2 {} {codes}", shape.name),
            limit: limits(bench, 0.0, shape.flops_per_frame() * f64::from(codes) * 2.0),
            work: Box::new(|| Ok(model.decode(&speech, &style, &mut |_, _| Ok(())).map(drop)?)),
        };
        let measured = measure(&mut stage, peer)?;
        let took = (measured[0].value, "ms");
        let what = format!("s2 {}: {codes} codes", shape.name);
        all.extend(measured);
        all.push(Row::beside(what, took, (seconds * 1e3, "real time")));
    }
    Ok(all)
}
