//! Causal attention over the KV cache with shared key heads (Ainslie et al. 2023), the softmax summed
//! while it goes along the positions (Milakov and Gimelshein 2018; the tiles of FlashAttention), so that
//! no row of scores is kept.

use crate::elementwise::{Sums, chosen, exp, sum_pairs};
use crate::kv::{EightRows, HalfRows, Rows, Widen};
use crate::{Cpu, Isa, KvStore};
#[cfg(target_arch = "x86_64")]
use crate::{activations::LEAST_TILED, tiled_attention, tiled_attention::DEPTH};

/// Positions of a tile.
const TILE: usize = 64;
/// Query rows that share a tile's widened keys and values.
const ROWS: usize = 64;
/// From as many query rows on, turning the keys pays; fewer go one by one, some heads together.
const ROWS_TO_TURN: usize = 4;
/// Heads of a row that share widened keys and values, at most.
const HEADS: usize = 8;
/// Values of the widest head.
pub const MOST_HEAD_DIM: usize = 256;

/// How queries lie and how many heads they have.
#[derive(Debug, Clone, Copy)]
pub struct AttentionShape {
    /// Query heads.
    pub heads: usize,
    /// Values from one row of queries to the next; a row begins with its heads one after another.
    pub stride: usize,
}

/// Queries of some rows of one head, or of some heads of one row, and what they see.
struct Block<'a, K> {
    queries: &'a [f32],
    stride: usize,
    /// Rows or heads.
    rows: usize,
    /// Positions before the first row's own.
    before: usize,
    /// Keys and values of all positions up to the last row's.
    keys: K,
    values: K,
    dim: usize,
}

/// Where heads' outcomes go; each head of each row is written by one thread.
pub(crate) struct Target {
    to: *mut f32,
}

// SAFETY: threads write disjoint heads and rows, within the slice lent to `attend` for its whole run.
#[expect(unsafe_code, reason = "heads are shared out, and do not lie together")]
unsafe impl Sync for Target {}

/// Attention of the last `rows` positions over all that `kv` holds, into `out` `[rows, heads, dim]`.
///
/// # Panics
/// When the sizes do not fit.
pub fn attend(
    cpu: &mut Cpu,
    queries: &[f32],
    rows: usize,
    shape: AttentionShape,
    kv: &KvStore,
    out: &mut [f32],
) {
    #[cfg(target_arch = "x86_64")]
    if cpu.isa == Isa::Amx && rows >= LEAST_TILED && kv.dim().is_multiple_of(DEPTH) {
        return attend_in_tiles(cpu, (queries, rows), shape, kv, out);
    }
    if rows < ROWS_TO_TURN {
        return attend_singly(cpu, queries, rows, shape, kv, out);
    }
    attend_in_blocks(cpu, (queries, rows), shape, kv, out);
}

/// The same, with each row's outcome equal bit by bit to what it is when the rows come one at a time.
///
/// # Panics
/// When the sizes do not fit.
pub fn attend_singly(
    cpu: &mut Cpu,
    queries: &[f32],
    rows: usize,
    shape: AttentionShape,
    kv: &KvStore,
    out: &mut [f32],
) {
    let (dim, length) = (kv.dim(), kv.length());
    let AttentionShape { heads, stride } = shape;
    let shared = checked((queries, rows), shape, kv, out);
    // Keys and values are widened once for the heads of a group; several groups even out the threads.
    let wanted = (2 * cpu.threads()).div_ceil(kv.heads() * rows.max(1));
    let groups = wanted.clamp(shared.div_ceil(HEADS), shared);
    let (isa, target) = (cpu.isa, Target { to: out.as_mut_ptr() });
    let target = &target;
    cpu.pool.run(rows * kv.heads() * groups, &move |part| {
        let (row, part) = (part / (kv.heads() * groups), part % (kv.heads() * groups));
        let (kv_head, group) = (part / groups, part % groups);
        let first = kv_head * shared + shared * group / groups;
        let count = kv_head * shared + shared * (group + 1) / groups - first;
        let before = length - rows + row;
        let (keys, values) = kv.head(kv_head, before + 1);
        let queries = &queries[row * stride + first * dim..];
        let mut outcome = [0f32; HEADS * MOST_HEAD_DIM];
        let into = &mut outcome[..count * dim];
        match (keys, values) {
            (Rows::Half(keys), Rows::Half(values)) => {
                let block = Block { queries, stride: dim, rows: count, before, keys, values, dim };
                half_heads(isa, &block, into);
            }
            (Rows::Eight(keys), Rows::Eight(values)) => {
                let block = Block { queries, stride: dim, rows: count, before, keys, values, dim };
                eight_heads(isa, &block, into);
            }
            // A store keeps both alike.
            _ => {}
        }
        for (head, outcome) in into.chunks_exact(dim).enumerate() {
            target.put(outcome, row, first + head, (heads, dim));
        }
    });
}

