//! What is in a slot without a model: it says so, and what to do.

use std::ops::ControlFlow;

use companion_asr::{Recognizer, RecognizerError};
use companion_dialogue::{Ahead, Generated, Generator, GeneratorError, Prompt};
use companion_types::{Cancel, ErrorKind, Language, RawTranscript, TokenDelta};

/// No recogniser.
#[derive(Debug)]
pub(crate) struct EmptyRecognizer;

impl Recognizer for EmptyRecognizer {
    fn transcribe(
        &mut self,
        _pcm: &[f32],
        _language: Option<Language>,
    ) -> Result<RawTranscript, RecognizerError> {
        Err(RecognizerError {
            message: "no recogniser is loaded: see `companionctl model list`".to_owned(),
            kind: ErrorKind::Unavailable,
        })
    }
}

/// No language model.
#[derive(Debug)]
pub(crate) struct EmptyGenerator;

fn nothing() -> GeneratorError {
    GeneratorError {
        message: "no language model is loaded: see `companionctl model list`".to_owned(),
        kind: ErrorKind::Unavailable,
    }
}

impl Generator for EmptyGenerator {
    fn generate(
        &mut self,
        _prompt: &Prompt,
        _cancel: &Cancel,
        _sink: &mut dyn FnMut(TokenDelta) -> ControlFlow<()>,
    ) -> Result<Generated, GeneratorError> {
        Err(nothing())
    }

    fn prepare(&mut self, _ahead: &Ahead, _cancel: &Cancel) -> Result<(), GeneratorError> {
        Err(nothing())
    }
}
