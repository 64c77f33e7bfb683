//! Products of float rows with packed float weights: linear maps and convolutions over time of rows that
//! hold their channels together. A convolution is the product of a row's neighbourhood, so nothing is
//! copied for it. Weights that half precision holds exactly are kept in half precision and widened in
//! registers: results are those of f32.

mod minimal;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod tiled;
mod weights;
#[cfg(target_arch = "x86_64")]
mod wide;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use minimal::{MinimalFilter, filter};
pub use weights::Dense;
use weights::{TILE, Values};

use crate::elementwise::{chosen, gelu};
use crate::product::GRAIN;
use crate::{Cpu, Isa};

/// Parts of a product per thread: more even out unequal threads, fewer hand over less.
const PARTS: usize = 6;
/// Rows of a part at least, where there are as many.
const ROWS_OF_PART: usize = 48;

/// The rows that are read. Output row `r` reads, for each tap `t`, row `r * step + t * dilation`.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Rows, one after another.
    pub values: &'a [f32],
    /// Values from one row to the next.
    pub stride: usize,
    /// Rows from one output's first tap to the next one's.
    pub step: usize,
    /// Rows from one tap to the next.
    pub dilation: usize,
}

impl<'a> Input<'a> {
    /// Rows that lie close, each read for its own output (and the ones behind it, by taps).
    #[must_use]
    pub fn close(values: &'a [f32], width: usize) -> Self {
        Self { values, stride: width, step: 1, dilation: 1 }
    }
}

/// What is done to an output before it is stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    /// Nothing.
    None,
    /// What is below zero becomes zero.
    Relu,
    /// What is below zero is multiplied by this.
    Leaky(f32),
    /// `x Φ(x)`, with erf (Hendrycks and Gimpel 2016).
    Gelu,
}

/// Where outputs go: row `r` begins at `r * stride`.
#[derive(Debug)]
pub struct Output<'a> {
    /// Rows.
    pub values: &'a mut [f32],
    /// Values from one row to the next.
    pub stride: usize,
    /// Whether what stands there is added (before the activation).
    pub add: bool,
    /// Rows that lie as these and are added as well.
    pub plus: Option<&'a [f32]>,
    /// Applied last.
    pub activation: Activation,
    /// Stored once more, [`Activation::Leaky`] by a slope: rows, and the slope. Rows lie as those above.
    pub also: Option<(&'a mut [f32], f32)>,
}

impl<'a> Output<'a> {
    /// Rows that lie close and are written over.
    #[must_use]
    pub fn close(values: &'a mut [f32], width: usize) -> Self {
        Self {
            values,
            stride: width,
            add: false,
            plus: None,
            activation: Activation::None,
            also: None,
        }
    }
}

/// A row's outputs of a tile.
type Outputs = [f32; TILE];
/// What vocoders' last layers leave over of a tile (24 channels).
const HALF: usize = TILE / 2;

/// [`Output`] as the threads see it; each tile of each row is written by one of them.
struct Target {
    to: *mut f32,
    plus: *const f32,
    also: *mut f32,
    slope: f32,
    stride: usize,
    add: bool,
    activation: Activation,
}

// SAFETY: threads write disjoint tiles of rows, within the slices lent to `product` for its whole run.
#[expect(unsafe_code, reason = "outputs are shared out by tiles, which do not lie together")]
unsafe impl Sync for Target {}

/// `rows` rows of outputs: `out[r][o] = bias[o] + Σ w[o][tap][i] x[r * step + tap * dilation][i]`.
///
/// # Panics
/// When an input or an output lies beyond its slice.
pub fn product(cpu: &mut Cpu, dense: &Dense, x: Input<'_>, rows: usize, out: Output<'_>) {
    if rows == 0 {
        return;
    }
    let last = (rows - 1) * x.step + (dense.taps - 1) * x.dilation;
    assert!(x.values.len() >= last * x.stride + dense.inputs, "inputs of {rows} rows");
    let target = target_of(dense.outputs, rows, out);
    #[cfg(target_arch = "x86_64")]
    if cpu.isa == Isa::Amx && tiled::pays(dense, rows) {
        return tiled::product(cpu, (dense, &x, rows), &target, &crate::amx::Machine::take);
    }
    if rows == 1 {
        let (isa, target, x) = (cpu.isa, &target, &x);
        let grain = (GRAIN * dense.tiles() / dense.bytes().max(1)).max(1);
        return cpu.pool.run_ranges(dense.tiles(), grain, &move |tiles| {
            piece_on(isa, &Piece { dense, x, tiles, rows: 0..1 }, target);
        });
    }
    let (rows_at_once, tiles_at_once) = at_once(cpu.isa);
    let groups = dense.tiles().div_ceil(tiles_at_once);
    let wanted = cpu.threads() * PARTS;
    let blocks = wanted.div_ceil(groups).clamp(1, rows.div_ceil(ROWS_OF_PART));
    let shares = groups.min(wanted);
    let (isa, target, x) = (cpu.isa, &target, &x);
    cpu.pool.run(shares * blocks, &move |part| {
        let (share, block) = (part / blocks, part % blocks);
        let whole = |at: usize| (rows * at / blocks).next_multiple_of(rows_at_once).min(rows);
        let first = |share: usize| (groups * share / shares * tiles_at_once).min(dense.tiles());
        let (tiles, rows) = (first(share)..first(share + 1), whole(block)..whole(block + 1));
        piece_on(isa, &Piece { dense, x, tiles, rows }, target);
    });
}

