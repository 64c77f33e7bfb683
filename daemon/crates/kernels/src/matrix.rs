//! Weights of a linear map as packed integers, in the order in which the products read them: sixteen
//! outputs side by side, four inputs of each in a row, so that a register holds whole outputs and no sum
//! goes across its lanes. (Interleaving rows at load is what the fastest CPU engines do; the order here
//! is that of AVX-512's and AMX's int8 products, which AVX2 takes in halves.)

use half::f16;

/// Outputs of a tile.
pub(crate) const TILE: usize = 16;
/// Inputs of a block, which share the activations' scale.
pub(crate) const BLOCK: usize = 32;

/// How wide the codes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codes {
    /// Codes from 0 to 15.
    Four,
    /// Codes from 0 to 255.
    Eight,
}

impl Codes {
    /// Bytes of a tile's block.
    pub(crate) fn block_bytes(self) -> usize {
        match self {
            Self::Four => TILE * BLOCK / 2,
            Self::Eight => TILE * BLOCK,
        }
    }
}

/// The sizes of a map do not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatrixError {
    /// A size is zero.
    #[error("a map of {inputs} inputs and {outputs} outputs")]
    Empty {
        /// Inputs.
        inputs: usize,
        /// Outputs.
        outputs: usize,
    },
    /// Groups that are no whole blocks.
    #[error("groups of {group} inputs, expected a multiple of {BLOCK} (the inputs: {inputs})")]
    Group {
        /// Inputs of a group.
        group: usize,
        /// Inputs.
        inputs: usize,
    },
}

/// Zero points of the codes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Zeros {
    /// The same for all.
    Same(u8),
    /// One per tile, group and output, in the scales' order.
    Each(Vec<u8>),
}

/// Weights `w[output][input] = scale * (code - zero)`, scales per output and group of inputs.
#[derive(Debug, Clone)]
pub struct Matrix {
    pub(crate) codes: Codes,
    /// Tile by tile, block by block. Four bits: 64 bytes for eight inputs, of each output four bytes
    /// whose low halves are the first four inputs. Eight bits: 64 bytes for four inputs, as code − 128.
    pub(crate) bytes: Vec<u8>,
    /// Tile by tile, group by group, one per output.
    pub(crate) scales: Vec<f16>,
    pub(crate) zeros: Zeros,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// Blocks of a group.
    pub(crate) group_blocks: usize,
}

impl Matrix {
    /// Packs a map of `[outputs, inputs]`, whose inputs come in groups of `group` (the last one may be
    /// shorter). `row(output, codes)` writes the codes of an output's inputs, `zero(output, group)` and
    /// `scale(output, group)` give the rest. Rows are asked for on all cores at once.
    ///
    /// # Errors
    /// When a size is zero, or a group is no whole number of blocks of 32 and not all inputs.
    pub fn pack(
        codes: Codes,
        [outputs, inputs]: [usize; 2],
        group: usize,
        row: impl Fn(usize, &mut [u8]) + Sync,
        zero: impl Fn(usize, usize) -> u8,
        scale: impl Fn(usize, usize) -> f16,
    ) -> Result<Self, MatrixError> {
        if inputs == 0 || outputs == 0 || group == 0 {
            return Err(MatrixError::Empty { inputs, outputs });
        }
        if !group.is_multiple_of(BLOCK) && group < inputs {
            return Err(MatrixError::Group { group, inputs });
        }
        let blocks = inputs.div_ceil(BLOCK);
        let group_blocks = group.div_ceil(BLOCK).min(blocks);
        let (tiles, groups) = (outputs.div_ceil(TILE), blocks.div_ceil(group_blocks));
        let mut scales = Vec::with_capacity(tiles * groups * TILE);
        let mut zeros = Vec::with_capacity(tiles * groups * TILE);
        for tile in 0..tiles {
            for g in 0..groups {
                for output in tile * TILE..(tile + 1) * TILE {
                    let known = output < outputs;
                    scales.push(if known { scale(output, g) } else { f16::ZERO });
                    zeros.push(if known { zero(output, g) } else { zero(outputs - 1, g) });
                }
            }
        }
        let zeros = match zeros.first() {
            Some(&first) if zeros.iter().all(|z| *z == first) => Zeros::Same(first),
            _ => Zeros::Each(zeros),
        };
        let size = blocks * codes.block_bytes();
        let mut bytes = vec![0; tiles * size];
        crate::pages::large(&mut bytes);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = tiles.div_ceil(threads);
        std::thread::scope(|scope| {
            for (n, part) in bytes.chunks_mut(share * size).enumerate() {
                let row = &row;
                scope.spawn(move || {
                    let mut rows = vec![0u8; TILE * blocks * BLOCK];
                    for (tile, bytes) in part.chunks_exact_mut(size).enumerate() {
                        let first = (n * share + tile) * TILE;
                        for (lane, codes) in rows.chunks_exact_mut(blocks * BLOCK).enumerate() {
                            if first + lane < outputs {
                                row(first + lane, &mut codes[..inputs]);
                            }
                        }
                        interleave(codes, &rows, bytes);
                    }
                });
            }
        });
        crate::pages::collapse(&bytes);
        crate::pages::collapse(&scales);
        Ok(Self { codes, bytes, scales, zeros, inputs, outputs, group_blocks })
    }

