//! The loop: connects to PipeWire, keeps both nodes as they are wanted, and connects again for as long as it
//! takes when the server goes away.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use companion_types::SampleRate;
use pipewire::context::ContextRc;
use pipewire::core::CoreRc;
use pipewire::loop_::Timeout;
use pipewire::main_loop::MainLoopRc;
use pipewire::properties::{PropertiesBox, properties as props};
use pipewire::spa::param::ParamType;
use pipewire::spa::param::audio::{AudioFormat, AudioInfoRaw};
use pipewire::spa::pod::serialize::PodSerializer;
use pipewire::spa::pod::{Object, Pod, Value};
use pipewire::spa::utils::{Direction, SpaTypes};
use pipewire::stream::{StreamFlags, StreamRc, StreamState};

use super::capture::{self, Stream};
use super::{Inner, MICROPHONE, NodeInfo, NodeSettings, SPEAKER, Wishes, playback_node};

/// Wishes are looked at this often.
const LOOK: Duration = Duration::from_millis(50);
/// First and longest wait before connecting again.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));
/// A stream in error is made again after this long.
const RETRY: Duration = Duration::from_millis(500);

/// The loop of the nodes; a thread of its own must run it.
pub struct NodeLoop {
    settings: NodeSettings,
    inner: Arc<Inner>,
}

impl std::fmt::Debug for NodeLoop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeLoop").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Properties of a node.
pub(super) fn properties(
    settings: &NodeSettings,
    name: &str,
    category: &str,
    target: Option<&str>,
) -> PropertiesBox {
    let latency = format!("{}/48000", settings.quantum);
    let mut properties = props! {
        *pipewire::keys::MEDIA_TYPE => "Audio",
        *pipewire::keys::MEDIA_CATEGORY => category,
        *pipewire::keys::MEDIA_ROLE => "Communication",
        *pipewire::keys::NODE_NAME => name,
        *pipewire::keys::NODE_DESCRIPTION => "Companion",
        *pipewire::keys::APP_NAME => "companiond",
        *pipewire::keys::NODE_LATENCY => latency,
        "audio.channels" => "1",
        "audio.position" => "[MONO]",
    };
    if let Some(target) = target {
        properties.insert(*pipewire::keys::TARGET_OBJECT, target);
    }
    properties
}

/// Connects a stream: mono f32 at `rate`, processed on the data thread.
pub(super) fn connect(
    stream: &StreamRc,
    direction: Direction,
    rate: SampleRate,
) -> Result<(), pipewire::Error> {
    let mut info = AudioInfoRaw::new();
    info.set_format(AudioFormat::F32LE);
    info.set_rate(rate.0);
    info.set_channels(1);
    let object = Object {
        type_: SpaTypes::ObjectParamFormat.as_raw(),
        id: ParamType::EnumFormat.as_raw(),
        properties: info.into(),
    };
    let bytes = PodSerializer::serialize(std::io::Cursor::new(Vec::new()), &Value::Object(object))
        .map(|(cursor, _)| cursor.into_inner())
        .map_err(|_| pipewire::Error::CreationFailed)?;
    let pod = Pod::from_bytes(&bytes).ok_or(pipewire::Error::CreationFailed)?;
    let flags = StreamFlags::AUTOCONNECT | StreamFlags::MAP_BUFFERS | StreamFlags::RT_PROCESS;
    stream.connect(direction, None, flags, &mut [pod])
}

/// One node as it is wanted and as it is.
struct Node {
    stream: Option<Stream>,
    target: Option<String>,
    broken_since: Option<Instant>,
}

impl Node {
    fn new() -> Self {
        Self { stream: None, target: None, broken_since: None }
    }

    /// Makes, remakes or destroys the stream. `wanted`: the target, or `None` for no node.
    fn adjust(
        &mut self,
        wanted: Option<&Option<String>>,
        make: impl Fn(Option<&str>) -> Result<Stream, pipewire::Error>,
    ) {
        let Some(target) = wanted else {
            self.stream = None;
            return;
        };
        let state = self.stream.as_ref().map(|(stream, _)| stream.state());
        let broken = matches!(state, Some(StreamState::Error(_) | StreamState::Unconnected));
        if state.is_some() && !broken && self.target == *target {
            self.broken_since = None;
            return;
        }
        if state.is_some() && self.target == *target {
            let since = *self.broken_since.get_or_insert_with(Instant::now);
            if since.elapsed() < RETRY {
                return;
            }
        } else if state.is_none() && self.broken_since.is_some_and(|s| s.elapsed() < RETRY) {
            return;
        }
        self.stream = None;
        self.target.clone_from(target);
        match make(target.as_deref()) {
            Ok(stream) => {
                self.stream = Some(stream);
                self.broken_since = None;
            }
            Err(error) => {
                tracing::warn!(%error, "a node cannot be made; it is tried again");
                self.broken_since = Some(Instant::now());
            }
        }
    }

