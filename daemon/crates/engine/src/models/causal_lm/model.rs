//! The decoder behind a language model, in one of two arithmetics.

use std::path::Path;

use candle_core::Device;

use crate::EngineError;
use crate::models::decoder::{
    CacheFork, CacheShape, Decoder, DecoderConfig, IntegerDecoder, KvPrecision,
};

/// How a model computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// In f32, as the reference.
    Exact,
    /// On the CPU in integers where the weights are integers ([`IntegerDecoder`]), on so many threads;
    /// exactly otherwise.
    Integer {
        /// Threads, the calling one among them.
        threads: usize,
    },
}

impl Arithmetic {
    /// Integers on all cores this process may use.
    #[must_use]
    pub fn fastest() -> Self {
        Self::Integer { threads: std::thread::available_parallelism().map_or(1, usize::from) }
    }
}

#[derive(Debug)]
pub(super) enum Model {
    Exact(Box<Decoder>),
    Integer(Box<IntegerDecoder>),
}

impl Model {
    /// Chooses. A map that integers cannot hold leaves the exact one, which needs loading again.
    pub(super) fn load(
        path: &Path,
        device: &Device,
        arithmetic: Arithmetic,
    ) -> Result<Self, EngineError> {
        let exact = Decoder::load(path, device)?;
        let Arithmetic::Integer { threads } = arithmetic else {
            return Ok(Self::Exact(Box::new(exact)));
        };
        if !device.is_cpu() || !exact.is_quantized() {
            return Ok(Self::Exact(Box::new(exact)));
        }
        match IntegerDecoder::from_decoder(exact, threads) {
            Ok(model) => {
                let cpu = model.cpu();
                let (isa, threads) = (cpu.isa().name(), cpu.threads());
                tracing::info!(isa, threads, "the language model computes in integers");
                Ok(Self::Integer(Box::new(model)))
            }
            Err(error) => {
                tracing::warn!(%error, "no integer arithmetic for this model, it computes in f32");
                Ok(Self::Exact(Box::new(Decoder::load(path, device)?)))
            }
        }
    }

    pub(super) fn config(&self) -> &DecoderConfig {
        match self {
            Self::Exact(model) => model.config(),
            Self::Integer(model) => model.config(),
        }
    }

    pub(super) fn bytes(&self) -> (usize, usize) {
        match self {
            Self::Exact(model) => model.bytes(),
            Self::Integer(model) => model.bytes(),
        }
    }

    pub(super) fn truncate(&mut self, length: usize) {
        match self {
            Self::Exact(model) => model.truncate(length),
            Self::Integer(model) => model.truncate(length),
        }
    }

    /// Keeps the cache in `precision`; whether it can. What it held is forgotten.
    pub(super) fn set_cache_precision(&mut self, precision: KvPrecision) -> bool {
        let Self::Integer(model) = self else { return false };
        model.set_cache_precision(precision);
        true
    }

    /// A copy of the cache.
    pub(super) fn fork(&self) -> Result<CacheFork, EngineError> {
        match self {
            Self::Exact(model) => model.fork(),
            Self::Integer(model) => Ok(model.fork()),
        }
    }

    /// Goes on from a copy of the cache.
    pub(super) fn resume(&mut self, fork: &CacheFork) -> Result<(), EngineError> {
        match self {
            Self::Exact(model) => model.resume(fork),
            Self::Integer(model) => model.resume(fork),
        }
    }

    /// Sizes of the cache.
    pub(super) fn cache_shape(&self) -> CacheShape {
        match self {
            Self::Exact(model) => model.cache_shape(),
            Self::Integer(model) => model.cache_shape(),
        }
    }

    /// Reads `ids`, unless `stop` says so; logits of the last `rows` positions, into `logits`. Whether
    /// they were read.
    pub(super) fn forward(
        &mut self,
        ids: &[u32],
        rows: usize,
        stop: &dyn Fn() -> bool,
        logits: &mut Vec<f32>,
    ) -> Result<bool, EngineError> {
        logits.clear();
        match self {
            Self::Exact(model) => {
                let Some(values) = model.forward_until(ids, rows, stop)? else { return Ok(false) };
                *logits =
                    values.flatten_all().and_then(|flat| flat.to_vec1()).map_err(|source| {
                        EngineError::Compute { stage: "fetching the logits", source }
                    })?;
            }
            Self::Integer(model) => {
                let Some(values) = model.forward_until(ids, rows, stop)? else { return Ok(false) };
                logits.extend_from_slice(values);
            }
        }
        Ok(true)
    }
}
