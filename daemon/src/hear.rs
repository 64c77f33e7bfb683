//! The `hear` thread: frames of the device or of a session's client in, events to the turn thread. The
//! recogniser is shared; a call runs on the `asr` thread and is waited for here.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use companion_asr::{Agreement, Listener, ListenerSettings, Recognizer, RecognizerError, Wanted};
use companion_audio::SimulatedRoom;
use companion_types::{
    AudioFrame, ErrorKind, FRAME_MS, FRAME_SAMPLES, Language, RawTranscript, SampleClock,
};

use crate::backend::EarshotDetector;
use crate::error::DaemonError;
use crate::turn::Conversation;
use crate::worker::{Heartbeat, Worker};

/// The recogniser answers within this, or the utterance is dropped.
const PATIENCE: Duration = Duration::from_secs(20);
/// A device that is further behind real time than this has stood still; its clock begins anew.
const BEHIND: Duration = Duration::from_millis(500);

/// Gives frames, one every 20 ms of its own clock.
pub trait FrameSource {
    /// The next frame; `None` when the device is gone.
    fn next_frame(&mut self) -> Option<AudioFrame>;
}

/// Waits for the next frame's time.
#[derive(Debug)]
pub(crate) struct Pace(Instant);

impl Pace {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn wait(&mut self) {
        self.0 += Duration::from_millis(FRAME_MS);
        let now = Instant::now();
        if now.saturating_duration_since(self.0) > BEHIND {
            self.0 = now;
        }
        std::thread::sleep(self.0.saturating_duration_since(now));
    }
}

/// A simulated room in real time. It ends when everything was spoken and `quiet_ms` have passed.
#[derive(Debug)]
pub struct PacedRoom {
    room: SimulatedRoom,
    pace: Pace,
    quiet_ms: u64,
    quiet_for: u64,
}

impl PacedRoom {
    /// Paces `room`; it stays open for `quiet_ms` after the last spoken sample.
    #[must_use]
    pub fn new(room: SimulatedRoom, quiet_ms: u64) -> Self {
        Self { room, pace: Pace::new(), quiet_ms, quiet_for: 0 }
    }

    /// The room, to look at what was played.
    #[must_use]
    pub fn into_inner(self) -> SimulatedRoom {
        self.room
    }
}

impl FrameSource for PacedRoom {
    fn next_frame(&mut self) -> Option<AudioFrame> {
        if self.room.is_quiet() {
            self.quiet_for += FRAME_MS;
            if self.quiet_for > self.quiet_ms {
                return None;
            }
        }
        self.pace.wait();
        Some(self.room.step())
    }
}

/// Silence in real time: what is heard where there is no device.
#[derive(Debug)]
struct Silence(Pace);

impl Silence {
    fn frame(&mut self) -> AudioFrame {
        self.0.wait();
        AudioFrame { at: SampleClock(0), pcm: [0.0; FRAME_SAMPLES] }
    }
}

#[derive(Default)]
struct Claim {
    /// Counts the changes, so that the thread sees them.
    number: u64,
    source: Option<Box<dyn FrameSource + Send>>,
}

/// Who is listened to: the device, unless a client holds the floor with sound of its own.
#[derive(Clone, Default)]
pub(crate) struct Ears(Arc<EarsShared>);

#[derive(Default)]
struct EarsShared {
    // Written when a session takes or gives back the microphone; the thread takes it out at once.
    claim: Mutex<Claim>,
    stop: AtomicBool,
}

impl std::fmt::Debug for Ears {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ears")
    }
}

impl Ears {
    fn claim(&self) -> MutexGuard<'_, Claim> {
        self.0.claim.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From the next frame on `source` is heard instead of the device; behind its end comes silence.
    /// Gives the number to release it with.
    pub(crate) fn take(&self, source: Box<dyn FrameSource + Send>) -> u64 {
        let mut claim = self.claim();
        claim.number += 1;
        claim.source = Some(source);
        claim.number
    }

    /// The device is heard again, unless somebody else has taken over.
    pub(crate) fn release(&self, number: u64) {
        let mut claim = self.claim();
        if claim.number == number {
            claim.number += 1;
            claim.source = None;
        }
    }

