//! The product in plain code: what the others must equal, and what runs where there is nothing better.

use super::Outputs;
use crate::activations::{Panel, QUAD};
use crate::matrix::{BLOCK, Codes, Matrix, TILE, Zeros};

/// Codes of a panel's block.
type Quads<const R: usize> = [[[i8; QUAD]; R]; BLOCK / QUAD];

/// One tile for the rows of a panel.
pub(super) fn tile<const R: usize>(
    matrix: &Matrix,
    tile: usize,
    panel: Panel<'_, R>,
) -> [Outputs; R] {
    let (blocks, groups, size) = (matrix.blocks(), matrix.groups(), matrix.codes.block_bytes());
    let mut outputs = [[0f32; TILE]; R];
    for block in 0..blocks {
        let group = (tile * groups + block / matrix.group_blocks) * TILE;
        let bytes = &matrix.bytes[(tile * blocks + block) * size..][..size];
        for (row, outputs) in outputs.iter_mut().enumerate() {
            for (lane, output) in outputs.iter_mut().enumerate() {
                let zero = match &matrix.zeros {
                    Zeros::Same(zero) => f32::from(*zero),
                    Zeros::Each(each) => f32::from(each[group + lane]),
                };
                let quads = &panel.codes[block];
                let (dot, stored) = match matrix.codes {
                    Codes::Four => (four(bytes, quads, row, lane), 0.0),
                    Codes::Eight => (eight(bytes, quads, row, lane), 128.0),
                };
                #[expect(clippy::cast_precision_loss, reason = "below 2^24")]
                let scaled = panel.scales[block][row] * dot as f32;
                let less = (zero - stored) * panel.sums[block][row];
                *output += matrix.scales[group + lane].to_f32() * (scaled - less);
            }
        }
    }
    outputs
}

fn four<const R: usize>(bytes: &[u8], quads: &Quads<R>, row: usize, lane: usize) -> i32 {
    let places = bytes.chunks_exact(64).zip(quads.as_chunks::<2>().0);
    places
        .map(|(bytes, [low, high])| {
            let pairs = bytes[lane * 4..lane * 4 + 4].iter().zip(low[row]).zip(high[row]);
            pairs
                .map(|((byte, l), h)| {
                    i32::from(byte & 15) * i32::from(l) + i32::from(byte >> 4) * i32::from(h)
                })
                .sum::<i32>()
        })
        .sum()
}

fn eight<const R: usize>(bytes: &[u8], quads: &Quads<R>, row: usize, lane: usize) -> i32 {
    let places = bytes.chunks_exact(64).zip(quads);
    places
        .map(|(bytes, quad)| {
            let pairs = bytes[lane * 4..lane * 4 + 4].iter().zip(quad[row]);
            pairs.map(|(b, c)| i32::from(b.cast_signed()) * i32::from(c)).sum::<i32>()
        })
        .sum()
}
