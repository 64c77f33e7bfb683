//! Conversations as tables: what happened, what was asked for.

use companion_turn::{
    CancelReason, Effect, Event, Machine, RefuseReason, StateName, TurnInput, TurnSettings,
};
use companion_types::{Outcome, SampleClock, Transcript, TurnId};

fn said(text: &str) -> Transcript {
    Transcript { text: text.into(), ..Transcript::default() }
}

fn at(ms: u64) -> SampleClock {
    SampleClock::from_ms(ms)
}

fn machine() -> Machine {
    Machine::new(TurnId(1), TurnSettings::default())
}

fn run(machine: &mut Machine, events: Vec<Event>) -> Vec<Effect> {
    events.into_iter().flat_map(|e| machine.step(at(0), e)).collect()
}

fn speaking() -> Machine {
    let mut machine = machine();
    run(
        &mut machine,
        vec![
            Event::SpeechStarted { at: at(0) },
            Event::SpeechEnded(said("讲个故事")),
            Event::FirstPlayed(TurnId(1)),
        ],
    );
    assert_eq!(machine.state().name(), StateName::Speaking);
    machine
}

#[test]
fn a_guess_at_the_end_works_but_sounds_only_when_confirmed() {
    let mut m = machine();
    m.step(at(0), Event::SpeechStarted { at: at(0) });
    let guess = m.step(at(700), Event::SpeculativeEnd(said("你好")));
    assert!(matches!(&guess[..], [Effect::StartReply { turn: TurnId(1), .. }]));
    assert_eq!(m.state().name(), StateName::Listening);
    let end = m.step(at(1000), Event::SpeechEnded(said("你好")));
    assert_eq!(end, [Effect::ConfirmReply(TurnId(1)), Effect::StateChanged(StateName::Thinking)]);
}

#[test]
fn going_on_after_a_pause_cancels_the_guess_without_a_sound() {
    let mut m = machine();
    let effects = run(
        &mut m,
        vec![
            Event::SpeechStarted { at: at(0) },
            Event::SpeculativeEnd(said("i like")),
            Event::SpeechResumed { at: at(900) },
            Event::SpeculativeEnd(said("i like apples")),
            Event::SpeechEnded(said("i like apples")),
        ],
    );
    assert!(effects.contains(&Effect::CancelReply { turn: TurnId(1), why: CancelReason::Resumed }));
    assert!(effects.contains(&Effect::ConfirmReply(TurnId(2))));
    assert!(!effects.contains(&Effect::ConfirmReply(TurnId(1))));
}

#[test]
fn another_final_text_begins_another_reply() {
    let mut m = machine();
    let effects = run(
        &mut m,
        vec![
            Event::SpeechStarted { at: at(0) },
            Event::SpeculativeEnd(said("我叫小")),
            Event::SpeechEnded(said("我叫小明")),
        ],
    );
    assert!(
        effects.contains(&Effect::CancelReply { turn: TurnId(1), why: CancelReason::OtherText })
    );
    assert!(effects.contains(&Effect::ConfirmReply(TurnId(2))));
}

#[test]
fn speech_into_a_reply_mutes_first_and_a_backchannel_lets_it_go_on() {
    let mut m = speaking();
    assert_eq!(m.step(at(0), Event::SpeechStarted { at: at(0) }), [Effect::Hold(TurnId(1))]);
    assert_eq!(m.step(at(300), Event::Partial { text: "嗯".into() }), []);
    assert_eq!(m.step(at(600), Event::SpeechEnded(said("嗯"))), [Effect::Resume(TurnId(1))]);
    assert_eq!(m.state().name(), StateName::Speaking);
}

