//! The ear's own loop: one frame in, events out. Owns the detector, the endpointer and the pre-roll;
//! the recogniser is lent for each call, because it is shared between devices.

use companion_types::{AudioFrame, Language, SampleClock, Transcript};

use crate::endpointer::{Edge, EndpointReason, Endpointer, EndpointerSettings};
use crate::error::AsrError;
use crate::ports::{Recognizer, SpeechDetector};
use crate::preroll::Preroll;
use crate::rich_text::read_rich_text;

/// How to listen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ListenerSettings {
    /// Where utterances begin and end.
    pub endpointer: EndpointerSettings,
    /// Kept from before the onset, milliseconds.
    pub preroll_ms: u64,
    /// A partial transcript is made this often while someone speaks; 0 makes none.
    pub partial_every_ms: u64,
    /// Language to restrict the recogniser to.
    pub language: Option<Language>,
    /// A text of less confidence is noise that the recogniser tried to read: it counts as no text.
    pub min_confidence: f32,
}

impl Default for ListenerSettings {
    fn default() -> Self {
        Self {
            endpointer: EndpointerSettings::default(),
            preroll_ms: 300,
            partial_every_ms: 320,
            language: None,
            min_confidence: 0.45,
        }
    }
}

/// Why something heard was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiscardReason {
    /// The recogniser found no words, or none that it was sure of.
    NoText,
    /// The recogniser failed; the error went to the log.
    Failed,
}

/// What the ear reports.
#[derive(Debug, Clone, PartialEq)]
pub enum AsrEvent {
    /// Someone began to speak.
    SpeechStarted {
        /// About when the speech began.
        at: SampleClock,
    },
    /// What has been recognised so far.
    Partial {
        /// The text; may be empty.
        text: String,
    },
    /// A short silence: perhaps the end.
    SpeculativeEnd(Transcript),
    /// It was not the end.
    SpeechResumed {
        /// When.
        at: SampleClock,
    },
    /// The end.
    SpeechEnded {
        /// What was said.
        transcript: Transcript,
        /// Why it ended.
        reason: EndpointReason,
    },
    /// It was no utterance.
    Discarded(DiscardReason),
}

/// Listens to one device.
#[derive(Debug)]
pub struct Listener<D> {
    detector: D,
    endpointer: Endpointer,
    settings: ListenerSettings,
    preroll: Preroll,
    /// Audio of the open utterance, pre-roll included.
    audio: Vec<f32>,
    /// First sample of `audio`.
    started: SampleClock,
    since_partial_ms: u64,
    /// The transcript made at the speculative end, valid until speech goes on.
    guess: Option<Transcript>,
}

impl<D: SpeechDetector> Listener<D> {
    /// An ear over `detector`.
    #[must_use]
    pub fn new(detector: D, settings: ListenerSettings) -> Self {
        Self {
            detector,
            endpointer: Endpointer::new(settings.endpointer),
            settings,
            preroll: Preroll::new(settings.preroll_ms + settings.endpointer.min_speech_ms),
            audio: Vec::new(),
            started: SampleClock(0),
            since_partial_ms: 0,
            guess: None,
        }
    }

    /// Hears one frame. Most frames cost a detector score; at edges and every `partial_every_ms` the
    /// recogniser runs over the whole utterance.
    ///
    /// # Errors
    /// When the recogniser failed; the utterance is dropped and listening goes on.
    pub fn push(
        &mut self,
        frame: &AudioFrame,
        recognizer: &mut dyn Recognizer,
    ) -> Result<Option<AsrEvent>, AsrError> {
        let score = self.detector.score(&frame.pcm);
        let was_open = self.endpointer.in_utterance();
        let edge = self.endpointer.push(score);
        let now = frame.at + frame.pcm.len() as u64;
        if was_open {
            self.audio.extend_from_slice(&frame.pcm);
        } else {
            self.preroll.push(&frame.pcm);
        }
        match edge {
            Some(Edge::Onset) => {
                self.audio = self.preroll.take();
                self.started = now - self.audio.len() as u64;
                self.since_partial_ms = 0;
                self.guess = None;
                let before = self.settings.endpointer.min_speech_ms;
                Ok(Some(AsrEvent::SpeechStarted { at: now - SampleClock::from_ms(before).0 }))
            }
            Some(Edge::Speculative) => {
                let transcript = self.transcript(now, recognizer)?;
                self.guess = Some(transcript.clone());
                Ok(Some(AsrEvent::SpeculativeEnd(transcript)))
            }
            Some(Edge::Resumed) => {
                self.guess = None;
                Ok(Some(AsrEvent::SpeechResumed { at: frame.at }))
            }
            Some(Edge::Endpoint(reason)) => self.finish(now, reason, recognizer).map(Some),
            None if was_open && self.endpointer.silence_ms() == 0 => self.partial(now, recognizer),
            None => Ok(None),
        }
    }

    /// Ends the open utterance, because the device ended or somebody asked for it.
    ///
    /// # Errors
    /// As [`Listener::push`].
    pub fn end(
        &mut self,
        now: SampleClock,
        recognizer: &mut dyn Recognizer,
    ) -> Result<Option<AsrEvent>, AsrError> {
        match self.endpointer.force() {
            Some(Edge::Endpoint(reason)) => self.finish(now, reason, recognizer).map(Some),
            _ => Ok(None),
        }
    }

    /// Whether an utterance is open.
    #[must_use]
    pub fn in_utterance(&self) -> bool {
        self.endpointer.in_utterance()
    }

    fn partial(
        &mut self,
        now: SampleClock,
        recognizer: &mut dyn Recognizer,
    ) -> Result<Option<AsrEvent>, AsrError> {
        self.since_partial_ms += companion_types::FRAME_MS;
        let every = self.settings.partial_every_ms;
        if every == 0 || self.since_partial_ms < every {
            return Ok(None);
        }
        self.since_partial_ms = 0;
        let text = self.transcript(now, recognizer)?.text;
        Ok(Some(AsrEvent::Partial { text }))
    }

    fn finish(
        &mut self,
        now: SampleClock,
        reason: EndpointReason,
        recognizer: &mut dyn Recognizer,
    ) -> Result<AsrEvent, AsrError> {
        // Nothing but silence came after the guess, so the guess is the transcript.
        let transcript = match self.guess.take() {
            Some(guess) => Ok(guess),
            None => self.transcript(now, recognizer),
        };
        self.audio.clear();
        self.detector.reset();
        let transcript = transcript?;
        if transcript.text.is_empty() {
            return Ok(AsrEvent::Discarded(DiscardReason::NoText));
        }
        Ok(AsrEvent::SpeechEnded { transcript, reason })
    }

    fn transcript(
        &mut self,
        now: SampleClock,
        recognizer: &mut dyn Recognizer,
    ) -> Result<Transcript, AsrError> {
        let raw = recognizer.transcribe(&self.audio, self.settings.language).map_err(|source| {
            let ms = companion_types::CAPTURE_RATE.ms_of(self.audio.len() as u64);
            AsrError::Recognize { ms, source }
        })?;
        let rich = read_rich_text(&raw.text);
        let none = rich.no_speech || raw.confidence < self.settings.min_confidence;
        let text = if none { String::new() } else { rich.text };
        let silence = SampleClock::from_ms(self.endpointer.silence_ms()).0;
        Ok(Transcript {
            language: rich.language.unwrap_or_else(|| Language::of_text(&text)),
            heard_emotion: rich.emotion,
            audio_event: rich.event,
            span: self.started..(now - silence),
            confidence: raw.confidence,
            text,
        })
    }
}
