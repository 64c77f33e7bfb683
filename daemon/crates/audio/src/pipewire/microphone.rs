//! The callback of `companion.mic`: samples go into a ring, a mark per cycle into another. Runs on
//! PipeWire's data thread; does not allocate, lock, log or wait.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ::pipewire::stream::Stream;
use companion_types::CAPTURE_RATE;
use ringbuf::HeapProd;
use ringbuf::traits::Producer;

use super::marks::Mark;
use super::shared::Shared;

/// Samples converted at once.
const PIECE: usize = 1_024;
/// The level is that of so many samples: 100 ms.
const LEVEL_SAMPLES: u32 = CAPTURE_RATE.0 / 10;

/// What the microphone's callback owns.
pub(super) struct MicrophoneEnd {
    ring: HeapProd<f32>,
    marks: HeapProd<Mark>,
    /// Samples put into the ring so far.
    index: u64,
    piece: [f32; PIECE],
    peak: f32,
    energy: f32,
    measured: u32,
    shared: Arc<Shared>,
}

impl MicrophoneEnd {
    pub(super) fn new(ring: HeapProd<f32>, marks: HeapProd<Mark>, shared: Arc<Shared>) -> Self {
        let piece = [0.0; PIECE];
        Self { ring, marks, index: 0, piece, peak: 0.0, energy: 0.0, measured: 0, shared }
    }

    /// Takes what the graph captured in this cycle, however much that is.
    pub(super) fn process(&mut self, stream: &Stream) {
        while let Some(mut buffer) = stream.dequeue_buffer() {
            let at_ns = stream.time().map_or(0, |t| t.now());
            let Some(data) = buffer.datas_mut().first_mut() else { continue };
            let offset = data.chunk().offset() as usize;
            let size = data.chunk().size() as usize;
            let Some(bytes) = data.data() else { continue };
            let end = offset.saturating_add(size).min(bytes.len());
            self.take(&bytes[offset.min(end)..end], at_ns);
        }
    }

    fn take(&mut self, bytes: &[u8], at_ns: i64) {
        // A lost mark is made good by the next one.
        let _ = self.marks.try_push(Mark { at_ns, index: self.index });
        for part in bytes.chunks(PIECE * 4) {
            let mut n = 0;
            for (to, from) in self.piece.iter_mut().zip(part.chunks_exact(4)) {
                let value = f32::from_le_bytes([from[0], from[1], from[2], from[3]]);
                *to = if value.is_finite() { value } else { 0.0 };
                n += 1;
            }
            let pushed = self.ring.push_slice(&self.piece[..n]);
            self.index += pushed as u64;
            if pushed < n {
                self.shared.meters.overruns.fetch_add((n - pushed) as u64, Ordering::Relaxed);
            }
            self.measure(n);
        }
    }

    fn measure(&mut self, n: usize) {
        for sample in &self.piece[..n] {
            self.peak = self.peak.max(sample.abs());
            self.energy += sample * sample;
            self.measured += 1;
            if self.measured == LEVEL_SAMPLES {
                #[expect(clippy::cast_precision_loss, reason = "1600")]
                let rms = (self.energy / LEVEL_SAMPLES as f32).sqrt();
                self.shared.meters.peak.store(self.peak.to_bits(), Ordering::Relaxed);
                self.shared.meters.rms.store(rms.to_bits(), Ordering::Relaxed);
                (self.peak, self.energy, self.measured) = (0.0, 0.0, 0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use assert_no_alloc::assert_no_alloc;
    use ringbuf::HeapRb;
    use ringbuf::traits::{Consumer, Split};

    use super::super::shared::Wishes;
    use super::*;

    #[test]
    fn cycles_of_any_size_go_into_the_ring_and_what_does_not_fit_is_counted() {
        let (ring, mut heard) = HeapRb::new(4_000).split();
        let (marks, mut marked) = HeapRb::new(2).split();
        let shared = Arc::new(Shared::new(Wishes::default(), UnixStream::pair().unwrap().0));
        let mut end = MicrophoneEnd::new(ring, marks, Arc::clone(&shared));
        let mut bytes = 0.5_f32.to_le_bytes().repeat(2_731);
        bytes[..4].copy_from_slice(&f32::NAN.to_le_bytes());
        for n in [341, 342, 2_731, 1_000] {
            assert_no_alloc(|| end.take(&bytes[..n * 4], 0));
        }
        let heard: Vec<f32> = heard.pop_iter().collect();
        assert_eq!((heard[0], heard[1], heard.len()), (0.0, 0.5, 4_000));
        assert_eq!(shared.meters.overruns.load(Ordering::Relaxed), 414);
        let level = shared.meters.level();
        assert!((level.peak_dbfs + 6.02).abs() < 0.01 && (level.rms_dbfs + 6.02).abs() < 0.02);
        assert_eq!(marked.pop_iter().map(|m| m.index).collect::<Vec<_>>(), [0, 341]);
    }
}
