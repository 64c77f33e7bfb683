//! Audio in and out: the playback queue with its exact account of what was heard, the PipeWire device, echo
//! cancellation, WAV files, resampling, and a simulated room
//! on the sample clock. Knows samples, nothing else; starts no thread.

mod clip;
mod echo;
mod echo_presence;
mod error;
mod pipewire;
mod playback;
mod resample;
mod shared_tap;
mod sim;
mod wav;

pub use clip::ClipMeasures;
pub use echo::EchoCanceller;
pub use error::AudioError;
pub use pipewire::{
    CaptureStream, DeviceEvent, Level, LostReason, NodeRole, NodeStatus, PipewireControl,
    PipewireDevice, PipewireLoop, PipewireSettings, PipewireStatus, pipewire_device,
};
pub use playback::{Playback, PlaybackTap, playback};
pub use resample::Resampler;
pub use shared_tap::{Player, SharedTap};
pub use sim::{EchoPath, SimulatedRoom};
pub use wav::{read_wav, read_wav_mono, write_wav};

/// Lets tests of the audio callbacks prove that they do not allocate.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: assert_no_alloc::AllocDisabler = assert_no_alloc::AllocDisabler;
