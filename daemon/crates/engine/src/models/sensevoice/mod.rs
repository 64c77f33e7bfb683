//! SenseVoiceSmall ("FunAudioLLM: Voice Understanding and Generation Foundation Models", 2024): one
//! pass over an utterance writes its language, emotion, audio event and text. Reads FunASR model
//! directories; a model lives on one thread and is `&mut` there.

mod config;
mod decoding;
mod encoder;
mod rich_text;

use std::{fmt, path::Path};

use candle_core::{Device, Tensor};

pub use config::SenseVoiceConfig;
pub use encoder::{QUERY_ROWS, Stage};
pub use rich_text::plain_text;

use self::{decoding::Decoding, encoder::Network};
use super::sanm::Loader;
use crate::{
    EngineError,
    ctc::{self, Aligned, LogProbs},
    ctc_beam::BeamSettings,
    ctc_force::{Forced, TokenSets, force},
    dsp::{Cmvn, Features, Frontend, Recurrence},
    sentencepiece::SentencePiece,
    weights::ModelDirectory,
};

/// Milliseconds per row: six frames of 10 ms.
const ROW_MS: i64 = 60;
/// A row's sound begins half a row before it.
const ROW_LEAD_MS: i64 = 30;
/// Rows of the query embedding for event and emotion, which take no choice.
const EVENT_QUERY: u32 = 1;
const EMOTION_QUERY: u32 = 2;
/// The tag that stands for an emotion the model is not sure of.
const UNKNOWN_EMOTION: &str = "<|EMO_UNKNOWN|>";

/// Language the model is told to expect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SenseVoiceLanguage {
    /// It decides.
    #[default]
    Auto,
    /// Mandarin.
    Chinese,
    /// English.
    English,
    /// Cantonese.
    Cantonese,
    /// Japanese.
    Japanese,
    /// Korean.
    Korean,
    /// No speech.
    NoSpeech,
}

impl SenseVoiceLanguage {
    /// Row of the query embedding.
    #[must_use]
    pub fn query(self) -> u32 {
        match self {
            Self::Auto => 0,
            Self::Chinese => 3,
            Self::English => 4,
            Self::Cantonese => 7,
            Self::Japanese => 11,
            Self::Korean => 12,
            Self::NoSpeech => 13,
        }
    }
}

/// How an utterance is to be written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenseVoiceOptions {
    /// Expected language.
    pub language: SenseVoiceLanguage,
    /// With punctuation, and digits for spoken numbers.
    pub itn: bool,
    /// Never answers that the emotion is unknown.
    pub ban_unknown_emotion: bool,
}

impl Default for SenseVoiceOptions {
    fn default() -> Self {
        Self { language: SenseVoiceLanguage::Auto, itn: true, ban_unknown_emotion: false }
    }
}

impl SenseVoiceOptions {
    /// Rows of the query embedding.
    #[must_use]
    pub fn queries(&self) -> [u32; QUERY_ROWS] {
        let text_form = if self.itn { 14 } else { 15 };
        [self.language.query(), EVENT_QUERY, EMOTION_QUERY, text_form]
    }
}

/// A token of the text, in time.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenSpan {
    /// Its id.
    pub id: u32,
    /// Its piece, [U+2581] for a space.
    pub piece: String,
    /// When it begins, milliseconds from the begin of the audio.
    pub start_ms: u32,
    /// When it ends.
    pub end_ms: u32,
    /// How sure the model is, 0..1.
    pub probability: f32,
}

/// What was heard.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CtcText {
    /// Ids of tags and text.
    pub ids: Vec<u32>,
    /// Their pieces.
    pub pieces: Vec<String>,
    /// Tags and text as one string, for example `<|zh|><|HAPPY|><|Speech|><|withitn|>你好。`.
    pub text: String,
    /// The tokens of the text alone, in time.
    pub tokens: Vec<TokenSpan>,
    /// Geometric mean of the text tokens' probabilities; 0 when nothing was said.
    pub confidence: f32,
}

/// The model with its front end and vocabulary.
pub struct SenseVoice {
    frontend: Frontend,
    network: Network,
    vocabulary: SentencePiece,
    decoding: Option<Decoding>,
    unknown_emotion: Option<u32>,
}

impl fmt::Debug for SenseVoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SenseVoice").field("vocabulary", &self.vocabulary).finish_non_exhaustive()
    }
}

