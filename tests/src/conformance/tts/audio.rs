//! Reference clips from their samples: rates, spectrum, hidden states and codes, the speaker's
//! filterbank and embedding.

use std::path::Path;

use anyhow::Context as _;
use candle_core::Tensor;
use companion_engine::{
    EngineError,
    dsp::{linear_spectrum, resample, resample_steep},
    models::gpt_sovits::{hubert::Hubert, s2::S2, speaker::Speaker},
};
use serde_json::Value;

use super::{
    super::{Findings, Settings, Tolerance},
    Case, FILTERBANK, Recorded, STAGE, compare, ids, layout, read, recorded,
};

pub(super) fn cases(root: &Path) -> anyhow::Result<Vec<Case>> {
    let mut cases = Vec::new();
    let file = "audio/resample.safetensors";
    if root.join(file).exists() {
        let (all, _) = read(root, file)?;
        for name in all.keys().filter_map(|name| name.strip_prefix("in.")) {
            let (root, name) = (root.to_owned(), name.to_owned());
            cases.push(Case::new(format!("audio/resample/{name}"), move |_, found| {
                let (all, _) = read(&root, file)?;
                let (from, to) = name.split_once('.').context("no two rates")?;
                let input = &recorded(&all, &format!("in.{name}"))?.values;
                let got = resample(input, from.parse()?, to.parse()?)?;
                let want = recorded(&all, &format!("torchaudio.{name}"))?;
                found.values("torchaudio", &got, &want.values, STAGE);
                let got = resample_steep(input, from.parse()?, to.parse()?)?;
                let want = recorded(&all, &format!("soxr_hq.{name}"))?;
                inside(found, &got, &want.values);
                Ok(())
            }));
        }
    }
    let described = layout::json(&root.join("audio/refs.json"))?;
    for clip in layout::list(&described, "refs")? {
        let name = layout::text(clip, "name")?.to_owned();
        let wav = root.join(layout::text(clip, "file")?);
        let root = root.to_owned();
        for weights in ["sv.ckpt", "sv.safetensors"] {
            let model = root.join("models").join(weights);
            if model.exists() {
                let (root, name) = (root.clone(), name.clone());
                let case = format!("audio/{name}/speaker/{weights}");
                cases.push(Case::new(case, move |settings, found| {
                    speaker(&root, &name, &model, settings, found)
                }));
            }
        }
        for weights in ["pytorch_model.bin", "weights_f32.safetensors"] {
            if root.join("models/hubert").join(weights).exists() {
                let (root, name, clip) = (root.clone(), name.clone(), clip.clone());
                let case = format!("audio/{name}/hubert/{weights}");
                cases.push(Case::new(case, move |settings, found| {
                    codes(&root, (&name, weights), &clip, settings, found)
                }));
            }
        }
        cases.push(Case::new(format!("audio/{name}/spectrum"), move |_, found| {
            let (all, _) = read(&root, &format!("audio/{name}.safetensors"))?;
            let (pcm, rate) = mono(&wav)?;
            let mut pcm = resample(&pcm, rate, 32_000)?;
            let peak = pcm.iter().fold(0f32, |peak, sample| peak.max(sample.abs()));
            if peak > 1.0 {
                pcm.iter_mut().for_each(|sample| *sample /= peak.min(2.0));
            }
            found.values("audio32k", &pcm, &recorded(&all, "audio32k")?.values, STAGE);
            let low = resample(&pcm, 32_000, 16_000)?;
            found.values("audio16k_sv", &low, &recorded(&all, "audio16k_sv")?.values, STAGE);
            let (spectrum, _) = linear_spectrum(&pcm)?;
            found.values("spec", &spectrum, &recorded(&all, "spec")?.values, STAGE);
            Ok(())
        }));
    }
    Ok(cases)
}

/// Compares with a resampler that need be matched no nearer than -60 dB of its power (README of the
/// fixtures); how it begins and ends is its own affair.
fn inside(found: &mut Findings, got: &[f32], want: &[f32]) {
    found.exact("soxr_hq length", &got.len(), &want.len());
    let edge = 300.min(got.len() / 2).min(want.len() / 2);
    let middle = edge..want.len().min(got.len()) - edge;
    let power = |pcm: &mut dyn Iterator<Item = f32>| pcm.map(|x| x * x).sum::<f32>();
    let wanted = power(&mut want[middle.clone()].iter().copied());
    let off = power(&mut middle.map(|at| got[at] - want[at]));
    found.values("soxr_hq", &[(off / wanted).sqrt()], &[0.0], Tolerance::absolute(1e-3));
}

