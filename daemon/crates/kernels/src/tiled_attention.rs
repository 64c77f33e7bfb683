//! Attention of many rows in AMX's tiles, as in [`crate::attention`] but for what is rounded to bf16: queries,
//! keys, values, and the weights of a tile of positions; sums and the softmax are f32. All heads that share
//! their keys go through a tile of positions together.

use crate::amx::{Line, ROW_BYTES, ROWS, Tiles, to_bf16};
use crate::attention::{MOST_HEAD_DIM, Target};
use crate::elementwise::{chosen, exp};
use crate::kv::{Rows, Widen as _};
use crate::{AttentionShape, Isa};

/// Positions of a tile.
const POSITIONS: usize = 64;
/// Lines of a tile register.
const LINES: usize = ROWS;
/// Values of a head go into tiles in parts of these.
pub(crate) const DEPTH: usize = 32;
/// Columns of a tile of sums.
const COLUMNS: usize = 16;

/// Rows of queries of the heads that share keys and values.
pub(crate) struct Block<'a> {
    pub(crate) isa: Isa,
    pub(crate) queries: &'a [f32],
    pub(crate) shape: AttentionShape,
    /// The first head, and how many share the keys.
    pub(crate) head: usize,
    pub(crate) shared: usize,
    /// The first row, and how many there are.
    pub(crate) first: usize,
    pub(crate) rows: usize,
    /// Positions before the first row's own.
    pub(crate) before: usize,
    pub(crate) keys: Rows<'a>,
    pub(crate) values: Rows<'a>,
    pub(crate) dim: usize,
}

/// What is known of the softmax of sixteen rows so far.
#[derive(Clone, Copy)]
struct Running {
    highest: [f32; ROWS],
    total: [f32; ROWS],
}

/// Keys and values of a tile of positions as they are read, and the same in tiles.
struct Near<'a> {
    wide: &'a mut [f32],
    keys: &'a mut [Line],
    values: &'a mut [Line],
}

