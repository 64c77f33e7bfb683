//! How the nodes are: written by the loop and the callbacks, read by anybody.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One node of the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeInfo {
    /// `node.name`.
    pub name: &'static str,
    /// `object.serial`.
    pub serial: u64,
}

/// How the nodes are.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeStatus {
    /// Whether PipeWire is there.
    pub connected: bool,
    /// Why not, and what to do; empty when it is.
    pub reason: String,
    /// The nodes that exist.
    pub nodes: Vec<NodeInfo>,
    /// Frames of a cycle of the playback node, 0 before the first.
    pub quantum: u32,
    /// Times that captured sound was lost because nobody took it.
    pub overruns: u64,
    /// Peak of the last 100 ms, dBFS.
    pub peak_dbfs: f32,
    /// RMS of the last 100 ms, dBFS.
    pub rms_dbfs: f32,
    /// How much quieter the own voice is behind the canceller, dB.
    pub echo_loss_db: f32,
    /// Whether the capture node was destroyed.
    pub mic_muted: bool,
    /// Times that the connection was made.
    pub connections: u64,
}

#[derive(Default)]
struct Slow {
    reason: String,
    nodes: Vec<NodeInfo>,
}

/// What is shared; the callbacks touch the atomics only.
#[derive(Default)]
pub(super) struct Shared {
    connected: AtomicBool,
    stopped: AtomicBool,
    pub(super) overruns: AtomicU64,
    connections: AtomicU64,
    peak: AtomicU32,
    rms: AtomicU32,
    echo_loss: AtomicU32,
    // Written when a node or the connection changes, never by a callback.
    slow: Mutex<Slow>,
}

/// What is shown for silence.
const FLOOR_DBFS: f32 = -120.0;

fn dbfs(amplitude: f32) -> f32 {
    if amplitude > 1e-6 { 20.0 * amplitude.log10() } else { FLOOR_DBFS }
}

impl Shared {
    fn slow(&self) -> MutexGuard<'_, Slow> {
        self.slow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn connected(&self) {
        self.slow().reason.clear();
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.connected.store(true, Ordering::Release);
    }

    pub(super) fn lost(&self, reason: String) {
        self.connected.store(false, Ordering::Release);
        let mut slow = self.slow();
        slow.reason = reason;
        slow.nodes.clear();
    }

    pub(super) fn set_nodes(&self, nodes: Vec<NodeInfo>) {
        self.slow().nodes = nodes;
    }

    pub(super) fn set_level(&self, peak: f32, rms: f32) {
        self.peak.store(peak.to_bits(), Ordering::Relaxed);
        self.rms.store(rms.to_bits(), Ordering::Relaxed);
    }

    pub(super) fn set_echo_loss(&self, db: f32) {
        self.echo_loss.store(db.to_bits(), Ordering::Relaxed);
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    pub(super) fn snapshot(&self) -> NodeStatus {
        let slow = self.slow();
        NodeStatus {
            connected: self.connected.load(Ordering::Acquire),
            reason: slow.reason.clone(),
            nodes: slow.nodes.clone(),
            quantum: 0,
            overruns: self.overruns.load(Ordering::Relaxed),
            peak_dbfs: dbfs(f32::from_bits(self.peak.load(Ordering::Relaxed))),
            rms_dbfs: dbfs(f32::from_bits(self.rms.load(Ordering::Relaxed))),
            echo_loss_db: f32::from_bits(self.echo_loss.load(Ordering::Relaxed)),
            mic_muted: false,
            connections: self.connections.load(Ordering::Relaxed),
        }
    }
}