/// Hidden states from the recorded samples, and the codes of every synthesiser.
fn codes(
    root: &Path,
    (name, weights): (&str, &str),
    clip: &Value,
    settings: &Settings,
    found: &mut Findings,
) -> anyhow::Result<()> {
    let device = super::super::asr::device(settings)?;
    let file = format!("audio/{name}.safetensors");
    let (all, _) = read(root, &file)?;
    let mut pcm = recorded(&all, "wav16k")?.values.clone();
    let tail = layout::json(&root.join("audio/refs.json"))?;
    pcm.resize(pcm.len() + layout::number(&tail, "hubert_tail_zeros")?, 0.0);
    let model = Hubert::open(&root.join("models/hubert"), weights, &device)?;
    let hidden = model.hidden(&pcm, &mut |stage, rows| {
        // Of the first convolution the first rows are recorded.
        let head = format!("{stage}_head");
        let name = if all.contains_key(&head) { &head } else { stage };
        beginning(found, (&all, &file), name, rows)
    })?;
    let versions = clip.get("codes").and_then(Value::as_object);
    for version in versions.into_iter().flat_map(serde_json::Map::keys) {
        let path = root.join(format!("models/s2_{version}.pth"));
        let model = S2::open(&path, None, &device)?;
        let codes = model.codes_of(&hidden, &mut |stage, rows| {
            let name = format!("{stage}.{version}");
            compare(found, (&all, &file), (&name, &name), rows, STAGE)
        })?;
        let name = format!("codes.{version}");
        found.exact(&name, &codes, &ids(&all, &name)?);
    }
    found.all_compared(all.keys(), "hubert.", &[]);
    Ok(())
}

/// Filterbank and embedding from the recorded samples.
fn speaker(
    root: &Path,
    name: &str,
    model: &Path,
    settings: &Settings,
    found: &mut Findings,
) -> anyhow::Result<()> {
    let device = super::super::asr::device(settings)?;
    let file = format!("audio/{name}.safetensors");
    let (all, _) = read(root, &file)?;
    let pcm = &recorded(&all, "audio16k_sv")?.values;
    let model = Speaker::open(model, &device)?;
    let embedding = model.embedding(pcm, &mut |stage, rows| match stage {
        "fbank" => compare(found, (&all, &file), (stage, stage), rows, FILTERBANK),
        _ => beginning(found, (&all, &file), stage, rows),
    })?;
    found.exact("width", &model.width(), &embedding.len());
    found.values("sv_emb", &embedding, &recorded(&all, "sv_emb")?.values, STAGE);
    found.all_compared(all.keys(), "fbank", &[]);
    found.all_compared(all.keys(), "sv.", &[]);
    Ok(())
}

/// Compares the first columns of a stage, as many as are recorded.
fn beginning(
    found: &mut Findings,
    (all, file): (&Recorded, &str),
    name: &str,
    rows: &Tensor,
) -> Result<(), EngineError> {
    let last = rows.rank() - 1;
    let shown = all.get(name).and_then(|want| want.shape.last().copied());
    let length = shown.map_or(rows.dims()[last], |length| length.min(rows.dims()[last]));
    let rows = rows
        .narrow(last, 0, length)
        .and_then(|rows| rows.contiguous())
        .map_err(|source| EngineError::Compute { stage: "the beginning", source })?;
    compare(found, (all, file), (name, name), &rows, STAGE)
}

/// A clip's channels averaged, and its rate.
pub(super) fn mono(path: &Path) -> anyhow::Result<(Vec<f32>, u32)> {
    let mut reader =
        hound::WavReader::open(path).with_context(|| format!("opening {}", path.display()))?;
    let format = reader.spec();
    let samples: Vec<f32> = match format.sample_format {
        hound::SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>()?,
        hound::SampleFormat::Int => {
            #[expect(clippy::cast_precision_loss, reason = "samples of up to 24 bits")]
            let scale = (1u64 << (format.bits_per_sample - 1)) as f32;
            #[expect(clippy::cast_precision_loss, reason = "samples of up to 24 bits")]
            let scaled = |sample: i32| sample as f32 / scale;
            reader.samples::<i32>().map(|s| Ok(scaled(s?))).collect::<anyhow::Result<_>>()?
        }
    };
    let channels = usize::from(format.channels).max(1);
    #[expect(clippy::cast_precision_loss, reason = "a few channels")]
    let mean = |frame: &[f32]| frame.iter().sum::<f32>() / channels as f32;
    Ok((samples.chunks_exact(channels).map(mean).collect(), format.sample_rate))
}
