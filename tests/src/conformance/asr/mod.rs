//! Cases of the speech-recognition fixtures, found by what lies in the folder: model directories by
//! the model their configuration names, recorded features, tokenizer and text cases.

use std::path::Path;

use super::{Case, DeviceChoice, Settings};
use companion_engine::Device;

mod frontend;
pub mod layout;
pub mod scorer;
mod sensevoice;
mod text;
mod tokenizer;

/// Finds the cases below `folder`.
///
/// # Errors
/// When the folder or a description in it cannot be read.
pub fn cases(folder: &Path) -> anyhow::Result<Vec<Case>> {
    let mut cases = Vec::new();
    for place in layout::folders(folder)? {
        let name = layout::name(folder, &place);
        for entry in layout::entries(&place)?.iter().filter(|entry| entry.is_file()) {
            let file = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match file.as_str() {
                "cases.json" => cases.extend(frontend::cases(folder, &place)?),
                "tokenizer_cases.json" => cases.extend(tokenizer::cases(&name, entry)?),
                "rich_postprocess.json" => cases.push(text::rich_postprocess(&name, entry)),
                "scorer.json" => cases.push(text::scorer(&name, entry)),
                "sentence_postprocess.json" => cases.push(Case::not_built(
                    format!("{name}/sentence_postprocess"),
                    "joining tokens of Paraformer",
                )),
                "state_machine.json" => cases.push(Case::not_built(
                    format!("{name}/state_machine"),
                    "the decisions of FSMN-VAD",
                )),
                "expected.json" => cases.extend(model(folder, &place, &name)?),
                _ => {}
            }
        }
    }
    Ok(cases)
}

/// The cases of a model directory.
fn model(folder: &Path, place: &Path, name: &str) -> anyhow::Result<Vec<Case>> {
    let kind = layout::model_kind(place);
    match kind.as_deref() {
        Some("SenseVoiceSmall") => sensevoice::cases(folder, place),
        other => {
            let what = other.unwrap_or("a model without a configuration").to_owned();
            let recorded = layout::json(&place.join("expected.json"))?;
            let keys = layout::case_keys(&recorded);
            if keys.is_empty() {
                return Ok(vec![Case::not_built(name, what)]);
            }
            let named = |key| Case::not_built(format!("{name}/{key}"), what.clone());
            Ok(keys.into_iter().map(named).collect())
        }
    }
}

/// The device of a run.
///
/// # Errors
/// When this build or machine has none of that kind.
pub fn device(settings: &Settings) -> anyhow::Result<Device> {
    match settings.device {
        DeviceChoice::Cpu => Ok(Device::Cpu),
        DeviceChoice::Cuda | DeviceChoice::Emulated => {
            Err(anyhow::anyhow!("this group runs on the CPU alone"))
        }
    }
}
