//! Kernels for NVIDIA GPUs and what it takes to run them: devices, their memory, streams, graphs, packed
//! weights, a KV cache, and the operations of a decoder over these. Knows slices and sizes, no model and
//! no file. Links nothing: the driver is opened at run time, and where there is none
//! [`Device::open`] says so. Each operation's file holds the launch and a plain CPU `reference` of the same
//! maths; the tests run the kernels' own sources on the CPU (feature `emulator`) and compare.

mod cache;
mod device;
mod error;
mod ffi;
mod kernel;
mod memory;
pub mod ops;
mod stream;
mod weights;

pub use cache::{CacheShape, KvCache, KvPrecision, PAGE};
pub use device::{Counters, Device, Memory};
pub use error::Error;
pub use ffi::element::Element;
pub use memory::{Buffer, Pinned};
pub use stream::{Graph, Stream};
pub use weights::{Codes, Linear, Packed, PackedShape, interleaved};
