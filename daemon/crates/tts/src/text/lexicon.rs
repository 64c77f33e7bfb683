//! The folder of tables: opens, unpacks and checks the files. Knows no language.

use std::{
    fs::File,
    io::{BufReader, Read as _},
    path::PathBuf,
};

use flate2::read::GzDecoder;
use serde::de::DeserializeOwned;

use crate::TtsError;

/// A table is no larger than this when unpacked.
const LARGEST: u64 = 256 << 20;

/// A folder of tables.
#[derive(Debug, Clone)]
pub struct Lexicon {
    folder: PathBuf,
}

impl Lexicon {
    /// The tables of `folder`; nothing is read yet.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Where a file of the folder lies.
    #[must_use]
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// The text of a file, unpacked when its name ends in `.gz`.
    ///
    /// # Errors
    /// When it cannot be read, unpacks to more than 256 MiB, or is not UTF-8.
    pub fn text(&self, file: &str) -> Result<String, TtsError> {
        String::from_utf8(self.bytes(file)?).map_err(|error| self.wrong(file, error.utf8_error()))
    }

    /// The bytes of a file, unpacked when its name ends in `.gz`.
    ///
    /// # Errors
    /// When it cannot be read, or unpacks to more than 256 MiB.
    pub fn bytes(&self, file: &str) -> Result<Vec<u8>, TtsError> {
        let path = self.path(file);
        let opened = File::open(&path).map_err(|error| self.wrong(file, error))?;
        let mut bytes = Vec::new();
        let reader = BufReader::new(opened);
        let read = if path.extension().is_some_and(|end| end == "gz") {
            GzDecoder::new(reader).take(LARGEST + 1).read_to_end(&mut bytes)
        } else {
            reader.take(LARGEST + 1).read_to_end(&mut bytes)
        };
        read.map_err(|error| self.wrong(file, error))?;
        if bytes.len() as u64 > LARGEST {
            return Err(self.wrong(file, format!("unpacks to more than {LARGEST} bytes")));
        }
        Ok(bytes)
    }

    /// What is wrong with a file.
    pub(super) fn wrong(&self, file: &str, problem: impl ToString) -> TtsError {
        TtsError::Lexicon { path: self.path(file), problem: problem.to_string() }
    }

    /// A JSON file.
    ///
    /// # Errors
    /// As [`Self::text`]; when it is not the JSON expected.
    pub fn json<T: DeserializeOwned>(&self, file: &str) -> Result<T, TtsError> {
        let text = self.text(file)?;
        serde_json::from_str(&text).map_err(|error| self.wrong(file, error))
    }

    /// The rows of a TSV file, each given to `row` as key and values.
    ///
    /// # Errors
    /// As [`Self::text`]; when a row has no tab.
    pub fn rows(&self, file: &str, mut row: impl FnMut(&str, &str)) -> Result<(), TtsError> {
        let text = self.text(file)?;
        for (number, line) in text.lines().enumerate() {
            let (key, values) = line.split_once('\t').ok_or_else(|| TtsError::Lexicon {
                path: self.path(file),
                problem: format!("line {}: no tab between key and values", number + 1),
            })?;
            row(key, values);
        }
        Ok(())
    }
}

/// The tables shipped beside the sources, for tests.
#[cfg(test)]
pub(crate) fn shipped() -> Lexicon {
    Lexicon::new(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../static/lexicon"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_table_opens() {
        let lexicon = shipped();
        for file in ["pypinyin_chars", "pypinyin_phrases", "zh_polyphonic"] {
            let mut rows = 0;
            lexicon.rows(&format!("{file}.tsv.gz"), |_, _| rows += 1).unwrap();
            assert!(rows > 30_000, "{file}: {rows}");
        }
        let symbols: serde_json::Value = lexicon.json("symbols_v2.json").unwrap();
        assert!(symbols.to_string().contains("AA0"));
    }

    #[test]
    fn a_table_that_is_missing_or_damaged_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let lexicon = Lexicon::new(folder);
        let error = lexicon.text("gone.tsv.gz").unwrap_err().to_string();
        assert!(error.contains("gone.tsv.gz"), "{error}");
        std::fs::write(folder.join("cut.tsv.gz"), [0x1f, 0x8b, 8, 0]).unwrap();
        assert!(lexicon.text("cut.tsv.gz").is_err());
        std::fs::write(folder.join("rows.tsv"), "a\tb\nc d\n").unwrap();
        let error = lexicon.rows("rows.tsv", |_, _| ()).unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
    }
}
