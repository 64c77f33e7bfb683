//! `org.companiond.Session1` at `/org/companiond/session/N`: one client's view of the conversation.

use std::collections::HashMap;
use std::future::Future;
use std::os::fd::OwnedFd;

use zbus::object_server::SignalEmitter;
use zbus::{fdo, interface};

use crate::Result;
use crate::types::Dict;

/// What a session offers.
pub trait SessionService: Send + Sync + 'static {
    /// See [`Session::close`].
    fn close(&self) -> impl Future<Output = Result<()>> + Send;
    /// See [`Session::interrupt`].
    fn interrupt(&self) -> impl Future<Output = Result<String>> + Send;
    /// See [`Session::send_text`].
    fn send_text(&self, text: String, options: Dict) -> impl Future<Output = Result<u64>> + Send;
    /// See [`Session::open_audio_in`].
    fn open_audio_in(&self, options: Dict) -> impl Future<Output = Result<(OwnedFd, Dict)>> + Send;
    /// See [`Session::open_audio_out`].
    fn open_audio_out(&self, options: Dict)
    -> impl Future<Output = Result<(OwnedFd, Dict)>> + Send;
    /// See [`Session::open_events`].
    fn open_events(
        &self,
        kinds: Vec<String>,
        options: Dict,
    ) -> impl Future<Output = Result<OwnedFd>> + Send;
    /// See [`Session::state`].
    fn state(&self) -> String;
    /// See [`Session::turn`].
    fn turn(&self) -> u64;
    /// See [`Session::language`].
    fn language(&self) -> String;
    /// See [`Session::last_latency`].
    fn last_latency(&self) -> HashMap<String, f64>;
}

/// The interface over a service.
#[derive(Debug)]
pub struct Session<S>(pub S);

#[interface(name = "org.companiond.Session1", proxy(default_service = "org.companiond"))]
impl<S: SessionService> Session<S> {
    /// Ends the session; its descriptors close and the microphone goes back to its node.
    async fn close(&self, options: Dict) -> Result<()> {
        let _ = options;
        self.0.close().await
    }

    /// Ends what is being said; gives what of it was heard.
    #[zbus(out_args("heard_text"))]
    async fn interrupt(&self, reason: String, options: Dict) -> Result<String> {
        let _ = (reason, options);
        self.0.interrupt().await
    }

    /// Says something to the companion in writing; the answer comes as events. Options: `aloud` (b,
    /// default true). Gives the turn.
    #[zbus(out_args("turn"))]
    async fn send_text(&self, text: String, options: Dict) -> Result<u64> {
        self.0.send_text(text, options).await
    }

    /// Takes the microphone: a socket into which the client writes S16LE, 16 kHz, mono. Closing it is the
    /// end of the recording and gives the microphone back. Only for `audio=fd`.
    #[zbus(out_args("socket", "format"))]
    async fn open_audio_in(&self, options: Dict) -> Result<(zbus::OwnedFd, Dict)> {
        self.0.open_audio_in(options).await.map(|(fd, format)| (fd.into(), format))
    }

    /// Takes the speaker: a socket from which the client reads what is played, S16LE mono at the rate in
    /// `format`, in real time. Only for `audio=fd`.
    #[zbus(out_args("socket", "format"))]
    async fn open_audio_out(&self, options: Dict) -> Result<(zbus::OwnedFd, Dict)> {
        self.0.open_audio_out(options).await.map(|(fd, format)| (fd.into(), format))
    }

    /// A stream of what happens: records of a u32 length (little endian) and a JSON object of so many
    /// bytes with a `kind`. Kinds: `state`, `partial`, `transcript`, `token`, `clause`, `emotion`,
    /// `word_time`, `viseme`, `level`, `turn`; an empty list is all of them.
    #[zbus(out_args("stream"))]
    async fn open_events(&self, kinds: Vec<String>, options: Dict) -> Result<zbus::OwnedFd> {
        self.0.open_events(kinds, options).await.map(Into::into)
    }

    /// State of the conversation, as `Manager1.State`.
    #[zbus(property)]
    fn state(&self) -> fdo::Result<String> {
        Ok(self.0.state())
    }

    /// The turn that is under way or was the last, 0 before the first.
    #[zbus(property)]
    fn turn(&self) -> fdo::Result<u64> {
        Ok(self.0.turn())
    }

    /// Language of the last utterance: `zh` or `en`.
    #[zbus(property)]
    fn language(&self) -> fdo::Result<String> {
        Ok(self.0.language())
    }

    /// The waterfall of the last turn, in milliseconds.
    #[zbus(property)]
    fn last_latency(&self) -> fdo::Result<HashMap<String, f64>> {
        Ok(self.0.last_latency())
    }

    /// A turn began.
    #[zbus(signal)]
    pub async fn turn_started(emitter: &SignalEmitter<'_>, turn: u64) -> zbus::Result<()>;

    /// What was heard; `more` holds `language`, `emotion`, `event`, `confidence`.
    #[zbus(signal)]
    pub async fn transcript(
        emitter: &SignalEmitter<'_>,
        turn: u64,
        text: &str,
        is_final: bool,
        more: Dict,
    ) -> zbus::Result<()>;

    /// A sentence is going to be spoken.
    #[zbus(signal)]
    pub async fn sentence(
        emitter: &SignalEmitter<'_>,
        turn: u64,
        number: u32,
        text: &str,
        emotion: &str,
    ) -> zbus::Result<()>;

    /// A turn is over; the report is that of `Ask`.
    #[zbus(signal)]
    pub async fn turn_ended(
        emitter: &SignalEmitter<'_>,
        turn: u64,
        outcome: &str,
        report: Dict,
    ) -> zbus::Result<()>;
}
