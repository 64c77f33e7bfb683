//! What is told about the PipeWire device: its state, its nodes, its levels, its changes. Values only.

use companion_types::SampleRate;

/// Which of the daemon's nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeRole {
    /// `companion.mic`: captures 16 kHz mono.
    Microphone,
    /// `companion.speaker`: plays the replies.
    Speaker,
}

impl NodeRole {
    /// The node's name in the graph, which is also its role on the bus.
    #[must_use]
    pub fn node_name(self) -> &'static str {
        match self {
            Self::Microphone => "companion.mic",
            Self::Speaker => "companion.speaker",
        }
    }
}

/// Why there is no sound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LostReason {
    /// The loop did not try yet.
    #[error("not started yet")]
    NotStarted,
    /// Nobody answers at the socket.
    #[error("no PipeWire: is it running for this user? {looked_at}: {error}")]
    NotRunning {
        /// `XDG_RUNTIME_DIR=…`, or the socket of the settings.
        looked_at: String,
        /// What the system said.
        error: String,
    },
    /// The connection broke.
    #[error("the connection to PipeWire broke: {message}")]
    Broken {
        /// What PipeWire said.
        message: String,
    },
    /// PipeWire refused something that is needed.
    #[error("PipeWire refused {what}: {message}")]
    Refused {
        /// What was asked for.
        what: &'static str,
        /// What PipeWire said.
        message: String,
    },
    /// The loop was stopped.
    #[error("stopped")]
    Stopped,
}

/// One node of the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStatus {
    /// Which one.
    pub role: NodeRole,
    /// `object.serial`, as soon as the graph has told it.
    pub serial: Option<u64>,
    /// `node.name` of those it is linked with.
    pub peers: Vec<String>,
    /// What its stream complains of, if it does.
    pub trouble: Option<String>,
}

/// Loudness of the microphone over the last 100 ms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// Largest sample, in dBFS; -120 for silence.
    pub peak_dbfs: f32,
    /// Mean power, in dBFS; -120 for silence.
    pub rms_dbfs: f32,
}

/// The device at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct PipewireStatus {
    /// Whether PipeWire answers.
    pub connected: bool,
    /// Why not.
    pub reason: Option<LostReason>,
    /// The daemon's nodes that exist now.
    pub nodes: Vec<NodeStatus>,
    /// Frames that the graph handles at once, 0 while it stands still.
    pub quantum: u32,
    /// Rate of the graph, 0 while it stands still.
    pub graph_rate: SampleRate,
    /// Rate of the microphone's node.
    pub capture_rate: SampleRate,
    /// Rate of the loudspeaker's node.
    pub playback_rate: SampleRate,
    /// Samples of the microphone that nobody fetched in time.
    pub capture_overruns: u64,
    /// Times that a reply had no sound ready.
    pub playback_underruns: u64,
    /// Samples played by the device so far, silence included.
    pub played_samples: u64,
    /// Loudness of the microphone before echo cancellation.
    pub level: Level,
    /// Whether the microphone's node was taken away by the user.
    pub mic_muted: bool,
    /// By how many dB echo is lowered, when that is known.
    pub echo_loss_db: Option<f32>,
}

impl PipewireStatus {
    fn is_linked(&self, role: NodeRole) -> bool {
        self.connected && self.nodes.iter().any(|n| n.role == role && !n.peers.is_empty())
    }

    /// Whether a microphone is linked; otherwise the frames are silence.
    #[must_use]
    pub fn can_hear(&self) -> bool {
        self.is_linked(NodeRole::Microphone)
    }

    /// Whether a loudspeaker is linked; otherwise the playback queue stands still.
    #[must_use]
    pub fn can_play(&self) -> bool {
        self.is_linked(NodeRole::Speaker)
    }
}

/// A change of the device. Some may be missed when nobody fetches them; the status tells all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceEvent {
    /// PipeWire answers.
    Connected,
    /// It no longer does, or did not.
    Lost(LostReason),
    /// One of the daemon's nodes was linked or unlinked.
    Changed {
        /// The daemon's node.
        what: NodeRole,
        /// `node.name` of whom it is linked with, `None` when with nobody.
        node: Option<String>,
    },
}
