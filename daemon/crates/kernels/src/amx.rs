//! Tile registers of Intel's AMX: eight of sixteen rows of 64 bytes, and the product of two of them in bf16
//! (Intel's Architecture Instruction Set Extensions Programming Reference, chapter 3). A kernel is written
//! for [`Tiles`]; tests run it with the instructions written out as well, so that machines without AMX prove it.

/// Rows of a tile.
pub(crate) const ROWS: usize = 16;
/// Bytes of a tile's row.
pub(crate) const ROW_BYTES: usize = 64;
/// Values of half size in a row.
pub(crate) const HALVES: usize = ROW_BYTES / 2;

/// A row of a tile, 64 bytes: 32 values of bf16, or sixteen of f32.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(64))]
pub(crate) struct Line([u32; 16]);

impl Line {
    /// All zeros.
    pub(crate) const ZERO: Self = Self([0; 16]);

    /// Sixteen words.
    pub(crate) fn of_words(words: [u32; 16]) -> Self {
        Self(words)
    }

    /// Changes one word.
    pub(crate) fn put(&mut self, at: usize, word: u32) {
        self.0[at] = word;
    }

    /// Lines as the f32 that they hold.
    pub(crate) fn as_floats_mut(lines: &mut [Self]) -> &mut [f32] {
        // SAFETY: a line is sixteen words of 32 bits, any of which is an f32.
        #[expect(unsafe_code, reason = "room is used for several kinds of values")]
        unsafe {
            std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * 16)
        }
    }

    /// Its values, taken as f32.
    pub(crate) fn floats(&self) -> [f32; 16] {
        self.0.map(f32::from_bits)
    }
}

/// Eight tile registers, all of them sixteen rows of 64 bytes, as one thread has them.
pub(crate) trait Tiles {
    /// Makes tile `T` zeros.
    fn clear<const T: u8>(&mut self);

    /// Reads tile `T`: row `r` begins at `from + r * stride` bytes.
    ///
    /// # Safety
    /// Sixteen rows of 64 bytes stand there.
    #[expect(unsafe_code, reason = "loads take pointers")]
    unsafe fn load<const T: u8>(&mut self, from: *const u8, stride: usize);

    /// Writes tile `T` the same way.
    ///
    /// # Safety
    /// There is room for sixteen rows of 64 bytes.
    #[expect(unsafe_code, reason = "stores take pointers")]
    unsafe fn store<const T: u8>(&self, to: *mut u8, stride: usize);

    /// `C[m][n] += Σ_k A[m][2k] B[k][2n] + A[m][2k + 1] B[k][2n + 1]`: A and B of bf16, C of f32 (TDPBF16PS).
    fn multiply<const C: u8, const A: u8, const B: u8>(&mut self);
}

/// bf16 of a value, rounded to the nearest (ties away from zero; what is not finite may become anything).
#[inline(always)]
pub(crate) fn to_bf16(value: f32) -> u16 {
    (value.to_bits().wrapping_add(0x8000) >> 16) as u16
}

#[cfg(target_arch = "x86_64")]
pub(crate) use machine::{Machine, is_there};

#[cfg(target_arch = "x86_64")]
mod machine {
    use std::arch::asm;
    use std::arch::x86_64::__cpuid_count;
    use std::marker::PhantomData;
    use std::sync::OnceLock;

    use super::{ROW_BYTES, ROWS, Tiles};

    /// Leaf 7 of CPUID, register EDX.
    const AMX_BF16: u32 = 1 << 22;
    const AMX_TILE: u32 = 1 << 24;
    /// Parts of XCR0: that the system keeps the tiles' configuration and their data.
    const TILES_KEPT: u64 = 0b11 << 17;
    /// `arch_prctl(2)`: asks for a part of the extended state, here number 18, the tiles' data.
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const TILE_DATA: libc::c_long = 18;