impl Block<'_> {
    /// The outcome of all rows and heads, into `target`.
    pub(crate) fn attend<T: Tiles>(&self, tiles: &mut T, target: &Target, room: &mut Vec<Line>) {
        let (dim, row_tiles) = (self.dim, self.rows.div_ceil(ROWS));
        let (depth, wide) = (dim / DEPTH, dim / COLUMNS);
        let groups = self.shared * row_tiles;
        let sizes =
            [groups * depth * LINES, groups * wide * LINES, depth * 4 * LINES, wide * 2 * LINES];
        let all = sizes.iter().sum::<usize>() + POSITIONS * dim / COLUMNS;
        room.resize(all.max(room.len()), Line::ZERO);
        let (queries, rest) = room.split_at_mut(sizes[0]);
        let (sums, rest) = rest.split_at_mut(sizes[1]);
        let (keys, rest) = rest.split_at_mut(sizes[2]);
        let (values, rest) = rest.split_at_mut(sizes[3]);
        sums.fill(Line::ZERO);
        let wide = Line::as_floats_mut(rest);
        let mut near = Near { wide: &mut wide[..POSITIONS * dim], keys, values };
        let nothing = Running { highest: [f32::NEG_INFINITY; ROWS], total: [0.0; ROWS] };
        let mut running = vec![nothing; groups];
        for (group, queries) in queries.chunks_exact_mut(depth * LINES).enumerate() {
            let (head, tile) = (group / row_tiles, group % row_tiles);
            self.round_queries(self.head + head, tile * ROWS, queries);
        }
        let isa = self.isa;
        let positions = self.before + self.rows;
        for start in (0..positions).step_by(POSITIONS) {
            let count = POSITIONS.min(positions - start);
            self.read(start, count, &mut near);
            for group in 0..groups {
                let first = group % row_tiles * ROWS;
                if start > self.before + first + ROWS - 1 {
                    continue;
                }
                let queries = &queries[group * depth * LINES..][..depth * LINES];
                let sums = &mut sums[group * dim..][..dim];
                let mut scores = [[0f32; POSITIONS]; ROWS];
                let mut weights = [Line::ZERO; 2 * LINES];
                // SAFETY: as many whole tiles stand in each slice.
                #[expect(unsafe_code, reason = "tiles are loaded and stored by pointer")]
                unsafe {
                    score(tiles, queries, near.keys, scores.as_mut_ptr().cast());
                }
                let seen: [usize; ROWS] = std::array::from_fn(|row| {
                    (self.before + first + row + 1).saturating_sub(start).min(count)
                });
                let (scores, weights) = (&mut scores, &mut weights);
                let (seen, running) = (&seen, &mut running[group]);
                let floats = Line::as_floats_mut(sums);
                chosen!(isa, weigh(
                    scores: &mut [[f32; POSITIONS]; ROWS],
                    seen: &[usize; ROWS],
                    running: &mut Running,
                    weights: &mut [Line; 2 * LINES],
                    floats: &mut [f32]
                ));
                // SAFETY: as many whole tiles stand in each slice.
                #[expect(unsafe_code, reason = "tiles are loaded and stored by pointer")]
                unsafe {
                    mix(tiles, weights, near.values, sums, dim);
                }
            }
        }
        self.put(sums, &running, target);
    }

    /// Sixteen rows of a head from row `first` of the block on, divided by √dim.
    fn round_queries(&self, head: usize, first: usize, to: &mut [Line]) {
        #[expect(clippy::cast_precision_loss, reason = "head sizes")]
        let scale = 1.0 / (self.dim as f32).sqrt();
        for row in 0..ROWS {
            if first + row >= self.rows {
                to.iter_mut().skip(row).step_by(LINES).for_each(|line| *line = Line::ZERO);
                continue;
            }
            let at = (self.first + first + row) * self.shape.stride + head * self.dim;
            let query = &self.queries[at..at + self.dim];
            let lines = to.iter_mut().skip(row).step_by(LINES);
            for (line, values) in lines.zip(query.as_chunks::<DEPTH>().0) {
                *line = Line::of_words(std::array::from_fn(|at| {
                    pair(values[2 * at] * scale, values[2 * at + 1] * scale)
                }));
            }
        }
    }

    /// Keys and values of `count` positions from `start` on, in tiles; zeros beyond.
    fn read(&self, start: usize, count: usize, near: &mut Near<'_>) {
        let (dim, isa) = (self.dim, self.isa);
        near.wide[count * dim..].fill(0.0);
        let (rows, there) = (self.keys, &mut near.wide[..count * dim]);
        chosen!(isa, widen(rows: Rows<'_>, start: usize, dim: usize, there: &mut [f32]));
        let (floats, keys) = (&*near.wide, &mut *near.keys);
        chosen!(isa, keys_across(floats: &[f32], dim: usize, keys: &mut [Line]));
        let (rows, there) = (self.values, &mut near.wide[..count * dim]);
        chosen!(isa, widen(rows: Rows<'_>, start: usize, dim: usize, there: &mut [f32]));
        let (floats, values) = (&*near.wide, &mut *near.values);
        chosen!(isa, values_in_pairs(floats: &[f32], dim: usize, values: &mut [Line]));
    }

    /// Divides by the sums of weights and stores.
    fn put(&self, sums: &mut [Line], running: &[Running], target: &Target) {
        let row_tiles = self.rows.div_ceil(ROWS);
        for (group, sums) in sums.chunks_exact_mut(self.dim).enumerate() {
            let (head, first) = (self.head + group / row_tiles, group % row_tiles * ROWS);
            let outcome = Line::as_floats_mut(sums);
            let rows = outcome.chunks_exact_mut(self.dim).zip(running[group].total);
            for (row, total) in rows {
                let over = 1.0 / total;
                row.iter_mut().for_each(|value| *value *= over);
            }
            let count = ROWS.min(self.rows - first);
            let outcome = &outcome[..count * self.dim];
            target.put(outcome, self.first + first, head, (self.shape.heads, self.dim));
        }
    }
}

/// Two values as bf16, the first in the low half.
#[inline(always)]
fn pair(low: f32, high: f32) -> u32 {
    u32::from(to_bf16(low)) | u32::from(to_bf16(high)) << 16
}

#[inline(always)]
fn widen(rows: Rows<'_>, start: usize, dim: usize, there: &mut [f32]) {
    match rows {
        Rows::Half(rows) => rows.widen(start, dim, there),
        Rows::Eight(rows) => rows.widen(start, dim, there),
    }
}

/// Keys in tiles `[depth][four times sixteen positions]`: a line holds two values of sixteen positions.
#[inline(always)]
fn keys_across(wide: &[f32], dim: usize, keys: &mut [Line]) {
    for (position, key) in wide.chunks_exact(dim).enumerate() {
        let mut words = [0u32; MOST_HEAD_DIM / 2];
        for (word, values) in words.iter_mut().zip(key.as_chunks::<2>().0) {
            *word = pair(values[0], values[1]);
        }
        for (depth, words) in words.as_chunks::<16>().0.iter().take(dim / DEPTH).enumerate() {
            let tile = (depth * 4 + position / COLUMNS) * LINES;
            for (line, word) in keys[tile..tile + LINES].iter_mut().zip(words) {
                line.put(position % COLUMNS, *word);
            }
        }
    }
}

/// Values in tiles `[columns][two times 32 positions]`: a line holds two positions of sixteen values.
#[inline(always)]
fn values_in_pairs(wide: &[f32], dim: usize, values: &mut [Line]) {
    for (n, two) in wide.chunks_exact(2 * dim).enumerate() {
        let (low, high) = two.split_at(dim);
        let columns = low.as_chunks::<COLUMNS>().0.iter().zip(high.as_chunks::<COLUMNS>().0);
        for (column, (low, high)) in columns.enumerate() {
            let mut words = [0u32; COLUMNS];
            for ((word, low), high) in words.iter_mut().zip(low).zip(high) {
                *word = pair(*low, *high);
            }
            values[(column * 2 + n / LINES) * LINES + n % LINES] = Line::of_words(words);
        }
    }
}

/// Scores of sixteen rows at 64 positions.
///
/// # Safety
/// There is room for sixteen rows of 64 scores; keys and queries are whole tiles of the same depth.
#[expect(unsafe_code, reason = "tiles are loaded and stored by pointer")]
#[inline(always)]
unsafe fn score<T: Tiles>(tiles: &mut T, queries: &[Line], keys: &[Line], scores: *mut u8) {
    tiles.clear::<0>();
    tiles.clear::<1>();
    tiles.clear::<2>();
    tiles.clear::<3>();
    let depths = queries.as_chunks::<LINES>().0.iter().zip(keys.as_chunks::<{ 4 * LINES }>().0);
    for (queries, keys) in depths {
        let key = |n: usize| keys[n * LINES..].as_ptr().cast();
        // SAFETY: these are whole tiles.
        unsafe {
            tiles.load::<4>(queries.as_ptr().cast(), ROW_BYTES);
            tiles.load::<5>(key(0), ROW_BYTES);
            tiles.multiply::<0, 4, 5>();
            tiles.load::<6>(key(1), ROW_BYTES);
            tiles.multiply::<1, 4, 6>();
            tiles.load::<7>(key(2), ROW_BYTES);
            tiles.multiply::<2, 4, 7>();
            tiles.load::<5>(key(3), ROW_BYTES);
            tiles.multiply::<3, 4, 5>();
        }
    }
    // SAFETY: the caller's promise.
    unsafe {
        tiles.store::<0>(scores, POSITIONS * 4);
        tiles.store::<1>(scores.add(ROW_BYTES), POSITIONS * 4);
        tiles.store::<2>(scores.add(2 * ROW_BYTES), POSITIONS * 4);
        tiles.store::<3>(scores.add(3 * ROW_BYTES), POSITIONS * 4);
    }
}

/// Adds the values by their weights to sixteen rows of sums `[16, dim]`.
///
/// # Safety
/// `sums` holds sixteen rows, `values` the tiles of `dim` columns.
#[expect(unsafe_code, reason = "tiles are loaded and stored by pointer")]
#[inline(always)]
unsafe fn mix<T: Tiles>(
    tiles: &mut T,
    weights: &[Line; 2 * LINES],
    values: &[Line],
    sums: &mut [Line],
    dim: usize,
) {
    let sums = sums.as_mut_ptr().cast::<u8>();
    // SAFETY: the caller's promise.
    unsafe {
        tiles.load::<4>(weights.as_ptr().cast(), ROW_BYTES);
        tiles.load::<5>(weights[LINES..].as_ptr().cast(), ROW_BYTES);
        for (n, values) in values.as_chunks::<{ 4 * LINES }>().0.iter().enumerate() {
            let value = |at: usize| values[at * LINES..].as_ptr().cast();
            let (left, right) = (sums.add(n * 2 * ROW_BYTES), sums.add((n * 2 + 1) * ROW_BYTES));
            tiles.load::<0>(left, dim * 4);
            tiles.load::<1>(right, dim * 4);
            tiles.load::<2>(value(0), ROW_BYTES);
            tiles.multiply::<0, 4, 2>();
            tiles.load::<3>(value(2), ROW_BYTES);
            tiles.multiply::<1, 4, 3>();
            tiles.load::<6>(value(1), ROW_BYTES);
            tiles.multiply::<0, 5, 6>();
            tiles.load::<7>(value(3), ROW_BYTES);
            tiles.multiply::<1, 5, 7>();
            tiles.store::<0>(left, dim * 4);
            tiles.store::<1>(right, dim * 4);
        }
    }
}

/// Scores become weights against the highest so far; what was summed before is brought to the same measure.
#[inline(always)]
fn weigh(
    scores: &mut [[f32; POSITIONS]; ROWS],
    seen: &[usize; ROWS],
    running: &mut Running,
    weights: &mut [Line; 2 * LINES],
    sums: &mut [f32],
) {
    let dim = sums.len() / ROWS;
    for (row, scores) in scores.iter_mut().enumerate() {
        let before = running.highest[row];
        scores[seen[row]..].fill(f32::NEG_INFINITY);
        let mut lanes = [before; COLUMNS];
        for part in scores.as_chunks::<COLUMNS>().0 {
            for (lane, score) in lanes.iter_mut().zip(part) {
                *lane = if *score > *lane { *score } else { *lane };
            }
        }
        let highest = lanes.iter().fold(before, |a, b| if *b > a { *b } else { a });
        if highest > before {
            let less = if running.total[row] > 0.0 { exp(before - highest) } else { 0.0 };
            running.total[row] *= less;
            running.highest[row] = highest;
            sums[row * dim..(row + 1) * dim].iter_mut().for_each(|value| *value *= less);
        }
        let mut totals = [0f32; COLUMNS];
        for part in scores.as_chunks_mut::<COLUMNS>().0 {
            for (total, score) in totals.iter_mut().zip(part) {
                *score = exp(*score - highest);
                *total += *score;
            }
        }
        if seen[row] < POSITIONS {
            scores[seen[row]..].fill(0.0);
            totals = [0.0; COLUMNS];
            for part in scores.as_chunks::<COLUMNS>().0 {
                totals.iter_mut().zip(part).for_each(|(total, score)| *total += score);
            }
        }
        running.total[row] += totals.iter().sum::<f32>();
        for (n, part) in scores.as_chunks::<DEPTH>().0.iter().enumerate() {
            let mut words = [0u32; DEPTH / 2];
            for (word, values) in words.iter_mut().zip(part.as_chunks::<2>().0) {
                *word = pair(values[0], values[1]);
            }
            weights[n * LINES + row] = Line::of_words(words);
        }
    }
}
