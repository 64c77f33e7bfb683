//! Spoken turns through the whole chain, on the starter models.

use std::time::Duration;

use companion_turn::TurnInput;
use companion_types::{AnsweredBy, Outcome};

use crate::support::{Companion, RATE, speech};

#[test]
fn a_name_told_is_remembered_after_a_restart_and_can_be_forgotten_and_brought_back() {
    let state = tempfile::tempdir().unwrap();
    for (told, asked) in [("我叫小明", "我叫什么名字"), ("my name is tom", "what is my name")]
    {
        let mut companion = Companion::start(state.path());
        let (turns, _) = companion.hear(&speech(told), 8_000);
        assert_eq!(turns.len(), 1, "{turns:?}");
        // The name as it was heard: this test is about memory, not about the ears.
        let heard = turns[0].transcript.clone();
        let name = heard.trim_start_matches("我叫").rsplit(' ').next().unwrap_or_default();
        assert!(!name.is_empty(), "{turns:?}");
        drop(companion);
        let mut companion = Companion::start(state.path());
        let (turns, played) = companion.hear(&speech(asked), 6_000);
        let turn = turns.first().unwrap();
        assert!(turn.text.contains(name), "{turn:?}");
        assert_eq!((turn.outcome, &turn.heard_text), (Outcome::Heard, &turn.text));
        assert!(played.iter().any(|s| s.abs() > 0.05));
        let explained = companion.app.recollection().explain(turn.turn).unwrap();
        assert!(explained.iter().any(|(_, text)| text.contains(name)), "{explained:?}");
        let undo = companion.app.recollection().forget(turn.memories.clone()).unwrap();
        let ask = |companion: &Companion| {
            let input = TurnInput::Written { text: asked.into(), aloud: false };
            companion.app.conversation().ask(input, Duration::from_secs(20)).unwrap().text
        };
        assert!(!ask(&companion).contains(name));
        companion.app.recollection().undo(undo).unwrap();
        assert!(ask(&companion).contains(name));
    }
}

#[test]
fn somebody_who_breaks_in_is_heard_and_history_holds_only_what_was_heard() {
    let state = tempfile::tempdir().unwrap();
    let mut companion = Companion::start(state.path());
    let mut pcm = speech("我今天很难过");
    // The reply begins about half a second after the speech, on a busy machine later, and lasts three
    // seconds; break in in the middle of it.
    pcm.extend(vec![0.0; 18_000]);
    pcm.extend(speech("等一下我叫什么名字"));
    let (turns, played) = companion.hear(&pcm, 6_000);
    assert!(turns.len() >= 2, "{turns:?}");
    assert_eq!(turns[0].outcome, Outcome::Interrupted);
    assert!(turns[0].text.starts_with(&turns[0].heard_text), "{turns:?}");
    assert!(turns[0].heard_text.len() < turns[0].text.len(), "{turns:?}");
    assert_eq!(turns.last().unwrap().outcome, Outcome::Heard);
    assert!(played.len() > RATE.0 as usize);
}

/// What the small model feels and says depends on the hour in its prompt; how often it fits is measured by
/// `models/starter/brain/evaluate.py`. Here: that it is asked, and that its tag was read.
#[test]
fn small_talk_is_the_models_and_its_tag_is_not_spoken() {
    let state = tempfile::tempdir().unwrap();
    let companion = Companion::start(state.path());
    for said in ["我今天很难过", "我考试通过了", "i am so angry"] {
        let input = TurnInput::Written { text: said.into(), aloud: false };
        let report = companion.app.conversation().ask(input, Duration::from_secs(20)).unwrap();
        let by = report.answered_by;
        assert!(matches!(by, AnsweredBy::Model | AnsweredBy::Checked), "{report:?}");
        assert!(!report.text.is_empty() && !report.text.contains('['), "{report:?}");
        assert_eq!(report.heard_text, report.text);
    }
}

#[test]
fn an_answer_that_repeats_the_question_does_not_make_it_an_echo() {
    let state = tempfile::tempdir().unwrap();
    let mut companion = Companion::start(state.path());
    // The acknowledgement is made before the end of the utterance and says the same words.
    let (turns, played) = companion.hear(&speech("我喜欢吃苹果"), 7_000);
    assert_eq!(turns.len(), 1, "{turns:?}");
    assert_eq!(turns[0].outcome, Outcome::Heard);
    assert!(played.iter().any(|s| s.abs() > 0.05));
}

#[test]
fn no_turn_sounds_before_its_end_was_decided() {
    let state = tempfile::tempdir().unwrap();
    let mut companion = Companion::start(state.path());
    let mut pcm = speech("我今天很难过");
    // The second one comes when the first reply has ended.
    pcm.extend(vec![0.0; 90_000]);
    pcm.extend(speech("现在几点了"));
    let (turns, _) = companion.hear(&pcm, 7_000);
    assert_eq!(turns.len(), 2, "{turns:?}");
    for turn in turns {
        let (end, audio) =
            (turn.latency_ms.endpoint.unwrap(), turn.latency_ms.first_audio.unwrap());
        assert!(audio >= end, "{turn:?}");
    }
}

#[test]
fn silence_and_noise_start_no_turn() {
    let state = tempfile::tempdir().unwrap();
    let mut companion = Companion::start(state.path());
    let mut state_word = 1_u32;
    let noise: Vec<f32> = (0..48_000)
        .map(|_| {
            state_word = state_word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (f64::from(state_word) / f64::from(u32::MAX) - 0.5) as f32 * 0.05
        })
        .collect();
    let (turns, played) = companion.hear(&noise, 1_000);
    assert!(turns.is_empty(), "{turns:?}");
    assert!(played.iter().all(|s| *s == 0.0));
}
