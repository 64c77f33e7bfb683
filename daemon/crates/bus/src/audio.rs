//! `org.companiond.Audio1` at `/org/companiond/audio`.

use std::future::Future;

use zbus::object_server::SignalEmitter;
use zbus::{fdo, interface};

use crate::Result;
use crate::types::{AudioNode, Dict};

/// What the audio room offers.
pub trait AudioService: Send + Sync + 'static {
    /// See [`Audio::set_input`].
    fn set_input(&self, node: String) -> impl Future<Output = Result<()>> + Send;
    /// See [`Audio::set_output`].
    fn set_output(&self, node: String) -> impl Future<Output = Result<()>> + Send;
    /// See [`Audio::mute`].
    fn mute(&self, on: bool) -> impl Future<Output = Result<()>> + Send;
    /// See [`Audio::nodes`].
    fn nodes(&self) -> Vec<AudioNode>;
    /// See [`Audio::connected`].
    fn connected(&self) -> bool;
    /// See [`Audio::detail`].
    fn detail(&self) -> String;
    /// See [`Audio::level`].
    fn level(&self) -> (f64, f64);
    /// See [`Audio::mic_muted`].
    fn mic_muted(&self) -> bool;
    /// See [`Audio::quantum`].
    fn quantum(&self) -> u32;
    /// See [`Audio::xruns`].
    fn xruns(&self) -> (u64, u64);
    /// See [`Audio::echo_loss_db`].
    fn echo_loss_db(&self) -> f64;
}

/// The interface over a service.
#[derive(Debug)]
pub struct Audio<S>(pub S);

#[interface(
    name = "org.companiond.Audio1",
    proxy(default_service = "org.companiond", default_path = "/org/companiond/audio")
)]
impl<S: AudioService> Audio<S> {
    /// Listens to the node of this name; empty is the session manager's default.
    async fn set_input(&self, node_name: String, options: Dict) -> Result<()> {
        let _ = options;
        self.0.set_input(node_name).await
    }

    /// Plays to the node of this name; empty is the session manager's default.
    async fn set_output(&self, node_name: String, options: Dict) -> Result<()> {
        let _ = options;
        self.0.set_output(node_name).await
    }

    /// Destroys the microphone's node, or makes it again.
    async fn mute(
        &self,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
        on: bool,
        options: Dict,
    ) -> Result<()> {
        let _ = options;
        self.0.mute(on).await?;
        let _ = self.mic_muted_changed(&emitter).await;
        Ok(())
    }

    /// The daemon's nodes.
    #[zbus(property)]
    fn nodes(&self) -> fdo::Result<Vec<AudioNode>> {
        Ok(self.0.nodes())
    }

    /// Whether PipeWire is there.
    #[zbus(property)]
    fn connected(&self) -> fdo::Result<bool> {
        Ok(self.0.connected())
    }

    /// Why not, and what to do; empty when it is.
    #[zbus(property)]
    fn detail(&self) -> fdo::Result<String> {
        Ok(self.0.detail())
    }

    /// Peak and RMS of the microphone over the last 100 ms, dBFS.
    #[zbus(property(emits_changed_signal = "false"))]
    fn level(&self) -> fdo::Result<(f64, f64)> {
        Ok(self.0.level())
    }

    /// Whether the microphone's node was destroyed.
    #[zbus(property)]
    fn mic_muted(&self) -> fdo::Result<bool> {
        Ok(self.0.mic_muted())
    }

    /// Frames of a graph cycle, 0 when not known.
    #[zbus(property(emits_changed_signal = "false"))]
    fn quantum(&self) -> fdo::Result<u32> {
        Ok(self.0.quantum())
    }

    /// Capture overruns and playback underruns.
    #[zbus(property(emits_changed_signal = "false"))]
    fn xruns(&self) -> fdo::Result<(u64, u64)> {
        Ok(self.0.xruns())
    }

    /// How much quieter the own voice is behind the canceller, dB; 0 before anything was played.
    #[zbus(property(emits_changed_signal = "false"))]
    fn echo_loss_db(&self) -> fdo::Result<f64> {
        Ok(self.0.echo_loss_db())
    }

    /// A device came or went: `connected`, `lost`, `input`, `output`, and its node's name.
    #[zbus(signal)]
    pub async fn device_changed(
        emitter: &SignalEmitter<'_>,
        what: &str,
        node_name: &str,
    ) -> zbus::Result<()>;
}
