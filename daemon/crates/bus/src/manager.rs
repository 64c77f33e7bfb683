//! `org.companiond.Manager1` at `/org/companiond`.

use std::future::Future;

use zbus::message::Header;
use zbus::object_server::SignalEmitter;
use zbus::{OwnedObjectPath, fdo, interface};

use crate::types::Dict;
use crate::{Error, Result};

/// What the daemon offers at the root.
pub trait ManagerService: Send + Sync + 'static {
    /// See [`Manager::open_session`].
    fn open_session(
        &self,
        sender: &str,
        options: Dict,
    ) -> impl Future<Output = Result<OwnedObjectPath>> + Send;
    /// See [`Manager::ask`].
    fn ask(
        &self,
        sender: &str,
        text: String,
        options: Dict,
    ) -> impl Future<Output = Result<OwnedObjectPath>> + Send;
    /// See [`Manager::say`].
    fn say(
        &self,
        sender: &str,
        text: String,
        options: Dict,
    ) -> impl Future<Output = Result<OwnedObjectPath>> + Send;
    /// See [`Manager::synthesize`].
    fn synthesize(
        &self,
        sender: &str,
        out: std::os::fd::OwnedFd,
        text: String,
        options: Dict,
    ) -> impl Future<Output = Result<OwnedObjectPath>> + Send;
    /// See [`Manager::transcribe`].
    fn transcribe(
        &self,
        sender: &str,
        clip: std::os::fd::OwnedFd,
        options: Dict,
    ) -> impl Future<Output = Result<OwnedObjectPath>> + Send;
    /// See [`Manager::stop_all`].
    fn stop_all(&self) -> impl Future<Output = Result<String>> + Send;
    /// See [`Manager::state`].
    fn state(&self) -> String;
    /// See [`Manager::version`].
    fn version(&self) -> String;
    /// See [`Manager::degraded`].
    fn degraded(&self) -> String;
    /// See [`Manager::mood`].
    fn mood(&self) -> (String, f64, f64);
    /// See [`Manager::active_session`].
    fn active_session(&self) -> OwnedObjectPath;
    /// See [`Manager::privacy`].
    fn privacy(&self) -> Dict;
}

/// The interface over a service.
#[derive(Debug)]
pub struct Manager<S>(pub S);

/// The unique name of the caller; empty on a connection without a bus.
pub(crate) fn sender(header: &Header<'_>) -> String {
    header.sender().map(ToString::to_string).unwrap_or_default()
}

#[interface(
    name = "org.companiond.Manager1",
    proxy(default_service = "org.companiond", default_path = "/org/companiond")
)]
impl<S: ManagerService> Manager<S> {
    /// Opens a session for a client with sound of its own. Options: `audio` (`node` | `fd`, default
    /// `node`), `app_id` (s). It ends with `Close` or when the caller leaves the bus.
    #[zbus(out_args("session"))]
    async fn open_session(
        &self,
        #[zbus(header)] header: Header<'_>,
        options: Dict,
    ) -> Result<OwnedObjectPath> {
        self.0.open_session(&sender(&header), options).await
    }

    /// Asks with written text. Options: `aloud` (b, default false), `handle_token` (s). The Request's
    /// result: turn t, transcript s, text s, heard_text s, emotion s, memories as, answered_by s,
    /// outcome s, latency_ms a{sd}, tokens a{su}.
    #[zbus(out_args("request"))]
    async fn ask(
        &self,
        #[zbus(header)] header: Header<'_>,
        text: String,
        options: Dict,
    ) -> Result<OwnedObjectPath> {
        self.0.ask(&sender(&header), text, options).await
    }

