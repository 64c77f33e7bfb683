//! Where an utterance begins and ends: hysteresis over the detector's scores.

use companion_types::FRAME_MS;

use crate::error::AsrError;

/// Bounds of an utterance. Times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EndpointerSettings {
    /// A frame at or above this score is speech.
    pub speech_threshold: f32,
    /// A frame below this score is silence; between the two nothing changes.
    pub silence_threshold: f32,
    /// This much speech makes an onset.
    pub min_speech_ms: u64,
    /// This much silence may be the end: work on the reply may begin.
    pub speculative_silence_ms: u64,
    /// This much silence is the end.
    pub endpoint_silence_ms: u64,
    /// An utterance is cut when it gets longer than this.
    pub max_utterance_ms: u64,
}

impl Default for EndpointerSettings {
    fn default() -> Self {
        Self {
            speech_threshold: 0.5,
            silence_threshold: 0.35,
            min_speech_ms: 120,
            speculative_silence_ms: 200,
            endpoint_silence_ms: 500,
            max_utterance_ms: 20_000,
        }
    }
}

impl EndpointerSettings {
    /// Refuses bounds that contradict each other.
    ///
    /// # Errors
    /// Names the first setting that cannot be.
    pub fn check(&self) -> Result<(), AsrError> {
        let wrong = |key, value: String, expected| Err(AsrError::Setting { key, value, expected });
        if !(self.speech_threshold > 0.0 && self.speech_threshold <= 1.0) {
            let expected = "a probability above 0 and at most 1";
            return wrong("speech_threshold", self.speech_threshold.to_string(), expected);
        }
        if !(self.silence_threshold > 0.0 && self.silence_threshold <= self.speech_threshold) {
            let expected = "must be above 0 and not above speech_threshold";
            return wrong("silence_threshold", self.silence_threshold.to_string(), expected);
        }
        if self.endpoint_silence_ms < self.speculative_silence_ms {
            let expected = "must not be shorter than speculative_silence_ms";
            return wrong("endpoint_silence_ms", self.endpoint_silence_ms.to_string(), expected);
        }
        if self.speculative_silence_ms < FRAME_MS || self.min_speech_ms < FRAME_MS {
            let expected = "at least one frame, 20 ms";
            let value = self.speculative_silence_ms.min(self.min_speech_ms).to_string();
            return wrong("speculative_silence_ms and min_speech_ms", value, expected);
        }
        if self.max_utterance_ms < 1_000 || self.max_utterance_ms > 60_000 {
            let expected = "from 1000 to 60000";
            return wrong("max_utterance_ms", self.max_utterance_ms.to_string(), expected);
        }
        Ok(())
    }
}

/// Why an utterance ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointReason {
    /// Enough silence.
    Silence,
    /// It grew too long.
    MaxLength,
    /// The device ended or somebody asked for it.
    Forced,
}

/// What a frame changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// Speech began; `min_speech_ms` of it have been heard.
    Onset,
    /// A silence that may be the end.
    Speculative,
    /// Speech went on after a `Speculative`.
    Resumed,
    /// The end.
    Endpoint(EndpointReason),
}

/// Finds the edges of utterances; fed with one score per 20 ms frame.
#[derive(Debug)]
pub struct Endpointer {
    settings: EndpointerSettings,
    in_utterance: bool,
    speculated: bool,
    speech_ms: u64,
    silence_ms: u64,
    length_ms: u64,
}

impl Endpointer {
    /// Waits for the first onset.
    #[must_use]
    pub fn new(settings: EndpointerSettings) -> Self {
        Self {
            settings,
            in_utterance: false,
            speculated: false,
            speech_ms: 0,
            silence_ms: 0,
            length_ms: 0,
        }
    }

    /// Takes the score of the next frame.
    pub fn push(&mut self, score: f32) -> Option<Edge> {
        if self.in_utterance { self.inside(score) } else { self.outside(score) }
    }

    /// Whether an utterance is open.
    #[must_use]
    pub fn in_utterance(&self) -> bool {
        self.in_utterance
    }

    /// Silence at the end of the open utterance, in milliseconds.
    #[must_use]
    pub fn silence_ms(&self) -> u64 {
        self.silence_ms
    }

