//! Attention in f32 over keys and values that are kept: each row sees the first so many positions. Keys
//! lie across, so that the scores of neighbouring positions are computed side by side.

use crate::elementwise::{Sums, chosen, exp};
use crate::{Cpu, Isa};

/// Positions or values computed side by side: two registers of AVX2.
const COLUMNS: usize = 16;
/// Positions a store has room for at first.
const FIRST: usize = 64;
/// Rows of a head that a thread takes at once.
const ROWS: usize = 32;
/// Rows that share what is read of keys and values.
const GROUP: usize = 4;

/// Keys and values of one layer.
#[derive(Debug, Clone)]
pub struct FloatKv {
    /// `[heads, dim, capacity]`.
    keys: Vec<f32>,
    /// `[heads, capacity, dim]`.
    values: Vec<f32>,
    heads: usize,
    dim: usize,
    capacity: usize,
    length: usize,
}

impl FloatKv {
    /// An empty store.
    #[must_use]
    pub fn new(heads: usize, dim: usize) -> Self {
        Self { keys: Vec::new(), values: Vec::new(), heads, dim, capacity: 0, length: 0 }
    }

    /// Positions held.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Makes room for `length` positions.
    pub fn reserve(&mut self, length: usize) {
        if length <= self.capacity {
            return;
        }
        let capacity = length.next_power_of_two().max(FIRST);
        let mut keys = vec![0f32; self.heads * self.dim * capacity];
        for row in 0..self.heads * self.dim {
            let from = row * self.capacity;
            keys[row * capacity..row * capacity + self.length]
                .copy_from_slice(&self.keys[from..from + self.length]);
        }
        let mut values = vec![0f32; self.heads * capacity * self.dim];
        for head in 0..self.heads {
            let (from, to) = (head * self.capacity * self.dim, head * capacity * self.dim);
            let held = self.length * self.dim;
            values[to..to + held].copy_from_slice(&self.values[from..from + held]);
        }
        (self.keys, self.values, self.capacity) = (keys, values, capacity);
    }

    /// Appends a position: keys and values `[heads, dim]`.
    ///
    /// # Panics
    /// When the sizes differ.
    pub fn push(&mut self, keys: &[f32], values: &[f32]) {
        let (width, dim, at) = (self.heads * self.dim, self.dim, self.length);
        assert!(keys.len() == width && values.len() == width, "a position");
        self.reserve(at + 1);
        for (row, key) in keys.iter().enumerate() {
            self.keys[row * self.capacity + at] = *key;
        }
        for (head, values) in values.chunks_exact(dim).enumerate() {
            let to = (head * self.capacity + at) * dim;
            self.values[to..to + dim].copy_from_slice(values);
        }
        self.length += 1;
    }

    /// Keys and values of a position, `[heads, dim]` each.
    #[must_use]
    pub fn position(&self, at: usize) -> (Vec<f32>, Vec<f32>) {
        let rows = 0..self.heads * self.dim;
        let keys = rows.map(|row| self.keys[row * self.capacity + at]).collect();
        let value = |head: usize| (head * self.capacity + at) * self.dim;
        let values = (0..self.heads).flat_map(|head| &self.values[value(head)..][..self.dim]);
        (keys, values.copied().collect())
    }
}

/// Queries that attend, in rows of `stride` values that begin with their heads one after another.
#[derive(Debug, Clone, Copy)]
pub struct Queries<'a> {
    /// Rows.
    pub values: &'a [f32],
    /// Values from one row to the next.
    pub stride: usize,
    /// How many.
    pub rows: usize,
}

/// Some rows of one head.
struct Block<'a> {
    queries: Queries<'a>,
    first: usize,
    seen: &'a [usize],
    keys: &'a [f32],
    values: &'a [f32],
    dim: usize,
    capacity: usize,
}

