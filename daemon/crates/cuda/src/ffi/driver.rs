//! The CUDA driver behind [`Backend`]. Libcuda is opened when the first device is; nothing is linked. Every call
//! makes the device's context the thread's own first, so that any thread may hold a device.

#![expect(unsafe_code, reason = "the driver is a C library")]

use std::collections::HashMap;
use std::ffi::{CString, c_void};

use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys;

use super::{Backend, Launch, Span};
use crate::Error;
use crate::kernel::Kernel;

/// The fat binary, empty where none was built.
const KERNELS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/kernels.fatbin"));

/// An open device with its kernels.
#[derive(Debug)]
pub(crate) struct Driver {
    name: String,
    device: sys::CUdevice,
    context: sys::CUcontext,
    module: sys::CUmodule,
    functions: HashMap<Kernel, sys::CUfunction>,
    processors: u32,
}

// SAFETY: the handles are the driver's, which takes calls from any thread; each call first makes the context
// current on its thread.
unsafe impl Send for Driver {}
// SAFETY: as for `Send`; nothing of it changes after it was opened.
unsafe impl Sync for Driver {}

/// The driver's word for an error.
fn word(error: DriverError) -> String {
    let said = error.error_string().ok().map(|text| text.to_string_lossy().into_owned());
    said.unwrap_or_else(|| format!("{:?}", error.0))
}

fn failed(device: &str, call: &'static str) -> impl Fn(DriverError) -> Error {
    let device = device.to_owned();
    move |error| Error::Driver { device: device.clone(), call, problem: word(error) }
}

impl Driver {
    pub(crate) fn is_built() -> bool {
        !KERNELS.is_empty()
    }

