//! The device as the daemon sees it: [`pipewire_device`] makes the loop for a thread of the daemon's,
//! the control for anyone, the frames for the `hear` thread and the events for whoever watches.

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use ::pipewire as pw;
use companion_types::{CAPTURE_RATE, SampleRate};
use pw::context::ContextRc;
use pw::loop_::Timeout;
use pw::main_loop::MainLoopRc;
use pw::properties::PropertiesBox;
use pw::spa::support::system::IoFlags;
use ringbuf::HeapRb;
use ringbuf::traits::Split;

use super::marks::MARKS;
use super::microphone::MicrophoneEnd;
use super::node::Home;
use super::reference::Reference;
use super::session::Session;
use super::shared::{Shared, Told, Wishes};
use super::source::CaptureStream;
use super::speaker::{ReferenceEnd, SpeakerEnd};
use super::status::{DeviceEvent, LostReason, NodeRole, NodeStatus, PipewireStatus};
use crate::error::AudioError;
use crate::playback::Playback;
use crate::shared_tap::SharedTap;

/// So much captured or played sound may wait.
const RING_MS: u64 = 2_000;
/// Events that may wait.
const EVENTS: usize = 64;
/// First and longest pause between two tries to connect.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));
/// The loop looks after its nodes at least this often.
const TEND: Duration = Duration::from_millis(200);
/// Longest name of a node that is taken.
const LONGEST_NAME: usize = 256;

/// How the device is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipewireSettings {
    /// Socket of PipeWire (a name or an absolute path); `None` for the user's own.
    pub remote: Option<String>,
    /// `node.name` or serial of the microphone, `None` for the default one.
    pub input: Option<String>,
    /// `node.name` or serial of the loudspeaker, `None` for the default one.
    pub output: Option<String>,
    /// Frames of one cycle that are asked for, at 48 kHz.
    pub quantum: u32,
    /// `media.role` of both nodes; session managers duck others by it.
    pub media_role: String,
    /// Whether the loudspeaker's sound is taken out of the microphone's.
    pub echo_cancel: bool,
}

impl Default for PipewireSettings {
    /// The user's PipeWire, default devices, 512 frames (10.7 ms), echo cancelled.
    fn default() -> Self {
        Self {
            remote: None,
            input: None,
            output: None,
            quantum: 512,
            media_role: "Communication".to_owned(),
            echo_cancel: true,
        }
    }
}

/// What the callbacks need, at home while no stream has it.
pub(super) struct Ends {
    pub(super) settings: PipewireSettings,
    pub(super) microphone: Home<MicrophoneEnd>,
    pub(super) speaker: Home<SpeakerEnd>,
    pub(super) playback: Playback,
    events: SyncSender<DeviceEvent>,
}

impl Ends {
    /// An event that nobody fetches is dropped: the status tells the same.
    pub(super) fn tell(&self, event: DeviceEvent) {
        let _ = self.events.try_send(event);
    }
}

/// The four parts of a PipeWire device.
#[derive(Debug)]
pub struct PipewireDevice {
    /// For a thread of its own.
    pub run: PipewireLoop,
    /// For everyone.
    pub control: PipewireControl,
    /// For the `hear` thread.
    pub capture: CaptureStream,
    /// For whoever watches.
    pub events: Receiver<DeviceEvent>,
}

/// The loop that talks with PipeWire.
pub struct PipewireLoop {
    ends: Ends,
    shared: Arc<Shared>,
    wake: UnixStream,
}

impl std::fmt::Debug for PipewireLoop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PipewireLoop")
            .field("settings", &self.ends.settings)
            .finish_non_exhaustive()
    }
}

/// Steers the loop from any thread. Nothing here waits for PipeWire.
#[derive(Debug, Clone)]
pub struct PipewireControl {
    shared: Arc<Shared>,
    playback: Playback,
}

/// Makes a device that plays what `playback` and `tap` (its other end) queue, while the tap is routed to the node. Nothing runs yet.
///
/// # Errors
/// [`AudioError::NodeName`] for a target that cannot be, [`AudioError::Rate`] when the playback's rate
/// cannot be converted for the echo canceller, [`AudioError::Io`] when there are no descriptors left.
pub fn pipewire_device(
    settings: PipewireSettings,
    playback: &Playback,
    tap: SharedTap,
) -> Result<PipewireDevice, AudioError> {
    [&settings.input, &settings.output, &settings.remote]
        .into_iter()
        .flatten()
        .chain([&settings.media_role])
        .try_for_each(|name| check_name(name))?;
    let (waker, wake) = UnixStream::pair()?;
    waker.set_nonblocking(true)?;
    wake.set_nonblocking(true)?;
    let wishes =
        Wishes { input: settings.input.clone(), output: settings.output.clone(), muted: false };
    let shared = Arc::new(Shared::new(wishes, waker));
    let ring = |rate: SampleRate| {
        HeapRb::<f32>::new(usize::try_from(rate.samples_of(RING_MS)).unwrap_or(1 << 16)).split()
    };
    let (mic_in, mic_out) = ring(CAPTURE_RATE);
    let (mic_marks_in, mic_marks_out) = HeapRb::new(MARKS).split();
    let (reference, reference_end) = if settings.echo_cancel {
        let (sound_in, sound_out) = ring(playback.rate());
        let (marks_in, marks_out) = HeapRb::new(MARKS).split();
        let end = ReferenceEnd { ring: sound_in, marks: marks_in };
        (Some(Reference::new(sound_out, marks_out, playback.rate())?), Some(end))
    } else {
        (None, None)
    };
    let microphone = MicrophoneEnd::new(mic_in, mic_marks_in, Arc::clone(&shared));
    let speaker = SpeakerEnd::new(tap, reference_end, Arc::clone(&shared));
    let (events_in, events) = sync_channel(EVENTS);
    let ends = Ends {
        settings,
        microphone: Home::new(microphone),
        speaker: Home::new(speaker),
        playback: playback.clone(),
        events: events_in,
    };
    Ok(PipewireDevice {
        capture: CaptureStream::new(mic_out, mic_marks_out, reference, Arc::clone(&shared)),
        control: PipewireControl { shared: Arc::clone(&shared), playback: playback.clone() },
        run: PipewireLoop { ends, shared, wake },
        events,
    })
}