impl SenseVoice {
    /// Loads a model directory.
    ///
    /// # Errors
    /// When a file is missing, damaged, or does not fit the others.
    pub fn load(directory: &Path, device: &Device) -> Result<Self, EngineError> {
        Self::from_directory(&ModelDirectory::open(directory)?, device)
    }

    /// Loads the files of a directory.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn from_directory(files: &ModelDirectory, device: &Device) -> Result<Self, EngineError> {
        let config = SenseVoiceConfig::read(files)?;
        let vocabulary = SentencePiece::read(files.tokenizer_file()?)?;
        let cmvn = Cmvn::read(files.cmvn_file(), config.frontend.dim())?;
        let frontend = Frontend::new(config.frontend, Some(cmvn))?;
        let mut file = files.weights()?;
        let mut loader = Loader { file: &mut file, device };
        let network = Network::load(&mut loader, &config, vocabulary.len())?;
        let unknown_emotion = vocabulary.id(UNKNOWN_EMOTION);
        let decoding = Decoding::read(files, &vocabulary)?;
        Ok(Self { frontend, network, vocabulary, decoding, unknown_emotion })
    }

    /// The vocabulary.
    #[must_use]
    pub fn vocabulary(&self) -> &SentencePiece {
        &self.vocabulary
    }

    /// Runs a second of silence, so that the first utterance finds everything in place.
    ///
    /// # Errors
    /// When the model does not compute.
    pub fn warm_up(&mut self) -> Result<(), EngineError> {
        self.transcribe(&[0.0; 16_000], &SenseVoiceOptions::default()).map(|_| ())
    }

    /// Writes down an utterance: 16 kHz mono, -1..1. Less than a frame (25 ms) is nothing heard.
    ///
    /// # Errors
    /// When the samples are no numbers or the model does not compute.
    pub fn transcribe(
        &mut self,
        pcm: &[f32],
        options: &SenseVoiceOptions,
    ) -> Result<CtcText, EngineError> {
        if pcm.len() < self.frontend.settings().fbank.frame_samples() {
            return Ok(CtcText::default());
        }
        finite(pcm)?;
        let features = self.features(pcm)?;
        let (values, classes) = self.log_probs(&features, options.queries(), &mut |_, _| Ok(()))?;
        Ok(self.decode(LogProbs::new(&values, classes), options))
    }

    /// How far an utterance says `words`. Rows are counted from the
    /// begin of the audio, 60 ms each. `None` when it is too short to say them.
    ///
    /// # Errors
    /// As [`Self::transcribe`].
    pub fn force(
        &mut self,
        pcm: &[f32],
        words: &[TokenSets],
        options: &SenseVoiceOptions,
    ) -> Result<Option<Forced>, EngineError> {
        self.force_every(self.frontend.settings().fbank.hop_samples(), pcm, words, options)
    }

    /// The same with frames every `hop` samples in place of the model's own hop (160): the model hears the sound
    /// slower where that is less, faster where it is more, at the same pitch. Rows are six hops long.
    ///
    /// # Errors
    /// As [`Self::transcribe`].
    pub fn force_every(
        &mut self,
        hop: usize,
        pcm: &[f32],
        words: &[TokenSets],
        options: &SenseVoiceOptions,
    ) -> Result<Option<Forced>, EngineError> {
        if pcm.len() < self.frontend.settings().fbank.frame_samples() {
            return Ok(None);
        }
        finite(pcm)?;
        let fbank = self.frontend.fbank_every(hop, pcm)?;
        let features = self.frontend.stack(&fbank);
        let (values, classes) = self.log_probs(&features, options.queries(), &mut |_, _| Ok(()))?;
        Ok(force(LogProbs::new(&values, classes).from_row(QUERY_ROWS), words))
    }

    /// How far stretches of a clip say the same twice; rows are 10 ms long.
    ///
    /// # Errors
    /// As [`Self::transcribe`].
    pub fn recurrence(&mut self, pcm: &[f32]) -> Result<Recurrence, EngineError> {
        finite(pcm)?;
        Ok(Recurrence::new(&self.frontend.fbank(pcm)?))
    }

    /// Features of a clip.
    ///
    /// # Errors
    /// When there are fewer than two samples.
    pub fn features(&mut self, pcm: &[f32]) -> Result<Features, EngineError> {
        self.frontend.extract(pcm)
    }

    /// Log-probabilities of features, row after row, and the number of classes; `look` sees the
    /// rows of every stage.
    ///
    /// # Errors
    /// When the features do not fit the model or it does not compute.
    pub fn log_probs(
        &mut self,
        features: &Features,
        queries: [u32; QUERY_ROWS],
        look: &mut dyn FnMut(Stage, &Tensor) -> candle_core::Result<()>,
    ) -> Result<(Vec<f32>, usize), EngineError> {
        if features.dim != self.frontend.settings().dim() || features.rows() == 0 {
            return Err(EngineError::Input {
                what: "features",
                problem: format!("{} rows of {} values", features.rows(), features.dim),
            });
        }
        let log_probs = self.network.forward(features, queries, look)?;
        super::sanm::host(&log_probs)
            .map_err(|source| EngineError::Compute { stage: "SenseVoice", source })
    }

    /// How the language model counts, to be tried out; `None` where there is none.
    pub fn beam_mut(&mut self) -> Option<&mut BeamSettings> {
        self.decoding.as_mut().map(Decoding::settings_mut)
    }

    /// Reads log-probabilities greedily, as the reference does.
    #[must_use]
    pub fn read(&self, probs: LogProbs<'_>, options: &SenseVoiceOptions) -> CtcText {
        let banned = self.unknown_emotion.filter(|_| options.ban_unknown_emotion);
        let spoken = probs.from_row(QUERY_ROWS);
        let greedy = ctc::greedy(spoken, banned);
        let text_ids: Vec<u32> = greedy.iter().map(|token| token.id).collect();
        let tokens = match ctc::align(spoken, &text_ids) {
            Some(labels) => ctc::tokens(spoken, &labels),
            None => greedy,
        };
        self.written(ctc::collapse(&probs.best(banned)), &tokens, ctc::confidence(&tokens))
    }

    /// Reads log-probabilities with the language model of the directory, greedily where there is
    /// none. The confidence stays the greedy one: it says how sure the ears are, whatever the
    /// language model makes of it.
    #[must_use]
    pub fn decode(&self, probs: LogProbs<'_>, options: &SenseVoiceOptions) -> CtcText {
        let greedy = self.read(probs, options);
        let Some(decoding) = &self.decoding else { return greedy };
        let spoken = probs.from_row(QUERY_ROWS);
        let text_ids = decoding.text(spoken);
        let Some(labels) = ctc::align(spoken, &text_ids) else { return greedy };
        let banned = self.unknown_emotion.filter(|_| options.ban_unknown_emotion);
        let mut ids = ctc::collapse(&probs.best(banned)[..QUERY_ROWS.min(probs.rows())]);
        ids.extend(&text_ids);
        self.written(ids, &ctc::tokens(spoken, &labels), greedy.confidence)
    }

    fn written(&self, ids: Vec<u32>, tokens: &[Aligned], confidence: f32) -> CtcText {
        CtcText {
            pieces: ids.iter().map(|&id| self.piece(id)).collect(),
            text: self.vocabulary.decode(&ids),
            ids,
            confidence,
            tokens: tokens.iter().map(|token| self.span(token)).collect(),
        }
    }

    fn piece(&self, id: u32) -> String {
        self.vocabulary.piece(id).map(|piece| piece.text.clone()).unwrap_or_default()
    }

    fn span(&self, token: &Aligned) -> TokenSpan {
        let ms = |row: usize| {
            let row = i64::try_from(row).unwrap_or(i64::MAX / ROW_MS);
            u32::try_from((row * ROW_MS - ROW_LEAD_MS).max(0)).unwrap_or(u32::MAX)
        };
        TokenSpan {
            id: token.id,
            piece: self.piece(token.id),
            start_ms: ms(token.rows.start),
            end_ms: ms(token.rows.end),
            probability: token.probability,
        }
    }
}

fn finite(pcm: &[f32]) -> Result<(), EngineError> {
    match pcm.iter().position(|sample| !sample.is_finite()) {
        None => Ok(()),
        Some(at) => Err(EngineError::Input {
            what: "audio",
            problem: format!("sample {at} is not a finite number"),
        }),
    }
}

#[cfg(test)]
mod tests;
