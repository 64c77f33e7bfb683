//! A private PipeWire for tests: bus, daemon and session manager of their own in a temporary runtime
//! folder, a virtual loudspeaker `vspk` and a virtual microphone `vmic`. Ends what it started, by pid.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// One graph at a time: each is a real-time process, and together they miss their deadlines.
static ALONE: Mutex<()> = Mutex::new(());
const PATIENCE: Duration = Duration::from_secs(8);

/// Waits until `done` gives something.
pub(crate) fn wait_for<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(Instant::now() < until, "{what} did not come within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A process that ends with its guard, on a panic too.
pub(crate) struct Process(Child);

impl Process {
    /// Kills it and waits for its end.
    pub(crate) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Asks it to end, as Ctrl-C does, so that it closes its files.
    pub(crate) fn finish(mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        wait_for("the end of a process", || self.0.try_wait().unwrap());
    }

    pub(crate) fn wait(mut self) {
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The private graph. Processes are declared, and so end, in the reverse of their start.
pub(crate) struct Graph {
    manager: Option<Process>,
    pipewire: Option<Process>,
    _bus: Process,
    folder: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Graph {
    pub(crate) fn start() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = TempDir::new().unwrap();
        let bus_address = format!("--address=unix:path={}", folder.path().join("bus").display());
        let mut bus = command(folder.path(), "dbus-daemon", "dbus-daemon");
        bus.args(["--session", "--nofork", "--nopidfile", &bus_address]);
        let bus = run(&mut bus, "dbus-daemon");
        wait_for("the bus", || folder.path().join("bus").exists().then_some(()));
        let mut graph = Self { manager: None, pipewire: None, _bus: bus, folder, _alone: alone };
        graph.start_pipewire();
        graph
    }

    /// Starts PipeWire and its session manager, and makes the virtual devices.
    pub(crate) fn start_pipewire(&mut self) {
        self.pipewire = Some(run(&mut self.command("pipewire", "pipewire"), "pipewire"));
        wait_for("PipeWire", || {
            std::os::unix::net::UnixStream::connect(self.socket()).is_ok().then_some(())
        });
        self.manager = Some(run(&mut self.command("wireplumber", "wireplumber"), "wireplumber"));
        wait_for("the session manager", || {
            self.output("pw-cli", &["ls", "Client"]).contains("WirePlumber").then_some(())
        });
        self.add_node("vspk", "Audio/Sink");
        self.add_node("vmic", "Audio/Source/Virtual");
        self.wait_for_port("vspk:monitor_MONO", "-o");
        self.wait_for_port("vmic:input_MONO", "-i");
    }

    /// The hard way, as when it crashes.
    pub(crate) fn kill_pipewire(&mut self) {
        self.pipewire = None;
        self.manager = None;
    }

    pub(crate) fn add_node(&self, name: &str, class: &str) {
        let props = format!(
            "{{ factory.name=support.null-audio-sink node.name={name} media.class={class} \
             object.linger=true audio.channels=1 audio.position=[MONO] }}"
        );
        self.output("pw-cli", &["create-node", "adapter", &props]);
    }

    pub(crate) fn remove_node(&self, name: &str) {
        self.output("pw-cli", &["destroy", name]);
    }

    /// What the loudspeaker plays is heard by the microphone.
    pub(crate) fn close_the_room(&self) {
        self.link("vspk:monitor_MONO", "vmic:input_MONO");
    }

    pub(crate) fn link(&self, from: &str, to: &str) {
        self.wait_for_port(from, "-o");
        self.output("pw-link", &[from, to]);
    }

    fn wait_for_port(&self, port: &str, way: &str) {
        wait_for(port, || self.output("pw-link", &[way]).contains(port).then_some(()));
    }

    /// Records what `sink` plays, 48 kHz mono, until the process is finished.
    pub(crate) fn record(&self, sink: &str, file: &str) -> (Process, PathBuf) {
        let path = self.folder.path().join(file);
        let mut record = self.command("pw-record", "pipewire-bin");
        record.args(["--target", sink, "-P", "{ stream.capture.sink=true node.name=recorder }"]);
        record.args(["--rate", "48000", "--channels", "1", "--format", "s16"]).arg(&path);
        let process = run(&mut record, "pipewire-bin");
        wait_for("the recorder", || {
            self.output("pw-link", &["-l"]).contains("recorder:input").then_some(())
        });
        (process, path)
    }

    /// Plays a file into the microphone.
    pub(crate) fn play_into_microphone(&self, file: &Path) -> Process {
        let mut play = self.command("pw-play", "pipewire-bin");
        play.args(["--target", "0", "-P", "{ node.name=player }"]).arg(file);
        let process = run(&mut play, "pipewire-bin");
        self.link("player:output_MONO", "vmic:input_MONO");
        process
    }

    pub(crate) fn socket(&self) -> String {
        self.folder.path().join("pipewire-0").to_string_lossy().into_owned()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, program: &str, package: &str) -> Command {
        command(self.folder.path(), program, package)
    }

    fn output(&self, program: &str, args: &[&str]) -> String {
        let out = self.command(program, "pipewire-bin").args(args).output().unwrap();
        String::from_utf8_lossy(&out.stdout).into_owned()
    }
}

fn command(folder: &Path, program: &str, package: &str) -> Command {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .any(|dir| dir.join(program).is_file());
    assert!(found, "{program} is missing: install the package {package} (packaging/install-deps)");
    let mut command = Command::new(program);
    let state = folder.join("state");
    let bus = format!("unix:path={}", folder.join("bus").display());
    command
        .env("XDG_RUNTIME_DIR", folder)
        .env("XDG_STATE_HOME", &state)
        .env("XDG_CONFIG_HOME", &state)
        .env("HOME", folder)
        .env("DBUS_SESSION_BUS_ADDRESS", bus)
        .env("PIPEWIRE_LATENCY", "512/48000")
        .env_remove("PIPEWIRE_REMOTE")
        .env_remove("PIPEWIRE_RUNTIME_DIR")
        .env_remove("DISPLAY");
    command
}

fn run(command: &mut Command, package: &str) -> Process {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn();
    Process(child.unwrap_or_else(|e| panic!("{command:?} ({package}): {e}")))
}
