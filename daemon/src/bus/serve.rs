//! Puts everything on the bus and takes the name.

use std::sync::Arc;

use companion_bus::audio::Audio;
use companion_bus::health::Health;
use companion_bus::manager::Manager;
use companion_bus::memory::Memory;
use companion_bus::models::Models;
use companion_bus::names::{AUDIO, BUS_NAME, HEALTH, MEMORY, MODELS, PROFILES, ROOT, VOICE};
use companion_bus::profiles::Profiles;
use companion_bus::voice::Voice;
use futures_util::StreamExt as _;
use zbus::fdo::{DBusProxy, ObjectManager, RequestNameFlags, RequestNameReply};
use zbus::{Connection, connection};

use super::desk::{Desk, Service};
use super::{events, models, profiles, sessions};
use crate::app::App;
use crate::config::BusChoice;
use crate::devices::Devices;
use crate::error::DaemonError;

fn failed(error: impl std::fmt::Display) -> DaemonError {
    DaemonError::Bus(error.to_string())
}

/// A companion on the bus.
pub(crate) struct Served {
    desk: Arc<Desk>,
    connection: Connection,
}

/// Connects, mounts all objects and takes the name.
///
/// # Errors
/// When the bus is not there, or the name is taken.
pub(crate) async fn serve(
    app: Arc<App>,
    devices: Devices,
    kind: BusChoice,
) -> Result<Served, DaemonError> {
    let desk = Arc::new(Desk::new(Arc::clone(&app), devices));
    let service = || Service(Arc::clone(&desk));
    let (builder, hint) = match kind {
        BusChoice::System => (
            connection::Builder::system(),
            "is dbus-daemon running and the policy installed? For a session bus: --bus session",
        ),
        BusChoice::Session => (connection::Builder::session(), "is DBUS_SESSION_BUS_ADDRESS set?"),
    };
    let connection = builder
        .serve_at(ROOT, ObjectManager)
        .serve_at(ROOT, Manager(service()))
        .serve_at(MEMORY, Memory(service()))
        .serve_at(MODELS, Models(service()))
        .serve_at(PROFILES, Profiles(service()))
        .serve_at(VOICE, Voice(service()))
        .serve_at(AUDIO, Audio(service()))
        .serve_at(HEALTH, Health(service()))
        .build()
        .await
        .map_err(|e| failed(format!("the bus cannot be reached: {e}; {hint}")))?;
    desk.connected(connection.clone());
    models::mount(&desk, &app.slots().models()).await.map_err(failed)?;
    for profile in app.profiles().all() {
        profiles::mount(&desk, profile).await.map_err(failed)?;
    }
    desk.tasks.spawn("events", events::pump(Arc::clone(&desk)));
    desk.tasks.spawn("callers", watch_callers(Arc::clone(&desk), connection.clone()));
    take_name(&connection, hint).await?;
    Ok(Served { desk, connection })
}

async fn take_name(connection: &Connection, hint: &str) -> Result<(), DaemonError> {
    let flags = RequestNameFlags::DO_NOT_QUEUE;
    match connection.request_name_with_flags(BUS_NAME, flags).await {
        Ok(RequestNameReply::PrimaryOwner | RequestNameReply::AlreadyOwner) => Ok(()),
        Ok(_) | Err(zbus::Error::NameTaken) => Err(failed(format!(
            "{BUS_NAME} is taken: another companiond runs on this bus; stop it first"
        ))),
        Err(error) => Err(failed(format!("{BUS_NAME} cannot be taken: {error}; {hint}"))),
    }
}

/// What a caller wanted ends when it leaves the bus.
async fn watch_callers(desk: Arc<Desk>, connection: Connection) {
    let watch = async || -> zbus::Result<()> {
        let dbus = DBusProxy::new(&connection).await?;
        let mut changes = dbus.receive_name_owner_changed().await?;
        while let Some(change) = changes.next().await {
            let Ok(change) = change.args() else { continue };
            let name = change.name().as_str();
            if name.starts_with(':') && change.new_owner().is_none() {
                desk.requests.gone(name);
                desk.app.conversation().caller_gone(name);
                sessions::gone(&desk, name).await;
            }
        }
        Ok(())
    };
    if let Err(error) = watch().await {
        tracing::error!(%error, "callers that leave the bus are not seen");
    }
}

impl Served {
    /// Leaves the bus: the name first, so that nobody calls any more.
    pub(crate) async fn end(self) {
        let _ = self.connection.release_name(BUS_NAME).await;
        for session in self.desk.sessions.all() {
            session.end();
        }
        self.desk.tasks.end().await;
        let _ = self.connection.close().await;
    }

    /// Ends when the connection to the bus is lost.
    pub(crate) async fn lost(&self) {
        let mut messages = zbus::MessageStream::from(self.connection.clone());
        while let Some(message) = messages.next().await {
            if message.is_err() {
                return;
            }
        }
    }
}
