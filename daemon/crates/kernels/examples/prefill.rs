//! Products of 512 rows and attention at the shapes of a 0.5B model, per instruction set.
use std::time::Instant;

use companion_kernels::{
    Activations, AttentionShape, Codes, Cpu, Isa, KvPrecision, KvStore, Matrix, Part, attend,
    multiply,
};
use half::f16;

fn main() {
    let _ = KvPrecision::Half;
    for isa in Isa::available() {
        let mut cpu = Cpu::with_isa(2, isa);
        if std::env::args().nth(1).is_some_and(|only| only != isa.name()) {
            continue;
        }
        for (outputs, inputs) in [(1152usize, 896usize), (9728, 896), (896, 4864)] {
            let matrix = Matrix::pack(
                Codes::Four,
                [outputs, inputs],
                32,
                |o, row| {
                    row.iter_mut().enumerate().for_each(|(i, c)| *c = ((o * 7 + i * 13) % 16) as u8)
                },
                |_, _| 8,
                |_, _| f16::from_f32(0.01),
            )
            .unwrap();
            for rows in [1usize, 8, 16, 24, 32, 64, 512] {
                let values: Vec<f32> =
                    (0..rows * inputs).map(|i| (i as f32 * 0.37).sin()).collect();
                let mut out = vec![0f32; rows * outputs];
                let mut x = Activations::new();
                let mut best = (f64::MAX, f64::MAX);
                for _ in 0..5 {
                    let start = Instant::now();
                    x.quantize(&mut cpu, &values, inputs, inputs);
                    let q = start.elapsed().as_secs_f64();
                    let start = Instant::now();
                    multiply(
                        &mut cpu,
                        &[Part { matrix: &matrix, bias: None, at: 0 }],
                        &x,
                        &mut out,
                        outputs,
                    );
                    best = (best.0.min(q), best.1.min(start.elapsed().as_secs_f64()));
                }
                let gmac = rows as f64 * outputs as f64 * inputs as f64 / 1e9;
                println!(
                    "{:12} {outputs}x{inputs} rows {rows:4}: {:8.1} GMAC/s, quantise {:.3} ms, multiply {:.3} ms",
                    isa.name(),
                    gmac / best.1,
                    best.0 * 1e3,
                    best.1 * 1e3
                );
            }
        }
        let mut kv = KvStore::new(2, 64);
        for _ in 0..512 {
            kv.reserve(512);
            kv.push(&[0.1; 128], &[0.2; 128]);
        }
        for rows in [1usize, 512] {
            let q = vec![0.1f32; rows * 14 * 64];
            let mut out = vec![0f32; rows * 14 * 64];
            let mut best = f64::MAX;
            for _ in 0..if rows == 1 { 20000 } else { 5 } {
                let start = Instant::now();
                attend(
                    &mut cpu,
                    &q,
                    rows,
                    AttentionShape { heads: 14, stride: 14 * 64 },
                    &kv,
                    &mut out,
                );
                best = best.min(start.elapsed().as_secs_f64());
            }
            println!("{:12} attend {rows} of 512: {:.3} ms", isa.name(), best * 1e3);
        }
    }
}
