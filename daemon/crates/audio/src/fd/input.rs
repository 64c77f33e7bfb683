//! A client's microphone: S16LE, 16 kHz mono, from a descriptor, as frames on a sample clock that never
//! stands still. Runs on the `hear` thread.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use companion_types::{AudioFrame, CAPTURE_RATE, Cancel, FRAME_MS, FRAME_SAMPLES, SampleClock};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::RecvFlags;

use super::{FdFraming, LOOK_AGAIN, PacketHeader, do_not_block, io, ready};
use crate::error::AudioError;

/// Most bytes taken at once from a stream: 100 ms.
const PIECE: usize = 3_200;
/// Longest packet: its header and 100 ms.
const LONGEST_PACKET: usize = PacketHeader::BYTES + PIECE;
/// Lost packets up to this long are filled with silence, a longer hole is left out.
const LONGEST_HOLE: u64 = CAPTURE_RATE.0 as u64;
/// A client that sent nothing for this long is silent, until it sends something.
const SILENT: Duration = Duration::from_millis(60);
const FRAME: Duration = Duration::from_millis(FRAME_MS);

/// Where the next packet has to begin.
#[derive(Debug, Clone, Copy)]
struct Expected {
    generation: u32,
    position: u64,
}

/// Frames from a descriptor.
#[derive(Debug)]
pub struct FdInput {
    fd: OwnedFd,
    framing: FdFraming,
    cancel: Cancel,
    pcm: VecDeque<f32>,
    /// First byte of a sample whose second is still to come.
    half: Option<u8>,
    expected: Option<Expected>,
    ended: bool,
    clock: SampleClock,
    last_sound: Instant,
    next_silent: Option<Instant>,
}

impl FdInput {
    /// Reads from `fd` until its peer closes it or `cancel` is given.
    ///
    /// # Errors
    /// [`AudioError::Io`] when the descriptor cannot be made non-blocking.
    pub fn new(fd: OwnedFd, framing: FdFraming, cancel: Cancel) -> Result<Self, AudioError> {
        do_not_block(fd.as_fd())?;
        Ok(Self {
            fd,
            framing,
            cancel,
            pcm: VecDeque::new(),
            half: None,
            expected: None,
            ended: false,
            clock: SampleClock(0),
            last_sound: Instant::now(),
            next_silent: None,
        })
    }

    /// The next 20 ms; `None` when the peer is gone and all it sent was given (the last frame is filled
    /// up with silence), or when cancelled. While the peer sends nothing silent frames come at the pace
    /// of the wall clock.
    ///
    /// # Errors
    /// [`AudioError::Descriptor`] for a packet that cannot be; it is dropped and the next call goes on.
    /// [`AudioError::Io`] when the descriptor fails; then there is no more.
    pub fn next_frame(&mut self) -> Result<Option<AudioFrame>, AudioError> {
        loop {
            if self.cancel.is_cancelled() {
                return Ok(None);
            }
            if self.ended && self.pcm.is_empty() {
                return Ok(None);
            }
            if self.pcm.len() >= FRAME_SAMPLES || self.ended {
                return Ok(Some(self.take()));
            }
            let before = self.pcm.len();
            if ready(self.fd.as_fd(), PollFlags::IN, self.patience())? {
                match self.framing {
                    FdFraming::Stream => self.read()?,
                    FdFraming::Packets => self.receive()?,
                }
            }
            if self.pcm.len() > before {
                self.last_sound = Instant::now();
                self.next_silent = None;
            } else if !self.ended && self.silence_is_due() {
                // A peer that sends only what does not count is as silent as one that sends nothing.
                self.fill_up();
            }
        }
    }

    fn take(&mut self) -> AudioFrame {
        let mut pcm = [0.0; FRAME_SAMPLES];
        for sample in &mut pcm {
            *sample = self.pcm.pop_front().unwrap_or(0.0);
        }
        let frame = AudioFrame { at: self.clock, pcm };
        self.clock = self.clock + FRAME_SAMPLES as u64;
        frame
    }

