//! A copy of what a decoder's KV cache holds, to go on from later or in another process, and how both
//! decoders give and take it. Copies hold the used rows alone and share nothing with the cache.

use companion_kernels::{KvPrecision, KvStore};

use super::{Decoder, IntegerDecoder};
use crate::EngineError;

/// How a cache's values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheElement {
    /// f32, of the exact decoder.
    Full,
    /// f16, of the integer decoder.
    Half,
    /// Eight bits with a scale per row and head, of the integer decoder where that was chosen.
    Eight,
}

impl CacheElement {
    /// Bytes of a row of one head, `dim` values.
    #[must_use]
    pub fn row_bytes(self, dim: usize) -> usize {
        match self {
            Self::Full => dim * 4,
            Self::Half => KvPrecision::Half.row_bytes(dim),
            Self::Eight => KvPrecision::Eight.row_bytes(dim),
        }
    }
}

/// Sizes of a cache, its length aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheShape {
    /// How values are stored.
    pub element: CacheElement,
    /// Blocks of the model.
    pub layers: usize,
    /// Heads of keys and values.
    pub heads: usize,
    /// Values of a head.
    pub dim: usize,
}

impl CacheShape {
    /// Bytes of one layer's keys and values of `length` positions.
    #[must_use]
    pub fn layer_bytes(&self, length: usize) -> usize {
        2 * self.heads * length * self.element.row_bytes(self.dim)
    }
}

/// Keys and values of the first positions of a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheFork {
    pub(crate) shape: CacheShape,
    pub(crate) length: usize,
    /// Layer by layer: keys, then values, each `[heads, length, dim]`, little-endian; of eight bits, each
    /// head's codes and then its scales.
    pub(crate) bytes: Vec<u8>,
}

impl CacheFork {
    /// Sizes.
    #[must_use]
    pub fn shape(&self) -> CacheShape {
        self.shape
    }

    /// Positions held.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Bytes in memory.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn of(shape: CacheShape, length: usize) -> Self {
        let bytes = Vec::with_capacity(shape.layers * shape.layer_bytes(length));
        Self { shape, length, bytes }
    }

    /// The bytes of each layer, where the copy is of a cache of sizes `shape`.
    pub(super) fn layers(
        &self,
        shape: CacheShape,
    ) -> Result<impl Iterator<Item = &[u8]>, EngineError> {
        let size = self.shape.layer_bytes(self.length);
        if self.shape != shape || self.bytes.len() != shape.layers * size {
            return Err(EngineError::Input {
                what: "a copy of a cache",
                problem: format!("is of {:?}, this model has {shape:?}", self.shape),
            });
        }
        // Chunks have a size even when there are none.
        Ok(self.bytes.chunks_exact(size.max(1)).chain(std::iter::repeat(&[][..])))
    }
}

fn copying(source: candle_core::Error) -> EngineError {
    EngineError::Compute { stage: "copying the cache", source }
}

impl Decoder {
    /// Sizes of the cache.
    #[must_use]
    pub fn cache_shape(&self) -> CacheShape {
        CacheShape {
            element: CacheElement::Full,
            layers: self.config.num_hidden_layers,
            heads: self.config.num_key_value_heads,
            dim: self.config.head_dim,
        }
    }

    /// A copy of what the cache holds.
    ///
    /// # Errors
    /// When the device fails.
    pub fn fork(&self) -> Result<CacheFork, EngineError> {
        let mut fork = CacheFork::of(self.cache_shape(), self.length);
        for block in &self.blocks {
            block.cache.export(&mut fork.bytes).map_err(copying)?;
        }
        Ok(fork)
    }

    /// Goes on from a copy: the cache holds what it held, and nothing else.
    ///
    /// # Errors
    /// When the copy is of another model's cache, or the device fails; the cache is then empty.
    pub fn resume(&mut self, fork: &CacheFork) -> Result<(), EngineError> {
        self.truncate(0);
        let layers = fork.layers(self.cache_shape())?;
        for (block, bytes) in self.blocks.iter_mut().zip(layers) {
            block.cache.import(fork.length, bytes).map_err(copying)?;
        }
        self.length = fork.length;
        Ok(())
    }
}

impl IntegerDecoder {
    /// Keeps the cache in `precision` from now on; what it held is forgotten.
    pub fn set_cache_precision(&mut self, precision: KvPrecision) {
        self.truncate(0);
        let (heads, dim) = (self.config.num_key_value_heads, self.config.head_dim);
        for block in &mut self.blocks {
            block.kv = KvStore::with_precision(heads, dim, precision);
        }
    }

    /// Sizes of the cache.
    #[must_use]
    pub fn cache_shape(&self) -> CacheShape {
        let precision = self.blocks.first().map_or(KvPrecision::Half, |b| b.kv.precision());
        CacheShape {
            element: match precision {
                KvPrecision::Half => CacheElement::Half,
                KvPrecision::Eight => CacheElement::Eight,
            },
            layers: self.config.num_hidden_layers,
            heads: self.config.num_key_value_heads,
            dim: self.config.head_dim,
        }
    }

    /// A copy of what the cache holds.
    #[must_use]
    pub fn fork(&self) -> CacheFork {
        let mut fork = CacheFork::of(self.cache_shape(), self.length);
        self.blocks.iter().for_each(|block| block.kv.export(&mut fork.bytes));
        fork
    }

    /// Goes on from a copy: the cache holds what it held, and nothing else.
    ///
    /// # Errors
    /// When the copy is of another model's cache; this cache is then empty.
    pub fn resume(&mut self, fork: &CacheFork) -> Result<(), EngineError> {
        self.truncate(0);
        let layers = fork.layers(self.cache_shape())?;
        for (block, bytes) in self.blocks.iter_mut().zip(layers) {
            block.kv.import(fork.length, bytes);
        }
        self.length = fork.length;
        Ok(())
    }
}
