//! Cases of the voices' fixtures. A folder `NAME/` is known by the file that describes it; models lie
//! under `models/`. Kinds that cannot be run yet say so and count as misses.

mod audio;
mod bert;
mod e2e;
mod formula;
mod fullsize;
mod s1;
mod s2;
mod sampler;
mod text;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use candle_core::Tensor;

use super::{Case, Findings, HostTensor, Tolerance, asr::layout, tensors};

/// Relative to the largest expected magnitude (README of the fixtures).
pub(super) const STAGE: Tolerance = Tolerance { measure: super::Measure::RelativeMax, limit: 1e-4 };
/// The same for a filterbank.
pub(super) const FILTERBANK: Tolerance =
    Tolerance { measure: super::Measure::RelativeMax, limit: 1e-3 };
/// The same for waves.
pub(super) const WAVE: Tolerance = Tolerance { measure: super::Measure::RelativeMax, limit: 1e-3 };

type Recorded = BTreeMap<String, HostTensor>;

/// Finds the cases below `folder`.
///
/// # Errors
/// When the folder or a description cannot be read.
pub fn cases(folder: &Path) -> anyhow::Result<Vec<Case>> {
    let mut cases = Vec::new();
    if folder.join("s1/cases.json").exists() {
        cases.extend(s1::cases(folder)?);
        cases.extend(sampler::cases(folder)?);
    }
    if folder.join("s2/cases.json").exists() {
        cases.extend(s2::cases(folder)?);
    }
    cases.extend(formats(folder)?);
    if folder.join("audio/refs.json").exists() {
        cases.extend(audio::cases(folder)?);
    }
    if folder.join("bert/cases.json").exists() {
        cases.extend(bert::cases(folder)?);
    }
    cases.extend(e2e::cases(folder)?);
    cases.extend(text::cases(folder)?);
    cases.extend(fullsize::cases(folder)?);
    Ok(cases)
}

/// Other flavours of the files: each must load and speak as recorded.
fn formats(root: &Path) -> anyhow::Result<Vec<Case>> {
    let folder = root.join("formats");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let files = layout::entries(&folder)?;
    let models = files.into_iter().filter(|file| file.extension().is_some_and(|e| e == "pth"));
    Ok(models
        .map(|file| {
            let name = layout::name(root, &file);
            Case::new(name, move |settings, found| {
                let device = super::asr::device(settings)?;
                s2::flavour(&file, &device, found)
            })
        })
        .collect())
}

/// A recorded tensor.
pub(super) fn recorded<'a>(all: &'a Recorded, name: &str) -> anyhow::Result<&'a HostTensor> {
    all.get(name).with_context(|| format!("no tensor {name:?} is recorded"))
}

/// A recorded list of ids.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ids below 2^24")]
pub(super) fn ids(all: &Recorded, name: &str) -> anyhow::Result<Vec<u32>> {
    Ok(recorded(all, name)?.values.iter().map(|id| *id as u32).collect())
}

/// A tensor's values; a stage of a batch of one is recorded with its batch dimension.
pub(super) fn host(tensor: &Tensor) -> Result<Vec<f32>, companion_engine::EngineError> {
    tensor
        .flatten_all()
        .and_then(|flat| flat.to_vec1())
        .map_err(|source| companion_engine::EngineError::Compute { stage: "reading back", source })
}

/// Compares what a stage gave with what is recorded under `name`, if anything is.
pub(super) fn compare(
    found: &mut Findings,
    (all, file): (&Recorded, &str),
    (name, what): (&str, &str),
    tensor: &Tensor,
    limit: Tolerance,
) -> Result<(), companion_engine::EngineError> {
    let Some(want) = all.get(name) else { return Ok(()) };
    let values = host(tensor)?;
    let shape: Vec<usize> =
        if want.values.len() == values.len() && want.shape.len() == tensor.rank() + 1 {
            [&[1], tensor.dims()].concat()
        } else {
            tensor.dims().to_vec()
        };
    let got = HostTensor { shape, values };
    found.tensor(what, &got, want, limit);
    found.keep(file, name, got);
    Ok(())
}

/// Reads a file of recorded tensors.
pub(super) fn read(root: &Path, name: &str) -> anyhow::Result<(Recorded, PathBuf)> {
    let path = root.join(name);
    Ok((tensors::read(&path)?, path))
}
