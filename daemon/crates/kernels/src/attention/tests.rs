//! Attention beside sums in f64.

use super::*;
use crate::KvPrecision;

fn widened(rows: Rows<'_>, positions: usize, dim: usize) -> Vec<f32> {
    let mut wide = vec![0.0; positions * dim];
    match rows {
        Rows::Half(rows) => rows.widen(0, dim, &mut wide),
        Rows::Eight(rows) => rows.widen(0, dim, &mut wide),
    }
    wide
}

/// Softmax attention in f64 over the keys and values as they are kept.
fn plain(kv: &KvStore, head: usize, query: &[f32], visible: usize) -> Vec<f64> {
    let (keys, values) = kv.head(head, visible);
    let dim = query.len();
    let (keys, values) = (widened(keys, visible, dim), widened(values, visible, dim));
    let dot = |key: &[f32]| -> f64 {
        query.iter().zip(key).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum()
    };
    let scores: Vec<f64> =
        keys.chunks(dim).map(|key| (dot(key) / (dim as f64).sqrt()).exp()).collect();
    let total: f64 = scores.iter().sum();
    let mut out = vec![0.0; dim];
    for (score, value) in scores.iter().zip(values.chunks(dim)) {
        out.iter_mut().zip(value).for_each(|(o, v)| *o += score / total * f64::from(*v));
    }
    out
}

