//! Any text, for tests: ten thousand random strings of every kind, and how the work of reading grows with the length.

use std::hint::black_box;

use rustix::time::{ClockId, clock_gettime};

/// Strings per module.
const STRINGS: u64 = 10_000;
/// Bytes of the short text whose work is compared with that of eight times the length.
pub(crate) const SHORT: usize = 10_000;
/// Eight times the text may cost so many times the work: linear is 8, quadratic 64.
const MOST: u128 = 24;

/// A small generator (Knuth's MMIX constants).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u32) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 33).unwrap_or_default() % end
    }

    /// A character of one of the kinds that readers treat apart; all planes and control characters among them.
    fn character(&mut self, kind: u32) -> Option<char> {
        const MARKS: &str = " ,.?!:;/%$-–—…'\"()~+×÷=<>@#&*_，。？！、：；“”‘’（）￥°℃²³·";
        let code = match kind {
            0 => self.below(0x11_0000),
            1 => self.below(0x20),
            2 => 0x7f + self.below(0x21),
            3 => 0x20 + self.below(0x5f),
            4 => 0x61 + self.below(26),
            5 => 0x30 + self.below(10),
            6 => 0x4e00 + self.below(0x5200),
            7 => 0x2_0000 + self.below(0x1_0000),
            8 => 0x300 + self.below(0x70),
            9 => 0x1_f300 + self.below(0x400),
            10 => 0xe_0000 + self.below(0x1f0),
            11 => 0x2000 + self.below(0x70),
            _ => {
                let at = self.below(u32::try_from(MARKS.chars().count()).unwrap_or(1));
                return MARKS.chars().nth(at as usize);
            }
        };
        char::from_u32(code)
    }

    fn text(&mut self) -> String {
        // Of one kind, of two, or of all mixed.
        let (first, second) = (self.below(13), self.below(13));
        let mixed = self.below(3);
        let most = if self.below(20) == 0 { 200 } else { 24 };
        let count = self.below(most);
        let one = |_| {
            let kind = match mixed {
                0 => self.below(13),
                1 => first,
                _ => [first, second][self.below(2) as usize],
            };
            self.character(kind)
        };
        (0..count).filter_map(one).collect()
    }
}

/// Gives ten thousand strings to `holds`, the same at every run.
pub(crate) fn any_texts(mut holds: impl FnMut(&str)) {
    let mut random = Random(STRINGS);
    for _ in 0..STRINGS {
        holds(&random.text());
    }
}

/// What `read` costs this thread, nanoseconds of its own processor time, at least 1; the least of three.
fn work(mut read: impl FnMut()) -> u128 {
    let one = |_| {
        let start = clock_gettime(ClockId::ThreadCPUTime);
        read();
        let end = clock_gettime(ClockId::ThreadCPUTime);
        let of = |t: rustix::time::Timespec| {
            i128::from(t.tv_sec) * 1_000_000_000 + i128::from(t.tv_nsec)
        };
        u128::try_from(of(end) - of(start)).unwrap_or_default().max(1)
    };
    (0..3).map(one).min().unwrap_or(1)
}

/// Asserts that `read` takes about eight times the work for eight times the text: words without an end, and runs of
/// each of `units`. How quick it is, is not asked.
pub(crate) fn work_grows_linearly<T>(size: usize, units: &[&str], mut read: impl FnMut(&str) -> T) {
    for unit in units {
        let text = |bytes: usize| unit.repeat(bytes / unit.len());
        let (short, long) = (text(size), text(size * 8));
        let mut cost = |text: &str| work(|| drop(black_box(read(black_box(text)))));
        // The first reading makes what is made once.
        let _ = cost(&short);
        let (few, many) = (cost(&short), cost(&long));
        // Below a millisecond the clock and the allocator are what is measured.
        assert!(
            many < few.max(1_000_000) * MOST,
            "{unit:?}: {few} ns for {size} bytes, {many} for eight times as many"
        );
    }
}
