//! A client's loudspeaker: what the playback queue gives, 20 ms at a time in real time, as S16LE mono
//! into a descriptor. Runs on the caller's thread.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use companion_types::{Cancel, FRAME_MS, SampleRate};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::SendFlags;

use super::{FdFraming, LOOK_AGAIN, PacketHeader, do_not_block, io, ready};
use crate::error::AudioError;
use crate::playback::PlaybackTap;

const PIECE: Duration = Duration::from_millis(FRAME_MS);
/// A peer that takes nothing for this long is given up.
const STALLED: Duration = Duration::from_secs(1);
/// So many bytes may wait in the kernel, as little as it allows: what waits there sounds after a flush.
const BUFFER: usize = 4_096;

/// A playback queue that sounds at a client.
#[derive(Debug)]
pub struct FdOutput {
    fd: OwnedFd,
    framing: FdFraming,
    tap: PlaybackTap,
    pcm: Vec<f32>,
    bytes: Vec<u8>,
    position: u64,
    /// Since when the peer takes no packets.
    full_since: Option<Instant>,
}

impl FdOutput {
    /// Empties `tap`, which gives `rate` samples per second, into `fd`.
    ///
    /// # Errors
    /// [`AudioError::Io`] when the descriptor cannot be made non-blocking.
    pub fn new(
        fd: OwnedFd,
        framing: FdFraming,
        tap: PlaybackTap,
        rate: SampleRate,
    ) -> Result<Self, AudioError> {
        do_not_block(fd.as_fd())?;
        // Each applies to one sort of descriptor and is refused by the others.
        let _ = rustix::pipe::fcntl_setpipe_size(&fd, BUFFER);
        let _ = rustix::net::sockopt::set_socket_send_buffer_size(&fd, BUFFER);
        let samples = usize::try_from(rate.samples_of(FRAME_MS)).unwrap_or(0).max(1);
        let pcm = vec![0.0; samples];
        Ok(Self { fd, framing, tap, pcm, bytes: Vec::new(), position: 0, full_since: None })
    }

    /// Plays in real time until `cancel` is given; silence while nothing is queued. Gives how many
    /// samples were written. A peer that is late by more than 100 ms is not caught up with.
    ///
    /// # Errors
    /// [`AudioError::PeerGone`] when the peer has closed, [`AudioError::Stalled`] when it took nothing
    /// for a second, [`AudioError::Io`] when the descriptor fails.
    pub fn run(&mut self, cancel: &Cancel) -> Result<u64, AudioError> {
        let mut next = Instant::now();
        while !cancel.is_cancelled() {
            self.piece(cancel)?;
            next += PIECE;
            let now = Instant::now();
            if now > next + 5 * PIECE {
                next = now;
            }
            std::thread::sleep(next.saturating_duration_since(now));
        }
        Ok(self.position)
    }

    fn piece(&mut self, cancel: &Cancel) -> Result<(), AudioError> {
        let generation = self.tap.generation();
        self.tap.fill(&mut self.pcm);
        self.bytes.clear();
        if self.framing == FdFraming::Packets {
            let silent = self.pcm.iter().all(|s| *s == 0.0);
            let flags = if silent { PacketHeader::SILENT } else { 0 };
            let header = PacketHeader { generation, position: self.position, flags };
            self.bytes.extend(header.to_bytes());
        }
        for sample in &self.pcm {
            #[expect(clippy::cast_possible_truncation, reason = "clamped to the range of i16")]
            let value = (sample.clamp(-1.0, 1.0) * 32_767.0).round() as i16;
            self.bytes.extend(value.to_le_bytes());
        }
        self.position += self.pcm.len() as u64;
        match self.framing {
            FdFraming::Stream => self.write(cancel),
            FdFraming::Packets => self.send(),
        }
    }

    fn write(&self, cancel: &Cancel) -> Result<(), AudioError> {
        let mut rest = &self.bytes[..];
        let mut since = Instant::now();
        while !rest.is_empty() && !cancel.is_cancelled() {
            match rustix::io::write(&self.fd, rest) {
                Ok(n) => {
                    rest = &rest[n..];
                    since = Instant::now();
                }
                Err(Errno::AGAIN) => {
                    if since.elapsed() > STALLED {
                        return Err(stalled());
                    }
                    ready(self.fd.as_fd(), PollFlags::OUT, LOOK_AGAIN)?;
                }
                Err(errno) => refused(errno)?,
            }
        }
        Ok(())
    }

