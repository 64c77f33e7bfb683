//! Cases of the speech-recognition fixtures, found by what lies in the folder.

use std::path::Path;

use super::Case;

pub mod layout;

/// Finds the cases below `folder`.
///
/// # Errors
/// When the folder or a description in it cannot be read.
pub fn cases(folder: &Path) -> anyhow::Result<Vec<Case>> {
    Ok(layout::described(folder)?
        .into_iter()
        .map(|name| Case::not_built(name, "not built yet"))
        .collect())
}
