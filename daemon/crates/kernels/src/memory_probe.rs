//! How fast memory is read: the limit of whatever reads its weights once, for benchmarks.

use crate::elementwise::chosen;
use crate::{Cpu, Isa};

/// Words of 64 bits that are summed side by side.
const LANES: usize = 32;
/// Lanes' words of a grain: 64 KiB.
const GRAIN: usize = 256;

/// Memory that is read as weights are: in large pages where the system has some, by all threads, each from begin to
/// end of a part of its own, ahead of what the machine looks ahead by itself.
#[derive(Debug)]
pub struct MemoryProbe {
    words: Vec<[u64; LANES]>,
}

impl MemoryProbe {
    /// `bytes` of memory; take more than the caches hold.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let mut words = vec![[0u64; LANES]; bytes.div_ceil(LANES * 8)];
        crate::pages::large(&mut words);
        words.iter_mut().enumerate().for_each(|(at, lanes)| lanes.fill(at as u64));
        crate::pages::collapse(&words);
        Self { words }
    }

    /// Bytes that [`Self::read`] reads.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of_val(self.words.as_slice())
    }

    /// Reads all of it once. Gives the sum of its words, so that nothing is left out.
    pub fn read(&self, cpu: &mut Cpu) -> u64 {
        let (isa, total) = (cpu.isa, std::sync::atomic::AtomicU64::new(0));
        cpu.pool.run_ranges(self.words.len(), GRAIN, &|range| {
            let (words, mut sum) = (&self.words[range], 0u64);
            let to = &mut sum;
            chosen!(isa, add_up(words: &[[u64; LANES]], to: &mut u64));
            total.fetch_add(sum, std::sync::atomic::Ordering::Relaxed);
        });
        total.into_inner()
    }
}

#[inline(always)]
fn add_up(words: &[[u64; LANES]], to: &mut u64) {
    let mut lanes = [0u64; LANES];
    for words in words {
        #[cfg(target_arch = "x86_64")]
        for line in 0..LANES / 8 {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

            use crate::product::AHEAD;
            let at = words.as_ptr().cast::<i8>().wrapping_add(AHEAD + line * 64);
            // SAFETY: a prefetch reads nothing that the program sees, whatever the address.
            #[expect(unsafe_code, reason = "an instruction")]
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(at);
            }
        }
        lanes.iter_mut().zip(words).for_each(|(lane, word)| *lane = lane.wrapping_add(*word));
    }
    *to = lanes.iter().fold(0, |sum, lane| sum.wrapping_add(*lane));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_once_whatever_the_instructions_and_threads() {
        let probe = MemoryProbe::new(3 << 20);
        let rows = (probe.bytes() / 256) as u64;
        for isa in Isa::available() {
            for threads in [1, 3] {
                let sum = probe.read(&mut Cpu::with_isa(threads, isa));
                assert_eq!(sum, rows * (rows - 1) / 2 * LANES as u64);
            }
        }
    }
}