    /// Silence up to the end of the frame.
    fn fill_up(&mut self) {
        let to = self.pcm.len() / FRAME_SAMPLES * FRAME_SAMPLES + FRAME_SAMPLES;
        self.pcm.resize(to, 0.0);
    }

    fn patience(&self) -> Duration {
        let now = Instant::now();
        let due = self.next_silent.unwrap_or(self.last_sound + SILENT);
        due.saturating_duration_since(now).clamp(Duration::from_millis(1), LOOK_AGAIN)
    }

    fn silence_is_due(&mut self) -> bool {
        let now = Instant::now();
        if now.duration_since(self.last_sound) < SILENT {
            return false;
        }
        let due = self.next_silent.unwrap_or(self.last_sound + FRAME);
        let is_due = now >= due;
        self.next_silent = Some(if is_due { due + FRAME } else { due });
        is_due
    }

    fn read(&mut self) -> Result<(), AudioError> {
        let mut bytes = [0; PIECE];
        match rustix::io::read(&self.fd, &mut bytes) {
            // Half a sample at the very end is no sample.
            Ok(0) | Err(Errno::CONNRESET | Errno::PIPE) => self.ended = true,
            Ok(n) => self.append(&bytes[..n]),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(errno) => {
                self.ended = true;
                return Err(io(errno));
            }
        }
        Ok(())
    }

    fn append(&mut self, mut bytes: &[u8]) {
        if let (Some(low), Some((high, rest))) = (self.half, bytes.split_first()) {
            self.half = None;
            self.pcm.push_back(sample(low, *high));
            bytes = rest;
        }
        self.pcm.extend(bytes.chunks_exact(2).map(|b| sample(b[0], b[1])));
        if let [low] = bytes.chunks_exact(2).remainder() {
            self.half = Some(*low);
        }
    }

    fn receive(&mut self) -> Result<(), AudioError> {
        let mut packet = [0; LONGEST_PACKET];
        match rustix::net::recv(&self.fd, &mut packet, RecvFlags::TRUNC) {
            Ok((_, 0)) | Err(Errno::CONNRESET | Errno::PIPE) => self.ended = true,
            Ok((_, n)) if n > LONGEST_PACKET => {
                let most = LONGEST_PACKET;
                return Err(AudioError::Descriptor(format!(
                    "a packet of {n} bytes, most is {most}"
                )));
            }
            Ok((_, n)) => self.unpack(&packet[..n])?,
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(errno) => {
                self.ended = true;
                return Err(io(errno));
            }
        }
        Ok(())
    }

    fn unpack(&mut self, packet: &[u8]) -> Result<(), AudioError> {
        let Some((header, bytes)) = PacketHeader::split(packet) else {
            let (n, least) = (packet.len(), PacketHeader::BYTES);
            return Err(AudioError::Descriptor(format!("a packet of {n} bytes, least is {least}")));
        };
        if !bytes.len().is_multiple_of(2) {
            let n = bytes.len();
            return Err(AudioError::Descriptor(format!(
                "a packet with {n} bytes of 16-bit samples"
            )));
        }
        let samples = (bytes.len() / 2) as u64;
        let begins = Expected { generation: header.generation, position: header.position };
        let expected = match self.expected {
            Some(e) if e.generation == header.generation => e,
            // Generations wrap; half of them are younger.
            Some(e) if header.generation.wrapping_sub(e.generation) > u32::MAX / 2 => return Ok(()),
            _ => begins,
        };
        let hole = header.position.saturating_sub(expected.position);
        if hole > 0 && hole <= LONGEST_HOLE {
            self.pcm.extend(std::iter::repeat_n(0.0, usize::try_from(hole).unwrap_or(0)));
        }
        let seen = expected.position.saturating_sub(header.position).min(samples);
        self.append(&bytes[usize::try_from(seen).unwrap_or(0) * 2..]);
        let end = header.position.saturating_add(samples);
        let position = end.max(expected.position);
        self.expected = Some(Expected { generation: header.generation, position });
        if header.flags & PacketHeader::END != 0 && !self.pcm.len().is_multiple_of(FRAME_SAMPLES) {
            self.fill_up();
        }
        Ok(())
    }
}

