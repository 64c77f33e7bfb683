//! Models of full size with formula weights, each from its recorded inputs to its recorded results.
//! The weights are written to a temporary file and read on the usual way; one model at a time.

use std::path::Path;

use anyhow::Context as _;
use candle_core::Tensor;
use companion_engine::{
    Device,
    models::gpt_sovits::{
        bert::Bert,
        hubert::Hubert,
        s1::{Request, S1},
        s2::{Chunk, Reference, S2, Speech},
        sampler::Sampling,
        speaker::Speaker,
    },
};
use serde_json::{Value, json};

use super::{
    super::{Findings, Tolerance},
    Case, FILTERBANK, Recorded, STAGE, WAVE,
    formula::{Formula, Made},
    host, ids, layout, read, recorded,
};

const FILE: &str = "fullsize/expected.safetensors";
/// The name of the weights in their temporary folder.
const WEIGHTS: &str = "model.safetensors";
/// Steps in which the end is recorded as minus infinity, being no choice.
const STEPS_WITHOUT_END: usize = 11;

pub(super) fn cases(root: &Path) -> anyhow::Result<Vec<Case>> {
    let place = root.join("fullsize/recipe.json");
    if !place.exists() {
        return Ok(Vec::new());
    }
    let mut recipe = layout::json(&place)?;
    let seed = recipe.get("seed").and_then(Value::as_u64).context("no seed")?;
    let models = recipe.get_mut("models").and_then(Value::as_object_mut).context("no models")?;
    let mut cases = Vec::new();
    for (model, tensors) in std::mem::take(models) {
        let (root, name) = (root.to_owned(), format!("fullsize/{model}"));
        cases.push(Case::new(name, move |settings, found| {
            let folder = tempfile::tempdir()?;
            let tensors: Vec<Made> = serde_json::from_value(tensors)?;
            let formula = Formula { seed };
            let (all, _) = read(&root, FILE)?;
            let probe: Vec<f32> = formula.of("probe.weight", (0.5, 0.25)).take(16).collect();
            found.exact("probe", &probe, &recorded(&all, "probe")?.values);
            formula.write(&tensors, &folder.path().join(WEIGHTS))?;
            let device = super::super::asr::device(settings)?;
            let subject = Subject { folder: folder.path(), all: &all, formula, device };
            match model.as_str() {
                "s1" => subject.s1(found),
                "hubert" => subject.hubert(found),
                "bert" => subject.bert(found),
                "sv" => subject.speaker(found),
                version if version.starts_with("s2_") => subject.s2(version, found),
                other => anyhow::bail!("a model {other:?} is not known"),
            }
        }));
    }
    Ok(cases)
}

/// A model in its temporary folder, with what is recorded of all.
struct Subject<'a> {
    folder: &'a Path,
    all: &'a Recorded,
    formula: Formula,
    device: Device,
}

