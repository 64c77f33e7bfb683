//! The service behind `Audio1`.

use companion_bus::audio::AudioService;
use companion_bus::types::AudioNode;
use companion_bus::{Error, Result};

use super::desk::Service;

impl Service {
    fn node(name: &str) -> Result<Option<String>> {
        if name.len() > 256 || name.chars().any(char::is_control) {
            return Err(Error::InvalidArgument(
                "a node's name has at most 256 bytes and no control characters".to_owned(),
            ));
        }
        Ok((!name.is_empty()).then(|| name.to_owned()))
    }

    fn devices(&self, done: bool) -> Result<()> {
        if done {
            return Ok(());
        }
        Err(Error::Unavailable(
            "there are no audio nodes: audio.backend is none in the configuration".to_owned(),
        ))
    }
}

impl AudioService for Service {
    async fn set_input(&self, node: String) -> Result<()> {
        let node = Self::node(&node)?;
        self.devices(self.0.devices.set_input(node))
    }

    async fn set_output(&self, node: String) -> Result<()> {
        let node = Self::node(&node)?;
        self.devices(self.0.devices.set_output(node))
    }

    async fn mute(&self, on: bool) -> Result<()> {
        self.devices(self.0.devices.mute(on))
    }

    fn nodes(&self) -> Vec<AudioNode> {
        let nodes = self.0.devices.status().nodes;
        let node = |(name, serial, role): (String, u64, &'static str)| AudioNode {
            name,
            serial,
            role: role.to_owned(),
        };
        nodes.into_iter().map(node).collect()
    }

    fn connected(&self) -> bool {
        self.0.devices.status().connected
    }

    fn detail(&self) -> String {
        self.0.devices.status().detail
    }

    fn level(&self) -> (f64, f64) {
        self.0.devices.status().level_dbfs
    }

    fn mic_muted(&self) -> bool {
        self.0.devices.status().mic_muted
    }

    fn quantum(&self) -> u32 {
        self.0.devices.status().quantum
    }

    fn xruns(&self) -> (u64, u64) {
        let status = self.0.devices.status();
        (status.overruns, self.0.app.playback().underruns())
    }

    fn echo_loss_db(&self) -> f64 {
        self.0.devices.status().echo_loss_db
    }
}