    /// Whether the machine has tiles for bf16 and the system lets this process use them; asked once.
    pub(crate) fn is_there() -> bool {
        static THERE: OnceLock<bool> = OnceLock::new();
        *THERE.get_or_init(|| {
            if !std::arch::is_x86_feature_detected!("xsave") {
                return false;
            }
            let features = __cpuid_count(7, 0).edx;
            if features & (AMX_BF16 | AMX_TILE) != AMX_BF16 | AMX_TILE {
                return false;
            }
            let (low, high): (u32, u32);
            // SAFETY: XGETBV with ECX 0 reads XCR0; the system has XSAVE on, as was detected.
            #[expect(unsafe_code, reason = "an instruction")]
            unsafe {
                asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") high,
                    options(nomem, nostack, preserves_flags));
            }
            if (u64::from(high) << 32 | u64::from(low)) & TILES_KEPT != TILES_KEPT {
                return false;
            }
            // SAFETY: this call takes two numbers and touches no memory of the process.
            #[expect(unsafe_code, reason = "a system call")]
            let granted =
                unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA) };
            granted == 0
        })
    }

    /// How the tiles are used (LDTILECFG): palette 1, all of them whole.
    #[repr(C, align(64))]
    struct Configuration {
        palette: u8,
        start_row: u8,
        reserved: [u8; 14],
        row_bytes: [u16; 16],
        rows: [u8; 16],
    }

    static WHOLE: Configuration = Configuration {
        palette: 1,
        start_row: 0,
        reserved: [0; 14],
        row_bytes: filled(ROW_BYTES as u16),
        rows: {
            let of_words = filled(ROWS as u16);
            let (mut rows, mut at) = ([0u8; 16], 0);
            while at < 16 {
                rows[at] = of_words[at] as u8;
                at += 1;
            }
            rows
        },
    };

    /// `value` for each of the eight tiles.
    const fn filled(value: u16) -> [u16; 16] {
        let (mut all, mut at) = ([0; 16], 0);
        while at < 8 {
            all[at] = value;
            at += 1;
        }
        all
    }

    /// The machine's tiles; given back to the system's default when it goes.
    pub(crate) struct Machine(PhantomData<*const ()>);

    impl Machine {
        /// Makes this thread's tiles ready; nothing where they are not there.
        pub(crate) fn take() -> Option<Self> {
            if !is_there() {
                return None;
            }
            // SAFETY: the machine has tiles and the system allows them; the configuration is a valid one of
            // 64 bytes.
            #[expect(unsafe_code, reason = "an instruction")]
            unsafe {
                asm!("ldtilecfg [{}]", in(reg) &raw const WHOLE,
                    options(nostack, preserves_flags));
            }
            Some(Self(PhantomData))
        }
    }

    impl Drop for Machine {
        fn drop(&mut self) {
            // SAFETY: tiles were configured by this thread.
            #[expect(unsafe_code, reason = "an instruction")]
            unsafe {
                asm!("tilerelease", options(nostack, preserves_flags));
            }
        }
    }

    #[expect(unsafe_code, reason = "instructions")]
    impl Tiles for Machine {
        #[inline(always)]
        fn clear<const T: u8>(&mut self) {
            // SAFETY: the tiles are configured as long as there is a `Machine`, on its own thread.
            unsafe { asm!("tilezero tmm{t}", t = const T, options(nostack, preserves_flags)) }
        }

        #[inline(always)]
        unsafe fn load<const T: u8>(&mut self, from: *const u8, stride: usize) {
            // SAFETY: as above; the caller vouches for the memory.
            unsafe {
                asm!("tileloadd tmm{t}, [{from} + {stride}*1]", t = const T, from = in(reg) from,
                    stride = in(reg) stride, options(nostack, preserves_flags));
            }
        }

        #[inline(always)]
        unsafe fn store<const T: u8>(&self, to: *mut u8, stride: usize) {
            // SAFETY: as above; the caller vouches for the memory.
            unsafe {
                asm!("tilestored [{to} + {stride}*1], tmm{t}", t = const T, to = in(reg) to,
                    stride = in(reg) stride, options(nostack, preserves_flags));
            }
        }

        #[inline(always)]
        fn multiply<const C: u8, const A: u8, const B: u8>(&mut self) {
            // SAFETY: as above.
            unsafe {
                asm!("tdpbf16ps tmm{c}, tmm{a}, tmm{b}", c = const C, a = const A, b = const B,
                    options(nostack, preserves_flags));
            }
        }
    }
}

