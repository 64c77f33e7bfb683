//! How the text rows are read: greedily, as the reference does, or with a language model that lies
//! in the model directory (`decoding.json` beside the weights; this project's own addition).

use serde::Deserialize;

use crate::{
    EngineError,
    ctc::{self, LogProbs},
    ctc_beam::{self, BeamSettings},
    ngram::NgramModel,
    sentencepiece::SentencePiece,
    weights::{ModelDirectory, read_small},
};

/// The file that names a language model.
const FILE: &str = "decoding.json";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// An ARPA file of the directory, over the model's own tokens.
    language_model: String,
    /// Weight of its ln probability.
    #[serde(default = "weight")]
    weight: f32,
    /// Added per token.
    #[serde(default = "bonus")]
    bonus: f32,
    /// Prefixes kept.
    #[serde(default = "beam")]
    beam: usize,
}

fn weight() -> f32 {
    BeamSettings::default().weight
}

fn bonus() -> f32 {
    BeamSettings::default().bonus
}

fn beam() -> usize {
    BeamSettings::default().beam
}

/// Widest beam: beyond it nothing gets better, only slower.
const WIDEST: usize = 256;

/// A language model and how it counts.
#[derive(Debug)]
pub(super) struct Decoding {
    model: NgramModel,
    settings: BeamSettings,
    /// Ids that are tags, not text.
    tags: Vec<bool>,
}

impl Decoding {
    /// Reads what the directory says; `None` when it says nothing.
    pub(super) fn read(
        files: &ModelDirectory,
        vocabulary: &SentencePiece,
    ) -> Result<Option<Self>, EngineError> {
        let Some(path) = files.extra(FILE) else { return Ok(None) };
        let malformed = |problem: String| EngineError::Malformed { file: path.clone(), problem };
        let found: Settings = serde_json::from_slice(&read_small(&path)?)
            .map_err(|error| malformed(error.to_string()))?;
        if !(1..=WIDEST).contains(&found.beam) {
            return Err(malformed(format!("beam is {}, not from 1 to {WIDEST}", found.beam)));
        }
        if !(0.0..=10.0).contains(&found.weight) || !(-10.0..=10.0).contains(&found.bonus) {
            return Err(malformed(
                "weight is not from 0 to 10, or bonus not from -10 to 10".into(),
            ));
        }
        let named = files.extra(&found.language_model);
        let file = named.ok_or_else(|| {
            malformed(format!("{} is no file of this folder", found.language_model))
        })?;
        let model = NgramModel::read(&file, &|token| vocabulary.id(token))?;
        let is_tag = |id: u32| vocabulary.piece(id).is_none_or(|p| p.text.starts_with("<|"));
        let count = u32::try_from(vocabulary.len()).unwrap_or(u32::MAX);
        let settings = BeamSettings {
            beam: found.beam,
            weight: found.weight,
            bonus: found.bonus,
            ..BeamSettings::default()
        };
        Ok(Some(Self { model, settings, tags: (0..count).map(is_tag).collect() }))
    }

    /// The settings, to be tried out.
    pub(super) fn settings_mut(&mut self) -> &mut BeamSettings {
        &mut self.settings
    }

    /// The text's ids. Where nothing is heard greedily, nothing is heard: the language model must
    /// not find words in a noise.
    pub(super) fn text(&self, spoken: LogProbs<'_>) -> Vec<u32> {
        if ctc::collapse(&spoken.best(None)).is_empty() {
            return Vec::new();
        }
        let is_text = |id: u32| !self.tags.get(id as usize).copied().unwrap_or(true);
        ctc_beam::search(spoken, &self.model, self.settings, &is_text)
    }
}