impl Subject<'_> {
    fn weights(&self) -> std::path::PathBuf {
        self.folder.join(WEIGHTS)
    }

    /// Writes the configuration that the weights are read with.
    fn configure(&self, config: &Value) -> anyhow::Result<()> {
        Ok(std::fs::write(self.folder.join("config.json"), config.to_string())?)
    }

    /// Compares with what is recorded under `name`.
    fn compare(
        &self,
        found: &mut Findings,
        name: &str,
        got: &[f32],
        limit: Tolerance,
    ) -> anyhow::Result<()> {
        found.values(name, got, &recorded(self.all, name)?.values, limit);
        Ok(())
    }

    /// Greedy decoding with its hidden states and logits.
    fn s1(&self, found: &mut Findings) -> anyhow::Result<()> {
        let model = S1::open(&self.weights(), Some(16), &self.device)?;
        let (phones, prompt) = (ids(self.all, "s1.phones")?, ids(self.all, "s1.prompt")?);
        let width = model.bert_width();
        // Columns of the second half are zero, as for a text that is half English.
        let columns = phones.len();
        let mut bert = self.formula.values("input.bert", 1.0, width * columns);
        for row in bert.chunks_exact_mut(columns) {
            row[columns / 2..].fill(0.0);
        }
        let request = Request { phones: &phones, bert: &bert, prompt: &prompt };
        let greedy = Sampling { top_k: Some(1), ..Sampling::default() };
        let wanted = ids(self.all, "s1.steps")?;
        let (mut hidden, mut logits) = (Vec::new(), Vec::new());
        let early_stop = 24;
        let (codes, _) = model.decode(
            &request,
            &greedy,
            early_stop,
            &mut |noise| noise.fill(1.0),
            &mut |index, step, _| {
                if wanted.iter().any(|&step| step as usize == index) {
                    hidden.extend_from_slice(&step.hidden);
                    logits.extend_from_slice(&step.logits);
                    if let (true, Some(end)) = (index < STEPS_WITHOUT_END, logits.last_mut()) {
                        *end = f32::NEG_INFINITY;
                    }
                }
                true
            },
        )?;
        found.exact("s1.y", &[prompt, codes].concat(), &ids(self.all, "s1.y")?);
        self.compare(found, "s1.hidden", &hidden, STAGE)?;
        self.compare(found, "s1.logits", &logits, STAGE)
    }

    fn hubert(&self, found: &mut Findings) -> anyhow::Result<()> {
        // HuBERT base (Hsu et al. 2021).
        self.configure(&json!({
            "num_attention_heads": 12,
            "num_conv_pos_embedding_groups": 16,
            "conv_stride": [5, 2, 2, 2, 2, 2, 2],
            "layer_norm_eps": 1e-5,
        }))?;
        let model = Hubert::open(self.folder, WEIGHTS, &self.device)?;
        let pcm = &recorded(self.all, "hubert.wav")?.values;
        let hidden = model.hidden(pcm, &mut |_, _| Ok(()))?;
        self.compare(found, "hubert.last_hidden_state", &host(&hidden)?, STAGE)
    }

    fn bert(&self, found: &mut Findings) -> anyhow::Result<()> {
        // BERT large (Devlin et al. 2019) over the Chinese vocabulary.
        self.configure(&json!({
            "model_type": "bert",
            "hidden_size": 1024,
            "num_attention_heads": 16,
            "num_hidden_layers": 24,
            "intermediate_size": 4096,
            "vocab_size": 21_128,
            "max_position_embeddings": 512,
            "type_vocab_size": 2,
            "layer_norm_eps": 1e-12,
        }))?;
        let model = Bert::open(self.folder, WEIGHTS, &self.device)?;
        let hidden = model.hidden(&ids(self.all, "bert.ids")?, &mut |_, _| Ok(()))?;
        self.compare(found, "bert.hidden_m3", &host(&hidden)?, STAGE)
    }

    fn speaker(&self, found: &mut Findings) -> anyhow::Result<()> {
        let model = Speaker::open(&self.weights(), &self.device)?;
        let pcm = &recorded(self.all, "sv.wav")?.values;
        let rows = &recorded(self.all, "sv.fbank")?.values;
        let embedding = model.embedding(pcm, &mut |stage, got| {
            if stage == "fbank" {
                found.values("sv.fbank", &host(got)?, rows, FILTERBANK);
            }
            Ok(())
        })?;
        self.compare(found, "sv.emb", &embedding, STAGE)
    }

    /// Style, decode and quantiser of a version.
    fn s2(&self, version: &str, found: &mut Findings) -> anyhow::Result<()> {
        let config = json!({ "model": {
            "n_heads": 2,
            "upsample_rates": [10, 8, 2, 2, 2],
            "resblock_kernel_sizes": [3, 7, 11],
            "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5], [1, 3, 5]],
        }});
        let model = S2::open(&self.weights(), Some(&config), &self.device)?;
        let frames = 60;
        let spectrum: Vec<f32> = self
            .formula
            .values("input.spec", 1.0, 1025 * frames)
            .into_iter()
            .map(|value| value.abs() * 0.6)
            .collect();
        let speaker =
            model.speaker_width().map(|width| self.formula.values("input.sv_emb", 1.0, width));
        let reference = Reference { spectrum: &spectrum, frames, speaker: speaker.as_deref() };
        let style = model.style(&[reference], &mut |_, _| Ok(()))?;
        self.compare(found, &format!("{version}.ge"), &host(&style)?, STAGE)?;
        let codes = ids(self.all, &format!("{version}.codes"))?;
        let phones = ids(self.all, &format!("{version}.phones"))?;
        let z = recorded(self.all, &format!("{version}.z"))?;
        let speech = Speech {
            codes: &codes,
            phones: &phones,
            speed: 1.0,
            noise: Some(&self.formula.values("input.noise", 1.7, z.values.len())),
            noise_scale: 0.5,
            chunk: Chunk { codes: None, before: None },
        };
        let sound = model.decode(&speech, &style, &mut |stage, rows| {
            let part = if stage == "enc_p.proj" { "stats" } else { stage };
            if ["stats", "z"].contains(&part)
                && let Some(want) = self.all.get(&format!("{version}.{part}"))
            {
                found.values(part, &host(rows)?, &want.values, STAGE);
            }
            Ok(())
        })?;
        self.compare(found, &format!("{version}.wav"), &sound.samples, WAVE)?;
        let hidden = recorded(self.all, "hubert.last_hidden_state")?;
        let hidden = Tensor::from_slice(&hidden.values, hidden.shape.as_slice(), &self.device)?;
        let codes = model.codes_of(&hidden, &mut |_, _| Ok(()))?;
        let name = format!("{version}.codes_of_hubert");
        found.exact(&name, &codes, &ids(self.all, &name)?);
        Ok(())
    }
}