#[test]
fn every_row_sees_all_before_it_and_itself() {
    let noise = |n: usize| ((n as f32 * 12.9898).sin() * 43_758.547).fract() * 2.0;
    for (heads, kv_heads, dim, length, rows, precision) in [
        (4, 2, 16, 150, 37, KvPrecision::Half),
        (3, 1, 64, 65, 1, KvPrecision::Half),
        (2, 2, 40, 20, 20, KvPrecision::Half),
        (4, 2, 16, 150, 37, KvPrecision::Eight),
        (3, 1, 64, 65, 1, KvPrecision::Eight),
    ] {
        let mut kv = KvStore::with_precision(kv_heads, dim, precision);
        for t in 0..length {
            let row = |seed: usize| -> Vec<f32> {
                (0..kv_heads * dim).map(|i| noise(t * 977 + i * 3 + seed)).collect()
            };
            kv.push(&row(1), &row(2));
        }
        let stride = heads * dim + 5;
        let queries: Vec<f32> = (0..rows * stride).map(|i| noise(i * 7 + 3) * 2.0).collect();
        for isa in Isa::available() {
            for threads in [1, 3] {
                let mut cpu = Cpu::with_isa(threads, isa);
                let mut out = vec![f32::NAN; rows * heads * dim];
                let shape = AttentionShape { heads, stride };
                attend(&mut cpu, &queries, rows, shape, &kv, &mut out);
                for row in 0..rows {
                    for head in 0..heads {
                        let query = &queries[row * stride + head * dim..][..dim];
                        let visible = length - rows + row + 1;
                        let want = plain(&kv, head / (heads / kv_heads), query, visible);
                        let got = &out[(row * heads + head) * dim..][..dim];
                        for (got, want) in got.iter().zip(want) {
                            assert!((f64::from(*got) - want).abs() < 1e-5, "{isa:?} {row}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn in_tiles_rows_see_the_same_but_for_bf16() {
    let noise = |n: usize| ((n as f32 * 12.9898).sin() * 43_758.547).fract() * 2.0;
    for (heads, kv_heads, dim, length, rows, precision) in [
        (6, 2, 64, 150, 37, KvPrecision::Half),
        (2, 1, 32, 70, 70, KvPrecision::Eight),
        (3, 3, 128, 40, 25, KvPrecision::Half),
    ] {
        let mut kv = KvStore::with_precision(kv_heads, dim, precision);
        for t in 0..length {
            let row = |seed: usize| -> Vec<f32> {
                (0..kv_heads * dim).map(|i| noise(t * 977 + i * 3 + seed)).collect()
            };
            kv.push(&row(1), &row(2));
        }
        let stride = heads * dim + 5;
        let queries: Vec<f32> = (0..rows * stride).map(|i| noise(i * 7 + 3) * 2.0).collect();
        let shape = AttentionShape { heads, stride };
        let mut written_out = vec![f32::NAN; rows * heads * dim];
        let target = Target { to: written_out.as_mut_ptr() };
        for head in 0..kv_heads {
            let (keys, values) = kv.head(head, length);
            let shared = heads / kv_heads;
            let block = crate::tiled_attention::Block {
                isa: Isa::Scalar,
                queries: &queries,
                shape,
                head: head * shared,
                shared,
                first: 0,
                rows,
                before: length - rows,
                keys,
                values,
                dim,
            };
            block.attend(&mut crate::amx::WrittenOut::new(), &target, &mut Vec::new());
        }
        let mut detected = vec![f32::NAN; rows * heads * dim];
        attend(&mut Cpu::new(3), &queries, rows, shape, &kv, &mut detected);
        for (n, got) in [written_out, detected].iter().enumerate() {
            for row in 0..rows {
                for head in 0..heads {
                    let query = &queries[row * stride + head * dim..][..dim];
                    let visible = length - rows + row + 1;
                    let want = plain(&kv, head / (heads / kv_heads), query, visible);
                    let got = &got[(row * heads + head) * dim..][..dim];
                    for (got, want) in got.iter().zip(want) {
                        assert!((f64::from(*got) - want).abs() < 0.03, "{n} {row}: {got} {want}");
                    }
                }
            }
        }
    }
}

#[test]
fn rows_taken_singly_are_those_that_come_one_at_a_time() {
    let noise = |n: usize| ((n as f32 * 12.9898).sin() * 43_758.547).fract() * 2.0;
    let (heads, dim, rows) = (4, 16, 7);
    let shape = AttentionShape { heads, stride: heads * dim };
    let queries: Vec<f32> = (0..rows * shape.stride).map(|i| noise(i * 7 + 3)).collect();
    // The rows lie across the end of a tile.
    for before in [0, 60, 64] {
        for isa in Isa::available() {
            let mut cpu = Cpu::with_isa(2, isa);
            let mut kv = KvStore::new(2, dim);
            let mut singly = vec![0.0; rows * shape.stride];
            for t in 0..before + rows {
                let row = |seed: usize| -> Vec<f32> {
                    (0..2 * dim).map(|i| noise(t * 977 + i * 3 + seed)).collect()
                };
                kv.push(&row(1), &row(2));
                if t >= before {
                    let at = (t - before) * shape.stride..(t - before + 1) * shape.stride;
                    attend(&mut cpu, &queries[at.clone()], 1, shape, &kv, &mut singly[at]);
                }
            }
            let mut together = vec![0.0; rows * shape.stride];
            attend_singly(&mut cpu, &queries, rows, shape, &kv, &mut together);
            assert_eq!(together, singly, "{isa:?} after {before}");
        }
    }
}

#[test]
fn eight_bits_come_near_half_precision_at_half_the_memory() {
    let noise = |n: usize| ((n as f32 * 12.9898).sin() * 43_758.547).fract() * 2.0;
    let (heads, dim, length) = (4, 64, 500);
    let mut stores = [KvPrecision::Half, KvPrecision::Eight]
        .map(|precision| KvStore::with_precision(2, dim, precision));
    for t in 0..length {
        let row = |seed: usize| -> Vec<f32> {
            (0..2 * dim).map(|i| noise(t * 977 + i * 3 + seed)).collect()
        };
        stores.iter_mut().for_each(|kv| kv.push(&row(1), &row(2)));
    }
    assert!(stores[1].size() * 100 < stores[0].size() * 52);
    let shape = AttentionShape { heads, stride: heads * dim };
    for rows in [1, 8] {
        let queries: Vec<f32> = (0..rows * shape.stride).map(|i| noise(i * 7 + 3)).collect();
        let [half, eight] = [0, 1].map(|n| {
            let mut out = vec![0.0; rows * shape.stride];
            attend(&mut Cpu::new(2), &queries, rows, shape, &stores[n], &mut out);
            out
        });
        let sum = |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>();
        let apart = sum(&mut half.iter().zip(&eight).map(|(a, b)| a - b));
        let all = sum(&mut half.iter().copied());
        assert!((apart / all).sqrt() < 0.01, "{}", (apart / all).sqrt());
    }
}
