//! Other programs let the companion speak: priorities, coalescing, pausing, marks, a person who breaks in, and
//! programs that leave. The daemon is a process on a private bus; its loudspeaker and its microphone are a client's.

mod house;

use std::time::Duration;

use companion_bus::Dict;
use companion_bus::types::put;
use companion_bus::utterance::UtteranceProxy;

use self::house::{Listener, Program, said};
use crate::support::process::World;
use crate::support::speech;

/// Some seconds, in several clauses.
const LONG: &str = "今天的天气非常好，我们一起去公园散步，然后去湖边喝茶，晚上再回家听音乐。";

fn options(all: &[(&str, &str)]) -> Dict {
    let mut options = Dict::new();
    for (key, value) in all {
        put(&mut options, key, *value);
    }
    options
}

fn with(priority: &str) -> Dict {
    options(&[("priority", priority)])
}

#[tokio::test]
async fn priorities_decide_what_sounds_waits_and_is_dropped() {
    let world = World::new();
    let _daemon = world.start(&mut world.daemon(false)).await;
    let _listener = Listener::open(&world).await;
    let mut program = Program::new(&world).await;
    let a = program.say(LONG, Dict::new()).await.unwrap();
    program.until(&a, "begin").await;
    let b = program.say("第二条消息。", with("message")).await.unwrap();
    let text = program.say("一段文字。", with("text")).await.unwrap();
    let notification = program.say("通知。", with("notification")).await.unwrap();
    let busy = program.until(&notification, "cancelled").await;
    assert_eq!(busy.detail, "busy");
    let first = program.say("完成百分之十。", with("progress")).await.unwrap();
    let last = program.say("全部完成。", with("progress")).await.unwrap();
    assert_eq!(program.until(&first, "cancelled").await.detail, "replaced");
    let important = program.say("着火了！", with("important")).await.unwrap();
    let cut = program.until(&a, "cancelled").await;
    assert_eq!(cut.detail, "preempted");
    assert!(LONG.starts_with(&cut.heard) && cut.heard.len() < LONG.len(), "{cut:?}");
    program.until(&last, "end").await;
    let seen = program.seen();
    let order = [&important, &b, &text, &last].map(|path| [said(path, "begin"), said(path, "end")]);
    let after: Vec<_> = seen.iter().skip_while(|e| e.detail != "preempted").skip(1).collect();
    assert_eq!(after, order.iter().flatten().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_newer_text_of_a_key_takes_the_place_of_the_older_one() {
    let world = World::new();
    let _daemon = world.start(&mut world.daemon(false)).await;
    let _listener = Listener::open(&world).await;
    let mut program = Program::new(&world).await;
    let sounding = program.say("先说这一句话。", Dict::new()).await.unwrap();
    let mail = |text: &str| (text.to_owned(), options(&[("coalesce", "mail")]));
    let (text, keyed) = mail("你有一封新邮件。");
    let older = program.say(&text, keyed).await.unwrap();
    let (text, keyed) = mail("你有两封新邮件。");
    let newer = program.say(&text, keyed).await.unwrap();
    assert_eq!(program.until(&older, "cancelled").await.detail, "replaced");
    program.until(&newer, "end").await;
    assert!(program.seen().contains(&said(&sounding, "end")));
    // One that sounds beside the way comes to the end of its clause.
    let keyed = || options(&[("coalesce", "copy"), ("priority", "progress")]);
    let older = program.say(LONG, keyed()).await.unwrap();
    program.until(&older, "begin").await;
    let newer = program.say("复制完成。", keyed()).await.unwrap();
    let cut = program.until(&older, "cancelled").await;
    assert_eq!(cut.detail, "replaced");
    assert!(cut.heard.ends_with('，') && cut.heard.len() < LONG.len(), "{cut:?}");
    program.until(&newer, "end").await;
}

#[tokio::test]
async fn a_paused_text_goes_on_at_the_very_sample_and_others_speak_meanwhile() {
    let text = "今天的天气非常好<mark name=\"m\"/>我们一起去公园散步";
    // espeak-ng's noise goes on from text to text: only the first ones of two daemons sound alike.
    let whole = {
        let world = World::new();
        let _daemon = world.start(&mut world.daemon(false)).await;
        let listener = Listener::open(&world).await;
        let mut program = Program::new(&world).await;
        let whole = program.say(text, Dict::new()).await.unwrap();
        program.until(&whole, "end").await;
        listener.take().await
    };
    let world = World::new();
    let _daemon = world.start(&mut world.daemon(false)).await;
    let listener = Listener::open(&world).await;
    let mut program = Program::new(&world).await;
    let paused = program.say(text, Dict::new()).await.unwrap();
    program.until(&paused, "mark").await;
    let utterance = program.utterance(&paused).await;
    utterance.pause(Dict::new()).await.unwrap();
    program.until(&paused, "paused").await;
    assert_eq!(utterance.state().await.unwrap(), "paused");
    let before = listener.take().await;
    let other = program.say("现在先说别的。", Dict::new()).await.unwrap();
    program.until(&other, "end").await;
    listener.take().await;
    utterance.resume(Dict::new()).await.unwrap();
    let end = program.until(&paused, "end").await;
    assert_eq!(end.heard, "今天的天气非常好我们一起去公园散步");
    let after = listener.take().await;
    // What sounded before the pause is the beginning of the whole, what came after is its end; between them
    // stands the fade of 10 ms.
    let same = |a: &mut dyn Iterator<Item = (&i16, &i16)>| a.take_while(|(a, b)| a == b).count();
    let start = same(&mut whole.iter().zip(&before));
    let end = same(&mut whole.iter().rev().zip(after.iter().rev()));
    let fade = whole.len().saturating_sub(start + end);
    assert!(end == after.len() && fade <= 481, "{start} + {end} of {}", whole.len());
    assert!(before.len() <= start + 481, "{} {start}", before.len());
    // A text that is over cannot be paused.
    let error = utterance.pause(Dict::new()).await.unwrap_err();
    assert_eq!(error.parts().0, "NotFound", "{error}");
}

#[tokio::test]
async fn marks_come_in_their_order_when_their_words_sound() {
    let world = World::new();
    let _daemon = world.start(&mut world.daemon(false)).await;
    let _listener = Listener::open(&world).await;
    let mut program = Program::new(&world).await;
    let marked = "<mark name=\"开始\"/>你好，<mark name=\"b\"/><mark name='c'/>how are you?<mark name=\"end\" />";
    let path = program.say(marked, Dict::new()).await.unwrap();
    let end = program.until(&path, "end").await;
    assert_eq!(end.heard, "你好，how are you?");
    let seen: Vec<_> = program.seen().iter().map(|e| (e.what.clone(), e.detail.clone())).collect();
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    let marks = ["开始", "b", "c", "end"].map(|name| pair("mark", name));
    assert_eq!(seen[0], pair("begin", ""));
    assert_eq!(seen[1..5], marks);
    assert_eq!(seen[5], pair("end", ""));
    // At a mark everything in front of it was heard, and not all that follows it.
    let marked = LONG.replacen("然后", "<mark name=\"then\"/>然后", 1);
    let path = program.say(&marked, Dict::new()).await.unwrap();
    program.until(&path, "mark").await;
    program.utterance(&path).await.cancel(Dict::new()).await.unwrap();
    let cut = program.until(&path, "cancelled").await;
    assert_eq!(cut.detail, "cancelled");
    let front = &LONG[..LONG.find("然后").unwrap()];
    assert!(cut.heard.starts_with(front) && cut.heard.len() < LONG.len(), "{cut:?}");
}

#[tokio::test]
async fn a_person_who_breaks_in_cuts_what_others_say_and_the_rest_waits() {
    let world = World::new();
    let _daemon = world.start(&mut world.daemon(false)).await;
    let mut listener = Listener::open(&world).await;
    let mut program = Program::new(&world).await;
    let cut = program.say(LONG, Dict::new()).await.unwrap();
    program.until(&cut, "begin").await;
    let waits = program.say("轮到我了。", Dict::new()).await.unwrap();
    listener.speak(&speech("等一下我叫什么名字"));
    let cut = program.until(&cut, "cancelled").await;
    assert_eq!(cut.detail, "interrupted");
    assert!(LONG.starts_with(&cut.heard) && cut.heard.len() < LONG.len(), "{cut:?}");
    let turn = listener.spoken_turn().await;
    assert_eq!(turn.outcome, "heard", "{turn:?}");
    program.until(&waits, "end").await;
}

#[tokio::test]
async fn something_important_cuts_into_a_reply_and_the_reply_goes_on() {
    let world = World::new();
    let _daemon = world.start(&mut world.daemon(false)).await;
    let mut listener = Listener::open(&world).await;
    let mut program = Program::new(&world).await;
    listener.speak(&speech("我今天很难过"));
    listener.until_state("speaking").await;
    let important = program.say("着火了！", with("important")).await.unwrap();
    let waits = program.say("不着急。", Dict::new()).await.unwrap();
    program.until(&important, "end").await;
    let turn = listener.spoken_turn().await;
    assert_eq!((turn.outcome.as_str(), &turn.heard_text), ("heard", &turn.text), "{turn:?}");
    program.until(&waits, "end").await;
}

#[tokio::test]
async fn of_a_program_that_leaves_only_what_matters_is_said() {
    let world = World::new();
    let _daemon = world.start(&mut world.daemon(false)).await;
    let _listener = Listener::open(&world).await;
    let mut stays = Program::new(&world).await;
    let sounding = stays.say(LONG, Dict::new()).await.unwrap();
    stays.until(&sounding, "begin").await;
    let mut leaves = Program::new(&world).await;
    let message = leaves.say("一条重要的消息。", with("message")).await.unwrap();
    let text = leaves.say("一段文字。", with("text")).await.unwrap();
    let (message, text) = (leaves.id(&message).await, leaves.id(&text).await);
    leaves.connection.close().await.unwrap();
    let state = async |id: &str, wanted: &str| {
        let path = format!("{}/{id}", companion_bus::names::UTTERANCES);
        let utterance = UtteranceProxy::builder(&stays.connection)
            .path(path)
            .cache_properties(zbus::proxy::CacheProperties::No)
            .build()
            .await
            .unwrap();
        let mut tries = 0;
        while utterance.state().await.unwrap() != wanted {
            tries += 1;
            assert!(tries < 1_500, "{id} is not {wanted}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    state(&text, "over").await;
    assert!(!stays.seen().contains(&said(&sounding, "end")));
    state(&message, "speaking").await;
    state(&message, "over").await;
}

#[tokio::test]
async fn what_cannot_be_said_is_refused_with_the_reason() {
    let world = World::new();
    let _daemon = world.start(&mut world.daemon(false)).await;
    let _listener = Listener::open(&world).await;
    let mut program = Program::new(&world).await;
    let mut loud = Dict::new();
    put(&mut loud, "intensity", 2.0);
    let mut typed = Dict::new();
    put(&mut typed, "priority", 1_u32);
    for (text, options, words) in [
        ("你好", options(&[("volume", "1")]), vec!["\"volume\"", "coalesce", "handle_token"]),
        ("你好", with("loud"), vec!["\"loud\"", "important", "progress"]),
        ("你好", options(&[("language", "fr")]), vec!["\"fr\"", "zh", "en"]),
        ("你好", options(&[("voice", "nobody")]), vec!["\"nobody\"", "default"]),
        ("你好", options(&[("emotion", "hungry")]), vec!["happy"]),
        ("你好", options(&[("coalesce", "")]), vec!["coalesce", "64"]),
        ("你好", loud, vec!["intensity", "1"]),
        ("你好", typed, vec!["priority", "string"]),
        ("你好<mark name=x/>", Dict::new(), vec!["character 2", "<mark name="]),
        ("<mark name=\"x\"/>", Dict::new(), vec!["empty"]),
    ] {
        let error = program.say(text, options).await.unwrap_err().parts().1;
        assert!(words.iter().all(|word| error.contains(word)), "{text}: {error}");
    }
    for _ in 0..16 {
        program.say("一二三四五六七八九十。", Dict::new()).await.unwrap();
    }
    let full = program.say("再来一条。", Dict::new()).await.unwrap_err();
    assert!(full.parts().0 == "Busy" && full.parts().1.contains("coalesce"), "{full}");
}
