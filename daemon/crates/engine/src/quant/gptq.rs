//! GPTQ (Frantar et al. 2023) as AutoGPTQ's `QuantLinear` stores it: `qweight` int32
//! `[in*bits/32, out]`, lowest bits first; `qzeros` int32 `[groups, out*bits/32]`; `scales`
//! `[groups, out]`; `g_idx` int32 `[in]`, the group of each input, in any order ("act-order").

use super::{Packed, uneven};
use crate::EngineError;
use crate::weights::ShardedWeights;

/// A map's tensors as they are stored.
#[derive(Debug)]
pub(super) struct Stored {
    weights: Vec<u32>,
    zeros: Vec<u32>,
    scales: Vec<f32>,
    groups: Vec<usize>,
    output: usize,
    bits: usize,
}

impl Stored {
    /// Reads the map `name` of sizes `[in, out]`.
    pub(super) fn read(
        weights: &mut ShardedWeights,
        name: &str,
        [input, output]: [usize; 2],
        bits: usize,
        group: usize,
    ) -> Result<Self, EngineError> {
        let per_word = 32 / bits;
        for (what, size) in [("the input", input), ("the output", output)] {
            if !size.is_multiple_of(per_word) {
                return Err(uneven(name, what, size, per_word));
            }
        }
        let count = input.div_ceil(group);
        let order = format!("{name}.g_idx");
        let groups: Vec<usize> = if weights.has(&order) {
            weights.words(&order, &[input])?.into_iter().map(|g| g as usize).collect()
        } else {
            (0..input).map(|i| i / group).collect()
        };
        if let Some(beyond) = groups.iter().find(|g| **g >= count) {
            return Err(EngineError::Input {
                what: "a quantised map",
                problem: format!("{order}: group {beyond}, expected less than {count}"),
            });
        }
        Ok(Self {
            weights: weights.words(&format!("{name}.qweight"), &[input / per_word, output])?,
            zeros: weights.words(&format!("{name}.qzeros"), &[count, output / per_word])?,
            scales: weights.floats(&format!("{name}.scales"), &[count, output])?,
            groups,
            output,
            bits,
        })
    }

    /// Codes by output, `[out, in]`: words are read once, in their order.
    fn codes(&self) -> Vec<u8> {
        let (per_word, input) = (32 / self.bits, self.groups.len());
        let mut codes = vec![0; self.output * input];
        for (first, words) in self.weights.chunks_exact(self.output).enumerate() {
            for (output, word) in words.iter().enumerate() {
                let at = output * input + first * per_word;
                for (place, code) in codes[at..at + per_word].iter_mut().enumerate() {
                    *code = field(*word, place, self.bits);
                }
            }
        }
        codes
    }

    /// Repacks by output.
    pub(super) fn pack(&self, zero_less_one: bool) -> Packed {
        let per_word = 32 / self.bits;
        let zero = |group: usize, output: usize| {
            let word = self.zeros[(group * self.output + output) / per_word];
            i32::from(field(word, output % per_word, self.bits)) + i32::from(zero_less_one)
        };
        let (codes, input) = (self.codes(), self.groups.len());
        let code = |i: usize, o: usize| codes[o * input + i];
        let scale = |group: usize, output: usize| self.scales[group * self.output + output];
        Packed::new(&self.groups, self.output, self.bits, code, zero, scale)
    }
}

/// Field `at` of `bits` in a word, from the lowest.
pub(super) fn field(word: u32, at: usize, bits: usize) -> u8 {
    ((word >> (at * bits)) & ((1 << bits) - 1)).to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_zeros_are_less_one_and_groups_may_be_mixed() {
        let stored = Stored {
            weights: vec![0x7654_3210; 8],
            zeros: vec![0x1111_1111, 0x2222_2222],
            scales: vec![0.5; 16],
            groups: vec![0, 1, 0, 1, 0, 1, 0, 1],
            output: 8,
            bits: 4,
        };
        let row = stored.pack(true).reference_row(3);
        assert_eq!(row, [-1.0, -1.0, 0.0, 0.0, 1.0, 1.0, 2.0, 2.0]);
    }
}
