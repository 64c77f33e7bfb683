//! What the machine can do: the limits that the stages are held against.

use candle_core::{DType, Device, Tensor};

use super::{Row, median_ms};

/// Floats that are read to measure memory: 256 MiB, beyond most caches.
const FLOATS: usize = 64 << 20;
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

impl Machine {
    /// Measures; takes about a second.
    ///
    /// # Errors
    /// When the matrices cannot be multiplied.
    pub fn measure() -> anyhow::Result<Self> {
        let data = vec![1.0_f32; FLOATS];
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = FLOATS / threads;
        let read = || {
            std::thread::scope(|scope| {
                let sums: Vec<_> = data
                    .chunks(share)
                    .map(|part| {
                        scope.spawn(move || {
                            let mut sums = [0.0_f32; 16];
                            for block in part.as_chunks::<16>().0 {
                                for (sum, value) in sums.iter_mut().zip(block) {
                                    *sum += value;
                                }
                            }
                            sums.iter().sum::<f32>()
                        })
                    })
                    .collect();
                sums.into_iter().filter_map(|t| t.join().ok()).sum::<f32>()
            })
        };
        let mut total = 0.0;
        let ms = median_ms(5, || total += read());
        anyhow::ensure!(total > 0.0, "nothing was read");
        let read_gb_s = (FLOATS * 4) as f64 / ms / 1e6;
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
