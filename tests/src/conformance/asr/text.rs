//! Cases of text: tags written for people, and the scorer.

use std::path::Path;

use anyhow::Context as _;
use companion_engine::models::sensevoice::plain_text;
use serde_json::Value;

use super::{
    layout,
    scorer::{Score, Unit},
};
use crate::conformance::{Case, Tolerance};

pub(super) fn rich_postprocess(place: &str, path: &Path) -> Case {
    let path = path.to_owned();
    Case::new(format!("{place}/rich_postprocess"), move |_, found| {
        let described = layout::json(&path)?;
        for case in layout::list(&described, "cases")? {
            let input = layout::text(case, "input")?;
            found.exact(input, plain_text(input).as_str(), layout::text(case, "output")?);
        }
        Ok(())
    })
}

#[expect(clippy::cast_possible_truncation, reason = "rates are compared as f32")]
pub(super) fn scorer(place: &str, path: &Path) -> Case {
    let path = path.to_owned();
    Case::new(format!("{place}/scorer"), move |_, found| {
        let described = layout::json(&path)?;
        let mut corpus = std::collections::BTreeMap::<String, Score>::new();
        for case in layout::list(&described, "cases")? {
            let name = layout::text(case, "unit")?;
            let unit = Unit::named(name).with_context(|| format!("unit {name}"))?;
            let (reference, heard) = (layout::text(case, "ref")?, layout::text(case, "hyp")?);
            let what = format!("{name} {reference} / {heard}");
            let tokens = |key| layout::values::<String>(case, key);
            found.exact(
                &format!("{what}: reference"),
                &unit.tokens(reference),
                &tokens("ref_tokens")?,
            );
            found.exact(&format!("{what}: heard"), &unit.tokens(heard), &tokens("hyp_tokens")?);
            let score = Score::of(unit, reference, heard);
            found.exact(
                &format!("{what}: errors"),
                &score.errors,
                &layout::number(case, "errors")?,
            );
            found.exact(
                &format!("{what}: length"),
                &score.length,
                &layout::number(case, "ref_len")?,
            );
            let want = case.get("rate").and_then(Value::as_f64).context("no rate")? as f32;
            found.values(&what, &[score.rate() as f32], &[want], Tolerance::absolute(1e-6));
            corpus.entry(name.to_owned()).or_default().add(score);
        }
        if let Some(totals) = described.get("corpus").and_then(Value::as_object) {
            for (unit, total) in totals {
                let sum = corpus.get(unit).copied().unwrap_or_default();
                let got = (sum.errors, sum.length);
                let want = (layout::number(total, "errors")?, layout::number(total, "ref_len")?);
                found.exact(&format!("all {unit}"), &got, &want);
            }
        }
        Ok(())
    })
}
