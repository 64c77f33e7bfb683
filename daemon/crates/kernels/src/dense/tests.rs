//! Packed products and convolutions against plain sums, on random shapes.

use proptest::prelude::*;

use super::*;

fn noise(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| (((i + 1) * (seed + 3)) as f32 * 0.713).sin()).collect()
}

/// The sum of one output in f64, without its bias.
fn plain(weights: &[f32], sizes: [usize; 2], x: Input<'_>, row: usize, o: usize) -> f64 {
    sum_of(weights, sizes, x, (row, o), |term| term)
}

fn sum_of(
    weights: &[f32],
    [inputs, taps]: [usize; 2],
    x: Input<'_>,
    (row, o): (usize, usize),
    made: impl Fn(f64) -> f64,
) -> f64 {
    let of = |tap: usize, i: usize| {
        let at = (row * x.step + tap * x.dilation) * x.stride + i;
        f64::from(weights[(o * inputs + i) * taps + tap]) * f64::from(x.values[at])
    };
    (0..taps).map(|tap| (0..inputs).map(|i| made(of(tap, i))).sum::<f64>()).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_instruction_set_gives_the_plain_product(
        half: bool, add: bool, outputs in 1usize..60, inputs in 1usize..80, taps in 1usize..5,
        rows in 1usize..80, dilation in 1usize..4, step in 1usize..3, more in 0usize..3,
        seed in 0usize..100, threads in 1usize..3, kind in 0usize..4,
    ) {
        let mut weights = noise(outputs * inputs * taps, seed);
        if half {
            weights.iter_mut().for_each(|w| *w = half::f16::from_f32(*w).to_f32());
        }
        let bias = noise(outputs, seed + 1);
        let dense = Dense::convolution([outputs, inputs, taps], &weights, Some(&bias));
        prop_assert_eq!(matches!(dense.values, Values::Half(_)), half);
        let stride = inputs + more;
        let needed = (rows - 1) * step + (taps - 1) * dilation + 1;
        let values = noise(needed * stride, seed + 2);
        let x = Input { values: &values, stride, step, dilation };
        let activation = [
            Activation::None, Activation::Relu, Activation::Leaky(0.1), Activation::Gelu,
        ][kind];
        for isa in Isa::available() {
            let width = outputs + more;
            let mut out = noise(rows * width, seed + 3);
            let before = out.clone();
            let mut also = vec![9.0; rows * width];
            let more = noise(rows * width, seed + 4);
            let target = Output {
                values: &mut out,
                stride: width,
                add,
                plus: add.then_some(&more),
                activation,
                also: Some((&mut also, 0.5)),
            };
            product(&mut Cpu::with_isa(threads, isa), &dense, x, rows, target);
            for (at, got) in out.iter().enumerate() {
                let (row, o) = (at / width, at % width);
                if o >= outputs {
                    prop_assert_eq!(*got, before[at], "untouched");
                    prop_assert_eq!(also[at], 9.0);
                    continue;
                }
                let mut want = plain(&weights, [inputs, taps], x, row, o) + f64::from(bias[o]);
                if add {
                    want += f64::from(before[at]) + f64::from(more[at]);
                }
                want = match activation {
                    Activation::None => want,
                    Activation::Relu => want.max(0.0),
                    Activation::Leaky(_) => want.max(want * 0.1),
                    Activation::Gelu => f64::from(gelu(want as f32)),
                };
                let sizes = sum_of(&weights, [inputs, taps], x, (row, o), f64::abs);
                // Tiles leave out what is below 2^-16 of each term.
                let near = if isa == Isa::Amx { 2e-5 * (1.0 + sizes) } else { 2e-5 + 1e-6 * sizes };
                prop_assert!((f64::from(*got) - want).abs() < near, "{isa:?} {row} {o}: {got} {want}");
                prop_assert_eq!(also[at], got.max(got * 0.5));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn minimal_filters_give_the_plain_product(
        outputs in 1usize..60, inputs in 1usize..40, taps in 3usize..14, rows in 1usize..90,
        dilation in 1usize..6, more in 0usize..3, seed in 0usize..100, threads in 1usize..3,
    ) {
        let weights = noise(outputs * inputs * taps, seed);
        let bias = noise(outputs, seed + 1);
        let minimal = MinimalFilter::convolution([outputs, inputs, taps], &weights, Some(&bias));
        let stride = inputs + more;
        let values = noise((rows + (taps - 1) * dilation) * stride, seed + 2);
        let x = Input { values: &values, stride, step: 1, dilation };
        for isa in Isa::available() {
            let width = outputs + more;
            let mut out = vec![9.0; rows * width];
            let target = Output { stride: width, ..Output::close(&mut out, outputs) };
            filter(&mut Cpu::with_isa(threads, isa), &minimal, x, rows, target);
            for (at, got) in out.iter().enumerate() {
                let (row, o) = (at / width, at % width);
                if o >= outputs {
                    prop_assert_eq!(*got, 9.0, "untouched");
                    continue;
                }
                let want = plain(&weights, [inputs, taps], x, row, o) + f64::from(bias[o]);
                let sizes = sum_of(&weights, [inputs, taps], x, (row, o), f64::abs);
                let off = (f64::from(*got) - want).abs();
                prop_assert!(off < 3e-6 * (sizes + 1.0), "{isa:?} {row} {o}: {got} {want}");
            }
        }
    }
}

#[test]
fn pieces_of_a_slice_are_scaled_and_added_wherever_they_end() {
    for isa in Isa::available() {
        let mut cpu = Cpu::with_isa(2, isa);
        let from = noise(40_000, 1);
        let mut to = vec![0.0; from.len()];
        leaky_scaled(&mut cpu, &from, (2.0, 0.1), &mut to);
        assert!(from.iter().zip(&to).all(|(a, b)| (2.0 * a).max(0.2 * a) == *b));
        add(&mut cpu, &from, &mut to);
        assert!(from.iter().zip(&to).all(|(a, b)| (2.0 * a).max(0.2 * a) + a == *b));
    }
}

#[cfg(target_arch = "x86_64")]
mod tiles {
    use super::*;
    use crate::amx::{Machine, Tiles, WrittenOut};

    /// Values between -1 and 1 without a pattern, so that sums do not cancel out.
    fn scattered(n: usize, mut state: u32) -> Vec<f32> {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (f64::from(state) / f64::from(1u32 << 31) - 1.0) as f32
        };
        (0..n).map(|_| next()).collect()
    }

    /// Relative error (L2) of a product by tiles.
    fn error<T: Tiles>(
        [outputs, inputs, taps]: [usize; 3],
        (rows, step, dilation, half): (usize, usize, usize, bool),
        take: &(dyn Fn() -> Option<T> + Sync),
    ) -> f64 {
        let mut weights = scattered(outputs * inputs * taps, 5);
        if half {
            // Some of them are subnormal.
            weights.iter_mut().for_each(|w| *w = half::f16::from_f32(*w * 1e-3).to_f32());
        }
        let dense = Dense::convolution([outputs, inputs, taps], &weights, None);
        let values = scattered(((rows - 1) * step + (taps - 1) * dilation + 1) * inputs, 6);
        let x = Input { values: &values, stride: inputs, step, dilation };
        let mut out = vec![9.0; rows * outputs];
        let target = target_of(outputs, rows, Output::close(&mut out, outputs));
        tiled::product(&mut Cpu::new(2), (&dense, &x, rows), &target, take);
        let (mut off, mut all) = (0.0, 0.0);
        for (at, got) in out.iter().enumerate() {
            let want = plain(&weights, [inputs, taps], x, at / outputs, at % outputs);
            off += (f64::from(*got) - want).powi(2);
            all += want * want;
        }
        (off / all).sqrt()
    }

    #[test]
    fn tiles_give_the_product_to_a_hundred_thousandth_even_with_their_instructions_written_out() {
        for half in [false, true] {
            for (sizes, (rows, step, dilation)) in [
                ([48, 64, 1], (32, 1, 1)),
                ([16, 33, 3], (17, 2, 1)),
                ([33, 300, 2], (70, 1, 3)),
                ([40, 70, 5], (600, 1, 2)),
            ] {
                let rows = (rows, step, dilation, half);
                let written_out = error(sizes, rows, &|| Some(WrittenOut::new()));
                assert!(written_out < 1e-5, "{sizes:?} {rows:?}: {written_out}");
                if Isa::detect() == Isa::Amx {
                    let machine = error(sizes, rows, &Machine::take);
                    assert!(machine < 1e-5, "{sizes:?} {rows:?}: {machine}");
                    println!("{sizes:?} {rows:?}: {written_out:.1e} {machine:.1e}");
                }
            }
        }
    }
}
