//! The semantic decoder's sampler alone: penalised logits, probabilities and the drawn code.

use std::path::Path;

use companion_engine::models::gpt_sovits::sampler::{Sampling, draw, penalize, probabilities};
use serde_json::Value;

use super::{super::Findings, Case, Recorded, STAGE, ids, layout, read, recorded};

pub(super) fn cases(root: &Path) -> anyhow::Result<Vec<Case>> {
    let described = layout::json(&root.join("s1/cases.json"))?;
    let mut cases = Vec::new();
    for case in described.get("sampler").and_then(Value::as_array).into_iter().flatten() {
        let (case, root) = (case.clone(), root.to_owned());
        let index = layout::number(&case, "i")?;
        cases.push(Case::new(format!("s1/sampler/{index}"), move |_, found| {
            let (all, _) = read(&root, "s1/sampler.safetensors")?;
            run(&case, index, &all, found)
        }));
    }
    Ok(cases)
}

/// The settings of a described case.
pub(super) fn sampling(case: &Value) -> Sampling {
    #[expect(clippy::cast_possible_truncation, reason = "settings of a few digits")]
    let number = |key: &str| case.get(key).and_then(Value::as_f64).map(|value| value as f32);
    Sampling {
        top_k: layout::number(case, "top_k").ok(),
        top_p: number("top_p"),
        temperature: number("temperature").unwrap_or(1.0),
        repetition_penalty: number("repetition_penalty").unwrap_or(1.35),
    }
}

fn run(case: &Value, index: usize, all: &Recorded, found: &mut Findings) -> anyhow::Result<()> {
    let sampling = sampling(case);
    let tensor = |name: &str| recorded(all, &format!("{index}.{name}"));
    let mut logits = tensor("logits")?.values.clone();
    let before = ids(all, &format!("{index}.prev"))?;
    penalize(&mut logits, &before, sampling.repetition_penalty);
    found.values("after penalty", &logits, &tensor("after_penalty")?.values, STAGE);
    let probs = probabilities(&logits, &sampling);
    found.values("probabilities", &probs, &tensor("probs")?.values, STAGE);
    let kept = probs.iter().filter(|p| **p > 0.0).count();
    found.exact("kept", &kept, &layout::number(case, "kept")?);
    let choice = draw(&probs, &tensor("q")?.values) as usize;
    found.exact("choice", &choice, &layout::number(case, "choice")?);
    Ok(())
}
