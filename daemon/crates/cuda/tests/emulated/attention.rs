//! Positions, the cache, and attention over it.

use companion_cuda::ops::{
    Attention, History, Limits, Projected, Rotary, RotaryPairs, RotaryReference, Scratch, attend,
    attend_reference, rotate_append, rotate_reference,
};
use companion_cuda::{CacheShape, Device, Error, KvCache, KvPrecision, Stream};
use half::f16;

use crate::support::{Numbers, assert_close, device, read, wide};

const PRECISIONS: [KvPrecision; 2] = [KvPrecision::Half, KvPrecision::Eight];

fn speeds(dim: usize) -> Vec<f32> {
    (0..dim / 2).map(|p| 10000f32.powf(-2.0 * p as f32 / dim as f32)).collect()
}

/// A cache with `length` positions of seeded values.
fn filled(
    n: &mut Numbers,
    (device, stream): (&Device, &Stream),
    shape: CacheShape,
    precision: KvPrecision,
    length: usize,
) -> KvCache {
    let mut cache = KvCache::new(device, shape, precision).unwrap();
    let count = shape.heads * length * shape.dim;
    let (keys, values) = (wide(&n.halves(count)), wide(&n.halves(count)));
    cache.write(stream, length, &keys, &values).unwrap();
    cache
}

fn attended(
    stream: &Stream,
    cache: &KvCache,
    queries: &[f16],
    (rows, heads, past): (usize, usize, usize),
) -> Vec<f32> {
    let device = stream.device();
    let dim = cache.shape().dim;
    let past = device.upload(&[u32::try_from(past).unwrap()]).unwrap();
    let queries = device.upload(queries).unwrap();
    let mut out = device.buffer::<f16>(rows * heads * dim).unwrap();
    let limits = Limits { rows: 64, inputs: 64, heads, head_dim: dim };
    let mut scratch = Scratch::new(&device, limits).unwrap();
    let attention = Attention { queries: &queries, rows, heads, cache, past: &past };
    attend(stream, attention, &mut out, &mut scratch).unwrap();
    wide(&read(stream, &out))
}

#[test]
fn attention_equals_the_reference_across_heads_lengths_and_precisions() {
    let (device, stream) = device();
    let mut n = Numbers(21);
    let shapes = [(128, 5, 1), (128, 10, 2), (64, 7, 1), (64, 4, 4), (32, 8, 2), (96, 6, 3)];
    for precision in PRECISIONS {
        for (dim, heads, kv) in shapes {
            for (past, rows) in [(0, 1), (31, 1), (63, 2), (300, 1), (64, 16), (0, 17), (40, 50)] {
                let length = past + rows;
                let shape = CacheShape { heads: kv, dim, capacity: length + n.below(100) };
                let cache = filled(&mut n, (&device, &stream), shape, precision, length);
                let queries = n.halves(rows * heads * dim);
                let got = attended(&stream, &cache, &queries, (rows, heads, past));
                let (keys, values) = cache.read(&stream, length).unwrap();
                let history = History { keys: &keys, values: &values, heads: kv, dim };
                let want = attend_reference(&wide(&queries), heads, past, history);
                let what = format!("{precision:?} {dim} {heads}/{kv} {past}+{rows}");
                assert_close(&got, &want, 2e-3, &what);
            }
        }
    }
}

#[test]
fn a_long_history_is_joined_from_its_parts() {
    let (device, stream) = device();
    let mut n = Numbers(22);
    for precision in PRECISIONS {
        let shape = CacheShape { heads: 1, dim: 64, capacity: 5000 };
        let cache = filled(&mut n, (&device, &stream), shape, precision, 4700);
        let queries = n.halves(3 * 64);
        let got = attended(&stream, &cache, &queries, (1, 3, 4699));
        let (keys, values) = cache.read(&stream, 4700).unwrap();
        let history = History { keys: &keys, values: &values, heads: 1, dim: 64 };
        let want = attend_reference(&wide(&queries), 3, 4699, history);
        assert_close(&got, &want, 2e-3, &format!("{precision:?}"));
    }
}

#[test]
fn a_row_attends_the_same_however_many_rows_come_with_it() {
    let (device, stream) = device();
    let mut n = Numbers(23);
    let shape = CacheShape { heads: 2, dim: 64, capacity: 256 };
    let cache = filled(&mut n, (&device, &stream), shape, KvPrecision::Half, 212);
    let queries = n.halves(12 * 10 * 64);
    let all = attended(&stream, &cache, &queries, (12, 10, 200));
    for row in [0, 5, 11] {
        let here = row * 640..(row + 1) * 640;
        let alone = attended(&stream, &cache, &queries[here.clone()], (1, 10, 200 + row));
        assert_eq!(alone, all[here], "{row}");
    }
}

