//! A linear map whose weights stay packed integers in memory, and its product on the CPU: codes are
//! widened, centred and multiplied in one pass. Codes lie by output, inputs sorted by group, each
//! group filled up to whole blocks, so that a block has one scale and one zero.

use companion_kernels::{Codes, Matrix, MatrixError};
use half::f16;

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor};

/// Inputs of a block.
const BLOCK: usize = 32;
/// Rows from which weights are dequantised in tiles for a dense product.
const MANY_ROWS: usize = 8;
/// Outputs of such a tile.
const TILE: usize = 256;

/// Weights `[out, in]` with `w = scale * (code - zero)` per group of inputs.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    /// Per output and block: 32 bytes of 8-bit codes, or 16 bytes whose low halves are the first 16.
    codes: Vec<u8>,
    /// Scale and zero per output and block's group.
    groups: Vec<(f32, f32)>,
    /// Group of each block.
    group_of: Vec<usize>,
    /// Input of each place; `None` fills up a block.
    order: Vec<Option<usize>>,
    input: usize,
    output: usize,
    bits: usize,
}

impl Packed {
    /// Packs a map. `groups` holds the group of each input; `code(input, output)`,
    /// `zero(group, output)` and `scale(group, output)` give the parts. `bits` is 4 or 8.
    pub(super) fn new(
        groups: &[usize],
        output: usize,
        bits: usize,
        code: impl Fn(usize, usize) -> u8,
        zero: impl Fn(usize, usize) -> i32,
        scale: impl Fn(usize, usize) -> f32,
    ) -> Self {
        let count = groups.iter().max().map_or(0, |most| most + 1);
        let mut members = vec![Vec::new(); count];
        groups.iter().enumerate().for_each(|(input, g)| members[*g].push(Some(input)));
        let (mut order, mut group_of) = (Vec::new(), Vec::new());
        for (group, mut inputs) in members.into_iter().enumerate() {
            inputs.resize(inputs.len().next_multiple_of(BLOCK), None);
            group_of.extend(std::iter::repeat_n(group, inputs.len() / BLOCK));
            order.append(&mut inputs);
        }
        let mut codes = Vec::with_capacity(output * order.len() * bits / 8);
        let mut scales = Vec::with_capacity(output * count);
        for o in 0..output {
            let row: Vec<u8> = order.iter().map(|i| i.map_or(0, |i| code(i, o))).collect();
            for block in row.chunks_exact(BLOCK) {
                if bits == 8 {
                    codes.extend_from_slice(block);
                } else {
                    let (low, high) = block.split_at(BLOCK / 2);
                    codes.extend(low.iter().zip(high).map(|(l, h)| l | (h << 4)));
                }
            }
            #[expect(clippy::cast_precision_loss, reason = "zeros are at most 256")]
            scales.extend((0..count).map(|g| (scale(g, o), zero(g, o) as f32)));
        }
        Self { codes, groups: scales, group_of, order, input: groups.len(), output, bits }
    }

    /// Bytes of weights.
    pub(crate) fn bytes(&self) -> usize {
        self.codes.len() + self.groups.len() * 8
    }

    /// Bytes of a block.
    fn stride(&self) -> usize {
        BLOCK * self.bits / 8
    }

    /// The same map for integer arithmetic, and the input of each of its places where they are not in
    /// order.
    ///
    /// # Errors
    /// When it has a zero point that integer arithmetic does not take (256, of 8-bit codes).
    pub(crate) fn integer(&self) -> std::result::Result<Integers, IntegerError> {
        let count = self.groups.len() / self.output;
        #[expect(clippy::cast_possible_truncation, reason = "compared with the zero itself")]
        let small = |zero: f32| zero as u8;
        if let Some((_, zero)) = self.groups.iter().find(|(_, z)| f32::from(small(*z)) != *z) {
            return Err(IntegerError::Zero(*zero));
        }
        let size = self.group_of.iter().filter(|g| **g == 0).count().max(1);
        let even = self.group_of.iter().enumerate().all(|(block, g)| block / size == *g);
        // Groups of different sizes: each block as a group of its own.
        let group = if even { size * BLOCK } else { BLOCK };
        let of = |o: usize, g: usize| {
            let block = if even { g * size } else { g };
            self.groups[o * count + self.group_of[block]]
        };
        let bytes = self.group_of.len() * self.stride();
        let row = |o: usize, codes: &mut [u8]| {
            let blocks = self.codes[o * bytes..(o + 1) * bytes].chunks_exact(self.stride());
            for (codes, block) in codes.chunks_exact_mut(BLOCK).zip(blocks) {
                if self.bits == 8 {
                    codes.copy_from_slice(block);
                    continue;
                }
                let (low, high) = codes.split_at_mut(BLOCK / 2);
                for ((low, high), byte) in low.iter_mut().zip(high).zip(block) {
                    (*low, *high) = (byte & 15, byte >> 4);
                }
            }
        };
        let codes = if self.bits == 8 { Codes::Eight } else { Codes::Four };
        let sizes = [self.output, self.order.len()];
        let scale = |o: usize, g: usize| f16::from_f32(of(o, g).0);
        let matrix = Matrix::pack(codes, sizes, group, row, |o, g| small(of(o, g).1), scale)?;
        let in_order = self.order.iter().enumerate().all(|(place, i)| *i == Some(place));
        // A place that fills up a block takes any input: its code says nothing, its scale is that of the
        // group, so that the input there must be zero: `usize::MAX`.
        let order = || self.order.iter().map(|i| i.unwrap_or(usize::MAX)).collect();
        Ok((matrix, (!in_order).then(order)))
    }

