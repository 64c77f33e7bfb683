//! `org.companiond.Health1` at `/org/companiond/health`.

use std::collections::HashMap;
use std::future::Future;

use zbus::{fdo, interface};

use crate::Result;
use crate::types::{Dict, Issue, StageHealth};

/// What health offers.
pub trait HealthService: Send + Sync + 'static {
    /// See [`Health::diagnose`].
    fn diagnose(&self) -> impl Future<Output = Result<Vec<Issue>>> + Send;
    /// See [`Health::stages`].
    fn stages(&self) -> HashMap<String, StageHealth>;
    /// See [`Health::uptime`].
    fn uptime(&self) -> u64;
}

/// The interface over a service.
#[derive(Debug)]
pub struct Health<S>(pub S);

#[interface(
    name = "org.companiond.Health1",
    proxy(default_service = "org.companiond", default_path = "/org/companiond/health")
)]
impl<S: HealthService> Health<S> {
    /// What is wrong and what to do about it: `(id, severity, issue, recommendation, command)`.
    #[zbus(out_args("issues"))]
    async fn diagnose(&self, options: Dict) -> Result<Vec<Issue>> {
        let _ = options;
        self.0.diagnose().await
    }

    /// Stages: state (`ok`, `busy`, `hung`, `gone`), restarts, microseconds since the last heartbeat.
    #[zbus(property(emits_changed_signal = "false"))]
    fn stages(&self) -> fdo::Result<HashMap<String, StageHealth>> {
        Ok(self.0.stages())
    }

    /// Seconds since the start.
    #[zbus(property(emits_changed_signal = "false"))]
    fn uptime(&self) -> fdo::Result<u64> {
        Ok(self.0.uptime())
    }
}