#[test]
fn a_reference_that_sees_equal_keys_takes_the_mean_of_values() {
    let history =
        History { keys: &[1.0; 6], values: &[1.0, 2.0, 3.0, 4.0, 8.0, 9.0], heads: 1, dim: 2 };
    let mixed = attend_reference(&[0.5, 0.5, 0.5, 0.5], 1, 1, history);
    assert_close(&mixed, &[2.0, 3.0, 4.0, 5.0], 1e-6, "means");
}

#[test]
fn rows_are_normed_rotated_and_kept_as_the_reference_says() {
    let (device, stream) = device();
    let mut n = Numbers(24);
    for precision in PRECISIONS {
        for pairs in [RotaryPairs::Halves, RotaryPairs::Neighbours] {
            for (dim, heads, kv, past, rows) in
                [(128, 4, 2, 61, 5), (64, 7, 1, 0, 1), (96, 2, 2, 127, 2), (32, 3, 1, 64, 3)]
            {
                let qkv = n.halves(rows * (heads + 2 * kv) * dim);
                let speeds = speeds(dim);
                let (q, k) = (n.values(dim), n.values(dim));
                let norms = dim != 64;
                let how = RotaryReference {
                    speeds: &speeds,
                    pairs,
                    norms: norms.then_some((&q[..], &k[..], 1e-6)),
                    heads: (heads, kv),
                    precision,
                };
                let want = rotate_reference(how, &wide(&qkv), past);

                let shape = CacheShape { heads: kv, dim, capacity: past + rows };
                let mut cache = KvCache::new(&device, shape, precision).unwrap();
                let (q, k) = (device.upload(&q).unwrap(), device.upload(&k).unwrap());
                let on_device = device.upload(&speeds).unwrap();
                let norms = norms.then_some((&q, &k, 1e-6));
                let rotary = Rotary { speeds: &on_device, pairs, norms };
                let qkv = device.upload(&qkv).unwrap();
                let at = device.upload(&[u32::try_from(past).unwrap()]).unwrap();
                let mut queries = device.buffer::<f16>(rows * heads * dim).unwrap();
                let projected = Projected { qkv: &qkv, rows, heads };
                rotate_append(&stream, rotary, projected, &at, &mut queries, &mut cache).unwrap();

                let what = format!("{precision:?} {pairs:?} {dim} {past}+{rows}");
                assert_close(&wide(&read(&stream, &queries)), &want.queries, 1e-3, &what);
                let (keys, values) = cache.read(&stream, past + rows).unwrap();
                // One step of eight bits where a sum fell on the other side of its middle.
                let tolerance = if precision == KvPrecision::Half { 1e-3 } else { 9e-3 };
                let mut found = (Vec::new(), Vec::new());
                for row in past..past + rows {
                    for head in 0..kv {
                        let from = (head * (past + rows) + row) * dim;
                        found.0.extend_from_slice(&keys[from..from + dim]);
                        found.1.extend_from_slice(&values[from..from + dim]);
                    }
                }
                assert_close(&found.0, &want.keys, tolerance, &what);
                assert_close(&found.1, &want.values, tolerance, &what);
            }
        }
    }
}

#[test]
fn a_cache_grows_with_what_it_holds() {
    let (device, stream) = device();
    let mut n = Numbers(25);
    for precision in PRECISIONS {
        let shape = CacheShape { heads: 2, dim: 32, capacity: 70 };
        let cache = filled(&mut n, (&device, &stream), shape, precision, 70);
        assert_eq!(cache.shape().capacity, 128);
        let grown = cache.grown(&stream, 70, 300).unwrap();
        assert_eq!(grown.shape().capacity, 320);
        assert_eq!(grown.read(&stream, 70).unwrap(), cache.read(&stream, 70).unwrap());
    }
}

#[test]
fn heads_that_are_not_built_are_refused() {
    let (device, _) = device();
    let shape = CacheShape { heads: 1, dim: 48, capacity: 64 };
    let refused = KvCache::new(&device, shape, KvPrecision::Half);
    assert!(matches!(refused, Err(Error::Shape { what: "a head's width", got: 48, .. })));
}
