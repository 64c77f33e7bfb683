//! Sound of a session's client: a socket it writes S16LE into is its microphone, a socket it reads from is its
//! loudspeaker. Both run in real time, so that a file takes as long as it lasts.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use companion_audio::{Player, SharedTap};
use companion_types::{AudioFrame, FRAME_MS, FRAME_SAMPLES, SampleClock, SampleRate};

use crate::error::DaemonError;
use crate::hear::{FrameSource, Pace};
use crate::worker::{join_within, spawn};

/// A client that is late by more than this is heard as silence.
const LATE: Duration = Duration::from_millis(100);
/// A client that reads nothing for this long has no loudspeaker any more.
const STUCK: Duration = Duration::from_millis(1_000);
/// Bytes of one frame.
const FRAME_BYTES: usize = 2 * FRAME_SAMPLES;

/// A client's microphone: S16LE, 16 kHz, mono.
pub(crate) struct ClientMicrophone {
    socket: UnixStream,
    bytes: Vec<u8>,
    pace: Pace,
    at_end: bool,
}

impl ClientMicrophone {
    pub(crate) fn new(socket: UnixStream) -> Self {
        // Without the time-out a silent client would stop the clock; a socket takes any but zero.
        let _ = socket.set_read_timeout(Some(LATE));
        Self {
            socket,
            bytes: Vec::with_capacity(4 * FRAME_BYTES),
            pace: Pace::new(),
            at_end: false,
        }
    }

    /// Reads until a frame is there, the client is late, or its end.
    fn fill(&mut self) {
        let start = Instant::now();
        let mut piece = [0; FRAME_BYTES];
        while self.bytes.len() < FRAME_BYTES && !self.at_end && start.elapsed() < LATE {
            match self.socket.read(&mut piece) {
                Ok(0) => self.at_end = true,
                Ok(count) => self.bytes.extend_from_slice(&piece[..count]),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return,
                Err(_) => self.at_end = true,
            }
        }
    }
}

impl FrameSource for ClientMicrophone {
    fn next_frame(&mut self) -> Option<AudioFrame> {
        self.pace.wait();
        self.fill();
        if self.at_end && self.bytes.len() < 2 {
            return None;
        }
        let mut pcm = [0.0; FRAME_SAMPLES];
        if self.at_end || self.bytes.len() >= FRAME_BYTES {
            let taken = self.bytes.len().min(FRAME_BYTES) / 2 * 2;
            for (sample, pair) in pcm.iter_mut().zip(self.bytes[..taken].chunks_exact(2)) {
                *sample = f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32768.0;
            }
            self.bytes.drain(..taken);
        }
        Some(AudioFrame { at: SampleClock(0), pcm })
    }
}

/// A client's loudspeaker. Dropping it gives the sound back to the node.
pub(crate) struct ClientSpeaker {
    player: Player,
    tap: SharedTap,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ClientSpeaker {
    /// Plays into `socket` from now on.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn start(
        number: u32,
        socket: UnixStream,
        tap: SharedTap,
        rate: SampleRate,
    ) -> Result<Self, DaemonError> {
        let player = Player::Client(number);
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, pulled) = (Arc::clone(&stop), tap.clone());
        let _ = socket.set_write_timeout(Some(STUCK));
        let thread = spawn("client-speaker", move || {
            play(socket, &pulled, player, rate, &stopped);
            if pulled.is_routed_to(player) {
                pulled.route_to(Player::Node);
            }
        })?;
        tap.route_to(player);
        Ok(Self { player, tap, stop, thread: Some(thread) })
    }
}

fn play(
    mut socket: UnixStream,
    tap: &SharedTap,
    player: Player,
    rate: SampleRate,
    stop: &AtomicBool,
) {
    let frames = usize::try_from(rate.samples_of(FRAME_MS)).unwrap_or(FRAME_SAMPLES);
    let mut pcm = vec![0.0; frames];
    let mut pace = Pace::new();
    while !stop.load(Ordering::Acquire) {
        pace.wait();
        tap.fill(player, &mut pcm);
        if socket.write_all(&s16le(&pcm)).is_err() {
            return;
        }
    }
}

impl Drop for ClientSpeaker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if self.tap.is_routed_to(self.player) {
            self.tap.route_to(Player::Node);
        }
        if let Some(thread) = self.thread.take() {
            join_within(thread, 2 * STUCK);
        }
    }
}

/// Samples as little-endian 16-bit integers.
pub(crate) fn s16le(pcm: &[f32]) -> Vec<u8> {
    #[expect(clippy::cast_possible_truncation, reason = "clamped to the range of i16")]
    let int = |s: &f32| (s.clamp(-1.0, 1.0) * 32767.0).round() as i16;
    pcm.iter().flat_map(|s| int(s).to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use companion_audio::playback;
    use companion_types::TurnId;

    #[test]
    fn a_clients_samples_become_frames_and_an_odd_byte_at_the_end_is_dropped() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut microphone = ClientMicrophone::new(ours);
        let mut sent: Vec<u8> = [0, 64].repeat(FRAME_SAMPLES + 10);
        sent.push(7);
        theirs.write_all(&sent).unwrap();
        drop(theirs);
        let frame = microphone.next_frame().unwrap();
        assert!(frame.pcm.iter().all(|s| *s == 0.5));
        let last = microphone.next_frame().unwrap();
        assert!(last.pcm[..10].iter().all(|s| *s == 0.5));
        assert!(last.pcm[10..].iter().all(|s| *s == 0.0));
        assert!(microphone.next_frame().is_none());
    }

    #[test]
    fn a_silent_client_is_heard_as_silence() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut microphone = ClientMicrophone::new(ours);
        assert_eq!(microphone.next_frame().unwrap().pcm, [0.0; FRAME_SAMPLES]);
        drop(theirs);
        assert!(microphone.next_frame().is_none());
    }

    #[test]
    fn a_client_hears_what_is_played_until_it_leaves() {
        let rate = SampleRate(16_000);
        let (sound, tap) = playback(rate);
        let tap = SharedTap::new(tap);
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let speaker = ClientSpeaker::start(3, ours, tap.clone(), rate).unwrap();
        sound.begin(TurnId(1));
        assert_eq!(sound.push(TurnId(1), &[0.5; 320]), 320);
        let mut heard = vec![0; 8 * FRAME_BYTES];
        theirs.read_exact(&mut heard).unwrap();
        let loud = heard.chunks_exact(2).filter(|p| i16::from_le_bytes([p[0], p[1]]) == 16384);
        assert_eq!(loud.count(), 320);
        drop(theirs);
        drop(speaker);
        assert!(tap.is_routed_to(Player::Node));
    }
}
