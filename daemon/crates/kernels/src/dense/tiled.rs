//! The product of many rows with AMX's tiles: each value is the sum of two bf16 parts, and three products of
//! parts give all but the last bits of f32's (what is left out is below 2^-16 of a term, at random signs).
//! Rows are split once for all taps; weights are split as they are needed, for some hundred rows each time.
//! Infinite values and those that round to one become NaN.

use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
use std::ops::Range;

use half::f16;

use super::weights::{Dense, TILE, Values};
use super::{Input, Isa, Outputs, PARTS, Target};
use crate::Cpu;
use crate::amx::{HALVES, ROW_BYTES, ROWS, Tiles};
use crate::elementwise::chosen;
use crate::kv::wide;

/// Inputs of a step: a tile's row of bf16. A step's values stand in pairs, the second sixteen beside the first.
const STEP: usize = HALVES;
/// Words of a tile's row: pairs of bf16, or sums.
const WORDS: usize = ROW_BYTES / 4;
/// Words of a tile.
const WHOLE: usize = ROWS * WORDS;
/// Steps whose weights are split at once: those of two tiles are 32 KiB, two thirds of the first cache.
const STEPS: usize = 8;
/// Rows of a block: two tiles.
const BLOCK: usize = 2 * ROWS;
/// Rows that weights are split for once.
const PANEL: usize = 16 * BLOCK;
/// Rows of a part at least, where there are as many.
const ROWS_OF_PART: usize = 4 * BLOCK;
/// Rows, inputs and inputs of all taps from which on it pays, measured against AVX-512.
const LEAST: (usize, usize, usize) = (32, 32, 96);

/// Whether tiles are faster than [`super::wide`].
pub(super) fn pays(dense: &Dense, rows: usize) -> bool {
    rows >= LEAST.0 && dense.inputs >= LEAST.1 && dense.inputs * dense.taps >= LEAST.2
}

/// Rows of inputs, split: for each step a line of the values' first parts and one of what they leave.
#[derive(Clone, Copy)]
struct Rows<'a> {
    values: &'a [f32],
    /// Words from one row to the next: whole lines, an odd number of them, so that rows lie in different
    /// sets of the cache.
    stride: usize,
    steps: usize,
}

/// Two parts of sixteen pairs of values, in the words' halves.
#[inline(always)]
fn split(first: &Outputs, second: &Outputs) -> [Outputs; 2] {
    // The nearest bf16, ties away from zero, as the upper half of an f32.
    let upper = |value: f32| value.to_bits().wrapping_add(0x8000) & 0xffff_0000;
    let mut parts = [[0f32; TILE]; 2];
    for lane in 0..TILE {
        let (a, b) = (first[lane], second[lane]);
        let (high_a, high_b) = (upper(a), upper(b));
        parts[0][lane] = f32::from_bits(high_a >> 16 | high_b);
        let (a, b) = (a - f32::from_bits(high_a), b - f32::from_bits(high_b));
        parts[1][lane] = f32::from_bits(upper(a) >> 16 | upper(b));
    }
    parts
}

/// Splits whole rows of `stride` words, the first of them row `first` of `x`.
#[inline(always)]
fn split_rows(x: &Input<'_>, inputs: usize, first: usize, stride: usize, to: &mut [f32]) {
    for (at, to) in to.chunks_exact_mut(stride).enumerate() {
        let row = &x.values[(first + at) * x.stride..][..inputs];
        for (values, to) in row.chunks(STEP).zip(to.as_chunks_mut::<{ 2 * WORDS }>().0) {
            let mut padded = [0f32; STEP];
            match values.first_chunk::<STEP>() {
                Some(values) => padded = *values,
                None => padded[..values.len()].copy_from_slice(values),
            }
            if let ([first, second], _) = padded.as_chunks::<TILE>() {
                to.copy_from_slice(split(first, second).as_flattened());
            }
        }
    }
}

/// Splits the weights of two tiles (or one) in some steps: tiles of the first parts, then those of the rest.
#[inline(always)]
fn split_weights(dense: &Dense, tiles: Range<usize>, steps: Range<usize>, to: &mut [f32]) {
    let of_tap = dense.inputs.div_ceil(STEP);
    for (step, to) in steps.zip(to.chunks_exact_mut(4 * WHOLE)) {
        let (tap, from) = (step / of_tap, step % of_tap * STEP);
        for (n, tile) in tiles.clone().enumerate() {
            let at = (tile * dense.taps + tap) * dense.inputs;
            for pair in 0..ROWS {
                let weights = |input: usize| {
                    if input < dense.inputs {
                        sixteen(&dense.values, (at + input) * TILE)
                    } else {
                        [0.0; TILE]
                    }
                };
                let parts = split(&weights(from + pair), &weights(from + pair + ROWS));
                for (part, words) in parts.iter().enumerate() {
                    to[(2 * part + n) * WHOLE + pair * WORDS..][..WORDS].copy_from_slice(words);
                }
            }
        }
    }
}