/// Checks the sizes; how many heads share keys and values.
fn checked(
    (queries, rows): (&[f32], usize),
    AttentionShape { heads, stride }: AttentionShape,
    kv: &KvStore,
    out: &[f32],
) -> usize {
    let (dim, length) = (kv.dim(), kv.length());
    assert!(dim <= MOST_HEAD_DIM && heads.is_multiple_of(kv.heads()), "{heads} heads of {dim}");
    assert!(rows <= length && stride >= heads * dim, "{rows} rows of {length} positions");
    assert!(rows == 0 || queries.len() >= (rows - 1) * stride + heads * dim, "rows of queries");
    assert!(out.len() >= rows * heads * dim, "room for the outcome");
    heads / kv.heads()
}

/// Attention in AMX's tiles.
#[cfg(target_arch = "x86_64")]
fn attend_in_tiles(
    cpu: &mut Cpu,
    (queries, rows): (&[f32], usize),
    shape: AttentionShape,
    kv: &KvStore,
    out: &mut [f32],
) {
    let shared = checked((queries, rows), shape, kv, out);
    // More rows share a tile's keys and values; fewer even out the threads.
    let most = if shared < 4 { 64 } else { 32 };
    let (blocks, before, isa) = (rows.div_ceil(most), kv.length() - rows, cpu.isa);
    let (target, rooms) = (&Target { to: out.as_mut_ptr() }, &cpu.lines);
    // The last blocks see the most, and go first.
    let parts = kv.heads() * blocks;
    cpu.pool.run(parts, &move |part| {
        // They are there: the instructions were detected.
        let Some(mut tiles) = crate::amx::Machine::take() else { return };
        let (head, first) = (part % kv.heads(), (blocks - 1 - part / kv.heads()) * most);
        let count = most.min(rows - first);
        let before = before + first;
        let (keys, values) = kv.head(head, before + count);
        let head = head * shared;
        let dim = kv.dim();
        let block = tiled_attention::Block {
            isa,
            queries,
            shape,
            head,
            shared,
            first,
            rows: count,
            before,
            keys,
            values,
            dim,
        };
        let mut room = rooms.take();
        block.attend(&mut tiles, target, &mut room);
        rooms.put_back(room);
    });
}

/// Attention in blocks of rows.
fn attend_in_blocks(
    cpu: &mut Cpu,
    (queries, rows): (&[f32], usize),
    shape: AttentionShape,
    kv: &KvStore,
    out: &mut [f32],
) {
    let (dim, length) = (kv.dim(), kv.length());
    let AttentionShape { heads, stride } = shape;
    let shared = checked((queries, rows), shape, kv, out);
    let blocks = rows.div_ceil(ROWS);
    let (isa, target) = (cpu.isa, Target { to: out.as_mut_ptr() });
    let target = &target;
    cpu.pool.run(heads * blocks, &move |part| {
        let (head, first) = (part / blocks, part % blocks * ROWS);
        let count = ROWS.min(rows - first);
        let before = length - rows + first;
        let (keys, values) = kv.head(head / shared, before + count);
        let queries = &queries[first * stride + head * dim..];
        let rows = count;
        let mut outcome = [0f32; ROWS * MOST_HEAD_DIM];
        let into = &mut outcome[..count * dim];
        match (keys, values) {
            (Rows::Half(keys), Rows::Half(values)) => {
                let block = Block { queries, stride, rows, before, keys, values, dim };
                half_rows(isa, &block, into);
            }
            (Rows::Eight(keys), Rows::Eight(values)) => {
                let block = Block { queries, stride, rows, before, keys, values, dim };
                eight_rows(isa, &block, into);
            }
            // A store keeps both alike.
            _ => {}
        }
        target.put(into, first, head, (heads, dim));
    });
}

