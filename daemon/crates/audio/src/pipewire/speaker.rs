//! The callback of `companion.speaker`: empties the playback queue into the graph and leaves a copy of
//! what is played for the echo canceller. Runs on PipeWire's data thread; does not allocate, lock, log
//! or wait.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ::pipewire::stream::Stream;
use ringbuf::HeapProd;
use ringbuf::traits::Producer;

use super::marks::Mark;
use super::shared::Shared;
use crate::shared_tap::{Player, SharedTap};

/// Most frames of one cycle: the largest quantum of PipeWire, at any rate up to the graph's.
const MOST: usize = 8_192;

/// A copy of what is played.
pub(super) struct ReferenceEnd {
    pub(super) ring: HeapProd<f32>,
    pub(super) marks: HeapProd<Mark>,
}

/// What the loudspeaker's callback owns.
pub(super) struct SpeakerEnd {
    tap: SharedTap,
    reference: Option<ReferenceEnd>,
    /// Samples put into the reference ring so far.
    index: u64,
    ticks: u64,
    scratch: Box<[f32; MOST]>,
    shared: Arc<Shared>,
}

impl SpeakerEnd {
    pub(super) fn new(
        tap: SharedTap,
        reference: Option<ReferenceEnd>,
        shared: Arc<Shared>,
    ) -> Self {
        Self { tap, reference, index: 0, ticks: 0, scratch: Box::new([0.0; MOST]), shared }
    }

    /// Gives the graph as many samples as it asks for.
    pub(super) fn process(&mut self, stream: &Stream) {
        let Some(mut buffer) = stream.dequeue_buffer() else { return };
        let asked = usize::try_from(buffer.requested()).unwrap_or(0);
        let at_ns = self.clock(stream);
        let Some(data) = buffer.datas_mut().first_mut() else { return };
        let Some(bytes) = data.data() else { return };
        let room = (bytes.len() / 4).min(MOST);
        let n = if asked == 0 { room } else { asked.min(room) };
        self.give(&mut bytes[..n * 4], at_ns);
        let chunk = data.chunk_mut();
        *chunk.offset_mut() = 0;
        *chunk.stride_mut() = 4;
        *chunk.size_mut() = u32::try_from(n * 4).unwrap_or(0);
    }

    /// Fills `bytes` with samples, [`MOST`] at most.
    fn give(&mut self, bytes: &mut [u8], at_ns: i64) {
        let n = (bytes.len() / 4).min(MOST);
        let pcm = &mut self.scratch[..n];
        self.tap.fill(Player::Node, pcm);
        for (to, from) in bytes.chunks_exact_mut(4).zip(pcm.iter()) {
            to.copy_from_slice(&from.to_le_bytes());
        }
        self.shared.meters.played.fetch_add(n as u64, Ordering::Relaxed);
        if let Some(reference) = &mut self.reference {
            // What does not fit is missing in the index too, so the marks stay true.
            let _ = reference.marks.try_push(Mark { at_ns, index: self.index });
            self.index += reference.ring.push_slice(pcm) as u64;
        }
    }

    /// Reads the graph's clock and learns the quantum from its steps.
    fn clock(&mut self, stream: &Stream) -> i64 {
        let Ok(time) = stream.time() else { return 0 };
        let step = time.ticks().wrapping_sub(self.ticks);
        self.ticks = time.ticks();
        if let Ok(step @ 1..=8_192) = u32::try_from(step) {
            self.shared.meters.quantum.store(step, Ordering::Relaxed);
            self.shared.meters.graph_rate.store(time.rate().denom, Ordering::Relaxed);
        }
        time.now()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use assert_no_alloc::assert_no_alloc;
    use companion_types::{SampleRate, TurnId};
    use ringbuf::HeapRb;
    use ringbuf::traits::{Consumer, Observer, Split};

    use super::super::shared::Wishes;
    use super::*;
    use crate::playback::playback;

    #[test]
    fn what_is_played_is_the_reference_too_and_nothing_is_allocated() {
        let (queue, tap) = playback(SampleRate(48_000));
        let (ring, mut played) = HeapRb::new(2_000).split();
        let (marks, mut marked) = HeapRb::new(8).split();
        let shared = Arc::new(Shared::new(Wishes::default(), UnixStream::pair().unwrap().0));
        let reference = Some(ReferenceEnd { ring, marks });
        let mut end = SpeakerEnd::new(SharedTap::new(tap), reference, Arc::clone(&shared));
        queue.begin(TurnId(1));
        assert_eq!(queue.push(TurnId(1), &[0.25; 1_500]), 1_500);
        let mut bytes = vec![0; 1_024 * 4];
        for at_ns in 0..4 {
            assert_no_alloc(|| end.give(&mut bytes, at_ns));
        }
        // Two cycles fit in part: the marks count only what did.
        assert_eq!(
            (played.occupied_len(), shared.meters.played.load(Ordering::Relaxed)),
            (2_000, 4_096)
        );
        assert_eq!(played.try_pop(), Some(0.25));
        let indexes: Vec<u64> = marked.pop_iter().map(|m| m.index).collect();
        assert_eq!(indexes, [0, 1_024, 2_000, 2_000]);
    }
}
