//! Tensors whose values follow from their names (README of the fixtures, "Full-size check without
//! weights"), so that a model of full size needs no file: the numbers of Vigna's splitmix64 begun at
//! the name's FNV-1a hash. Written as a safetensors file, a tensor at a time.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Map, json};

/// What splitmix64 adds from number to number; the seed is multiplied by it as well.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
/// Values that are turned into bytes at once.
const PIECE: usize = 1 << 16;

/// One tensor of a recipe.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Made {
    name: String,
    shape: Vec<usize>,
    /// Farthest distance from the offset.
    scale: f32,
    offset: f32,
    /// Whether the model reads it when it speaks.
    needed: bool,
}

/// The formula under one seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Formula {
    pub(super) seed: u64,
}

impl Formula {
    /// The values of the tensor `name`, without end, from `offset − scale` to `offset + scale`.
    pub(super) fn of(self, name: &str, (scale, offset): (f32, f32)) -> impl Iterator<Item = f32> {
        let mut state = fnv1a(name) ^ self.seed.wrapping_mul(STEP);
        std::iter::repeat_with(move || {
            state = state.wrapping_add(STEP);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^= z >> 31;
            #[expect(clippy::cast_precision_loss, reason = "24 bits fit an f32")]
            let unit = (z >> 40) as f32 / 8_388_608.0 - 1.0;
            unit * scale + offset
        })
    }

    /// The first `count` values of the tensor `name` around 0.
    pub(super) fn values(self, name: &str, scale: f32, count: usize) -> Vec<f32> {
        self.of(name, (scale, 0.0)).take(count).collect()
    }

    /// Writes the tensors that a model needs as safetensors of f32.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn write(self, tensors: &[Made], path: &Path) -> anyhow::Result<()> {
        let needed = || tensors.iter().filter(|made| made.needed);
        let mut header = Map::new();
        let mut end = 0usize;
        for made in needed() {
            let begin = end;
            end += 4 * made.shape.iter().product::<usize>();
            let entry =
                json!({ "dtype": "F32", "shape": made.shape, "data_offsets": [begin, end] });
            header.insert(made.name.clone(), entry);
        }
        let header = serde_json::to_vec(&header)?;
        let failed = || format!("writing {}", path.display());
        let mut file = BufWriter::new(File::create(path).with_context(failed)?);
        file.write_all(&(header.len() as u64).to_le_bytes()).with_context(failed)?;
        file.write_all(&header).with_context(failed)?;
        let mut bytes = Vec::with_capacity(4 * PIECE);
        for made in needed() {
            let mut values = self.of(&made.name, (made.scale, made.offset));
            let mut left = made.shape.iter().product::<usize>();
            while left > 0 {
                let piece = left.min(PIECE);
                bytes.clear();
                bytes.extend(values.by_ref().take(piece).flat_map(f32::to_le_bytes));
                file.write_all(&bytes).with_context(failed)?;
                left -= piece;
            }
        }
        file.flush().with_context(failed)
    }
}

/// The hash of Fowler, Noll and Vo, 64 bits, variant 1a.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::tensors;

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(fnv1a(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn values_lie_around_the_offset_and_never_beyond_the_scale() {
        let values: Vec<f32> = Formula { seed: 7 }.of("x", (0.5, 2.0)).take(1000).collect();
        assert!(values.iter().all(|value| (1.5..=2.5).contains(value)));
        let mean = values.iter().sum::<f32>() / 1000.0;
        assert!((mean - 2.0).abs() < 0.05, "{mean}");
    }

    #[test]
    fn what_is_written_are_the_values_of_the_names_that_are_needed() {
        let made = |name: &str, needed| Made {
            name: name.into(),
            shape: vec![2, 3],
            scale: 1.0,
            offset: 0.0,
            needed,
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        let formula = Formula { seed: 1 };
        formula.write(&[made("a", true), made("b", false), made("c", true)], &path).unwrap();
        let read = tensors::read(&path).unwrap();
        assert_eq!(read.keys().collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(read["c"].shape, [2, 3]);
        assert_eq!(read["c"].values, formula.values("c", 1.0, 6));
    }
}
