//! Cases of the front end: whole clips, streams, the stacking rule, dither.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use companion_engine::dsp::{
    Cmvn, FbankSettings, Features, Frontend, FrontendSettings, LowFrameRate,
};
use serde_json::Value;

use super::layout;
use crate::conformance::{Case, Findings, HostTensor, Tolerance, tensors};

/// Tolerances of the fixtures' README.
const FBANK: f64 = 5e-3;
const FEATURES: f64 = 5e-4;
/// Mean and deviation over 4000 frames of noise, which is another noise in each implementation:
/// about five standard errors.
const NOISE: f64 = 0.1;

/// Where a front end's files lie.
#[derive(Clone)]
struct Place {
    root: PathBuf,
    folder: PathBuf,
    settings: FbankSettings,
    dither: f32,
}

impl Place {
    fn name(&self) -> String {
        layout::name(&self.root, &self.folder)
    }

    /// The front end of a stacking, with the statistics of its dimension.
    fn frontend(&self, lfr: LowFrameRate, dither: f32) -> anyhow::Result<Frontend> {
        let settings = FrontendSettings { fbank: self.settings, lfr, dither };
        let statistics = layout::entries(&self.folder)?
            .into_iter()
            .filter(|path| path.extension().is_some_and(|ending| ending == "mvn"))
            .find_map(|path| Cmvn::read(&path, settings.dim()).ok());
        let statistics = statistics.with_context(|| {
            format!("no statistics of {} dimensions in {}", settings.dim(), self.folder.display())
        })?;
        Ok(Frontend::new(settings, Some(statistics))?)
    }

    fn clip(&self, id: &str) -> anyhow::Result<Vec<f32>> {
        layout::clip(&self.root.join("wav").join(format!("{id}.wav")))
    }
}

const ASR: LowFrameRate = LowFrameRate { stack: 7, skip: 6 };

pub(super) fn cases(root: &Path, folder: &Path) -> anyhow::Result<Vec<Case>> {
    let described = layout::json(&folder.join("cases.json"))?;
    let config = described.get("config").context("no config")?;
    let size = |key| anyhow::Ok(u32::try_from(layout::number(config, key)?)?);
    #[expect(clippy::cast_possible_truncation, reason = "a small number")]
    let dither = config.get("dither").and_then(Value::as_f64).unwrap_or(0.0) as f32;
    let settings = FbankSettings {
        sample_rate: size("fs")?,
        mel_bins: layout::number(config, "n_mels")?,
        frame_ms: size("frame_length")?,
        hop_ms: size("frame_shift")?,
        ..FbankSettings::default()
    };
    let place = Place { root: root.into(), folder: folder.into(), settings, dither };
    let mut cases = Vec::new();
    for (key, value) in described.as_object().context("no object")? {
        if let Some(stacking) = key.strip_prefix("online_lfr").and_then(stacking) {
            for case in value.as_array().into_iter().flatten() {
                cases.push(online(&place, key, stacking, case.clone())?);
            }
            continue;
        }
        match key.as_str() {
            "offline" => {
                for case in value.as_array().into_iter().flatten() {
                    cases.push(offline(&place, case.clone())?);
                }
            }
            "online_edge" => cases.push(edge(&place, value.clone())),
            "lfr_rule" => cases.push(rule(&place, value.clone())),
            "dither" => cases.push(noise(&place, value.clone())),
            _ => {}
        }
    }
    Ok(cases)
}

/// `7x6` as a stacking.
fn stacking(text: &str) -> Option<LowFrameRate> {
    let (stack, skip) = text.split_once('x')?;
    Some(LowFrameRate { stack: stack.parse().ok()?, skip: skip.parse().ok()? })
}

fn host(rows: &Features) -> HostTensor {
    HostTensor::new(&[rows.rows(), rows.dim], rows.values.clone())
}

fn offline(place: &Place, case: Value) -> anyhow::Result<Case> {
    let id = layout::text(&case, "id")?.to_owned();
    let place = place.clone();
    Ok(Case::new(format!("{}/offline/{id}", place.name()), move |_, found| {
        let pcm = place.clip(&id)?;
        let mut frontend = place.frontend(ASR, place.dither)?;
        let rows = frontend.fbank(&pcm);
        if case.get("error").is_some() {
            found.exact("is an error", &rows.is_err(), &true);
            return Ok(());
        }
        let rows = rows?;
        let feats = frontend.stack(&rows);
        let stacked = Features { dim: feats.dim, values: ASR.apply(&rows.values, rows.dim) };
        found.exact(
            "fbank shape",
            &vec![rows.rows(), rows.dim],
            &layout::values(&case, "fbank_shape")?,
        );
        found.exact(
            "feats shape",
            &vec![feats.rows(), feats.dim],
            &layout::values(&case, "feats_shape")?,
        );
        let recorded = tensors::read(&place.folder.join("offline.safetensors"))?;
        let file = format!("{}/offline.safetensors", place.name());
        for (what, rows, limit) in
            [("fbank", &rows, FBANK), ("lfr", &stacked, FBANK), ("feats", &feats, FEATURES)]
        {
            let name = format!("{id}/{what}");
            if let Some(want) = recorded.get(&name) {
                found.tensor(what, &host(rows), want, Tolerance::absolute(limit));
                found.keep(&file, &name, host(rows));
            }
        }
        Ok(())
    }))
}