    pub(crate) fn open(index: usize) -> Result<Self, Error> {
        if !Self::is_built() {
            return Err(Error::NotBuilt);
        }
        // SAFETY: opens and closes the library, whose constructors may run at any time.
        if !unsafe { sys::is_culib_present() } {
            return Err(Error::NoDriver);
        }
        let unnamed = format!("CUDA device {index}");
        result::init().map_err(failed(&unnamed, "cuInit"))?;
        let count = result::device::get_count().map_err(failed(&unnamed, "cuDeviceGetCount"))?;
        let count = usize::try_from(count).unwrap_or(0);
        let ordinal = i32::try_from(index).ok().filter(|_| index < count);
        let Some(ordinal) = ordinal else { return Err(Error::NoDevice { index, count }) };
        let device = result::device::get(ordinal).map_err(failed(&unnamed, "cuDeviceGet"))?;
        let name = result::device::get_name(device).map_err(failed(&unnamed, "cuDeviceGetName"))?;
        let attribute = |of| {
            // SAFETY: `device` came from the driver just now.
            let value = unsafe { result::device::get_attribute(device, of) };
            let value = value.map_err(failed(&name, "cuDeviceGetAttribute"))?;
            Ok::<_, Error>(u32::try_from(value).unwrap_or(0))
        };
        use sys::CUdevice_attribute_enum as A;
        let major = attribute(A::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
        let minor = attribute(A::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
        if major < 8 {
            return Err(Error::TooOld { name, major, minor });
        }
        let processors = attribute(A::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?;
        let shared = attribute(A::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)?;
        // SAFETY: `device` is valid; the context is released when this is dropped.
        let context = unsafe { result::primary_ctx::retain(device) };
        let context = context.map_err(failed(&name, "cuDevicePrimaryCtxRetain"))?;
        let null = std::ptr::null_mut();
        let functions = HashMap::new();
        let mut driver = Self { name, device, context, module: null, functions, processors };
        driver.load(shared)?;
        Ok(driver)
    }

    /// Loads the kernels; each may use all the shared memory that a block can have.
    fn load(&mut self, shared: u32) -> Result<(), Error> {
        self.enter()?;
        let mut image = vec![0u64; KERNELS.len().div_ceil(8)];
        for (word, bytes) in image.iter_mut().zip(KERNELS.chunks(8)) {
            let mut whole = [0; 8];
            whole[..bytes.len()].copy_from_slice(bytes);
            *word = u64::from_ne_bytes(whole);
        }
        // SAFETY: the image is a whole fat binary, aligned, and outlives the call.
        let module = unsafe { result::module::load_data(image.as_ptr().cast()) };
        self.module = module.map_err(|error| Error::Driver {
            device: self.name.clone(),
            call: "loading the kernels",
            problem: format!("{} (kernels made by CUDA 13 need driver 580 or newer)", word(error)),
        })?;
        use sys::CUfunction_attribute_enum as A;
        for kernel in Kernel::all() {
            let name = CString::new(kernel.name()).unwrap_or_default();
            // SAFETY: the module was loaded just now.
            let function = unsafe { result::module::get_function(self.module, name) };
            let function = function.map_err(failed(&self.name, kernel.name()))?;
            // SAFETY: the function is of a loaded module.
            let fixed = unsafe {
                result::function::get_function_attribute(
                    function,
                    A::CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES,
                )
            };
            let fixed = fixed.map_err(failed(&self.name, "cuFuncGetAttribute"))?;
            let most = i32::try_from(shared).unwrap_or(0) - fixed;
            let of = A::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
            // SAFETY: as above; the value is what the device offers less what the kernel has.
            let set = unsafe { result::function::set_function_attribute(function, of, most) };
            set.map_err(failed(&self.name, "cuFuncSetAttribute"))?;
            self.functions.insert(kernel, function);
        }
        Ok(())
    }

    fn enter(&self) -> Result<(), Error> {
        // SAFETY: the context is held until this is dropped.
        let entered = unsafe { result::ctx::set_current(self.context) };
        entered.map_err(failed(&self.name, "cuCtxSetCurrent"))
    }

    fn check(&self, call: &'static str, outcome: Result<(), DriverError>) -> Result<(), Error> {
        outcome.map_err(failed(&self.name, call))
    }

    fn full(&self, bytes: usize, call: &'static str) -> impl Fn(DriverError) -> Error {
        let device = self.name.clone();
        move |error| match error.0 {
            sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY => {
                Error::Memory { device: device.clone(), bytes }
            }
            _ => failed(&device, call)(error),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let entered = self.enter().is_ok();
        if entered && !self.module.is_null() {
            // SAFETY: loaded once, unloaded here; streams, graphs and memory hold this object, so none is left.
            let _ = unsafe { result::module::unload(self.module) };
        }
        // SAFETY: retained once when it was opened.
        let _ = unsafe { result::primary_ctx::release(self.device) };
    }
}

fn stream_of(stream: u64) -> sys::CUstream {
    stream as sys::CUstream
}

impl Backend for Driver {
    fn name(&self) -> &str {
        &self.name
    }

    fn processors(&self) -> u32 {
        self.processors
    }

    fn emulated(&self) -> bool {
        false
    }

    fn memory(&self) -> Result<(usize, usize), Error> {
        self.enter()?;
        result::mem_get_info().map_err(failed(&self.name, "cuMemGetInfo"))
    }

    fn allocate(&self, bytes: usize) -> Result<Span, Error> {
        self.enter()?;
        let size = bytes.max(16);
        // SAFETY: a plain allocation; it is filled before anyone sees it.
        let address = unsafe { result::malloc_sync(size) };
        let address = address.map_err(self.full(bytes, "cuMemAlloc"))?;
        // SAFETY: the memory is ours and as long.
        let zeroed = unsafe { result::memset_d8_sync(address, 0, size) };
        self.check("cuMemsetD8", zeroed)?;
        // Streams do not wait for the default stream, which filled it.
        self.check("cuCtxSynchronize", result::ctx::synchronize())?;
        Ok(Span { address, bytes })
    }

    fn free(&self, span: Span) {
        if self.enter().is_ok() {
            // SAFETY: allocated by `allocate`, freed once; the driver waits for work that uses it.
            let _ = unsafe { result::free_sync(span.address) };
        }
    }

    fn allocate_pinned(&self, bytes: usize) -> Result<Span, Error> {
        self.enter()?;
        let size = bytes.max(16);
        // SAFETY: a plain allocation; flag 2 is CU_MEMHOSTALLOC_DEVICEMAP.
        let address = unsafe { result::malloc_host(size, 2) };
        let address = address.map_err(self.full(bytes, "cuMemHostAlloc"))?;
        // SAFETY: the memory is ours and as long.
        unsafe { std::ptr::write_bytes(address.cast::<u8>(), 0, size) };
        Ok(Span { address: address as u64, bytes })
    }

    fn free_pinned(&self, span: Span) {
        if self.enter().is_ok() {
            let _ = result::ctx::synchronize();
            // SAFETY: allocated by `allocate_pinned`, freed once, and no work is left that uses it.
            let _ = unsafe { result::free_host(span.address as *mut c_void) };
        }
    }

    fn read_pinned(&self, from: Span, to: &mut [u8]) {
        let bytes = to.len().min(from.bytes);
        // SAFETY: the span is live host memory of at least `bytes`; the caller waited for the device.
        unsafe { std::ptr::copy_nonoverlapping(from.address as *const u8, to.as_mut_ptr(), bytes) };
    }

    fn write_pinned(&self, to: Span, from: &[u8]) {
        let bytes = from.len().min(to.bytes);
        // SAFETY: as for reading; the handle is borrowed exclusively.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to.address as *mut u8, bytes) };
    }

    fn stream(&self) -> Result<u64, Error> {
        self.enter()?;
        let stream = result::stream::create(result::stream::StreamKind::NonBlocking);
        Ok(stream.map_err(failed(&self.name, "cuStreamCreate"))? as u64)
    }

    fn end_stream(&self, stream: u64) {
        if self.enter().is_ok() {
            // SAFETY: given out by `stream`, ended once.
            let _ = unsafe { result::stream::destroy(stream_of(stream)) };
        }
    }

    fn zero(&self, stream: u64, to: Span) -> Result<(), Error> {
        self.enter()?;
        // SAFETY: the span is live device memory.
        let done = unsafe { result::memset_d8_async(to.address, 0, to.bytes, stream_of(stream)) };
        self.check("cuMemsetD8Async", done)
    }

    fn copy(&self, stream: u64, from: Span, to: Span) -> Result<(), Error> {
        self.enter()?;
        // SAFETY: both spans are live, of this context or pinned in it, and as long.
        let done =
            unsafe { sys::cuMemcpyAsync(to.address, from.address, from.bytes, stream_of(stream)) };
        self.check("cuMemcpyAsync", done.result())
    }

    fn upload(&self, stream: u64, from: &[u8], to: Span) -> Result<(), Error> {
        self.enter()?;
        // SAFETY: the span is live and as long; `from` lives until the copy is waited for below.
        let done = unsafe { result::memcpy_htod_async(to.address, from, stream_of(stream)) };
        self.check("cuMemcpyHtoDAsync", done)?;
        self.synchronize(stream)
    }

    fn download(&self, stream: u64, from: Span, to: &mut [u8]) -> Result<(), Error> {
        self.enter()?;
        // SAFETY: as for `upload`, the other way.
        let done = unsafe { result::memcpy_dtoh_async(to, from.address, stream_of(stream)) };
        self.check("cuMemcpyDtoHAsync", done)?;
        self.synchronize(stream)
    }

    fn launch(&self, stream: u64, launch: Launch) -> Result<(), Error> {
        self.enter()?;
        let Launch { kernel, grid: [x, y, z], threads, shared, mut arguments } = launch;
        let Some(function) = self.functions.get(&kernel) else { return Err(Error::NotBuilt) };
        let mut pointers: Vec<*mut c_void> =
            arguments.iter_mut().map(|value| std::ptr::from_mut(value).cast()).collect();
        let (grid, block, stream) = ((x, y, z), (threads, 1, 1), stream_of(stream));
        // SAFETY: the arguments are those of the kernel, whose operation checked the sizes of what they point to;
        // each stands in the low bytes of its own eight.
        let done =
            unsafe { result::launch_kernel(*function, grid, block, shared, stream, &mut pointers) };
        self.check(kernel.name(), done)
    }

    fn synchronize(&self, stream: u64) -> Result<(), Error> {
        self.enter()?;
        // SAFETY: the stream is live, or the default one.
        let done = unsafe { result::stream::synchronize(stream_of(stream)) };
        self.check("cuStreamSynchronize", done)
    }

    fn begin_recording(&self, stream: u64) -> Result<(), Error> {
        self.enter()?;
        let mode = sys::CUstreamCaptureMode_enum::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        // SAFETY: the stream is live.
        let done = unsafe { result::stream::begin_capture(stream_of(stream), mode) };
        self.check("cuStreamBeginCapture", done)
    }

    fn end_recording(&self, stream: u64) -> Result<u64, Error> {
        self.enter()?;
        // SAFETY: the stream is live and being recorded.
        let graph = unsafe { result::stream::end_capture(stream_of(stream)) };
        let graph = graph.map_err(failed(&self.name, "cuStreamEndCapture"))?;
        let mut ready = std::ptr::null_mut();
        // SAFETY: the graph was made just now; what is made of it does not need it any more.
        let done = unsafe {
            let done = sys::cuGraphInstantiateWithFlags(&raw mut ready, graph, 0).result();
            let _ = result::graph::destroy(graph);
            done
        };
        self.check("cuGraphInstantiate", done)?;
        Ok(ready as u64)
    }

    fn replay(&self, stream: u64, graph: u64) -> Result<(), Error> {
        self.enter()?;
        // SAFETY: the graph is live and keeps the memory it uses.
        let done = unsafe { result::graph::launch(graph as sys::CUgraphExec, stream_of(stream)) };
        self.check("cuGraphLaunch", done)
    }

    fn end_graph(&self, graph: u64) {
        if self.enter().is_ok() {
            // SAFETY: made by `end_recording`, ended once; the driver waits until it is not in use.
            let _ = unsafe { result::graph::exec_destroy(graph as sys::CUgraphExec) };
        }
    }
}
