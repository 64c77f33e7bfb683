//! Microphone and loudspeaker: the PipeWire nodes, and clients with sound of their own in their place.

use std::os::unix::net::UnixStream;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use companion_audio::{
    CaptureStream, DeviceEvent, NodeRole, NodeStatus, PipewireControl, PipewireSettings, Playback,
    Player, SharedTap, pipewire_device,
};
use companion_types::AudioFrame;

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
    /// Whether a loudspeaker is linked.
    pub(crate) can_play: bool,
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
    playback: Playback,
    ears: OnceLock<Ears>,
    /// `None`: audio.backend is none.
    nodes: Option<PipewireControl>,
    /// Changes of the nodes; locked for one look.
    events: Option<Mutex<Receiver<DeviceEvent>>>,
    // Taken once, at the end.
    node_loop: Mutex<Option<JoinHandle<()>>>,
}

impl FrameSource for CaptureStream {
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
        playback: Playback,
        tap: SharedTap,
    ) -> Result<(Self, Option<Device>), DaemonError> {
        let ears = OnceLock::new();
        let (events, node_loop) = (None, Mutex::new(None));
        if settings.backend == AudioBackend::None {
            let inner = Inner { tap, playback, ears, nodes: None, events, node_loop };
            return Ok((Self(Arc::new(inner)), None));
        }
        let named = |name: &String| (!name.is_empty()).then(|| name.clone());
        let wanted = PipewireSettings {
            input: named(&settings.input),
            output: named(&settings.output),
            quantum: settings.quantum,
            echo_cancel: settings.echo_cancel,
            ..PipewireSettings::default()
        };
        let device = pipewire_device(wanted, &playback, tap.clone())?;
        let run = device.run;
        let thread = spawn("pw-loop", move || {
            if let Err(error) = run.run() {
                tracing::error!(%error, "there are no audio nodes");
            }
        })?;
        let (events, node_loop) = (Some(Mutex::new(device.events)), Mutex::new(Some(thread)));
        let nodes = Some(device.control);
        let inner = Inner { tap, playback, ears, nodes, events, node_loop };
        Ok((Self(Arc::new(inner)), Some(Box::new(device.capture))))
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
        let role = |role| if role == NodeRole::Microphone { "microphone" } else { "speaker" };
        let node =
            |n: NodeStatus| (n.role.node_name().to_owned(), n.serial.unwrap_or(0), role(n.role));
        let detail = match &status.reason {
            Some(reason) => reason.to_string(),
            None if !status.can_play() => "no loudspeaker is linked: see `wpctl status`".to_owned(),
            None => String::new(),
        };
        DeviceStatus {
            connected: status.connected,
            can_play: status.can_play(),
            detail,
            level_dbfs: (f64::from(status.level.peak_dbfs), f64::from(status.level.rms_dbfs)),
            nodes: status.nodes.into_iter().map(node).collect(),
            mic_muted: status.mic_muted,
            quantum: status.quantum,
            overruns: status.capture_overruns,
            echo_loss_db: f64::from(status.echo_loss_db.unwrap_or(0.0)),
        }
    }

    /// A change of the nodes that was not told yet.
    pub(crate) fn next_change(&self) -> Option<DeviceEvent> {
        let events = self.0.events.as_ref()?;
        events.lock().unwrap_or_else(PoisonError::into_inner).try_recv().ok()
    }

    /// Whether nodes are wanted and PipeWire is gone.
    pub(crate) fn is_lost(&self) -> bool {
        self.0.nodes.as_ref().is_some_and(|nodes| !nodes.status().connected)
    }

    /// Whether anybody plays what is said.
    pub(crate) fn has_speaker(&self) -> bool {
        !self.0.tap.is_routed_to(Player::Node) || self.status().can_play
    }

    fn nodes(&self) -> Result<&PipewireControl, DaemonError> {
        self.0.nodes.as_ref().ok_or_else(|| {
            DaemonError::Unavailable(
                "there are no audio nodes: audio.backend is none in the configuration".to_owned(),
            )
        })
    }

    /// Listens to another node from now on.
    ///
    /// # Errors
    /// When there are no nodes, or the name cannot be one.
    pub(crate) fn set_input(&self, node: Option<String>) -> Result<(), DaemonError> {
        Ok(self.nodes()?.set_input(node)?)
    }

    /// Plays to another node from now on.
    ///
    /// # Errors
    /// When there are no nodes, or the name cannot be one.
    pub(crate) fn set_output(&self, node: Option<String>) -> Result<(), DaemonError> {
        Ok(self.nodes()?.set_output(node)?)
    }

    /// Takes the microphone's node away, or makes it again.
    ///
    /// # Errors
    /// When there are no nodes.
    pub(crate) fn mute(&self, on: bool) -> Result<(), DaemonError> {
        self.nodes()?.mute_microphone(on);
        Ok(())
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
        ClientSpeaker::start(number, socket, self.0.tap.clone(), self.0.playback.rate())
    }

    /// Ends the nodes.
    pub(crate) fn stop(&self) {
        if let Some(nodes) = &self.0.nodes {
            nodes.stop();
        }
        let thread = self.0.node_loop.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && !join_within(thread, GOODBYE)
        {
            tracing::error!("the loop of the audio nodes does not end; it is left behind");
        }
    }
}
