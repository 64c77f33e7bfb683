//! Keys and values of one layer on a device, in pages of 64 positions. A page of one head holds its keys by position
//! and its values by dimension (so that both are read as operands of a product without being turned), `[page, head,
//! position, dim]` and `[page, head, dim, position]`. In half precision, or in eight bits with a scale per position
//! and head: the row's largest value over 127, stored as code + 128.

use half::f16;

use crate::error::{at_least, exactly};
use crate::{Buffer, Device, Error, Stream};

/// Positions of a page.
pub const PAGE: usize = 64;

/// How a cache keeps its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KvPrecision {
    /// Half precision.
    #[default]
    Half,
    /// Eight bits and a half-precision scale per row and head.
    Eight,
}

/// Sizes of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheShape {
    /// Key and value heads.
    pub heads: usize,
    /// Width of a head: 32, 64, 96 or 128.
    pub dim: usize,
    /// Positions there is room for; rounded up to whole pages.
    pub capacity: usize,
}

/// Keys and values of a layer. How many positions are held is known to its owner alone: who wants to forget some
/// says a smaller number at the next call.
#[derive(Debug)]
pub struct KvCache {
    pub(crate) shape: CacheShape,
    pub(crate) precision: KvPrecision,
    pub(crate) keys: Buffer<u8>,
    pub(crate) values: Buffer<u8>,
    /// Scales `[page, head, position]` of keys and values, in eight bits; otherwise one value.
    pub(crate) key_scales: Buffer<f16>,
    pub(crate) value_scales: Buffer<f16>,
}

impl KvCache {
    /// An empty cache.
    ///
    /// # Errors
    /// When the heads' width is not built, a size is zero, or the memory is full.
    pub fn new(device: &Device, shape: CacheShape, precision: KvPrecision) -> Result<Self, Error> {
        let op = "a KV cache";
        if !crate::kernel::HEAD_DIMS.contains(&shape.dim) {
            let expected = "32, 64, 96 or 128".to_owned();
            return Err(Error::Shape { op, what: "a head's width", got: shape.dim, expected });
        }
        at_least(op, "the heads", shape.heads, 1)?;
        at_least(op, "the capacity", shape.capacity, 1)?;
        let shape = CacheShape { capacity: shape.capacity.next_multiple_of(PAGE), ..shape };
        let rows = shape.capacity * shape.heads;
        let (bytes, scales) = match precision {
            KvPrecision::Half => (rows * shape.dim * 2, 1),
            KvPrecision::Eight => (rows * shape.dim, rows),
        };
        Ok(Self {
            shape,
            precision,
            keys: device.buffer(bytes)?,
            values: device.buffer(bytes)?,
            key_scales: device.buffer(scales)?,
            value_scales: device.buffer(scales)?,
        })
    }

    /// Sizes.
    #[must_use]
    pub fn shape(&self) -> CacheShape {
        self.shape
    }

    /// How it keeps its values.
    #[must_use]
    pub fn precision(&self) -> KvPrecision {
        self.precision
    }

