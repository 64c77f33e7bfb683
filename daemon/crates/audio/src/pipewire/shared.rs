//! What the loop's thread, the audio callbacks and the daemon share: wishes, meters and status. The
//! callbacks touch the atomics of [`Meters`] and nothing else.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::status::{Level, LostReason, NodeStatus};

/// Numbers the callbacks leave behind.
#[derive(Debug, Default)]
pub(super) struct Meters {
    pub(super) quantum: AtomicU32,
    pub(super) graph_rate: AtomicU32,
    pub(super) overruns: AtomicU64,
    pub(super) played: AtomicU64,
    /// Bits of f32, linear.
    pub(super) peak: AtomicU32,
    /// Bits of f32, linear.
    pub(super) rms: AtomicU32,
    /// Hundredths of a dB; `i64::MIN` while unknown.
    echo_loss: AtomicI64,
}

/// Lowest level that is told.
const FLOOR_DB: f32 = -120.0;

fn dbfs(bits: u32) -> f32 {
    (20.0 * f32::from_bits(bits).max(1e-6).log10()).max(FLOOR_DB)
}

impl Meters {
    pub(super) fn new() -> Self {
        Self { echo_loss: AtomicI64::new(i64::MIN), ..Self::default() }
    }

    pub(super) fn level(&self) -> Level {
        Level {
            peak_dbfs: dbfs(self.peak.load(Ordering::Relaxed)),
            rms_dbfs: dbfs(self.rms.load(Ordering::Relaxed)),
        }
    }

    /// The microphone is gone: nothing is heard.
    pub(super) fn silence(&self) {
        self.peak.store(0, Ordering::Relaxed);
        self.rms.store(0, Ordering::Relaxed);
    }

    pub(super) fn set_echo_loss(&self, db: Option<f32>) {
        #[expect(clippy::cast_possible_truncation, reason = "a few dozen dB")]
        let hundredths = db.map_or(i64::MIN, |db| (db * 100.0) as i64);
        self.echo_loss.store(hundredths, Ordering::Relaxed);
    }

    pub(super) fn echo_loss(&self) -> Option<f32> {
        let hundredths = self.echo_loss.load(Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "a few dozen dB")]
        (hundredths != i64::MIN).then(|| hundredths as f32 / 100.0)
    }
}

/// What the daemon wants of the loop.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wishes {
    pub(super) input: Option<String>,
    pub(super) output: Option<String>,
    pub(super) muted: bool,
}

/// What the loop last told.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) connected: bool,
    pub(super) reason: Option<LostReason>,
    pub(super) nodes: Vec<NodeStatus>,
}

/// Everything that is shared.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) stop: AtomicBool,
    pub(super) meters: Meters,
    // Read by any caller, written by the loop's thread a few times per change; never by a callback.
    wishes: Mutex<Wishes>,
    told: Mutex<Told>,
    waker: UnixStream,
}

fn hold<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// `waker` must not block.
    pub(super) fn new(wishes: Wishes, waker: UnixStream) -> Self {
        let told =
            Told { connected: false, reason: Some(LostReason::NotStarted), nodes: Vec::new() };
        Self {
            stop: AtomicBool::new(false),
            meters: Meters::new(),
            wishes: Mutex::new(wishes),
            told: Mutex::new(told),
            waker,
        }
    }

    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Makes the loop look at the wishes now.
    pub(super) fn wake(&self) {
        // A full pipe wakes as well as a byte does, and a closed one has nobody to wake.
        let _ = (&self.waker).write(&[1]);
    }

    pub(super) fn wishes(&self) -> Wishes {
        hold(&self.wishes).clone()
    }

    pub(super) fn wish(&self, change: impl FnOnce(&mut Wishes)) {
        change(&mut hold(&self.wishes));
        self.wake();
    }

    pub(super) fn told(&self) -> Told {
        hold(&self.told).clone()
    }

    pub(super) fn tell(&self, told: Told) {
        *hold(&self.told) = told;
    }
}
