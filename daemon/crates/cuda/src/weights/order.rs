//! Where a weight lies in the packed order (see the table of `weights.rs`). Pure.

use half::f16;

use super::{BLOCK, Codes, STEP, TILE};

/// Lanes of a warp.
const LANES: usize = 32;
/// Bytes of a lane's load.
const LOAD: usize = 16;

/// A stored weight: a code or a half-precision number.
pub(super) trait Stored: Copy + Default {
    /// Puts `self` at its place: byte `at`, and for a code of four bits whether it is the high half.
    fn put(self, bytes: &mut [u8], at: usize, high: Option<bool>);
}

impl Stored for u8 {
    fn put(self, bytes: &mut [u8], at: usize, high: Option<bool>) {
        match high {
            None => bytes[at] = self,
            Some(high) => bytes[at] |= (self & 15) << if high { 4 } else { 0 },
        }
    }
}

impl Stored for f16 {
    fn put(self, bytes: &mut [u8], at: usize, _: Option<bool>) {
        bytes[at..at + 2].copy_from_slice(&self.to_le_bytes());
    }
}

/// Byte of a weight within its tile, and for a code of four bits whether it is the high half.
fn place(codes: Codes, lane_output: usize, input: usize) -> (usize, Option<bool>) {
    let (g, r) = (lane_output / 2, lane_output % 2);
    let (block, within) = (input / BLOCK, input % BLOCK);
    let (q, product, i) = (within / 8, within % 8 / 4, within % 4);
    let lane = 4 * g + q;
    let load = |number: usize| (number * LANES + lane) * LOAD;
    match codes {
        Codes::Four => {
            let nibble = r + 2 * (i / 2) + 4 * (i % 2);
            let word = 2 * (block % 2) + product;
            (load(block / 2) + word * 4 + nibble / 2, Some(nibble % 2 == 1))
        }
        Codes::Eight => (load(block) + (2 * product + r) * 4 + i, None),
        Codes::Half => (load(2 * block + product) + (2 * (r + 2 * (i / 2)) + i % 2) * 2, None),
    }
}

/// Fills `bytes`, which are zero, on all cores; `row(output, values)` writes an output's values.
pub(super) fn fill<T: Stored>(
    bytes: &mut [u8],
    codes: Codes,
    [outputs, inputs]: [usize; 2],
    row: &(impl Fn(usize, &mut [T]) + Sync),
) {
    let size = inputs.div_ceil(STEP) * codes.step_bytes();
    let tiles = outputs.div_ceil(TILE);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = tiles.div_ceil(threads);
    // Inputs of a step lie at the same places in each; a step is looked up, not a row.
    let places: Vec<Vec<_>> =
        (0..TILE).map(|o| (0..STEP).map(|i| place(codes, o, i)).collect()).collect();
    std::thread::scope(|scope| {
        for (n, part) in bytes.chunks_mut(share * size).enumerate() {
            let places = &places;
            scope.spawn(move || {
                let mut values = vec![T::default(); inputs];
                for (tile, bytes) in part.chunks_exact_mut(size).enumerate() {
                    let first = (n * share + tile) * TILE;
                    for (output, places) in (first..outputs).zip(places) {
                        row(output, &mut values);
                        let steps = bytes.chunks_exact_mut(codes.step_bytes());
                        for (values, bytes) in values.chunks(STEP).zip(steps) {
                            for (value, (at, high)) in values.iter().zip(places) {
                                value.put(bytes, *at, *high);
                            }
                        }
                    }
                }
            });
        }
    });
}

/// The stored values of an output.
pub(super) fn read(bytes: &[u8], codes: Codes, inputs: usize, output: usize) -> Vec<f32> {
    let size = inputs.div_ceil(STEP) * codes.step_bytes();
    let tile = &bytes[output / TILE * size..][..size];
    let value = |input| match place(codes, output % TILE, input) {
        (at, Some(high)) => f32::from((tile[at] >> if high { 4 } else { 0 }) & 15),
        (at, None) if codes == Codes::Half => f16::from_le_bytes([tile[at], tile[at + 1]]).to_f32(),
        (at, None) => f32::from(tile[at]),
    };
    (0..inputs).map(value).collect()
}

/// Where a packed output of a gate and an up map comes from: the two take turns, so that
/// [`crate::ops::Output::SwiGlu`] finds both in one lane. `true` is the up map.
#[must_use]
pub const fn interleaved(output: usize) -> (bool, usize) {
    (output % 2 == 1, output / 2)
}
