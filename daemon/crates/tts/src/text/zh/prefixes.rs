//! A sorted table of strings that finds every entry beginning at a place of a text. Holds the keys
//! only; the rows' values lie with whoever owns the table.

/// Sorted keys in one buffer: a third of the memory of a hash map, and it knows prefixes.
#[derive(Debug, Default)]
pub(super) struct Prefixes {
    keys: String,
    /// Where each key ends in `keys`; it starts where the one before ends.
    ends: Vec<u32>,
}

impl Prefixes {
    /// The table of `keys`, which are sorted by code point and differ from each other.
    pub(super) fn new<'a>(keys: impl Iterator<Item = &'a str>) -> Self {
        let mut table = Self::default();
        for key in keys {
            table.keys.push_str(key);
            table.ends.push(u32::try_from(table.keys.len()).unwrap_or(u32::MAX));
        }
        table
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    fn key(&self, row: usize) -> &str {
        let start = if row == 0 { 0 } else { self.ends[row - 1] as usize };
        &self.keys[start..self.ends[row] as usize]
    }

    /// The row of exactly `key`.
    pub(super) fn find(&self, key: &str) -> Option<usize> {
        let row = self.first(0, self.len(), |other| other < key);
        (row < self.len() && self.key(row) == key).then_some(row)
    }

    /// The keys that `text` starts with, shortest first: length in bytes and row.
    pub(super) fn starting<'t>(&'t self, text: &'t str) -> Starting<'t> {
        Starting { table: self, text, length: 0, from: 0, to: self.len() }
    }

    /// The first row of `from..to` for which `before` is false; rows are sorted by it.
    fn first(&self, from: usize, to: usize, before: impl Fn(&str) -> bool) -> usize {
        let (mut low, mut high) = (from, to);
        while low < high {
            let middle = usize::midpoint(low, high);
            if before(self.key(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// Narrows the rows character by character; ends where no key goes on.
#[derive(Debug)]
pub(super) struct Starting<'t> {
    table: &'t Prefixes,
    text: &'t str,
    length: usize,
    from: usize,
    to: usize,
}

impl Iterator for Starting<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.length += self.text[self.length..].chars().next()?.len_utf8();
            let prefix = &self.text[..self.length];
            self.from = self.table.first(self.from, self.to, |key| key < prefix);
            self.to = self.table.first(self.from, self.to, |key| key.starts_with(prefix));
            if self.from == self.to {
                self.length = self.text.len();
                return None;
            }
            if self.table.key(self.from) == prefix {
                return Some((self.length, self.from));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Prefixes {
        Prefixes::new(["中", "中国", "中国人民", "人", "人民"].into_iter())
    }

    #[test]
    fn every_entry_a_text_starts_with_is_found_shortest_first() {
        let found: Vec<_> = table().starting("中国人民们").collect();
        assert_eq!(found, [(3, 0), (6, 1), (12, 2)]);
        assert_eq!(table().starting("国").next(), None);
        assert_eq!(table().starting("").next(), None);
    }

    #[test]
    fn only_whole_keys_are_found() {
        assert_eq!(table().find("人民"), Some(4));
        assert_eq!(table().find("中国人"), None);
        assert_eq!(table().find(""), None);
    }
}
