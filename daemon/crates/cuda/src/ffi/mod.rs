//! The only modules of this crate with foreign calls: the CUDA driver, the emulator, and the bytes of plain
//! values. What they offer is the same [`Backend`].

pub(crate) mod driver;
pub(crate) mod element;
#[cfg(feature = "emulator")]
pub(crate) mod emulator;

use crate::Error;
use crate::kernel::Kernel;

/// A launch: how many blocks of how many threads, how many bytes of dynamic shared memory, and the
/// kernel's arguments, each in the low bytes of eight.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) kernel: Kernel,
    pub(crate) grid: [u32; 3],
    pub(crate) threads: u32,
    pub(crate) shared: u32,
    pub(crate) arguments: Vec<u64>,
}

/// A stretch of memory that a backend can address: of a device, or pinned on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) address: u64,
    pub(crate) bytes: usize,
}

/// What a device does. Streams and graphs are numbers that the backend gave out.
///
/// Whoever calls gives only spans that the same backend allocated and has not freed, and arguments of the
/// kernel's types; [`crate::Stream`] and [`crate::ops`] see to that.
pub(crate) trait Backend: std::fmt::Debug + Send + Sync {
    fn name(&self) -> &str;
    /// Multiprocessors.
    fn processors(&self) -> u32;
    /// Whether it is the emulator.
    fn emulated(&self) -> bool;
    /// Free and total bytes.
    fn memory(&self) -> Result<(usize, usize), Error>;
    fn allocate(&self, bytes: usize) -> Result<Span, Error>;
    fn free(&self, span: Span);
    fn allocate_pinned(&self, bytes: usize) -> Result<Span, Error>;
    fn free_pinned(&self, span: Span);
    /// Reads or writes pinned memory from the host.
    fn read_pinned(&self, from: Span, to: &mut [u8]);
    fn write_pinned(&self, to: Span, from: &[u8]);
    fn stream(&self) -> Result<u64, Error>;
    fn end_stream(&self, stream: u64);
    /// Fills with zeros, in the stream's order.
    fn zero(&self, stream: u64, to: Span) -> Result<(), Error>;
    /// Copies between device and pinned memory in the stream's order; both spans have the same size.
    fn copy(&self, stream: u64, from: Span, to: Span) -> Result<(), Error>;
    /// Copies from the host and waits.
    fn upload(&self, stream: u64, from: &[u8], to: Span) -> Result<(), Error>;
    /// Copies to the host and waits.
    fn download(&self, stream: u64, from: Span, to: &mut [u8]) -> Result<(), Error>;
    fn launch(&self, stream: u64, launch: Launch) -> Result<(), Error>;
    fn synchronize(&self, stream: u64) -> Result<(), Error>;
    fn begin_recording(&self, stream: u64) -> Result<(), Error>;
    /// Ends a recording and gives the graph.
    fn end_recording(&self, stream: u64) -> Result<u64, Error>;
    fn replay(&self, stream: u64, graph: u64) -> Result<(), Error>;
    fn end_graph(&self, graph: u64);
}
