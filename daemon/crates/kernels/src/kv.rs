//! Keys and values of one layer in half precision or in eight bits with a scale per row and head, head by
//! head, so that one head's attention reads one stretch of memory. Grown by doubling; rows that are there
//! do not change.

use half::f16;
use half::slice::HalfFloatSliceExt as _;

/// Positions a store has room for at first.
const FIRST: usize = 256;

/// How a store keeps its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KvPrecision {
    /// Half precision.
    #[default]
    Half,
    /// Eight bits from −127 to 127, with a half-precision scale per row and head: a row's largest value
    /// over 127.
    Eight,
}

impl KvPrecision {
    /// Bytes of a row of one head, `dim` values.
    #[must_use]
    pub fn row_bytes(self, dim: usize) -> usize {
        match self {
            Self::Half => dim * 2,
            Self::Eight => dim + 2,
        }
    }
}

/// Rows `[heads, capacity, dim]`.
#[derive(Debug, Clone)]
enum Store {
    Half(Vec<f16>),
    /// Codes, and scales `[heads, capacity]`.
    Eight(Vec<i8>, Vec<f16>),
}

/// Some rows of one head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rows<'a> {
    Half(HalfRows<'a>),
    Eight(EightRows<'a>),
}

/// Rows `[positions, dim]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct HalfRows<'a>(&'a [f16]);

/// Codes `[positions, dim]` and scales `[positions]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct EightRows<'a>(&'a [i8], &'a [f16]);

/// Rows that can be made f32.
pub(crate) trait Widen: Copy + Sync {
    /// The rows from position `first` on, as many as `to` holds.
    fn widen(&self, first: usize, dim: usize, to: &mut [f32]);
}

impl Widen for HalfRows<'_> {
    #[inline(always)]
    fn widen(&self, first: usize, dim: usize, to: &mut [f32]) {
        let from = &self.0[first * dim..first * dim + to.len()];
        to.iter_mut().zip(from).for_each(|(to, from)| *to = wide(*from));
    }
}

impl Widen for EightRows<'_> {
    #[inline(always)]
    fn widen(&self, first: usize, dim: usize, to: &mut [f32]) {
        let codes = self.0[first * dim..first * dim + to.len()].chunks_exact(dim);
        for ((to, codes), scale) in to.chunks_exact_mut(dim).zip(codes).zip(&self.1[first..]) {
            let scale = scale.to_f32();
            to.iter_mut().zip(codes).for_each(|(to, code)| *to = f32::from(*code) * scale);
        }
    }
}

/// The value of a half-precision number, in plain steps that the compiler does for many at once: the exponent is
/// moved by a product with 2^112, which makes subnormal numbers right as well.
#[inline(always)]
pub(crate) fn wide(half: f16) -> f32 {
    let bits = u32::from(half.to_bits());
    let moved = f32::from_bits((bits & 0x7fff) << 13) * f32::from_bits((112 + 127) << 23);
    let beyond = if bits & 0x7c00 == 0x7c00 { 0x7f80_0000 } else { 0 };
    f32::from_bits(moved.to_bits() | beyond | (bits & 0x8000) << 16)
}

/// Copies the first `held` values of each of `heads` stretches of `from` values to stretches of `to`.
fn wider<T: Copy + Default>(
    all: &[T],
    heads: usize,
    held: usize,
    (from, to): (usize, usize),
) -> Vec<T> {
    let mut wider = vec![T::default(); heads * to];
    for head in 0..heads {
        wider[head * to..head * to + held].copy_from_slice(&all[head * from..head * from + held]);
    }
    wider
}

impl Store {
    fn new(precision: KvPrecision) -> Self {
        match precision {
            KvPrecision::Half => Self::Half(Vec::new()),
            KvPrecision::Eight => Self::Eight(Vec::new(), Vec::new()),
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Half(rows) => rows.len() * 2,
            Self::Eight(codes, scales) => codes.len() + scales.len() * 2,
        }
    }

    /// Makes room; `length` positions of `dim` values are held, `from` and `to` are capacities.
    fn grow(&mut self, heads: usize, (length, dim): (usize, usize), (from, to): (usize, usize)) {
        let held = length * dim;
        match self {
            Self::Half(rows) => *rows = wider(rows, heads, held, (from * dim, to * dim)),
            Self::Eight(codes, scales) => {
                *codes = wider(codes, heads, held, (from * dim, to * dim));
                *scales = wider(scales, heads, length, (from, to));
            }
        }
    }

