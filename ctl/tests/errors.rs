//! How commands fail: each kind by its code, a daemon that is not there, one that goes away, one that never
//! answers.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::bus::{Bus, done, ran};
use crate::scripted::Scripted;

/// Kinds and the exit codes that are promised.
const KINDS: [(&str, i32); 10] = [
    ("InvalidArgument", 64),
    ("NotFound", 66),
    ("PermissionDenied", 77),
    ("Busy", 75),
    ("DeadlineExceeded", 75),
    ("Cancelled", 130),
    ("OutOfMemory", 71),
    ("Unavailable", 69),
    ("Corrupt", 65),
    ("Internal", 70),
];

fn error(text: &str) -> Value {
    let value: Value = serde_json::from_str(text).unwrap_or_else(|e| unreachable!("{e}: {text}"));
    value["error"].clone()
}

#[tokio::test]
async fn each_kind_has_its_code_from_a_method_and_from_a_request() {
    let bus = Bus::start();
    let _daemon = Scripted::start(&bus).await;
    for (kind, code) in KINDS {
        let method = bus.run(&["memory", "search", kind]).await;
        assert_eq!(method.code, Some(code), "{kind}: {method:?}");
        assert!(method.err.contains(&format!("scripted {kind}")), "{method:?}");
        assert_eq!(method.out, "");
        let text = format!("fail {kind}");
        let request = bus.run(&["--json", "ask", &text]).await;
        assert_eq!(request.code, Some(code), "{kind}: {request:?}");
        let error = error(&request.err);
        assert_eq!(
            (&error["kind"], &error["message"]),
            (&kind.into(), &format!("scripted {kind}").into())
        );
    }
}

#[tokio::test]
async fn errors_are_in_the_language_of_the_person() {
    let bus = Bus::start();
    let _daemon = Scripted::start(&bus).await;
    let english = bus.run(&["memory", "forget", "m9"]).await;
    assert_eq!(english.err, "companionctl: not found: no memory among m9\n");
    let chinese = bus.run(&["--lang", "zh", "memory", "forget", "m9"]).await;
    assert_eq!(chinese.err, "companionctl: 没有找到：no memory among m9\n");
}

#[tokio::test]
async fn a_wrong_command_line_is_usage() {
    let bus = Bus::start();
    for arguments in [&["frob"][..], &["ask"][..], &["--timeout", "0", "status"][..], &[][..]] {
        let ran = bus.run(arguments).await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(64), ""), "{arguments:?}: {ran:?}");
        assert!(ran.err.contains("Usage") || ran.err.contains("--help"), "{ran:?}");
    }
    let ran = bus.run(&["--json", "frob"]).await;
    assert_eq!((ran.code, &error(&ran.err)["kind"]), (Some(64), &"InvalidArgument".into()));
}

#[tokio::test]
async fn a_daemon_that_is_not_there_is_named_with_what_to_do() {
    let bus = Bus::start();
    for arguments in [
        &["status"][..],
        &["ask", "x"][..],
        &["memory", "list"][..],
        &["model", "list"][..],
        &["chat"][..],
    ] {
        let ran = bus.run(arguments).await;
        assert_eq!(ran.code, Some(69), "{arguments:?}: {ran:?}");
        assert!(ran.err.contains("org.companiond is not on the bus (session)"), "{ran:?}");
        assert!(ran.err.contains("hint: start it: companiond --bus session"), "{ran:?}");
    }
    let json = bus.run(&["--json", "status"]).await;
    assert_eq!(error(&json.err)["hint"], "start it: companiond --bus session");
}

#[tokio::test]
async fn a_daemon_on_the_other_bus_is_pointed_at() {
    let (bus, other) = (Bus::start(), Bus::start());
    let _daemon = Scripted::start(&bus).await;
    // The system bus is there without the daemon, then it is not there at all.
    for system in [other.address(), "unix:path=/nonexistent".to_owned()] {
        let mut program = bus.program(&["--bus", "system", "status"]);
        let ran = ran(program.env("DBUS_SYSTEM_BUS_ADDRESS", system)).await;
        assert_eq!(ran.code, Some(69), "{ran:?}");
        assert!(ran.err.contains("--bus session"), "{ran:?}");
    }
}

#[tokio::test]
async fn no_bus_at_all_is_unavailable() {
    let bus = Bus::start();
    let mut program = bus.program(&["status"]);
    let ran = ran(program.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")).await;
    assert_eq!(ran.code, Some(69), "{ran:?}");
    assert!(ran.err.contains("the session bus cannot be reached"), "{ran:?}");
}

#[tokio::test]
async fn a_daemon_that_leaves_in_the_middle_of_a_request_ends_the_command() {
    let bus = Bus::start();
    let daemon = Scripted::start(&bus).await;
    let child = bus.program(&["ask", "hang"]).spawn().unwrap();
    daemon.saw("ask hang aloud=false").await;
    daemon.vanish().await;
    let output = tokio::time::timeout(Duration::from_secs(10), child.wait_with_output()).await;
    let output = output.expect("it ends by itself").unwrap();
    let ran = done(output.status, &output.stdout, &output.stderr);
    assert_eq!(ran.code, Some(69), "{ran:?}");
    assert!(ran.err.contains("org.companiond"), "{ran:?}");
}

#[tokio::test]
async fn what_never_ends_is_given_up_after_the_time_limit() {
    let bus = Bus::start();
    let _daemon = Scripted::start(&bus).await;
    let ran = bus.run(&["--timeout", "0.3", "ask", "hang"]).await;
    assert_eq!(ran.code, Some(75), "{ran:?}");
    assert!(ran.err.contains("--timeout"), "{ran:?}");
}

#[tokio::test]
async fn control_c_cancels() {
    let bus = Bus::start();
    let daemon = Scripted::start(&bus).await;
    let child = bus.program(&["ask", "hang"]).spawn().unwrap();
    daemon.saw("ask hang aloud=false").await;
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(130));
}

#[tokio::test]
async fn what_is_not_known_is_told_with_what_is() {
    let bus = Bus::start();
    let _daemon = Scripted::start(&bus).await;
    let model = bus.run(&["model", "load", "other"]).await;
    assert_eq!(model.code, Some(66));
    assert!(model.err.contains("no model has the id other; there are: tiny-llm"), "{model:?}");
    let profile = bus.run(&["profile", "show", "other"]).await;
    assert_eq!(profile.code, Some(66));
    assert_eq!(bus.run(&["model", "load", "tiny-llm"]).await.code, Some(71));
    let missing = bus.run(&["profile", "import", "/nowhere.toml"]).await;
    assert_eq!(missing.code, Some(66));
    assert!(missing.err.contains("/nowhere.toml"), "{missing:?}");
}
