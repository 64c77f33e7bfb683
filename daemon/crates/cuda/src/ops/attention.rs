//! Causal attention of grouped queries (Ainslie et al. 2023) over the cache, in one pass over its positions (Dao et
//! al. 2022): on tensor cores, scores never leave the registers. The query heads of one key head stand together as rows
//! of a product, so that keys and values are read once for all of them.
//!
//! Few rows (up to 16 tokens): positions are split over warps and blocks, the last block of a head joins the parts. A row's
//! result does not depend on how many rows there are. More rows: 64 query rows per block, keys and values
//! through shared memory.

use half::f16;

use crate::cache::PAGE;
use crate::error::{at_least, multiple};
use crate::kernel::Kernel;
use crate::stream::{Arguments, Shape};
use crate::{Buffer, Error, KvCache, KvPrecision, Stream};

use super::scratch::{FEW_TOKENS, MOST_SPLITS, QUERY_ROWS, Scratch};

const OP: &str = "attend";
/// Query rows of a block, for many rows.
const MANY_QUERY_ROWS: usize = 64;

/// What attends to what.
#[derive(Debug, Clone, Copy)]
pub struct Attention<'a> {
    /// `[row, head, dim]`, rotated.
    pub queries: &'a Buffer<f16>,
    /// Rows: tokens, the last ones of the cache.
    pub rows: usize,
    /// Query heads, a multiple of the cache's heads.
    pub heads: usize,
    /// Keys and values, those of `rows` among them.
    pub cache: &'a KvCache,
    /// `past[0]`: positions before the first row. Row `r` sees positions up to `past[0] + r`.
    pub past: &'a Buffer<u32>,
}

/// Mixes values into `out`, `[row, head, dim]`. Scores are divided by the root of the head's width.
///
/// # Errors
/// When a buffer or the scratch is too small, heads do not fit, or the launch fails.
pub fn attend(
    stream: &Stream,
    attention: Attention<'_>,
    out: &mut Buffer<f16>,
    scratch: &mut Scratch,
) -> Result<(), Error> {
    let Attention { queries, rows, heads, cache, past } = attention;
    let (kv, dim, capacity) = (cache.shape.heads, cache.shape.dim, cache.shape.capacity);
    multiple(OP, "the query heads", heads, kv)?;
    at_least(OP, "the queries", queries.len(), rows * heads * dim)?;
    at_least(OP, "the result", out.len(), rows * heads * dim)?;
    at_least(OP, "the position", past.len(), 1)?;
    if rows == 0 {
        return Ok(());
    }
    let few = rows <= FEW_TOKENS;
    let Some(kernel) = Kernel::attend(cache.precision, dim, few) else {
        let expected = "32, 64, 96 or 128".to_owned();
        return Err(Error::Shape { op: OP, what: "a head's width", got: dim, expected });
    };
    let scale = 1.0 / (dim as f32).sqrt();
    let arguments = Arguments::default().buffer(queries).buffer(&cache.keys).buffer(&cache.values);
    let arguments = arguments.buffer(&cache.key_scales).buffer(&cache.value_scales);
    let arguments = arguments.buffer(past).buffer(out);
    let query_rows = rows * (heads / kv);
    if few {
        let groups = query_rows.div_ceil(QUERY_ROWS);
        let splits = splits(stream.device().processors() as usize, kv, capacity);
        let sums = groups * kv * splits * QUERY_ROWS * (dim + 2);
        at_least(OP, "the scratch", scratch.mixed.len(), sums)?;
        at_least(OP, "the scratch", scratch.mixed_done.len(), groups * kv)?;
        let arguments = arguments.buffer(&scratch.mixed).buffer(&scratch.mixed_done);
        let arguments = arguments.size(rows).size(heads).size(kv).size(capacity).float(scale);
        let shape = Shape { grid: [splits, kv, groups], threads: 128, shared: 0 };
        return stream.launch(kernel, shape, arguments);
    }
    let arguments = arguments.size(rows).size(heads).size(kv).size(capacity).float(scale);
    let value = if cache.precision == KvPrecision::Half { 2 } else { 1 };
    let shared = 2 * PAGE * dim * value;
    let grid = [query_rows.div_ceil(MANY_QUERY_ROWS), kv, 1];
    stream.launch(kernel, Shape { grid, threads: 128, shared }, arguments)
}

/// Parts that a head's positions are split into: two blocks per multiprocessor over all heads, no more than there are
/// pieces of 32 positions. Depends on the cache and the device alone. Unmeasured.
fn splits(processors: usize, heads: usize, capacity: usize) -> usize {
    (2 * processors).div_ceil(heads).clamp(1, MOST_SPLITS).min(capacity.div_ceil(32))
}

/// Keys and values of the reference, `[head, position, dim]` each, as [`KvCache::read`] gives them.
#[derive(Debug, Clone, Copy)]
pub struct History<'a> {
    /// Keys.
    pub keys: &'a [f32],
    /// Values.
    pub values: &'a [f32],
    /// Key and value heads.
    pub heads: usize,
    /// Width of a head.
    pub dim: usize,
}

/// The same on the CPU, of queries `[row, head, dim]` with `past` positions before the first row.
#[must_use]
pub fn reference(queries: &[f32], heads: usize, past: usize, history: History<'_>) -> Vec<f32> {
    let History { keys, values, heads: kv, dim } = history;
    let length = keys.len() / (kv * dim);
    let scale = 1.0 / (dim as f64).sqrt();
    let mut out = Vec::with_capacity(queries.len());
    for (n, query) in queries.chunks_exact(dim).enumerate() {
        let (row, head) = (n / heads, n % heads);
        let first = head / (heads / kv) * length * dim;
        let seen = (past + row + 1).min(length);
        let rows = |of: &'_ [f32]| of[first..first + seen * dim].to_vec();
        let (keys, values) = (rows(keys), rows(values));
        let dot = |key: &[f32]| {
            let product = |(a, b): (&f32, &f32)| f64::from(*a) * f64::from(*b);
            query.iter().zip(key).map(product).sum::<f64>() * scale
        };
        let scores: Vec<f64> = keys.chunks_exact(dim).map(dot).collect();
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = scores.iter().map(|s| (s - most).exp()).collect();
        let total: f64 = weights.iter().sum();
        for d in 0..dim {
            let weighted = |(w, row): (&f64, &[f32])| w * f64::from(row[d]);
            let sum: f64 = weights.iter().zip(values.chunks_exact(dim)).map(weighted).sum();
            out.push((sum / total) as f32);
        }
    }
    out
}
