//! The starter voice end to end: clauses in, sound with word times and mouth shapes out.

use std::ops::ControlFlow;
use std::path::Path;

use companion_tts::{EspeakVoice, Synthesizer, Utterance, VoiceFile};
use companion_types::{Cancel, Emotion, Language, Sentence, SentenceSeq, SpeechChunk, TurnId};

fn voice() -> EspeakVoice {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../static/voices");
    let file = VoiceFile::open(&folder, "default").expect("the shipped voice");
    EspeakVoice::new(
        env!("CARGO_BIN_EXE_companion-espeak").into(),
        file.espeak.expect("the shipped voice has an [espeak] part"),
    )
}

fn speak(
    voice: &mut EspeakVoice,
    text: &str,
    language: Language,
    emotion: Emotion,
) -> Vec<SpeechChunk> {
    let sentence =
        Sentence { turn: TurnId(1), seq: SentenceSeq(0), emotion, text: text.into(), last: true };
    let mut chunks = Vec::new();
    let done = voice.speak(&Utterance::new(sentence, language), &Cancel::new(), &mut |chunk| {
        chunks.push(chunk);
        ControlFlow::Continue(())
    });
    done.expect("speaking");
    chunks
}

#[test]
fn both_languages_sound_and_every_word_has_its_time() {
    let mut voice = voice();
    for (text, language, words) in [
        ("你好，小明！", Language::Zh, 4),
        ("Nice to meet you, Tom.", Language::En, 5),
        ("我叫Tom，今年25岁。", Language::Zh, 4),
    ] {
        let chunks = speak(&mut voice, text, language, Emotion::HAPPY);
        let samples: usize = chunks.iter().map(|c| c.pcm.len()).sum();
        let loud = chunks.iter().flat_map(|c| &c.pcm).any(|s| s.abs() > 0.05);
        assert!(samples > 8_000 && loud, "{text}: {samples} samples");
        let times: Vec<_> = chunks.iter().flat_map(|c| &c.words).collect();
        assert!(times.len() >= words, "{text}: {times:?}");
        assert_eq!(times.last().expect("a word").text_end, text.len(), "{text}");
        assert!(times.windows(2).all(|w| w[0].start <= w[1].start), "{text}: {times:?}");
        assert!(times.last().expect("a word").end <= samples as u64, "{text}");
        assert!(chunks.iter().map(|c| c.visemes.len()).sum::<usize>() > 2, "{text}");
        assert_eq!(chunks.iter().filter(|c| c.last).count(), 1);
    }
}

#[test]
fn emotions_differ_in_length_and_silence_is_an_empty_chunk() {
    let mut voice = voice();
    let length = |voice: &mut EspeakVoice, emotion| -> usize {
        speak(voice, "今天天气真的很好", Language::Zh, emotion).iter().map(|c| c.pcm.len()).sum()
    };
    let (happy, sad) = (length(&mut voice, Emotion::HAPPY), length(&mut voice, Emotion::SAD));
    assert!(sad > happy + happy / 10, "sad {sad}, happy {happy}");
    let silent = speak(&mut voice, "……", Language::Zh, Emotion::CALM);
    assert!(silent.len() == 1 && silent[0].last && silent[0].pcm.is_empty());
}

#[test]
fn a_cancelled_sentence_stops_and_the_next_one_is_whole() {
    let mut voice = voice();
    let whole =
        speak(&mut voice, "这是一句很长很长很长很长的话", Language::Zh, Emotion::CALM).len();
    let cancel = Cancel::new();
    let sentence = Sentence {
        turn: TurnId(2),
        seq: SentenceSeq(0),
        emotion: Emotion::CALM,
        text: "这是一句很长很长很长很长的话".into(),
        last: true,
    };
    let mut count = 0;
    let utterance = Utterance::new(sentence, Language::Zh);
    voice
        .speak(&utterance, &cancel, &mut |_| {
            count += 1;
            cancel.cancel();
            ControlFlow::Continue(())
        })
        .expect("speaking");
    assert_eq!(count, 1);
    let again = speak(&mut voice, "这是一句很长很长很长很长的话", Language::Zh, Emotion::CALM);
    assert_eq!(again.len(), whole);
}

#[test]
fn a_missing_program_is_named() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../static/voices");
    let file = VoiceFile::open(&folder, "default").expect("the shipped voice");
    let mut voice = EspeakVoice::new(
        "/nowhere/companion-espeak".into(),
        file.espeak.expect("the shipped voice has an [espeak] part"),
    );
    let sentence = Sentence {
        turn: TurnId(1),
        seq: SentenceSeq(0),
        emotion: Emotion::CALM,
        text: "你好".into(),
        last: true,
    };
    let utterance = Utterance::new(sentence, Language::Zh);
    let error = voice.speak(&utterance, &Cancel::new(), &mut |_| ControlFlow::Continue(()));
    assert!(error.expect_err("no program").to_string().contains("/nowhere/companion-espeak"));
}
