//! Cases of the language models' fixtures.

use std::path::Path;

use super::Case;

/// Finds the cases below `folder`.
///
/// # Errors
/// When the folder cannot be read.
pub fn cases(folder: &Path) -> anyhow::Result<Vec<Case>> {
    Ok(super::asr::layout::described(folder)?
        .into_iter()
        .map(|name| Case::not_built(name, "language models are not built yet"))
        .collect())
}
