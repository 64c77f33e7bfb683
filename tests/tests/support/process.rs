//! The daemon as a process, on a private bus, with or without a private PipeWire. Everything that is started
//! here ends by its pid when its handle is dropped.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use companion_bus::names::BUS_NAME;
use tempfile::TempDir;

use super::root;

/// A program that ends with its handle.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).spawn();
        assert!(child.is_ok(), "{command:?}: {child:?}; run packaging/install-deps");
        Self(child.unwrap())
    }

    /// Sends a signal by pid.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        while start.elapsed() < limit {
            if let Some(status) = self.0.try_wait().unwrap() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.0.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = Command::new("kill").arg(self.0.id().to_string()).status();
            if self.wait(Duration::from_secs(3)).is_none() {
                let _ = self.0.kill();
            }
        }
        let _ = self.0.wait();
    }
}

/// Waits until `done`; panics with `what` after `limit`.
pub(crate) fn until(what: &str, limit: Duration, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < limit, "{what} did not come within {limit:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A private place with a bus of its own.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    // Dropped last to first: the sound before the bus.
    sound: Vec<Process>,
    _bus: Process,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("companion-test").tempdir().unwrap();
        let socket = folder.path().join("bus");
        let bus = Process::start(
            Command::new("dbus-daemon")
                .args(["--session", "--nofork", "--nopidfile"])
                .arg(format!("--address=unix:path={}", socket.display()))
                .stderr(Stdio::null()),
        );
        until("the bus", Duration::from_secs(5), || socket.exists());
        Self { folder, sound: Vec::new(), _bus: bus }
    }

    pub(crate) fn bus_address(&self) -> String {
        format!("unix:path={}", self.folder.path().join("bus").display())
    }

    /// A program that sees this world only.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env("XDG_RUNTIME_DIR", self.folder.path())
            .env("DBUS_SESSION_BUS_ADDRESS", self.bus_address())
            .env("RAYON_NUM_THREADS", "1")
            .env_remove("NOTIFY_SOCKET");
        command
    }

    /// Brings up PipeWire and WirePlumber.
    pub(crate) fn start_pipewire(&mut self) {
        let quiet = |mut command: Command| {
            Process::start(command.stdout(Stdio::null()).stderr(Stdio::null()))
        };
        self.sound.push(quiet(self.command("pipewire")));
        let socket = self.folder.path().join("pipewire-0");
        until("PipeWire", Duration::from_secs(5), || socket.exists());
        let mut manager = self.command("wireplumber");
        manager.env("XDG_CONFIG_HOME", root().join("packaging/pipewire"));
        self.sound.push(quiet(manager));
        let listed = || self.listed("Client").contains("WirePlumber");
        until("WirePlumber", Duration::from_secs(5), listed);
    }

    /// Ends PipeWire and WirePlumber, as a crash would.
    pub(crate) fn kill_pipewire(&mut self) {
        for process in &mut self.sound {
            process.signal("-KILL");
            process.wait(Duration::from_secs(3));
        }
        self.sound.clear();
        let _ = std::fs::remove_file(self.folder.path().join("pipewire-0"));
    }

    /// Keeps a program of the sound world running.
    pub(crate) fn keep(&mut self, command: &mut Command) {
        let process = Process::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
        self.sound.push(process);
    }

    fn listed(&self, what: &str) -> String {
        let listed = self.command("pw-cli").args(["ls", what]).output().unwrap();
        String::from_utf8_lossy(&listed.stdout).into_owned()
    }

    /// Waits for a node.
    pub(crate) fn await_node(&self, name: &str) {
        let wanted = format!("\"{name}\"");
        until(name, Duration::from_secs(10), || self.listed("Node").contains(&wanted));
    }

    pub(crate) async fn connect(&self) -> zbus::Connection {
        let builder = zbus::connection::Builder::address(self.bus_address().as_str());
        builder.build().await.unwrap()
    }

    /// The daemon's command line; with `audio`, its nodes are those of `packaging/quickstart.toml`.
    pub(crate) fn daemon(&self, audio: bool) -> Command {
        let mut command = self.command(program("companiond"));
        let set = |key: &str, path: PathBuf| format!("{key}=\"{}\"", path.display());
        command.args(["--bus", "session", "--log", "warn"]);
        command.args(["--set", &set("paths.state", self.folder.path().join("state"))]);
        command.args(["--set", &set("paths.data", root().join("static"))]);
        command.arg("--set");
        command.arg(format!("paths.models=[\"{}\"]", root().join("models").display()));
        if audio {
            command.arg("--config").arg(root().join("packaging/quickstart.toml"));
        } else {
            command.args(["--set", "audio.backend=none"]);
        }
        command
    }

    /// Starts the daemon and waits until it answers.
    pub(crate) async fn start(&self, command: &mut Command) -> Process {
        let daemon = Process::start(command);
        let connection = self.connect().await;
        let dbus = zbus::fdo::DBusProxy::new(&connection).await.unwrap();
        let name = zbus::names::BusName::try_from(BUS_NAME).unwrap();
        let mut tries = 0;
        while !dbus.name_has_owner(name.clone()).await.unwrap() {
            tries += 1;
            assert!(tries < 1_500, "companiond does not come onto the bus");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        daemon
    }
}

/// A program of the same build.
pub(crate) fn program(name: &str) -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    let path = exe.ancestors().nth(2).unwrap().join(name);
    assert!(Path::new(&path).exists(), "{} is missing: cargo build --workspace", path.display());
    path
}
