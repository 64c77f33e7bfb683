//! Long work as objects: started here, ended by the work, its caller or its caller's leaving.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use companion_bus::manager::handle_token;
use companion_bus::names::request_path;
use companion_bus::request::{Request, RequestService};
use companion_bus::types::put;
use companion_bus::{Dict, Error, Result};
use companion_types::Cancel;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, ObjectPath, OwnedObjectPath};

use super::convert;
use super::desk::Desk;
use crate::error::DaemonError;

/// A finished request stays this long.
pub(super) const STAYS: Duration = Duration::from_secs(60);
/// Requests of one caller at a time.
const MOST: usize = 32;

type OnCancel = Box<dyn Fn() + Send + Sync>;

/// One request, as the work and the bus see it.
#[derive(Clone)]
pub(super) struct Handle(Arc<State>);

struct State {
    path: OwnedObjectPath,
    sender: String,
    cancel: Cancel,
    /// Whether its work goes on when the caller leaves.
    outlives: AtomicBool,
    on_cancel: Mutex<Option<OnCancel>>,
    progress: AtomicU64,
    finished: Mutex<Option<(u32, Dict)>>,
}

/// All requests.
#[derive(Default)]
pub(super) struct Requests {
    open: Mutex<HashMap<String, Handle>>,
    next: AtomicU64,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn copy(dict: &Dict) -> Dict {
    dict.iter().filter_map(|(k, v)| Some((k.clone(), v.try_clone().ok()?))).collect()
}

impl Handle {
    /// The flag that is set when the caller wants no answer any more.
    pub(super) fn cancel(&self) -> &Cancel {
        &self.0.cancel
    }

    /// Called when the caller wants no answer any more; at once when that is so already.
    pub(super) fn on_cancel(&self, call: impl Fn() + Send + Sync + 'static) {
        if self.0.cancel.is_cancelled() {
            call();
        }
        *locked(&self.0.on_cancel) = Some(Box::new(call));
    }

    /// The work goes on when the caller leaves the bus.
    pub(super) fn outlives_its_caller(&self) {
        self.0.outlives.store(true, Ordering::Release);
    }

    fn close(&self) {
        self.0.cancel.cancel();
        if let Some(call) = locked(&self.0.on_cancel).as_ref() {
            call();
        }
    }

    async fn tell_progress(&self, connection: &Connection, value: f64) {
        self.0.progress.store(value.to_bits(), Ordering::Release);
        let server = connection.object_server();
        if let Ok(iface) = server.interface::<_, Request<Self>>(&self.0.path).await {
            let _ = iface.get().await.progress_changed(iface.signal_emitter()).await;
        }
    }

    async fn respond(&self, connection: &Connection, code: u32, result: Dict) {
        *locked(&self.0.finished) = Some((code, copy(&result)));
        let Ok(emitter) = SignalEmitter::new(connection, self.0.path.as_ref()) else { return };
        let to = zbus::names::BusName::try_from(self.0.sender.clone());
        let emitter = match to {
            Ok(name) => emitter.set_destination(name),
            Err(_) => emitter,
        };
        if let Err(error) = Request::<Self>::response(&emitter, code, result).await {
            tracing::debug!(%error, "a response was not sent");
        }
    }
}

impl RequestService for Handle {
    async fn close(&self) -> Result<()> {
        Self::close(self);
        Ok(())
    }

    fn progress(&self) -> f64 {
        f64::from_bits(self.0.progress.load(Ordering::Acquire))
    }

    fn finished(&self) -> (bool, u32, Dict) {
        match locked(&self.0.finished).as_ref() {
            Some((code, result)) => (true, *code, copy(result)),
            None => (false, 0, Dict::new()),
        }
    }
}

impl Requests {
    /// The caller left the bus: what it wanted is cancelled.
    pub(super) fn gone(&self, sender: &str) {
        let theirs: Vec<Handle> =
            locked(&self.open).values().filter(|h| h.0.sender == sender).cloned().collect();
        for handle in theirs.iter().filter(|h| !h.0.outlives.load(Ordering::Acquire)) {
            handle.close();
        }
    }

    fn open(&self, sender: &str, options: &Dict) -> Result<Handle> {
        let token = match handle_token(options)? {
            Some(token) => token,
            None => format!("r{}", self.next.fetch_add(1, Ordering::Relaxed)),
        };
        let path = request_path(sender, &token);
        let owned = OwnedObjectPath::try_from(path.clone())
            .map_err(|e| Error::InvalidArgument(format!("handle_token: {e}")))?;
        let state = State {
            path: owned,
            sender: sender.to_owned(),
            cancel: Cancel::new(),
            outlives: AtomicBool::new(false),
            on_cancel: Mutex::new(None),
            progress: AtomicU64::new((-1.0_f64).to_bits()),
            finished: Mutex::new(None),
        };
        let handle = Handle(Arc::new(state));
        let mut open = locked(&self.open);
        let of_caller = |h: &&Handle| h.0.sender == sender && locked(&h.0.finished).is_none();
        if open.values().filter(of_caller).count() >= MOST {
            return Err(Error::Busy(format!("{MOST} of your requests are open: close some")));
        }
        if open.contains_key(&path) {
            return Err(Error::InvalidArgument(format!(
                "handle_token {token:?} is in use: take another"
            )));
        }
        open.insert(path, handle.clone());
        Ok(handle)
    }
}

/// Starts `work` and gives the path of its request.
pub(super) async fn start<F>(
    desk: &Arc<Desk>,
    sender: &str,
    options: &Dict,
    work: impl FnOnce(Handle) -> F,
) -> Result<OwnedObjectPath>
where
    F: Future<Output = std::result::Result<Dict, DaemonError>> + Send + 'static,
{
    let connection = desk.connection()?.clone();
    let handle = desk.requests.open(sender, options)?;
    let path = handle.0.path.clone();
    connection.object_server().at(&path, Request(handle.clone())).await?;
    let work = work(handle.clone());
    let desk_of_task = Arc::clone(desk);
    desk.tasks.spawn("request", async move {
        let (code, result) = match work.await {
            Ok(result) => (0, result),
            Err(error) => {
                let error = convert::error(&error);
                let mut result = Dict::new();
                put(&mut result, "message", error.parts().1.as_str());
                (error.code(), result)
            }
        };
        if code == 0 {
            handle.tell_progress(&connection, 1.0).await;
        }
        handle.respond(&connection, code, result).await;
        tokio::time::sleep(STAYS).await;
        remove(&desk_of_task, &connection, handle.0.path.as_ref()).await;
    });
    Ok(path)
}

async fn remove(desk: &Desk, connection: &Connection, path: ObjectPath<'_>) {
    locked(&desk.requests.open).remove(path.as_str());
    let _ = connection.object_server().remove::<Request<Handle>, _>(path).await;
}
