//! A device: opening it, its memory, what it did so far. Cheap to clone; any thread may hold it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ffi::Backend;
use crate::ffi::driver::Driver;
use crate::ffi::element::{Element, bytes};
use crate::memory::Allocation;
use crate::{Buffer, Error, Pinned, Stream};

/// What all holders of a device share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) backend: Box<dyn Backend>,
    pub(crate) allocations: AtomicU64,
    pub(crate) launches: AtomicU64,
    pub(crate) replays: AtomicU64,
    pub(crate) waits: AtomicU64,
}

/// What a device was asked to do since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Allocations of device or pinned memory.
    pub allocations: u64,
    /// Kernels launched one by one, recorded ones among them.
    pub launches: u64,
    /// Graphs replayed.
    pub replays: u64,
    /// Times the host waited for the device.
    pub waits: u64,
}

/// Bytes of a device's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Not in use by anyone.
    pub free: usize,
    /// All.
    pub total: usize,
}

/// An open device.
#[derive(Debug, Clone)]
pub struct Device {
    pub(crate) shared: Arc<Shared>,
}

impl Device {
    /// Opens CUDA device `index`, from 0, and loads the kernels on it (tens of milliseconds).
    ///
    /// # Errors
    /// [`Error::NotBuilt`] when this build has no kernels, [`Error::NoDriver`] where no driver is installed,
    /// [`Error::NoDevice`], [`Error::TooOld`], or what the driver says.
    pub fn open(index: usize) -> Result<Self, Error> {
        Ok(Self::of(Box::new(Driver::open(index)?)))
    }

    /// Runs the kernels' sources on the CPU, slowly: for tests, never chosen by a product.
    #[cfg(feature = "emulator")]
    #[must_use]
    pub fn emulated() -> Self {
        Self::of(Box::new(crate::ffi::emulator::Emulator::new()))
    }

    fn of(backend: Box<dyn Backend>) -> Self {
        let zero = || AtomicU64::new(0);
        let (allocations, launches, replays, waits) = (zero(), zero(), zero(), zero());
        Self { shared: Arc::new(Shared { backend, allocations, launches, replays, waits }) }
    }

    /// Whether this build holds kernels for GPUs.
    #[must_use]
    pub fn is_built() -> bool {
        Driver::is_built()
    }

    /// The card's name, or "emulated".
    #[must_use]
    pub fn name(&self) -> &str {
        self.shared.backend.name()
    }

    /// Whether it is the emulator.
    #[must_use]
    pub fn is_emulated(&self) -> bool {
        self.shared.backend.emulated()
    }

    /// Multiprocessors.
    #[must_use]
    pub fn processors(&self) -> u32 {
        self.shared.backend.processors()
    }

    /// Bytes of its memory, as the driver counts them.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn memory(&self) -> Result<Memory, Error> {
        let (free, total) = self.shared.backend.memory()?;
        Ok(Memory { free, total })
    }

    /// What it did so far: the difference of two says what happened between them.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let s = &self.shared;
        Counters {
            allocations: read(&s.allocations),
            launches: read(&s.launches),
            replays: read(&s.replays),
            waits: read(&s.waits),
        }
    }

    /// A new stream; work of different streams has no order.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn stream(&self) -> Result<Stream, Error> {
        Stream::new(self)
    }

    /// A buffer of `length` zeros.
    ///
    /// # Errors
    /// When the memory is full.
    pub fn buffer<T: Element>(&self, length: usize) -> Result<Buffer<T>, Error> {
        self.shared.allocations.fetch_add(1, Ordering::Relaxed);
        let span = self.shared.backend.allocate(length * size_of::<T>())?;
        let memory = Allocation { shared: Arc::clone(&self.shared), span, pinned: false };
        Ok(Buffer::new(Arc::new(memory), length))
    }

    /// A buffer of these values.
    ///
    /// # Errors
    /// When the memory is full or the driver fails.
    pub fn upload<T: Element>(&self, values: &[T]) -> Result<Buffer<T>, Error> {
        let buffer = self.buffer(values.len())?;
        let span = buffer.span("uploading", 0, values.len())?;
        self.shared.backend.upload(0, bytes(values), span)?;
        Ok(buffer)
    }

    /// A pinned buffer of `length` zeros on the host.
    ///
    /// # Errors
    /// When the host has no such memory left.
    pub fn pinned<T: Element>(&self, length: usize) -> Result<Pinned<T>, Error> {
        self.shared.allocations.fetch_add(1, Ordering::Relaxed);
        let span = self.shared.backend.allocate_pinned(length * size_of::<T>())?;
        let memory = Allocation { shared: Arc::clone(&self.shared), span, pinned: true };
        Ok(Pinned::new(Arc::new(memory), length))
    }
}
