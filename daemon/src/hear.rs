//! The `hear` thread of a device: frames in, events to the turn thread. The recogniser is shared; a
//! call runs on the `asr` thread and is waited for here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use companion_asr::{Listener, ListenerSettings, Recognizer, RecognizerError};
use companion_audio::SimulatedRoom;
use companion_types::{AudioFrame, ErrorKind, FRAME_MS, Language, RawTranscript};

use crate::backend::EarshotDetector;
use crate::turn::Conversation;
use crate::worker::Worker;

/// Gives frames, one every 20 ms of its own clock.
pub trait FrameSource {
    /// The next frame; `None` when the device is gone.
    fn next_frame(&mut self) -> Option<AudioFrame>;
}

/// A simulated room in real time. It ends when everything was spoken and `quiet_ms` have passed.
#[derive(Debug)]
pub struct PacedRoom {
    room: SimulatedRoom,
    next: Instant,
    quiet_ms: u64,
    quiet_for: u64,
}

impl PacedRoom {
    /// Paces `room`; it stays open for `quiet_ms` after the last spoken sample.
    #[must_use]
    pub fn new(room: SimulatedRoom, quiet_ms: u64) -> Self {
        Self { room, next: Instant::now(), quiet_ms, quiet_for: 0 }
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
        self.next += Duration::from_millis(FRAME_MS);
        std::thread::sleep(self.next.saturating_duration_since(Instant::now()));
        Some(self.room.step())
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
        self.0.call(move |asr| asr.transcribe(&pcm, language)).unwrap_or_else(|gone| {
            Err(RecognizerError { message: gone.to_string(), kind: ErrorKind::Unavailable })
        })
    }
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