/// The attention of a block over one kind of rows, by the instructions chosen. (Written out for each kind:
/// the function that is compiled for chosen instructions takes no type of its caller's.)
macro_rules! block_of {
    ($name:ident, $kernel:ident, $rows:ident) => {
        fn $name(isa: Isa, block: &Block<'_, $rows<'_>>, into: &mut [f32]) {
            chosen!(isa, $kernel(block: &Block<'_, $rows<'_>>, into: &mut [f32]) with sums);
        }
    };
}
block_of!(half_heads, some_heads, HalfRows);
block_of!(eight_heads, some_heads, EightRows);
block_of!(half_rows, many_rows, HalfRows);
block_of!(eight_rows, many_rows, EightRows);

impl Target {
    /// Writes a head's outcome for the rows from `first` on.
    pub(crate) fn put(
        &self,
        outcome: &[f32],
        first: usize,
        head: usize,
        (heads, dim): (usize, usize),
    ) {
        for (row, values) in outcome.chunks_exact(dim).enumerate() {
            let at = ((first + row) * heads + head) * dim;
            // SAFETY: `at + dim` lies at most at `rows * heads * dim`, which was checked; this head of this
            // row is written here alone.
            #[expect(unsafe_code, reason = "heads are shared out")]
            unsafe {
                std::ptr::copy_nonoverlapping(values.as_ptr(), self.to.add(at), dim);
            }
        }
    }
}

/// Columns of a small product: two registers of AVX2.
const COLUMNS: usize = 16;

/// Four rows times sixteen columns: `a[row][k] * b[k][column]`, `b` in rows of `stride` values.
#[inline(always)]
fn small_product<S: Sums>(a: [&[f32]; 4], b: &[f32], stride: usize) -> [[f32; COLUMNS]; 4] {
    let mut sums = [[0f32; COLUMNS]; 4];
    let [a0, a1, a2, a3] = a;
    for ((((b, a0), a1), a2), a3) in b.chunks(stride).zip(a0).zip(a1).zip(a2).zip(a3) {
        let Some(b) = b.first_chunk::<COLUMNS>() else { break };
        for (sums, a) in sums.iter_mut().zip([a0, a1, a2, a3]) {
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum = S::add(*sum, *a, *b);
            }
        }
    }
    sums
}

