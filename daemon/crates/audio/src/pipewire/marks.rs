//! Ties sample indexes to the graph's clock. The callbacks leave a mark per cycle; the `hear` thread
//! finds with them which played sample belongs to which captured one. Pure.

use ringbuf::HeapCons;
use ringbuf::traits::Consumer;

/// "The sample with this index was handled in the cycle that began then."
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// Monotonic time of the cycle, in nanoseconds.
    pub(super) at_ns: i64,
    /// Index of the cycle's first sample.
    pub(super) index: u64,
}

/// So many cycles may go unread: over a second at the smallest quantum.
pub(super) const MARKS: usize = 512;

impl Mark {
    /// The newest of the marks that wait.
    pub(super) fn newest(marks: &mut HeapCons<Self>) -> Option<Self> {
        marks.pop_iter().last()
    }

    /// When the sample with `index` was handled, at `rate` samples per second.
    pub(super) fn time_of(self, index: u64, rate: u32) -> i64 {
        let samples = i128::from(index) - i128::from(self.index);
        let ns = samples * 1_000_000_000 / i128::from(rate.max(1));
        self.at_ns.saturating_add(i64::try_from(ns).unwrap_or(0))
    }

    /// Which sample was handled at `at_ns`; negative before the first.
    pub(super) fn index_at(self, at_ns: i64, rate: u32) -> i64 {
        let ns = i128::from(at_ns) - i128::from(self.at_ns);
        let samples = ns * i128::from(rate) / 1_000_000_000 + i128::from(self.index);
        i64::try_from(samples).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_and_times_are_each_others_way_back() {
        let mark = Mark { at_ns: 5_000_000_000, index: 48_000 };
        assert_eq!(mark.time_of(48_000 + 24_000, 48_000), 5_500_000_000);
        assert_eq!(mark.index_at(5_500_000_000, 48_000), 72_000);
        assert_eq!(mark.index_at(3_000_000_000, 48_000), -48_000);
    }
}