    fn id(&self) -> Option<u32> {
        self.stream.as_ref().map(|(stream, _)| stream.node_id())
    }
}

impl NodeLoop {
    pub(super) fn new(settings: NodeSettings, inner: Arc<Inner>) -> Self {
        Self { settings, inner }
    }

    /// Runs until stopped; on a thread of its own.
    pub fn run(self) {
        pipewire::init();
        let mut wait = BACKOFF.0;
        while !self.inner.status.is_stopped() {
            let start = Instant::now();
            let Err(reason) = self.live() else { return };
            tracing::warn!(reason, "no connection to PipeWire");
            self.inner.status.lost(reason);
            wait = if start.elapsed() > BACKOFF.1 { BACKOFF.0 } else { (wait * 2).min(BACKOFF.1) };
            let until = Instant::now() + wait;
            while Instant::now() < until && !self.inner.status.is_stopped() {
                std::thread::sleep(LOOK);
            }
        }
    }

    fn connect(&self) -> Result<(MainLoopRc, CoreRc), String> {
        let hint = "is PipeWire running for this user, and XDG_RUNTIME_DIR set?";
        let failed =
            |error: pipewire::Error| format!("PipeWire cannot be reached ({error}): {hint}");
        let main_loop = MainLoopRc::new(None).map_err(failed)?;
        let context = ContextRc::new(&main_loop, None).map_err(failed)?;
        let remote = self.settings.remote.as_deref();
        let remote = remote.map(|remote| props! { *pipewire::keys::REMOTE_NAME => remote });
        let core = context.connect_rc(remote).map_err(failed)?;
        Ok((main_loop, core))
    }

    /// One connection: `Ok` when stopped, the reason when it was lost.
    fn live(&self) -> Result<(), String> {
        let (main_loop, core) = self.connect()?;
        let lost: Rc<Cell<bool>> = Rc::default();
        let was_lost = Rc::clone(&lost);
        let _core_listener = core
            .add_listener_local()
            .error(move |id, _, result, message| {
                // -EPIPE on the core: the server is gone.
                tracing::debug!(id, result, message, "PipeWire reports an error");
                if id == 0 && result == -32 {
                    was_lost.set(true);
                }
            })
            .register();
        let registry = core.get_registry_rc().map_err(|e| e.to_string())?;
        let serials: Rc<RefCell<HashMap<u32, u64>>> = Rc::default();
        let (add, remove) = (Rc::clone(&serials), Rc::clone(&serials));
        let _registry_listener = registry
            .add_listener_local()
            .global(move |global| {
                let serial = global.props.and_then(|p| p.get(*pipewire::keys::OBJECT_SERIAL));
                if let Some(serial) = serial.and_then(|s| s.parse().ok()) {
                    add.borrow_mut().insert(global.id, serial);
                }
            })
            .global_remove(move |id| {
                remove.borrow_mut().remove(&id);
            })
            .register();
        let (mut microphone, mut speaker) = (Node::new(), Node::new());
        self.inner.status.connected();
        loop {
            let wishes = self.inner.wishes().clone();
            if wishes.stop {
                return Ok(());
            }
            self.adjust(&core, &wishes, &mut microphone, &mut speaker);
            main_loop.loop_().iterate(Timeout::Finite(LOOK));
            if lost.get() {
                return Err("the PipeWire server went away; waiting for it".to_owned());
            }
            self.note_nodes(&serials.borrow(), &microphone, &speaker);
        }
    }

    fn adjust(&self, core: &CoreRc, wishes: &Wishes, microphone: &mut Node, speaker: &mut Node) {
        let (settings, inner) = (&self.settings, &self.inner);
        speaker.adjust(Some(&wishes.output), |target| {
            playback_node::make(core, settings, target, inner)
        });
        let input = (!wishes.muted).then_some(&wishes.input);
        microphone.adjust(input, |target| capture::make(core, settings, target, inner));
    }

    fn note_nodes(&self, serials: &HashMap<u32, u64>, microphone: &Node, speaker: &Node) {
        let info = |name: &'static str, node: &Node| {
            Some(NodeInfo { name, serial: *serials.get(&node.id()?)? })
        };
        let nodes = [info(MICROPHONE, microphone), info(SPEAKER, speaker)];
        self.inner.status.set_nodes(nodes.into_iter().flatten().collect());
    }
}
