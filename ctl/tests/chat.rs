//! `chat` in a pipe, and `monitor`.

use std::process::{Command, Stdio};
use std::time::Duration;

use companion_bus::manager::Manager;
use companion_bus::memory::Memory;
use companion_bus::names;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use crate::bus::{Bus, Ran, done};
use crate::scripted::{Scripted, more};

/// Runs it with this input.
async fn fed(bus: &Bus, arguments: &[&str], input: &str) -> Ran {
    let mut child = bus.program(arguments).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
    let output = tokio::time::timeout(Duration::from_secs(30), child.wait_with_output()).await;
    let output = output.expect("it ends with its input").unwrap();
    done(output.status, &output.stdout, &output.stderr)
}

fn interrupt(child: &Child) {
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
}

fn lines(child: &mut Child) -> Lines<BufReader<ChildStdout>> {
    BufReader::new(child.stdout.take().unwrap()).lines()
}

/// The next line of this kind.
async fn event(lines: &mut Lines<BufReader<ChildStdout>>, kind: &str) -> Value {
    let wait = async {
        loop {
            let line = lines.next_line().await.unwrap().expect("it goes on");
            let value: Value = serde_json::from_str(&line).unwrap();
            if value["kind"] == kind {
                return value;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("the event comes")
}

#[tokio::test]
async fn a_pipe_asks_one_thing_after_another_in_plain_text() {
    let bus = Bus::start();
    let daemon = Scripted::start(&bus).await;
    let ran = fed(&bus, &["chat", "--quiet"], "我叫什么名字\n\nand now").await;
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    let first = "you: 我叫什么名字\n\
                 companion: 你叫小明。[31m很高兴！  (happy · first token 120 ms · first audio 240 ms)\n\
                 you: 几点了  (zh, calm)\n";
    assert!(ran.out.starts_with(first), "{}", ran.out);
    assert!(ran.out.contains("you: and now\n"), "{}", ran.out);
    assert!(!ran.out.contains('\x1b'), "{}", ran.out);
    let calls = daemon.calls();
    assert_eq!(calls[0], "open_session node");
    assert!(calls.contains(&"send_text and now aloud=false".to_owned()), "{calls:?}");
    assert_eq!(calls.last().unwrap(), "close");
}

#[tokio::test]
async fn programs_get_the_events_of_a_chat() {
    let bus = Bus::start();
    let _daemon = Scripted::start(&bus).await;
    let ran = fed(&bus, &["--json", "chat"], "x\n").await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let kinds: Vec<Value> = ran.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let kinds: Vec<&str> = kinds.iter().map(|v| v["kind"].as_str().unwrap()).collect();
    assert_eq!(&kinds[..5], ["state", "transcript", "emotion", "token", "token"]);
}

#[tokio::test]
async fn control_c_breaks_the_reply_and_twice_ends_the_chat() {
    let bus = Bus::start();
    let daemon = Scripted::start(&bus).await;
    let mut child = bus.program(&["chat"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut keys = child.stdin.take().unwrap();
    keys.write_all(b"hang\n").await.unwrap();
    daemon.saw("send_text hang aloud=true").await;
    interrupt(&child);
    daemon.saw("interrupt").await;
    interrupt(&child);
    let output = tokio::time::timeout(Duration::from_secs(20), child.wait_with_output()).await;
    assert_eq!(output.expect("it ends").unwrap().status.code(), Some(0));
    drop(keys);
}

#[tokio::test]
async fn a_chat_ends_with_the_daemon() {
    let bus = Bus::start();
    let daemon = Scripted::start(&bus).await;
    let mut child = bus.program(&["chat"]).stdin(Stdio::piped()).spawn().unwrap();
    let keys = child.stdin.take().unwrap();
    daemon.saw("open_events ").await;
    daemon.vanish().await;
    drop(daemon);
    let output = tokio::time::timeout(Duration::from_secs(20), child.wait_with_output()).await;
    assert_eq!(output.expect("it ends").unwrap().status.code(), Some(69));
    drop(keys);
}

#[tokio::test]
async fn a_monitor_shows_events_and_signals_until_it_is_stopped() {
    let bus = Bus::start();
    let daemon = Scripted::start(&bus).await;
    let mut child = bus.program(&["--json", "monitor"]).spawn().unwrap();
    let mut out = lines(&mut child);
    daemon.saw("open_events ").await;
    let server = daemon.connection().object_server();
    let root = server.interface::<_, Manager<Scripted>>(names::ROOT).await.unwrap();
    let dict = more("more", "text");
    Manager::<Scripted>::alert(root.signal_emitter(), "a", 1, "hot", dict).await.unwrap();
    assert_eq!(event(&mut out, "alert").await["more"]["more"], "text");
    root.get().await.state_changed(root.signal_emitter()).await.unwrap();
    let property = event(&mut out, "property").await;
    assert_eq!((&property["name"], &property["value"]), (&"State".into(), &"idle".into()));
    let memory = server.interface::<_, Memory<Scripted>>(names::MEMORY).await.unwrap();
    let ids = vec!["m1".to_owned()];
    Memory::<Scripted>::changed(memory.signal_emitter(), "add", ids).await.unwrap();
    assert_eq!(event(&mut out, "memory").await["ids"][0], "m1");
    interrupt(&child);
    let status = tokio::time::timeout(Duration::from_secs(20), child.wait()).await;
    assert_eq!(status.expect("it ends").unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_monitor_with_a_time_limit_just_ends() {
    let bus = Bus::start();
    let _daemon = Scripted::start(&bus).await;
    let ran = bus.run(&["--timeout", "0.3", "monitor", "alert"]).await;
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
}