    /// Bytes of device memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let scales = self.key_scales.bytes() + self.value_scales.bytes();
        self.keys.bytes() + self.values.bytes() + scales
    }

    /// Bytes that a cache of these sizes takes.
    #[must_use]
    pub fn size_of(shape: CacheShape, precision: KvPrecision) -> usize {
        let rows = shape.capacity.next_multiple_of(PAGE) * shape.heads;
        match precision {
            KvPrecision::Half => rows * shape.dim * 4 + 4,
            KvPrecision::Eight => rows * (shape.dim * 2 + 4),
        }
    }

    /// A larger cache with the first `length` positions of this one. Graphs that use the old one keep using it.
    ///
    /// # Errors
    /// When the memory is full or the driver fails.
    pub fn grown(&self, stream: &Stream, length: usize, capacity: usize) -> Result<Self, Error> {
        let shape = CacheShape { capacity: capacity.max(length), ..self.shape };
        let mut grown = Self::new(&stream.device(), shape, self.precision)?;
        let rows = length.next_multiple_of(PAGE).min(self.shape.capacity) * self.shape.heads;
        let bytes = self.keys.len() / self.shape.capacity / self.shape.heads * rows;
        stream.copy_between((&self.keys, 0), (&mut grown.keys, 0), bytes)?;
        stream.copy_between((&self.values, 0), (&mut grown.values, 0), bytes)?;
        if self.precision == KvPrecision::Eight {
            stream.copy_between((&self.key_scales, 0), (&mut grown.key_scales, 0), rows)?;
            stream.copy_between((&self.value_scales, 0), (&mut grown.value_scales, 0), rows)?;
        }
        Ok(grown)
    }

    /// Keys and values of the first `length` positions, `[head, position, dim]` each; waits.
    ///
    /// # Errors
    /// When there is no room for as many, or the driver fails.
    pub fn read(&self, stream: &Stream, length: usize) -> Result<(Vec<f32>, Vec<f32>), Error> {
        at_least("reading a KV cache", "the capacity", self.shape.capacity, length)?;
        let keys = self.rows(stream, (&self.keys, &self.key_scales), length, false)?;
        let values = self.rows(stream, (&self.values, &self.value_scales), length, true)?;
        Ok((keys, values))
    }

    fn rows(
        &self,
        stream: &Stream,
        (stored, scales): (&Buffer<u8>, &Buffer<f16>),
        length: usize,
        by_dim: bool,
    ) -> Result<Vec<f32>, Error> {
        let CacheShape { heads, dim, .. } = self.shape;
        let (mut bytes, mut factors) = (vec![0; stored.len()], vec![f16::ZERO; scales.len()]);
        stream.download(stored, 0, &mut bytes)?;
        stream.download(scales, 0, &mut factors)?;
        let mut rows = Vec::with_capacity(heads * length * dim);
        for head in 0..heads {
            for position in 0..length {
                let (page, within) = ((position / PAGE) * heads + head, position % PAGE);
                for d in 0..dim {
                    let at = if by_dim { d * PAGE + within } else { within * dim + d };
                    let at = page * PAGE * dim + at;
                    rows.push(match self.precision {
                        KvPrecision::Half => {
                            f16::from_le_bytes([bytes[2 * at], bytes[2 * at + 1]]).to_f32()
                        }
                        KvPrecision::Eight => {
                            let scale = factors[page * PAGE + within].to_f32();
                            (f32::from(bytes[at]) - 128.0) * scale
                        }
                    });
                }
            }
        }
        Ok(rows)
    }

    /// Writes keys and values of the first positions, `[head, position, dim]` each, and waits: what
    /// [`Self::read`] gave, of this cache or another one of the same heads.
    ///
    /// # Errors
    /// When the sizes differ, there is no room, or the driver fails.
    pub fn write(
        &mut self,
        stream: &Stream,
        length: usize,
        keys: &[f32],
        values: &[f32],
    ) -> Result<(), Error> {
        let CacheShape { heads, dim, capacity } = self.shape;
        let op = "writing a KV cache";
        at_least(op, "the capacity", capacity, length)?;
        exactly(op, "the keys", keys.len(), heads * length * dim)?;
        exactly(op, "the values", values.len(), heads * length * dim)?;
        let (stored, scales) = self.packed(length, keys, false);
        stream.upload(&mut self.keys, 0, &stored)?;
        stream.upload(&mut self.key_scales, 0, &scales)?;
        let (stored, scales) = self.packed(length, values, true);
        stream.upload(&mut self.values, 0, &stored)?;
        stream.upload(&mut self.value_scales, 0, &scales)
    }

    fn packed(&self, length: usize, rows: &[f32], by_dim: bool) -> (Vec<u8>, Vec<f16>) {
        let CacheShape { heads, dim, .. } = self.shape;
        let mut bytes = vec![0; self.keys.len()];
        let mut scales = vec![f16::ZERO; self.key_scales.len()];
        for (n, row) in rows.chunks_exact(dim).enumerate() {
            let (head, position) = (n / length, n % length);
            let (page, within) = ((position / PAGE) * heads + head, position % PAGE);
            let (scale, codes) = eight_bits(row);
            for (d, (value, code)) in row.iter().zip(codes).enumerate() {
                let at = if by_dim { d * PAGE + within } else { within * dim + d };
                let at = page * PAGE * dim + at;
                match self.precision {
                    KvPrecision::Half => bytes[2 * at..2 * at + 2]
                        .copy_from_slice(&f16::from_f32(*value).to_le_bytes()),
                    KvPrecision::Eight => bytes[at] = code,
                }
            }
            if self.precision == KvPrecision::Eight {
                scales[page * PAGE + within] = scale;
            }
        }
        (bytes, scales)
    }
}

/// A row in eight bits: the scale, and codes + 128.
pub(crate) fn eight_bits(row: &[f32]) -> (f16, Vec<u8>) {
    let largest = row.iter().fold(0f32, |most, v| most.max(v.abs()));
    let scale = f16::from_f32(largest / 127.0);
    let over = if scale > f16::ZERO { 1.0 / scale.to_f32() } else { 0.0 };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 255")]
    let code = |v: &f32| ((v * over).round_ties_even().clamp(-127.0, 127.0) + 128.0) as u8;
    (scale, row.iter().map(code).collect())
}