/// A convolution over time in the form that is fastest for its sizes.
#[derive(Debug, Clone)]
pub enum Convolution {
    /// As it is.
    Plain(Dense),
    /// With fewer multiplications.
    Minimal(Box<MinimalFilter>),
}

impl Convolution {
    /// Packs `[outputs, inputs, taps]` weights, row-major as frameworks keep it; `step` rows lie between
    /// neighbouring outputs.
    ///
    /// # Panics
    /// As [`Dense::convolution`].
    #[must_use]
    pub fn pack(sizes: [usize; 3], weights: &[f32], bias: Option<&[f32]>, step: usize) -> Self {
        let [outputs, inputs, taps] = sizes;
        // Measured: with fewer channels the transforms cost what they save, beside AMX's tiles always.
        let least = match (Isa::detect(), taps < 5) {
            (Isa::Amx, _) => usize::MAX,
            (Isa::Avx512Vnni, true) => 192,
            (_, true) | (Isa::Avx512Vnni, false) => 96,
            _ => 48,
        };
        if step == 1 && taps >= 3 && outputs.min(inputs) >= least {
            Self::Minimal(Box::new(MinimalFilter::convolution(sizes, weights, bias)))
        } else {
            Self::Plain(Dense::convolution(sizes, weights, bias))
        }
    }
}

/// [`product`] with a convolution.
///
/// # Panics
/// As [`product`], or when the input's step is not that of the convolution.
pub fn convolve(
    cpu: &mut Cpu,
    convolution: &Convolution,
    x: Input<'_>,
    rows: usize,
    out: Output<'_>,
) {
    match convolution {
        Convolution::Plain(dense) => product(cpu, dense, x, rows, out),
        Convolution::Minimal(minimal) => filter(cpu, minimal, x, rows, out),
    }
}

/// Where the outputs of `rows` rows go.
///
/// # Panics
/// When there is no room for them.
fn target_of(outputs: usize, rows: usize, out: Output<'_>) -> Target {
    let most = (rows - 1) * out.stride + outputs;
    assert!(out.values.len() >= most, "room for {rows} rows");
    assert!(outputs <= out.stride || rows == 1, "outputs beyond a row of {}", out.stride);
    let (mut also, mut slope) = (std::ptr::null_mut(), 1.0);
    if let Some((values, by)) = out.also {
        assert!(values.len() >= most, "room for {rows} rows once more");
        (also, slope) = (values.as_mut_ptr(), by);
    }
    assert!(out.plus.is_none_or(|plus| plus.len() >= most), "{rows} rows to add");
    let plus = out.plus.map_or(std::ptr::null(), <[f32]>::as_ptr);
    let (stride, add, activation) = (out.stride, out.add, out.activation);
    Target { to: out.values.as_mut_ptr(), plus, also, slope, stride, add, activation }
}

/// Some rows of some tiles, by the instructions chosen. Its rows' neighbourhoods and their outputs were
/// checked to lie in their slices.
fn piece_on(isa: Isa, piece: &Piece<'_>, target: &Target) {
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the instructions were detected ([`Isa::detect`]); the rest was checked by the callers.
        #[expect(unsafe_code, reason = "instructions chosen at run time")]
        Isa::Avx2 => unsafe { x86::piece(piece, target) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        #[expect(unsafe_code, reason = "instructions chosen at run time")]
        Isa::Avx512Vnni | Isa::Amx => unsafe { wide::piece(piece, target) },
        _ => scalar::piece(piece, target),
    }
}

/// Rows and tiles that a kernel takes at once; parts hold multiples of them.
fn at_once(isa: Isa) -> (usize, usize) {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => (x86::ROWS, 1),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni | Isa::Amx => (wide::ROWS, wide::TILES),
        _ => (1, 1),
    }
}

/// Some rows of some tiles.
struct Piece<'a> {
    dense: &'a Dense,
    x: &'a Input<'a>,
    tiles: std::ops::Range<usize>,
    rows: std::ops::Range<usize>,
}

/// A row's outputs: how many, and what is added to them.
#[derive(Clone, Copy)]
struct Ends<'a> {
    outputs: usize,
    /// Empty, or filled up to whole tiles.
    bias: &'a [f32],
}

impl Target {
    /// Rows that are written over with the sums alone, whole tiles of them, by one thread.
    fn plain(values: &mut [f32], stride: usize) -> Self {
        Self {
            to: values.as_mut_ptr(),
            plus: std::ptr::null(),
            also: std::ptr::null_mut(),
            slope: 1.0,
            stride,
            add: false,
            activation: Activation::None,
        }
    }

