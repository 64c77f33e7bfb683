//! The language model.

use std::ops::ControlFlow;
use std::time::Instant;

use companion_engine::Device;
use companion_engine::models::causal_lm::{Arithmetic, CausalLm};
use companion_engine::sampling::SamplingOptions;

use super::{Bench, Row};

/// Tokens that are read and made.
const PROMPT: u32 = 512;
const NEW: usize = 128;

pub(super) fn llm(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let directory = bench.root.join("models/companion-brain-starter");
    let start = Instant::now();
    let mut model = CausalLm::load(&directory, &Device::Cpu, 4096, Arithmetic::fastest())?;
    let load = start.elapsed().as_secs_f64() * 1000.0;
    model.warm_up()?;
    let (weights, _) = model.bytes();
    let ids: Vec<u32> = (0..PROMPT).map(|n| 10 + n * 7 % 1_500).collect();
    let options = SamplingOptions {
        max_new_tokens: NEW,
        min_new_tokens: NEW,
        temperature: 0.0,
        top_k: 0,
        top_p: 1.0,
        min_p: 0.0,
        repetition_penalty: 1.0,
        seed: 0,
    };
    let (mut prefill, mut decode) = (Vec::new(), Vec::new());
    for _ in 0..bench.repeats(3) {
        model.forget();
        let start = Instant::now();
        let mut first = None;
        let mut count = 0_usize;
        model.generate(&ids, &options, &|| false, &mut |_| {
            first.get_or_insert_with(|| start.elapsed());
            count += 1;
            ControlFlow::Continue(())
        })?;
        let whole = start.elapsed().as_secs_f64();
        let first = first.map_or(whole, |f| f.as_secs_f64());
        prefill.push(f64::from(PROMPT) / first);
        decode.push((count.max(2) - 1) as f64 / (whole - first));
    }
    let median = |mut v: Vec<f64>| {
        v.sort_by(f64::total_cmp);
        v[v.len() / 2]
    };
    let roof = bench.machine.read_gb_s * 1e9 / weights as f64;
    let products = bench.machine.matmul_gflop_s * 1e9 / (2.0 * weights as f64 / 4.0);
    Ok(vec![
        Row::plain("load", load, "ms"),
        Row::beside(
            format!("prefill of {PROMPT} tokens"),
            (median(prefill), "tokens/s"),
            (products, "the products alone, as large matrices"),
        ),
        Row::beside(
            format!("decode of {NEW} tokens, {:.1} MB a token", weights as f64 / 1e6),
            (median(decode), "tokens/s"),
            (roof, "reading every weight from memory"),
        ),
    ])
}
