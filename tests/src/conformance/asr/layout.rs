//! How fixtures lie in a folder: descriptions, audio clips, model directories. It only looks.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde_json::Value;

/// Depth to which folders are searched; fixtures lie two deep.
const DEPTH: usize = 4;

/// Entries of a folder in the order of their names.
///
/// # Errors
/// When the folder cannot be read.
pub fn entries(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = fs::read_dir(folder)
        .with_context(|| format!("listing {}", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<anyhow::Result<Vec<_>>>()?;
    found.sort();
    Ok(found)
}

/// `folder` and the folders below it.
///
/// # Errors
/// When one cannot be read.
pub fn folders(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    fn visit(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
        found.push(folder.to_owned());
        if depth < DEPTH {
            for entry in entries(folder)?.into_iter().filter(|entry| entry.is_dir()) {
                visit(&entry, depth + 1, found)?;
            }
        }
        Ok(())
    }
    let mut found = Vec::new();
    visit(folder, 0, &mut found)?;
    Ok(found)
}

/// The name of `path` below `root`, with `/` between its parts.
#[must_use]
pub fn name(root: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// Folders with a description of expected results (any JSON file other than a list of files or a
/// model's own), by name.
///
/// # Errors
/// When a folder cannot be read.
pub fn described(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for folder in folders(root)? {
        let describes = entries(&folder)?.iter().any(|entry| {
            let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.ends_with(".json")
                && (name.contains("expected") || name.contains("cases") || name.contains("golden"))
        });
        if describes && folder != root {
            names.push(name(root, &folder));
        }
    }
    Ok(names)
}

/// A JSON file.
///
/// # Errors
/// When it cannot be read or parsed.
pub fn json(path: &Path) -> anyhow::Result<Value> {
    let text = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is no JSON", path.display()))
}

/// A 16 kHz mono clip as samples in -1..1.
///
/// # Errors
/// When it cannot be read or has another format.
pub fn clip(path: &Path) -> anyhow::Result<Vec<f32>> {
    let mut reader =
        hound::WavReader::open(path).with_context(|| format!("opening {}", path.display()))?;
    let format = reader.spec();
    anyhow::ensure!(
        format.sample_rate == 16_000 && format.channels == 1 && format.bits_per_sample == 16,
        "{} is not 16 kHz 16-bit mono",
        path.display()
    );
    reader
        .samples::<i16>()
        .map(|sample| Ok(f32::from(sample?) / 32_768.0))
        .collect::<anyhow::Result<_>>()
}

/// Which model a directory's configuration names.
#[must_use]
pub fn model_kind(folder: &Path) -> Option<String> {
    let text = fs::read_to_string(folder.join("config.yaml")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("model:"))?;
    Some(line.trim().trim_matches(['"', '\'']).to_owned())
}

/// Keys of the cases a description holds.
#[must_use]
pub fn case_keys(description: &Value) -> Vec<String> {
    let cases = description.get("cases").and_then(Value::as_array);
    let key = |case: &Value| {
        let name = case.get("key").or_else(|| case.get("id")).or_else(|| case.get("name"));
        name.and_then(Value::as_str).map(str::to_owned)
    };
    cases.into_iter().flatten().filter_map(key).collect()
}

/// The text at a key.
///
/// # Errors
/// When there is none.
pub fn text<'a>(value: &'a Value, key: &str) -> anyhow::Result<&'a str> {
    value.get(key).and_then(Value::as_str).with_context(|| format!("no text {key:?}"))
}

/// The number at a key.
///
/// # Errors
/// When there is none.
pub fn number(value: &Value, key: &str) -> anyhow::Result<usize> {
    let number = value.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    number.with_context(|| format!("no number {key:?}"))
}

/// The list at a key.
///
/// # Errors
/// When there is none.
pub fn list<'a>(value: &'a Value, key: &str) -> anyhow::Result<&'a [Value]> {
    let list = value.get(key).and_then(Value::as_array);
    list.map(Vec::as_slice).with_context(|| format!("no list {key:?}"))
}

/// The list of plain values at a key.
///
/// # Errors
/// When there is none, or its values are of another type.
pub fn values<T: serde::de::DeserializeOwned>(value: &Value, key: &str) -> anyhow::Result<Vec<T>> {
    let list = value.get(key).with_context(|| format!("no list {key:?}"))?;
    serde_json::from_value(list.clone()).with_context(|| format!("list {key:?}"))
}
