//! A voice of reference clips (GPT-SoVITS, narrow models of random weights) in the whole chain: it streams, its words
//! and mouth shapes come in time, it can be interrupted, and what was read of the clips is kept.

use std::collections::BTreeMap;
use std::path::Path;

use companion_types::{Outcome, SentenceSeq, TurnId, Viseme, WordTime};
use companiond::{App, TurnEvent};

use crate::support::{Companion, RATE, copy_all, root, settings, speech};

const ASKED: &str = "我今天很开心";

/// A state folder with the voice in place of the shipped one, and a model folder.
fn install(state: &Path) {
    let golden = root().join("tests/golden/gpt-sovits");
    let voice = state.join("voices/default");
    std::fs::create_dir_all(&voice).unwrap();
    for clip in ["ref_a.wav", "ref_c.wav"] {
        std::fs::copy(golden.join(clip), voice.join(clip)).unwrap();
    }
    let description = "name_zh = \"小样\"\nname_en = \"Sample\"\n[gpt_sovits]\nmodel = \"tiny-sovits\"\n\
        [gpt_sovits.emotions.calm]\nclip = \"ref_a.wav\"\ntext = \"今天天气真不错，我们一起去公园吧。\"\n\
        [gpt_sovits.emotions.happy]\nclip = \"ref_c.wav\"\nintensity = 0.5\nspeed = 1.2\n";
    std::fs::write(voice.join("voice.toml"), description).unwrap();
    copy_all(&golden.join("model"), &state.join("models/tiny-sovits"));
}

fn companion(state: &Path) -> Companion {
    let mut settings = settings(state);
    settings.paths.models.insert(0, state.join("models"));
    Companion::start_with(settings)
}

#[test]
fn a_spoken_turn_streams_in_a_reference_voice_with_words_and_shapes_in_time() {
    let state = tempfile::tempdir().unwrap();
    install(state.path());
    let mut companion = companion(state.path());
    let mut seen = companion.app.conversation().watch();
    let (turns, played) = companion.hear(&speech(ASKED), 14_000);
    let turn = turns.first().unwrap();
    assert_eq!((turn.outcome, &turn.heard_text), (Outcome::Heard, &turn.text), "{turn:?}");
    assert!(played.iter().any(|s| s.abs() > 0.01), "nothing sounded");
    let mut words: BTreeMap<(TurnId, SentenceSeq), Vec<WordTime>> = BTreeMap::new();
    let mut visemes: Vec<Viseme> = Vec::new();
    while let Ok(event) = seen.try_recv() {
        if let TurnEvent::Timing { turn, seq, words: more, visemes: shapes, .. } = event {
            words.entry((turn, seq)).or_default().extend(more);
            visemes.extend(shapes);
        }
    }
    assert!(words.values().any(|clause| clause.len() > 1), "{words:?}");
    for clause in words.values() {
        assert!(clause.is_sorted_by_key(|w| w.text_end), "{clause:?}");
        assert!(clause.is_sorted_by_key(|w| w.end), "{clause:?}");
        assert!(clause.iter().all(|w| w.start <= w.end), "{clause:?}");
    }
    assert!(visemes.iter().any(|v| v.weight > 0.5));
}

#[test]
fn what_was_read_of_the_clips_is_kept_and_the_models_that_read_them_are_needed_no_more() {
    let state = tempfile::tempdir().unwrap();
    install(state.path());
    drop(companion(state.path()));
    let kept: Vec<_> =
        std::fs::read_dir(state.path().join("kept-voices/default")).unwrap().collect();
    assert_eq!(kept.len(), 2, "{kept:?}");
    let weights = state.path().join("models/tiny-sovits/hubert/pytorch_model.bin");
    let size = std::fs::metadata(&weights).unwrap().len();
    std::fs::write(&weights, vec![0; usize::try_from(size).unwrap()]).unwrap();
    let mut companion = companion(state.path());
    let (turns, played) = companion.hear(&speech(ASKED), 14_000);
    assert_eq!(turns[0].outcome, Outcome::Heard, "{turns:?}");
    assert!(played.iter().any(|s| s.abs() > 0.01));
}

#[test]
fn a_voice_without_its_model_is_an_error_unless_espeak_can_stand_in() {
    let state = tempfile::tempdir().unwrap();
    install(state.path());
    std::fs::remove_file(state.path().join("models/tiny-sovits/s1.ckpt")).unwrap();
    let mut settings = settings(state.path());
    settings.paths.models.insert(0, state.path().join("models"));
    let start = |settings| {
        let (sound, _tap) = companion_audio::playback(RATE);
        App::start(settings, sound, None, Box::new(|| ()))
    };
    let error = start(settings.clone()).unwrap_err().to_string();
    assert!(error.contains(".ckpt") && error.contains("tiny-sovits"), "{error}");
    let description = state.path().join("voices/default/voice.toml");
    let mut text = std::fs::read_to_string(&description).unwrap();
    let shipped = std::fs::read_to_string(root().join("static/voices/default/voice.toml")).unwrap();
    text.push_str(&shipped[shipped.find("[espeak]").unwrap()..]);
    std::fs::write(&description, text).unwrap();
    assert!(start(settings).is_ok());
}

#[test]
fn somebody_who_breaks_in_cuts_a_reference_voice_and_history_holds_what_was_heard() {
    let state = tempfile::tempdir().unwrap();
    install(state.path());
    let mut companion = companion(state.path());
    let mut pcm = speech("我今天很难过");
    pcm.extend(vec![0.0; 16_000]);
    pcm.extend(speech("等一下我叫什么名字"));
    let (turns, _) = companion.hear(&pcm, 14_000);
    assert!(turns.len() >= 2, "{turns:?}");
    assert_eq!(turns[0].outcome, Outcome::Interrupted, "{turns:?}");
    assert!(turns[0].text.starts_with(&turns[0].heard_text), "{turns:?}");
    assert!(turns[0].heard_text.len() < turns[0].text.len(), "{turns:?}");
}
