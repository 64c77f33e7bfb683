//! Cases of SenseVoice model directories: every recorded stage, from the recorded features and from
//! the clip, with each file of weights; ids, pieces, texts and times.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    path::{Path, PathBuf},
    rc::Rc,
};

use anyhow::Context as _;
use companion_engine::{
    ctc::{self, LogProbs},
    dsp::Features,
    models::{
        sanm,
        sensevoice::{
            QUERY_ROWS, SenseVoice, SenseVoiceLanguage, SenseVoiceOptions, Stage, plain_text,
        },
    },
    weights::ModelDirectory,
};
use serde_json::Value;

use super::layout;
use crate::conformance::{Case, Findings, HostTensor, Settings, Tolerance, tensors};

/// Tolerances of the fixtures' README.
const FROM_CLIP: f64 = 5e-3;
const FROM_FEATURES: f64 = 2e-4;

/// Files of weights, the one whose tensors are dumped last.
const WEIGHTS: [&str; 2] = ["model.pt", "model.safetensors"];

type Recorded = BTreeMap<String, HostTensor>;

/// Rows of every stage under their recorded names, then log-probabilities and classes.
type Stages = (Vec<(&'static str, HostTensor)>, Vec<f32>, usize);

/// A model directory with one file of weights; loaded by the first case that needs it.
struct Subject {
    root: PathBuf,
    folder: PathBuf,
    weights: &'static str,
    model: RefCell<Option<SenseVoice>>,
    recorded: RefCell<Option<Rc<Recorded>>>,
    features: RefCell<Option<Rc<Recorded>>>,
}

impl Subject {
    fn name(&self) -> String {
        layout::name(&self.root, &self.folder)
    }

    fn load(&self, settings: &Settings) -> anyhow::Result<()> {
        if self.model.borrow().is_none() {
            let files = ModelDirectory::open(&self.folder)?.with_weights(self.weights);
            let model = SenseVoice::from_directory(&files, &super::device(settings)?)?;
            *self.model.borrow_mut() = Some(model);
            let file = self.folder.join("expected.safetensors");
            *self.recorded.borrow_mut() = Some(Rc::new(tensors::read(&file)?));
            let file = self.root.join("frontend/offline.safetensors");
            let features = if file.exists() { tensors::read(&file)? } else { Recorded::new() };
            *self.features.borrow_mut() = Some(Rc::new(features));
        }
        Ok(())
    }

    /// Runs the model and keeps every stage.
    fn stages(&self, features: &Features, options: &SenseVoiceOptions) -> anyhow::Result<Stages> {
        let mut model = self.model.borrow_mut();
        let model = model.as_mut().context("no model")?;
        let mut stages = Vec::new();
        let (values, classes) =
            model.log_probs(features, options.queries(), &mut |stage, rows| {
                let (values, width) = sanm::host(rows)?;
                stages.push((
                    recorded_as(stage),
                    HostTensor::new(&[values.len() / width, width], values),
                ));
                Ok(())
            })?;
        Ok((stages, values, classes))
    }

    fn clip_features(&self, wav: &str) -> anyhow::Result<Features> {
        let pcm = layout::clip(&self.root.join("wav").join(format!("{wav}.wav")))?;
        let mut model = self.model.borrow_mut();
        Ok(model.as_mut().context("no model")?.features(&pcm)?)
    }

    /// The recorded features of a clip, where there are some.
    fn recorded_features(&self, wav: &str) -> Option<Features> {
        let features = self.features.borrow().clone()?;
        let tensor = features.get(&format!("{wav}/feats"))?;
        Some(Features { dim: *tensor.shape.last()?, values: tensor.values.clone() })
    }
}

/// Name of a stage in the recorded file.
fn recorded_as(stage: Stage) -> &'static str {
    match stage {
        Stage::Embed => "embed",
        Stage::FirstBlock => "encoders0",
        Stage::Blocks => "encoders",
        Stage::AfterNorm => "after_norm",
        Stage::TpBlocks => "tp_encoders",
        Stage::EncoderOut => "encoder_out",
        Stage::LogProbs => "log_probs",
    }
}

pub(super) fn cases(root: &Path, folder: &Path) -> anyhow::Result<Vec<Case>> {
    let described = layout::json(&folder.join("expected.json"))?;
    let mut cases = Vec::new();
    for weights in WEIGHTS.into_iter().filter(|name| folder.join(name).exists()) {
        let subject = Rc::new(Subject {
            root: root.into(),
            folder: folder.into(),
            weights,
            model: RefCell::default(),
            recorded: RefCell::default(),
            features: RefCell::default(),
        });
        for case in layout::list(&described, "cases")? {
            let (case, subject) = (case.clone(), Rc::clone(&subject));
            let name = format!("{}/{weights}/{}", subject.name(), layout::text(&case, "key")?);
            cases.push(Case::new(name, move |settings, found| {
                subject.load(settings)?;
                utterances(&subject, &case, found)
            }));
        }
        for times in described.get("timestamps").and_then(Value::as_array).into_iter().flatten() {
            let key = layout::text(times, "key")?;
            let case = layout::list(&described, "cases")?
                .iter()
                .find(|case| case.get("key").and_then(Value::as_str) == Some(key))
                .with_context(|| format!("times of an unknown case {key}"))?;
            let name = format!("{}/{weights}/{key}/timestamps", subject.name());
            let (case, times, subject) = (case.clone(), times.clone(), Rc::clone(&subject));
            cases.push(Case::new(name, move |settings, found| {
                subject.load(settings)?;
                alignment(&subject, &case, &times, found)
            }));
        }
    }
    Ok(cases)
}

fn options(case: &Value) -> anyhow::Result<SenseVoiceOptions> {
    use SenseVoiceLanguage::{Auto, Cantonese, Chinese, English, Japanese, Korean, NoSpeech};
    let id = layout::number(case, "language_id")?;
    let language = [Auto, Chinese, English, Cantonese, Japanese, Korean, NoSpeech]
        .into_iter()
        .find(|language| language.query() as usize == id)
        .with_context(|| format!("language {id}"))?;
    let itn = case.get("use_itn").and_then(Value::as_bool).context("no use_itn")?;
    let ban = case.get("ban_emo_unk").and_then(Value::as_bool).unwrap_or(false);
    Ok(SenseVoiceOptions { language, itn, ban_unknown_emotion: ban })
}

/// Compares all utterances of a case, one by one: what the reference padded into a batch gives the
/// same numbers alone.
fn utterances(subject: &Subject, case: &Value, found: &mut Findings) -> anyhow::Result<()> {
    let options = options(case)?;
    let key = layout::text(case, "key")?;
    let items = layout::list(case, "items")?;
    for (index, item) in items.iter().enumerate() {
        let prefix = if items.len() == 1 { key.to_owned() } else { format!("{key}/{index}") };
        let wav = layout::text(item, "wav")?;
        let known = subject.recorded_features(wav);
        let dump_clip = known.is_none();
        let from_clip = subject.clip_features(wav)?;
        let sources = known.map(|known| (known, "feats", FROM_FEATURES)).into_iter();
        for (features, source, limit) in sources.chain([(from_clip, "clip", FROM_CLIP)]) {
            let (stages, values, classes) = subject.stages(&features, &options)?;
            let recorded = subject.recorded.borrow().clone().context("nothing recorded")?;
            for (stage, rows) in stages {
                let name = format!("{prefix}/{stage}");
                let Some(want) = recorded.get(&name) else { continue };
                let what = format!("{stage} from {source}");
                found.tensor(&what, &rows, want, Tolerance::absolute(limit));
                if source == "feats" || dump_clip {
                    let file = format!("{}/expected.safetensors", subject.name());
                    found.keep(&file, &name, rows);
                }
            }
            let model = subject.model.borrow();
            let model = model.as_ref().context("no model")?;
            let probs = LogProbs::new(&values, classes);
            let heard = model.read(probs, &options);
            let what = |what: &str| format!("{what} from {source}");
            found.exact(&what("frames"), &probs.rows(), &layout::number(item, "frames")?);
            let best = probs.best(None);
            found.exact(&what("argmax"), &best, &layout::values(item, "frame_argmax")?);
            found.exact(&what("ids"), &heard.ids, &layout::values(item, "ids")?);
            found.exact(&what("pieces"), &heard.pieces, &layout::values(item, "pieces")?);
            found.exact(&what("text"), heard.text.as_str(), layout::text(item, "text_raw")?);
            let plain = plain_text(&heard.text);
            found.exact(&what("plain text"), plain.as_str(), layout::text(item, "text_post")?);
        }
    }
    Ok(())
}

/// Compares the alignment of the text part.
fn alignment(
    subject: &Subject,
    case: &Value,
    times: &Value,
    found: &mut Findings,
) -> anyhow::Result<()> {
    let options = options(case)?;
    let item = layout::list(case, "items")?.first().context("no utterance")?;
    let wav = layout::text(item, "wav")?;
    let features = match subject.recorded_features(wav) {
        Some(features) => features,
        None => subject.clip_features(wav)?,
    };
    let (_, values, classes) = subject.stages(&features, &options)?;
    let probs = LogProbs::new(&values, classes);
    let ids: Vec<u32> = layout::values(times, "ids")?;
    let labels = ctc::align(probs.from_row(QUERY_ROWS), &ids).context("no way through the rows")?;
    found.exact("rows", &labels, &layout::values(times, "frame_labels")?);
    let model = subject.model.borrow();
    let heard = model.as_ref().context("no model")?.read(probs, &options);
    let got: Vec<u32> = heard.tokens.iter().map(|token| token.id).collect();
    found.exact("tokens", &got, &ids);
    let spans: Vec<[u32; 2]> =
        heard.tokens.iter().map(|token| [token.start_ms, token.end_ms]).collect();
    found.exact("times", &spans, &layout::values(times, "spans_ms")?);
    Ok(())
}
