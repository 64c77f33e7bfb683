//! Microphone and loudspeaker: the PipeWire nodes, and clients with sound of their own in their place.

use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use companion_audio::{
    MICROPHONE, Microphone, NodeControl, NodeSettings, Player, SharedTap, nodes,
};
use companion_types::{AudioFrame, SampleRate};

use crate::app::Device;
use crate::client_audio::{ClientMicrophone, ClientSpeaker};
use crate::config::{AudioBackend, AudioSettings};
use crate::error::DaemonError;
use crate::hear::{Ears, FrameSource};
use crate::worker::{join_within, spawn};

/// The loop of the nodes ends within this.
const GOODBYE: Duration = Duration::from_secs(2);

/// How the devices are.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeviceStatus {
    pub(crate) connected: bool,
    /// Why not, and what to do.
    pub(crate) detail: String,
    /// Name, serial, role.
    pub(crate) nodes: Vec<(String, u64, &'static str)>,
    /// Peak and RMS.
    pub(crate) level_dbfs: (f64, f64),
    pub(crate) mic_muted: bool,
    pub(crate) quantum: u32,
    pub(crate) overruns: u64,
    pub(crate) echo_loss_db: f64,
}

struct Inner {
    tap: SharedTap,
    rate: SampleRate,
    ears: OnceLock<Ears>,
    /// `None`: audio.backend is none.
    nodes: Option<NodeControl>,
    // Taken once, at the end.
    node_loop: Mutex<Option<JoinHandle<()>>>,
}

impl FrameSource for Microphone {
    fn next_frame(&mut self) -> Option<AudioFrame> {
        Self::next_frame(self)
    }
}

/// The devices; clones share them.
#[derive(Clone)]
pub(crate) struct Devices(Arc<Inner>);

/// A client that is listened to; dropping it gives the microphone back to its node.
pub(crate) struct Listening {
    ears: Ears,
    number: u64,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.ears.release(self.number);
    }
}

impl Devices {
    /// Makes the nodes. Gives the microphone, for the `hear` thread.
    ///
    /// # Errors
    /// When a thread cannot be started. A PipeWire that is not there is waited for.
    pub(crate) fn open(
        settings: &AudioSettings,
        tap: SharedTap,
    ) -> Result<(Self, Option<Device>), DaemonError> {
        let rate = SampleRate(settings.playback_rate_hz);
        let ears = OnceLock::new();
        if settings.backend == AudioBackend::None {
            let inner = Inner { tap, rate, ears, nodes: None, node_loop: Mutex::new(None) };
            return Ok((Self(Arc::new(inner)), None));
        }
        let named = |name: &String| (!name.is_empty()).then(|| name.clone());
        let wanted = NodeSettings {
            input: named(&settings.input),
            output: named(&settings.output),
            rate,
            quantum: settings.quantum,
            remote: None,
            echo_cancel: settings.echo_cancel,
        };
        let (control, microphone, node_loop) = nodes(wanted, tap.clone())?;
        let thread = spawn("pw-loop", move || node_loop.run())?;
        let node_loop = Mutex::new(Some(thread));
        let inner = Inner { tap, rate, ears, nodes: Some(control), node_loop };
        Ok((Self(Arc::new(inner)), Some(Box::new(microphone))))
    }

    /// Clients are heard through these ears.
    pub(crate) fn hears_through(&self, ears: Ears) {
        let _ = self.0.ears.set(ears);
    }

    pub(crate) fn status(&self) -> DeviceStatus {
        let Some(nodes) = &self.0.nodes else {
            let detail = "audio.backend is none in the configuration".to_owned();
            let level_dbfs = (-120.0, -120.0);
            return DeviceStatus { detail, level_dbfs, ..DeviceStatus::default() };
        };
        let status = nodes.status();
        let role = |name| if name == MICROPHONE { "microphone" } else { "speaker" };
        let node = |n: companion_audio::NodeInfo| (n.name.to_owned(), n.serial, role(n.name));
        DeviceStatus {
            connected: status.connected,
            detail: status.reason,
            nodes: status.nodes.into_iter().map(node).collect(),
            level_dbfs: (f64::from(status.peak_dbfs), f64::from(status.rms_dbfs)),
            mic_muted: status.mic_muted,
            quantum: status.quantum,
            overruns: status.overruns,
            echo_loss_db: f64::from(status.echo_loss_db),
        }
    }

    /// Whether nodes are wanted and PipeWire is gone.
    pub(crate) fn is_lost(&self) -> bool {
        self.0.nodes.as_ref().is_some_and(|nodes| !nodes.status().connected)
    }

    /// Whether anybody plays what is said.
    pub(crate) fn has_speaker(&self) -> bool {
        !self.0.tap.is_routed_to(Player::Node) || self.status().connected
    }

    fn nodes(&self, tell: impl FnOnce(&NodeControl)) -> bool {
        self.0.nodes.as_ref().map(tell).is_some()
    }

    /// False when there are no nodes.
    pub(crate) fn set_input(&self, node: Option<String>) -> bool {
        self.nodes(|nodes| nodes.set_input(node))
    }

    /// False when there are no nodes.
    pub(crate) fn set_output(&self, node: Option<String>) -> bool {
        self.nodes(|nodes| nodes.set_output(node))
    }

    /// False when there are no nodes.
    pub(crate) fn mute(&self, on: bool) -> bool {
        self.nodes(|nodes| nodes.mute(on))
    }

    /// From now on the client is heard instead of the microphone.
    pub(crate) fn listen_to_client(&self, socket: UnixStream) -> Option<Listening> {
        let ears = self.0.ears.get()?.clone();
        let number = ears.take(Box::new(ClientMicrophone::new(socket)));
        Some(Listening { ears, number })
    }

    /// From now on the client plays what is said.
    pub(crate) fn play_to_client(
        &self,
        number: u32,
        socket: UnixStream,
    ) -> Result<ClientSpeaker, DaemonError> {
        ClientSpeaker::start(number, socket, self.0.tap.clone(), self.0.rate)
    }

    /// Ends the nodes.
    pub(crate) fn stop(&self) {
        self.nodes(NodeControl::stop);
        let thread = self.0.node_loop.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && !join_within(thread, GOODBYE)
        {
            tracing::error!("the loop of the audio nodes does not end; it is left behind");
        }
    }
}
