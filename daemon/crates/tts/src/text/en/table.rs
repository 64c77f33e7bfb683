//! A table of words with what stands behind them, searched by halving. Knows no phones, no counts.

use std::{cmp::Ordering, ops::Range};

use crate::{TtsError, text::Lexicon};

/// The text of a TSV file and where its rows lie: a third of the memory of a hash map.
#[derive(Debug)]
pub(super) struct Table {
    text: String,
    /// Where each row starts in `text`, sorted by key.
    rows: Vec<u32>,
}

impl Table {
    /// Reads the rows of `file`, whose values must be what `is_right` expects; of equal keys the first
    /// counts.
    pub(super) fn read(
        lexicon: &Lexicon,
        file: &str,
        is_right: fn(&str) -> bool,
    ) -> Result<Self, TtsError> {
        let text = lexicon.text(file)?;
        let mut rows = Vec::new();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let values = line.trim_end_matches('\n').split_once('\t').map(|(_, values)| values);
            let row = u32::try_from(start).ok().filter(|_| values.is_some_and(is_right));
            rows.push(row.ok_or_else(|| {
                lexicon.wrong(
                    file,
                    format!("line {}: not a key, a tab and its values", rows.len() + 1),
                )
            })?);
            start += line.len();
        }
        let mut table = Self { text, rows: Vec::new() };
        rows.sort_by(|one, other| table.row(*one).0.cmp(table.row(*other).0));
        rows.dedup_by(|later, first| table.row(*later).0 == table.row(*first).0);
        table.rows = rows;
        Ok(table)
    }

    /// What stands behind exactly `key`.
    pub(super) fn find(&self, key: &str) -> Option<&str> {
        self.find_in(&(0..self.rows.len()), |other| other.cmp(key))
    }

    /// The rows whose keys start with `start`.
    pub(super) fn starting(&self, start: &str) -> Range<usize> {
        let from = self.rows.partition_point(|row| self.row(*row).0 < start);
        let rest = &self.rows[from..];
        let count = rest.partition_point(|row| self.row(*row).0.starts_with(start));
        from..from + count
    }

    /// What stands behind the key among `rows` that `order` calls equal.
    pub(super) fn find_in(
        &self,
        rows: &Range<usize>,
        mut order: impl FnMut(&str) -> Ordering,
    ) -> Option<&str> {
        let rows = self.rows.get(rows.clone())?;
        let found = rows.binary_search_by(|row| order(self.row(*row).0)).ok()?;
        Some(self.row(rows[found]).1)
    }

    /// Key and values of the row that starts at `start`.
    fn row(&self, start: u32) -> (&str, &str) {
        let rest = &self.text[start as usize..];
        let line = rest.find('\n').map_or(rest, |end| &rest[..end]);
        line.split_once('\t').unwrap_or((line, ""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::lexicon::shipped;

    #[test]
    fn every_word_of_the_dictionary_is_found() {
        let table = Table::read(&shipped(), "en_dict.tsv.gz", |_| true).unwrap();
        shipped()
            .rows("en_dict.tsv.gz", |key, values| assert_eq!(table.find(key), Some(values)))
            .unwrap();
        assert_eq!(table.find("zorblax"), None);
        assert_eq!(table.find(""), None);
        assert_eq!(table.find("\u{10FFFF}"), None);
    }

    #[test]
    fn rows_are_narrowed_by_what_their_keys_start_with() {
        let table = Table::read(&shipped(), "en_bigrams.tsv.gz", |_| true).unwrap();
        let rows = table.starting("smart ");
        assert!(!rows.is_empty());
        assert!(table.find_in(&rows, |key| key["smart ".len()..].cmp("card")).is_some());
        assert!(table.find_in(&rows, |key| key["smart ".len()..].cmp("zorblax")).is_none());
        assert!(table.starting("zorblax ").is_empty());
    }

    #[test]
    fn a_row_with_wrong_values_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("counts.tsv"), "the\t12\nof\tmany\n").unwrap();
        let is_count = |values: &str| values.parse::<u64>().is_ok();
        let read = Table::read(&Lexicon::new(folder.path()), "counts.tsv", is_count);
        let problem = read.unwrap_err().to_string();
        assert!(problem.contains("counts.tsv") && problem.contains("line 2"), "{problem}");
    }
}
