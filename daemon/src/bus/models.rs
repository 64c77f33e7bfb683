//! The services behind `Models1` and `Model1`.

use std::sync::Arc;

use companion_bus::models::{Model, ModelService, ModelsService};
use companion_bus::names::model_path;
use companion_bus::types::put;
use companion_bus::{Dict, Error, Result};
use zbus::OwnedObjectPath;

use super::convert::waiting;
use super::desk::{Desk, Service};
use super::requests;
use crate::error::DaemonError;
use crate::models::{ModelInfo, ModelState};

/// One model on the bus.
#[derive(Clone)]
pub(super) struct OneModel {
    desk: Arc<Desk>,
    info: ModelInfo,
}

fn path_of(id: &str) -> Result<OwnedObjectPath> {
    OwnedObjectPath::try_from(model_path(id)).map_err(|e| Error::Internal(e.to_string()))
}

/// Puts every model of the catalogue on the bus, and takes away those that are gone.
pub(super) async fn mount(desk: &Arc<Desk>, models: &[ModelInfo]) -> Result<Vec<OwnedObjectPath>> {
    let server = desk.connection()?.object_server();
    let mut paths = Vec::new();
    for info in models {
        let path = path_of(&info.id)?;
        let model = OneModel { desk: Arc::clone(desk), info: info.clone() };
        let _ = server.remove::<Model<OneModel>, _>(&path).await;
        server.at(&path, Model(model)).await?;
        paths.push(path);
    }
    Ok(paths)
}

async fn changed(desk: &Desk, id: &str) {
    let (Ok(connection), Ok(path)) = (desk.connection(), path_of(id)) else { return };
    let server = connection.object_server();
    if let Ok(iface) = server.interface::<_, Model<OneModel>>(&path).await {
        let model = iface.get().await;
        let _ = model.state_changed(iface.signal_emitter()).await;
        let _ = model.loaded_ms_changed(iface.signal_emitter()).await;
        let _ = model.detail_changed(iface.signal_emitter()).await;
    }
    let root = companion_bus::names::MODELS;
    let all = server.interface::<_, companion_bus::models::Models<Service>>(root).await;
    if let Ok(iface) = all {
        let _ = iface.get().await.slots_changed(iface.signal_emitter()).await;
    }
}

impl ModelsService for Service {
    async fn rescan(&self) -> Result<Vec<OwnedObjectPath>> {
        let slots = Arc::clone(self.0.app.slots());
        let old: Vec<String> = slots.models().into_iter().map(|m| m.id).collect();
        let models = waiting(move || Ok(slots.rescan())).await?;
        let server = self.0.connection()?.object_server();
        for id in old.iter().filter(|id| !models.iter().any(|m| m.id == **id)) {
            let _ = server.remove::<Model<OneModel>, _>(path_of(id)?).await;
        }
        mount(&self.0, &models).await
    }

    fn slots(&self) -> Vec<(String, String)> {
        let slots = self.0.app.slots().in_slots();
        slots.into_iter().map(|(s, id)| (s.name().to_owned(), id.unwrap_or_default())).collect()
    }

    fn folders(&self) -> Vec<String> {
        self.0.app.slots().folders().iter().map(|f| f.display().to_string()).collect()
    }
}

impl OneModel {
    fn now(&self) -> ModelState {
        self.desk.app.slots().state(&self.info.id)
    }
}

impl ModelService for OneModel {
    async fn load(&self, sender: &str, options: Dict) -> Result<OwnedObjectPath> {
        let (desk, id) = (Arc::clone(&self.desk), self.info.id.clone());
        requests::start(&self.desk, sender, &options, move |_| async move {
            let slots = Arc::clone(desk.app.slots());
            let loading = id.clone();
            let work = tokio::task::spawn_blocking(move || slots.load(&loading));
            // The state is `loading` as soon as the blocking thread has begun.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            changed(&desk, &id).await;
            let done = work.await;
            changed(&desk, &id).await;
            let took = match done {
                Ok(done) => done?,
                Err(_) => return Err(DaemonError::Unavailable("loading failed".to_owned())),
            };
            let mut result = Dict::new();
            put(&mut result, "loaded_ms", u32::try_from(took.as_millis()).unwrap_or(u32::MAX));
            Ok(result)
        })
        .await
    }

    async fn unload(&self) -> Result<()> {
        let (slots, id) = (Arc::clone(self.desk.app.slots()), self.info.id.clone());
        let done = waiting(move || slots.unload(&id)).await;
        changed(&self.desk, &self.info.id).await;
        done
    }

    fn id(&self) -> String {
        self.info.id.clone()
    }

    fn kind(&self) -> String {
        self.info.slot.name().to_owned()
    }

    fn architecture(&self) -> String {
        self.info.architecture.clone()
    }

    fn state(&self) -> String {
        self.now().name().to_owned()
    }

    fn directory(&self) -> String {
        let directory = self.info.directory.as_ref();
        directory.map(|d| d.display().to_string()).unwrap_or_default()
    }

    fn bytes(&self) -> u64 {
        self.info.bytes
    }

    fn loaded_ms(&self) -> u32 {
        match self.now() {
            ModelState::Loaded(took) => u32::try_from(took.as_millis()).unwrap_or(u32::MAX),
            _ => 0,
        }
    }

    fn detail(&self) -> String {
        match (self.now(), &self.info.problem) {
            (ModelState::Failed(why), _) => why,
            (_, Some(problem)) => problem.clone(),
            _ => {
                let placement = self.desk.app.slots().placement(&self.info.id);
                placement.map(|placement| placement.describe()).unwrap_or_default()
            }
        }
    }
}

/// A model's id is checked by the catalogue, its path only escapes it.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_directory_name_makes_a_path() {
        assert!(path_of("通义-2.5").is_ok());
    }
}
