//! The semantic decoder: the prefill's stages, then logits, probabilities and codes step by step.

use std::{cell::RefCell, path::Path, rc::Rc};

use anyhow::Context as _;
use companion_engine::models::gpt_sovits::{
    s1::{Request, S1},
    sampler::{Sampling, penalize, probabilities},
};
use serde_json::Value;

use super::{
    super::{Findings, HostTensor},
    Case, Recorded, STAGE, compare, ids, layout, read, recorded,
    sampler::sampling,
};

const FILE: &str = "s1/decode.safetensors";

pub(super) fn cases(root: &Path) -> anyhow::Result<Vec<Case>> {
    let described = layout::json(&root.join("s1/cases.json"))?;
    let mut cases = Vec::new();
    for file in ["s1.ckpt", "s1.safetensors"] {
        let path = root.join("models").join(file);
        if !path.exists() {
            continue;
        }
        let heads = if file == "s1.ckpt" {
            None
        } else {
            let config = layout::json(&root.join("models/s1.config.json"))?;
            Some(layout::number(config.get("model").context("no model")?, "head")?)
        };
        let all: Rc<RefCell<Option<Rc<Recorded>>>> = Rc::default();
        for case in layout::list(&described, "decode")? {
            let (case, root, path) = (case.clone(), root.to_owned(), path.clone());
            let all = Rc::clone(&all);
            let name = format!("s1/{file}/{}", layout::text(&case, "name")?);
            cases.push(Case::new(name, move |settings, found| {
                let device = super::super::asr::device(settings)?;
                let mut model = S1::open(&path, heads, &device)?;
                let known = all.borrow().clone();
                let recorded = match known {
                    Some(known) => known,
                    None => Rc::new(read(&root, FILE)?.0),
                };
                *all.borrow_mut() = Some(Rc::clone(&recorded));
                if case.get("eos_row_zeroed").and_then(Value::as_bool) == Some(true) {
                    model.mute_end()?;
                }
                if case.get("items").is_some() {
                    return batch(&model, &case, &recorded, found);
                }
                decode(&model, &case, &recorded, found)
            }));
        }
    }
    Ok(cases)
}

/// Every row of a batch decoded alone.
fn batch(model: &S1, case: &Value, all: &Recorded, found: &mut Findings) -> anyhow::Result<()> {
    let name = layout::text(case, "name")?;
    let prompt = ids(all, &format!("{name}.prompt"))?;
    let limit = layout::number(case, "early_stop_num")?;
    for row in 0..layout::number(case, "items")? {
        let phones = ids(all, &format!("{name}.{row}.phones"))?;
        let bert = &recorded(all, &format!("{name}.{row}.bert"))?.values;
        let request = Request { phones: &phones, bert, prompt: &prompt };
        let greedy = Sampling { top_k: Some(1), ..Sampling::default() };
        let (codes, _) =
            model.decode(&request, &greedy, limit, &mut |q| q.fill(1.0), &mut |_, _, _| true)?;
        let whole = [prompt.as_slice(), &codes].concat();
        // The batched reference drops the last code of a row that did not end by itself.
        let want = ids(all, &format!("{name}.{row}.y"))?;
        let shared = if codes.len() > limit { want.len() } else { whole.len() };
        found.exact(&format!("codes of row {row}"), &whole[..shared.min(whole.len())], &want[..]);
    }
    Ok(())
}

fn decode(model: &S1, case: &Value, all: &Recorded, found: &mut Findings) -> anyhow::Result<()> {
    let name = layout::text(case, "name")?;
    let tensor = |part: &str| all.get(&format!("{name}.{part}"));
    let phones = ids(all, &format!("{name}.phones"))?;
    let bert = &recorded(all, &format!("{name}.bert"))?.values;
    let prompt = ids(all, &format!("{name}.prompt")).unwrap_or_default();
    let request = Request { phones: &phones, bert, prompt: &prompt };
    let sampling = sampling(case);
    let limit = layout::number(case, "early_stop_num")?;
    prefill(model, &request, all, found)?;
    let (mut hidden, mut logits) = (Vec::new(), Vec::new());
    let mut steps = 0usize;
    let wanted: Option<Vec<usize>> =
        tensor("step_index").map(|t| t.values.iter().map(|v| *v as usize).collect());
    let noise = tensor("q");
    let mut drawn = 0usize;
    let mut probs = (Vec::new(), Vec::new());
    let mut before = prompt.clone();
    let (codes, _) = model.decode(
        &request,
        &sampling,
        limit,
        &mut |q| {
            q.fill(1.0);
            if let Some(noise) = noise {
                let width = noise.shape.last().copied().unwrap_or(1);
                let row = noise.values.iter().skip(drawn * width);
                for (to, from) in q.iter_mut().zip(row) {
                    *to = *from;
                }
            }
            drawn += 1;
        },
        &mut |index, step, code| {
            if wanted.as_ref().is_none_or(|wanted| wanted.contains(&index)) {
                hidden.extend_from_slice(&step.hidden);
                logits.extend_from_slice(&step.logits);
                // Where the end is no choice it is recorded as minus infinity.
                if let (true, Some(end)) = (index < 11, logits.last_mut()) {
                    *end = f32::NEG_INFINITY;
                }
            }
            let mut own = step.logits.clone();
            if index < 11 {
                own.pop();
            }
            penalize(&mut own, &before, sampling.repetition_penalty);
            let own = probabilities(&own, &sampling);
            if index == 0 {
                probs.0.clone_from(&own);
            }
            probs.1 = own;
            before.extend(code);
            steps += 1;
            true
        },
    )?;
    found.exact("steps", &steps, &layout::number(case, "steps")?);
    let whole = [prompt.as_slice(), &codes].concat();
    found.exact("codes", &whole, &ids(all, &format!("{name}.y"))?);
    for (part, values) in [("hidden", hidden), ("logits", logits)] {
        if let Some(want) = tensor(part) {
            found.values(part, &values, &want.values, STAGE);
            if want.values.len() == values.len() {
                found.keep(FILE, &format!("{name}.{part}"), HostTensor::new(&want.shape, values));
            }
        }
    }
    for (part, values) in [("probs_first", probs.0), ("probs_last", probs.1)] {
        if let Some(want) = tensor(part) {
            found.values(part, &values, &want.values, STAGE);
        }
    }
    Ok(())
}

/// The recorded stages of a prefill belong to the first case that has their number of phones.
fn prefill(
    model: &S1,
    request: &Request<'_>,
    all: &Recorded,
    found: &mut Findings,
) -> anyhow::Result<()> {
    let rows = |name: &str| all.get(&format!("prefill.{name}")).map(|t| t.shape[0]);
    if rows("text_in") != Some(request.phones.len())
        || rows("audio_in") != Some(request.prompt.len())
        || all.get("greedy_eos.bert").is_none_or(|bert| bert.values != request.bert)
    {
        return Ok(());
    }
    model.begin(request, &mut |stage, rows| {
        let name = format!("prefill.{stage}");
        compare(found, (all, FILE), (&name, &name), rows, STAGE)
    })?;
    found.all_compared(all.keys(), "prefill.", &[]);
    Ok(())
}
