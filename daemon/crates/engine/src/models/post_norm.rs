//! Stacks of post-norm transformer layers (Vaswani et al. 2017) on the CPU: `h = LN(h + attention(h))`,
//! `h = LN(h + W₂ f(W₁ h))`. BERT, HuBERT and the semantic decoder of GPT-SoVITS are such stacks; they
//! differ in widths, in `f`, and in what a row sees. Rows are plain slices.

use candle_core::{Device, Tensor};
use companion_kernels::{
    Activation, Dense, FloatKv, Input, Output, Queries, attend_floats, layer_norm, product,
};

use super::threads::Threads;
use crate::EngineError;

/// A layer norm's values.
#[derive(Debug)]
pub(crate) struct NormValues {
    /// One per column.
    pub(crate) scale: Vec<f32>,
    /// One per column.
    pub(crate) shift: Vec<f32>,
    /// Added to the variance.
    pub(crate) epsilon: f32,
}

/// A layer's weights.
#[derive(Debug)]
pub(crate) struct PostNormLayer {
    /// Queries, keys, values, `[3 width, width]`.
    pub(crate) qkv: Dense,
    /// From the heads.
    pub(crate) out: Dense,
    /// To the inner width.
    pub(crate) up: Dense,
    /// From the inner width.
    pub(crate) down: Dense,
    /// Behind the attention.
    pub(crate) norm1: NormValues,
    /// Behind the inner part.
    pub(crate) norm2: NormValues,
}

/// Layers of one width.
#[derive(Debug)]
pub(crate) struct PostNorm {
    layers: Vec<PostNormLayer>,
    heads: usize,
    width: usize,
    activation: Activation,
    threads: Threads,
}

/// Takes a layer's number and its rows.
pub(crate) type AfterLayer<'a> = dyn FnMut(usize, &[f32]) -> Result<(), EngineError> + 'a;

/// Keys and values of the rows that were computed, and room for those that will be.
#[derive(Debug)]
pub(crate) struct Memory {
    kept: Vec<FloatKv>,
    qkv: Vec<f32>,
    mixed: Vec<f32>,
    inner: Vec<f32>,
}

impl Memory {
    /// Rows that were computed.
    pub(crate) fn length(&self) -> usize {
        self.kept.first().map_or(0, FloatKv::length)
    }

    /// Keys and values of a layer, row by row, `[rows, width]` each.
    pub(crate) fn rows(&self, layer: usize) -> (Vec<f32>, Vec<f32>) {
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        if let Some(kv) = self.kept.get(layer) {
            for at in 0..kv.length() {
                let (key, value) = kv.position(at);
                keys.extend(key);
                values.extend(value);
            }
        }
        (keys, values)
    }
}

impl PostNorm {
    /// A stack whose layers have `heads` heads each and `activation` between their inner maps.
    pub(crate) fn new(
        layers: Vec<PostNormLayer>,
        heads: usize,
        activation: Activation,
        threads: Threads,
    ) -> Self {
        let width = layers.first().map_or(0, |layer| layer.qkv.inputs());
        Self { layers, heads, width, activation, threads }
    }

    /// Nothing computed yet.
    pub(crate) fn memory(&self) -> Memory {
        let empty = |_: &PostNormLayer| FloatKv::new(self.heads, self.width / self.heads);
        let kept = self.layers.iter().map(empty).collect();
        Memory { kept, qkv: Vec::new(), mixed: Vec::new(), inner: Vec::new() }
    }

    /// Computes rows `[rows, width]` in their place, behind those of the memory; row `r` sees the first
    /// `seen[r]` positions. Every layer's output is shown with its number.
    ///
    /// # Errors
    /// Those of `after`.
    pub(crate) fn forward(
        &self,
        rows: &mut [f32],
        seen: &[usize],
        memory: &mut Memory,
        after: &mut AfterLayer<'_>,
    ) -> Result<(), EngineError> {
        let (count, width) = (seen.len(), self.width);
        memory.qkv.resize(count * 3 * width, 0.0);
        memory.mixed.resize(count * width, 0.0);
        for (n, layer) in self.layers.iter().enumerate() {
            self.layer(layer, n, (&mut *rows, seen), memory);
            after(n, rows)?;
        }
        Ok(())
    }

    /// A whole sequence `[rows, width]`, every row of which sees all; every layer's output is shown with
    /// its number.
    ///
    /// # Errors
    /// Those of `after`, or when `x` is not such rows.
    pub(crate) fn whole(
        &self,
        x: &Tensor,
        after: &mut dyn FnMut(usize, &Tensor) -> Result<(), EngineError>,
    ) -> Result<Tensor, EngineError> {
        let failed = |source| EngineError::Compute { stage: "an encoder", source };
        let (count, width) = x.dims2().map_err(failed)?;
        let placed = |rows: &[f32]| Tensor::from_slice(rows, (count, width), &Device::Cpu);
        let mut rows = x.flatten_all().and_then(|x| x.to_vec1::<f32>()).map_err(failed)?;
        let seen = vec![count; count];
        self.forward(&mut rows, &seen, &mut self.memory(), &mut |n, rows| {
            after(n, &placed(rows).map_err(failed)?)
        })?;
        placed(&rows).map_err(failed)
    }

    fn layer(
        &self,
        layer: &PostNormLayer,
        n: usize,
        (rows, seen): (&mut [f32], &[usize]),
        memory: &mut Memory,
    ) {
        let (count, width, cpu) = (seen.len(), self.width, &mut *self.threads.lock());
        let Memory { kept, qkv, mixed, inner } = memory;
        let qkv = &mut qkv[..count * 3 * width];
        product(cpu, &layer.qkv, Input::close(rows, width), count, Output::close(qkv, 3 * width));
        let kv = &mut kept[n];
        kv.reserve(kv.length() + count);
        for row in qkv.chunks_exact(3 * width) {
            kv.push(&row[width..2 * width], &row[2 * width..]);
        }
        let mixed = &mut mixed[..count * width];
        let queries = Queries { values: qkv, stride: 3 * width, rows: count };
        attend_floats(cpu, queries, seen, kv, mixed);
        let there = Output { add: true, ..Output::close(rows, width) };
        product(cpu, &layer.out, Input::close(mixed, width), count, there);
        let norm = &layer.norm1;
        layer_norm(cpu, rows, &norm.scale, &norm.shift, norm.epsilon);
        let wide = layer.up.outputs();
        inner.resize(count * wide, 0.0);
        let activated = Output { activation: self.activation, ..Output::close(inner, wide) };
        product(cpu, &layer.up, Input::close(rows, width), count, activated);
        let there = Output { add: true, ..Output::close(rows, width) };
        product(cpu, &layer.down, Input::close(inner, wide), count, there);
        let norm = &layer.norm2;
        layer_norm(cpu, rows, &norm.scale, &norm.shift, norm.epsilon);
    }
}
