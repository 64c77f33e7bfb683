//! What can go wrong with a server. Every text says which server, what happened and what to do; none holds
//! the key, and what a server writes is shortened and without control characters.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use companion_types::{ErrorKind, Kind};

use crate::settings::RemoteSettings;

/// What a call waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The connection, with its TLS handshake.
    Connect,
    /// The first token.
    FirstToken,
    /// The next token.
    NextToken,
    /// The end of the whole call.
    Total,
}

impl Phase {
    /// The setting that bounds it.
    #[must_use]
    pub fn setting(self) -> &'static str {
        match self {
            Self::Connect => "connect_ms",
            Self::FirstToken => "first_token_ms",
            Self::NextToken => "idle_ms",
            Self::Total => "total_ms",
        }
    }

    /// Its bound in `settings`.
    pub(crate) fn bound(self, settings: &RemoteSettings) -> Duration {
        Duration::from_millis(match self {
            Self::Connect => settings.connect_ms,
            Self::FirstToken => settings.first_token_ms,
            Self::NextToken => settings.idle_ms,
            Self::Total => settings.total_ms,
        })
    }
}

/// A call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// A setting cannot be.
    #[error("remote.{key} {problem}")]
    Setting {
        /// Which.
        key: &'static str,
        /// What is wrong and what is allowed.
        problem: &'static str,
    },
    /// The key's file cannot be read.
    #[error("remote key {}: {source}", path.display())]
    KeyFile {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A credential is named, but systemd handed none over.
    #[error(
        "remote key: the service has no credentials; add LoadCredential={name}:/path/of/key to its unit"
    )]
    NoCredentials {
        /// The credential's name.
        name: String,
    },
    /// What lies there is no key.
    #[error("remote key: {problem}")]
    Key {
        /// Why.
        problem: &'static str,
    },
    /// The key would travel readable.
    #[error(
        "{server}: the key is not sent over plain http; write https:// in remote.base_url, or set remote.allow_plain_http_key = true"
    )]
    PlainKey {
        /// Which server.
        server: String,
    },
    /// The server's name has no address.
    #[error("{server}: no address is known for this name; check remote.base_url and the network")]
    UnknownHost {
        /// Which server.
        server: String,
    },
    /// Nobody takes the connection.
    #[error("{server}: cannot connect: {source}; is the server running?")]
    Connect {
        /// Which server.
        server: String,
        /// Why.
        source: io::Error,
    },
    /// The TLS handshake failed.
    #[error("{server}: no secure connection: {message}")]
    Tls {
        /// Which server.
        server: String,
        /// Why.
        message: String,
    },
    /// A bound of time was reached.
    #[error("{server}: no answer within remote.{} = {}", phase.setting(), after.as_millis())]
    TimedOut {
        /// Which server.
        server: String,
        /// What was waited for.
        phase: Phase,
        /// The bound.
        after: Duration,
    },
    /// 401: the key is missing or wrong.
    #[error(
        "{server}: the key is missing or not known there (401): {message}; check remote.key_file"
    )]
    Unauthorized {
        /// Which server.
        server: String,
        /// What it says.
        message: String,
    },
    /// 403: the key does not allow this.
    #[error("{server}: the key does not allow this (403): {message}")]
    Forbidden {
        /// Which server.
        server: String,
        /// What it says.
        message: String,
    },
    /// 404: no such path or model.
    #[error(
        "{server}: not found (404): {message}; check remote.base_url and remote.model = {model:?}"
    )]
    NotFound {
        /// Which server.
        server: String,
        /// The model that was asked for.
        model: String,
        /// What it says.
        message: String,
    },
    /// 429: too many requests, or the account is empty.
    #[error("{server}: too many requests or no credit (429): {message}; {}", later(*retry_after))]
    TooMany {
        /// Which server.
        server: String,
        /// What it says.
        message: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// Another 4xx: the request does not please.
    #[error("{server}: refused the request ({status}): {message}")]
    Refused {
        /// Which server.
        server: String,
        /// The status.
        status: u16,
        /// What it says.
        message: String,
    },
    /// 5xx: the server is ill.
    #[error("{server}: failed ({status}): {message}")]
    ServerFault {
        /// Which server.
        server: String,
        /// The status.
        status: u16,
        /// What it says.
        message: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// A redirect that is not followed.
    #[error(
        "{server}: sends on to {target} ({status}), which is not followed; if that is right, write it in remote.base_url"
    )]
    Redirected {
        /// Which server.
        server: String,
        /// The status.
        status: u16,
        /// Scheme, host and port that it names.
        target: String,
    },
    /// An error in the midst of the answer.
    #[error("{server}: broke off its answer: {message}")]
    InStream {
        /// Which server.
        server: String,
        /// What it says.
        message: String,
    },
    /// The answer is not one of a chat.
    #[error("{server}: answered with what is no chat completion: {problem}; check remote.base_url")]
    Malformed {
        /// Which server.
        server: String,
        /// What is wrong and where.
        problem: String,
    },
    /// The connection ended before the answer.
    #[error("{server}: the connection was cut after {received} bytes of text")]
    Cut {
        /// Which server.
        server: String,
        /// Bytes of text that had come.
        received: usize,
    },
    /// The answer passes a bound.
    #[error("{server}: the answer is too large: {problem}")]
    TooLarge {
        /// Which server.
        server: String,
        /// Which bound.
        problem: String,
    },
    /// What came is no HTTP.
    #[error("{server}: does not speak HTTP/1.1: {message}; check host and port in remote.base_url")]
    Protocol {
        /// Which server.
        server: String,
        /// What is wrong.
        message: String,
    },
}

