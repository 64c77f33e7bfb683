//! Memory, models, profiles, sound and health of the scripted daemon.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;

use companion_bus::audio::AudioService;
use companion_bus::health::HealthService;
use companion_bus::memory::MemoryService;
use companion_bus::models::{Model, ModelService, ModelsService};
use companion_bus::names::{model_path, profile_path};
use companion_bus::profiles::{ProfileService, ProfilesService};
use companion_bus::types::{AudioNode, Issue, MemoryItem, StageHealth, get, put};
use companion_bus::{Dict, Error, Result};
use zbus::OwnedObjectPath;

use super::{Scripted, steer};

impl MemoryService for Scripted {
    async fn search(&self, query: String, options: Dict) -> Result<Vec<MemoryItem>> {
        steer(&query)?;
        let kept = self.0.memories.lock().unwrap().clone();
        let found = kept.into_iter().filter(|m| m.text.contains(&query));
        let found = found.map(|m| MemoryItem { score: 0.87, source: "both".to_owned(), ..m });
        let limit = get::<u32>(&options, "limit").unwrap_or(10);
        let found = found.take(limit as usize).collect();
        std::future::ready(Ok(found)).await
    }

    async fn list(&self, options: Dict) -> Result<Vec<MemoryItem>> {
        let limit = get::<u32>(&options, "limit").unwrap_or(100);
        let offset = get::<u32>(&options, "offset").unwrap_or(0);
        self.called(format!("list limit={limit} offset={offset}"));
        let kept = self.0.memories.lock().unwrap();
        Ok(kept.iter().rev().skip(offset as usize).take(limit as usize).cloned().collect())
    }

    async fn get(&self, id: String) -> Result<MemoryItem> {
        let found = self.0.memories.lock().unwrap().iter().find(|m| m.id == id).cloned();
        std::future::ready(found.ok_or_else(|| Error::NotFound(format!("no memory {id}")))).await
    }

    async fn add(&self, text: String, options: Dict) -> Result<String> {
        steer(&text)?;
        let mut kept = self.0.memories.lock().unwrap();
        let id = format!("m{}", kept.len() + 1);
        kept.push(MemoryItem {
            id: id.clone(),
            score: 0.0,
            text,
            created_s: 1_700_000_000,
            origin: "note".to_owned(),
            turn: 0,
            core: get(&options, "core").unwrap_or_default(),
            source: String::new(),
        });
        Ok(id)
    }

    async fn forget(&self, ids: Vec<String>) -> Result<String> {
        let mut kept = self.0.memories.lock().unwrap();
        let gone: Vec<MemoryItem> = kept.iter().filter(|m| ids.contains(&m.id)).cloned().collect();
        if gone.len() < ids.len() {
            return Err(Error::NotFound(format!("no memory among {}", ids.join(", "))));
        }
        kept.retain(|m| !ids.contains(&m.id));
        *self.0.forgotten.lock().unwrap() = gone;
        Ok("u1".to_owned())
    }

    async fn undo(&self, undo: String) -> Result<Vec<String>> {
        self.called(format!("undo {undo}"));
        let back: Vec<MemoryItem> = self.0.forgotten.lock().unwrap().drain(..).collect();
        let ids = back.iter().map(|m| m.id.clone()).collect();
        self.0.memories.lock().unwrap().extend(back);
        Ok(ids)
    }

    async fn explain(&self, turn: u64) -> Result<Vec<(String, String)>> {
        let rests =
            if turn == 7 { vec![("m1".to_owned(), "我叫小明".to_owned())] } else { Vec::new() };
        std::future::ready(Ok(rests)).await
    }

    async fn count(&self) -> u64 {
        std::future::ready(12).await
    }

    async fn bytes(&self) -> u64 {
        std::future::ready(34_567).await
    }
}

impl ModelsService for Scripted {
    async fn rescan(&self) -> Result<Vec<OwnedObjectPath>> {
        self.called("rescan");
        let path = model_path("tiny-llm");
        let found =
            self.connection().object_server().interface::<_, Model<OneModel>>(path.as_str()).await;
        Ok(found
            .into_iter()
            .filter_map(|_| OwnedObjectPath::try_from(path.as_str()).ok())
            .collect())
    }

    fn slots(&self) -> Vec<(String, String)> {
        vec![("llm".to_owned(), "tiny-llm".to_owned()), ("asr".to_owned(), String::new())]
    }

    fn folders(&self) -> Vec<String> {
        vec!["/var/lib/companion/models".to_owned()]
    }
}

/// The one model.
pub(crate) struct OneModel;

impl ModelService for OneModel {
    async fn load(&self, _sender: &str, _options: Dict) -> Result<OwnedObjectPath> {
        std::future::ready(Err(Error::OutOfMemory("16 GiB are needed, 8 are free".to_owned())))
            .await
    }

