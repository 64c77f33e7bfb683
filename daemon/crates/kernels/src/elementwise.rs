//! What happens to single rows between products: RMS norm (Zhang and Sennrich 2019), rotary positions
//! (Su et al. 2021), SwiGLU (Shazeer 2020), and the exponential they share with attention's softmax.

use crate::{Cpu, Isa};

/// Calls the plain form of a kernel, compiled for the instructions chosen. A kernel `with sums` is also given how its
/// products are added up ([`Fused`] or [`Apart`]).
macro_rules! chosen {
    ($isa:expr, $name:ident($($argument:ident: $kind:ty),*)) => {
        $crate::elementwise::chosen!(@ $isa, $name($($argument: $kind),*), [], [])
    };
    ($isa:expr, $name:ident($($argument:ident: $kind:ty),*) with sums) => {
        $crate::elementwise::chosen!(
            @ $isa,
            $name($($argument: $kind),*),
            [$crate::elementwise::Fused],
            [$crate::elementwise::Apart]
        )
    };
    (@ $isa:expr, $name:ident($($argument:ident: $kind:ty),*), [$($fused:ty)?], [$($apart:ty)?]) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma,f16c")]
        fn wide($($argument: $kind),*) {
            $name$(::<$fused>)?($($argument),*);
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")]
        fn widest($($argument: $kind),*) {
            $name$(::<$fused>)?($($argument),*);
        }
        match $isa {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the instructions were detected ([`Isa::detect`]).
            #[expect(unsafe_code, reason = "instructions chosen at run time")]
            Isa::Avx2 => unsafe { wide($($argument),*) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the instructions were detected ([`Isa::detect`]).
            #[expect(unsafe_code, reason = "instructions chosen at run time")]
            Isa::Avx512Vnni | Isa::Amx => unsafe { widest($($argument),*) },
            _ => $name$(::<$apart>)?($($argument),*),
        }
    }};
}
pub(crate) use chosen;

/// How a product is added to a sum.
pub(crate) trait Sums {
    fn add(sum: f32, a: f32, b: f32) -> f32;
}

/// In one instruction with one rounding: only for kernels compiled for machines that have it, others call a function.
pub(crate) struct Fused;

/// In two.
pub(crate) struct Apart;

impl Sums for Fused {
    #[inline(always)]
    fn add(sum: f32, a: f32, b: f32) -> f32 {
        a.mul_add(b, sum)
    }
}

impl Sums for Apart {
    #[inline(always)]
    fn add(sum: f32, a: f32, b: f32) -> f32 {
        sum + a * b
    }
}

/// Values summed at once.
const LANES: usize = 16;

/// What `add(sum, a, b)` makes of pairs of values, in lanes that the compiler keeps in registers.
#[inline(always)]
pub(crate) fn sum_pairs(a: &[f32], b: &[f32], add: impl Fn(f32, f32, f32) -> f32) -> f32 {
    let ((whole_a, rest_a), (whole_b, rest_b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut lanes = [0f32; LANES];
    for (a, b) in whole_a.iter().zip(whole_b) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane = add(*lane, *a, *b);
        }
    }
    let rest = rest_a.iter().zip(rest_b).fold(0.0, |sum, (a, b)| add(sum, *a, *b));
    // Through memory once: the compiler would otherwise take the lanes apart in the loop above, as it needs them here.
    let mut lanes = std::hint::black_box(lanes);
    // Halves onto each other: sixteen additions one after another would wait for each other.
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
    }
    lanes[0] + rest
}

/// `e^x` within 2e-7 of the value, for x from −87 to 88; outside it gives the nearest of these two. Cody
/// and Waite's reduction by ln 2 in two parts, and a polynomial of degree 6 (Taylor's terms; the rest is
/// below 2^-24 on ±ln2/2).
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    /// Added and taken away again, it rounds to an integer that stands in the low bits.
    const ROUNDER: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUNDER;
    let n = shifted - ROUNDER;
    let r = (x - n * LN2_HIGH) - n * LN2_LOW;
    let mut p = 1.0 / 720.0;
    for term in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = p * r + term;
    }
    f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// Abramowitz and Stegun's 7.1.26: within 1.5e-7 of the error function, for x of either sign.
#[inline(always)]
fn erf(x: f32) -> f32 {
    let near = 1.0 / (1.0 + 0.327_591_1 * x.abs());
    let mut p = 1.061_405_4;
    for term in [-1.453_152, 1.421_413_8, -0.284_496_74, 0.254_829_6] {
        p = p * near + term;
    }
    (1.0 - p * near * exp(-x * x)).copysign(x)
}

/// `x Φ(x)`, with erf.
#[inline(always)]
pub(crate) fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

