//! Audio in and out: the playback queue with its exact account of what was heard, PipeWire nodes, the echo
//! canceller, WAV files, resampling, and a simulated room on the sample clock. Knows samples, nothing else.

mod echo;
mod error;
mod pipewire;
mod playback;
mod resample;
mod shared_tap;
mod sim;
mod wav;

pub use echo::EchoCanceller;
pub use error::AudioError;
pub use pipewire::{
    MICROPHONE, Microphone, NodeControl, NodeInfo, NodeLoop, NodeSettings, NodeStatus, SPEAKER,
    nodes,
};
pub use playback::{Playback, PlaybackTap, playback};
pub use resample::Resampler;
pub use shared_tap::{Player, SharedTap};
pub use sim::SimulatedRoom;
pub use wav::{read_wav, write_wav};
