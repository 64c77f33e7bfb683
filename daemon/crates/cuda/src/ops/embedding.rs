//! Rows of an embedding: from a table in half precision, on the device or in pinned memory of the host (one row per
//! token crosses the bus), or from the packed weights of a tied output map. A row per block.

use half::f16;

use crate::error::{at_least, multiple};
use crate::kernel::Kernel;
use crate::stream::{Arguments, Shape};
use crate::{Buffer, Error, Linear, Pinned, Stream};

const OP: &str = "embed";

/// Where rows come from.
#[derive(Debug, Clone, Copy)]
pub enum Table<'a> {
    /// `[vocabulary, width]` on the device.
    Half(&'a Buffer<f16>),
    /// `[vocabulary, width]` on the host.
    Pinned(&'a Pinned<f16>),
    /// The output map, whose outputs are the rows.
    Tied(&'a Linear),
}

/// The rows of `ids`, of `width` values, as the residual stream. An id beyond the vocabulary takes its last row: who calls
/// checks ids.
///
/// # Errors
/// When a buffer is too short, the table is no whole number of rows, or the launch fails.
pub fn embed(
    stream: &Stream,
    table: Table<'_>,
    ids: &Buffer<u32>,
    (rows, width): (usize, usize),
    out: &mut Buffer<f32>,
) -> Result<(), Error> {
    multiple(OP, "the width", width, 8)?;
    at_least(OP, "the ids", ids.len(), rows)?;
    at_least(OP, "the result", out.len(), rows * width)?;
    let (kernel, arguments) = match table {
        Table::Half(table) => {
            multiple(OP, "the table", table.len(), width)?;
            let arguments = Arguments::default().buffer(table).buffer(ids).buffer(out);
            (Kernel::EMBED_HALF, arguments.size(width).size(table.len() / width))
        }
        Table::Pinned(table) => {
            multiple(OP, "the table", table.len(), width)?;
            let arguments = Arguments::default().pinned(table).buffer(ids).buffer(out);
            (Kernel::EMBED_HALF, arguments.size(width).size(table.len() / width))
        }
        Table::Tied(linear) => {
            crate::error::exactly(OP, "the map's inputs", linear.places, width)?;
            let [group_shift, groups] = linear.groups();
            let arguments = Arguments::default().buffer(&linear.bytes).buffer(&linear.scales);
            let arguments = arguments.optional(linear.zeros.as_ref()).size(linear.zero.into());
            let arguments = arguments.buffer(ids).buffer(out).size(width).size(linear.outputs);
            let arguments = arguments.size(group_shift).size(groups);
            (Kernel::embed_packed(linear.codes), arguments)
        }
    };
    if rows == 0 {
        return Ok(());
    }
    stream.launch(kernel, Shape { grid: [rows, 1, 1], threads: 128, shared: 0 }, arguments)
}

/// The same on the CPU; `row` gives a row of the table.
#[must_use]
pub fn reference(row: impl Fn(usize) -> Vec<f32>, ids: &[u32]) -> Vec<f32> {
    ids.iter().flat_map(|id| row(*id as usize)).collect()
}
