//! What happens to queries, keys and values between their projection and attention, in one kernel: norms per head
//! (Qwen3), rotary positions (Su et al. 2021), and keys and values into the cache. A warp per head and row.

use half::f16;

use crate::cache::eight_bits;
use crate::error::{at_least, exactly};
use crate::kernel::Kernel;
use crate::stream::{Arguments, Shape};
use crate::{Buffer, Error, KvCache, KvPrecision, Stream};

const OP: &str = "rotate_append";

/// Which values of a head are rotated against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RotaryPairs {
    /// The two halves, as in GPT-NeoX.
    #[default]
    Halves,
    /// Neighbours, as in the paper.
    Neighbours,
}

/// How heads are rotated and normed.
#[derive(Debug, Clone, Copy)]
pub struct Rotary<'a> {
    /// Radians per position of each pair of a head: half as many as its width.
    pub speeds: &'a Buffer<f32>,
    /// What is a pair.
    pub pairs: RotaryPairs,
    /// RMS norm weights of a head's queries and keys, applied before the rotation, and what is added under the root.
    pub norms: Option<(&'a Buffer<f32>, &'a Buffer<f32>, f32)>,
}

/// Rows `[queries, keys, values]` of all heads, as the joint projection gives them.
#[derive(Debug, Clone, Copy)]
pub struct Projected<'a> {
    /// The rows.
    pub qkv: &'a Buffer<f16>,
    /// How many.
    pub rows: usize,
    /// Query heads.
    pub heads: usize,
}

/// Writes rotated queries `[row, head, dim]` and appends keys and values to the cache, at the positions from `past[0]`
/// on. Rows that the cache has no room for are dropped: who calls checks its capacity.
///
/// # Errors
/// When a buffer is too short, sizes do not fit the cache, or the launch fails.
pub fn rotate_append(
    stream: &Stream,
    rotary: Rotary<'_>,
    projected: Projected<'_>,
    past: &Buffer<u32>,
    queries: &mut Buffer<f16>,
    cache: &mut KvCache,
) -> Result<(), Error> {
    let Projected { qkv, rows, heads } = projected;
    let (dim, kv) = (cache.shape.dim, cache.shape.heads);
    at_least(OP, "the projected rows", qkv.len(), rows * (heads + 2 * kv) * dim)?;
    at_least(OP, "the queries", queries.len(), rows * heads * dim)?;
    at_least(OP, "the position", past.len(), 1)?;
    exactly(OP, "the rotary speeds", rotary.speeds.len(), dim / 2)?;
    at_least(OP, "the capacity of the cache", cache.shape.capacity, rows)?;
    if let Some((q, k, _)) = rotary.norms {
        exactly(OP, "the norm of queries", q.len(), dim)?;
        exactly(OP, "the norm of keys", k.len(), dim)?;
    }
    if rows == 0 {
        return Ok(());
    }
    let (q, k, eps) = rotary.norms.map_or((None, None, 0.0), |(q, k, eps)| (Some(q), Some(k), eps));
    let arguments = Arguments::default().buffer(qkv).buffer(rotary.speeds).optional(q).optional(k);
    let arguments = arguments.float(eps).buffer(past).buffer(queries);
    let arguments = arguments.buffer(&cache.keys).buffer(&cache.values);
    let arguments = arguments.buffer(&cache.key_scales).buffer(&cache.value_scales);
    let arguments = arguments.size(heads).size(kv).size(dim).size(cache.shape.capacity);
    let arguments = arguments.size(usize::from(rotary.pairs == RotaryPairs::Neighbours));
    let shape = Shape { grid: [heads + 2 * kv, rows, 1], threads: 32, shared: 0 };
    stream.launch(Kernel::rotate_append(cache.precision), shape, arguments)
}

/// What the reference of the rotation needs.
#[derive(Debug, Clone, Copy)]
pub struct RotaryReference<'a> {
    /// As [`Rotary::speeds`].
    pub speeds: &'a [f32],
    /// As [`Rotary::pairs`].
    pub pairs: RotaryPairs,
    /// As [`Rotary::norms`].
    pub norms: Option<(&'a [f32], &'a [f32], f32)>,
    /// Query heads, and key and value heads.
    pub heads: (usize, usize),
    /// How the cache keeps its values.
    pub precision: KvPrecision,
}

/// Rotated rows.
#[derive(Debug, Clone, Default)]
pub struct Rotated {
    /// `[row, head, dim]`.
    pub queries: Vec<f32>,
    /// `[row, head, dim]`, as the cache keeps them.
    pub keys: Vec<f32>,
    /// `[row, head, dim]`, as the cache keeps them.
    pub values: Vec<f32>,
}

/// The same on the CPU, of rows from position `past` on.
#[must_use]
pub fn reference(how: RotaryReference<'_>, qkv: &[f32], past: usize) -> Rotated {
    let (dim, (heads, kv)) = (how.speeds.len() * 2, how.heads);
    let mut out = Rotated::default();
    let kept = |row: Vec<f32>| match how.precision {
        KvPrecision::Half => row.into_iter().map(|v| f16::from_f32(v).to_f32()).collect(),
        KvPrecision::Eight => {
            let (scale, codes) = eight_bits(&row);
            let of = |code| (f32::from(code) - 128.0) * scale.to_f32();
            codes.into_iter().map(of).collect::<Vec<f32>>()
        }
    };
    for (at, row) in qkv.chunks_exact((heads + 2 * kv) * dim).enumerate() {
        for (n, head) in row.chunks_exact(dim).enumerate() {
            if n >= heads + kv {
                out.values.extend(kept(head.to_vec()));
                continue;
            }
            let norm = how.norms.map(|(q, k, eps)| (if n < heads { q } else { k }, eps));
            let normed = norm.map_or_else(
                || head.to_vec(),
                |(weight, eps)| super::rms_norm_reference(head, weight, eps),
            );
            let turned = rotated(&normed, how, past + at);
            if n < heads {
                out.queries.extend(turned.iter().map(|v| f16::from_f32(*v).to_f32()));
            } else {
                out.keys.extend(kept(turned));
            }
        }
    }
    out
}

fn rotated(head: &[f32], how: RotaryReference<'_>, position: usize) -> Vec<f32> {
    let mut out = head.to_vec();
    for (pair, speed) in how.speeds.iter().enumerate() {
        let (a, b) = match how.pairs {
            RotaryPairs::Halves => (pair, pair + how.speeds.len()),
            RotaryPairs::Neighbours => (2 * pair, 2 * pair + 1),
        };
        let (sin, cos) = (position as f32 * speed).sin_cos();
        (out[a], out[b]) = (head[a] * cos - head[b] * sin, head[a] * sin + head[b] * cos);
    }
    out
}
