//! The daemon as a process: readiness, bad input, clients that vanish, starts that cannot succeed.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::time::Duration;

use companion_audio::write_wav;
use companion_bus::client::finish;
use companion_bus::manager::ManagerProxy;
use companion_bus::memory::MemoryProxy;
use companion_bus::models::ModelProxy;
use companion_bus::session::SessionProxy;
use companion_bus::types::{get, put};
use companion_bus::{Dict, Error, TurnResult};
use companion_types::CAPTURE_RATE;
use futures_util::StreamExt as _;
use zbus::Connection;

use crate::support::process::{Process, World, program};
use crate::support::{root, speech};

fn kind(error: &Error) -> &'static str {
    error.parts().0
}

async fn ask(connection: &Connection, text: &str) -> Result<TurnResult, Error> {
    let manager = ManagerProxy::new(connection).await?;
    let call = async |options| manager.ask(text.to_owned(), options).await;
    let result = finish(connection, Dict::new(), call, |_| ()).await?;
    Ok(TurnResult::from_dict(&result))
}

/// A descriptor from which these bytes are read.
fn file_of(folder: &Path, bytes: &[u8]) -> zbus::OwnedFd {
    let path = folder.join("clip");
    std::fs::write(&path, bytes).unwrap();
    std::os::fd::OwnedFd::from(std::fs::File::open(path).unwrap()).into()
}

async fn transcribe(connection: &Connection, folder: &Path, wav: &[u8]) -> Result<String, Error> {
    let manager = ManagerProxy::new(connection).await?;
    let call = async |options| manager.transcribe(file_of(folder, wav), options).await;
    let result = finish(connection, Dict::new(), call, |_| ()).await?;
    Ok(get::<String>(&result, "text").unwrap())
}

async fn nobody_holds_the_microphone(manager: &ManagerProxy<'_>) {
    let mut tries = 0;
    while manager.active_session().await.unwrap().as_str() != "/" {
        tries += 1;
        assert!(tries < 200, "the session stays");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn ready_comes_after_warm_up_and_the_watchdog_is_fed_until_the_end() {
    let world = World::new();
    let path = world.folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut daemon = Process::start(world.daemon(false).env("NOTIFY_SOCKET", &path));
    let receive = || {
        let mut text = [0; 4096];
        let count = socket.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..count]).into_owned()
    };
    let mut before = String::new();
    let mut message = receive();
    while !message.contains("READY=1") {
        before.push_str(&message);
        message = receive();
    }
    assert!(before.contains("STATUS=loading"), "{before}");
    // Ready means ready: a question is answered at once.
    let connection = world.connect().await;
    assert!(!ask(&connection, "我今天很难过").await.unwrap().text.is_empty());
    for _ in 0..3 {
        while !receive().contains("WATCHDOG=1") {}
    }
    daemon.signal("-TERM");
    let mut rest = String::new();
    while !rest.contains("STOPPING=1") {
        rest.push_str(&receive());
    }
    assert!(daemon.wait(Duration::from_secs(20)).unwrap().success());
}

