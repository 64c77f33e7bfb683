//! Work in order: copies, launches, and recordings of them that are replayed as one. A stream belongs to one
//! thread at a time.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::device::Shared;
use crate::ffi::element::{Element, bytes, bytes_mut};
use crate::ffi::{Launch, Span};
use crate::kernel::Kernel;
use crate::memory::Allocation;
use crate::{Buffer, Device, Error, Pinned};

/// Arguments of a launch, in the order of the kernel's, and the memory that they point to.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    values: Vec<u64>,
    memory: Vec<Arc<Allocation>>,
}

impl Arguments {
    pub(crate) fn buffer<T: Element>(self, buffer: &Buffer<T>) -> Self {
        self.buffer_at(buffer, 0)
    }

    /// A buffer from its value `first` on.
    pub(crate) fn buffer_at<T: Element>(mut self, buffer: &Buffer<T>, first: usize) -> Self {
        self.values.push(buffer.memory.span.address + (first * size_of::<T>()) as u64);
        self.memory.push(Arc::clone(&buffer.memory));
        self
    }

    pub(crate) fn pinned<T: Element>(mut self, buffer: &Pinned<T>) -> Self {
        self.values.push(buffer.memory.span.address);
        self.memory.push(Arc::clone(&buffer.memory));
        self
    }

    /// A buffer, or the null pointer.
    pub(crate) fn optional<T: Element>(mut self, buffer: Option<&Buffer<T>>) -> Self {
        if let Some(buffer) = buffer {
            return self.buffer(buffer);
        }
        self.values.push(0);
        self
    }

    /// A size or a count: `int` in the kernel.
    pub(crate) fn size(mut self, value: usize) -> Self {
        self.values.push(value as u64);
        self
    }

    /// `float` in the kernel.
    pub(crate) fn float(mut self, value: f32) -> Self {
        self.values.push(u64::from(value.to_bits()));
        self
    }
}

/// How many blocks of how many threads, and bytes of dynamic shared memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) grid: [usize; 3],
    pub(crate) threads: usize,
    pub(crate) shared: usize,
}

/// A queue of work on a device. Calls return before the work is done unless they say otherwise.
#[derive(Debug)]
pub struct Stream {
    shared: Arc<Shared>,
    number: u64,
    recording: Cell<bool>,
    /// Memory that the recording points to.
    kept: RefCell<Vec<Arc<Allocation>>>,
}

/// Recorded work. It keeps the memory that it uses alive.
#[derive(Debug)]
pub struct Graph {
    shared: Arc<Shared>,
    number: u64,
    launches: usize,
    _kept: Vec<Arc<Allocation>>,
}

impl Graph {
    /// Kernels in it.
    #[must_use]
    pub fn launches(&self) -> usize {
        self.launches
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        self.shared.backend.end_graph(self.number);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.backend.end_stream(self.number);
    }
}

impl Stream {
    pub(crate) fn new(device: &Device) -> Result<Self, Error> {
        let number = device.shared.backend.stream()?;
        let shared = Arc::clone(&device.shared);
        Ok(Self { shared, number, recording: Cell::new(false), kept: RefCell::default() })
    }

    /// The device it works on.
    #[must_use]
    pub fn device(&self) -> Device {
        Device { shared: Arc::clone(&self.shared) }
    }

    fn keep(&self, op: &'static str, memory: &[&Arc<Allocation>]) -> Result<(), Error> {
        if memory.iter().any(|m| !Arc::ptr_eq(&m.shared, &self.shared)) {
            return Err(Error::OtherDevice { op });
        }
        if self.recording.get() {
            self.kept.borrow_mut().extend(memory.iter().copied().map(Arc::clone));
        }
        Ok(())
    }

    fn not_recording(&self, what: &'static str) -> Result<(), Error> {
        if self.recording.get() { Err(Error::Recording { what }) } else { Ok(()) }
    }

    fn waited(&self) {
        self.shared.waits.fetch_add(1, Ordering::Relaxed);
    }

    /// Writes values from `first` on, and waits.
    ///
    /// # Errors
    /// When they do not fit, a recording is going on, or the driver fails.
    pub fn upload<T: Element>(
        &self,
        to: &mut Buffer<T>,
        first: usize,
        values: &[T],
    ) -> Result<(), Error> {
        self.not_recording("an upload")?;
        self.keep("an upload", &[&to.memory])?;
        self.waited();
        let span = to.span("an upload", first, values.len())?;
        self.shared.backend.upload(self.number, bytes(values), span)
    }

    /// Reads as many values as `values` has, from `first` on, and waits for them and all work before.
    ///
    /// # Errors
    /// When there are not as many, a recording is going on, or the driver fails.
    pub fn download<T: Element>(
        &self,
        from: &Buffer<T>,
        first: usize,
        values: &mut [T],
    ) -> Result<(), Error> {
        self.not_recording("a download")?;
        self.keep("a download", &[&from.memory])?;
        self.waited();
        let span = from.span("a download", first, values.len())?;
        self.shared.backend.download(self.number, span, bytes_mut(values))
    }