    /// Quantises weights `[outputs, inputs]` to eight bits, each block of 32 inputs by its largest.
    ///
    /// # Errors
    /// When a size is zero. `row(output)` must give `inputs` values.
    pub fn quantize(
        [outputs, inputs]: [usize; 2],
        mut row: impl FnMut(usize, &mut [f32]),
    ) -> Result<Self, MatrixError> {
        if inputs == 0 || outputs == 0 {
            return Err(MatrixError::Empty { inputs, outputs });
        }
        let blocks = inputs.div_ceil(BLOCK);
        let mut values = vec![0f32; blocks * BLOCK];
        let mut codes = vec![0u8; outputs * inputs];
        let mut scales = vec![f16::ZERO; outputs * blocks];
        for output in 0..outputs {
            row(output, &mut values[..inputs]);
            let stored = &mut codes[output * inputs..(output + 1) * inputs];
            for (block, values) in values.chunks_exact(BLOCK).enumerate() {
                let largest = values.iter().fold(0f32, |most, v| most.max(v.abs()));
                let scale = f16::from_f32(largest / 127.0);
                scales[output * blocks + block] = scale;
                let over = if scale > f16::ZERO { 1.0 / scale.to_f32() } else { 0.0 };
                for (code, value) in stored[block * BLOCK..].iter_mut().zip(values) {
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "from 1 to 255"
                    )]
                    let rounded = (value * over).round().clamp(-127.0, 127.0) as i32 as u8;
                    *code = rounded ^ 0x80;
                }
            }
        }
        let row =
            |o: usize, row: &mut [u8]| row.copy_from_slice(&codes[o * inputs..(o + 1) * inputs]);
        let scale = |o: usize, g: usize| scales[o * blocks + g];
        Self::pack(Codes::Eight, [outputs, inputs], BLOCK, row, |_, _| 128, scale)
    }

    /// Bytes in memory of a map that is packed with these sizes; `zeros` says whether zero points differ
    /// from each other.
    #[must_use]
    pub fn size_of(
        codes: Codes,
        [outputs, inputs]: [usize; 2],
        group: usize,
        zeros: bool,
    ) -> usize {
        let (tiles, blocks) = (outputs.div_ceil(TILE), inputs.div_ceil(BLOCK));
        let groups = blocks.div_ceil(group.div_ceil(BLOCK).min(blocks).max(1));
        let each = if zeros { 2 + 1 } else { 2 };
        tiles * (blocks * codes.block_bytes() + groups * TILE * each)
    }

    /// Inputs.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Bytes in memory.
    #[must_use]
    pub fn size(&self) -> usize {
        let zeros = if let Zeros::Each(each) = &self.zeros { each.len() } else { 0 };
        self.bytes.len() + self.scales.len() * 2 + zeros
    }

    pub(crate) fn blocks(&self) -> usize {
        self.inputs.div_ceil(BLOCK)
    }

    pub(crate) fn groups(&self) -> usize {
        self.blocks().div_ceil(self.group_blocks)
    }

    pub(crate) fn tiles(&self) -> usize {
        self.outputs.div_ceil(TILE)
    }

    /// Code of a weight as it was given.
    fn code(&self, output: usize, input: usize) -> u8 {
        let (tile, block, within) = (output / TILE, input / BLOCK, input % BLOCK);
        let base = (tile * self.blocks() + block) * self.codes.block_bytes();
        let lane = output % TILE * 4 + within % 4;
        match self.codes {
            Codes::Four => {
                let byte = self.bytes[base + within / 8 * 64 + lane];
                if within % 8 < 4 { byte & 15 } else { byte >> 4 }
            }
            Codes::Eight => self.bytes[base + within / 4 * 64 + lane] ^ 0x80,
        }
    }

    /// How wide the codes are.
    #[must_use]
    pub fn codes(&self) -> Codes {
        self.codes
    }

    /// Inputs of a group, a multiple of the block; the last may be shorter.
    #[must_use]
    pub fn group(&self) -> usize {
        self.group_blocks * BLOCK
    }

    /// The codes of one output as they were given, into `row` of as many values as there are inputs: for
    /// who packs them in another order.
    ///
    /// # Panics
    /// When there is no such output.
    pub fn codes_of(&self, output: usize, row: &mut [u8]) {
        assert!(output < self.outputs, "output {output} of {}", self.outputs);
        for (input, code) in row.iter_mut().enumerate().take(self.inputs) {
            *code = self.code(output, input);
        }
    }

    fn group_at(&self, output: usize, group: usize) -> usize {
        (output / TILE * self.groups() + group) * TILE + output % TILE
    }

    /// Scale of an output's group.
    #[must_use]
    pub fn scale(&self, output: usize, group: usize) -> f16 {
        self.scales[self.group_at(output, group)]
    }

    /// Zero point of an output's group.
    #[must_use]
    pub fn zero(&self, output: usize, group: usize) -> u8 {
        match &self.zeros {
            Zeros::Same(zero) => *zero,
            Zeros::Each(each) => each[self.group_at(output, group)],
        }
    }

    /// Weights of one output, into `row` of as many values as there are inputs: an embedding's row, and
    /// what the products are compared with.
    ///
    /// # Panics
    /// When there is no such output.
    pub fn row(&self, output: usize, row: &mut [f32]) {
        assert!(output < self.outputs, "output {output} of {}", self.outputs);
        for (input, value) in row.iter_mut().enumerate().take(self.inputs) {
            let group = input / BLOCK / self.group_blocks;
            let code = f32::from(self.code(output, input)) - f32::from(self.zero(output, group));
            *value = self.scale(output, group).to_f32() * code;
        }
    }
}

