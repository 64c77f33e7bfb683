//! What programs read: stable JSON, completions, the manual; and readers who go away.

use serde_json::json;

use crate::bus::{Bus, ran};
use crate::scripted::Scripted;

fn keys(value: &serde_json::Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn an_answer_has_all_its_keys() {
    let bus = Bus::start();
    let _daemon = Scripted::start(&bus).await;
    let answer = bus.json(&["ask", "我叫什么名字"]).await;
    assert_eq!(
        keys(&answer),
        [
            "turn",
            "transcript",
            "text",
            "heard_text",
            "emotion",
            "memories",
            "answered_by",
            "outcome",
            "latency_ms",
            "tokens"
        ]
    );
    assert_eq!(
        keys(&answer["latency_ms"]),
        ["endpoint", "recall", "first_token", "first_sentence", "first_audio", "total"]
    );
    assert_eq!(answer["tokens"], json!({ "prompt": 30, "reused": 20, "new": 9 }));
    // What did not happen has its key all the same.
    let said = bus.json(&["say", "hello", "--wait"]).await;
    let own = ["id", "reason"];
    assert_eq!(keys(&said), keys(&answer).into_iter().chain(own).collect::<Vec<_>>());
    assert!(said["latency_ms"]["first_token"].is_null() && said["tokens"]["new"].is_null());
}

#[tokio::test]
async fn every_command_prints_one_value() {
    let bus = Bus::start();
    let _daemon = Scripted::start(&bus).await;
    let status = bus.json(&["status"]).await;
    assert_eq!(status["models"], json!({ "llm": "tiny-llm", "asr": null }));
    assert_eq!(status["degraded"], json!(["audio", "tts"]));
    assert_eq!(status["session"], json!(null));
    assert_eq!(bus.json(&["memory", "list"]).await, json!({ "memories": [] }));
    assert_eq!(bus.json(&["memory", "add", "x"]).await, json!({ "id": "m1" }));
    let list = bus.json(&["memory", "list"]).await;
    assert_eq!(list["memories"][0]["created_s"], 1_700_000_000);
    assert_eq!(bus.json(&["memory", "forget", "m1"]).await, json!({ "undo": "u1", "ids": ["m1"] }));
    assert_eq!(bus.json(&["memory", "undo", "u1"]).await, json!({ "ids": ["m1"] }));
    let explained = bus.json(&["memory", "explain", "7"]).await;
    assert_eq!(explained, json!({ "turn": 7, "memories": [{ "id": "m1", "text": "我叫小明" }] }));
    let models = bus.json(&["model", "list"]).await;
    assert_eq!(models["models"][0]["bytes"], 15_000_000_000u64);
    assert_eq!(bus.json(&["model", "rescan"]).await, models);
    assert_eq!(bus.json(&["model", "show", "tiny-llm"]).await, models["models"][0]);
    let profiles = bus.json(&["profile", "list"]).await;
    assert_eq!(profiles["profiles"][0]["names"], json!({ "en": "Pal", "zh": "小伴" }));
    assert_eq!(bus.json(&["profile", "use", "default"]).await, json!({ "active": "default" }));
    assert_eq!(bus.json(&["audio"]).await["underruns"], 4);
    assert_eq!(bus.json(&["audio", "mute"]).await, json!({ "muted": true }));
    assert_eq!(bus.json(&["say", "hello"]).await, json!({ "id": "7" }));
    let paused = bus.json(&["say", "--pause", "7"]).await;
    assert_eq!(paused, json!({ "id": "7", "done": "paused" }));
    assert_eq!(bus.json(&["interrupt"]).await, json!({ "heard_text": "你叫小明。" }));
    let found = bus.json(&["diagnose"]).await;
    assert_eq!(found["issues"][0]["severity"], "error");
    assert_eq!(found["stages"]["brain"]["heartbeat_age_us"], 2500);
}

#[tokio::test]
async fn completions_and_manual_pages_need_no_bus() {
    let bus = Bus::start();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = bus.run(&["completions", shell]).await;
        assert_eq!(script.code, Some(0));
        assert!(script.out.contains("interrupt"), "{shell}");
    }
    let page = bus.run(&["man"]).await.out;
    for words in
        [".TH companionctl 1", "EXIT STATUS", "DeadlineExceeded", "first_audio", "COMPANION_BUS"]
    {
        assert!(page.contains(words), "{words} is not in the manual");
    }
    let folder = bus.folder().join("man");
    assert_eq!(bus.run(&["man", "--dir", folder.to_str().unwrap()]).await.code, Some(0));
    for name in ["companionctl.1", "companionctl-turn.1", "companionctl-memory-forget.1"] {
        assert!(folder.join(name).exists(), "{name}");
    }
    let help = bus.run(&["--help"]).await;
    assert_eq!(help.code, Some(0));
    assert!(help.out.contains("130  Cancelled"), "{}", help.out);
}

#[tokio::test]
async fn a_reader_who_went_away_is_met_with_silence() {
    let bus = Bus::start();
    let _daemon = Scripted::start(&bus).await;
    for arguments in [
        &["status"][..],
        &["--json", "model", "list"][..],
        &["completions", "bash"][..],
        &["man"][..],
        &["--help"][..],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = ran(bus.program(arguments).stdout(writer)).await;
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[tokio::test]
async fn the_library_runs_on_a_given_connection() {
    let bus = Bus::start();
    let daemon = Scripted::start(&bus).await;
    let connection = bus.connect().await;
    let io = companionctl::Io {
        out: Box::new(std::io::sink()),
        err: Box::new(std::io::sink()),
        out_is_terminal: false,
        err_is_terminal: false,
        connection: Some(connection),
    };
    let arguments = ["companionctl", "interrupt"].map(Into::into);
    assert_eq!(companionctl::run(arguments, io).await, 0);
    assert_eq!(daemon.calls(), ["stop_all"]);
}
