//! Weights of a linear map, packed in the order in which a warp multiplies them. Host side ([`Packed`]) and on a
//! device ([`Linear`]); integers stay integers in both.
//!
//! The product is `mma.sync.m16n8k16` (PTX ISA, "Matrix fragments for mma.m16n8k16") with the weights as its
//! first operand: sixteen outputs times sixteen inputs in a warp's registers. A *tile* is sixteen outputs, a
//! *step* 64 inputs, a *block* 32. Lane `4 g + q` of the warp holds outputs `2 g` and `2 g + 1` of a tile (rows
//! `g` and `g + 8` of the operand) and, of each block, inputs `8 q .. 8 q + 8`: four for each of two products.
//! Which input stands in which column of a product is free as long as activations agree; so a lane's
//! activations are eight neighbours, one load of 16 bytes, and so are its weights:
//!
//! | codes | one load of 16 bytes per lane (512 per warp, in a row) |
//! |---|---|
//! | four bits | a step: word `2 block + product`, nibbles `r + 2 (i / 2) + 4 (i % 2)` |
//! | eight bits | a block: word `2 product + r`, byte `i` |
//! | half precision | a product: value `2 (r + 2 (i / 2)) + i % 2` |
//!
//! for output `2 g + r` and input `8 q + 4 product + i` of the block. Loads lie by tile, then by step.
//! A pair of nibbles four apart becomes a pair of half-precision numbers by one `lop3` (0x6400 | code is
//! 1024 + code), and takes off the zero point exactly by one more instruction.
//! Scales and zero points: by tile, group, output; a group is 32 times a power of two. Inputs are filled up to whole steps; activations there count
//! as zero.

use half::f16;

use crate::{Buffer, Device, Error};

mod order;
mod size;
pub use order::interleaved;
pub use size::PackedShape;

/// Outputs of a tile.
pub(crate) const TILE: usize = 16;
/// Inputs of a block, the least group.
pub(crate) const BLOCK: usize = 32;
/// Inputs of a step.
pub(crate) const STEP: usize = 64;

/// What a weight is stored as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codes {
    /// Integers from 0 to 15.
    Four,
    /// Integers from 0 to 255.
    Eight,
    /// Half precision, without scales.
    Half,
}

impl Codes {
    /// Bytes of a tile's step.
    pub(crate) fn step_bytes(self) -> usize {
        match self {
            Self::Four => TILE * STEP / 2,
            Self::Eight => TILE * STEP,
            Self::Half => TILE * STEP * 2,
        }
    }
}

/// Zero points.
#[derive(Debug, Clone, PartialEq)]
enum Zeros {
    Same(u8),
    Each(Vec<u8>),
}

/// Packed weights `w[output][input] = scale * (code - zero)` on the host.
#[derive(Debug, Clone)]
pub struct Packed {
    codes: Codes,
    bytes: Vec<u8>,
    scales: Vec<f16>,
    zeros: Zeros,
    outputs: usize,
    inputs: usize,
    /// Blocks of a group: a power of two. Others are split into the largest that divides them.
    group_blocks: usize,
    bias: Option<Vec<f32>>,
    /// Input of each place, and how many there are, where places are not in the inputs' order.
    order: Option<(Vec<u32>, usize)>,
}

/// Packed weights on a device.
#[derive(Debug)]
pub struct Linear {
    pub(crate) codes: Codes,
    pub(crate) bytes: Buffer<u8>,
    pub(crate) scales: Buffer<f16>,
    pub(crate) zeros: Option<Buffer<u8>>,
    /// All zero points where there is no buffer of them.
    pub(crate) zero: u8,
    pub(crate) bias: Option<Buffer<f32>>,
    pub(crate) order: Option<Buffer<u32>>,
    pub(crate) outputs: usize,
    /// Columns that the product reads: the places.
    pub(crate) places: usize,
    inputs: usize,
    group_blocks: usize,
}

/// Blocks of a group as the kernels take it, of groups of `group` inputs as they are given.
fn group_blocks(inputs: usize, group: usize) -> usize {
    if group < inputs {
        1 << (group / BLOCK).trailing_zeros()
    } else {
        (inputs.div_ceil(STEP) * (STEP / BLOCK)).next_power_of_two()
    }
}