/// The instructions in plain code, as Intel's manual says what each does; never used for speed.
#[cfg(test)]
pub(crate) struct WrittenOut([[[u8; ROW_BYTES]; ROWS]; 8]);

#[cfg(test)]
impl WrittenOut {
    /// Tiles of anything.
    pub(crate) fn new() -> Self {
        Self([[[0xaa; ROW_BYTES]; ROWS]; 8])
    }

    fn half(&self, tile: u8, row: usize, at: usize) -> f32 {
        let bytes = &self.0[usize::from(tile)][row][2 * at..2 * at + 2];
        f32::from_bits(u32::from(u16::from_le_bytes([bytes[0], bytes[1]])) << 16)
    }
}

#[cfg(test)]
#[expect(unsafe_code, reason = "as the instructions', its loads and stores take pointers")]
impl Tiles for WrittenOut {
    fn clear<const T: u8>(&mut self) {
        self.0[usize::from(T)] = [[0; ROW_BYTES]; ROWS];
    }

    unsafe fn load<const T: u8>(&mut self, from: *const u8, stride: usize) {
        for (r, row) in self.0[usize::from(T)].iter_mut().enumerate() {
            // SAFETY: the caller vouches for the memory.
            *row = unsafe { from.add(r * stride).cast::<[u8; ROW_BYTES]>().read_unaligned() };
        }
    }

    unsafe fn store<const T: u8>(&self, to: *mut u8, stride: usize) {
        for (r, row) in self.0[usize::from(T)].iter().enumerate() {
            // SAFETY: the caller vouches for the memory.
            unsafe { to.add(r * stride).cast::<[u8; ROW_BYTES]>().write_unaligned(*row) }
        }
    }

    fn multiply<const C: u8, const A: u8, const B: u8>(&mut self) {
        for m in 0..ROWS {
            for n in 0..ROWS {
                let bytes = &self.0[usize::from(C)][m][4 * n..4 * n + 4];
                let mut sum = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                for k in 0..ROWS {
                    for i in 0..2 {
                        sum += self.half(A, m, 2 * k + i) * self.half(B, k, 2 * n + i);
                    }
                }
                self.0[usize::from(C)][m][4 * n..4 * n + 4].copy_from_slice(&sum.to_le_bytes());
            }
        }
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn the_machines_tiles_do_what_is_written_out() {
        let Some(mut machine) = Machine::take() else { return };
        let mut plain = WrittenOut::new();
        let noise = |seed: usize| -> Vec<u16> {
            let value = |at: usize| ((at * 37 + seed) as f32 * 0.61).sin() * 3.0;
            (0..ROWS * HALVES).map(|at| to_bf16(value(at))).collect()
        };
        fn run(tiles: &mut impl Tiles, a: &[u16], b: &[u16], out: &mut [f32]) {
            tiles.clear::<2>();
            // SAFETY: each slice holds sixteen rows of 64 bytes.
            #[expect(unsafe_code, reason = "loads take pointers")]
            unsafe {
                tiles.load::<5>(a.as_ptr().cast(), ROW_BYTES);
                tiles.load::<7>(b.as_ptr().cast(), ROW_BYTES);
                tiles.multiply::<2, 5, 7>();
                tiles.multiply::<2, 5, 7>();
                tiles.store::<2>(out.as_mut_ptr().cast(), ROW_BYTES);
            }
        }
        let (a, b) = (noise(1), noise(2));
        let (mut got, mut want) = (vec![0f32; 256], vec![0f32; 256]);
        run(&mut machine, &a, &b, &mut got);
        run(&mut plain, &a, &b, &mut want);
        for (got, want) in got.iter().zip(&want) {
            assert!((got - want).abs() < 1e-3, "{got} {want}");
        }
    }
}
