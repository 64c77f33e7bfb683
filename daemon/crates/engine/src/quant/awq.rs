//! AWQ (Lin et al. 2024) in AutoAWQ's "gemm" layout: `qweight` int32 `[in, out/8]`, `qzeros` int32
//! `[groups, out/8]`, `scales` `[groups, out]`; the eight codes of a word belong to eight neighbouring
//! outputs in the order of [`ORDER`].

use super::gptq::field;
use super::{Packed, uneven};
use crate::EngineError;
use crate::weights::ShardedWeights;

/// Codes in a word.
const CODES: usize = 8;
/// Place in the word of each of the eight outputs, from the lowest bits: the inverse of the order
/// 0, 2, 4, 6, 1, 3, 5, 7 in which they were packed.
const ORDER: [usize; CODES] = [0, 4, 1, 5, 2, 6, 3, 7];

fn code(words: &[u32], row: usize, column: usize, columns: usize) -> u8 {
    field(words[(row * columns + column) / CODES], ORDER[column % CODES], 4)
}

/// Reads the map `name` of `[input]` to `[output]` in groups of `group` inputs.
pub(super) fn read(
    weights: &mut ShardedWeights,
    name: &str,
    input: usize,
    output: usize,
    group: usize,
) -> Result<Packed, EngineError> {
    if !output.is_multiple_of(CODES) {
        return Err(uneven(name, "the output", output, CODES));
    }
    let count = input.div_ceil(group);
    let words = weights.words(&format!("{name}.qweight"), &[input, output / CODES])?;
    let zeros = weights.words(&format!("{name}.qzeros"), &[count, output / CODES])?;
    let scales = weights.floats(&format!("{name}.scales"), &[count, output])?;
    let groups: Vec<usize> = (0..input).map(|i| i / group).collect();
    Ok(Packed::new(
        &groups,
        output,
        4,
        |i, o| code(&words, i, o, output),
        |g, o| i32::from(code(&zeros, g, o, output)),
        |g, o| scales[g * output + o],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_found_where_they_were_packed() {
        let packed = [0, 2, 4, 6, 1, 3, 5, 7];
        let word = packed.iter().enumerate().fold(0, |w, (at, o)| w | (o << (4 * at)));
        let codes: Vec<u8> = (0..8).map(|o| code(&[word], 0, o, 8)).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7]);
    }
}
