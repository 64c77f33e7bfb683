//! BERT features: every recorded layer from the recorded ids, then the rows per phone. The ids are
//! checked against the directory's tokeniser elsewhere.

use std::path::Path;

use companion_engine::models::gpt_sovits::bert::{Bert, per_phone};

use super::{Case, STAGE, compare, layout, read, recorded};

const FILE: &str = "bert/expected.safetensors";

pub(super) fn cases(root: &Path) -> anyhow::Result<Vec<Case>> {
    let described = layout::json(&root.join("bert/cases.json"))?;
    let mut cases = Vec::new();
    for weights in ["pytorch_model.bin", "weights_f32.safetensors"] {
        if !root.join("models/bert").join(weights).exists() {
            continue;
        }
        for case in layout::list(&described, "cases")? {
            let (case, root) = (case.clone(), root.to_owned());
            let key = layout::text(&case, "key")?.to_owned();
            cases.push(Case::new(format!("bert/{weights}/{key}"), move |settings, found| {
                let device = super::super::asr::device(settings)?;
                let model = Bert::open(&root.join("models/bert"), weights, &device)?;
                let (all, _) = read(&root, FILE)?;
                let ids: Vec<u32> = layout::values(&case, "input_ids")?;
                let mut shown = 0;
                let hidden = model.hidden(&ids, &mut |stage, rows| {
                    shown = stage.rsplit('_').next().and_then(|n| n.parse().ok()).unwrap_or(shown);
                    let name = format!("{key}.{stage}");
                    compare(found, (&all, FILE), (&name, stage), rows, STAGE)
                })?;
                let name = format!("{key}.hidden_m3");
                compare(found, (&all, FILE), (&name, "hidden_m3"), &hidden, STAGE)?;
                let word2ph: Vec<usize> = layout::values(&case, "word2ph")?;
                let feature = per_phone(&hidden, &word2ph)?;
                let want = recorded(&all, &format!("{key}.feature"))?;
                found.values("feature", &feature, &want.values, STAGE);
                // The model has no layers behind the one whose output is used.
                let behind = format!("{key}.hidden_");
                let used = |name: &&String| {
                    let layer = name.strip_prefix(&behind).and_then(|n| n.parse().ok());
                    layer.is_none_or(|layer: usize| layer <= shown)
                };
                found.all_compared(all.keys().filter(used), &format!("{key}."), &["feature"]);
                Ok(())
            }));
        }
    }
    Ok(cases)
}
