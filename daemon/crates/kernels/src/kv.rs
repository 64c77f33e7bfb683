//! Keys and values of one layer in half precision, head by head, so that one head's attention reads one
//! stretch of memory. Grown by doubling; rows that are there do not change.

use half::f16;
use half::slice::HalfFloatSliceExt as _;

/// Positions a store has room for at first.
const FIRST: usize = 256;

/// Keys and values `[heads, capacity, dim]`.
#[derive(Debug, Clone)]
pub struct KvStore {
    keys: Vec<f16>,
    values: Vec<f16>,
    heads: usize,
    dim: usize,
    capacity: usize,
    length: usize,
}

impl KvStore {
    /// An empty store.
    #[must_use]
    pub fn new(heads: usize, dim: usize) -> Self {
        Self { keys: Vec::new(), values: Vec::new(), heads, dim, capacity: 0, length: 0 }
    }

    /// Bytes in memory of a store that has grown to `length` positions.
    #[must_use]
    pub fn size_of(heads: usize, dim: usize, length: usize) -> usize {
        2 * heads * dim * capacity_for(length) * 2
    }

    /// Positions held.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Bytes in memory.
    #[must_use]
    pub fn size(&self) -> usize {
        (self.keys.len() + self.values.len()) * 2
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
            let mut wider = vec![f16::ZERO; self.heads * capacity * self.dim];
            let held = self.length * self.dim;
            for head in 0..self.heads {
                let from = head * self.capacity * self.dim;
                let to = head * capacity * self.dim;
                wider[to..to + held].copy_from_slice(&all[from..from + held]);
            }
            *all = wider;
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
            let to = (head * self.capacity + self.length) * self.dim;
            let from = head * self.dim..(head + 1) * self.dim;
            self.keys[to..to + self.dim].convert_from_f32_slice(&keys[from.clone()]);
            self.values[to..to + self.dim].convert_from_f32_slice(&values[from]);
        }
        self.length += 1;
    }

    /// Appends all that is held to `out`: keys, then values, each `[heads, length, dim]`, little-endian.
    pub fn export(&self, out: &mut Vec<u8>) {
        for all in [&self.keys, &self.values] {
            for head in 0..self.heads {
                let from = head * self.capacity * self.dim;
                let rows = &all[from..from + self.length * self.dim];
                out.extend(rows.iter().flat_map(|value| value.to_le_bytes()));
            }
        }
    }

    /// Holds the `length` positions that [`Self::export`] wrote, and nothing else.
    ///
    /// # Panics
    /// When `bytes` are not those of as many positions.
    pub fn import(&mut self, length: usize, bytes: &[u8]) {
        let (run, dim) = (length * self.dim, self.dim);
        assert!(bytes.len() == 2 * self.heads * run * 2, "the bytes of {length} positions");
        self.length = 0;
        self.reserve(length);
        let (keys, values) = bytes.as_chunks::<2>().0.split_at(self.heads * run);
        for (all, from) in [(&mut self.keys, keys), (&mut self.values, values)] {
            for head in 0..self.heads {
                let to = head * self.capacity * dim;
                let rows = from[head * run..(head + 1) * run].iter();
                let rows = rows.map(|value| f16::from_le_bytes(*value));
                all[to..to + run].iter_mut().zip(rows).for_each(|(to, value)| *to = value);
            }
        }
        self.length = length;
    }

    /// A head's keys and values of the first `count` positions.
    pub(crate) fn head(&self, head: usize, count: usize) -> (&[f16], &[f16]) {
        let from = head * self.capacity * self.dim;
        let to = from + count * self.dim;
        (&self.keys[from..to], &self.values[from..to])
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
    fn growing_and_cutting_keep_what_is_there() {
        let mut store = KvStore::new(2, 3);
        let row = |n: usize| -> Vec<f32> { (0..6).map(|i| (n * 6 + i) as f32).collect() };
        (0..600).for_each(|n| store.push(&row(n), &row(n + 1)));
        store.truncate(500);
        store.push(&row(7), &row(8));
        assert_eq!(store.length(), 501);
        let (keys, values) = store.head(1, 501);
        assert_eq!(keys[100 * 3].to_f32(), 603.0);
        assert_eq!((keys[500 * 3].to_f32(), values[500 * 3 + 2].to_f32()), (45.0, 53.0));
    }

    #[test]
    fn what_was_exported_is_held_again_after_an_import() {
        let mut store = KvStore::new(2, 3);
        let row = |n: usize| -> Vec<f32> { (0..6).map(|i| (n * 6 + i) as f32).collect() };
        (0..300).for_each(|n| store.push(&row(n), &row(n + 1)));
        store.truncate(290);
        let mut bytes = Vec::new();
        store.export(&mut bytes);
        let mut other = KvStore::new(2, 3);
        other.push(&row(9), &row(9));
        other.import(290, &bytes);
        for head in 0..2 {
            assert_eq!(other.head(head, 290), store.head(head, 290));
        }
        assert_eq!(other.length(), 290);
    }
}
