//! A scripted daemon: the whole contract on a bus, with answers that are known. Texts steer it: one that is
//! the name of an error kind fails with it, `fail KIND` fails in the request, `hang` never ends.

use std::sync::{Arc, Mutex, OnceLock};

use companion_bus::audio::Audio;
use companion_bus::health::Health;
use companion_bus::manager::{Manager, handle_token};
use companion_bus::memory::Memory;
use companion_bus::models::{Model, Models};
use companion_bus::names;
use companion_bus::profiles::{Profile, Profiles};
use companion_bus::request::{Request, RequestService};
use companion_bus::types::{Dict, MemoryItem, put};
use companion_bus::voice::Voice;
use companion_bus::{Error, Result};
use tokio::sync::watch;
use tokio::task::JoinSet;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, OwnedObjectPath};

use crate::bus::Bus;

mod manager;
mod rooms;
mod session;
mod voice;

pub(crate) use manager::{RATE, answer};
pub(crate) use rooms::{OneModel, OneProfile, more};

/// What all parts of it share.
#[derive(Default)]
pub(crate) struct Shared {
    connection: OnceLock<Connection>,
    memories: Mutex<Vec<MemoryItem>>,
    forgotten: Mutex<Vec<MemoryItem>>,
    /// Calls, as they came.
    calls: Mutex<Vec<String>>,
    count: watch::Sender<usize>,
    tasks: Mutex<JoinSet<()>>,
    turns: Mutex<u64>,
}

/// A handle on the scripted daemon; it leaves the bus when all are gone.
#[derive(Clone)]
pub(crate) struct Scripted(pub(crate) Arc<Shared>);

impl Scripted {
    /// With one model and one profile.
    pub(crate) async fn start(bus: &Bus) -> Self {
        let scripted = Self::empty(bus).await;
        scripted.serve(&names::model_path("tiny-llm"), Model(OneModel)).await;
        scripted.serve(&names::profile_path("default"), Profile(OneProfile)).await;
        scripted
    }

    /// Without models and profiles.
    pub(crate) async fn empty(bus: &Bus) -> Self {
        let connection = bus.connect().await;
        let scripted = Self(Arc::default());
        scripted.0.connection.set(connection.clone()).unwrap();
        connection.object_server().at(names::ROOT, zbus::fdo::ObjectManager).await.unwrap();
        scripted.serve(names::ROOT, Manager(scripted.clone())).await;
        scripted.serve(names::MEMORY, Memory(scripted.clone())).await;
        scripted.serve(names::MODELS, Models(scripted.clone())).await;
        scripted.serve(names::PROFILES, Profiles(scripted.clone())).await;
        scripted.serve(names::VOICE, Voice(scripted.clone())).await;
        scripted.serve(names::AUDIO, Audio(scripted.clone())).await;
        scripted.serve(names::HEALTH, Health(scripted.clone())).await;
        connection.request_name(names::BUS_NAME).await.unwrap();
        scripted
    }

    pub(crate) fn connection(&self) -> &Connection {
        self.0.connection.get().unwrap()
    }

    async fn serve<I: zbus::object_server::Interface>(&self, path: &str, interface: I) {
        self.connection().object_server().at(path, interface).await.unwrap();
    }

    /// Gives the name back and breaks the connection: the daemon is gone.
    pub(crate) async fn vanish(&self) {
        self.0.tasks.lock().unwrap().abort_all();
        self.connection().clone().close().await.unwrap();
    }

    /// Writes down a call.
    pub(crate) fn called(&self, call: impl Into<String>) {
        let mut calls = self.0.calls.lock().unwrap();
        calls.push(call.into());
        self.0.count.send_replace(calls.len());
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.0.calls.lock().unwrap().clone()
    }

    /// Waits until this call has come.
    pub(crate) async fn saw(&self, call: &str) {
        let mut count = self.0.count.subscribe();
        let wait = async {
            while !self.calls().iter().any(|c| c == call) {
                count.changed().await.unwrap();
            }
        };
        let limit = std::time::Duration::from_secs(30);
        let came = tokio::time::timeout(limit, wait).await;
        assert!(came.is_ok(), "{call} was not called: {:?}", self.calls());
    }

    pub(crate) fn next_turn(&self) -> u64 {
        let mut turns = self.0.turns.lock().unwrap();
        *turns += 1;
        *turns
    }

    pub(crate) fn turn_number(&self) -> u64 {
        *self.0.turns.lock().unwrap()
    }

    /// Makes a request and ends it at once: the caller listens already. `None` never ends.
    async fn request(
        &self,
        sender: &str,
        options: &Dict,
        end: Option<Result<Dict>>,
    ) -> Result<OwnedObjectPath> {
        let token = handle_token(options)?.unwrap_or_else(|| format!("s{}", self.calls().len()));
        let path = names::request_path(sender, &token);
        self.serve(&path, Request(Handle(self.clone()))).await;
        let emitter = SignalEmitter::new(self.connection(), path.as_str())?;
        let emitter = emitter.set_destination(sender.to_owned().try_into()?);
        match end {
            None => {}
            Some(Ok(result)) => Request::<Handle>::response(&emitter, 0, result).await?,
            Some(Err(error)) => {
                let mut result = Dict::new();
                put(&mut result, "message", error.parts().1);
                Request::<Handle>::response(&emitter, error.code(), result).await?;
            }
        }
        OwnedObjectPath::try_from(path).map_err(|e| Error::Internal(e.to_string()))
    }
}

/// One request.
struct Handle(Scripted);

impl RequestService for Handle {
    async fn close(&self) -> Result<()> {
        self.0.called("request close");
        std::future::ready(Ok(())).await
    }

    fn progress(&self) -> f64 {
        -1.0
    }

    fn finished(&self) -> (bool, u32, Dict) {
        (false, 0, Dict::new())
    }
}

/// Fails with the kind whose name this text is.
fn steer(text: &str) -> Result<()> {
    match kind(text) {
        Some(kind) => Err(Error::of_kind(kind, format!("scripted {kind}"))),
        None => Ok(()),
    }
}

/// The kind of this name.
pub(crate) fn kind(text: &str) -> Option<&'static str> {
    (1..=10).map(|code| Error::of_code(code, String::new()).parts().0).find(|kind| *kind == text)
}