    pub(crate) fn stop(&self) {
        self.0.stop.store(true, Ordering::Release);
    }

    /// Listens until stopped. `device` is asked for no frame while a client is heard.
    pub(crate) fn run(
        &self,
        device: Option<Box<dyn FrameSource + Send>>,
        conversation: &Conversation,
        settings: ListenerSettings,
        beat: &Heartbeat,
    ) {
        let mut switch = Switch {
            ears: self.clone(),
            seen: 0,
            client: None,
            client_holds: false,
            device,
            silence: Silence(Pace::new()),
            clock: SampleClock(0),
            beat: beat.clone(),
        };
        listen_to(&mut switch, conversation, settings);
    }
}

/// The frames that the `hear` thread listens to, on one clock whoever they come from.
struct Switch {
    ears: Ears,
    seen: u64,
    client: Option<Box<dyn FrameSource + Send>>,
    client_holds: bool,
    device: Option<Box<dyn FrameSource + Send>>,
    silence: Silence,
    clock: SampleClock,
    beat: Heartbeat,
}

impl FrameSource for Switch {
    fn next_frame(&mut self) -> Option<AudioFrame> {
        if self.ears.0.stop.load(Ordering::Acquire) {
            return None;
        }
        self.beat.beat();
        {
            let mut claim = self.ears.claim();
            if claim.number != self.seen {
                self.seen = claim.number;
                self.client = claim.source.take();
                self.client_holds = self.client.is_some();
            }
        }
        let frame = match (&mut self.client, self.client_holds) {
            (Some(client), _) => client.next_frame(),
            (None, true) => None,
            (None, false) => self.device.as_mut().and_then(|device| device.next_frame()),
        };
        if frame.is_none() {
            self.client = None;
        }
        let frame = frame.unwrap_or_else(|| self.silence.frame());
        let at = self.clock;
        self.clock = self.clock + FRAME_SAMPLES as u64;
        Some(AudioFrame { at, pcm: frame.pcm })
    }
}

/// The recogniser's thread, seen from a `hear` thread.
pub(crate) struct SharedRecognizer(pub(crate) Arc<Worker<Box<dyn Recognizer>>>);

impl Recognizer for SharedRecognizer {
    fn transcribe(
        &mut self,
        pcm: &[f32],
        language: Option<Language>,
    ) -> Result<RawTranscript, RecognizerError> {
        let pcm = pcm.to_vec();
        let call = self.0.call_within(PATIENCE, move |asr| asr.transcribe(&pcm, language));
        call.unwrap_or_else(|gone| Err(lost(&gone)))
    }

    fn agree(
        &mut self,
        pcm: &[f32],
        wanted: &[Wanted],
    ) -> Result<Option<Agreement>, RecognizerError> {
        let (pcm, wanted) = (pcm.to_vec(), wanted.to_vec());
        let call = self.0.call_within(PATIENCE, move |asr| asr.agree(&pcm, &wanted));
        call.unwrap_or_else(|gone| Err(lost(&gone)))
    }
}

fn lost(gone: &DaemonError) -> RecognizerError {
    RecognizerError { message: gone.to_string(), kind: ErrorKind::Unavailable }
}

/// Listens to `source` until it ends, telling `conversation` what is heard. Runs on the caller's
/// thread.
pub fn listen_to(
    source: &mut dyn FrameSource,
    conversation: &Conversation,
    settings: ListenerSettings,
) {
    let mut listener = Listener::new(EarshotDetector::new(), settings);
    let mut recognizer = SharedRecognizer(conversation.recognizer());
    let mut last = None;
    while let Some(frame) = source.next_frame() {
        last = Some(frame.at);
        let heard = Instant::now();
        conversation.clock(frame.at);
        match listener.push(&frame, &mut recognizer) {
            Ok(Some(event)) => conversation.heard(event, frame.at, heard),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "an utterance was dropped");
                conversation.discard();
            }
        }
    }
    if let Some(at) = last
        && let Ok(Some(event)) = listener.end(at, &mut recognizer)
    {
        conversation.heard(event, at, Instant::now());
    }
}