    async fn unload(&self) -> Result<()> {
        std::future::ready(Ok(())).await
    }

    fn id(&self) -> String {
        "tiny-llm".to_owned()
    }

    fn kind(&self) -> String {
        "llm".to_owned()
    }

    fn architecture(&self) -> String {
        "qwen2".to_owned()
    }

    fn state(&self) -> String {
        "loaded".to_owned()
    }

    fn directory(&self) -> String {
        "/var/lib/companion/models/tiny-llm".to_owned()
    }

    fn bytes(&self) -> u64 {
        15_000_000_000
    }

    fn loaded_ms(&self) -> u32 {
        812
    }

    fn detail(&self) -> String {
        String::new()
    }
}

impl ProfilesService for Scripted {
    async fn import(&self, card: OwnedFd, options: Dict) -> Result<OwnedObjectPath> {
        let mut toml = String::new();
        File::from(card).read_to_string(&mut toml).map_err(|e| Error::Corrupt(e.to_string()))?;
        let key = get::<String>(&options, "key").unwrap_or_default();
        self.called(format!("import {} key={key}", toml.trim()));
        let path = profile_path("default");
        std::future::ready(
            OwnedObjectPath::try_from(path).map_err(|e| Error::Internal(e.to_string())),
        )
        .await
    }

    async fn export(&self, key: String, out: OwnedFd) -> Result<()> {
        if key != "default" {
            return Err(Error::NotFound(format!("no profile {key}")));
        }
        let written = File::from(out).write_all("key = \"default\"\n".as_bytes());
        std::future::ready(written.map_err(|e| Error::Internal(e.to_string()))).await
    }

    async fn activate(&self, key: String) -> Result<()> {
        self.called(format!("activate {key}"));
        std::future::ready(Ok(())).await
    }

    fn active(&self) -> String {
        "default".to_owned()
    }
}

/// The one profile.
pub(crate) struct OneProfile;

impl ProfileService for OneProfile {
    fn key(&self) -> String {
        "default".to_owned()
    }

    fn names(&self) -> HashMap<String, String> {
        [("zh", "小伴"), ("en", "Pal")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    }

    fn persona(&self) -> HashMap<String, String> {
        [("zh", "温柔"), ("en", "Gentle")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    }

    fn voice(&self) -> String {
        "default".to_owned()
    }

    fn generation(&self) -> String {
        "balanced".to_owned()
    }

    fn language(&self) -> String {
        "zh".to_owned()
    }
}

impl AudioService for Scripted {
    async fn set_input(&self, node: String) -> Result<()> {
        self.called(format!("input [{node}]"));
        std::future::ready(Ok(())).await
    }

    async fn set_output(&self, node: String) -> Result<()> {
        self.called(format!("output [{node}]"));
        std::future::ready(Ok(())).await
    }

    async fn mute(&self, on: bool) -> Result<()> {
        self.called(format!("mute {on}"));
        std::future::ready(Ok(())).await
    }

    fn nodes(&self) -> Vec<AudioNode> {
        vec![AudioNode {
            name: "companion.mic".to_owned(),
            serial: 42,
            role: "microphone".to_owned(),
        }]
    }

    fn connected(&self) -> bool {
        true
    }

    fn detail(&self) -> String {
        String::new()
    }

    fn level(&self) -> (f64, f64) {
        (-12.0, -24.5)
    }

    fn mic_muted(&self) -> bool {
        false
    }

    fn quantum(&self) -> u32 {
        512
    }

    fn xruns(&self) -> (u64, u64) {
        (3, 4)
    }

    fn echo_loss_db(&self) -> f64 {
        31.5
    }
}

impl HealthService for Scripted {
    async fn diagnose(&self) -> Result<Vec<Issue>> {
        let issue = |id: &str, severity: u32, command: &str| Issue {
            id: id.to_owned(),
            severity,
            issue: "The slot asr is empty".to_owned(),
            recommendation: "Load a model".to_owned(),
            command: command.to_owned(),
        };
        let found =
            vec![issue("a.note", 0, ""), issue("model.slot-empty", 2, "companionctl model list")];
        std::future::ready(Ok(found)).await
    }

    fn stages(&self) -> HashMap<String, StageHealth> {
        let stage = StageHealth { state: "ok".to_owned(), restarts: 1, heartbeat_age_us: 2500 };
        HashMap::from([("brain".to_owned(), stage)])
    }

    fn uptime(&self) -> u64 {
        3700
    }
}

/// A dict that holds one text; for signals.
pub(crate) fn more(key: &str, text: &str) -> Dict {
    let mut dict = Dict::new();
    put(&mut dict, key, text);
    dict
}