fn sample(low: u8, high: u8) -> f32 {
    f32::from(i16::from_le_bytes([low, high])) / 32_768.0
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, socketpair};

    use super::*;

    fn packets() -> (OwnedFd, FdInput) {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .unwrap();
        (theirs, FdInput::new(ours, FdFraming::Packets, Cancel::new()).unwrap())
    }

    fn send(to: &OwnedFd, generation: u32, position: u64, pcm: &[i16]) {
        let mut packet = PacketHeader { generation, position, flags: 0 }.to_bytes().to_vec();
        packet.extend(pcm.iter().flat_map(|s| s.to_le_bytes()));
        rustix::net::send(to, &packet, SendFlags::empty()).unwrap();
    }

    #[test]
    fn a_stream_in_odd_pieces_is_whole_and_ends_with_its_peer() {
        let (out, mut peer) = std::io::pipe().unwrap();
        let mut input = FdInput::new(out.into(), FdFraming::Stream, Cancel::new()).unwrap();
        let pcm: Vec<i16> = (0..700).collect();
        let bytes: Vec<u8> = pcm.iter().flat_map(|s| s.to_le_bytes()).collect();
        for part in bytes.chunks(7) {
            peer.write_all(part).unwrap();
        }
        peer.write_all(&[1]).unwrap();
        drop(peer);
        let mut heard = Vec::new();
        while let Some(frame) = input.next_frame().unwrap() {
            assert_eq!(frame.at, SampleClock(heard.len() as u64));
            heard.extend(frame.pcm);
        }
        assert_eq!(heard.len(), 960);
        assert!(heard[..700].iter().zip(&pcm).all(|(h, p)| *h == f32::from(*p) / 32_768.0));
        assert!(heard[700..].iter().all(|h| *h == 0.0));
        assert_eq!(input.next_frame().unwrap(), None);
    }

    #[test]
    fn a_peer_that_says_nothing_is_silence_and_a_cancel_ends_it() {
        let (out, peer) = std::io::pipe().unwrap();
        let cancel = Cancel::new();
        let mut input = FdInput::new(out.into(), FdFraming::Stream, cancel.clone()).unwrap();
        let begun = Instant::now();
        for i in 0..10 {
            let frame = input.next_frame().unwrap().unwrap();
            assert_eq!((frame.at.0, frame.pcm), (i * 320, [0.0; FRAME_SAMPLES]));
        }
        assert!((150..1_000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
        cancel.cancel();
        assert_eq!(input.next_frame().unwrap(), None);
        drop(peer);
    }

    #[test]
    fn packets_are_put_in_order_by_generation_and_position() {
        let (peer, mut input) = packets();
        send(&peer, 5, 1_000, &[100; 160]);
        send(&peer, 4, 9_000, &[-1; 160]);
        send(&peer, 5, 1_000, &[-2; 160]);
        send(&peer, 5, 1_240, &[200; 80]);
        send(&peer, 6, 0, &[300; 320]);
        send(&peer, 6, 900_000, &[400; 320]);
        drop(peer);
        let mut heard = Vec::new();
        while let Some(frame) = input.next_frame().unwrap() {
            heard.extend(frame.pcm.map(|s| (s * 32_768.0) as i16));
        }
        let expected: Vec<i16> = [(100, 160), (0, 80), (200, 80), (300, 320), (400, 320)]
            .into_iter()
            .flat_map(|(value, n)| std::iter::repeat_n(value, n))
            .collect();
        assert_eq!(heard, expected);
    }

    #[test]
    fn packets_that_cannot_be_are_refused_one_by_one() {
        let (peer, mut input) = packets();
        let bad: [&[u8]; 3] = [&[0; 15], &[0; 17], &[0; 20_000]];
        for packet in bad {
            rustix::net::send(&peer, packet, SendFlags::empty()).unwrap();
            let refused = input.next_frame();
            assert!(matches!(refused, Err(AudioError::Descriptor(_))), "{refused:?}");
        }
        send(&peer, 1, 0, &[7; 320]);
        assert_eq!(input.next_frame().unwrap().unwrap().pcm, [7.0 / 32_768.0; FRAME_SAMPLES]);
    }
}
