//! The product in plain code: what the others must equal, and what runs where there is nothing better.

use super::Outputs;
use crate::activations::Row;
use crate::matrix::{BLOCK, Codes, Matrix, TILE, Zeros};

/// One tile for some rows.
pub(super) fn tile<const R: usize>(
    matrix: &Matrix,
    tile: usize,
    rows: &[Row<'_>; R],
) -> [Outputs; R] {
    let (blocks, groups, size) = (matrix.blocks(), matrix.groups(), matrix.codes.block_bytes());
    let mut outputs = [[0f32; TILE]; R];
    for block in 0..blocks {
        let group = (tile * groups + block / matrix.group_blocks) * TILE;
        let bytes = &matrix.bytes[(tile * blocks + block) * size..][..size];
        for (row, outputs) in rows.iter().zip(&mut outputs) {
            let codes = &row.codes[block * BLOCK..(block + 1) * BLOCK];
            for (lane, output) in outputs.iter_mut().enumerate() {
                let zero = match &matrix.zeros {
                    Zeros::Same(zero) => i32::from(*zero),
                    Zeros::Each(each) => i32::from(each[group + lane]),
                };
                let dot = match matrix.codes {
                    Codes::Four => four(bytes, codes, lane) - zero * row.sums[block],
                    Codes::Eight => eight(bytes, codes, lane) - (zero - 128) * row.sums[block],
                };
                #[expect(clippy::cast_precision_loss, reason = "below 2^24")]
                let scaled = row.scales[block] * dot as f32;
                *output += matrix.scales[group + lane].to_f32() * scaled;
            }
        }
    }
    outputs
}

fn four(bytes: &[u8], codes: &[i8], lane: usize) -> i32 {
    let places = bytes.chunks_exact(64).zip(codes.chunks_exact(8));
    places
        .map(|(bytes, codes)| {
            let bytes = &bytes[lane * 4..lane * 4 + 4];
            let (low, high) = codes.split_at(4);
            let pairs = bytes.iter().zip(low).zip(high);
            pairs
                .map(|((byte, l), h)| {
                    i32::from(byte & 15) * i32::from(*l) + i32::from(byte >> 4) * i32::from(*h)
                })
                .sum::<i32>()
        })
        .sum()
}

fn eight(bytes: &[u8], codes: &[i8], lane: usize) -> i32 {
    let places = bytes.chunks_exact(64).zip(codes.chunks_exact(4));
    places
        .map(|(bytes, codes)| {
            let bytes = &bytes[lane * 4..lane * 4 + 4];
            let pairs = bytes.iter().zip(codes);
            pairs.map(|(b, c)| i32::from(b.cast_signed()) * i32::from(*c)).sum::<i32>()
        })
        .sum()
}
