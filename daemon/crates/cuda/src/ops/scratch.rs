//! Memory that operations use between their kernels, allocated once for all of them. One per stream: two streams that
//! share one would overwrite each other's values.

use half::f16;

use crate::weights::TILE;
use crate::{Buffer, Device, Error};

/// Blocks that may leave partial sums of one map.
pub(super) const PARTIAL_BLOCKS: usize = 1024;
/// Most rows of a map for few rows.
const MOST_FEW: usize = 64;
/// Query rows of a block of attention.
pub(super) const QUERY_ROWS: usize = 16;
/// Most rows (tokens) of attention for few queries.
pub(super) const FEW_TOKENS: usize = 16;
/// Most parts that the positions of one head are split into.
pub(super) const MOST_SPLITS: usize = 32;

/// The largest sizes that calls with a scratch will have.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Rows of a call.
    pub rows: usize,
    /// Inputs of a map.
    pub inputs: usize,
    /// Query heads.
    pub heads: usize,
    /// Width of a head.
    pub head_dim: usize,
}

/// The memory.
#[derive(Debug)]
pub struct Scratch {
    /// Activations in the order of a map's places.
    pub(super) gathered: Buffer<f16>,
    /// Partial sums of maps.
    pub(super) sums: Buffer<f32>,
    /// Blocks that are done, per tile; zero between calls.
    pub(super) done: Buffer<u32>,
    /// Partial results of attention.
    pub(super) mixed: Buffer<f32>,
    /// Blocks that are done, per head and group of query rows; zero between calls.
    pub(super) mixed_done: Buffer<u32>,
}

impl Scratch {
    /// Memory for calls within `limits`.
    ///
    /// # Errors
    /// When the device's memory is full.
    pub fn new(device: &Device, limits: Limits) -> Result<Self, Error> {
        // A group of query rows belongs to one key head, of which there are at most as many as query heads.
        let groups = (FEW_TOKENS * limits.heads).div_ceil(QUERY_ROWS) + limits.heads;
        Ok(Self {
            gathered: device.buffer(limits.rows * limits.inputs.next_multiple_of(TILE))?,
            sums: device.buffer(PARTIAL_BLOCKS * TILE * MOST_FEW)?,
            done: device.buffer(PARTIAL_BLOCKS)?,
            mixed: device.buffer(groups * MOST_SPLITS * QUERY_ROWS * (limits.head_dim + 2))?,
            mixed_done: device.buffer(groups)?,
        })
    }

    /// Bytes of device memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let sums = self.sums.bytes() + self.done.bytes();
        self.gathered.bytes() + sums + self.mixed.bytes() + self.mixed_done.bytes()
    }
}
