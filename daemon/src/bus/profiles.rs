//! The services behind `Profiles1` and `Profile1`.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use companion_bus::names::{PROFILES, profile_path};
use companion_bus::profiles::{Profile, ProfileService, Profiles, ProfilesService};
use companion_bus::types::get;
use companion_bus::{Dict, Error, Result};
use companion_types::{GenerationProfile, PersonaProfile};
use zbus::OwnedObjectPath;

use super::convert::{self, waiting};
use super::desk::{Desk, Service};
use crate::error::DaemonError;
use crate::profiles::{LARGEST, export, parse};

/// One profile on the bus.
pub(super) struct OneProfile(PersonaProfile);

/// Puts a profile on the bus.
pub(super) async fn mount(desk: &Desk, profile: PersonaProfile) -> Result<OwnedObjectPath> {
    let server = desk.connection()?.object_server();
    let path = OwnedObjectPath::try_from(profile_path(&profile.key))
        .map_err(|e| Error::Internal(e.to_string()))?;
    let _ = server.remove::<Profile<OneProfile>, _>(&path).await;
    server.at(&path, Profile(OneProfile(profile))).await?;
    Ok(path)
}

impl ProfilesService for Service {
    async fn import(&self, card: OwnedFd, options: Dict) -> Result<OwnedObjectPath> {
        let key = get::<String>(&options, "key");
        let desk = Arc::clone(&self.0);
        let profile = waiting(move || {
            let mut text = String::new();
            let most = u64::try_from(LARGEST).unwrap_or(u64::MAX);
            let read = File::from(card).take(most + 1).read_to_string(&mut text);
            read.map_err(|e| DaemonError::Invalid(format!("the profile cannot be read: {e}")))?;
            if text.len() > LARGEST {
                return Err(DaemonError::Invalid(format!(
                    "the profile is larger than {} KiB",
                    LARGEST >> 10
                )));
            }
            let mut profile = parse(&text, "to import")?;
            if let Some(key) = key {
                profile.key = key;
                profile = parse(&export(&profile)?, "to import")?;
            }
            desk.app.profiles().import(profile.clone())?;
            // The one in use changes at once.
            if desk.app.persona().key == profile.key {
                desk.app.activate(&profile.key)?;
            }
            Ok(profile)
        })
        .await?;
        mount(&self.0, profile).await
    }

    async fn export(&self, key: String, out: OwnedFd) -> Result<()> {
        let profile = self.0.app.profiles().get(&key).map_err(|e| convert::error(&e))?;
        waiting(move || {
            let text = export(&profile)?;
            let written = File::from(out).write_all(text.as_bytes());
            written
                .map_err(|e| DaemonError::Unavailable(format!("the profile was not written: {e}")))
        })
        .await
    }

    async fn activate(&self, key: String) -> Result<()> {
        let app = Arc::clone(&self.0.app);
        waiting(move || app.activate(&key)).await?;
        let server = self.0.connection()?.object_server();
        if let Ok(iface) = server.interface::<_, Profiles<Self>>(PROFILES).await {
            let _ = iface.get().await.active_changed(iface.signal_emitter()).await;
        }
        Ok(())
    }

    fn active(&self) -> String {
        self.0.app.persona().key.clone()
    }
}

fn both(zh: &str, en: &str) -> HashMap<String, String> {
    HashMap::from([("zh".to_owned(), zh.to_owned()), ("en".to_owned(), en.to_owned())])
}

impl ProfileService for OneProfile {
    fn key(&self) -> String {
        self.0.key.clone()
    }

    fn names(&self) -> HashMap<String, String> {
        both(&self.0.name_zh, &self.0.name_en)
    }

    fn persona(&self) -> HashMap<String, String> {
        both(&self.0.persona_zh, &self.0.persona_en)
    }

    fn voice(&self) -> String {
        self.0.voice.clone()
    }

    fn generation(&self) -> String {
        let name = match self.0.generation {
            GenerationProfile::Fast => "fast",
            GenerationProfile::Balanced => "balanced",
            GenerationProfile::Quality => "quality",
        };
        name.to_owned()
    }

    fn language(&self) -> String {
        self.0.language.code().to_owned()
    }
}
