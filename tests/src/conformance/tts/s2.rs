//! The synthesiser: every recorded stage of every case from codes, phones and the recorded features
//! of its reference clips; chunks of a stream.

use std::{collections::BTreeMap, path::Path, rc::Rc};

use anyhow::Context as _;
use candle_core::{Device, Tensor};
use companion_engine::models::gpt_sovits::{
    s2::{Chunk, Reference, S2, Speech},
    stream,
};
use serde_json::Value;

use super::{
    super::{Findings, HostTensor, Settings, tensors},
    Case, Recorded, STAGE, WAVE, compare, ids, layout, recorded,
};

pub(super) fn cases(root: &Path) -> anyhow::Result<Vec<Case>> {
    let described = layout::json(&root.join("s2/cases.json"))?;
    let mut streams: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut cases = Vec::new();
    for case in layout::list(&described, "cases")? {
        let (model, name) = (layout::text(case, "model")?, layout::text(case, "name")?);
        if let Some((stream, _)) = name.rsplit_once('.') {
            streams.entry(format!("{model}/{stream}")).or_default().push(case.clone());
            continue;
        }
        for kind in kinds(root, model) {
            let (case, root) = (case.clone(), root.to_owned());
            cases.push(Case::new(format!("s2/{model}.{kind}/{name}"), move |settings, found| {
                let subject = Subject::open(&root, &case, kind, settings)?;
                subject.speak(&case, found)
            }));
        }
    }
    for (name, chunks) in streams {
        let root = root.to_owned();
        cases.push(Case::new(format!("s2/{name}"), move |settings, found| {
            let first = chunks.first().context("no chunk")?;
            let subject = Subject::open(&root, first, "pth", settings)?;
            let stream = name.rsplit('/').next().unwrap_or_default().to_owned();
            subject.stream(&stream, &chunks, found)
        }));
    }
    let sola = root.join("s2/sola.json");
    if sola.exists() {
        let described = layout::json(&sola)?;
        for (i, case) in layout::list(&described, "cases")?.iter().enumerate() {
            let kind = if case.get("post").is_some() { "post" } else { "sola" };
            let (case, root) = (case.clone(), root.to_owned());
            cases.push(Case::new(format!("s2/{kind}/{i}"), move |_, found| {
                let all = tensors::read(&root.join("s2/sola.safetensors"))?;
                if kind == "post" { pieces(&case, &all, found) } else { joined(&case, &all, found) }
            }));
        }
    }
    Ok(cases)
}

/// Two chunks joined.
fn joined(case: &Value, all: &Recorded, found: &mut Findings) -> anyhow::Result<()> {
    let tensor = |part: &str| {
        recorded(all, &format!("sola.{}.{part}", layout::number(case, "i")?)).map(|t| &t.values)
    };
    let number = |key: &str| layout::number(case, key);
    let (got, offset) =
        stream::join(tensor("a")?, tensor("b")?, number("overlap")?, number("search")?);
    found.exact("offset", &offset, &number("offset")?);
    found.values("joined", &got, tensor("out")?, WAVE);
    Ok(())
}

/// Pieces to 16-bit samples, which may be off by the reference's own three steps.
fn pieces(case: &Value, all: &Recorded, found: &mut Findings) -> anyhow::Result<()> {
    let post = layout::number(case, "post")?;
    let pieces: Vec<&[f32]> = (0..)
        .map_while(|i| Some(all.get(&format!("post.{post}.in{i}"))?.values.as_slice()))
        .collect();
    let pause = case.get("fragment_interval").and_then(Value::as_f64).context("no pause")?;
    let got: Vec<f32> = stream::to_pcm(&pieces, pause, 32_000).into_iter().map(f32::from).collect();
    // At exactly 1 the reference wraps to the lowest value; the README asks to clamp instead.
    let wrapped = |(got, want): (&f32, &f32)| {
        if (*got, *want) == (32_767.0, -32_768.0) { *got } else { *want }
    };
    let recorded = &recorded(all, &format!("post.{post}.pcm"))?.values;
    let mut want: Vec<f32> = got.iter().zip(recorded).map(wrapped).collect();
    want.extend(recorded.iter().skip(got.len()));
    found.values("pcm", &got, &want, super::super::Tolerance::absolute(3.0));
    Ok(())
}

