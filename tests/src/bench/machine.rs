//! What the machine can do: the limits that the stages are held against.

use std::time::Instant;

use candle_core::{DType, Device, Tensor};
use companion_kernels::{Cpu, MemoryProbe};

use super::{Row, median_ms};

/// Bytes that are read to measure memory, beyond most caches.
const READ: usize = 256 << 20;
/// Side of the matrices that are multiplied.
const SIDE: usize = 512;

/// Limits of this machine, measured.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    /// Reading memory with all threads, GB/s.
    pub read_gb_s: f64,
    /// Multiplying float32 matrices with the library the engine uses, GFLOP/s.
    pub matmul_gflop_s: f64,
}

/// Measures how fast memory is read, as often as one likes: the rate changes with what else the host does.
#[derive(Debug)]
pub(super) struct MemoryRate {
    cpu: Cpu,
    probe: MemoryProbe,
}

impl MemoryRate {
    pub(super) fn new() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { cpu: Cpu::new(threads), probe: MemoryProbe::new(READ) }
    }

    /// GB/s with all threads, the best of some readings.
    pub(super) fn measure(&mut self) -> f64 {
        let mut best = 0f64;
        for _ in 0..8 {
            let start = Instant::now();
            let sum = self.probe.read(&mut self.cpu);
            let took = start.elapsed().as_secs_f64();
            if sum > 0 {
                best = best.max(self.probe.bytes() as f64 / took / 1e9);
            }
        }
        best
    }
}

impl Machine {
    /// Measures; takes about a second.
    ///
    /// # Errors
    /// When the matrices cannot be multiplied.
    pub fn measure() -> anyhow::Result<Self> {
        let read_gb_s = MemoryRate::new().measure();
        anyhow::ensure!(read_gb_s > 0.0, "nothing was read");
        let device = Device::Cpu;
        let a = Tensor::ones((SIDE, SIDE), DType::F32, &device)?;
        let b = Tensor::ones((SIDE, SIDE), DType::F32, &device)?;
        let mut failed = None;
        let ms = median_ms(5, || {
            if let Err(error) = a.matmul(&b) {
                failed = Some(error);
            }
        });
        if let Some(error) = failed {
            return Err(error.into());
        }
        let matmul_gflop_s = 2.0 * (SIDE * SIDE * SIDE) as f64 / ms / 1e6;
        Ok(Self { read_gb_s, matmul_gflop_s })
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        vec![
            Row::plain("memory, read with all threads", self.read_gb_s, "GB/s"),
            Row::plain("float32 matrices of 512", self.matmul_gflop_s, "GFLOP/s"),
        ]
    }
}
