//! The kernels' sources, compiled for the CPU, behind [`Backend`]: launches are done at once, block after block;
//! a recording is a list of them. Its "device memory" is the host's, with a margin behind each allocation
//! that is looked at when it is freed. For tests only.

#![expect(unsafe_code, reason = "the kernels are compiled by a C++ compiler")]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::HashMap;
use std::ffi::{CString, c_char, c_int, c_uint, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Backend, Launch, Span};
use crate::Error;

unsafe extern "C" {
    /// Runs a kernel (`host/emulator.cpp`); 1 when there is none of this name.
    fn companion_emulated_launch(
        name: *const c_char,
        grid: *const c_uint,
        threads: c_uint,
        shared: c_uint,
        arguments: *mut *mut c_void,
    ) -> c_int;
}

/// Bytes behind each allocation, and what stands in them.
const MARGIN: usize = 256;
const MARK: u8 = 0xA5;
/// Multiprocessors that it claims to have: enough for work to be split.
const PROCESSORS: u32 = 16;

/// Work of a recording.
#[derive(Debug, Clone)]
enum Work {
    Launch(Launch),
    Copy(Span, Span),
    Zero(Span),
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    /// Streams that are being recorded.
    recordings: HashMap<u64, Vec<Work>>,
    graphs: HashMap<u64, Vec<Work>>,
}

/// The emulated device.
#[derive(Debug)]
pub(crate) struct Emulator {
    state: Mutex<State>,
}

impl Emulator {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(State::default()) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> u64 {
        let mut state = self.state();
        state.last += 1;
        state.last
    }

    /// Does work, or notes it where the stream is being recorded.
    fn give(&self, stream: u64, work: Work) -> Result<(), Error> {
        let mut state = self.state();
        if let Some(recording) = state.recordings.get_mut(&stream) {
            recording.push(work);
            return Ok(());
        }
        drop(state);
        run(work)
    }
}

fn run(work: Work) -> Result<(), Error> {
    match work {
        Work::Copy(from, to) => {
            // SAFETY: both spans are live host memory of the same size; they may overlap.
            unsafe { std::ptr::copy(from.address as *const u8, to.address as *mut u8, from.bytes) };
        }
        Work::Zero(to) => {
            // SAFETY: the span is live host memory.
            unsafe { std::ptr::write_bytes(to.address as *mut u8, 0, to.bytes) };
        }
        Work::Launch(Launch { kernel, grid, threads, shared, mut arguments }) => {
            let name = CString::new(kernel.name()).unwrap_or_default();
            let mut pointers: Vec<*mut c_void> =
                arguments.iter_mut().map(|value| std::ptr::from_mut(value).cast()).collect();
            // SAFETY: the arguments are those of the kernel, whose operation checked the sizes of what they point
            // to; each stands in the low bytes of its own eight.
            let known = unsafe {
                let arguments = pointers.as_mut_ptr();
                companion_emulated_launch(name.as_ptr(), grid.as_ptr(), threads, shared, arguments)
            };
            if known != 0 {
                let (device, problem) = ("emulated".to_owned(), "no such kernel".to_owned());
                return Err(Error::Driver { device, call: kernel.name(), problem });
            }
        }
    }
    Ok(())
}

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes + MARGIN, 256).unwrap_or(Layout::new::<u64>())
}

impl Backend for Emulator {
    fn name(&self) -> &'static str {
        "emulated"
    }

    fn processors(&self) -> u32 {
        PROCESSORS
    }

    fn emulated(&self) -> bool {
        true
    }

    fn memory(&self) -> Result<(usize, usize), Error> {
        Ok((1 << 30, 1 << 30))
    }

    fn allocate(&self, bytes: usize) -> Result<Span, Error> {
        // SAFETY: the layout is not empty, and the margin lies inside.
        let start = unsafe {
            let start = alloc_zeroed(layout(bytes));
            if !start.is_null() {
                std::ptr::write_bytes(start.add(bytes), MARK, MARGIN);
            }
            start
        };
        if start.is_null() {
            return Err(Error::Memory { device: "emulated".to_owned(), bytes });
        }
        Ok(Span { address: start as u64, bytes })
    }

    fn free(&self, span: Span) {
        let start = span.address as *mut u8;
        // SAFETY: allocated by `allocate` with the same layout, freed once.
        let untouched = unsafe {
            let margin = std::slice::from_raw_parts(start.add(span.bytes), MARGIN);
            let untouched = margin.iter().all(|byte| *byte == MARK);
            dealloc(start, layout(span.bytes));
            untouched
        };
        if !std::thread::panicking() {
            assert!(untouched, "a kernel wrote behind a buffer of {} bytes", span.bytes);
        }
    }

    fn allocate_pinned(&self, bytes: usize) -> Result<Span, Error> {
        self.allocate(bytes)
    }

    fn free_pinned(&self, span: Span) {
        self.free(span);
    }

    fn read_pinned(&self, from: Span, to: &mut [u8]) {
        let bytes = to.len().min(from.bytes);
        // SAFETY: the span is live and at least as long.
        unsafe { std::ptr::copy_nonoverlapping(from.address as *const u8, to.as_mut_ptr(), bytes) };
    }

    fn write_pinned(&self, to: Span, from: &[u8]) {
        let bytes = from.len().min(to.bytes);
        // SAFETY: the span is live and at least as long.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to.address as *mut u8, bytes) };
    }

    fn stream(&self) -> Result<u64, Error> {
        Ok(self.next())
    }

    fn end_stream(&self, stream: u64) {
        self.state().recordings.remove(&stream);
    }

    fn zero(&self, stream: u64, to: Span) -> Result<(), Error> {
        self.give(stream, Work::Zero(to))
    }

    fn copy(&self, stream: u64, from: Span, to: Span) -> Result<(), Error> {
        self.give(stream, Work::Copy(from, to))
    }

    fn upload(&self, _: u64, from: &[u8], to: Span) -> Result<(), Error> {
        self.write_pinned(to, from);
        Ok(())
    }

    fn download(&self, _: u64, from: Span, to: &mut [u8]) -> Result<(), Error> {
        self.read_pinned(from, to);
        Ok(())
    }

    fn launch(&self, stream: u64, launch: Launch) -> Result<(), Error> {
        self.give(stream, Work::Launch(launch))
    }

    fn synchronize(&self, _: u64) -> Result<(), Error> {
        Ok(())
    }

    fn begin_recording(&self, stream: u64) -> Result<(), Error> {
        self.state().recordings.insert(stream, Vec::new());
        Ok(())
    }

    fn end_recording(&self, stream: u64) -> Result<u64, Error> {
        let graph = self.next();
        let mut state = self.state();
        let recorded = state.recordings.remove(&stream).unwrap_or_default();
        state.graphs.insert(graph, recorded);
        Ok(graph)
    }

    fn replay(&self, _: u64, graph: u64) -> Result<(), Error> {
        let recorded = self.state().graphs.get(&graph).cloned().unwrap_or_default();
        recorded.into_iter().try_for_each(run)
    }

    fn end_graph(&self, graph: u64) {
        self.state().graphs.remove(&graph);
    }
}
