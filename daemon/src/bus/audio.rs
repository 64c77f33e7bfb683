//! The service behind `Audio1`.

use companion_bus::Result;
use companion_bus::audio::AudioService;
use companion_bus::types::AudioNode;

use super::convert;
use super::desk::Service;

fn node(name: String) -> Option<String> {
    (!name.is_empty()).then_some(name)
}

impl AudioService for Service {
    async fn set_input(&self, name: String) -> Result<()> {
        self.0.devices.set_input(node(name)).map_err(|e| convert::error(&e))
    }

    async fn set_output(&self, name: String) -> Result<()> {
        self.0.devices.set_output(node(name)).map_err(|e| convert::error(&e))
    }

    async fn mute(&self, on: bool) -> Result<()> {
        self.0.devices.mute(on).map_err(|e| convert::error(&e))
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
