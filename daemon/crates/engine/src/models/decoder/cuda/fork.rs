//! Copies of a GPU's KV cache. In half precision they are what the CPU's decoder in integers gives; a cache of
//! eight bits is copied as f32, which holds its values exactly.

use companion_cuda::KvPrecision;
use half::f16;

use super::{CudaDecoder, failed};
use crate::EngineError;
use crate::models::decoder::{CacheElement, CacheFork, CacheShape};

impl CudaDecoder {
    /// Sizes of the cache's copies.
    #[must_use]
    pub fn cache_shape(&self) -> CacheShape {
        let precision = self.blocks.first().map_or(KvPrecision::Half, |b| b.kv.precision());
        CacheShape {
            element: match precision {
                KvPrecision::Half => CacheElement::Half,
                KvPrecision::Eight => CacheElement::Full,
            },
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
        let shape = self.cache_shape();
        let mut fork = CacheFork::of(shape, self.length);
        for block in &self.blocks {
            let (keys, values) = block.kv.read(&self.stream, self.length).map_err(failed)?;
            for value in keys.into_iter().chain(values) {
                match shape.element {
                    CacheElement::Full => fork.bytes.extend(value.to_le_bytes()),
                    _ => fork.bytes.extend(f16::from_f32(value).to_le_bytes()),
                }
            }
        }
        Ok(fork)
    }

    /// Goes on from a copy: the cache holds what it held, and nothing else.
    ///
    /// # Errors
    /// When the copy is of another model's cache or longer than this one, or the device fails; the cache is
    /// then empty.
    pub fn resume(&mut self, fork: &CacheFork) -> Result<(), EngineError> {
        self.truncate(0);
        let shape = self.cache_shape();
        if fork.length() > self.capacity {
            return Err(EngineError::Input {
                what: "a copy of a cache",
                problem: format!("is {} long, at most {}", fork.length(), self.capacity),
            });
        }
        let layers = fork.layers(shape)?;
        for (block, bytes) in self.blocks.iter_mut().zip(layers) {
            let rows: Vec<f32> = match shape.element {
                CacheElement::Full => {
                    bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
                }
                _ => bytes.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
            };
            let (keys, values) = rows.split_at(rows.len() / 2);
            block.kv.write(&self.stream, fork.length(), keys, values).map_err(failed)?;
        }
        self.length = fork.length();
        Ok(())
    }
}