impl<K: Widen> Block<'_, K> {
    /// What scores are multiplied by.
    fn scale(&self) -> f32 {
        #[expect(clippy::cast_precision_loss, reason = "head sizes")]
        let dim = self.dim as f32;
        1.0 / dim.sqrt()
    }

    fn query(&self, row: usize) -> &[f32] {
        &self.queries[row * self.stride..row * self.stride + self.dim]
    }

    /// All scores against the keys of a tile, which lie across.
    #[inline(always)]
    fn score<S: Sums>(&self, across: &[f32], scores: &mut [[f32; TILE]; ROWS]) {
        let last = self.rows - 1;
        for (n, four) in scores.chunks_exact_mut(4).enumerate().take(self.rows.div_ceil(4)) {
            let queries = [0, 1, 2, 3].map(|row| self.query((n * 4 + row).min(last)));
            for at in (0..TILE).step_by(COLUMNS) {
                let sums = small_product::<S>(queries, &across[at..], TILE);
                for (scores, sums) in four.iter_mut().zip(&sums) {
                    scores[at..at + COLUMNS].copy_from_slice(sums);
                }
            }
        }
    }

    /// Makes weights of the scores of the positions from `start` on; what a row does not see weighs
    /// nothing.
    #[inline(always)]
    fn weigh(
        &self,
        start: usize,
        count: usize,
        scores: &mut [[f32; TILE]],
        running: &mut [Running],
        out: &mut [f32],
    ) {
        let scale = self.scale();
        let rows = scores.iter_mut().zip(running).zip(out.chunks_exact_mut(self.dim));
        for (row, ((scores, running), out)) in rows.enumerate() {
            let visible = (self.before + row + 1).saturating_sub(start).min(count);
            weigh(scores, visible, scale, running, out);
        }
    }

    /// Adds the values of a tile by their weights.
    #[inline(always)]
    fn mix<S: Sums>(&self, weights: &[[f32; TILE]; ROWS], values: &[f32], out: &mut [f32]) {
        let dim = self.dim;
        if !dim.is_multiple_of(COLUMNS) {
            for (weights, out) in weights.iter().zip(out.chunks_exact_mut(dim)) {
                for (weight, value) in weights.iter().zip(values.chunks_exact(dim)) {
                    out.iter_mut()
                        .zip(value)
                        .for_each(|(out, value)| *out = S::add(*out, *weight, *value));
                }
            }
            return;
        }
        for (weights, out) in weights.chunks_exact(4).zip(out.chunks_mut(4 * dim)) {
            let rows = [0, 1, 2, 3].map(|row| &weights[row][..]);
            for at in (0..dim).step_by(COLUMNS) {
                let sums = small_product::<S>(rows, &values[at..], dim);
                for (out, sums) in out.chunks_exact_mut(dim).zip(&sums) {
                    out[at..].iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
                }
            }
        }
    }
}

/// Keys across: one dimension of all positions together.
#[inline(always)]
fn turn(keys: &[f32], dim: usize, across: &mut [f32]) {
    for (position, key) in keys.chunks_exact(dim).enumerate() {
        for (d, value) in key.iter().enumerate() {
            across[d * TILE + position] = *value;
        }
    }
}

/// What is known of a row's softmax so far.
#[derive(Clone, Copy)]
struct Running {
    highest: f32,
    total: f32,
}

impl Running {
    const NOTHING: Self = Self { highest: f32::NEG_INFINITY, total: 0.0 };
}

/// Positions whose keys and values are widened at once for a few rows.
const NEAR: usize = 16;

/// Some heads of one row, which see the same: keys and values are widened a few at a time.
#[inline(always)]
fn some_heads<S: Sums>(block: &Block<'_, impl Widen>, out: &mut [f32]) {
    let (dim, heads, scale) = (block.dim, block.rows, block.scale());
    let mut running = [Running::NOTHING; HEADS];
    let mut wide = [0f32; NEAR * MOST_HEAD_DIM];
    let mut scores = [[0f32; TILE]; HEADS];
    let positions = block.before + 1;
    for start in (0..positions).step_by(TILE) {
        let count = TILE.min(positions - start);
        for first in (0..count).step_by(NEAR) {
            let near = NEAR.min(count - first);
            let wide = &mut wide[..near * dim];
            block.keys.widen(start + first, dim, wide);
            for (head, scores) in scores.iter_mut().enumerate().take(heads) {
                let query = block.query(head);
                for (score, key) in scores[first..].iter_mut().zip(wide.chunks_exact(dim)) {
                    *score = sum_pairs(query, key, S::add);
                }
            }
        }
        let all = scores.iter_mut().zip(&mut running).zip(out.chunks_exact_mut(dim));
        for ((scores, running), out) in all {
            weigh(scores, count, scale, running, out);
        }
        for first in (0..count).step_by(NEAR) {
            let near = NEAR.min(count - first);
            let wide = &mut wide[..near * dim];
            block.values.widen(start + first, dim, wide);
            for (weights, out) in scores.iter().zip(out.chunks_exact_mut(dim)) {
                mix_one::<S>(&weights[first..first + near], wide, out);
            }
        }
    }
    divide(out, dim, &running);
}

