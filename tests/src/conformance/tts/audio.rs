//! Reference clips from their samples: rates, spectrum, hidden states and codes. The
//! speaker's filterbank and embedding are not built yet and count as misses of their own.

use std::path::Path;

use anyhow::Context as _;
use companion_engine::{
    EngineError,
    dsp::{linear_spectrum, resample},
    models::gpt_sovits::{hubert::Hubert, s2::S2},
};
use serde_json::Value;

use super::{
    super::{Findings, Settings},
    Case, STAGE, compare, ids, layout, read, recorded,
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
                Ok(())
            }));
        }
    }
    let described = layout::json(&root.join("audio/refs.json"))?;
    for clip in layout::list(&described, "refs")? {
        let name = layout::text(clip, "name")?.to_owned();
        let wav = root.join(layout::text(clip, "file")?);
        let root = root.to_owned();
        cases.push(Case::not_built(
            format!("audio/{name}/speaker"),
            "filterbank and speaker embedding",
        ));
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
        match all.get(&head).and_then(|want| want.shape.last().copied()) {
            Some(length) if length <= rows.dims()[1] => {
                let rows = rows
                    .narrow(1, 0, length)
                    .and_then(|rows| rows.contiguous())
                    .map_err(|source| EngineError::Compute { stage: "the head", source })?;
                compare(found, (&all, &file), (&head, &head), &rows, STAGE)
            }
            _ => compare(found, (&all, &file), (stage, stage), rows, STAGE),
        }
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

/// A clip's channels averaged, and its rate.
fn mono(path: &Path) -> anyhow::Result<(Vec<f32>, u32)> {
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
