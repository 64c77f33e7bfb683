//! A model's `config.json` read key by key, so that every refusal names the file, the key, what was
//! found and what is expected. Pure; it knows no architecture.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::EngineError;
use crate::weights::read_small;

/// Largest size of anything in a configuration; more is damage.
pub(crate) const LARGEST: usize = 1 << 20;

/// An opened `config.json`.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    file: PathBuf,
    json: Value,
}

impl Settings {
    /// Reads a JSON object.
    ///
    /// # Errors
    /// When the file cannot be read or holds no object.
    pub(crate) fn open(file: &Path) -> Result<Self, EngineError> {
        let malformed = |problem| EngineError::Malformed { file: file.to_owned(), problem };
        let json: Value =
            serde_json::from_slice(&read_small(file)?).map_err(|e| malformed(e.to_string()))?;
        if !json.is_object() {
            return Err(malformed("no JSON object".to_owned()));
        }
        Ok(Self { file: file.to_owned(), json })
    }

    /// The object under `key`, if it is there and not null.
    pub(crate) fn inner(&self, key: &str) -> Option<Self> {
        let json = self.get(key).filter(|v| v.is_object())?.clone();
        Some(Self { file: self.file.clone(), json })
    }

    /// The file.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// A value that is there and not null.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.json.get(key).filter(|v| !v.is_null())
    }

    /// The error about a key.
    pub(crate) fn wrong(&self, key: &str, problem: impl Into<String>) -> EngineError {
        EngineError::Config {
            file: self.file.clone(),
            key: key.to_owned(),
            problem: problem.into(),
        }
    }

    /// A size of 1 to [`LARGEST`]; `default` where the key is missing.
    pub(crate) fn size(&self, key: &str, default: Option<usize>) -> Result<usize, EngineError> {
        let found = match (self.get(key), default) {
            (Some(value), _) => value.as_u64().and_then(|v| usize::try_from(v).ok()),
            (None, Some(default)) => Some(default),
            (None, None) => return Err(self.wrong(key, "is missing")),
        };
        found.filter(|size| (1..=LARGEST).contains(size)).ok_or_else(|| {
            let found = self.get(key).map_or_else(|| format!("{default:?}"), Value::to_string);
            self.wrong(key, format!("is {found}, expected a number from 1 to {LARGEST}"))
        })
    }

    /// A positive real number; `default` where the key is missing.
    pub(crate) fn real(&self, key: &str, default: Option<f64>) -> Result<f64, EngineError> {
        let Some(value) = self.get(key) else {
            return default.ok_or_else(|| self.wrong(key, "is missing"));
        };
        value
            .as_f64()
            .filter(|v| v.is_finite() && *v > 0.0)
            .ok_or_else(|| self.wrong(key, format!("is {value}, expected a number above 0")))
    }

    /// A flag; `default` where the key is missing.
    pub(crate) fn flag(&self, key: &str, default: bool) -> Result<bool, EngineError> {
        let Some(value) = self.get(key) else { return Ok(default) };
        value
            .as_bool()
            .ok_or_else(|| self.wrong(key, format!("is {value}, expected true or false")))
    }

    /// A text; `default` where the key is missing.
    pub(crate) fn text<'a>(
        &'a self,
        key: &str,
        default: Option<&'a str>,
    ) -> Result<&'a str, EngineError> {
        let Some(value) = self.get(key) else {
            return default.ok_or_else(|| self.wrong(key, "is missing"));
        };
        value.as_str().ok_or_else(|| self.wrong(key, format!("is {value}, expected a text")))
    }
}