fn online(place: &Place, file: &str, lfr: LowFrameRate, case: Value) -> anyhow::Result<Case> {
    let (key, wav) =
        (layout::text(&case, "key")?.to_owned(), layout::text(&case, "wav")?.to_owned());
    let (place, file) = (place.clone(), format!("{file}.safetensors"));
    let name = format!("{}/{}/{key}", place.name(), file.trim_end_matches(".safetensors"));
    Ok(Case::new(name, move |_, found| {
        let pcm = place.clip(&wav)?;
        let mut at = 0;
        let calls = layout::list(&case, "calls")?
            .iter()
            .map(|call| {
                let begin = at;
                at += layout::number(call, "samples")?;
                Ok((begin..at, call))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let rows = stream(&place, lfr, &pcm, &calls, found)?;
        let recorded = tensors::read(&place.folder.join(&file))?;
        let want = recorded.get(&key).with_context(|| format!("{file} lacks {key}"))?;
        found.tensor(&key, &host(&rows), want, Tolerance::absolute(FEATURES));
        found.keep(&format!("{}/{file}", place.name()), &key, host(&rows));
        Ok(())
    }))
}

/// Feeds a stream call by call and compares what comes out and what waits.
fn stream(
    place: &Place,
    lfr: LowFrameRate,
    pcm: &[f32],
    calls: &[(std::ops::Range<usize>, &Value)],
    found: &mut Findings,
) -> anyhow::Result<Features> {
    let mut online = place.frontend(lfr, place.dither)?.into_online();
    let mut all = Features::empty(online.dim());
    for (index, (range, call)) in calls.iter().enumerate() {
        let last = call.get("is_final").and_then(Value::as_bool).unwrap_or(false);
        let piece = pcm.get(range.clone()).context("the calls are longer than the clip")?;
        let rows = online.push(piece, last);
        let what = |what: &str| format!("call {index}: {what}");
        found.exact(&what("frames"), &rows.rows(), &layout::number(call, "frames")?);
        if !last {
            if let Ok(want) = layout::number(call, "cached_samples") {
                found.exact(&what("waiting samples"), &online.waiting_samples(), &want);
            }
            if let Ok(want) = layout::number(call, "cached_fbank_frames") {
                found.exact(&what("waiting rows"), &online.waiting_rows(), &want);
            }
        }
        all.values.extend(rows.values);
    }
    Ok(all)
}

fn edge(place: &Place, case: Value) -> Case {
    let place = place.clone();
    Case::new(format!("{}/online_edge", place.name()), move |_, found| {
        let file = layout::text(&case, "file")?;
        let recorded = tensors::read(&place.folder.join(file))?;
        let pcm = recorded.get("wav").context("no wav")?;
        let calls = layout::list(&case, "calls")?
            .iter()
            .map(|call| {
                let range: Vec<usize> = layout::values(call, "range")?;
                let &[begin, end] = range.as_slice() else { anyhow::bail!("a range of {range:?}") };
                Ok((begin..end, call))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let rows = stream(&place, ASR, &pcm.values, &calls, found)?;
        let want = recorded.get("feats").context("no feats")?;
        found.tensor("feats", &host(&rows), want, Tolerance::absolute(FEATURES));
        found.keep(&format!("{}/{file}", place.name()), "feats", host(&rows));
        Ok(())
    })
}

fn rule(place: &Place, cases: Value) -> Case {
    Case::new(format!("{}/lfr_rule", place.name()), move |_, found| {
        for case in cases.as_array().context("no list")? {
            let size = |key| layout::number(case, key);
            let (lfr, rows) = (LowFrameRate { stack: size("m")?, skip: size("n")? }, size("T")?);
            let what = format!("m {} n {} T {rows}", lfr.stack, lfr.skip);
            found.exact(&format!("{what}: rows"), &lfr.rows(rows), &size("out")?);
            let sources = |row| -> Vec<usize> {
                (0..lfr.stack).map(|part| lfr.source(row, part, rows)).collect()
            };
            let last = lfr.rows(rows).saturating_sub(1);
            found.exact(&format!("{what}: first"), &sources(0), &layout::values(case, "first")?);
            found.exact(&format!("{what}: last"), &sources(last), &layout::values(case, "last")?);
        }
        Ok(())
    })
}

#[expect(clippy::cast_precision_loss, reason = "frames are few")]
fn noise(place: &Place, case: Value) -> Case {
    let place = place.clone();
    Case::new(format!("{}/dither", place.name()), move |_, found| {
        let frames = layout::number(&case, "frames")?;
        let samples = place.settings.frame_samples() + (frames - 1) * place.settings.hop_samples();
        let rows = place.frontend(ASR, 1.0)?.fbank(&vec![0.0; samples])?;
        let (mut mean, mut square) = (vec![0f64; rows.dim], vec![0f64; rows.dim]);
        for row in 0..rows.rows() {
            for (bin, value) in rows.row(row).iter().enumerate() {
                mean[bin] += f64::from(*value) / frames as f64;
                square[bin] += f64::from(*value).powi(2) / frames as f64;
            }
        }
        let deviation: Vec<f32> =
            mean.iter().zip(&square).map(|(m, s)| narrow((s - m * m).sqrt())).collect();
        let mean: Vec<f32> = mean.into_iter().map(narrow).collect();
        let limit = Tolerance::absolute(NOISE);
        found.values("mean", &mean, &layout::values::<f32>(&case, "mean")?, limit);
        found.values("deviation", &deviation, &layout::values::<f32>(&case, "std")?, limit);
        Ok(())
    })
}

#[expect(clippy::cast_possible_truncation, reason = "compared as f32")]
fn narrow(value: f64) -> f32 {
    value as f32
}
