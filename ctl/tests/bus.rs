//! A private D-Bus daemon, and the command line as a process on it. Both end by their pids.

use std::path::Path;
use std::process::{Child, Command as StdCommand, ExitStatus, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;
use zbus::Connection;

/// How long a command may run in a test.
const LIMIT: Duration = Duration::from_secs(60);

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_companionctl");

/// A bus that nobody else is on, in a folder of its own.
pub(crate) struct Bus {
    daemon: Child,
    folder: TempDir,
}

impl Bus {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("bus");
        let daemon = StdCommand::new("dbus-daemon")
            .args(["--session", "--nofork", "--nopidfile", "--print-address"])
            .arg(format!("--address=unix:path={}", socket.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut daemon = daemon.expect("dbus-daemon starts: run packaging/install-deps");
        // Its first line says that it listens.
        let mut line = String::new();
        let out = daemon.stdout.as_mut().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).unwrap();
        assert!(line.starts_with("unix:path="), "{line}");
        Self { daemon, folder }
    }

    pub(crate) fn address(&self) -> String {
        format!("unix:path={}", self.folder.path().join("bus").display())
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn connect(&self) -> Connection {
        zbus::connection::Builder::address(self.address().as_str()).build().await.unwrap()
    }

    /// The program, in English, with this bus as its session bus and no system bus.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .env("COMPANION_BUS", "session")
            .env("DBUS_SESSION_BUS_ADDRESS", self.address())
            .env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs it to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        ran(&mut self.program(arguments)).await
    }

    /// Runs it with `--json`; it must succeed and print one line of JSON.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(arguments);
        let ran = self.run(&all).await;
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{arguments:?}");
        assert_eq!(ran.out.lines().count(), 1, "{arguments:?}: {}", ran.out);
        serde_json::from_str(&ran.out).unwrap()
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// What a run left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) async fn ran(command: &mut Command) -> Ran {
    let run = tokio::time::timeout(LIMIT, command.output()).await;
    let Output { status, stdout, stderr } = run.expect("the command ends").unwrap();
    done(status, &stdout, &stderr)
}

pub(crate) fn done(status: ExitStatus, out: &[u8], err: &[u8]) -> Ran {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Ran { code: status.code(), out: text(out), err: text(err) }
}