    /// Says a text through the speaker, when its priority lets it; the request's object is also the
    /// text's own, `Utterance1`. In the text, `<mark name="NAME"/>` names a place and everything else is
    /// plain. Options: `priority` (s, as in SSIP: `important`, `message` (default), `text`,
    /// `notification`, `progress`), `coalesce` (s: a newer text of the same caller and key takes this
    /// one's place), `emotion` (s), `intensity` (d, 0 calm to 1), `voice` (s), `language` (s: `zh`,
    /// `en`), `handle_token` (s). Others are refused. The result is that of `Ask`, with id s and
    /// reason s (why it was not said to its end, or empty). Of a caller that leaves the bus, `important` and
    /// `message` are said all the same.
    #[zbus(out_args("request"))]
    async fn say(
        &self,
        #[zbus(header)] header: Header<'_>,
        text: String,
        options: Dict,
    ) -> Result<OwnedObjectPath> {
        self.0.say(&sender(&header), text, options).await
    }

    /// Speaks a text into a pipe, as mono S16LE; nothing sounds here. Closing the pipe cancels. Options:
    /// `emotion` (s), `handle_token` (s). Result: rate u, samples t, words a(stt) (text, first and end
    /// sample), visemes a(std) (shape, sample, weight).
    #[zbus(out_args("request"))]
    async fn synthesize(
        &self,
        #[zbus(header)] header: Header<'_>,
        out: zbus::OwnedFd,
        text: String,
        options: Dict,
    ) -> Result<OwnedObjectPath> {
        self.0.synthesize(&sender(&header), out.into(), text, options).await
    }

    /// Recognises a clip: a WAV file's descriptor. Options: `language` (s), `handle_token` (s). Result:
    /// text s, language s, emotion s, event s, confidence d.
    #[zbus(out_args("request"))]
    async fn transcribe(
        &self,
        #[zbus(header)] header: Header<'_>,
        clip: zbus::OwnedFd,
        options: Dict,
    ) -> Result<OwnedObjectPath> {
        self.0.transcribe(&sender(&header), clip.into(), options).await
    }

    /// Ends whatever is being said; gives what of it was heard.
    #[zbus(out_args("heard_text"))]
    async fn stop_all(&self, options: Dict) -> Result<String> {
        let _ = options;
        self.0.stop_all().await
    }

    /// `booting`, `idle`, `listening`, `thinking`, `speaking`.
    #[zbus(property)]
    fn state(&self) -> fdo::Result<String> {
        Ok(self.0.state())
    }

    /// Version of the daemon.
    #[zbus(property(emits_changed_signal = "const"))]
    fn version(&self) -> fdo::Result<String> {
        Ok(self.0.version())
    }

    /// Stages that do not work, with commas between; empty when all is well.
    #[zbus(property)]
    fn degraded(&self) -> fdo::Result<String> {
        Ok(self.0.degraded())
    }

    /// Mood: its name, valence -1..1 and arousal 0..1.
    #[zbus(property(emits_changed_signal = "false"))]
    fn mood(&self) -> fdo::Result<(String, f64, f64)> {
        Ok(self.0.mood())
    }

    /// The session whose client holds the microphone; `/` for none.
    #[zbus(property)]
    fn active_session(&self) -> fdo::Result<OwnedObjectPath> {
        Ok(self.0.active_session())
    }

    /// What could leave the machine: `network` (b), `remote_models` (b), `microphone` (s: `open`,
    /// `muted`, `closed`).
    #[zbus(property(emits_changed_signal = "false"))]
    fn privacy(&self) -> fdo::Result<Dict> {
        Ok(self.0.privacy())
    }

    /// Something needs a person: id, severity (0 note, 1 warning, 2 error), text, more.
    #[zbus(signal)]
    pub async fn alert(
        emitter: &SignalEmitter<'_>,
        id: &str,
        severity: u32,
        text: &str,
        more: Dict,
    ) -> zbus::Result<()>;
}

/// Checks the `handle_token` option: at most 64 letters, digits and `_`.
///
/// # Errors
/// When it holds something else.
pub fn handle_token(options: &Dict) -> Result<Option<String>> {
    let Some(token) = crate::types::get::<String>(options, "handle_token") else { return Ok(None) };
    let fits = (1..=64).contains(&token.len())
        && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if fits {
        Ok(Some(token))
    } else {
        Err(Error::InvalidArgument(
            "handle_token: 1 to 64 letters, digits and _ are allowed".to_owned(),
        ))
    }
}