    /// Stores a row at place `at` of all.
    fn put(&mut self, at: usize, row: &[f32]) {
        let dim = row.len();
        match self {
            Self::Half(rows) => rows[at * dim..(at + 1) * dim].convert_from_f32_slice(row),
            Self::Eight(codes, scales) => {
                let largest = row.iter().fold(0f32, |most, value| most.max(value.abs()));
                let scale = f16::from_f32(largest / 127.0);
                scales[at] = scale;
                let over = if scale > f16::ZERO { 1.0 / scale.to_f32() } else { 0.0 };
                for (code, value) in codes[at * dim..(at + 1) * dim].iter_mut().zip(row) {
                    #[expect(clippy::cast_possible_truncation, reason = "from -127 to 127")]
                    let rounded = (value * over).round().clamp(-127.0, 127.0) as i8;
                    *code = rounded;
                }
            }
        }
    }

    /// `count` rows from place `at` on.
    fn rows(&self, at: usize, count: usize, dim: usize) -> Rows<'_> {
        let all = at * dim..(at + count) * dim;
        match self {
            Self::Half(rows) => Rows::Half(HalfRows(&rows[all])),
            Self::Eight(codes, scales) => {
                Rows::Eight(EightRows(&codes[all], &scales[at..at + count]))
            }
        }
    }

    /// Sets `count` rows from place `at` on from the front of `bytes`, and moves past them.
    fn fill(&mut self, at: usize, count: usize, dim: usize, bytes: &mut &[u8]) {
        let mut take = |size: usize| {
            let (front, rest) = bytes.split_at(size);
            *bytes = rest;
            front
        };
        let halves = |to: &mut [f16], from: &[u8]| {
            let values = from.as_chunks::<2>().0.iter().map(|value| f16::from_le_bytes(*value));
            to.iter_mut().zip(values).for_each(|(to, value)| *to = value);
        };
        let all = at * dim..(at + count) * dim;
        match self {
            Self::Half(rows) => halves(&mut rows[all], take(count * dim * 2)),
            Self::Eight(codes, scales) => {
                let from = take(count * dim).iter();
                codes[all].iter_mut().zip(from).for_each(|(to, code)| *to = code.cast_signed());
                halves(&mut scales[at..at + count], take(count * 2));
            }
        }
    }
}

impl Rows<'_> {
    fn export(self, out: &mut Vec<u8>) {
        let (codes, halves) = match self {
            Self::Half(HalfRows(rows)) => (&[][..], rows),
            Self::Eight(EightRows(codes, scales)) => (codes, scales),
        };
        out.extend(codes.iter().map(|code| code.cast_unsigned()));
        out.extend(halves.iter().flat_map(|value| value.to_le_bytes()));
    }
}

/// Keys and values `[heads, capacity, dim]`.
#[derive(Debug, Clone)]
pub struct KvStore {
    precision: KvPrecision,
    keys: Store,
    values: Store,
    heads: usize,
    dim: usize,
    capacity: usize,
    length: usize,
}

impl KvStore {
    /// An empty store in half precision.
    #[must_use]
    pub fn new(heads: usize, dim: usize) -> Self {
        Self::with_precision(heads, dim, KvPrecision::Half)
    }

    /// An empty store.
    #[must_use]
    pub fn with_precision(heads: usize, dim: usize, precision: KvPrecision) -> Self {
        let (keys, values) = (Store::new(precision), Store::new(precision));
        Self { precision, keys, values, heads, dim, capacity: 0, length: 0 }
    }

    /// Bytes in memory of a store that has grown to `length` positions.
    #[must_use]
    pub fn size_of(precision: KvPrecision, heads: usize, dim: usize, length: usize) -> usize {
        2 * heads * precision.row_bytes(dim) * capacity_for(length)
    }

    /// How values are kept.
    #[must_use]
    pub fn precision(&self) -> KvPrecision {
        self.precision
    }

    /// Positions held.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Bytes in memory.
    #[must_use]
    pub fn size(&self) -> usize {
        self.keys.size() + self.values.size()
    }

    /// Forgets everything from `length` on.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// Makes room for `length` positions.
    pub fn reserve(&mut self, length: usize) {
        if length <= self.capacity {
            return;
        }
        let capacity = capacity_for(length);
        for all in [&mut self.keys, &mut self.values] {
            all.grow(self.heads, (self.length, self.dim), (self.capacity, capacity));
        }
        self.capacity = capacity;
    }

