//! What packed weights take, from their sizes alone.

use super::{BLOCK, Codes, Packed, STEP, TILE, group_blocks};

/// Sizes of a map that is not packed yet.
#[derive(Debug, Clone, Copy)]
pub struct PackedShape {
    /// What weights are stored as.
    pub codes: Codes,
    /// Outputs.
    pub outputs: usize,
    /// Inputs.
    pub inputs: usize,
    /// Inputs of a group; of no meaning for half precision.
    pub group: usize,
    /// Whether zero points differ from each other.
    pub zeros: bool,
    /// Whether there is a bias.
    pub bias: bool,
}

impl Packed {
    /// Bytes in memory of a map of these sizes, inputs in their own order.
    #[must_use]
    pub fn size_of(shape: PackedShape) -> usize {
        let PackedShape { codes, outputs, inputs, group, zeros, bias } = shape;
        let (tiles, steps) = (outputs.div_ceil(TILE), inputs.div_ceil(STEP));
        let blocks = steps * (STEP / BLOCK);
        let groups = blocks.div_ceil(group_blocks(inputs, group));
        let each = match (codes, zeros) {
            (Codes::Half, _) => 0,
            (_, false) => 2,
            (_, true) => 3,
        };
        let bias = if bias { outputs * 4 } else { 0 };
        tiles * (steps * codes.step_bytes() + groups * TILE * each) + bias
    }
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    #[test]
    fn the_size_that_is_foretold_is_the_size_that_it_has() {
        for (outputs, inputs, group) in
            [(16, 64, 32), (30, 200, 128), (100, 96, 96), (7, 8, 64), (40, 400, 96)]
        {
            let shape =
                |codes, zeros, bias| PackedShape { codes, outputs, inputs, group, zeros, bias };
            for codes in [Codes::Four, Codes::Eight] {
                for zeros in [false, true] {
                    let zero = |o: usize, _| if zeros { (o % 3) as u8 } else { 8 };
                    let row = |_: usize, row: &mut [u8]| row.fill(3);
                    let scale = |_, _| f16::ONE;
                    let packed =
                        Packed::pack(codes, [outputs, inputs], group, row, zero, scale).unwrap();
                    assert_eq!(packed.size(), Packed::size_of(shape(codes, zeros, false)));
                    let packed = packed.with_bias(vec![0.0; outputs]).unwrap();
                    assert_eq!(packed.size(), Packed::size_of(shape(codes, zeros, true)));
                }
            }
            let packed = Packed::half([outputs, inputs], |_, row| row.fill(f16::ONE)).unwrap();
            assert_eq!(packed.size(), Packed::size_of(shape(Codes::Half, false, false)));
        }
    }
}
