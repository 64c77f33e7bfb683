//! The kernels by name, as `kernels/*.cu` export them.

use crate::{Codes, KvPrecision};

/// One of the exported kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Kernel(&'static str);

/// Rows that the kernels for few rows are built for.
pub(crate) const FEW_ROWS: [usize; 4] = [8, 16, 32, 64];

/// Widths of a head that attention is built for.
pub(crate) const HEAD_DIMS: [usize; 4] = [32, 64, 96, 128];

/// Which form of a linear map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// For up to this many rows, at most the last of [`FEW_ROWS`].
    Few(usize),
    /// Blocks of 64 outputs times 64 rows.
    SmallTiles,
    /// Blocks of 128 outputs times 128 rows.
    Tiles,
}

/// Kernels per kind of weight: for few rows each, then tiles.
const LINEAR: [[&str; 6]; 3] = [
    [
        "linear_four_8",
        "linear_four_16",
        "linear_four_32",
        "linear_four_64",
        "linear_four_small_tiles",
        "linear_four_tiles",
    ],
    [
        "linear_eight_8",
        "linear_eight_16",
        "linear_eight_32",
        "linear_eight_64",
        "linear_eight_small_tiles",
        "linear_eight_tiles",
    ],
    [
        "linear_half_8",
        "linear_half_16",
        "linear_half_32",
        "linear_half_64",
        "linear_half_small_tiles",
        "linear_half_tiles",
    ],
];

/// Kernels per precision of the cache and width of a head.
const FEW_QUERIES: [[&str; 4]; 2] = [
    ["attend_few_half_32", "attend_few_half_64", "attend_few_half_96", "attend_few_half_128"],
    ["attend_few_eight_32", "attend_few_eight_64", "attend_few_eight_96", "attend_few_eight_128"],
];
const MANY_QUERIES: [[&str; 4]; 2] = [
    ["attend_many_half_32", "attend_many_half_64", "attend_many_half_96", "attend_many_half_128"],
    [
        "attend_many_eight_32",
        "attend_many_eight_64",
        "attend_many_eight_96",
        "attend_many_eight_128",
    ],
];

fn kind(codes: Codes) -> usize {
    match codes {
        Codes::Four => 0,
        Codes::Eight => 1,
        Codes::Half => 2,
    }
}

fn store(precision: KvPrecision) -> usize {
    match precision {
        KvPrecision::Half => 0,
        KvPrecision::Eight => 1,
    }
}

impl Kernel {
    pub(crate) const RMS_NORM: Self = Self("rms_norm");
    pub(crate) const SWIGLU: Self = Self("swiglu");
    pub(crate) const GATHER: Self = Self("gather_columns");
    pub(crate) const EMBED_HALF: Self = Self("embed_half");
    pub(crate) const EMBED_PACKED: [Self; 3] =
        [Self("embed_packed_four"), Self("embed_packed_eight"), Self("embed_packed_half")];
    pub(crate) const ARGMAX: Self = Self("argmax");
    pub(crate) const ROTATE_APPEND: [Self; 2] =
        [Self("rotate_append_half"), Self("rotate_append_eight")];

    pub(crate) fn name(self) -> &'static str {
        self.0
    }

    /// The lookup of rows in packed weights.
    pub(crate) fn embed_packed(codes: Codes) -> Self {
        Self::EMBED_PACKED[kind(codes)]
    }

    pub(crate) fn linear(codes: Codes, form: Form) -> Self {
        let few = |rows| FEW_ROWS.iter().position(|most| rows <= *most);
        let at = match form {
            Form::Few(rows) => few(rows).unwrap_or(FEW_ROWS.len() - 1),
            Form::SmallTiles => FEW_ROWS.len(),
            Form::Tiles => FEW_ROWS.len() + 1,
        };
        Self(LINEAR[kind(codes)][at])
    }

    pub(crate) fn rotate_append(precision: KvPrecision) -> Self {
        Self::ROTATE_APPEND[store(precision)]
    }

    /// Attention of heads of `dim`, for few or many queries.
    pub(crate) fn attend(precision: KvPrecision, dim: usize, few: bool) -> Option<Self> {
        let at = HEAD_DIMS.iter().position(|d| *d == dim)?;
        let of = if few { FEW_QUERIES } else { MANY_QUERIES };
        Some(Self(of[store(precision)][at]))
    }

    /// Every kernel.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let single = [Self::RMS_NORM, Self::SWIGLU, Self::GATHER, Self::EMBED_HALF, Self::ARGMAX];
        let named = LINEAR.into_iter().flatten();
        let named = named.chain(FEW_QUERIES.into_iter().flatten());
        let named = named.chain(MANY_QUERIES.into_iter().flatten());
        let pairs = Self::EMBED_PACKED.into_iter().chain(Self::ROTATE_APPEND);
        single.into_iter().chain(pairs).chain(named.map(Self))
    }
}