/// Asks for the weights of some steps of tiles, for the second cache.
fn ask_for(dense: &Dense, tiles: Range<usize>, steps: Range<usize>) {
    let of_tap = dense.inputs.div_ceil(STEP);
    // Inputs of all taps lie one behind the other.
    let input = |step: usize| step / of_tap * dense.inputs + step % of_tap * STEP;
    for tile in tiles {
        let of_tile = tile * dense.taps * dense.inputs;
        let (from, to) =
            ((of_tile + input(steps.start)) * TILE, (of_tile + input(steps.end)) * TILE);
        let (begin, size) = match &dense.values {
            Values::Single(all) => (all.as_ptr().wrapping_add(from).cast::<i8>(), size_of::<f32>()),
            Values::Half(all) => (all.as_ptr().wrapping_add(from).cast::<i8>(), size_of::<f16>()),
        };
        for line in (0..(to - from) * size).step_by(ROW_BYTES) {
            // SAFETY: a prefetch reads nothing that the program sees, whatever the address.
            #[expect(unsafe_code, reason = "an instruction")]
            unsafe {
                _mm_prefetch::<_MM_HINT_T1>(begin.wrapping_add(line));
            }
        }
    }
}

/// Sixteen weights of a tile.
#[inline(always)]
fn sixteen(values: &Values, at: usize) -> Outputs {
    match values {
        Values::Single(all) => all[at..].first_chunk().copied().unwrap_or_default(),
        Values::Half(all) => {
            let halves = all[at..].first_chunk::<TILE>().copied().unwrap_or_default();
            let mut values = [0.0; TILE];
            // Not `map`, which is no part of the caller, whose instructions are wider.
            values.iter_mut().zip(halves).for_each(|(value, half)| *value = wide(half));
            values
        }
    }
}

/// Adds some steps to the sums of a block: two (or one) times two (or one) tiles.
///
/// # Safety
/// At `a` and each of the offsets (in words) behind it stand `16 * M` rows of two lines, `stride` words apart; at
/// `b` four tiles for each offset; at `c` four tiles.
#[expect(unsafe_code, reason = "tiles take pointers")]
#[inline(always)]
unsafe fn sums<T: Tiles, const M: usize, const N: usize>(
    tiles: &mut T,
    (a, stride, offsets): (*const f32, usize, &[usize]),
    mut b: *const f32,
    (c, fresh): (*mut f32, bool),
) {
    // SAFETY: the caller's promise; nothing is read of tiles that are not asked for.
    unsafe {
        if fresh {
            tiles.clear::<0>();
            tiles.clear::<1>();
            tiles.clear::<2>();
            tiles.clear::<3>();
        } else {
            tiles.load::<0>(c.cast(), ROW_BYTES);
            tiles.load::<1>(c.add(WHOLE).cast(), ROW_BYTES);
            tiles.load::<2>(c.add(2 * WHOLE).cast(), ROW_BYTES);
            tiles.load::<3>(c.add(3 * WHOLE).cast(), ROW_BYTES);
        }
        for offset in offsets {
            let a = a.add(*offset);
            load_rows::<T, M>(tiles, a.add(WORDS), stride);
            load_weights::<T, N>(tiles, b);
            multiply::<T, M, N>(tiles);
            load_rows::<T, M>(tiles, a, stride);
            multiply::<T, M, N>(tiles);
            load_weights::<T, N>(tiles, b.add(2 * WHOLE));
            multiply::<T, M, N>(tiles);
            b = b.add(4 * WHOLE);
        }
        tiles.store::<0>(c.cast(), ROW_BYTES);
        tiles.store::<1>(c.add(WHOLE).cast(), ROW_BYTES);
        tiles.store::<2>(c.add(2 * WHOLE).cast(), ROW_BYTES);
        tiles.store::<3>(c.add(3 * WHOLE).cast(), ROW_BYTES);
    }
}