/// Brings the codes of a tile's sixteen rows into the order of the products. Beyond the last input, where
/// activations are zero, they may be anything.
fn interleave(codes: Codes, rows: &[u8], bytes: &mut [u8]) {
    let width = rows.len() / TILE;
    for (lane, row) in rows.chunks_exact(width).enumerate() {
        let at = lane * 4;
        match codes {
            Codes::Four => {
                let parts = bytes.as_chunks_mut::<64>().0.iter_mut().zip(row.as_chunks::<8>().0);
                for (to, [a, b, c, d, e, f, g, h]) in parts {
                    let packed = [a | (e << 4), b | (f << 4), c | (g << 4), d | (h << 4)];
                    to[at..at + 4].copy_from_slice(&packed);
                }
            }
            Codes::Eight => {
                let parts = bytes.as_chunks_mut::<64>().0.iter_mut().zip(row.as_chunks::<4>().0);
                for (to, four) in parts {
                    to[at..at + 4].copy_from_slice(&four.map(|code| code ^ 0x80));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes rows code by code.
    fn by_code(code: impl Fn(usize, usize) -> u8 + Sync) -> impl Fn(usize, &mut [u8]) + Sync {
        move |o, row| row.iter_mut().enumerate().for_each(|(i, c)| *c = code(o, i))
    }

    #[test]
    fn every_weight_is_found_where_it_was_packed() {
        for codes in [Codes::Four, Codes::Eight] {
            let most = if codes == Codes::Four { 16 } else { 256 };
            let code = |o: usize, i: usize| ((o * 37 + i * 11) % most).to_le_bytes()[0];
            let scale = |o: usize, g: usize| f16::from_f32(0.5 + o as f32 + g as f32 * 0.25);
            let packed =
                Matrix::pack(codes, [19, 70], 64, by_code(code), |o, g| (o % 3 + g) as u8, scale)
                    .unwrap();
            assert_eq!(packed.size(), Matrix::size_of(codes, [19, 70], 64, true));
            let mut row = vec![0.0; 70];
            for o in 0..19 {
                packed.row(o, &mut row);
                for (i, value) in row.iter().enumerate() {
                    let zero = (o % 3 + i / 64) as f32;
                    let want = scale(o, i / 64).to_f32() * (f32::from(code(o, i)) - zero);
                    assert_eq!(*value, want, "{codes:?} {o} {i}");
                }
                let mut given = vec![0; 70];
                packed.codes_of(o, &mut given);
                assert!((0..70).all(|i| given[i] == code(o, i)), "{codes:?} {o}");
                assert_eq!(
                    (packed.zero(o, 1), packed.scale(o, 1)),
                    ((o % 3 + 1) as u8, scale(o, 1))
                );
            }
        }
    }

    #[test]
    fn quantising_keeps_each_weight_within_half_a_step() {
        let weight = |o: usize, i: usize| ((o * 13 + i) as f32 * 0.7).sin() * (1.0 + o as f32);
        let packed = Matrix::quantize([5, 65], |o, row| {
            row.iter_mut().enumerate().for_each(|(i, v)| *v = weight(o, i));
        })
        .unwrap();
        let mut row = vec![0.0; 65];
        for o in 0..5 {
            packed.row(o, &mut row);
            for (i, got) in row.iter().enumerate() {
                let step = (1.0 + o as f32) / 127.0;
                assert!((got - weight(o, i)).abs() <= step * 0.51, "{o} {i}");
            }
        }
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        let pack = |sizes, group| {
            Matrix::pack(Codes::Four, sizes, group, |_, _| (), |_, _| 8, |_, _| f16::ONE)
        };
        assert!(matches!(pack([0, 32], 32), Err(MatrixError::Empty { .. })));
        assert!(matches!(pack([1, 64], 48), Err(MatrixError::Group { group: 48, .. })));
        assert!(pack([1, 48], 48).is_ok(), "one group of all inputs may end anywhere");
    }
}