#[inline(always)]
fn norm_row(x: &[f32], weights: &[f32], eps: f32, out: &mut [f32]) {
    #[expect(clippy::cast_precision_loss, reason = "widths are far below 2^24")]
    let mean = sum_pairs(x, x, Apart::add) / x.len() as f32;
    let scale = 1.0 / (mean + eps).sqrt();
    for ((out, x), weight) in out.iter_mut().zip(x).zip(weights) {
        *out = x * scale * weight;
    }
}

/// RMS norm of rows of as many values as there are weights, into `out`.
///
/// # Panics
/// When the sizes differ.
pub fn rms_norm(cpu: &mut Cpu, rows: &[f32], weights: &[f32], eps: f32, out: &mut [f32]) {
    assert!(!weights.is_empty() && rows.len() == out.len(), "a norm's sizes");
    let (isa, width) = (cpu.isa, weights.len());
    cpu.pool.run_chunks(out, width, &|row, out| {
        let x = &rows[row * width..(row + 1) * width];
        chosen!(isa, norm_row(x: &[f32], weights: &[f32], eps: f32, out: &mut [f32]));
    });
}

#[inline(always)]
fn layer_norm_row(x: &mut [f32], weights: &[f32], shifts: &[f32], eps: f32) {
    #[expect(clippy::cast_precision_loss, reason = "widths are far below 2^24")]
    let share = 1.0 / x.len() as f32;
    let mean = sum_pairs(x, x, |sum, a, _| sum + a) * share;
    x.iter_mut().for_each(|x| *x -= mean);
    let scale = 1.0 / (sum_pairs(x, x, Apart::add) * share + eps).sqrt();
    for ((x, weight), shift) in x.iter_mut().zip(weights).zip(shifts) {
        *x = *x * scale * weight + shift;
    }
}

/// Layer norm (Ba et al. 2016) of rows of as many values as there are weights, in their place.
///
/// # Panics
/// When there are no weights, or not as many shifts.
pub fn layer_norm(cpu: &mut Cpu, rows: &mut [f32], weights: &[f32], shifts: &[f32], eps: f32) {
    assert!(!weights.is_empty() && weights.len() == shifts.len(), "a norm's sizes");
    let isa = cpu.isa;
    cpu.pool.run_chunks(rows, weights.len(), &|_, x| {
        chosen!(isa, layer_norm_row(x: &mut [f32], weights: &[f32], shifts: &[f32], eps: f32));
    });
}

#[inline(always)]
fn gate_row(gate: &mut [f32], up: &[f32]) {
    for (gate, up) in gate.iter_mut().zip(up) {
        *gate = *gate / (1.0 + exp(-*gate)) * up;
    }
}

/// SwiGLU of rows that hold a gate and an up part of `inner` values each: `silu(gate) * up` takes the
/// gate's place. Rows lie `2 * inner` apart.
pub fn swiglu(cpu: &mut Cpu, rows: &mut [f32], inner: usize) {
    let isa = cpu.isa;
    cpu.pool.run_chunks(rows, 2 * inner, &|_, row| {
        let (gate, up) = row.split_at_mut(inner);
        let up: &[f32] = up;
        chosen!(isa, gate_row(gate: &mut [f32], up: &[f32]));
    });
}

/// `tanh(a + told_a) · σ(b + told_b)` of rows `[a, b]` of as many values as `told`, the gate of WaveNet
/// (van den Oord et al. 2016), into rows of half the width.
///
/// # Panics
/// When there are not as many rows.
pub fn gate_tanh(cpu: &mut Cpu, rows: &[f32], told: &[f32], out: &mut [f32]) {
    #[inline(always)]
    fn row(both: &[f32], told: &[f32], out: &mut [f32]) {
        let ((a, b), (told_a, told_b)) = (both.split_at(out.len()), told.split_at(out.len()));
        let of = a.iter().zip(b).zip(told_a.iter().zip(told_b));
        for (out, ((a, b), (told_a, told_b))) in out.iter_mut().zip(of) {
            let (twice, open) = (exp(2.0 * (a + told_a)), exp(-(b + told_b)));
            *out = (1.0 - 2.0 / (twice + 1.0)) / (1.0 + open);
        }
    }
    let (isa, width) = (cpu.isa, told.len());
    assert_eq!(rows.len(), out.len() * 2, "rows of a gate");
    cpu.pool.run_chunks(out, width / 2, &|at, out| {
        let both = &rows[at * width..(at + 1) * width];
        chosen!(isa, row(both: &[f32], told: &[f32], out: &mut [f32]));
    });
}

/// Which values of a head are rotated against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotaryPairs {
    /// The two halves, as in GPT-NeoX.
    Halves,
    /// Neighbours, as in the paper.
    Neighbours,
}

