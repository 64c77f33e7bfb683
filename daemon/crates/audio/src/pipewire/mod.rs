//! The daemon's microphone and loudspeaker as native PipeWire nodes. Starts no thread: the daemon runs
//! [`PipewireLoop`] on one of its own, PipeWire's data thread runs the two callbacks.

mod device;
mod graph;
mod marks;
mod microphone;
mod node;
mod reference;
mod session;
mod shared;
mod source;
mod speaker;
mod status;
mod stray;

pub use device::{
    PipewireControl, PipewireDevice, PipewireLoop, PipewireSettings, pipewire_device,
};
pub use source::CaptureStream;
pub use status::{DeviceEvent, Level, LostReason, NodeRole, NodeStatus, PipewireStatus};
