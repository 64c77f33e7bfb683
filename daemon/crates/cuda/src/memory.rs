//! Memory of a device and pinned memory of the host, owned by whoever holds it, freed when the last holder
//! (a graph that uses it is one) is gone. No arithmetic.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::device::Shared;
use crate::error::{at_least, exactly};
use crate::ffi::Span;
use crate::ffi::element::{Element, bytes, bytes_mut};
use crate::{Device, Error};

/// An allocation.
#[derive(Debug)]
pub(crate) struct Allocation {
    pub(crate) shared: Arc<Shared>,
    pub(crate) span: Span,
    pub(crate) pinned: bool,
}

impl Drop for Allocation {
    fn drop(&mut self) {
        if self.pinned {
            self.shared.backend.free_pinned(self.span);
        } else {
            self.shared.backend.free(self.span);
        }
    }
}

/// Values in a device's memory. Zero when made.
#[derive(Debug)]
pub struct Buffer<T> {
    pub(crate) memory: Arc<Allocation>,
    length: usize,
    element: PhantomData<T>,
}

impl<T: Element> Buffer<T> {
    pub(crate) fn new(memory: Arc<Allocation>, length: usize) -> Self {
        Self { memory, length, element: PhantomData }
    }

    /// Values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.length * size_of::<T>()
    }

    /// The device it lives on.
    #[must_use]
    pub fn device(&self) -> Device {
        Device { shared: Arc::clone(&self.memory.shared) }
    }

    /// The bytes of `count` values from `first` on.
    pub(crate) fn span(&self, op: &'static str, first: usize, count: usize) -> Result<Span, Error> {
        at_least(op, "a buffer", self.length, first + count)?;
        let (address, size) = (self.memory.span.address, size_of::<T>());
        Ok(Span { address: address + (first * size) as u64, bytes: count * size })
    }
}

/// Values in memory of the host that the device reads and writes at full speed, and that a graph may copy
/// from and to.
#[derive(Debug)]
pub struct Pinned<T> {
    pub(crate) memory: Arc<Allocation>,
    length: usize,
    element: PhantomData<T>,
}

impl<T: Element> Pinned<T> {
    pub(crate) fn new(memory: Arc<Allocation>, length: usize) -> Self {
        Self { memory, length, element: PhantomData }
    }

    /// Values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub(crate) fn span(&self, op: &'static str, first: usize, count: usize) -> Result<Span, Error> {
        at_least(op, "a pinned buffer", self.length, first + count)?;
        let (address, size) = (self.memory.span.address, size_of::<T>());
        Ok(Span { address: address + (first * size) as u64, bytes: count * size })
    }

    /// Writes values from `first` on. The device must be done with what was there:
    /// [`crate::Stream::synchronize`].
    ///
    /// # Errors
    /// When they do not fit.
    pub fn write(&mut self, first: usize, values: &[T]) -> Result<(), Error> {
        let span = self.span("writing pinned memory", first, values.len())?;
        self.memory.shared.backend.write_pinned(span, bytes(values));
        Ok(())
    }

    /// Reads all values. The device must be done with writing them: [`crate::Stream::synchronize`].
    ///
    /// # Errors
    /// When `values` is not as long as the buffer.
    pub fn read(&self, values: &mut [T]) -> Result<(), Error> {
        exactly("reading pinned memory", "the destination", values.len(), self.length)?;
        let span = self.span("reading pinned memory", 0, self.length)?;
        self.memory.shared.backend.read_pinned(span, bytes_mut(values));
        Ok(())
    }
}
