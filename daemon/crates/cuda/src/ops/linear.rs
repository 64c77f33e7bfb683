//! The product of rows of activations with packed weights, and what comes right after it: the bias, SwiGLU, or
//! the addition to the residual stream. Integers stay integers: they become half precision in registers, the product
//! is exact in them, sums are f32.
//!
//! Up to 64 rows (decoding, drafts, short prompts): a tile of sixteen outputs per block, whose eight warps share the
//! inputs; narrow maps are split over more blocks, the last of which adds up. A row's result does not depend on
//! how many rows there are. More rows: blocks of 128 outputs times 128 rows, or of 64 times 64 where these are few.

use half::f16;

use crate::error::at_least;
use crate::kernel::{FEW_ROWS, Form, Kernel};
use crate::stream::{Arguments, Shape};
use crate::weights::{Packed, STEP, TILE};
use crate::{Buffer, Codes, Error, Linear, Stream};

use super::scratch::{PARTIAL_BLOCKS, Scratch};

const OP: &str = "linear";
/// Warps of a block, for few rows.
const WARPS: usize = 8;
/// Steps that a warp takes in a row.
const RUN: usize = 2;
/// Outputs, which are as many as rows, of a block for many rows.
const TILE_SIDE: usize = 128;
const SMALL_TILE_SIDE: usize = 64;
/// Steps of weights and activations that are on their way to shared memory.
const STAGES: usize = 3;

/// Where results go.
#[derive(Debug)]
pub enum Output<'a> {
    /// Rows of all outputs.
    Half(&'a mut Buffer<f16>),
    /// The same in f32: logits.
    Float(&'a mut Buffer<f32>),
    /// Added to rows of all outputs: the residual stream.
    AddTo(&'a mut Buffer<f32>),
    /// `silu(gate) * up` of outputs that take turns ([`crate::interleaved`]), rows of half as many.
    SwiGlu(&'a mut Buffer<f16>),
}

/// Multiplies `rows` rows of `x`, of as many values as the map has inputs.
///
/// # Errors
/// When a buffer or the scratch is too small, the outputs are odd and taken in pairs, or the launch fails.
pub fn linear(
    stream: &Stream,
    map: &Linear,
    x: &Buffer<f16>,
    rows: usize,
    out: Output<'_>,
    scratch: &mut Scratch,
) -> Result<(), Error> {
    at_least(OP, "the rows", x.len(), rows * map.inputs())?;
    if rows == 0 {
        return Ok(());
    }
    let x = match &map.order {
        None => x,
        Some(order) => {
            gather(stream, x, order, [rows, map.inputs(), map.places], &mut scratch.gathered)?;
            &scratch.gathered
        }
    };
    let [group_shift, groups] = map.groups();
    let arguments = Arguments::default().buffer(&map.bytes).buffer(&map.scales);
    let arguments = arguments.optional(map.zeros.as_ref()).size(map.zero.into());
    let arguments = arguments.optional(map.bias.as_ref()).buffer(x);
    let (arguments, mode) = give(arguments, map, rows, out)?;
    let few = rows <= FEW_ROWS[FEW_ROWS.len() - 1];
    let arguments =
        if few { arguments.buffer(&scratch.sums).buffer(&scratch.done) } else { arguments };
    let arguments = arguments.size(rows).size(map.outputs).size(map.places);
    let arguments = arguments.size(group_shift).size(groups).size(mode);
    let processors = stream.device().processors() as usize;
    if few {
        let splits = splits(map.tiles(), map.steps(), processors);
        let shape = Shape { grid: [map.tiles(), splits, 1], threads: WARPS * 32, shared: 0 };
        return stream.launch(Kernel::linear(map.codes, Form::Few(rows)), shape, arguments);
    }
    let blocks = rows.div_ceil(TILE_SIDE) * map.outputs.div_ceil(TILE_SIDE);
    let (form, side, threads) = if blocks < processors {
        (Form::SmallTiles, SMALL_TILE_SIDE, 64)
    } else {
        (Form::Tiles, TILE_SIDE, 256)
    };
    let grid = [rows.div_ceil(side), map.outputs.div_ceil(side), 1];
    let shape = Shape { grid, threads, shared: tiles_shared(map.codes, side) };
    stream.launch(Kernel::linear(map.codes, form), shape, arguments)
}

/// Adds the result's buffer and gives the kernel's number for what is done with it.
fn give(
    arguments: Arguments,
    map: &Linear,
    rows: usize,
    out: Output<'_>,
) -> Result<(Arguments, usize), Error> {
    let all = rows * map.outputs;
    let (arguments, length, need, mode) = match out {
        Output::Half(out) => (arguments.buffer(out), out.len(), all, 0),
        Output::Float(out) => (arguments.buffer(out), out.len(), all, 1),
        Output::AddTo(out) => (arguments.buffer(out), out.len(), all, 2),
        Output::SwiGlu(out) => {
            crate::error::multiple(OP, "the outputs, gate and up in turns", map.outputs, 2)?;
            (arguments.buffer(out), out.len(), all / 2, 3)
        }
    };
    at_least(OP, "the result", length, need)?;
    Ok((arguments, mode))
}

/// Bytes of a block's shared memory, for many rows: steps of weights, of activations, scales and zero points of two
/// blocks (`kernels/linear_tiles.cu`).
fn tiles_shared(codes: Codes, side: usize) -> usize {
    let weights = side / TILE * codes.step_bytes();
    let activations = side * STEP * 2;
    let scales = if codes == Codes::Half { 0 } else { side * 2 * 3 };
    STAGES * (weights + activations + scales)
}

/// Blocks that share a tile's inputs: more where there are few tiles, so that every multiprocessor has two blocks, as
/// long as each warp has four runs. Depends on the map and the device alone. Unmeasured.
fn splits(tiles: usize, steps: usize, processors: usize) -> usize {
    let mut splits = 1;
    while splits < 8
        && tiles * splits * 2 <= PARTIAL_BLOCKS
        && tiles * splits < 2 * processors
        && steps >= splits * 2 * WARPS * RUN * 2
    {
        splits *= 2;
    }
    splits
}

fn gather(
    stream: &Stream,
    x: &Buffer<f16>,
    order: &Buffer<u32>,
    [rows, features, places]: [usize; 3],
    out: &mut Buffer<f16>,
) -> Result<(), Error> {
    at_least(OP, "the scratch for reordered inputs", out.len(), rows * places)?;
    let shape = Shape { grid: [places.div_ceil(256), rows, 1], threads: 256, shared: 0 };
    let arguments = Arguments::default().buffer(x).buffer(order).buffer(out);
    stream.launch(Kernel::GATHER, shape, arguments.size(features).size(places))
}

/// The same on the CPU: rows of all outputs, with the bias.
#[must_use]
pub fn reference(map: &Packed, x: &[f32], rows: usize) -> Vec<f32> {
    let mut out = vec![0.0; rows * map.outputs()];
    for output in 0..map.outputs() {
        let weights = map.row(output);
        let bias = map.bias().map_or(0.0, |bias| f64::from(bias[output]));
        for (row, x) in x.chunks_exact(map.inputs()).take(rows).enumerate() {
            let product = |(a, b): (&f32, &f32)| f64::from(*a) * f64::from(*b);
            let sum: f64 = weights.iter().zip(x).map(product).sum();
            out[row * map.outputs() + output] = (sum + bias) as f32;
        }
    }
    out
}