#[tokio::test]
async fn bad_input_gets_a_typed_error_and_the_daemon_lives() {
    let world = World::new();
    let _daemon = world.start(&mut world.daemon(false)).await;
    let connection = world.connect().await;
    for text in [String::new(), "  \n".to_owned(), "字".repeat(350_000)] {
        assert_eq!(kind(&ask(&connection, &text).await.unwrap_err()), "InvalidArgument");
    }
    let memory = MemoryProxy::new(&connection).await.unwrap();
    let wrong = memory.forget(vec!["42".into()], Dict::new()).await.unwrap_err();
    assert_eq!(kind(&wrong), "InvalidArgument");
    let none = memory.forget(vec!["m42".into()], Dict::new()).await.unwrap_err();
    assert_eq!(kind(&none), "NotFound");
    assert_eq!(kind(&memory.explain(99, Dict::new()).await.unwrap_err()), "NotFound");
    let manager = ManagerProxy::new(&connection).await.unwrap();
    let mut options = Dict::new();
    put(&mut options, "emotion", "hungry");
    let error = manager.say("hello".into(), options).await.unwrap_err();
    assert!(kind(&error) == "InvalidArgument" && error.parts().1.contains("happy"), "{error}");
    // Nobody plays: a typed error, not silence.
    assert_eq!(kind(&manager.say("hello".into(), Dict::new()).await.unwrap_err()), "Unavailable");
    // Sound of all sorts.
    let folder = world.folder.path();
    let mut good = std::io::Cursor::new(Vec::new());
    write_wav(&mut good, &speech("你好"), CAPTURE_RATE).unwrap();
    let good = good.into_inner();
    assert!(!transcribe(&connection, folder, &good).await.unwrap().is_empty());
    let mut huge = good.clone();
    huge[4..8].copy_from_slice(&0x7fff_fff0_u32.to_le_bytes());
    huge[40..44].copy_from_slice(&0x7fff_ff00_u32.to_le_bytes());
    for (what, wav) in
        [("empty", &good[..0]), ("header", &good[..30]), ("text", b"hello world".as_slice())]
    {
        let error = transcribe(&connection, folder, wav).await.unwrap_err();
        assert_eq!(kind(&error), "InvalidArgument", "{what}: {error}");
    }
    for (what, wav) in [("cut", &good[..good.len() / 2]), ("huge header", huge.as_slice())] {
        if let Err(error) = transcribe(&connection, folder, wav).await {
            assert_eq!(kind(&error), "InvalidArgument", "{what}: {error}");
        }
    }
    assert!(!ask(&connection, "我今天很难过").await.unwrap().text.is_empty());
}

#[tokio::test]
async fn a_damaged_model_is_refused_by_name_and_the_old_one_works_on() {
    let world = World::new();
    let models = world.folder.path().join("models");
    let broken = models.join("broken-brain");
    std::fs::create_dir_all(&broken).unwrap();
    let whole = root().join("models/companion-brain-starter");
    for entry in std::fs::read_dir(&whole).unwrap().flatten() {
        std::fs::copy(entry.path(), broken.join(entry.file_name())).unwrap();
    }
    let weights = std::fs::read(whole.join("model.safetensors")).unwrap();
    let mut command = world.daemon(false);
    let folders = [models.display().to_string(), root().join("models").display().to_string()];
    command.arg("--set").arg(format!("paths.models={folders:?}"));
    let _daemon = world.start(&mut command).await;
    let connection = world.connect().await;
    let path = companion_bus::names::model_path("broken-brain");
    let model = ModelProxy::builder(&connection).path(path).build().await.unwrap();
    for cut in [0, 7, 100, 5_000, weights.len() / 2, weights.len() - 1] {
        std::fs::write(broken.join("model.safetensors"), &weights[..cut]).unwrap();
        let call = async |options| model.load(options).await;
        let error = finish(&connection, Dict::new(), call, |_| ()).await.unwrap_err();
        assert_eq!(kind(&error), "Corrupt", "cut at {cut}: {error}");
        assert!(error.parts().1.contains("model.safetensors"), "{error}");
        assert_eq!(ask(&connection, "我今天很难过").await.unwrap().answered_by, "model");
    }
    std::fs::write(broken.join("model.safetensors"), &weights).unwrap();
    let call = async |options| model.load(options).await;
    let loaded = finish(&connection, Dict::new(), call, |_| ()).await.unwrap();
    assert!(get::<u32>(&loaded, "loaded_ms").is_some());
    assert_eq!(ask(&connection, "我今天很难过").await.unwrap().answered_by, "model");
    model.unload(Dict::new()).await.unwrap();
    assert_eq!(ask(&connection, "我今天很难过").await.unwrap().answered_by, "apology");
}