fn check_name(name: &str) -> Result<(), AudioError> {
    let good = !name.is_empty() && name.len() <= LONGEST_NAME && !name.contains('\0');
    if good { Ok(()) } else { Err(AudioError::NodeName { name: name.chars().take(80).collect() }) }
}

impl PipewireLoop {
    /// Talks with PipeWire until [`PipewireControl::stop`], connecting again whenever it is gone.
    /// Blocks the caller's thread.
    ///
    /// # Errors
    /// [`AudioError::Pipewire`] when the library cannot even make a loop.
    pub fn run(self) -> Result<(), AudioError> {
        let failed = |e: pw::Error| AudioError::Pipewire(e.to_string());
        let main = MainLoopRc::new(None).map_err(failed)?;
        // This configuration asks for a real-time data thread.
        let mut props = PropertiesBox::new();
        props.insert("config.name", "client-rt.conf");
        let context = ContextRc::new(&main, Some(props)).map_err(failed)?;
        let _wake = main.loop_().add_io(self.wake, IoFlags::IN, |wake: &mut UnixStream| {
            let mut bytes = [0; 64];
            while matches!(std::io::Read::read(wake, &mut bytes), Ok(n) if n > 0) {}
        });
        let (ends, shared) = (self.ends, self.shared);
        let mut pause = BACKOFF.0;
        let mut last = None;
        while !shared.stopped() {
            let reason = match Session::open(&context, &ends, Arc::clone(&shared)) {
                Ok(session) => {
                    pause = BACKOFF.0;
                    last = None;
                    serve(&main, session, &ends, &shared)
                }
                Err(reason) => reason,
            };
            shared.meters.silence();
            let told = Told { connected: false, reason: Some(reason.clone()), nodes: Vec::new() };
            shared.tell(told);
            if last.as_ref() != Some(&reason) {
                ends.tell(DeviceEvent::Lost(reason.clone()));
                last = Some(reason);
            }
            let until = Instant::now() + pause;
            while !shared.stopped() && Instant::now() < until {
                let left = until.saturating_duration_since(Instant::now());
                main.loop_().iterate(Timeout::Finite(left + Duration::from_millis(1)));
            }
            pause = (pause * 2).min(BACKOFF.1);
        }
        Ok(())
    }
}

/// Serves a connection until it breaks or the loop is stopped.
fn serve(main: &MainLoopRc, mut session: Session<'_>, ends: &Ends, shared: &Shared) -> LostReason {
    shared.tell(Told { connected: true, reason: None, nodes: Vec::new() });
    ends.tell(DeviceEvent::Connected);
    loop {
        if shared.stopped() {
            return LostReason::Stopped;
        }
        if let Some(reason) = session.broken() {
            return reason;
        }
        if let Err(reason) = session.tend(&shared.wishes()) {
            return reason;
        }
        main.loop_().iterate(Timeout::Finite(TEND));
    }
}

impl PipewireControl {
    /// Ends the loop and the frames.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.wake();
    }

    /// Captures from the node of this name or serial, `None` for the default. A node that is not there
    /// is taken as soon as it comes; until then the default is.
    ///
    /// # Errors
    /// [`AudioError::NodeName`] when nothing can have this name.
    pub fn set_input(&self, node: Option<String>) -> Result<(), AudioError> {
        node.as_deref().map_or(Ok(()), check_name)?;
        self.shared.wish(|w| w.input = node);
        Ok(())
    }

    /// Plays to the node of this name or serial, `None` for the default; as with
    /// [`Self::set_input`].
    ///
    /// # Errors
    /// [`AudioError::NodeName`] when nothing can have this name.
    pub fn set_output(&self, node: Option<String>) -> Result<(), AudioError> {
        node.as_deref().map_or(Ok(()), check_name)?;
        self.shared.wish(|w| w.output = node);
        Ok(())
    }

    /// Takes the microphone's node out of the graph, or puts it back. While it is out nothing is
    /// captured by anyone of the daemon; the frames go on as silence.
    pub fn mute_microphone(&self, on: bool) {
        self.shared.wish(|w| w.muted = on);
    }

    /// The device now.
    #[must_use]
    pub fn status(&self) -> PipewireStatus {
        let told = self.shared.told();
        let meters = &self.shared.meters;
        // The loudspeaker's callback tells both, so they are stale when it has nobody to play for.
        let linked = |n: &NodeStatus| n.role == NodeRole::Speaker && !n.peers.is_empty();
        let running = told.connected && told.nodes.iter().any(linked);
        let of_graph = |value: &AtomicU32| if running { value.load(Ordering::Relaxed) } else { 0 };
        PipewireStatus {
            connected: told.connected,
            reason: told.reason,
            nodes: told.nodes,
            quantum: of_graph(&meters.quantum),
            graph_rate: SampleRate(of_graph(&meters.graph_rate)),
            capture_rate: CAPTURE_RATE,
            playback_rate: self.playback.rate(),
            capture_overruns: meters.overruns.load(Ordering::Relaxed),
            playback_underruns: self.playback.underruns(),
            played_samples: meters.played.load(Ordering::Relaxed),
            level: meters.level(),
            mic_muted: self.shared.wishes().muted,
            echo_loss_db: meters.echo_loss(),
        }
    }
}