    /// Appends a position: keys and values `[heads, dim]`.
    ///
    /// # Panics
    /// When the sizes differ.
    pub fn push(&mut self, keys: &[f32], values: &[f32]) {
        assert!(keys.len() == self.heads * self.dim && values.len() == keys.len(), "a position");
        self.reserve(self.length + 1);
        for head in 0..self.heads {
            let to = head * self.capacity + self.length;
            let from = head * self.dim..(head + 1) * self.dim;
            self.keys.put(to, &keys[from.clone()]);
            self.values.put(to, &values[from]);
        }
        self.length += 1;
    }

    /// Appends all that is held to `out`: keys, then values, head by head `[length, dim]`, little-endian;
    /// of eight bits, a head's codes and then its scales.
    pub fn export(&self, out: &mut Vec<u8>) {
        for all in [&self.keys, &self.values] {
            for head in 0..self.heads {
                all.rows(head * self.capacity, self.length, self.dim).export(out);
            }
        }
    }

    /// Holds the `length` positions that [`Self::export`] wrote, and nothing else.
    ///
    /// # Panics
    /// When `bytes` are not those of as many positions.
    pub fn import(&mut self, length: usize, bytes: &[u8]) {
        let want = 2 * self.heads * length * self.precision.row_bytes(self.dim);
        assert!(bytes.len() == want, "the bytes of {length} positions");
        self.length = 0;
        self.reserve(length);
        let mut left = bytes;
        for all in [&mut self.keys, &mut self.values] {
            for head in 0..self.heads {
                all.fill(head * self.capacity, length, self.dim, &mut left);
            }
        }
        self.length = length;
    }

    /// A head's keys and values of the first `count` positions.
    pub(crate) fn head(&self, head: usize, count: usize) -> (Rows<'_>, Rows<'_>) {
        let at = head * self.capacity;
        (self.keys.rows(at, count, self.dim), self.values.rows(at, count, self.dim))
    }

    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    pub(crate) fn heads(&self) -> usize {
        self.heads
    }
}

/// Positions that there is room for once a store holds `length`.
fn capacity_for(length: usize) -> usize {
    if length == 0 { 0 } else { length.next_power_of_two().max(FIRST) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_has_its_value() {
        for bits in 0..=u16::MAX {
            let (got, want) = (wide(f16::from_bits(bits)), f16::from_bits(bits).to_f32());
            assert!(got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan(), "{bits:x}");
        }
    }

    fn row(n: usize) -> Vec<f32> {
        (0..6).map(|i| (n * 6 + i) as f32).collect()
    }

    /// Values of a head's row.
    fn values(rows: Rows<'_>, position: usize) -> Vec<f32> {
        let mut out = vec![0.0; 3];
        match rows {
            Rows::Half(rows) => rows.widen(position, 3, &mut out),
            Rows::Eight(rows) => rows.widen(position, 3, &mut out),
        }
        out
    }

    #[test]
    fn growing_and_cutting_keep_what_is_there() {
        for precision in [KvPrecision::Half, KvPrecision::Eight] {
            let mut store = KvStore::with_precision(2, 3, precision);
            (0..600).for_each(|n| store.push(&row(n), &row(n + 1)));
            store.truncate(500);
            store.push(&row(7), &row(8));
            assert_eq!(store.length(), 501);
            assert_eq!(store.size(), KvStore::size_of(precision, 2, 3, 600));
            let (keys, held) = store.head(1, 501);
            for (rows, position, want) in
                [(keys, 100, &row(100)[3..]), (keys, 500, &row(7)[3..]), (held, 500, &row(8)[3..])]
            {
                for (got, want) in values(rows, position).iter().zip(want) {
                    // Half of an eight-bit step, and the rounding of its scale.
                    let most = if precision == KvPrecision::Half { 0.0 } else { want * 0.006 };
                    assert!((got - want).abs() <= most, "{precision:?}: {got}, {want}");
                }
            }
        }
    }

    #[test]
    fn what_was_exported_is_held_again_after_an_import() {
        for precision in [KvPrecision::Half, KvPrecision::Eight] {
            let mut store = KvStore::with_precision(2, 3, precision);
            (0..300).for_each(|n| store.push(&row(n), &row(n + 1)));
            store.truncate(290);
            let mut bytes = Vec::new();
            store.export(&mut bytes);
            let mut other = KvStore::with_precision(2, 3, precision);
            other.push(&row(9), &row(9));
            other.import(290, &bytes);
            for head in 0..2 {
                assert_eq!(other.head(head, 290), store.head(head, 290));
            }
            assert_eq!(other.length(), 290);
        }
    }
}
