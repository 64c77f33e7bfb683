//! The ear on scripted scores and a scripted recogniser: which events come, and when.

use companion_asr::{
    AsrEvent, DiscardReason, Listener, ListenerSettings, Recognizer, RecognizerError,
    SpeechDetector,
};
use companion_types::{
    AudioFrame, ErrorKind, FRAME_SAMPLES, HeardEmotion, Language, RawTranscript, SampleClock,
};

/// Speech where the samples are loud.
#[derive(Debug)]
struct Loudness;

impl SpeechDetector for Loudness {
    fn score(&mut self, pcm: &[f32; FRAME_SAMPLES]) -> f32 {
        pcm[0].abs()
    }
    fn reset(&mut self) {}
}

/// Answers with a text, and counts.
struct Scripted {
    text: &'static str,
    calls: usize,
    longest: usize,
}

impl Recognizer for Scripted {
    fn transcribe(
        &mut self,
        pcm: &[f32],
        _: Option<Language>,
    ) -> Result<RawTranscript, RecognizerError> {
        self.calls += 1;
        self.longest = self.longest.max(pcm.len());
        if self.text == "fail" {
            let message = "scripted".to_owned();
            return Err(RecognizerError { message, kind: ErrorKind::Internal });
        }
        let confidence = if self.text == "mumble" { 0.3 } else { 0.9 };
        Ok(RawTranscript { text: self.text.into(), confidence })
    }
}

fn listen(script: &[(usize, f32)], text: &'static str) -> (Vec<AsrEvent>, Scripted, usize) {
    let mut listener = Listener::new(Loudness, ListenerSettings::default());
    let mut recognizer = Scripted { text, calls: 0, longest: 0 };
    let mut events = Vec::new();
    let mut errors = 0;
    let mut at = SampleClock(0);
    for (frames, level) in script {
        for _ in 0..*frames {
            let frame = AudioFrame { at, pcm: [*level; FRAME_SAMPLES] };
            match listener.push(&frame, &mut recognizer) {
                Ok(event) => events.extend(event),
                Err(_) => errors += 1,
            }
            at = at + FRAME_SAMPLES as u64;
        }
    }
    (events, recognizer, errors)
}

#[test]
fn a_text_that_the_recogniser_is_not_sure_of_is_none() {
    let (events, ..) = listen(&[(10, 0.0), (50, 1.0), (40, 0.0)], "mumble");
    assert!(
        matches!(events.last(), Some(AsrEvent::Discarded(DiscardReason::NoText))),
        "{events:?}"
    );
    let heard = |e: &AsrEvent| matches!(e, AsrEvent::Partial { text } if !text.is_empty());
    assert!(!events.iter().any(heard), "{events:?}");
}

#[test]
fn an_utterance_is_reported_with_its_tags_read_and_its_span() {
    let (events, recognizer, _) =
        listen(&[(50, 0.0), (50, 0.9), (40, 0.0)], "<|zh|><|SAD|><|Speech|><|woitn|>我很难过");
    let Some(AsrEvent::SpeechEnded { transcript, .. }) = events.last() else {
        panic!("no end in {events:?}")
    };
    assert_eq!(transcript.text, "我很难过");
    assert_eq!(transcript.language, Language::Zh);
    assert_eq!(transcript.heard_emotion, HeardEmotion::Sad);
    assert_eq!(transcript.span.end, SampleClock::from_ms(2_000));
    assert!(transcript.span.start <= SampleClock::from_ms(1_000 - 300 + 20));
    assert!(
        matches!(events[0], AsrEvent::SpeechStarted { at } if at == SampleClock::from_ms(1_000))
    );
    // The pre-roll is part of what is recognised, and the guess is not recognised twice.
    assert!(recognizer.longest >= FRAME_SAMPLES * (50 + 15));
    let partials = events.iter().filter(|e| matches!(e, AsrEvent::Partial { .. })).count();
    assert_eq!(recognizer.calls, partials + 1);
}

#[test]
fn a_noise_without_words_is_discarded() {
    for text in ["", "<|nospeech|><|EMO_UNKNOWN|><|BGM|><|woitn|>", "<|nospeech|>the"] {
        let (events, ..) = listen(&[(20, 0.9), (40, 0.0)], text);
        assert_eq!(events.last(), Some(&AsrEvent::Discarded(DiscardReason::NoText)), "{text}");
    }
}

#[test]
fn a_failing_recogniser_costs_one_utterance_and_listening_goes_on() {
    let (events, _, errors) = listen(&[(20, 0.9), (40, 0.0), (20, 0.9), (40, 0.0)], "fail");
    let onsets = events.iter().filter(|e| matches!(e, AsrEvent::SpeechStarted { .. })).count();
    assert_eq!(onsets, 2);
    assert!(errors >= 2);
}
