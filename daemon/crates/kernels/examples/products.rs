//! How fast float products are, by instructions and shape, in thousand millions of operations per second
//! (two for each weight and row): `products [threads] [seconds per figure]`.

#![expect(clippy::print_stdout, reason = "it prints a table")]

use std::time::Instant;

use companion_kernels::{Cpu, Dense, Input, Isa, MinimalFilter, Output, filter, product};
use half::f16;

fn noise(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i + 1) as f32 * 0.713).sin()).collect()
}

/// The best of several runs.
fn rate(seconds: f64, operations: usize, mut run: impl FnMut()) -> f64 {
    run();
    let (begin, mut best) = (Instant::now(), f64::MAX);
    while begin.elapsed().as_secs_f64() < seconds {
        let begin = Instant::now();
        run();
        best = best.min(begin.elapsed().as_secs_f64());
    }
    operations as f64 / best / 1e9
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let threads = arguments.next().and_then(|value| value.parse().ok()).unwrap_or(1);
    let seconds = arguments.next().and_then(|value| value.parse().ok()).unwrap_or(0.2);
    let isas: Vec<Isa> = Isa::available().into_iter().filter(|isa| *isa != Isa::Scalar).collect();
    print!("rows inputs outputs taps weights");
    isas.iter().for_each(|isa| print!(" {} minimal", isa.name()));
    println!();
    let mut shapes = vec![[1, 1024, 1024, 1]];
    for rows in [16, 64, 400] {
        shapes.extend([1, 3, 7, 11].map(|taps| [rows, 512, 512, taps]));
    }
    for width in [32, 64, 128] {
        shapes.extend([1, 3, 7, 11].map(|taps| [2000, width, width, taps]));
    }
    for [rows, inputs, outputs, taps] in shapes {
        for half in [false, true] {
            let mut weights = noise(outputs * inputs * taps);
            if half {
                weights.iter_mut().for_each(|weight| *weight = f16::from_f32(*weight).to_f32());
            }
            let sizes = [outputs, inputs, taps];
            let dense = Dense::convolution(sizes, &weights, None);
            let minimal =
                (taps > 1 && !half).then(|| MinimalFilter::convolution(sizes, &weights, None));
            let values = noise((rows + taps) * inputs);
            let x = Input::close(&values, inputs);
            let mut out = vec![0.0; rows * outputs];
            let operations = 2 * rows * weights.len();
            print!("{rows} {inputs} {outputs} {taps} {}", if half { "f16" } else { "f32" });
            for isa in &isas {
                let mut cpu = Cpu::with_isa(threads, *isa);
                let plain = rate(seconds, operations, || {
                    product(&mut cpu, &dense, x, rows, Output::close(&mut out, outputs));
                });
                let fewer = minimal.as_ref().map_or(0.0, |minimal| {
                    rate(seconds, operations, || {
                        filter(&mut cpu, minimal, x, rows, Output::close(&mut out, outputs));
                    })
                });
                print!(" {plain:.0} {fewer:.0}");
            }
            println!();
        }
    }
}
