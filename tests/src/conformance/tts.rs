//! Cases of the voices' fixtures: every folder that describes expected results. None of them can be
//! run yet, and each says so.

use std::path::Path;

use super::Case;

/// Finds the cases below `folder`.
///
/// # Errors
/// When the folder cannot be read.
pub fn cases(folder: &Path) -> anyhow::Result<Vec<Case>> {
    Ok(super::asr::layout::described(folder)?
        .into_iter()
        .map(|name| Case::not_built(name, "voices are not built yet"))
        .collect())
}