fn later(after: Option<Duration>) -> String {
    match after {
        Some(after) => format!("it asks to wait {} s", after.as_secs()),
        None => "try later".to_owned(),
    }
}

impl RemoteError {
    /// Whether the server was ill or out of reach, so that a circuit breaker counts it; otherwise it is the
    /// request, the key or a setting that is wrong.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::UnknownHost { .. }
                | Self::Connect { .. }
                | Self::Tls { .. }
                | Self::TimedOut { .. }
                | Self::TooMany { .. }
                | Self::ServerFault { .. }
                | Self::InStream { .. }
                | Self::Cut { .. }
        )
    }

    /// Whether a second trial may go better, if nothing of the answer was passed on yet.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. }
                | Self::TooMany { .. }
                | Self::ServerFault { .. }
                | Self::Cut { .. }
        ) || matches!(self, Self::TimedOut { phase: Phase::Connect, .. })
    }

    /// How long the server asks to wait before the next trial.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooMany { retry_after, .. } | Self::ServerFault { retry_after, .. } => {
                *retry_after
            }
            _ => None,
        }
    }
}

impl Kind for RemoteError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Setting { .. } | Self::Key { .. } | Self::Refused { .. } => {
                ErrorKind::InvalidArgument
            }
            Self::KeyFile { .. } | Self::NoCredentials { .. } | Self::NotFound { .. } => {
                ErrorKind::NotFound
            }
            Self::PlainKey { .. } | Self::Unauthorized { .. } | Self::Forbidden { .. } => {
                ErrorKind::PermissionDenied
            }
            Self::TooMany { .. } => ErrorKind::Busy,
            Self::TimedOut { .. } => ErrorKind::DeadlineExceeded,
            Self::Malformed { .. } | Self::TooLarge { .. } | Self::Protocol { .. } => {
                ErrorKind::Corrupt
            }
            Self::UnknownHost { .. }
            | Self::Connect { .. }
            | Self::Tls { .. }
            | Self::ServerFault { .. }
            | Self::Redirected { .. }
            | Self::InStream { .. }
            | Self::Cut { .. } => ErrorKind::Unavailable,
        }
    }
}
