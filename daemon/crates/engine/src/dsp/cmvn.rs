//! Mean and variance normalisation from Kaldi's text form (`am.mvn`): the line after `<AddShift>`
//! holds the shifts, the line after `<Rescale>` the scales.

use std::path::Path;

use crate::{EngineError, weights::read_small};

/// `(x + shift) * scale` per dimension.
#[derive(Clone, Debug, PartialEq)]
pub struct Cmvn {
    shift: Vec<f32>,
    scale: Vec<f32>,
}

impl Cmvn {
    /// Reads the statistics of `dim` dimensions.
    ///
    /// # Errors
    /// When the file cannot be read, holds no statistics, or those of another dimension.
    pub fn read(file: &Path, dim: usize) -> Result<Self, EngineError> {
        let bytes = read_small(file)?;
        let malformed = |problem: String| EngineError::Malformed { file: file.to_owned(), problem };
        let text = std::str::from_utf8(&bytes)
            .map_err(|error| malformed(format!("not text at byte {}", error.valid_up_to())))?;
        let row = |name: &str| -> Result<Vec<f32>, EngineError> {
            let mut lines = text.lines();
            lines
                .find(|line| line.trim_start().starts_with(name))
                .ok_or_else(|| malformed(format!("no {name} line")))?;
            let line = lines.next().unwrap_or_default();
            let values = values(line)
                .ok_or_else(|| malformed(format!("no list of numbers after the {name} line")))?;
            if values.len() == dim {
                Ok(values)
            } else {
                Err(malformed(format!("{} values of {name}, expected {dim}", values.len())))
            }
        };
        Ok(Self { shift: row("<AddShift>")?, scale: row("<Rescale>")? })
    }

    /// Normalises rows in place.
    pub fn apply(&self, rows: &mut [f32]) {
        for row in rows.chunks_exact_mut(self.shift.len()) {
            for ((value, shift), scale) in row.iter_mut().zip(&self.shift).zip(&self.scale) {
                *value = (*value + shift) * scale;
            }
        }
    }
}

/// The finite numbers between `[` and `]`.
fn values(line: &str) -> Option<Vec<f32>> {
    let (_, rest) = line.split_once('[')?;
    let (list, _) = rest.split_once(']')?;
    list.split_ascii_whitespace()
        .map(|word| word.parse::<f32>().ok().filter(|value| value.is_finite()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "<Nnet>\n<Splice> 2 2\n[ 0 ]\n<AddShift> 2 2\n<LearnRateCoef> 0 [ -1 2.5 ]\n\
                        <Rescale> 2 2\n<LearnRateCoef> 0 [ 0.5 2 ]\n</Nnet>\n";

    fn read(text: &str) -> Result<Cmvn, EngineError> {
        let folder =
            std::env::temp_dir().join(format!("cmvn-{}-{}", std::process::id(), { text.len() }));
        std::fs::write(&folder, text).unwrap();
        let result = Cmvn::read(&folder, 2);
        std::fs::remove_file(&folder).unwrap();
        result
    }

    #[test]
    fn shift_comes_before_scale() {
        let mut rows = [3.0, 1.5];
        read(GOOD).unwrap().apply(&mut rows);
        assert_eq!(rows, [1.0, 8.0]);
    }

    #[test]
    fn every_cut_of_the_file_is_an_error_that_names_it() {
        let whole = GOOD.find("2 ]\n</Nnet>").unwrap() + 3;
        for cut in 0..whole {
            let error = read(&GOOD[..cut]).unwrap_err().to_string();
            assert!(error.contains("cmvn-"), "{error}");
        }
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        assert!(read(&GOOD.replace("2.5", "nan")).is_err());
        assert!(read(&GOOD.replace("2.5", "zwei")).is_err());
        assert!(read(&GOOD.replace("2.5", "")).is_err());
    }
}