/// Rotates one head by the cosines and sines of its position, one per pair.
pub fn rotate(head: &mut [f32], cos: &[f32], sin: &[f32], pairs: RotaryPairs) {
    let turn = |a: &mut f32, b: &mut f32, cos: f32, sin: f32| {
        (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
    };
    match pairs {
        RotaryPairs::Halves => {
            let (low, high) = head.split_at_mut(cos.len());
            for (((a, b), c), s) in low.iter_mut().zip(high).zip(cos).zip(sin) {
                turn(a, b, *c, *s);
            }
        }
        RotaryPairs::Neighbours => {
            for (([a, b], c), s) in head.as_chunks_mut::<2>().0.iter_mut().zip(cos).zip(sin) {
                turn(a, b, *c, *s);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_right_to_single_precision() {
        for i in -8700..=8800i16 {
            let x = f32::from(i) / 100.0;
            let want = f64::from(x).exp();
            assert!((f64::from(exp(x)) / want - 1.0).abs() < 3e-7, "{x}: {}", exp(x));
        }
        assert_eq!((exp(0.0), exp(-1e9)), (1.0, exp(-87.0)));
    }

    #[test]
    fn a_norm_leaves_rows_of_mean_square_one() {
        let values: Vec<f32> = (0..2 * 37u8).map(|i| f32::from(i) - 20.0).collect();
        for isa in Isa::available() {
            let mut out = vec![0.0; values.len()];
            let mut cpu = Cpu::with_isa(1, isa);
            rms_norm(&mut cpu, &values, &[2.0; 37], 1e-6, &mut out);
            for (row, values) in out.chunks(37).zip(values.chunks(37)) {
                let mean: f32 = row.iter().map(|v| v * v).sum::<f32>() / 37.0;
                assert!((mean - 4.0).abs() < 1e-4, "{isa:?} {mean}");
                assert!((row[3] / values[3] - row[9] / values[9]).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn a_layer_norm_leaves_rows_of_mean_shift_and_deviation_weight() {
        let mut rows: Vec<f32> = (0..2 * 37u8).map(|i| f32::from(i % 7) * 3.0 - 2.0).collect();
        for isa in Isa::available() {
            layer_norm(&mut Cpu::with_isa(2, isa), &mut rows, &[2.0; 37], &[5.0; 37], 1e-6);
            for row in rows.chunks(37) {
                let mean: f32 = row.iter().sum::<f32>() / 37.0;
                let spread: f32 = row.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / 37.0;
                assert!((mean - 5.0).abs() < 1e-4 && (spread - 4.0).abs() < 1e-4, "{isa:?}");
            }
        }
    }

    #[test]
    fn the_error_function_is_that_of_the_table() {
        for (x, want) in [(0.0, 0.0), (0.5, 0.520_499_9), (1.0, 0.842_700_8), (-2.0, -0.995_322_3)]
        {
            assert!((erf(x) - want).abs() < 3e-7, "{x}: {}", erf(x));
        }
    }

    #[test]
    fn a_gate_is_silu_times_up() {
        let rows: Vec<f32> = (0..2 * 2 * 21u8).map(|i| f32::from(i) * 0.3 - 12.0).collect();
        for isa in Isa::available() {
            let mut out = rows.clone();
            swiglu(&mut Cpu::with_isa(1, isa), &mut out, 21);
            for (got, row) in out.chunks(42).zip(rows.chunks(42)) {
                for i in 0..21 {
                    let want = row[i] / (1.0 + (-row[i]).exp()) * row[21 + i];
                    assert!((got[i] - want).abs() <= want.abs() * 1e-6 + 1e-6, "{isa:?} {i}");
                }
            }
        }
    }

    #[test]
    fn a_wavenet_gate_is_tanh_times_sigmoid() {
        let rows: Vec<f32> = (0..2 * 2 * 21u8).map(|i| f32::from(i) * 0.3 - 12.0).collect();
        let told: Vec<f32> = (0..42u8).map(|i| f32::from(i % 5) - 2.0).collect();
        for isa in Isa::available() {
            let mut out = vec![0.0; 42];
            gate_tanh(&mut Cpu::with_isa(1, isa), &rows, &told, &mut out);
            for (at, got) in out.iter().enumerate() {
                let (row, i) = (at / 21, at % 21);
                let (a, b) = (rows[row * 42 + i] + told[i], rows[row * 42 + 21 + i] + told[21 + i]);
                let want = a.tanh() / (1.0 + (-b).exp());
                assert!((got - want).abs() < 1e-6, "{isa:?} {at}: {got} {want}");
            }
        }
    }

    #[test]
    fn rotation_keeps_the_length_and_both_orders_agree() {
        let (cos, sin) = ([0.6, 0.28], [0.8, 0.96]);
        let mut halves = [1.0, 2.0, 3.0, 4.0];
        rotate(&mut halves, &cos, &sin, RotaryPairs::Halves);
        let mut neighbours = [1.0, 3.0, 2.0, 4.0];
        rotate(&mut neighbours, &cos, &sin, RotaryPairs::Neighbours);
        assert_eq!(halves, [neighbours[0], neighbours[2], neighbours[1], neighbours[3]]);
        assert!((halves.iter().map(|v| v * v).sum::<f32>() - 30.0).abs() < 1e-4);
    }
}
