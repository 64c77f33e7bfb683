//! All sessions: who opened them, and what each is to be told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use companion_bus::names::SESSIONS;
use companion_bus::session::Session;
use companion_bus::types::get;
use companion_bus::{Dict, Error, Result};
use zbus::OwnedObjectPath;
use zbus::object_server::SignalEmitter;

use super::desk::Desk;
use super::session::{Handle, OneSession};

/// Sessions at a time.
const MOST: usize = 16;

/// Whose sound a session has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionAudio {
    /// The daemon's nodes.
    Node,
    /// The client's, by descriptors.
    Descriptors,
}

#[derive(Default)]
struct Table {
    next: u32,
    open: BTreeMap<u32, Arc<OneSession>>,
    /// The session that holds the microphone.
    active: Option<u32>,
}

/// All sessions.
#[derive(Default)]
pub(super) struct Sessions {
    // Look-ups only.
    table: Mutex<Table>,
}

fn path_of(number: u32) -> Result<OwnedObjectPath> {
    OwnedObjectPath::try_from(format!("{SESSIONS}/{number}"))
        .map_err(|e| Error::Internal(e.to_string()))
}

impl Sessions {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that are open.
    pub(super) fn all(&self) -> Vec<Arc<OneSession>> {
        self.table().open.values().cloned().collect()
    }

    /// Path of the session that holds the microphone; `/` for none.
    pub(super) fn active(&self) -> OwnedObjectPath {
        let active = self.table().active;
        active.and_then(|n| path_of(n).ok()).unwrap_or_else(|| {
            OwnedObjectPath::from(zbus::ObjectPath::from_static_str_unchecked("/"))
        })
    }

    /// One session at a time holds the microphone.
    pub(super) fn claim(&self, number: u32) -> Result<()> {
        let mut table = self.table();
        match table.active {
            Some(other) if other != number => Err(Error::Busy(format!(
                "session {other} holds the microphone: wait until it closes"
            ))),
            _ => {
                table.active = Some(number);
                Ok(())
            }
        }
    }

    pub(super) fn release(&self, number: u32) {
        let mut table = self.table();
        if table.active == Some(number) {
            table.active = None;
        }
    }

    fn remove(&self, number: u32) -> Option<Arc<OneSession>> {
        self.release(number);
        self.table().open.remove(&number)
    }
}

/// Opens a session.
pub(super) async fn open(
    desk: &Arc<Desk>,
    sender: &str,
    options: &Dict,
) -> Result<OwnedObjectPath> {
    let audio = match get::<String>(options, "audio").as_deref() {
        None | Some("node") => SessionAudio::Node,
        Some("fd") => SessionAudio::Descriptors,
        Some(other) => {
            return Err(Error::InvalidArgument(format!("audio {other:?}: write node or fd")));
        }
    };
    let (number, session) = {
        let mut table = desk.sessions.table();
        if table.open.len() >= MOST {
            return Err(Error::Busy(format!("{MOST} sessions are open: close one")));
        }
        table.next += 1;
        let number = table.next;
        let session = Arc::new(OneSession::new(number, sender, audio, Arc::downgrade(desk)));
        table.open.insert(number, Arc::clone(&session));
        (number, session)
    };
    let path = path_of(number)?;
    desk.connection()?.object_server().at(&path, Session(Handle(session))).await?;
    Ok(path)
}

/// Closes a session.
pub(super) async fn close(desk: &Desk, number: u32) {
    let Some(session) = desk.sessions.remove(number) else { return };
    session.end();
    if let (Ok(connection), Ok(path)) = (desk.connection(), path_of(number)) {
        let _ = connection.object_server().remove::<Session<Handle>, _>(path).await;
    }
    desk.tell_active().await;
}

/// A client left the bus: its sessions are over.
pub(super) async fn gone(desk: &Desk, sender: &str) {
    for session in desk.sessions.all() {
        if session.sender() == sender {
            close(desk, session.number()).await;
        }
    }
}

/// An emitter of signals to the session's client alone.
pub(super) fn emitter<'a>(desk: &'a Desk, session: &OneSession) -> Option<SignalEmitter<'a>> {
    let path = path_of(session.number()).ok()?;
    let emitter = SignalEmitter::new(desk.connection().ok()?, path.into_inner()).ok()?;
    match zbus::names::BusName::try_from(session.sender().to_owned()) {
        Ok(name) => Some(emitter.set_destination(name)),
        Err(_) => Some(emitter),
    }
}
