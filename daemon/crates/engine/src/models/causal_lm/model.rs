//! The decoder behind a language model, in one of two arithmetics.

use std::path::Path;

use candle_core::Device;

use crate::EngineError;
use crate::models::decoder::{
    CacheFork, CacheShape, CudaDecoder, Decoder, DecoderConfig, IntegerDecoder, KvPrecision,
};
use crate::{Gpu, GpuError, GpuKvPrecision};

/// How a model computes.
#[derive(Debug, Clone)]
pub enum Arithmetic {
    /// In f32, as the reference.
    Exact,
    /// On the CPU in integers where the weights are integers ([`IntegerDecoder`]), on so many threads;
    /// exactly otherwise.
    Integer {
        /// Threads, the calling one among them.
        threads: usize,
    },
    /// On this GPU ([`CudaDecoder`]): integers stay integers, plain weights become half precision.
    Gpu(Gpu),
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
    Gpu(Box<CudaDecoder>),
}

impl Model {
    /// Chooses. A map that integers cannot hold leaves the exact one, which needs loading again. A GPU's
    /// cache has room for `context` tokens from the start.
    pub(super) fn load(
        path: &Path,
        device: &Device,
        arithmetic: Arithmetic,
        context: usize,
    ) -> Result<Self, EngineError> {
        if let Arithmetic::Gpu(gpu) = arithmetic {
            return Self::on_gpu(path, &gpu, context);
        }
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

    fn on_gpu(path: &Path, gpu: &Gpu, context: usize) -> Result<Self, EngineError> {
        let exact = Decoder::load(path, &Device::Cpu)?;
        let context = context.min(exact.config().max_position_embeddings);
        match CudaDecoder::from_decoder(exact, gpu, context, GpuKvPrecision::Half) {
            Ok(model) => {
                let (weights, kv) = model.bytes();
                tracing::info!(gpu = gpu.name(), weights, kv, "the language model is on the GPU");
                Ok(Self::Gpu(Box::new(model)))
            }
            // A model of sizes that the kernels were not built for.
            Err(EngineError::Gpu(error @ GpuError::Shape { .. })) => {
                tracing::warn!(%error, "no kernels for this model: it computes on the CPU");
                Self::load(path, &Device::Cpu, Arithmetic::fastest(), context)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn config(&self) -> &DecoderConfig {
        match self {
            Self::Exact(model) => model.config(),
            Self::Integer(model) => model.config(),
            Self::Gpu(model) => model.config(),
        }
    }

    pub(super) fn bytes(&self) -> (usize, usize) {
        match self {
            Self::Exact(model) => model.bytes(),
            Self::Integer(model) => model.bytes(),
            Self::Gpu(model) => model.bytes(),
        }
    }

    pub(super) fn truncate(&mut self, length: usize) {
        match self {
            Self::Exact(model) => model.truncate(length),
            Self::Integer(model) => model.truncate(length),
            Self::Gpu(model) => model.truncate(length),
        }
    }

    /// Keeps the cache in `precision`; whether it can. What it held is forgotten.
    pub(super) fn set_cache_precision(
        &mut self,
        precision: KvPrecision,
    ) -> Result<bool, EngineError> {
        match self {
            Self::Exact(_) => return Ok(false),
            Self::Integer(model) => model.set_cache_precision(precision),
            Self::Gpu(model) => model.set_cache_precision(match precision {
                KvPrecision::Half => GpuKvPrecision::Half,
                KvPrecision::Eight => GpuKvPrecision::Eight,
            })?,
        }
        Ok(true)
    }

    /// A copy of the cache.
    pub(super) fn fork(&self) -> Result<CacheFork, EngineError> {
        match self {
            Self::Exact(model) => model.fork(),
            Self::Integer(model) => Ok(model.fork()),
            Self::Gpu(model) => model.fork(),
        }
    }

    /// Goes on from a copy of the cache.
    pub(super) fn resume(&mut self, fork: &CacheFork) -> Result<(), EngineError> {
        match self {
            Self::Exact(model) => model.resume(fork),
            Self::Integer(model) => model.resume(fork),
            Self::Gpu(model) => model.resume(fork),
        }
    }

    /// Sizes of the cache.
    pub(super) fn cache_shape(&self) -> CacheShape {
        match self {
            Self::Exact(model) => model.cache_shape(),
            Self::Integer(model) => model.cache_shape(),
            Self::Gpu(model) => model.cache_shape(),
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
            Self::Gpu(model) => {
                let Some(values) = model.forward_until(ids, rows, stop)? else { return Ok(false) };
                logits.extend_from_slice(values);
            }
        }
        Ok(true)
    }
}
