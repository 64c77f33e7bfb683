//! `org.companiond.Request1`: one piece of long work, at `/org/companiond/request/<sender>/<token>`.

use std::future::Future;

use zbus::object_server::SignalEmitter;
use zbus::{fdo, interface};

use crate::Result;
use crate::types::Dict;

/// What a request offers.
pub trait RequestService: Send + Sync + 'static {
    /// See [`Request::close`].
    fn close(&self) -> impl Future<Output = Result<()>> + Send;
    /// See [`Request::progress`].
    fn progress(&self) -> f64;
    /// See [`Request::finished`].
    fn finished(&self) -> (bool, u32, Dict);
}

/// The interface over a service.
#[derive(Debug)]
pub struct Request<S>(pub S);

#[interface(name = "org.companiond.Request1", proxy(default_service = "org.companiond"))]
impl<S: RequestService> Request<S> {
    /// Cancels the work; `Response` still comes, with the code of `Cancelled`.
    async fn close(&self) -> Result<()> {
        self.0.close().await
    }

    /// 0..1; -1 where it is not known.
    #[zbus(property)]
    fn progress(&self) -> fdo::Result<f64> {
        Ok(self.0.progress())
    }

    /// Whether it is over, with the code and the result that `Response` gave. A finished request stays
    /// for a minute, for callers who came too late for the signal.
    #[zbus(property(emits_changed_signal = "false"))]
    fn finished(&self) -> fdo::Result<(bool, u32, Dict)> {
        Ok(self.0.finished())
    }

    /// The end: code 0 with the result, or the code of an error kind with `message` (s).
    #[zbus(signal)]
    pub async fn response(emitter: &SignalEmitter<'_>, code: u32, result: Dict)
    -> zbus::Result<()>;
}