/// Softmax attention, scores divided by √dim; row `r` sees the first `seen[r]` positions; `out` `[rows,
/// heads, dim]`.
///
/// # Panics
/// When the sizes do not fit, or a row sees nothing or more than there is.
pub fn attend_floats(
    cpu: &mut Cpu,
    queries: Queries<'_>,
    seen: &[usize],
    kv: &FloatKv,
    out: &mut [f32],
) {
    let (heads, dim, rows) = (kv.heads, kv.dim, queries.rows);
    assert!(
        seen.len() == rows && seen.iter().all(|n| (1..=kv.length).contains(n)),
        "rows that see"
    );
    assert!(queries.stride >= heads * dim, "a row of queries");
    assert!(rows == 0 || queries.values.len() >= (rows - 1) * queries.stride + heads * dim);
    assert!(out.len() >= rows * heads * dim, "room for the outcome");
    let (isa, blocks) = (cpu.isa, rows.div_ceil(ROWS));
    let target = Target(out.as_mut_ptr());
    let target = &target;
    cpu.pool.run(heads * blocks, &move |part| {
        let (head, first) = (part / blocks, part % blocks * ROWS);
        let count = ROWS.min(rows - first);
        let block = Block {
            queries: Queries { values: &queries.values[head * dim..], rows: count, ..queries },
            first,
            seen: &seen[first..first + count],
            keys: &kv.keys[head * dim * kv.capacity..(head + 1) * dim * kv.capacity],
            values: &kv.values[head * dim * kv.capacity..(head + 1) * dim * kv.capacity],
            dim,
            capacity: kv.capacity,
        };
        let mut outcome = vec![0f32; count * dim];
        let (block, into) = (&block, &mut outcome[..]);
        chosen!(isa, all_rows(block: &Block<'_>, into: &mut [f32]) with sums);
        for (row, values) in outcome.chunks_exact(dim).enumerate() {
            let at = ((first + row) * heads + head) * dim;
            // SAFETY: the place lies below `rows * heads * dim`, which was checked; this head of this row
            // is written here alone.
            #[expect(unsafe_code, reason = "heads are shared out, and do not lie together")]
            unsafe {
                std::slice::from_raw_parts_mut(target.0.add(at), dim).copy_from_slice(values);
            }
        }
    });
}

/// Where heads' outcomes go; each head of each row is written by one thread.
struct Target(*mut f32);

// SAFETY: threads write disjoint heads and rows, within the slice lent to `attend_floats`.
#[expect(unsafe_code, reason = "heads are shared out, and do not lie together")]
unsafe impl Sync for Target {}

#[inline(always)]
fn all_rows<S: Sums>(block: &Block<'_>, out: &mut [f32]) {
    let mut scores = vec![0f32; GROUP.min(block.queries.rows) * block.capacity];
    for (n, out) in out.chunks_mut(GROUP * block.dim).enumerate() {
        if out.len() == GROUP * block.dim {
            group::<S, GROUP>(block, n * GROUP, &mut scores, out);
        } else {
            for (row, out) in out.chunks_exact_mut(block.dim).enumerate() {
                group::<S, 1>(block, n * GROUP + row, &mut scores, out);
            }
        }
    }
}

/// `R` rows from `first` on.
#[inline(always)]
fn group<S: Sums, const R: usize>(
    block: &Block<'_>,
    first: usize,
    scores: &mut [f32],
    out: &mut [f32],
) {
    let (dim, capacity) = (block.dim, block.capacity);
    let seen: [usize; R] = std::array::from_fn(|r| block.seen[first + r]);
    let most = seen.iter().copied().max().unwrap_or(0).next_multiple_of(COLUMNS).min(capacity);
    let queries: [&[f32]; R] = std::array::from_fn(|r| {
        let at = (block.first + first + r) * block.queries.stride;
        &block.queries.values[at..at + dim]
    });
    for at in (0..most).step_by(COLUMNS) {
        let sums = columns::<S, R>(queries, &block.keys[at..], capacity);
        for (r, sums) in sums.iter().enumerate() {
            scores[r * capacity + at..r * capacity + at + COLUMNS].copy_from_slice(sums);
        }
    }
    let mut shares = [0f32; R];
    for (r, scores) in scores.chunks_exact_mut(capacity).take(R).enumerate() {
        shares[r] = 1.0 / weigh(&mut scores[..seen[r]], dim);
        scores[seen[r]..most].fill(0.0);
    }
    let weights: [&[f32]; R] = std::array::from_fn(|r| &scores[r * capacity..r * capacity + most]);
    let whole = dim / COLUMNS * COLUMNS;
    for at in (0..whole).step_by(COLUMNS) {
        let sums = columns::<S, R>(weights, &block.values[at..], dim);
        for (r, sums) in sums.iter().enumerate() {
            let to = &mut out[r * dim + at..r * dim + at + COLUMNS];
            to.iter_mut().zip(sums).for_each(|(to, sum)| *to = sum * shares[r]);
        }
    }
    for at in whole..dim {
        for r in 0..R {
            let values = block.values[at..].iter().step_by(dim);
            let sum: f32 = weights[r].iter().zip(values).map(|(w, v)| w * v).sum();
            out[r * dim + at] = sum * shares[r];
        }
    }
}

/// `R` rows times sixteen columns: `a[row][k] * b[k][column]`, `b` in rows of `stride` values.
#[inline(always)]
fn columns<S: Sums, const R: usize>(
    a: [&[f32]; R],
    b: &[f32],
    stride: usize,
) -> [[f32; COLUMNS]; R] {
    let mut sums = [[0f32; COLUMNS]; R];
    for (k, b) in b.chunks(stride).enumerate().take(a[0].len()) {
        let Some(b) = b.first_chunk::<COLUMNS>() else { break };
        for (sums, a) in sums.iter_mut().zip(a) {
            let a = a[k];
            sums.iter_mut().zip(b).for_each(|(sum, b)| *sum = S::add(*sum, a, *b));
        }
    }
    sums
}

/// Makes `e^(score / √dim − most)` of scores and gives their sum.
#[inline(always)]
fn weigh(scores: &mut [f32], dim: usize) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "head sizes")]
    let scale = 1.0 / (dim as f32).sqrt();
    let mut lanes = [f32::NEG_INFINITY; COLUMNS];
    let (whole, rest) = scores.as_chunks::<COLUMNS>();
    for scores in whole {
        lanes.iter_mut().zip(scores).for_each(|(lane, score)| *lane = lane.max(*score));
    }
    let most = lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |most, score| most.max(*score));
    let mut sums = [0f32; COLUMNS];
    let (whole, rest) = scores.as_chunks_mut::<COLUMNS>();
    for scores in whole {
        for (sum, score) in sums.iter_mut().zip(scores) {
            *score = exp((*score - most) * scale);
            *sum += *score;
        }
    }
    let mut sum: f32 = sums.iter().sum();
    for score in rest {
        *score = exp((*score - most) * scale);
        sum += *score;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|i| (((i + 1) * (seed + 3)) as f32 * 0.713).sin()).collect()
    }

    #[test]
    fn rows_see_as_many_positions_as_they_are_told() {
        for (heads, dim, length, rows) in [(2, 16, 70, 9), (3, 24, 5, 1), (1, 6, 130, 37)] {
            let width = heads * dim;
            let mut kv = FloatKv::new(heads, dim);
            let (keys, values) = (noise(length * width, 1), noise(length * width, 2));
            for (keys, values) in keys.chunks(width).zip(values.chunks(width)) {
                kv.push(keys, values);
            }
            assert_eq!(
                kv.position(3),
                (keys[3 * width..][..width].to_vec(), values[3 * width..][..width].to_vec())
            );
            let queries = noise(rows * (width + 2), 3);
            let seen: Vec<usize> = (0..rows).map(|r| 1 + r * 7 % length).collect();
            for isa in Isa::available() {
                let mut out = vec![0.0; rows * width];
                let queries = Queries { values: &queries, stride: width + 2, rows };
                attend_floats(&mut Cpu::with_isa(2, isa), queries, &seen, &kv, &mut out);
                for (at, got) in out.iter().enumerate() {
                    let (row, head, i) = (at / width, at % width / dim, at % dim);
                    let score = |p: usize| -> f64 {
                        let of = |d: usize| {
                            let q = queries.values[row * (width + 2) + head * dim + d];
                            f64::from(q * keys[p * width + head * dim + d])
                        };
                        (0..dim).map(of).sum::<f64>() / (dim as f64).sqrt()
                    };
                    let weights: Vec<f64> = (0..seen[row]).map(|p| score(p).exp()).collect();
                    let value = |p: usize| f64::from(values[p * width + head * dim + i]);
                    let mixed = weights.iter().enumerate().map(|(p, w)| w * value(p)).sum::<f64>();
                    let want = mixed / weights.iter().sum::<f64>();
                    assert!((f64::from(*got) - want).abs() < 1e-5, "{isa:?} {at}: {got} {want}");
                }
            }
        }
    }
}
