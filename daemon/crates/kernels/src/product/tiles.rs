//! The product of many rows in AMX's tiles: weights become bf16 with their scale (not kept so: made in the
//! first cache, once for all rows), rows were rounded to bf16, sums are f32 over all inputs. Thirty-two rows
//! times thirty-two outputs go on at a time: four tiles of sums, two of rows, two of weights.

use half::f16;

use super::{Outputs, Part, Target};
use crate::amx::{Line, ROW_BYTES, ROWS, Tiles, to_bf16};
use crate::elementwise::chosen;
use crate::matrix::{BLOCK, Codes, Matrix, TILE, Zeros};
use crate::{Activations, Isa};

/// Blocks of weights that are made at once: two tiles of them fill 32 KiB of the first cache.
const BLOCKS: usize = 16;
/// Lines of a tile.
const LINES: usize = ROWS;
/// Outputs that go on together.
const PAIR: usize = 2;

/// The outputs of one or two neighbouring tiles of a map for all rows.
pub(super) fn pair<T: Tiles>(
    tiles: &mut T,
    isa: Isa,
    (part, first): (&Part<'_>, usize),
    x: &Activations,
    target: &Target,
    room: &mut Vec<Line>,
) {
    let matrix = part.matrix;
    let blocks = matrix.blocks();
    let tiled = x.tiled();
    let row_tiles = tiled.len() / (blocks * LINES);
    let count = PAIR.min(matrix.tiles() - first);
    let parts = blocks.div_ceil(BLOCKS);
    let most = blocks.div_ceil(parts);
    let weights_at = row_tiles * PAIR * LINES;
    room.resize(weights_at + PAIR * most * LINES, Line::ZERO);
    let (sums, weights) = room.split_at_mut(weights_at);
    for begin in (0..blocks).step_by(most) {
        let here = most.min(blocks - begin);
        for (n, weights) in weights.chunks_exact_mut(most * LINES).enumerate() {
            if n < count {
                widen(isa, matrix, (first + n, begin), &mut weights[..here * LINES]);
            } else {
                weights.fill(Line::ZERO);
            }
        }
        for row_tile in (0..row_tiles).step_by(2) {
            let sums = &mut sums[row_tile * PAIR * LINES..];
            let rows = &tiled[(row_tile * blocks + begin) * LINES..];
            let two = row_tile + 1 < row_tiles;
            // SAFETY: each pointer is that of a slice with whole tiles behind it: `here` of rows and of
            // weights (the second ones of either a fixed number of lines further), two or four of sums.
            #[expect(unsafe_code, reason = "tiles are loaded and stored by pointer")]
            unsafe {
                let second = weights[most * LINES..].as_ptr();
                let from = (rows.as_ptr(), weights.as_ptr(), second, here);
                if two {
                    square(tiles, from, blocks, sums.as_mut_ptr(), begin == 0);
                } else {
                    flat(tiles, from, sums.as_mut_ptr(), begin == 0);
                }
            }
        }
    }
    for (tile, sums) in sums.chunks_exact(LINES).enumerate() {
        let (row_tile, n) = (tile / PAIR, tile % PAIR);
        if n < count {
            put(part, first + n, (row_tile * ROWS, x.rows()), sums, target);
        }
    }
}

/// Rows, first and second weights, and how many blocks of each.
type From = (*const Line, *const Line, *const Line, usize);

/// Two tiles of rows (`blocks` tiles apart) times two of weights; `fresh` sums begin at zero.
///
/// # Safety
/// As many tiles stand at the pointers, and four at the sums.
#[expect(unsafe_code, reason = "tiles are loaded and stored by pointer")]
#[inline(always)]
unsafe fn square<T: Tiles>(
    tiles: &mut T,
    (rows, near, far, count): From,
    blocks: usize,
    sums: *mut Line,
    fresh: bool,
) {
    let (sums, next) = (sums.cast::<u8>(), LINES * ROW_BYTES);
    // SAFETY: the caller's promise.
    unsafe {
        if fresh {
            tiles.clear::<0>();
            tiles.clear::<1>();
            tiles.clear::<2>();
            tiles.clear::<3>();
        } else {
            tiles.load::<0>(sums, ROW_BYTES);
            tiles.load::<1>(sums.add(next), ROW_BYTES);
            tiles.load::<2>(sums.add(2 * next), ROW_BYTES);
            tiles.load::<3>(sums.add(3 * next), ROW_BYTES);
        }
        let below = rows.add(blocks * LINES);
        for block in 0..count {
            let at = block * LINES;
            tiles.load::<6>(near.add(at).cast(), ROW_BYTES);
            tiles.load::<4>(rows.add(at).cast(), ROW_BYTES);
            tiles.multiply::<0, 4, 6>();
            tiles.load::<7>(far.add(at).cast(), ROW_BYTES);
            tiles.multiply::<1, 4, 7>();
            tiles.load::<5>(below.add(at).cast(), ROW_BYTES);
            tiles.multiply::<2, 5, 6>();
            tiles.multiply::<3, 5, 7>();
        }
        tiles.store::<0>(sums, ROW_BYTES);
        tiles.store::<1>(sums.add(next), ROW_BYTES);
        tiles.store::<2>(sums.add(2 * next), ROW_BYTES);
        tiles.store::<3>(sums.add(3 * next), ROW_BYTES);
    }
}

/// One tile of rows times two of weights.
///
/// # Safety
/// As many tiles stand at the pointers, and two at the sums.
#[expect(unsafe_code, reason = "tiles are loaded and stored by pointer")]
#[inline(always)]
unsafe fn flat<T: Tiles>(
    tiles: &mut T,
    (rows, near, far, count): From,
    sums: *mut Line,
    fresh: bool,
) {
    let (sums, next) = (sums.cast::<u8>(), LINES * ROW_BYTES);
    // SAFETY: the caller's promise.
    unsafe {
        if fresh {
            tiles.clear::<0>();
            tiles.clear::<1>();
        } else {
            tiles.load::<0>(sums, ROW_BYTES);
            tiles.load::<1>(sums.add(next), ROW_BYTES);
        }
        for block in 0..count {
            let at = block * LINES;
            tiles.load::<4>(rows.add(at).cast(), ROW_BYTES);
            tiles.load::<6>(near.add(at).cast(), ROW_BYTES);
            tiles.load::<7>(far.add(at).cast(), ROW_BYTES);
            tiles.multiply::<0, 4, 6>();
            tiles.multiply::<1, 4, 7>();
        }
        tiles.store::<0>(sums, ROW_BYTES);
        tiles.store::<1>(sums.add(next), ROW_BYTES);
    }
}

/// Stores a tile of sums with its bias, without the rows that only fill it up.
fn put(
    part: &Part<'_>,
    tile: usize,
    (first_row, rows): (usize, usize),
    sums: &[Line],
    target: &Target,
) {
    let first = tile * TILE;
    let count = TILE.min(part.matrix.outputs - first);
    let mut bias = [0f32; TILE];
    if let Some(values) = part.bias {
        bias[..count].copy_from_slice(&values[first..first + count]);
    }
    for (row, line) in (first_row..rows).zip(sums) {
        let mut outputs: Outputs = line.floats();
        outputs.iter_mut().zip(&bias).for_each(|(output, bias)| *output += bias);
        // SAFETY: `multiply` checked that row and column lie within `out`; this tile of this row is written
        // here alone.
        #[expect(unsafe_code, reason = "outputs are shared out by tiles")]
        unsafe {
            let to = target.to.add(row * target.stride + part.at + first);
            if count == TILE {
                // Of a length that the compiler knows.
                to.cast::<Outputs>().write_unaligned(outputs);
            } else {
                std::ptr::copy_nonoverlapping(outputs.as_ptr(), to, count);
            }
        }
    }
}

/// The blocks of a tile from `begin` on as the product reads them: of each pair of inputs sixteen outputs,
/// both values together.
fn widen(isa: Isa, matrix: &Matrix, (tile, begin): (usize, usize), to: &mut [Line]) {
    let size = matrix.codes.block_bytes();
    let from = (tile * matrix.blocks() + begin) * size;
    for (n, to) in to.as_chunks_mut::<LINES>().0.iter_mut().enumerate() {
        let bytes = &matrix.bytes[from + n * size..from + (n + 1) * size];
        let group = (begin + n) / matrix.group_blocks;
        let at = (tile * matrix.groups() + group) * TILE;
        match matrix.codes {
            Codes::Four => {
                chosen!(isa, widen_four(matrix: &Matrix, at: usize, bytes: &[u8], to: &mut [Line; LINES]))
            }
            Codes::Eight => {
                chosen!(isa, widen_eight(matrix: &Matrix, at: usize, bytes: &[u8], to: &mut [Line; LINES]))
            }
        }
    }
}

/// Scales of a group's sixteen outputs, and what is added to a scaled code (as it is stored).
#[inline(always)]
fn of_group(matrix: &Matrix, at: usize, shift: f32) -> (Outputs, Outputs) {
    let (mut scales, mut added) = ([0f32; TILE], [0f32; TILE]);
    for (scale, half) in scales.iter_mut().zip(&matrix.scales[at..at + TILE]) {
        *scale = f16::to_f32(*half);
    }
    for (lane, (added, scale)) in added.iter_mut().zip(&scales).enumerate() {
        let zero = match &matrix.zeros {
            Zeros::Same(zero) => *zero,
            Zeros::Each(each) => each[at + lane],
        };
        *added = scale * (shift - f32::from(zero));
    }
    (scales, added)
}

/// Sixteen outputs' words of four bytes.
#[inline(always)]
fn words(bytes: &[u8; 64]) -> [u32; TILE] {
    std::array::from_fn(|lane| u32::from_le_bytes(bytes.as_chunks().0[lane]))
}

#[inline(always)]
fn widen_four(matrix: &Matrix, at: usize, bytes: &[u8], to: &mut [Line; LINES]) {
    let (scales, added) = of_group(matrix, at, 0.0);
    for (bytes, to) in bytes.as_chunks::<64>().0.iter().zip(to.as_chunks_mut::<4>().0) {
        let words = words(bytes);
        // The low halves of the four bytes are the first four of eight inputs.
        for (to, shift) in to.iter_mut().zip([0, 16, 4, 20]) {
            let mut line = [0u32; TILE];
            for lane in 0..TILE {
                let value = |by: u32| {
                    let code = (words[lane] >> by & 15).cast_signed() as f32;
                    u32::from(to_bf16(code.mul_add(scales[lane], added[lane])))
                };
                line[lane] = value(shift) | value(shift + 8) << 16;
            }
            *to = Line::of_words(line);
        }
    }
}

#[inline(always)]
fn widen_eight(matrix: &Matrix, at: usize, bytes: &[u8], to: &mut [Line; LINES]) {
    let (scales, added) = of_group(matrix, at, 128.0);
    for (bytes, to) in bytes.as_chunks::<64>().0.iter().zip(to.as_chunks_mut::<2>().0) {
        let words = words(bytes);
        for (to, shift) in to.iter_mut().zip([24, 8]) {
            let mut line = [0u32; TILE];
            for lane in 0..TILE {
                let value = |by: u32| {
                    let code = ((words[lane] << by).cast_signed() >> 24) as f32;
                    u32::from(to_bf16(code.mul_add(scales[lane], added[lane])))
                };
                line[lane] = value(shift) | value(shift - 8) << 16;
            }
            *to = Line::of_words(line);
        }
    }
}

/// Blocks as they are counted here are as wide as a tile's row of bf16.
const _: () = assert!(BLOCK * 2 == ROW_BYTES);