impl Packed {
    /// Packs integers `[outputs, inputs]` whose inputs come in groups of `group` (the last may be shorter).
    /// `row(output, codes)` writes the codes of an output, `zero(output, group)` and `scale(output, group)` give the
    /// rest. Rows are asked for on all cores at once.
    ///
    /// # Errors
    /// When a size is zero, the inputs are no multiple of 8, or a group is no multiple of 32 and not all inputs.
    pub fn pack(
        codes: Codes,
        [outputs, inputs]: [usize; 2],
        group: usize,
        row: impl Fn(usize, &mut [u8]) + Sync,
        zero: impl Fn(usize, usize) -> u8,
        scale: impl Fn(usize, usize) -> f16,
    ) -> Result<Self, Error> {
        let mut packed = Self::empty(codes, [outputs, inputs], group)?;
        let groups = packed.groups();
        let width = packed.group_blocks * BLOCK;
        let mut zeros = Vec::with_capacity(packed.tiles() * groups * TILE);
        for tile in 0..packed.tiles() {
            for g in 0..groups {
                // The group as it was given, of the first input of this one.
                let first = (g * width).min(inputs - 1);
                for output in tile * TILE..(tile + 1) * TILE {
                    let there = output < outputs && g * width < inputs;
                    packed.scales.push(if there {
                        scale(output, first / group)
                    } else {
                        f16::ZERO
                    });
                    zeros.push(zero(output.min(outputs - 1), first / group));
                }
            }
        }
        packed.zeros = match zeros.first() {
            Some(&first) if zeros.iter().all(|z| *z == first) => Zeros::Same(first),
            _ => Zeros::Each(zeros),
        };
        order::fill(&mut packed.bytes, codes, [outputs, inputs], &row);
        Ok(packed)
    }

    /// Packs half-precision weights; `row(output, values)` writes an output's.
    ///
    /// # Errors
    /// When a size is zero or the inputs are no multiple of 8.
    pub fn half(
        [outputs, inputs]: [usize; 2],
        row: impl Fn(usize, &mut [f16]) + Sync,
    ) -> Result<Self, Error> {
        let mut packed =
            Self::empty(Codes::Half, [outputs, inputs], inputs.next_multiple_of(STEP))?;
        order::fill(&mut packed.bytes, Codes::Half, [outputs, inputs], &row);
        Ok(packed)
    }

