//! The command line against the real daemon.

use std::process::{Command, Output, Stdio};

use companion_audio::write_wav;
use companion_types::CAPTURE_RATE;
use serde_json::Value;

use crate::support::process::{World, program};
use crate::support::speech;

fn ctl(world: &World, arguments: &[&str]) -> Output {
    let mut command = world.command(program("companionctl"));
    command.args(["--bus", "session", "--lang", "en", "--color", "never"]).args(arguments);
    command.stdin(Stdio::null()).output().unwrap()
}

/// Runs a command that must succeed; gives what it prints as JSON.
fn json(world: &World, arguments: &[&str]) -> Value {
    let mut all = vec!["--json"];
    all.extend(arguments);
    let output = ctl(world, &all);
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    serde_json::from_str(&text).unwrap_or_else(|e| unreachable!("{arguments:?}: {e}: {text}"))
}

/// Runs a command that must fail; gives its exit code and what it complains of.
fn fails(world: &World, arguments: &[&str]) -> (Option<i32>, String) {
    let output = ctl(world, arguments);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn a_memory_is_kept_found_explained_forgotten_and_brought_back() {
    let world = World::new();
    let _daemon = world.start(&mut world.daemon(false)).await;
    let kept = json(&world, &["memory", "add", "我最喜欢的颜色是蓝色"]);
    let id = kept["id"].as_str().unwrap().to_owned();
    let asked = "我最喜欢什么颜色";
    let answer = json(&world, &["ask", asked]);
    assert!(answer["text"].as_str().unwrap().contains("蓝"), "{answer}");
    for key in ["transcript", "emotion", "memories", "latency_ms", "heard_text", "answered_by"] {
        assert!(!answer[key].is_null(), "{key} is missing: {answer}");
    }
    for step in ["endpoint", "recall", "first_token", "first_sentence", "first_audio", "total"] {
        assert!(answer["latency_ms"].get(step).is_some(), "{step} is missing: {answer}");
    }
    let turn = answer["turn"].to_string();
    let explained = json(&world, &["memory", "explain", &turn]).to_string();
    assert!(explained.contains(&id) && explained.contains("蓝色"), "{explained}");
    let forgotten = json(&world, &["memory", "forget", &id]);
    let undo = forgotten["undo"].as_str().unwrap().to_owned();
    let answer = json(&world, &["ask", asked]);
    assert!(!answer["text"].as_str().unwrap().contains("蓝"), "{answer}");
    json(&world, &["memory", "undo", &undo]);
    let answer = json(&world, &["ask", asked]);
    assert!(answer["text"].as_str().unwrap().contains("蓝"), "{answer}");
    let found = json(&world, &["memory", "search", "颜色"]).to_string();
    assert!(found.contains(&id), "{found}");
    // The same for people.
    let output = ctl(&world, &["memory", "list"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("我最喜欢的颜色是蓝色"));
}

#[tokio::test]
async fn a_turn_from_a_file_is_heard_and_answered_into_a_file() {
    let world = World::new();
    let _daemon = world.start(&mut world.daemon(false)).await;
    let (question, reply) = (world.folder.path().join("q.wav"), world.folder.path().join("r.wav"));
    let pcm = speech("我今天很难过");
    write_wav(std::fs::File::create(&question).unwrap(), &pcm, CAPTURE_RATE).unwrap();
    let (question, reply) = (question.to_str().unwrap(), reply.to_str().unwrap());
    let heard = json(&world, &["listen", question]);
    let turn = json(&world, &["turn", question, "--out", reply]);
    assert_eq!(turn["transcript"], heard["text"]);
    assert_eq!(turn["outcome"], "heard");
    assert!(turn["latency_ms"]["first_audio"].as_f64().unwrap() > 0.0, "{turn}");
    let said = companion_audio::read_wav(std::fs::File::open(reply).unwrap()).unwrap();
    assert!(said.iter().any(|s| s.abs() > 0.05));
    let spoken = world.folder.path().join("s.wav");
    let spoken = spoken.to_str().unwrap();
    assert!(ctl(&world, &["say", "早上好", "--emotion", "开心", "--out", spoken]).status.success());
    let said = companion_audio::read_wav(std::fs::File::open(spoken).unwrap()).unwrap();
    assert!(said.iter().any(|s| s.abs() > 0.05));
    let waterfall = ctl(&world, &["turn", question]);
    assert!(String::from_utf8_lossy(&waterfall.stdout).contains('█'), "{waterfall:?}");
}

#[tokio::test]
async fn exit_codes_tell_what_failed() {
    let world = World::new();
    let (code, text) = fails(&world, &["status"]);
    assert!(code == Some(69) && text.contains("companiond"), "{code:?} {text}");
    let _daemon = world.start(&mut world.daemon(false)).await;
    assert_eq!(json(&world, &["status"])["state"], "idle");
    assert_eq!(fails(&world, &["memory", "forget", "m99"]).0, Some(66));
    assert_eq!(fails(&world, &["memory", "forget", "99"]).0, Some(64));
    assert_eq!(fails(&world, &["say", "hello", "--emotion", "hungry"]).0, Some(64));
    assert_eq!(fails(&world, &["say", "hello"]).0, Some(69));
    assert_eq!(fails(&world, &["profile", "use", "nobody"]).0, Some(66));
    assert_eq!(fails(&world, &["no-such-command"]).0, Some(64));
    assert_eq!(fails(&world, &["listen", "/nowhere.wav"]).0, Some(66));
    let (_, text) = fails(&world, &["--json", "memory", "forget", "m99"]);
    let error: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(error["error"]["kind"], "NotFound");
}

#[tokio::test]
async fn models_profiles_and_findings_are_shown_and_changed() {
    let world = World::new();
    let _daemon = world.start(&mut world.daemon(false)).await;
    let models = json(&world, &["model", "list"]).to_string();
    assert!(models.contains("companion-brain-starter"), "{models}");
    json(&world, &["model", "unload", "companion-brain-starter"]);
    let found = json(&world, &["diagnose"]).to_string();
    assert!(found.contains("model.slot-empty"), "{found}");
    json(&world, &["model", "load", "companion-brain-starter"]);
    let file = world.folder.path().join("star.toml");
    let file = file.to_str().unwrap();
    assert!(ctl(&world, &["profile", "export", "default", file]).status.success());
    let text = std::fs::read_to_string(file).unwrap();
    let text = text.replace("\"default\"", "\"star\"").replace("小伴", "小星");
    // The voice keeps its name.
    let text = text.replace("voice = \"star\"", "voice = \"default\"");
    std::fs::write(file, text).unwrap();
    json(&world, &["profile", "import", file]);
    json(&world, &["profile", "use", "star"]);
    let answer = json(&world, &["ask", "你叫什么名字"]);
    assert!(answer["text"].as_str().unwrap().contains("小星"), "{answer}");
}

#[test]
fn completions_and_the_manual_are_generated_and_a_closed_pipe_is_no_panic() {
    let run = |arguments: &[&str]| {
        Command::new(program("companionctl")).args(arguments).output().unwrap()
    };
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        assert!(String::from_utf8_lossy(&output.stdout).contains("memory"), "{shell}");
    }
    let manual = run(&["man"]);
    assert!(String::from_utf8_lossy(&manual.stdout).contains(".TH"));
    let closed = Command::new("sh")
        .arg("-c")
        .arg(format!("{} completions bash | true", program("companionctl").display()))
        .output()
        .unwrap();
    assert!(!String::from_utf8_lossy(&closed.stderr).contains("panicked"));
}
