//! `org.companiond.Utterance1`: a text that `Say` took, at the path of its request and at
//! `/org/companiond/utterance/<id>`.

use std::future::Future;

use zbus::object_server::SignalEmitter;
use zbus::{fdo, interface};

use crate::Result;
use crate::types::Dict;

/// What an utterance offers.
pub trait UtteranceService: Send + Sync + 'static {
    /// See [`Utterance::pause`].
    fn pause(&self) -> impl Future<Output = Result<()>> + Send;
    /// See [`Utterance::resume`].
    fn resume(&self) -> impl Future<Output = Result<()>> + Send;
    /// See [`Utterance::cancel`].
    fn cancel(&self) -> impl Future<Output = Result<()>> + Send;
    /// See [`Utterance::id`].
    fn id(&self) -> String;
    /// See [`Utterance::priority`].
    fn priority(&self) -> String;
    /// See [`Utterance::state`].
    fn state(&self) -> String;
}

/// The interface over a service.
#[derive(Debug)]
pub struct Utterance<S>(pub S);

#[interface(name = "org.companiond.Utterance1", proxy(default_service = "org.companiond"))]
impl<S: UtteranceService> Utterance<S> {
    /// Lets it stand still, at once; other texts may be said meanwhile. One that waits is passed over.
    async fn pause(&self, options: Dict) -> Result<()> {
        let _ = options;
        self.0.pause().await
    }

    /// Lets it go on, at the very next sample, before others of its priority.
    async fn resume(&self, options: Dict) -> Result<()> {
        let _ = options;
        self.0.resume().await
    }

    /// Ends it, at once.
    async fn cancel(&self, options: Dict) -> Result<()> {
        let _ = options;
        self.0.cancel().await
    }

    /// Its number, for `/org/companiond/utterance/<id>`.
    #[zbus(property(emits_changed_signal = "const"))]
    fn id(&self) -> fdo::Result<String> {
        Ok(self.0.id())
    }

    /// `important`, `message`, `text`, `notification` or `progress`.
    #[zbus(property(emits_changed_signal = "const"))]
    fn priority(&self) -> fdo::Result<String> {
        Ok(self.0.priority())
    }

    /// `waiting`, `speaking`, `paused` or `over`.
    #[zbus(property)]
    fn state(&self) -> fdo::Result<String> {
        Ok(self.0.state())
    }

    /// What happens to it, told to its caller alone at the path of the request. `what` and `detail`:
    /// `begin`; `mark` (the mark's name), when what follows the mark begins to sound; `paused`;
    /// `resumed`; `postponed`, when others cut it and it begins again later; `end`; `cancelled` (why:
    /// `cancelled`, `replaced`, `preempted`, `busy`, `interrupted`, `silenced`, `sender-gone`,
    /// `failed`). With the last two, `more` holds heard_text s.
    #[zbus(signal)]
    pub async fn event(
        emitter: &SignalEmitter<'_>,
        what: &str,
        detail: &str,
        more: Dict,
    ) -> zbus::Result<()>;
}