#[tokio::test]
async fn a_whole_spoken_turn_goes_over_descriptors_and_ends_with_its_client() {
    let world = World::new();
    let _daemon = world.start(&mut world.daemon(false)).await;
    let connection = world.connect().await;
    let manager = ManagerProxy::new(&connection).await.unwrap();
    let mut options = Dict::new();
    put(&mut options, "audio", "fd");
    let path = manager.open_session(options).await.unwrap();
    let session = SessionProxy::builder(&connection).path(path).build().await.unwrap();
    let mut ended = session.receive_turn_ended().await.unwrap();
    let (input, _) = session.open_audio_in(Dict::new()).await.unwrap();
    let (output, format) = session.open_audio_out(Dict::new()).await.unwrap();
    assert_eq!(get::<u32>(&format, "rate"), Some(48_000));
    assert_ne!(manager.active_session().await.unwrap().as_str(), "/");
    let mut input = UnixStream::from(std::os::fd::OwnedFd::from(input));
    let pcm = speech("我今天很难过");
    let speaking = tokio::task::spawn_blocking(move || {
        let bytes: Vec<u8> =
            pcm.iter().flat_map(|s| ((s * 32767.0) as i16).to_le_bytes()).collect();
        input.write_all(&bytes).unwrap();
    });
    let mut output = UnixStream::from(std::os::fd::OwnedFd::from(output));
    let listening = tokio::task::spawn_blocking(move || {
        let mut heard = Vec::new();
        let _ = output.read_to_end(&mut heard);
        heard
    });
    let end = tokio::time::timeout(Duration::from_secs(30), ended.next()).await.unwrap().unwrap();
    let report = TurnResult::from_dict(end.args().unwrap().report());
    assert_eq!((report.outcome.as_str(), &report.heard_text), ("heard", &report.text));
    assert!(report.latency_ms["first_audio"] > 0.0);
    speaking.await.unwrap();
    session.close(Dict::new()).await.unwrap();
    let heard = listening.await.unwrap();
    let loudest = heard.chunks_exact(2).map(|p| i16::from_le_bytes([p[0], p[1]]).abs()).max();
    assert!(loudest > Some(2_000), "{loudest:?}");
    nobody_holds_the_microphone(&manager).await;
}

#[tokio::test]
async fn a_client_that_vanishes_leaves_nothing_behind() {
    let world = World::new();
    let _daemon = world.start(&mut world.daemon(false)).await;
    let watching = world.connect().await;
    let manager = ManagerProxy::new(&watching).await.unwrap();
    for _ in 0..3 {
        let connection = world.connect().await;
        let theirs = ManagerProxy::new(&connection).await.unwrap();
        let mut options = Dict::new();
        put(&mut options, "audio", "fd");
        let path = theirs.open_session(options).await.unwrap();
        let session = SessionProxy::builder(&connection).path(path).build().await.unwrap();
        let (_input, _) = session.open_audio_in(Dict::new()).await.unwrap();
        theirs.ask("我今天很难过".into(), Dict::new()).await.unwrap();
        drop((theirs, session));
        connection.close().await.unwrap();
        nobody_holds_the_microphone(&manager).await;
    }
    assert!(!ask(&watching, "我今天很难过").await.unwrap().text.is_empty());
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let world = World::new();
    let mut kept = Vec::new();
    for round in 0..4 {
        let daemon = world.start(&mut world.daemon(false)).await;
        let connection = world.connect().await;
        let memory = MemoryProxy::new(&connection).await.unwrap();
        for n in 0..10 {
            let text = format!("第{round}次第{n}件事");
            kept.push((memory.add(text.clone(), Dict::new()).await.unwrap(), text));
        }
        daemon.signal("-KILL");
        drop(daemon);
    }
    let _daemon = world.start(&mut world.daemon(false)).await;
    let connection = world.connect().await;
    let memory = MemoryProxy::new(&connection).await.unwrap();
    for (id, text) in kept {
        assert_eq!(memory.get(id, Dict::new()).await.unwrap().0.text, text);
    }
}

#[tokio::test]
async fn a_start_that_cannot_succeed_says_why() {
    let world = World::new();
    let run = |command: &mut std::process::Command| {
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, text) = run(world.daemon(false).args(["--set", "memory.top_q=5"]));
    assert!(code == Some(78) && text.contains("top_q"), "{code:?} {text}");
    let nowhere = world.folder.path().join("nowhere.toml");
    let (code, text) = run(world.command(program("companiond")).arg("--config").arg(&nowhere));
    assert!(code == Some(66) && text.contains("nowhere.toml"), "{code:?} {text}");
    let address = format!("unix:path={}", world.folder.path().join("no-bus").display());
    let (code, text) = run(world.daemon(false).env("DBUS_SESSION_BUS_ADDRESS", address));
    assert!(code == Some(69) && text.contains("DBUS_SESSION_BUS_ADDRESS"), "{code:?} {text}");
    let _daemon = world.start(&mut world.daemon(false)).await;
    let other = world.folder.path().join("other");
    let mut second = world.daemon(false);
    second.arg("--set").arg(format!("paths.state=\"{}\"", other.display()));
    let (code, text) = run(&mut second);
    assert!(code == Some(69) && text.contains("taken"), "{code:?} {text}");
}