    /// Ends an open utterance.
    pub fn force(&mut self) -> Option<Edge> {
        self.in_utterance.then(|| self.end(EndpointReason::Forced))
    }

    fn outside(&mut self, score: f32) -> Option<Edge> {
        if score >= self.settings.speech_threshold {
            self.speech_ms += FRAME_MS;
        } else if score < self.settings.silence_threshold {
            // One weak frame inside a syllable must not restart the count.
            self.speech_ms = self.speech_ms.saturating_sub(2 * FRAME_MS);
        }
        if self.speech_ms < self.settings.min_speech_ms {
            return None;
        }
        self.in_utterance = true;
        self.length_ms = self.speech_ms;
        self.silence_ms = 0;
        self.speculated = false;
        Some(Edge::Onset)
    }

    fn inside(&mut self, score: f32) -> Option<Edge> {
        self.length_ms += FRAME_MS;
        if score >= self.settings.speech_threshold {
            self.silence_ms = 0;
        } else if score < self.settings.silence_threshold || self.silence_ms > 0 {
            self.silence_ms += FRAME_MS;
        }
        if self.silence_ms >= self.settings.endpoint_silence_ms {
            return Some(self.end(EndpointReason::Silence));
        }
        if self.length_ms >= self.settings.max_utterance_ms {
            return Some(self.end(EndpointReason::MaxLength));
        }
        if self.silence_ms >= self.settings.speculative_silence_ms && !self.speculated {
            self.speculated = true;
            return Some(Edge::Speculative);
        }
        if self.silence_ms == 0 && self.speculated {
            self.speculated = false;
            return Some(Edge::Resumed);
        }
        None
    }

    fn end(&mut self, reason: EndpointReason) -> Edge {
        self.in_utterance = false;
        self.speculated = false;
        self.speech_ms = 0;
        Edge::Endpoint(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(scores: &[(usize, f32)]) -> Vec<(u64, Edge)> {
        let mut endpointer = Endpointer::new(EndpointerSettings::default());
        let frames = scores.iter().flat_map(|(n, score)| std::iter::repeat_n(*score, *n));
        let mut at = 0;
        let mut found = Vec::new();
        for score in frames {
            at += FRAME_MS;
            found.extend(endpointer.push(score).map(|edge| (at, edge)));
        }
        found
    }

    #[test]
    fn one_utterance_has_an_onset_a_guess_and_an_end() {
        assert_eq!(
            edges(&[(10, 0.0), (50, 0.9), (40, 0.1)]),
            [
                (320, Edge::Onset),
                (1400, Edge::Speculative),
                (1700, Edge::Endpoint(EndpointReason::Silence)),
            ]
        );
    }

    #[test]
    fn a_pause_inside_a_sentence_is_a_guess_taken_back() {
        let found = edges(&[(50, 0.9), (15, 0.1), (20, 0.9), (30, 0.1)]);
        let kinds: Vec<Edge> = found.into_iter().map(|(_, edge)| edge).collect();
        assert_eq!(
            kinds,
            [
                Edge::Onset,
                Edge::Speculative,
                Edge::Resumed,
                Edge::Speculative,
                Edge::Endpoint(EndpointReason::Silence)
            ]
        );
    }

    #[test]
    fn clicks_make_no_onset_and_a_weak_frame_inside_a_syllable_does_not_prevent_one() {
        assert!(edges(&[(2, 0.9), (10, 0.0), (2, 0.9), (10, 0.0), (3, 0.9), (9, 0.0)]).is_empty());
        assert!(!edges(&[(4, 0.9), (1, 0.2), (5, 0.9)]).is_empty());
    }

    #[test]
    fn endless_speech_is_cut() {
        let found = edges(&[(1100, 0.9)]);
        assert_eq!(found[1], (20_000, Edge::Endpoint(EndpointReason::MaxLength)));
    }

    #[test]
    fn contradicting_bounds_are_refused_by_name() {
        let settings = EndpointerSettings { endpoint_silence_ms: 100, ..Default::default() };
        let error = settings.check().unwrap_err().to_string();
        assert!(error.contains("endpoint_silence_ms is 100"), "{error}");
    }
}