    /// Finishes and stores a tile of a row.
    ///
    /// # Safety
    /// The row and the tile's outputs lie within the slices, and no other thread has them.
    #[expect(unsafe_code, reason = "outputs are shared out by tiles")]
    #[inline(always)]
    unsafe fn put(&self, ends: Ends<'_>, tile: usize, row: usize, sums: &Outputs) {
        let mut values = *sums;
        if let Some(bias) = ends.bias.as_chunks::<TILE>().0.get(tile) {
            add_to(&mut values, bias);
        }
        let first = tile * TILE;
        let (at, count) = (row * self.stride + first, TILE.min(ends.outputs - first));
        // SAFETY: the caller's promise.
        unsafe {
            match (count, values.first_chunk()) {
                (TILE, _) => self.put_known::<TILE>(at, values),
                (HALF, Some(half)) => self.put_known::<HALF>(at, *half),
                _ => self.put_some(at, &mut values[..count]),
            }
        }
    }

    /// Outputs of a number that the compiler knows: all is done in registers.
    ///
    /// # Safety
    /// As [`Self::put`].
    #[expect(unsafe_code, reason = "outputs are shared out by tiles")]
    #[inline(always)]
    unsafe fn put_known<const N: usize>(&self, at: usize, mut values: [f32; N]) {
        // SAFETY: the caller's promise.
        unsafe {
            if !self.plus.is_null() {
                add_to(&mut values, &*self.plus.add(at).cast::<[f32; N]>());
            }
            let to = &mut *self.to.add(at).cast::<[f32; N]>();
            if self.add {
                add_to(&mut values, to);
            }
            match self.activation {
                Activation::None => {}
                Activation::Relu => values = each(&values, |value| value.max(0.0)),
                Activation::Leaky(slope) => values = each(&values, |value| leaky(value, slope)),
                Activation::Gelu => values = each(&values, gelu),
            }
            *to = values;
            if !self.also.is_null() {
                *self.also.add(at).cast::<[f32; N]>() =
                    each(&values, |value| leaky(value, self.slope));
            }
        }
    }

    /// The same for any number of them.
    ///
    /// # Safety
    /// As [`Self::put`].
    #[expect(unsafe_code, reason = "outputs are shared out by tiles")]
    #[inline(never)]
    unsafe fn put_some(&self, at: usize, values: &mut [f32]) {
        for (offset, value) in values.iter_mut().enumerate() {
            // SAFETY: the caller's promise.
            unsafe {
                let at = at + offset;
                if !self.plus.is_null() {
                    *value += *self.plus.add(at);
                }
                if self.add {
                    *value += *self.to.add(at);
                }
                *value = match self.activation {
                    Activation::None => *value,
                    Activation::Relu => value.max(0.0),
                    Activation::Leaky(slope) => leaky(*value, slope),
                    Activation::Gelu => gelu(*value),
                };
                *self.to.add(at) = *value;
                if !self.also.is_null() {
                    *self.also.add(at) = leaky(*value, self.slope);
                }
            }
        }
    }
}

/// Value by value.
#[inline(always)]
fn add_to<const N: usize>(values: &mut [f32; N], more: &[f32; N]) {
    let mut sums = [0.0; N];
    for at in 0..N {
        sums[at] = values[at] + more[at];
    }
    *values = sums;
}

/// Value by value.
#[inline(always)]
fn each<const N: usize>(values: &[f32; N], f: impl Fn(f32) -> f32) -> [f32; N] {
    let mut results = [0.0; N];
    for (result, value) in results.iter_mut().zip(values) {
        *result = f(*value);
    }
    results
}

/// `x`, or `slope * x` below zero, for slopes below 1.
#[inline(always)]
pub(crate) fn leaky(x: f32, slope: f32) -> f32 {
    x.max(x * slope)
}

/// `to = leaky(from * scale)`, value by value, on all threads.
pub fn leaky_scaled(cpu: &mut Cpu, from: &[f32], (scale, slope): (f32, f32), to: &mut [f32]) {
    #[inline(always)]
    fn some(from: &[f32], scale: f32, slope: f32, to: &mut [f32]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = leaky(from * scale, slope);
        }
    }
    let isa = cpu.isa;
    cpu.pool.run_pieces(to, PIECE, &|at, to| {
        let from = &from[at * PIECE..];
        chosen!(isa, some(from: &[f32], scale: f32, slope: f32, to: &mut [f32]));
    });
}

/// Values of a piece of work that is done value by value.
const PIECE: usize = 16 << 10;

/// `to += from`, value by value, on all threads.
pub fn add(cpu: &mut Cpu, from: &[f32], to: &mut [f32]) {
    #[inline(always)]
    fn some(from: &[f32], to: &mut [f32]) {
        to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
    }
    let isa = cpu.isa;
    cpu.pool.run_pieces(to, PIECE, &|at, to| {
        let from = &from[at * PIECE..];
        chosen!(isa, some(from: &[f32], to: &mut [f32]));
    });
}

#[cfg(test)]
mod tests;