/// The files in which a model lies.
fn kinds(root: &Path, model: &str) -> Vec<&'static str> {
    let there = |kind: &&str| root.join(format!("models/s2_{model}.{kind}")).exists();
    ["pth", "safetensors"].into_iter().filter(there).collect()
}

/// A model with what is recorded of it.
struct Subject {
    model: S2,
    all: Rc<Recorded>,
    file: String,
    root: std::path::PathBuf,
}

impl Subject {
    fn open(root: &Path, case: &Value, kind: &str, settings: &Settings) -> anyhow::Result<Self> {
        let name = layout::text(case, "model")?;
        let device = super::super::asr::device(settings)?;
        let config = match kind {
            "pth" => None,
            _ => Some(layout::json(&root.join(format!("models/s2_{name}.config.json")))?),
        };
        let path = root.join(format!("models/s2_{name}.{kind}"));
        let model = S2::open(&path, config.as_ref(), &device)?;
        let file = format!("s2/{name}.safetensors");
        let all = Rc::new(tensors::read(&root.join(&file))?);
        Ok(Self { model, all, file, root: root.to_owned() })
    }

    /// The style of the named clips, from their recorded features.
    fn style(&self, names: &[String], case: &str, found: &mut Findings) -> anyhow::Result<Tensor> {
        let clips = names
            .iter()
            .map(|name| tensors::read(&self.root.join(format!("audio/{name}.safetensors"))))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let references = clips
            .iter()
            .map(|clip| {
                let spectrum = recorded(clip, "spec")?;
                let frames = spectrum.shape.last().copied().unwrap_or(0);
                let speaker = clip.get("sv_emb").map(|tensor| tensor.values.as_slice());
                Ok(Reference { spectrum: &spectrum.values, frames, speaker })
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        Ok(self.model.style(&references, &mut |stage, rows| {
            let name = format!("{case}.{stage}");
            compare(found, (&self.all, &self.file), (&name, stage), rows, STAGE)
        })?)
    }

    fn speak(&self, case: &Value, found: &mut Findings) -> anyhow::Result<()> {
        let name = layout::text(case, "name")?;
        let style = self.style(&layout::values(case, "refs")?, name, found)?;
        let codes = ids(&self.all, &format!("{name}.codes"))?;
        let phones = ids(&self.all, &format!("{name}.phones"))?;
        let noise = self.all.get(&format!("{name}.noise"));
        let speech = Speech {
            codes: &codes,
            phones: &phones,
            speed: case.get("speed").and_then(Value::as_f64).unwrap_or(1.0),
            noise: noise.map(|tensor| tensor.values.as_slice()),
            noise_scale: case.get("noise_scale").and_then(Value::as_f64).unwrap_or(0.5),
            chunk: Chunk { codes: None, before: None },
        };
        let sound = self.model.decode(&speech, &style, &mut |stage, rows| {
            let key = format!("{name}.{stage}");
            let limit = if stage.starts_with("dec.") { WAVE } else { STAGE };
            compare(found, (&self.all, &self.file), (&key, stage), rows, limit)
        })?;
        self.wave(&format!("{name}.wav"), sound.samples, found)?;
        let inputs = ["codes", "phones", "noise"];
        found.all_compared(self.all.keys(), &format!("{name}."), &inputs);
        Ok(())
    }

    fn wave(&self, name: &str, samples: Vec<f32>, found: &mut Findings) -> anyhow::Result<()> {
        let want = recorded(&self.all, name)?;
        found.values(name, &samples, &want.values, WAVE);
        found.keep(&self.file, name, HostTensor::new(&[samples.len()], samples));
        Ok(())
    }

    fn stream(&self, name: &str, chunks: &[Value], found: &mut Findings) -> anyhow::Result<()> {
        let codes = ids(&self.all, &format!("{name}.codes"))?;
        let phones = ids(&self.all, &format!("{name}.phones"))?;
        let style = self.stream_style(name, &codes, &phones, found)?;
        let mut before: Option<Tensor> = None;
        for chunk in chunks {
            let name = layout::text(chunk, "name")?;
            let so_far = layout::number(chunk, "tokens_so_far")?.min(codes.len());
            let shared = layout::number(chunk, "overlap_frames")?;
            let before_frames = match &before {
                Some(latent) if shared > 0 => {
                    Some(latent.narrow(1, latent.dim(1)?.saturating_sub(shared), shared)?)
                }
                _ => None,
            };
            let speech = Speech {
                codes: &codes[..so_far],
                phones: &phones,
                speed: 1.0,
                noise: None,
                noise_scale: 0.5,
                chunk: Chunk {
                    codes: layout::number(chunk, "result_length").ok(),
                    before: before_frames.as_ref(),
                },
            };
            let sound = self.model.decode(&speech, &style, &mut |_, _| Ok(()))?;
            let key = format!("{name}.latent");
            compare(found, (&self.all, &self.file), (&key, &key), &sound.latent, STAGE)?;
            self.wave(&format!("{name}.wav"), sound.samples, found)?;
            before = Some(sound.latent);
        }
        Ok(())
    }

    /// The stream's description names no clips: they are those with which the whole sounds as
    /// recorded.
    fn stream_style(
        &self,
        name: &str,
        codes: &[u32],
        phones: &[u32],
        found: &mut Findings,
    ) -> anyhow::Result<Tensor> {
        let want = recorded(&self.all, &format!("{name}.full_wav"))?;
        let clips: Vec<String> = layout::entries(&self.root.join("audio"))?
            .iter()
            .filter(|path| path.extension().is_some_and(|kind| kind == "wav"))
            .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
            .collect();
        let speech = Speech {
            codes,
            phones,
            speed: 1.0,
            noise: None,
            noise_scale: 0.5,
            chunk: Chunk { codes: None, before: None },
        };
        let mut nearest: Option<(f64, Tensor, Vec<f32>)> = None;
        for clip in clips {
            let style = self.style(&[clip], "", &mut Findings::default())?;
            let samples = self.model.decode(&speech, &style, &mut |_, _| Ok(()))?.samples;
            if samples.len() == want.values.len() {
                let error = super::super::compare::error(WAVE.measure, &samples, &want.values);
                if nearest.as_ref().is_none_or(|(least, ..)| error < *least) {
                    nearest = Some((error, style, samples));
                }
            }
        }
        let (_, style, samples) = nearest.context("no clip fits the stream")?;
        self.wave(&format!("{name}.full_wav"), samples, found)?;

        Ok(style)
    }
}

/// A checkpoint of another flavour with the wave recorded beside it.
pub(super) fn flavour(path: &Path, device: &Device, found: &mut Findings) -> anyhow::Result<()> {
    let beside = path.with_extension("safetensors");
    let all = tensors::read(&beside)?;
    let model = S2::open(path, None, device)?;
    let spectrum = recorded(&all, "spec")?;
    let frames = spectrum.shape.last().copied().unwrap_or(0);
    let speaker = all.get("sv_emb").map(|tensor| tensor.values.as_slice());
    let reference = Reference { spectrum: &spectrum.values, frames, speaker };
    let style = model.style(&[reference], &mut |_, _| Ok(()))?;
    let (codes, phones) = (ids(&all, "codes")?, ids(&all, "phones")?);
    let speech = Speech {
        codes: &codes,
        phones: &phones,
        speed: 1.0,
        noise: all.get("noise").map(|tensor| tensor.values.as_slice()),
        noise_scale: 0.5,
        chunk: Chunk { codes: None, before: None },
    };
    let sound = model.decode(&speech, &style, &mut |_, _| Ok(()))?;
    found.values("wav", &sound.samples, &recorded(&all, "wav")?.values, WAVE);
    Ok(())
}
