//! The tasks of the bus: named, counted, and ended together. The only place that spawns one.

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tracing::Instrument as _;

/// All tasks.
#[derive(Debug)]
pub(crate) struct Tasks {
    handle: Handle,
    // Held to add a task or to reap finished ones, never over an await.
    set: Mutex<JoinSet<()>>,
}

impl Tasks {
    /// Tasks of the runtime that is entered.
    pub(crate) fn new() -> Self {
        Self { handle: Handle::current(), set: Mutex::new(JoinSet::new()) }
    }

    /// Starts a task.
    pub(crate) fn spawn(
        &self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(ended) = set.try_join_next() {
            if let Err(error) = ended
                && error.is_panic()
            {
                tracing::error!(%error, "a task of the bus panicked");
            }
        }
        set.spawn_on(task.instrument(tracing::debug_span!("task", name)), &self.handle);
    }

    /// Ends all tasks and waits for them.
    pub(crate) async fn end(&self) {
        let mut set = std::mem::take(&mut *self.set.lock().unwrap_or_else(PoisonError::into_inner));
        set.shutdown().await;
    }
}