    fn copy(
        &self,
        from: (Span, &Arc<Allocation>),
        to: (Span, &Arc<Allocation>),
    ) -> Result<(), Error> {
        self.keep("a copy", &[from.1, to.1])?;
        self.shared.backend.copy(self.number, from.0, to.0)
    }

    /// Copies `count` values of a buffer to another one.
    ///
    /// # Errors
    /// When one is too short, or the driver fails.
    pub fn copy_between<T: Element>(
        &self,
        (from, from_first): (&Buffer<T>, usize),
        (to, to_first): (&mut Buffer<T>, usize),
        count: usize,
    ) -> Result<(), Error> {
        let spans = (from.span("a copy", from_first, count)?, to.span("a copy", to_first, count)?);
        self.copy((spans.0, &from.memory), (spans.1, &to.memory))
    }

    /// Copies the whole pinned buffer to the start of `to`; may be recorded: each replay copies what is in
    /// the pinned buffer then.
    ///
    /// # Errors
    /// When it does not fit, or the driver fails.
    pub fn copy_in<T: Element>(&self, from: &Pinned<T>, to: &mut Buffer<T>) -> Result<(), Error> {
        let spans = (from.span("a copy", 0, from.len())?, to.span("a copy", 0, from.len())?);
        self.copy((spans.0, &from.memory), (spans.1, &to.memory))
    }

    /// Fills the pinned buffer from the start of `from`; may be recorded. It is there after
    /// [`Self::synchronize`].
    ///
    /// # Errors
    /// When there are not as many values, or the driver fails.
    pub fn copy_out<T: Element>(&self, from: &Buffer<T>, to: &mut Pinned<T>) -> Result<(), Error> {
        let spans = (from.span("a copy", 0, to.len())?, to.span("a copy", 0, to.len())?);
        self.copy((spans.0, &from.memory), (spans.1, &to.memory))
    }

    /// Fills a buffer with zeros.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn zero<T: Element>(&self, to: &mut Buffer<T>) -> Result<(), Error> {
        self.keep("zeroing", &[&to.memory])?;
        self.shared.backend.zero(self.number, to.span("zeroing", 0, to.len())?)
    }

    /// Waits for all work given so far.
    ///
    /// # Errors
    /// When a recording is going on, or a kernel or a copy failed.
    pub fn synchronize(&self) -> Result<(), Error> {
        self.not_recording("waiting")?;
        self.waited();
        self.shared.backend.synchronize(self.number)
    }

    /// Records what `work` gives to this stream, without doing it. Nothing is allocated at a replay; sizes
    /// and pointers are those of the recording, what changes from replay to replay is read from buffers.
    ///
    /// # Errors
    /// What `work` says, or when the driver fails; then nothing is recorded.
    pub fn record(&self, work: impl FnOnce(&Self) -> Result<(), Error>) -> Result<Graph, Error> {
        self.not_recording("another recording")?;
        self.shared.backend.begin_recording(self.number)?;
        self.recording.set(true);
        let before = self.shared.launches.load(Ordering::Relaxed);
        let outcome = work(self);
        self.recording.set(false);
        let kept = self.kept.take();
        let number = self.shared.backend.end_recording(self.number);
        let launches = self.shared.launches.load(Ordering::Relaxed) - before;
        let launches = usize::try_from(launches).unwrap_or(usize::MAX);
        // A call that failed within a recording can make its end fail too: the first error is the one to tell.
        let graph = number.map(|number| Graph {
            shared: Arc::clone(&self.shared),
            number,
            launches,
            _kept: kept,
        });
        outcome.and(graph)
    }

    /// Does what was recorded.
    ///
    /// # Errors
    /// When the graph is of another device, a recording is going on, or the driver fails.
    pub fn replay(&self, graph: &Graph) -> Result<(), Error> {
        self.not_recording("a replay")?;
        if !Arc::ptr_eq(&graph.shared, &self.shared) {
            return Err(Error::OtherDevice { op: "a replay" });
        }
        self.shared.replays.fetch_add(1, Ordering::Relaxed);
        self.shared.backend.replay(self.number, graph.number)
    }

    /// Launches a kernel; the caller vouches for its arguments.
    pub(crate) fn launch(
        &self,
        kernel: Kernel,
        shape: Shape,
        arguments: Arguments,
    ) -> Result<(), Error> {
        let Arguments { values, memory } = arguments;
        self.keep(kernel.name(), &memory.iter().collect::<Vec<_>>())?;
        let small = |what, size: usize| {
            u32::try_from(size).map_err(|_| Error::Shape {
                op: kernel.name(),
                what,
                got: size,
                expected: "less than 2^32".to_owned(),
            })
        };
        let mut grid = [0; 3];
        for (to, from) in grid.iter_mut().zip(shape.grid) {
            *to = small("a grid", from)?;
        }
        self.shared.launches.fetch_add(1, Ordering::Relaxed);
        let (threads, shared) =
            (small("a block", shape.threads)?, small("shared memory", shape.shared)?);
        let launch = Launch { kernel, grid, threads, shared, arguments: values };
        self.shared.backend.launch(self.number, launch)
    }
}
