//! `org.companiond.Profiles1` at `/org/companiond/profiles` and `Profile1` for each profile below it.

use std::collections::HashMap;
use std::future::Future;
use std::os::fd::OwnedFd;

use zbus::{OwnedObjectPath, fdo, interface};

use crate::Result;
use crate::types::Dict;

/// What the profiles offer together.
pub trait ProfilesService: Send + Sync + 'static {
    /// See [`Profiles::import`].
    fn import(
        &self,
        card: OwnedFd,
        options: Dict,
    ) -> impl Future<Output = Result<OwnedObjectPath>> + Send;
    /// See [`Profiles::export`].
    fn export(&self, key: String, out: OwnedFd) -> impl Future<Output = Result<()>> + Send;
    /// See [`Profiles::activate`].
    fn activate(&self, key: String) -> impl Future<Output = Result<()>> + Send;
    /// See [`Profiles::active`].
    fn active(&self) -> String;
}

/// What one profile offers.
pub trait ProfileService: Send + Sync + 'static {
    /// See [`Profile::key`].
    fn key(&self) -> String;
    /// See [`Profile::names`].
    fn names(&self) -> HashMap<String, String>;
    /// See [`Profile::persona`].
    fn persona(&self) -> HashMap<String, String>;
    /// See [`Profile::voice`].
    fn voice(&self) -> String;
    /// See [`Profile::generation`].
    fn generation(&self) -> String;
    /// See [`Profile::language`].
    fn language(&self) -> String;
}

/// The interface of all profiles over a service.
#[derive(Debug)]
pub struct Profiles<S>(pub S);

/// The interface of one profile over a service.
#[derive(Debug)]
pub struct Profile<S>(pub S);

#[interface(
    name = "org.companiond.Profiles1",
    proxy(default_service = "org.companiond", default_path = "/org/companiond/profiles")
)]
impl<S: ProfilesService> Profiles<S> {
    /// Takes a profile from a TOML file's descriptor; one with a known key is replaced. Options: `key` (s)
    /// stands in for the file's.
    #[zbus(out_args("profile"))]
    async fn import(&self, card: zbus::OwnedFd, options: Dict) -> Result<OwnedObjectPath> {
        self.0.import(card.into(), options).await
    }

    /// Writes a profile as TOML into a descriptor.
    async fn export(&self, key: String, out: zbus::OwnedFd, options: Dict) -> Result<()> {
        let _ = options;
        self.0.export(key, out.into()).await
    }

    /// From the next turn on the companion is this one; it is remembered over a restart.
    async fn activate(&self, key: String, options: Dict) -> Result<()> {
        let _ = options;
        self.0.activate(key).await
    }

    /// Key of the active profile.
    #[zbus(property)]
    fn active(&self) -> fdo::Result<String> {
        Ok(self.0.active())
    }
}

#[interface(name = "org.companiond.Profile1", proxy(default_service = "org.companiond"))]
impl<S: ProfileService> Profile<S> {
    /// Its key.
    #[zbus(property(emits_changed_signal = "const"))]
    fn key(&self) -> fdo::Result<String> {
        Ok(self.0.key())
    }

    /// The companion's name by language: `zh`, `en`.
    #[zbus(property)]
    fn names(&self) -> fdo::Result<HashMap<String, String>> {
        Ok(self.0.names())
    }

    /// Who the companion is, by language: `zh`, `en`.
    #[zbus(property)]
    fn persona(&self) -> fdo::Result<HashMap<String, String>> {
        Ok(self.0.persona())
    }

    /// Its voice: a folder under `voices`.
    #[zbus(property)]
    fn voice(&self) -> fdo::Result<String> {
        Ok(self.0.voice())
    }

    /// `fast`, `balanced` or `quality`.
    #[zbus(property)]
    fn generation(&self) -> fdo::Result<String> {
        Ok(self.0.generation())
    }

    /// The language it begins in.
    #[zbus(property)]
    fn language(&self) -> fdo::Result<String> {
        Ok(self.0.language())
    }
}
