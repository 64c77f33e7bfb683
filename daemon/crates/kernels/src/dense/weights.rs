//! Weights packed in tiles of outputs that lie across: for each tap and input the weights of all outputs
//! of the tile.

use half::f16;
use half::slice::HalfFloatSliceExt as _;

use crate::pages;

/// Outputs of a tile: two registers of AVX2.
pub(super) const TILE: usize = 16;

/// Weights in tiles, `[tile][tap][input][TILE]`.
#[derive(Debug, Clone)]
pub(super) enum Values {
    /// As they are.
    Single(Vec<f32>),
    /// All of them are half-precision numbers.
    Half(Vec<f16>),
}

/// A linear map (one tap) or a convolution over time.
#[derive(Debug, Clone)]
pub struct Dense {
    pub(super) values: Values,
    /// One value per output, the last tile filled up; empty without a bias.
    pub(super) bias: Vec<f32>,
    pub(super) outputs: usize,
    pub(super) taps: usize,
    pub(super) inputs: usize,
}

impl Dense {
    /// Packs `[outputs, taps, inputs]` weights, each asked for once.
    ///
    /// # Panics
    /// When a size is zero or the bias has another length.
    #[must_use]
    pub fn pack(
        [outputs, taps, inputs]: [usize; 3],
        bias: Option<&[f32]>,
        weight: impl Fn(usize, usize, usize) -> f32,
    ) -> Self {
        assert!(outputs > 0 && taps > 0 && inputs > 0, "a map without weights");
        assert!(bias.is_none_or(|bias| bias.len() == outputs), "a bias's length");
        let tiles = outputs.div_ceil(TILE);
        let mut values = vec![0f32; tiles * taps * inputs * TILE];
        for (tile, to) in values.chunks_exact_mut(taps * inputs * TILE).enumerate() {
            for lane in 0..TILE.min(outputs - tile * TILE) {
                for (at, to) in to.iter_mut().skip(lane).step_by(TILE).enumerate() {
                    *to = weight(tile * TILE + lane, at / inputs, at % inputs);
                }
            }
        }
        Self { values: Values::of(values), bias: whole_tiles(bias), outputs, taps, inputs }
    }

    /// The map `[outputs, inputs]`, row-major.
    ///
    /// # Panics
    /// As [`Self::pack`], or when there are not as many weights.
    #[must_use]
    pub fn linear([outputs, inputs]: [usize; 2], weights: &[f32], bias: Option<&[f32]>) -> Self {
        assert_eq!(weights.len(), outputs * inputs, "weights of a map");
        Self::pack([outputs, 1, inputs], bias, |o, _, i| weights[o * inputs + i])
    }

    /// The convolution `[outputs, inputs, taps]`, row-major, as frameworks keep it.
    ///
    /// # Panics
    /// As [`Self::linear`].
    #[must_use]
    pub fn convolution(
        [outputs, inputs, taps]: [usize; 3],
        weights: &[f32],
        bias: Option<&[f32]>,
    ) -> Self {
        assert_eq!(weights.len(), outputs * inputs * taps, "weights of a convolution");
        let weight = |o, tap, i| weights[(o * inputs + i) * taps + tap];
        Self::pack([outputs, taps, inputs], bias, weight)
    }

    /// Outputs of a row.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Inputs of a tap.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Taps.
    #[must_use]
    pub fn taps(&self) -> usize {
        self.taps
    }

    /// Bytes of the weights.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.values {
            Values::Single(values) => values.len() * 4,
            Values::Half(values) => values.len() * 2,
        }
    }

    pub(super) fn ends(&self) -> super::Ends<'_> {
        super::Ends { outputs: self.outputs, bias: &self.bias }
    }

    pub(super) fn tiles(&self) -> usize {
        self.outputs.div_ceil(TILE)
    }
}

/// A bias filled up to whole tiles; empty without one.
pub(super) fn whole_tiles(bias: Option<&[f32]>) -> Vec<f32> {
    let mut bias = bias.map(<[f32]>::to_vec).unwrap_or_default();
    bias.resize(bias.len().next_multiple_of(TILE), 0.0);
    bias
}

impl Values {
    fn of(values: Vec<f32>) -> Self {
        let mut half = vec![f16::ZERO; values.len()];
        pages::large(&mut half);
        half.convert_from_f32_slice(&values);
        let same = |(half, value): (&f16, &f32)| half.to_f32().to_bits() == value.to_bits();
        if half.iter().zip(&values).all(same) {
            pages::collapse(&half);
            return Self::Half(half);
        }
        pages::collapse(&values);
        Self::Single(values)
    }
}
