//! The product as plain code: what the other forms are compared with.

use super::{Outputs, Piece, TILE, Target, Values};

/// Some rows of some tiles.
pub(super) fn piece(piece: &Piece<'_>, target: &Target) {
    piece.tiles.clone().for_each(|tile| of_tile(piece, tile, target));
}

fn of_tile(piece: &Piece<'_>, tile: usize, target: &Target) {
    let Piece { dense, x, ref rows, .. } = *piece;
    let size = dense.taps * dense.inputs * TILE;
    let at = tile * size..(tile + 1) * size;
    for row in rows.clone() {
        let mut sums: Outputs = [0.0; TILE];
        for tap in 0..dense.taps {
            let from = (row * x.step + tap * x.dilation) * x.stride;
            let values = &x.values[from..from + dense.inputs];
            let weights = at.start + tap * dense.inputs * TILE..at.end;
            match &dense.values {
                Values::Single(all) => add(&mut sums, values, &all[weights], |w| w),
                Values::Half(all) => add(&mut sums, values, &all[weights], half::f16::to_f32),
            }
        }
        // SAFETY: `product` checked that the row's outputs lie in the slices; this tile of these rows is
        // this thread's.
        #[expect(unsafe_code, reason = "outputs are shared out by tiles")]
        unsafe {
            target.put(dense.ends(), tile, row, &sums);
        }
    }
}

/// Adds the inputs times the weights of a tap.
fn add<T: Copy>(sums: &mut Outputs, x: &[f32], weights: &[T], widened: impl Fn(T) -> f32) {
    for (x, weights) in x.iter().zip(weights.as_chunks::<TILE>().0) {
        sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += x * widened(*weight));
    }
}
