//! What all services share.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use companion_bus::{Error, Result};
use companion_turn::TurnInput;
use companion_types::{Language, TurnReport};
use tokio::sync::oneshot;
use zbus::Connection;

use super::requests::Requests;
use super::sessions::Sessions;
use crate::app::App;
use crate::devices::Devices;
use crate::error::DaemonError;
use crate::tasks::Tasks;
use crate::turn::{AskId, AskedBy};

/// How the conversation is, as the properties show it.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) state: &'static str,
    pub(super) turn: u64,
    pub(super) language: Language,
    pub(super) latency: HashMap<String, f64>,
    pub(super) mood: (String, f64, f64),
    pub(super) degraded: String,
}

/// Everything a service needs.
pub(crate) struct Desk {
    pub(super) app: Arc<App>,
    pub(super) devices: Devices,
    pub(super) tasks: Tasks,
    pub(super) requests: Requests,
    pub(super) sessions: Sessions,
    // Written by the task that reads the conversation's events, read by properties.
    live: Mutex<Live>,
    connection: OnceLock<Connection>,
}

/// One service for all interfaces that exist once.
#[derive(Clone)]
pub(crate) struct Service(pub(super) Arc<Desk>);

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Service")
    }
}

impl Desk {
    pub(super) fn new(app: Arc<App>, devices: Devices) -> Self {
        let live = Live {
            state: "idle",
            turn: 0,
            language: app.persona().language,
            latency: HashMap::new(),
            mood: ("calm".to_owned(), 0.0, 0.0),
            degraded: String::new(),
        };
        Self {
            app,
            devices,
            tasks: Tasks::new(),
            requests: Requests::default(),
            sessions: Sessions::default(),
            live: Mutex::new(live),
            connection: OnceLock::new(),
        }
    }

    pub(super) fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn connected(&self, connection: Connection) {
        let _ = self.connection.set(connection);
    }

    pub(super) fn connection(&self) -> Result<&Connection> {
        let starting = || Error::Unavailable("companiond is still starting".to_owned());
        self.connection.get().ok_or_else(starting)
    }

    /// Whether something takes the sound of a reply.
    pub(super) fn speaker(&self) -> Result<()> {
        if self.devices.has_speaker() {
            return Ok(());
        }
        Err(Error::Unavailable(format!(
            "there is no loudspeaker: {}",
            self.devices.status().detail
        )))
    }

    /// Begins a turn; gives how to withdraw it and its end.
    pub(super) fn ask(
        &self,
        input: TurnInput,
        began: Box<dyn Fn(u64) + Send>,
    ) -> (AskId, impl Future<Output = std::result::Result<TurnReport, DaemonError>> + use<>) {
        let (end, wait) = oneshot::channel();
        let asked_by = AskedBy {
            began: Box::new(move |turn| began(turn.0)),
            ended: Box::new(move |answer| drop(end.send(answer))),
        };
        let id = self.app.conversation().begin(input, asked_by);
        (id, async move { wait.await.unwrap_or(Err(DaemonError::StageGone("turn"))) })
    }
}