#[test]
fn words_into_a_reply_end_it_and_begin_the_next_turn() {
    let mut m = speaking();
    m.step(at(0), Event::SpeechStarted { at: at(0) });
    assert_eq!(
        m.step(at(300), Event::Partial { text: "等一下".into() }),
        [
            Effect::Flush(TurnId(1)),
            Effect::CancelReply { turn: TurnId(1), why: CancelReason::BargeIn },
            Effect::EndTurn { turn: TurnId(1), outcome: Outcome::Interrupted },
            Effect::StateChanged(StateName::Listening),
        ]
    );
    let next = m.step(at(900), Event::SpeechEnded(said("等一下，换一个")));
    assert!(matches!(next[0], Effect::StartReply { turn: TurnId(2), .. }));
}

#[test]
fn a_command_to_be_silent_ends_the_reply_and_gets_no_answer() {
    let mut m = speaking();
    m.step(at(0), Event::SpeechStarted { at: at(0) });
    let cut = m.step(at(300), Event::Partial { text: "stop".into() });
    assert_eq!(cut.last(), Some(&Effect::StateChanged(StateName::Idle)));
    assert_eq!(m.step(at(900), Event::SpeechEnded(said("stop"))), []);
    assert_eq!(m.state().name(), StateName::Idle);
}

#[test]
fn a_noise_without_words_holds_the_reply_for_a_bounded_time() {
    let mut m = speaking();
    m.step(at(0), Event::SpeechStarted { at: at(0) });
    assert_eq!(m.step(at(1_900), Event::Tick), []);
    assert_eq!(m.step(at(2_000), Event::Tick), [Effect::Resume(TurnId(1))]);
    assert_eq!(m.step(at(2_500), Event::Partial { text: "等一下等".into() }), []);
    assert_eq!(m.step(at(3_000), Event::Discarded), []);
    assert_eq!(
        m.step(at(4_000), Event::SpeechStarted { at: at(4_000) }),
        [Effect::Hold(TurnId(1))]
    );
}

#[test]
fn what_is_no_utterance_changes_nothing() {
    let mut m = machine();
    let effects = run(&mut m, vec![Event::SpeechStarted { at: at(0) }, Event::Discarded]);
    assert_eq!(
        effects,
        [Effect::StateChanged(StateName::Listening), Effect::StateChanged(StateName::Idle)]
    );
    let mut m = speaking();
    m.step(at(0), Event::SpeechStarted { at: at(0) });
    assert_eq!(m.step(at(500), Event::Discarded), [Effect::Resume(TurnId(1))]);
}

#[test]
fn late_words_of_an_old_turn_are_nobodys() {
    let mut m = speaking();
    m.step(at(0), Event::Interrupt);
    assert_eq!(m.step(at(1), Event::FirstPlayed(TurnId(1))), []);
    assert_eq!(m.step(at(1), Event::ReplyHeard(TurnId(1))), []);
    assert_eq!(m.step(at(1), Event::ReplyFailed(TurnId(1))), []);
    assert_eq!(m.state().name(), StateName::Idle);
}

#[test]
fn written_input_waits_for_the_floor() {
    let written = || Event::Input(TurnInput::Written { text: "hi".into(), aloud: false });
    let mut m = speaking();
    assert_eq!(m.step(at(0), written()), [Effect::Refuse(RefuseReason::Replying)]);
    m.step(at(0), Event::ReplyHeard(TurnId(1)));
    let effects = m.step(at(0), written());
    assert!(matches!(effects[0], Effect::StartReply { turn: TurnId(2), .. }));
    assert_eq!(effects[1], Effect::ConfirmReply(TurnId(2)));
}

#[test]
fn whoever_speaks_as_the_reply_ends_has_the_floor() {
    let mut m = speaking();
    m.step(at(0), Event::SpeechStarted { at: at(0) });
    m.step(at(10), Event::ReplyHeard(TurnId(1)));
    assert_eq!(m.state().name(), StateName::Listening);
    let next = m.step(at(900), Event::SpeechEnded(said("嗯")));
    assert!(matches!(next[0], Effect::StartReply { turn: TurnId(2), .. }));
}