    /// Quantises weights to eight bits, each group of an output by its largest; `row(output, values)` writes an
    /// output's.
    ///
    /// # Errors
    /// As [`Self::pack`].
    pub fn quantize(
        [outputs, inputs]: [usize; 2],
        group: usize,
        row: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Result<Self, Error> {
        let mut packed = Self::empty(Codes::Eight, [outputs, inputs], group)?;
        let (groups, width) = (packed.groups(), packed.group_blocks * BLOCK);
        packed.zeros = Zeros::Same(128);
        packed.scales = vec![f16::ZERO; packed.tiles() * groups * TILE];
        let mut values = vec![0f32; inputs];
        for output in 0..outputs {
            row(output, &mut values);
            for (g, values) in values.chunks(width).enumerate() {
                let largest = values.iter().fold(0f32, |most, v| most.max(v.abs()));
                let at = (output / TILE * groups + g) * TILE + output % TILE;
                packed.scales[at] = f16::from_f32(largest / 127.0);
            }
        }
        let scales = &packed.scales;
        let codes = |output: usize, codes: &mut [u8]| {
            let mut values = vec![0f32; inputs];
            row(output, &mut values);
            for (at, (code, value)) in codes.iter_mut().zip(&values).enumerate() {
                let scale = scales[(output / TILE * groups + at / width) * TILE + output % TILE];
                let over = if scale > f16::ZERO { 1.0 / scale.to_f32() } else { 0.0 };
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "from 1 to 255"
                )]
                let rounded = ((value * over).round().clamp(-127.0, 127.0) + 128.0) as u8;
                *code = rounded;
            }
        };
        order::fill(&mut packed.bytes, Codes::Eight, [outputs, inputs], &codes);
        Ok(packed)
    }

    fn empty(codes: Codes, [outputs, inputs]: [usize; 2], group: usize) -> Result<Self, Error> {
        let op = "packing weights";
        crate::error::at_least(op, "the outputs", outputs, 1)?;
        crate::error::multiple(op, "the inputs", inputs, 8)?;
        if group < inputs {
            crate::error::multiple(op, "a group", group, BLOCK)?;
        }
        let tiles = outputs.div_ceil(TILE);
        let group_blocks = group_blocks(inputs, group);
        Ok(Self {
            codes,
            bytes: vec![0; tiles * inputs.div_ceil(STEP) * codes.step_bytes()],
            scales: Vec::new(),
            zeros: Zeros::Same(0),
            outputs,
            inputs,
            group_blocks,
            bias: None,
            order: None,
        })
    }

    /// The same with a bias per output, in the order of the outputs as they were packed.
    ///
    /// # Errors
    /// When there are not as many as outputs.
    pub fn with_bias(mut self, bias: Vec<f32>) -> Result<Self, Error> {
        crate::error::exactly("packing weights", "a bias", bias.len(), self.outputs)?;
        self.bias = Some(bias);
        Ok(self)
    }

    /// The same for inputs in another order (GPTQ's "act-order"): place `p` of the packed rows takes input
    /// `order[p]` of `features`; one that is not below `features` takes none, and counts as zero.
    ///
    /// # Errors
    /// When there are not as many as packed inputs.
    pub fn with_order(mut self, order: Vec<u32>, features: usize) -> Result<Self, Error> {
        crate::error::exactly("packing weights", "an order", order.len(), self.inputs)?;
        crate::error::multiple("packing weights", "the inputs", features, 8)?;
        self.order = Some((order, features));
        Ok(self)
    }

    fn tiles(&self) -> usize {
        self.outputs.div_ceil(TILE)
    }

    fn groups(&self) -> usize {
        let blocks = self.inputs.div_ceil(STEP) * (STEP / BLOCK);
        blocks.div_ceil(self.group_blocks)
    }

    /// Outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Values of a row of activations.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.order.as_ref().map_or(self.inputs, |(_, features)| *features)
    }

    /// Bias of each output, where there is one.
    #[must_use]
    pub fn bias(&self) -> Option<&[f32]> {
        self.bias.as_deref()
    }

    /// Bytes in memory, here and on a device.
    #[must_use]
    pub fn size(&self) -> usize {
        let zeros = if let Zeros::Each(zeros) = &self.zeros { zeros.len() } else { 0 };
        let bias = self.bias.as_ref().map_or(0, |bias| bias.len() * 4);
        let order = self.order.as_ref().map_or(0, |(order, _)| order.len() * 4);
        self.bytes.len() + self.scales.len() * 2 + zeros + bias + order
    }

    /// Weights of one output by input: what products are compared with.
    ///
    /// # Panics
    /// When there is no such output.
    #[must_use]
    pub fn row(&self, output: usize) -> Vec<f32> {
        assert!(output < self.outputs, "output {output} of {}", self.outputs);
        let groups = self.groups();
        let stored = order::read(&self.bytes, self.codes, self.inputs, output);
        let placed = stored.iter().enumerate().map(|(place, value)| {
            if self.codes == Codes::Half {
                return *value;
            }
            let group = place / BLOCK / self.group_blocks;
            let at = (output / TILE * groups + group) * TILE + output % TILE;
            let zero = match &self.zeros {
                Zeros::Same(zero) => *zero,
                Zeros::Each(zeros) => zeros[at],
            };
            self.scales[at].to_f32() * (value - f32::from(zero))
        });
        let Some((order, features)) = &self.order else { return placed.collect() };
        let mut row = vec![0.0; *features];
        for (value, input) in placed.zip(order) {
            if let Some(weight) = row.get_mut(*input as usize) {
                *weight = value;
            }
        }
        row
    }

    /// Puts them on a device.
    ///
    /// # Errors
    /// When its memory is full or the driver fails.
    pub fn upload(&self, device: &Device) -> Result<Linear, Error> {
        let (zeros, zero) = match &self.zeros {
            Zeros::Same(zero) => (None, *zero),
            Zeros::Each(zeros) => (Some(device.upload(zeros)?), 0),
        };
        Ok(Linear {
            codes: self.codes,
            bytes: device.upload(&self.bytes)?,
            scales: device.upload(&self.scales)?,
            zeros,
            zero,
            bias: self.bias.as_ref().map(|bias| device.upload(bias)).transpose()?,
            order: self.order.as_ref().map(|(order, _)| device.upload(order)).transpose()?,
            outputs: self.outputs,
            places: self.inputs,
            inputs: self.inputs(),
            group_blocks: self.group_blocks,
        })
    }
}

impl Linear {
    /// Outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Values of a row of activations.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// What its weights are stored as.
    #[must_use]
    pub fn codes(&self) -> Codes {
        self.codes
    }

    /// Bytes of device memory: what one product of few rows reads.
    #[must_use]
    pub fn size(&self) -> usize {
        let zeros = self.zeros.as_ref().map_or(0, Buffer::bytes);
        let bias = self.bias.as_ref().map_or(0, Buffer::bytes);
        let order = self.order.as_ref().map_or(0, Buffer::bytes);
        self.bytes.bytes() + self.scales.bytes() + zeros + bias + order
    }

    /// How the kernels are told the size of a group and how many there are.
    pub(crate) fn groups(&self) -> [usize; 2] {
        let groups = (self.steps() * (STEP / BLOCK)).div_ceil(self.group_blocks);
        [self.group_blocks.trailing_zeros() as usize, groups]
    }

    pub(crate) fn tiles(&self) -> usize {
        self.outputs.div_ceil(TILE)
    }

    pub(crate) fn steps(&self) -> usize {
        self.places.div_ceil(STEP)
    }
}
