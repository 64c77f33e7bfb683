//! The threads that a model's float maps compute on when it runs on the CPU, lent to one product at a
//! time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use companion_kernels::{Cpu, Isa};

/// Threads of one model, asleep while it is not used. Models compute behind `&self`; a pool takes
/// `&mut`, and one per layer would be hundreds of threads, so its parts share one behind a lock that
/// nobody contends for: a model computes one thing at a time.
#[derive(Debug, Clone)]
pub(crate) struct Threads(Arc<Mutex<Cpu>>);

impl Threads {
    /// As many as the machine runs at once.
    pub(crate) fn of_machine() -> Self {
        Self::on(Isa::detect())
    }

    /// The same for models whose outcome must be that of f32 throughout: no sums of bf16 parts.
    pub(crate) fn exact() -> Self {
        Self::on(Isa::Avx512Vnni)
    }

    fn on(isa: Isa) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Mutex::new(Cpu::with_isa(threads, isa))))
    }

    /// Waits until nobody computes.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Cpu> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