/// Values that a row's weights are summed for at once.
const WIDE: usize = 64;

/// Adds values by one row's weights, many columns side by side so that additions do not wait for each other.
#[inline(always)]
fn mix_one<S: Sums>(weights: &[f32], values: &[f32], out: &mut [f32]) {
    let dim = out.len();
    let (whole, rest) = out.as_chunks_mut::<WIDE>();
    for (n, out) in whole.iter_mut().enumerate() {
        let mut sums = *out;
        for (weight, value) in weights.iter().zip(values.chunks_exact(dim)) {
            if let Some(value) = value[n * WIDE..].first_chunk::<WIDE>() {
                sums.iter_mut()
                    .zip(value)
                    .for_each(|(sum, value)| *sum = S::add(*sum, *weight, *value));
            }
        }
        *out = sums;
    }
    let at = dim - rest.len();
    for (weight, value) in weights.iter().zip(values.chunks_exact(dim)) {
        rest.iter_mut()
            .zip(&value[at..])
            .for_each(|(out, value)| *out = S::add(*out, *weight, *value));
    }
}

/// Many rows: a tile's keys and values are widened once for all of them.
#[inline(always)]
fn many_rows<S: Sums>(block: &Block<'_, impl Widen>, out: &mut [f32]) {
    let dim = block.dim;
    let mut running = [Running::NOTHING; ROWS];
    let mut wide = [0f32; TILE * MOST_HEAD_DIM];
    let mut across = [0f32; TILE * MOST_HEAD_DIM];
    let mut scores = [[0f32; TILE]; ROWS];
    let positions = block.before + block.rows;
    for start in (0..positions).step_by(TILE) {
        let count = TILE.min(positions - start);
        let wide = &mut wide[..count * dim];
        block.keys.widen(start, dim, wide);
        turn(wide, dim, &mut across);
        block.score::<S>(&across, &mut scores);
        block.values.widen(start, dim, wide);
        block.weigh(start, count, &mut scores, &mut running, out);
        block.mix::<S>(&scores, wide, out);
    }
    divide(out, dim, &running);
}

/// Divides each row by the sum of its weights.
#[inline(always)]
fn divide(out: &mut [f32], dim: usize, running: &[Running]) {
    for (out, running) in out.chunks_exact_mut(dim).zip(running) {
        let over = 1.0 / running.total;
        out.iter_mut().for_each(|value| *value *= over);
    }
}

/// Scores of the first `visible` positions of a tile become weights against the highest so far, all others nothing;
/// what was summed before is brought to the same measure.
#[inline(always)]
fn weigh(
    scores: &mut [f32; TILE],
    visible: usize,
    scale: f32,
    running: &mut Running,
    out: &mut [f32],
) {
    let end = visible.next_multiple_of(COLUMNS);
    // They fill up the last columns: next to nothing in the sum.
    scores[visible..end].fill(f32::NEG_INFINITY);
    let columns = scores[..end].as_chunks_mut::<COLUMNS>().0;
    let mut lanes = [running.highest; COLUMNS];
    for part in columns.iter_mut() {
        for (lane, score) in lanes.iter_mut().zip(part) {
            *score *= scale;
            *lane = if *score > *lane { *score } else { *lane };
        }
    }
    let highest = lanes.iter().fold(running.highest, |a, b| if *b > a { *b } else { a });
    if highest > running.highest {
        let less = if running.total > 0.0 { exp(running.highest - highest) } else { 0.0 };
        running.total *= less;
        out.iter_mut().for_each(|value| *value *= less);
        running.highest = highest;
    }
    let mut totals = [0f32; COLUMNS];
    for part in columns {
        for (total, score) in totals.iter_mut().zip(part) {
            *score = exp(*score - highest);
            *total += *score;
        }
    }
    running.total += totals.iter().sum::<f32>();
    scores[visible..].fill(0.0);
}

#[cfg(test)]
mod tests;
