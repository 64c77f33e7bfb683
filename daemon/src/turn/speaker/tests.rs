//! A voice that slips at its first attempt, ears that hear it: when a clause is made again, and when it sounds as it
//! is.

use std::sync::atomic::{AtomicUsize, Ordering};

use companion_asr::{Agreement, AgreementRules, Found, Recognizer, RecognizerError, Wanted};
use companion_audio::{PlaybackTap, playback};
use companion_types::{Emotion, RawTranscript, SentenceSeq};

use super::*;
use crate::config::SelfHearingMode;
use crate::turn::SelfHearingCounts;
use crate::worker::{Worker, spawn};

const RATE: SampleRate = SampleRate(16_000);
/// The level of a clause with a slip in it, and of one without.
const SLIP: f32 = 0.1;
const CLEAN: f32 = 0.4;

/// Slips until `clean_at`; a tenth of a second a chunk, ten of them.
struct Scripted {
    clean_at: u32,
    attempts: Arc<AtomicUsize>,
}

impl Synthesizer for Scripted {
    fn rate(&self) -> SampleRate {
        RATE
    }

    fn varies(&self) -> bool {
        true
    }

    fn speak(
        &mut self,
        utterance: &Utterance,
        _cancel: &Cancel,
        sink: &mut dyn FnMut(SpeechChunk) -> ControlFlow<()>,
    ) -> Result<(), SynthesizerError> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        let level = if utterance.attempt < self.clean_at { SLIP } else { CLEAN };
        for n in 0..10 {
            let chunk = SpeechChunk {
                turn: utterance.sentence.turn,
                seq: utterance.sentence.seq,
                rate: RATE,
                pcm: vec![level; 1_600],
                visemes: Vec::new(),
                words: Vec::new(),
                last: n == 9,
            };
            if sink(chunk).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// Hears a word swallowed where the sound is low.
struct Ears;

impl Recognizer for Ears {
    fn transcribe(
        &mut self,
        _pcm: &[f32],
        _language: Option<Language>,
    ) -> Result<RawTranscript, RecognizerError> {
        Ok(RawTranscript::default())
    }

    fn agree(
        &mut self,
        pcm: &[f32],
        wanted: &[Wanted],
    ) -> Result<Option<Agreement>, RecognizerError> {
        let low = pcm.get(pcm.len() / 2).is_some_and(|s| *s < 0.2);
        let mut found: Vec<Found> = wanted.iter().map(|w| Found::sure(w.kind(), 0)).collect();
        if low {
            found[0] = Found { probability: 0.0, without: 50.0, other: -1.0, ..found[0] };
        }
        let agreement = Agreement { wanted: found, added: Vec::new() };
        assert_eq!(agreement.slips(&AgreementRules::default()).len(), usize::from(low));
        Ok(Some(agreement))
    }
}

struct Stage {
    speaker: Speaker,
    tap: PlaybackTap,
    counts: Arc<SelfHearingCounts>,
    _asr: Arc<Worker<Box<dyn Recognizer>>>,
    _news: std::sync::mpsc::Receiver<Input>,
}

fn stage(tries: u32) -> Stage {
    let (sound, tap) = playback(RATE);
    sound.begin(TurnId(1));
    let ears = || Box::new(Ears) as Box<dyn Recognizer>;
    let asr = Arc::new(Worker::start("asr", ears(), Box::new(move || Some(ears()))).unwrap());
    let counts = Arc::new(SelfHearingCounts::default());
    let check =
        SelfHearing::new(Arc::clone(&asr), SelfHearingMode::Auto, tries, Arc::clone(&counts));
    let (news, inbox) = std::sync::mpsc::sync_channel(256);
    let speaker = Speaker {
        turn: TurnId(1),
        gate: Gate::default(),
        cancel: Cancel::new(),
        playback: sound,
        news,
        beat: Heartbeat::new(),
        language: Language::Zh,
        pronunciations: Arc::default(),
        intensity: 1.0,
        check: Some(check),
        kept: RefCell::default(),
    };
    Stage { speaker, tap, counts, _asr: asr, _news: inbox }
}

fn utterance() -> Utterance {
    let sentence = Sentence {
        turn: TurnId(1),
        seq: SentenceSeq(0),
        emotion: Emotion::CALM,
        text: "你好呀".into(),
        last: true,
    };
    Utterance::new(sentence, Language::Zh)
}

fn count(stage: &Stage, name: &str) -> u64 {
    stage.counts.all().into_iter().find(|(n, _)| *n == name).unwrap().1
}

/// Level of the sound that was queued.
fn level(stage: &mut Stage) -> f32 {
    let mut out = vec![0.0; 1_600];
    stage.tap.fill(&mut out);
    stage.tap.fill(&mut out);
    out[800]
}

/// Speaks while the gate is closed; it opens once so many clauses were listened to.
fn speak_behind_the_gate(stage: &mut Stage, clean_at: u32, listened: u64) -> usize {
    let attempts = Arc::new(AtomicUsize::new(0));
    let mut voice = Scripted { clean_at, attempts: Arc::clone(&attempts) };
    let (gate, counts) = (stage.speaker.gate.clone(), Arc::clone(&stage.counts));
    let opener = spawn("opener", move || {
        while counts.all()[0].1 < listened {
            std::thread::yield_now();
        }
        gate.open();
    })
    .unwrap();
    stage.speaker.speak(&mut voice, utterance()).unwrap();
    opener.join().unwrap();
    attempts.load(Ordering::Relaxed)
}

#[test]
fn a_clause_that_may_not_sound_yet_is_made_again_until_it_is_clean() {
    let mut stage = stage(2);
    assert_eq!(speak_behind_the_gate(&mut stage, 2, 3), 3);
    assert!((level(&mut stage) - CLEAN).abs() < 0.05);
    assert_eq!((count(&stage, "made_again"), count(&stage, "spoken_with_slips")), (2, 0));
}

#[test]
fn tries_are_bounded_and_the_best_one_sounds() {
    let mut stage = stage(1);
    assert_eq!(speak_behind_the_gate(&mut stage, 9, 2), 2);
    assert!((level(&mut stage) - SLIP).abs() < 0.05);
    assert_eq!(count(&stage, "spoken_with_slips"), 1);
}

#[test]
fn a_clause_that_nothing_precedes_sounds_at_once_and_is_listened_to_later() {
    let mut stage = stage(2);
    let attempts = Arc::new(AtomicUsize::new(0));
    let mut voice = Scripted { clean_at: 1, attempts: Arc::clone(&attempts) };
    stage.speaker.gate.open();
    stage.speaker.speak(&mut voice, utterance()).unwrap();
    assert!((level(&mut stage) - SLIP).abs() < 0.05);
    assert_eq!(attempts.load(Ordering::Relaxed), 1);
    let start = std::time::Instant::now();
    while count(&stage, "listened") == 0 && start.elapsed() < Duration::from_secs(10) {
        std::thread::yield_now();
    }
    assert_eq!((count(&stage, "swallowed"), count(&stage, "spoken_with_slips")), (1, 1));
}
