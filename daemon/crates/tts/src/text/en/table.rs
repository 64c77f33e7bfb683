//! A table of words with what stands behind them, searched by halving. Knows no phones, no counts.

use std::ops::Range;

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
        let mut rows: Vec<(&str, u32)> = Vec::new();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let row = line.trim_end_matches('\n').split_once('\t');
            let row = row.filter(|(_, values)| is_right(values));
            let row = row.and_then(|(key, _)| Some((key, u32::try_from(start).ok()?)));
            rows.push(row.ok_or_else(|| {
                let line = rows.len() + 1;
                lexicon.wrong(file, format!("line {line}: not a key, a tab and its values"))
            })?);
            start += line.len();
        }
        rows.sort_unstable();
        rows.dedup_by_key(|(key, _)| *key);
        let rows = rows.into_iter().map(|(_, start)| start).collect();
        Ok(Self { text, rows })
    }

    /// What stands behind exactly `key`.
    pub(super) fn find(&self, key: &str) -> Option<&str> {
        let place = self.rows.binary_search_by(|row| self.key(*row).cmp(key)).ok()?;
        Some(self.values(self.rows[place]))
    }

    /// All rows.
    pub(super) fn all(&self) -> Range<usize> {
        0..self.rows.len()
    }

    /// Those of `rows` whose keys start with `start`; `rows` share a beginning of it.
    pub(super) fn starting(&self, rows: Range<usize>, start: &str) -> Range<usize> {
        let Some(within) = self.rows.get(rows.clone()) else { return 0..0 };
        let skipped = within.partition_point(|row| self.key(*row) < start);
        let count = within[skipped..].partition_point(|row| self.key(*row).starts_with(start));
        rows.start + skipped..rows.start + skipped + count
    }

    /// What stands behind exactly `key`, if `rows` are all those whose keys start with it.
    pub(super) fn first(&self, rows: &Range<usize>, key: &str) -> Option<&str> {
        let row = *self.rows.get(rows.clone())?.first()?;
        (self.key(row) == key).then(|| self.values(row))
    }

    /// What stands in `rows` behind the key that is longer than their common beginning of `shared` bytes
    /// by `end`.
    pub(super) fn ending(&self, rows: &Range<usize>, shared: usize, end: &str) -> Option<&str> {
        let rows = self.rows.get(rows.clone())?;
        let place = rows.binary_search_by(|row| self.key(*row)[shared..].cmp(end)).ok()?;
        Some(self.values(rows[place]))
    }

    fn key(&self, row: u32) -> &str {
        let rest = &self.text[row as usize..];
        rest.find('\t').map_or("", |end| &rest[..end])
    }

    fn values(&self, row: u32) -> &str {
        let line = self.text[row as usize..].lines().next().unwrap_or_default();
        line.split_once('\t').map_or("", |(_, values)| values)
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
        let rows = table.starting(table.all(), "sma");
        let rows = table.starting(rows, "smart ");
        assert!(!rows.is_empty());
        assert_eq!(table.ending(&rows, 6, "card"), table.find("smart card"));
        assert!(table.find("smart card").is_some());
        assert_eq!(table.ending(&rows, 6, "zorblax"), None);
        assert!(table.starting(table.all(), "zorblax ").is_empty());
    }

    #[test]
    fn the_first_of_the_narrowed_rows_is_the_word_itself() {
        let table = Table::read(&shipped(), "en_unigrams.tsv.gz", |_| true).unwrap();
        let rows = table.starting(table.all(), "the");
        assert_eq!(table.first(&rows, "the"), Some("23135851162"));
        assert_eq!(table.first(&table.starting(rows, "theor"), "theor"), table.find("theor"));
        assert_eq!(table.first(&(0..0), "the"), None);
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