    /// A packet for which there is no room is dropped; the next one's position tells.
    fn send(&mut self) -> Result<(), AudioError> {
        match rustix::net::send(&self.fd, &self.bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
            Ok(_) => self.full_since = None,
            Err(Errno::AGAIN) => {
                let since = *self.full_since.get_or_insert_with(Instant::now);
                if since.elapsed() > STALLED {
                    return Err(stalled());
                }
            }
            Err(errno) => refused(errno)?,
        }
        Ok(())
    }
}

fn stalled() -> AudioError {
    AudioError::Stalled { waited_ms: u64::try_from(STALLED.as_millis()).unwrap_or(0) }
}

fn refused(errno: Errno) -> Result<(), AudioError> {
    match errno {
        Errno::INTR => Ok(()),
        Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN => Err(AudioError::PeerGone),
        errno => Err(io(errno)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use companion_types::TurnId;
    use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, socketpair};

    use super::*;
    use crate::playback::{Playback, playback};

    const RATE: SampleRate = SampleRate(24_000);

    fn queue(pcm: &[f32]) -> (Playback, PlaybackTap) {
        let (playback, tap) = playback(RATE);
        playback.begin(TurnId(1));
        assert_eq!(playback.push(TurnId(1), pcm), pcm.len());
        (playback, tap)
    }

    #[test]
    fn a_stream_gets_every_sample_in_real_time() {
        let pcm: Vec<f32> = (0..4_800_u16).map(|i| f32::from(i % 100) / 200.0).collect();
        let (_playback, tap) = queue(&pcm);
        let (mut peer, out) = std::io::pipe().unwrap();
        let mut output = FdOutput::new(out.into(), FdFraming::Stream, tap, RATE).unwrap();
        let cancel = Cancel::new();
        let mut bytes = vec![0; 9_600];
        std::thread::scope(|s| {
            let running = s.spawn(|| output.run(&cancel));
            let begun = Instant::now();
            peer.read_exact(&mut bytes).unwrap();
            assert!(begun.elapsed() > Duration::from_millis(120), "{:?}", begun.elapsed());
            cancel.cancel();
            assert!(running.join().unwrap().unwrap() >= 4_800);
        });
        let heard = bytes.chunks_exact(2).map(|b| f32::from(i16::from_le_bytes([b[0], b[1]])));
        assert!(heard.zip(&pcm).all(|(h, p)| (h / 32_767.0 - p).abs() < 1e-4));
    }

    #[test]
    fn a_peer_that_is_gone_or_asleep_ends_it_with_its_reason() {
        let (peer, out) = std::io::pipe().unwrap();
        let (_playback, tap) = queue(&[]);
        let mut output = FdOutput::new(out.into(), FdFraming::Stream, tap, RATE).unwrap();
        drop(peer);
        let gone = output.run(&Cancel::new());
        assert!(matches!(gone, Err(AudioError::PeerGone)), "{gone:?}");

        let (_peer, out) = std::io::pipe().unwrap();
        let (_playback, tap) = queue(&[]);
        let mut output = FdOutput::new(out.into(), FdFraming::Stream, tap, RATE).unwrap();
        let asleep = output.run(&Cancel::new());
        assert!(matches!(asleep, Err(AudioError::Stalled { .. })), "{asleep:?}");
    }

    #[test]
    fn packets_tell_generation_position_and_silence() {
        let (playback, tap) = queue(&[0.5; 480]);
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .unwrap();
        let mut output = FdOutput::new(ours, FdFraming::Packets, tap, RATE).unwrap();
        let receive = || {
            let mut packet = [0; 2_000];
            let (_, n) = rustix::net::recv(&theirs, &mut packet, RecvFlags::empty()).unwrap();
            let (header, bytes) = PacketHeader::split(&packet[..n]).unwrap();
            assert_eq!(bytes.len(), 960);
            header
        };
        let cancel = Cancel::new();
        output.piece(&cancel).unwrap();
        assert_eq!(receive(), PacketHeader { generation: 1, position: 0, flags: 0 });
        playback.flush();
        output.piece(&cancel).unwrap();
        let silent = PacketHeader { generation: 2, position: 480, flags: PacketHeader::SILENT };
        assert_eq!(receive(), silent);
    }
}