    /// Codes of a block, widened.
    fn widen(&self, bytes: &[u8]) -> [f32; BLOCK] {
        let mut out = [0f32; BLOCK];
        if self.bits == 8 {
            out.iter_mut().zip(bytes).for_each(|(v, b)| *v = f32::from(*b));
        } else {
            let (low, high) = out.split_at_mut(BLOCK / 2);
            for ((l, h), b) in low.iter_mut().zip(high).zip(bytes) {
                *l = f32::from(*b & 15);
                *h = f32::from(*b >> 4);
            }
        }
        out
    }

    /// Blocks of an output: bytes, scale and zero.
    fn blocks(&self, o: usize) -> impl Iterator<Item = (&[u8], f32, f32)> {
        let (row, count) = (self.group_of.len() * self.stride(), self.groups.len() / self.output);
        let scales = &self.groups[o * count..(o + 1) * count];
        let bytes = self.codes[o * row..(o + 1) * row].chunks_exact(self.stride());
        bytes.zip(&self.group_of).map(|(bytes, g)| (bytes, scales[*g].0, scales[*g].1))
    }

    /// The product of an output with inputs in the order of the codes.
    fn dot(&self, o: usize, x: &[f32]) -> f32 {
        let mut lanes = [0f32; BLOCK];
        for ((bytes, scale, zero), x) in self.blocks(o).zip(x.as_chunks::<BLOCK>().0) {
            let codes = self.widen(bytes);
            for ((lane, code), x) in lanes.iter_mut().zip(&codes).zip(x) {
                *lane += scale * (code - zero) * x;
            }
        }
        lanes.iter().sum()
    }

    /// Weights `[in]` of an output, one by one: what the fused product is compared with.
    pub(crate) fn reference_row(&self, o: usize) -> Vec<f32> {
        let mut row = vec![0.0; self.input];
        for ((bytes, scale, zero), order) in self.blocks(o).zip(self.order.chunks_exact(BLOCK)) {
            for (code, input) in self.widen(bytes).iter().zip(order) {
                if let Some(input) = input {
                    row[*input] = scale * (code - zero);
                }
            }
        }
        row
    }

    /// Weights `[outputs, in]` of some outputs.
    pub(crate) fn dense(&self, outputs: std::ops::Range<usize>, device: &Device) -> Result<Tensor> {
        let shape = (outputs.len(), self.input);
        let values: Vec<f32> = outputs.flat_map(|o| self.reference_row(o)).collect();
        Tensor::from_vec(values, shape, device)
    }

    /// All outputs.
    pub(crate) fn outputs(&self) -> usize {
        self.output
    }

    /// `x` `[rows, in]` to `[rows, out]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if x.dim(0)? < MANY_ROWS {
            return x.contiguous()?.apply_op1_no_bwd(self);
        }
        let tiles: Vec<Tensor> = (0..self.output)
            .step_by(TILE)
            .map(|from| {
                let tile = self.dense(from..(from + TILE).min(self.output), x.device())?;
                x.matmul(&tile.t()?)
            })
            .collect::<Result<_>>()?;
        Tensor::cat(&tiles, 1)
    }
}

/// A map for integer arithmetic, and the input of each of its places where they are not in order.
type Integers = (Matrix, Option<Vec<usize>>);

/// A map that integer arithmetic does not take.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IntegerError {
    /// A zero point beyond eight bits.
    #[error("a zero point of {0}, expected a whole number from 0 to 255")]
    Zero(f32),
    /// Sizes.
    #[error(transparent)]
    Sizes(#[from] MatrixError),
}

impl CustomOp1 for Packed {
    fn name(&self) -> &'static str {
        "packed-linear"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, width) = layout.shape().dims2()?;
        let CpuStorage::F32(values) = storage else {
            candle_core::bail!("a packed map is computed in f32")
        };
        if width != self.input {
            candle_core::bail!("rows of {width} values, expected {}", self.input)
        }
        let values = &values[layout.start_offset()..][..rows * width];
        let mut out = Vec::with_capacity(rows * self.output);
        for row in values.chunks_exact(width) {
            let x: Vec<f32> = self.order.iter().map(|i| i.map_or(0.0, |i| row[i])).collect();
            out.extend((0..self.output).map(|o| self.dot(o, &x)));
        }
        Ok((CpuStorage::F32(out), (rows, self.output).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fused_product_equals_the_plain_one() {
        let groups: Vec<usize> = (0..72).map(|i| (i * 7) % 3).collect();
        for bits in [4, 8] {
            let code = |i: usize, o: usize| ((i * 31 + o * 17) % (1 << bits)).to_le_bytes()[0];
            let packed = Packed::new(
                &groups,
                5,
                bits,
                code,
                |g, _| 7 + i32::from(g == 1),
                |g, o| {
                    0.01 + f32::from(u8::from(g == 2)) * 0.02 + f32::from(u8::from(o == 3)) * 0.01
                },
            );
            let x: Vec<f32> = (0..72u8).map(|i| (f32::from(i) * 0.37).sin()).collect();
            let tensor = Tensor::from_slice(&x, (1, 72), &Device::Cpu).unwrap();
            let fused: Vec<f32> =
                packed.forward(&tensor).unwrap().flatten_all().unwrap().to_vec1().unwrap();
            for (o, got) in fused.iter().enumerate() {
                let row = packed.reference_row(o);
                let want: f32 = row.iter().zip(&x).map(|(w, x)| w * x).sum();
                assert!((got - want).abs() < 1e-4, "{bits} bits, output {o}: {got}, {want}");
            }
        }
    }
}
