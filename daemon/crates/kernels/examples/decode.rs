use companion_kernels::{Activations, Codes, Cpu, Isa, Matrix, Part, multiply};
use half::f16;
use std::time::Instant;
fn main() {
    for (codes, group) in [(Codes::Four, 32), (Codes::Four, 128), (Codes::Eight, 32)] {
        let (outputs, inputs) = (if codes == Codes::Four { 400_000 } else { 200_000 }, 896usize);
        let matrix = Matrix::pack(
            codes,
            [outputs, inputs],
            group,
            |o, row| {
                row.iter_mut().enumerate().for_each(|(i, c)| *c = ((o * 7 + i * 13) % 16) as u8)
            },
            |_, _| 8,
            |_, _| f16::from_f32(0.01),
        )
        .unwrap();
        for isa in [Isa::Avx2, Isa::Amx] {
            let mut cpu = Cpu::with_isa(2, isa);
            let values: Vec<f32> = (0..inputs).map(|i| (i as f32 * 0.37).sin()).collect();
            let mut out = vec![0f32; outputs];
            let mut x = Activations::new();
            x.quantize(&mut cpu, &values, inputs, inputs);
            let mut best = f64::MAX;
            let mut sum = 0.0;
            for _ in 0..12 {
                let start = Instant::now();
                multiply(
                    &mut cpu,
                    &[Part { matrix: &matrix, bias: None, at: 0 }],
                    &x,
                    &mut out,
                    outputs,
                );
                let t = start.elapsed().as_secs_f64();
                best = best.min(t);
                sum += t;
            }
            println!(
                "{codes:?} {group} {:12}: best {:.1} GB/s mean {:.1}",
                isa.name(),
                matrix.size() as f64 / best / 1e9,
                matrix.size() as f64 * 12.0 / sum / 1e9
            );
        }
    }
}
