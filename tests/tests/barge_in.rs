//! Breaking in, on the sample clock: 200 random cut points, each with the exact account of what was heard.

use companion_audio::{SimulatedRoom, playback};
use companion_turn::{Effect, Event, HeardLedger, Machine, TurnInput, TurnSettings};
use companion_types::{
    FRAME_SAMPLES, Outcome, SampleClock, SampleRate, SentenceSeq, Transcript, TurnId, WordTime,
};

const RATE: SampleRate = SampleRate(48_000);
/// Samples of one word: 200 ms.
const WORD: u64 = 9_600;
/// Words of the scripted reply.
const WORDS: usize = 12;
/// Samples at the playback's rate in a frame of 20 ms.
const FRAME: usize = 960;

struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

fn heard(text: &str) -> Transcript {
    Transcript { text: text.into(), ..Transcript::default() }
}

/// Every word is a constant of its own, so that the room's recording tells which words sounded.
fn reply() -> (String, Vec<f32>, Vec<WordTime>) {
    let (mut text, mut pcm, mut words) = (String::new(), Vec::new(), Vec::new());
    for n in 0..WORDS {
        text.push_str(["一", "two ", "三", "four "][n % 4]);
        let start = n as u64 * WORD;
        words.push(WordTime { text_end: text.len(), start, end: start + WORD });
        pcm.extend(std::iter::repeat_n(0.1 + 0.05 * n as f32, usize::try_from(WORD).unwrap()));
    }
    (text, pcm, words)
}

#[test]
fn after_any_cut_nothing_of_the_old_reply_sounds_and_history_has_only_what_was_heard() {
    let (text, pcm, words) = reply();
    let mut random = Random(7);
    for round in 0..200 {
        let (sound, tap) = playback(RATE);
        let mut room = SimulatedRoom::new(tap, RATE);
        let mut machine = Machine::new(TurnId(1), TurnSettings::default());
        let spoken = TurnInput::Spoken(heard("讲个故事"));
        let TurnInput::Spoken(said) = spoken else { unreachable!() };
        machine.step(SampleClock(0), Event::SpeechStarted { at: SampleClock(0) });
        let effects = machine.step(SampleClock(8_000), Event::SpeechEnded(said));
        assert!(effects.contains(&Effect::ConfirmReply(TurnId(1))), "{effects:?}");
        let mut ledger = HeardLedger::new();
        ledger.sentence(SentenceSeq(0), &text);
        ledger.queued(SentenceSeq(0), pcm.len() as u64, &words, true);
        sound.begin(TurnId(1));
        let mut queued = 0;
        let detected = 1 + random.below(110) as usize;
        let judged = detected + 1 + random.below(20) as usize;
        let (mut flushed_at, mut text_heard, mut ended) = (None, None, None);
        for frame in 0..judged + 60 {
            queued += sound.push(TurnId(1), &pcm[queued.min(pcm.len())..]);
            let now = SampleClock((frame * FRAME_SAMPLES) as u64);
            room.step();
            let event = match frame {
                0 => Some(Event::FirstPlayed(TurnId(1))),
                n if n == detected => Some(Event::SpeechStarted { at: now }),
                n if n == judged => Some(Event::Partial { text: "等一下别说了".into() }),
                _ => None,
            };
            for effect in event.map(|e| machine.step(now, e)).unwrap_or_default() {
                match effect {
                    Effect::Hold(_) => sound.hold(true),
                    Effect::Resume(_) => sound.hold(false),
                    Effect::Flush(_) => {
                        flushed_at = Some(room.played().len());
                        text_heard = Some(ledger.heard(sound.flush()));
                    }
                    Effect::EndTurn { outcome, .. } => ended = Some(outcome),
                    _ => {}
                }
            }
        }
        let text_heard = text_heard.unwrap_or_else(|| panic!("round {round}: never cut"));
        assert_eq!(ended, Some(Outcome::Interrupted), "round {round}");
        // Muted at the frame in which the voice was detected: within its 20 ms and a fade of 10 ms.
        let played = room.played();
        let mute = (detected + 1) * FRAME + FRAME / 2;
        let loud = played.iter().rposition(|s| *s != 0.0).unwrap_or(0);
        assert!(loud <= mute, "round {round}: sound at {loud}, muted from {mute}");
        assert!(flushed_at.is_some_and(|at| played[at..].iter().all(|s| *s == 0.0)));
        // The text is a whole number of words, and each of them sounded to its end.
        let whole = words.iter().take_while(|w| text_heard.len() >= w.text_end).count();
        let expected = if whole == 0 { "" } else { &text[..words[whole - 1].text_end] };
        assert_eq!(text_heard, expected, "round {round}");
        let sounded = |n: usize| {
            let value = 0.1 + 0.05 * n as f32;
            played.iter().filter(|s| (**s - value).abs() < 1e-6).count() as u64
        };
        for n in 0..whole {
            assert!(sounded(n) >= WORD - 480, "round {round}: word {n} was cut");
        }
        if whole < WORDS {
            assert!(sounded(whole) < WORD, "round {round}: word {whole} was heard and is missing");
        }
    }
}
