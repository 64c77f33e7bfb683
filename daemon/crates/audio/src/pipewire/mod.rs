//! Microphone and loudspeaker as native PipeWire nodes: `companion.mic` captures 16 kHz mono, `companion.speaker`
//! plays the playback queue. Both live on one loop thread, whose objects never leave it; the callbacks run on
//! PipeWire's data thread and touch nothing but rings and atomics.

mod capture;
mod link;
mod microphone;
mod playback_node;
mod status;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use companion_types::SampleRate;
use crossbeam_utils::atomic::AtomicCell;
use ringbuf::HeapRb;
use ringbuf::traits::Split as _;

use crate::error::AudioError;
use crate::shared_tap::SharedTap;

pub use link::NodeLoop;
pub use microphone::Microphone;
pub use status::{NodeInfo, NodeStatus};

use capture::CaptureSink;
use playback_node::PlaybackSource;
use status::Shared;

/// Name of the capture node.
pub const MICROPHONE: &str = "companion.mic";
/// Name of the playback node.
pub const SPEAKER: &str = "companion.speaker";
/// Sound that may wait in a ring, in milliseconds.
const RING_MS: u64 = 2_000;

/// How the nodes are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSettings {
    /// Node to listen to; `None`: the session manager's default.
    pub input: Option<String>,
    /// Node to play to; `None`: the session manager's default.
    pub output: Option<String>,
    /// Rate of the playback node.
    pub rate: SampleRate,
    /// Frames of a graph cycle that are asked for, at 48 kHz.
    pub quantum: u32,
    /// Socket of the PipeWire server; `None`: as the environment says.
    pub remote: Option<String>,
    /// Whether the own voice is taken out of what is heard.
    pub echo_cancel: bool,
}

/// What is wanted of the loop; it looks every 50 ms whether something changed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wishes {
    input: Option<String>,
    output: Option<String>,
    muted: bool,
    stop: bool,
}

struct Inner {
    // Written by the control, read by the loop thread; neither waits while it holds it.
    wishes: Mutex<Wishes>,
    status: Shared,
    /// Where captured samples go; taken by the callback for as long as it runs.
    capture: AtomicCell<Option<Box<CaptureSink>>>,
    /// Where played samples come from; taken by the callback for as long as it runs.
    playback: AtomicCell<Option<Box<PlaybackSource>>>,
    /// Samples asked for in one cycle of the playback node.
    quantum: AtomicU64,
}

impl Inner {
    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What may be asked of the nodes; clones share them.
#[derive(Clone)]
pub struct NodeControl(Arc<Inner>);

impl std::fmt::Debug for NodeControl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NodeControl")
    }
}

/// The nodes of a companion: their control, the microphone for the `hear` thread, and the loop that a thread
/// of the caller must run.
///
/// # Errors
/// When the canceller does not take the rate.
pub fn nodes(
    settings: NodeSettings,
    tap: SharedTap,
) -> Result<(NodeControl, Microphone, NodeLoop), AudioError> {
    let ring = |rate: SampleRate| {
        HeapRb::<f32>::new(usize::try_from(rate.samples_of(RING_MS)).unwrap_or(1 << 16)).split()
    };
    let (captured, heard) = ring(companion_types::CAPTURE_RATE);
    let (sounded, reference) = ring(settings.rate);
    let inner = Arc::new(Inner {
        wishes: Mutex::new(Wishes {
            input: settings.input.clone(),
            output: settings.output.clone(),
            muted: false,
            stop: false,
        }),
        status: Shared::default(),
        capture: AtomicCell::new(Some(Box::new(CaptureSink(captured)))),
        playback: AtomicCell::new(Some(Box::new(PlaybackSource::new(tap, sounded)))),
        quantum: AtomicU64::new(0),
    });
    let canceller = settings.echo_cancel.then_some(settings.rate);
    let microphone = Microphone::new(Arc::clone(&inner), heard, reference, canceller)?;
    let node_loop = NodeLoop::new(settings, Arc::clone(&inner));
    Ok((NodeControl(inner), microphone, node_loop))
}

impl NodeControl {
    /// Listens to another node from now on.
    pub fn set_input(&self, node: Option<String>) {
        self.0.wishes().input = node;
    }

    /// Plays to another node from now on.
    pub fn set_output(&self, node: Option<String>) {
        self.0.wishes().output = node;
    }

    /// Destroys the capture node, or makes it again.
    pub fn mute(&self, on: bool) {
        self.0.wishes().muted = on;
    }

    /// Ends the loop and the microphone.
    pub fn stop(&self) {
        self.0.wishes().stop = true;
        self.0.status.stop();
    }

    /// How the nodes are.
    #[must_use]
    pub fn status(&self) -> NodeStatus {
        let mut status = self.0.status.snapshot();
        status.quantum = u32::try_from(self.0.quantum.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
        status.mic_muted = self.0.wishes().muted;
        status
    }
}