/// Sums are tiles 0 to 3, rows 4 and 5, weights 6 and 7.
#[inline(always)]
fn multiply<T: Tiles, const M: usize, const N: usize>(tiles: &mut T) {
    tiles.multiply::<0, 4, 6>();
    if N > 1 {
        tiles.multiply::<1, 4, 7>();
    }
    if M > 1 {
        tiles.multiply::<2, 5, 6>();
    }
    if M > 1 && N > 1 {
        tiles.multiply::<3, 5, 7>();
    }
}

#[expect(unsafe_code, reason = "tiles take pointers")]
#[inline(always)]
unsafe fn load_rows<T: Tiles, const M: usize>(tiles: &mut T, a: *const f32, stride: usize) {
    // SAFETY: the caller of `sums` vouches for `M` tiles of rows.
    unsafe {
        tiles.load::<4>(a.cast(), stride * 4);
        if M > 1 {
            tiles.load::<5>(a.add(ROWS * stride).cast(), stride * 4);
        }
    }
}

#[expect(unsafe_code, reason = "tiles take pointers")]
#[inline(always)]
unsafe fn load_weights<T: Tiles, const N: usize>(tiles: &mut T, b: *const f32) {
    // SAFETY: the caller of `sums` vouches for the tiles of a step.
    unsafe {
        tiles.load::<6>(b.cast(), ROW_BYTES);
        if N > 1 {
            tiles.load::<7>(b.add(WHOLE).cast(), ROW_BYTES);
        }
    }
}

/// Some rows of two tiles (or one).
struct Part<'a> {
    dense: &'a Dense,
    x: &'a Input<'a>,
    split: Rows<'a>,
    tiles: Range<usize>,
    rows: Range<usize>,
}

impl Part<'_> {
    /// Computes at most [`PANEL`] rows, in a room of [`STEPS`] steps' weights and the rows' sums.
    fn run<T: Tiles>(&self, isa: Isa, tiles: &mut T, room: &mut [f32], target: &Target) {
        let (dense, columns) = (self.dense, &self.tiles);
        let (weights, all) = room.split_at_mut(STEPS * 4 * WHOLE);
        let steps = dense.taps * self.split.steps;
        for first in (0..steps).step_by(STEPS) {
            let some = first..(first + STEPS).min(steps);
            let (columns, to) = (columns.clone(), &mut *weights);
            let of = some.clone();
            chosen!(isa, split_weights(
                dense: &Dense, columns: Range<usize>, of: Range<usize>, to: &mut [f32]
            ));
            // While these are multiplied the next ones come.
            if some.end < steps {
                ask_for(dense, self.tiles.clone(), some.end..(some.end + STEPS).min(steps));
            } else {
                let next = self.tiles.end..(self.tiles.end + 2).min(dense.tiles());
                ask_for(dense, next, 0..STEPS.min(steps));
            }
            let mut offsets = [0; STEPS];
            for (step, offset) in some.clone().zip(&mut offsets) {
                let (tap, step) = (step / self.split.steps, step % self.split.steps);
                *offset = tap * self.x.dilation * self.split.stride + step * 2 * WORDS;
            }
            let offsets = &offsets[..some.len()];
            for (block, sums) in all.chunks_exact_mut(4 * WHOLE).enumerate() {
                let row = self.rows.start + block * BLOCK;
                if row >= self.rows.end {
                    break;
                }
                let high = self.rows.end - row > ROWS;
                self.block(tiles, (row, high), offsets, weights, (sums, first == 0));
            }
        }
        let all = &*all;
        let part = self;
        chosen!(isa, finish(part: &Part<'_>, all: &[f32], target: &Target));
    }

    #[inline(always)]
    fn block<T: Tiles>(
        &self,
        tiles: &mut T,
        (row, high): (usize, bool),
        offsets: &[usize],
        weights: &[f32],
        (c, fresh): (&mut [f32], bool),
    ) {
        let stride = self.split.stride * self.x.step;
        let from = row * stride;
        let reach = if high { BLOCK } else { ROWS } - 1;
        let last = offsets.last().copied().unwrap_or(0);
        assert!(self.split.values.len() >= from + reach * stride + last + 2 * WORDS, "split rows");
        assert!(
            weights.len() >= offsets.len() * 4 * WHOLE && c.len() >= 4 * WHOLE,
            "room of tiles"
        );
        let a = (self.split.values[from..].as_ptr(), stride, offsets);
        let (b, c) = (weights.as_ptr(), (c.as_mut_ptr(), fresh));
        // SAFETY: the lengths are checked above; offsets grow.
        #[expect(unsafe_code, reason = "tiles take pointers")]
        unsafe {
            match (high, self.tiles.len() > 1) {
                (true, true) => sums::<T, 2, 2>(tiles, a, b, c),
                (true, false) => sums::<T, 2, 1>(tiles, a, b, c),
                (false, true) => sums::<T, 1, 2>(tiles, a, b, c),
                (false, false) => sums::<T, 1, 1>(tiles, a, b, c),
            }
        }
    }
}

/// Finishes and stores a part's sums.
#[inline(always)]
fn finish(part: &Part<'_>, all: &[f32], target: &Target) {
    for (at, row) in part.rows.clone().enumerate() {
        let (block, high) = (at / BLOCK, at % BLOCK / ROWS);
        for (n, tile) in part.tiles.clone().enumerate() {
            let at = (4 * block + 2 * high + n) * WHOLE + at % ROWS * WORDS;
            let sums = all[at..].first_chunk().copied().unwrap_or_default();
            // SAFETY: `super::product` checked that the rows lie in the slices; these tiles of these rows
            // are this thread's.
            #[expect(unsafe_code, reason = "outputs are shared out by tiles")]
            unsafe {
                target.put(part.dense.ends(), tile, row, &sums);
            }
        }
    }
}

/// `words` of a room, from the begin of a line on.
fn lines(room: &mut Vec<f32>, words: usize) -> &mut [f32] {
    let needed = words + WORDS;
    if room.len() < needed {
        room.resize(needed, 0.0);
    }
    let skip = room.as_ptr().align_offset(ROW_BYTES).min(WORDS);
    &mut room[skip..skip + words]
}

/// As [`super::product`], whose checks were made; `take` makes a thread's tiles ready.
pub(super) fn product<T: Tiles>(
    cpu: &mut Cpu,
    (dense, x, rows): (&Dense, &Input<'_>, usize),
    target: &Target,
    take: &(dyn Fn() -> Option<T> + Sync),
) {
    let reach = (dense.taps - 1) * x.dilation + 1;
    let there = (rows - 1) * x.step + reach;
    // Tiles read whole, so that rows of anything follow.
    let read = (rows.next_multiple_of(ROWS) - 1) * x.step + reach;
    let steps = dense.inputs.div_ceil(STEP);
    let stride = (2 * steps + 1) * WORDS;
    let (isa, mut room) = (cpu.isa, cpu.scratch.take());
    let values = lines(&mut room, read * stride);
    // Some 32 KiB at a time.
    let some = (8192 / stride).max(1);
    cpu.pool.run_pieces(&mut values[..there * stride], some * stride, &|at, to| {
        let (inputs, first) = (dense.inputs, at * some);
        chosen!(isa, split_rows(
            x: &Input<'_>, inputs: usize, first: usize, stride: usize, to: &mut [f32]
        ));
    });
    let split = Rows { values, stride, steps };
    let pairs = dense.tiles().div_ceil(2);
    let panels = (cpu.threads() * PARTS)
        .div_ceil(pairs)
        .clamp(1, rows.div_ceil(ROWS_OF_PART))
        .max(rows.div_ceil(PANEL));
    let of_panel = rows.div_ceil(panels).next_multiple_of(BLOCK);
    let panels = rows.div_ceil(of_panel);
    let scratch = &cpu.scratch;
    // A share's panels one after another: a job has not too many parts, whatever the rows.
    let shares = pairs * panels.min(1024);
    // One share at a time; neighbours are neighbouring tiles, whose weights are asked for ahead.
    cpu.pool.run_ranges(shares, 1, &move |share| {
        let (pair, share) = (share.start % pairs, share.start / pairs);
        let Some(mut machine) = take() else { return };
        let mut room = scratch.take();
        let of_share = shares / pairs;
        for panel in panels * share / of_share..panels * (share + 1) / of_share {
            let rows = panel * of_panel..((panel + 1) * of_panel).min(rows);
            let tiles = 2 * pair..(2 * pair + 2).min(dense.tiles());
            let words = (STEPS + of_panel / BLOCK) * 4 * WHOLE;
            Part { dense, x, split, tiles, rows }.run(
                isa,
                &mut machine,
                lines(&mut room, words),
                target,
            );
        }
        scratch.put_back(room);
    });
    cpu.scratch.put_back(room);
}
