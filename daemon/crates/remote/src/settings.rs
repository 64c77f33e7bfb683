//! What can be set about a server. Plain data with its checks; the daemon's `[remote]`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::watch::Bounds;
use crate::{KeySource, Phase, RemoteError};

/// Headers that the client sets itself, or that would carry a key past [`crate::Secret`].
const OWN_HEADERS: [&str; 14] = [
    "accept",
    "accept-encoding",
    "api-key",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "proxy-authorization",
    "te",
    "transfer-encoding",
    "x-api-key",
];

/// Members of a request that the client sets itself.
const OWN_MEMBERS: [&str; 4] = ["messages", "model", "stream", "stream_options"];

/// A server, and how it is asked. An empty `base_url` means: none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RemoteSettings {
    /// Address before `/chat/completions`, such as `http://127.0.0.1:8080/v1`; empty: no server.
    pub base_url: String,
    /// The model's name on the server.
    pub model: String,
    /// File with the server's key; empty: none.
    pub key_file: PathBuf,
    /// Name of a systemd credential with the key; empty: none.
    pub key_credential: String,
    /// Whether the key may travel readable, over plain http to another machine.
    pub allow_plain_http_key: bool,
    /// Looking up the name, connecting and the TLS handshake together take no longer, milliseconds.
    pub connect_ms: u64,
    /// The first token comes no later, milliseconds after the call began, all its trials together; a server
    /// that does not stream has answered wholly by then.
    pub first_token_ms: u64,
    /// Between two tokens passes no more, milliseconds.
    pub idle_ms: u64,
    /// A call with all its trials takes no longer, milliseconds.
    pub total_ms: u64,
    /// Further trials of a call that failed before its first piece.
    pub retries: u32,
    /// Pause before the second trial, milliseconds; doubled before each further one. What a server asks
    /// for (`Retry-After`) comes first.
    pub retry_pause_ms: u64,
    /// Tokens of a reply at most; 0: the server's own limit.
    pub max_tokens: u32,
    /// 0 is greedy; not set: the server's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    /// Nucleus; not set: the server's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f32>,
    /// Same seed, same reply, where a server keeps to it; not set: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Tokens of prompt and reply together that the model holds; a prompt is cut to it.
    pub context_tokens: usize,
    /// Texts that end a reply.
    pub stop: Vec<String>,
    /// Whether `<think>…</think>` and `reasoning_content` are passed on as part of the reply.
    pub keep_thoughts: bool,
    /// Whether the counts of tokens are asked for (`stream_options`); some old servers refuse the word.
    pub ask_usage: bool,
    /// An answer is no longer than this, bytes of its body.
    pub max_answer_bytes: u64,
    /// Further headers. No keys: they are shown where settings are shown.
    pub headers: BTreeMap<String, String>,
    /// Further members of the request, such as Zhipu's `thinking = { type = "disabled" }`.
    pub body: serde_json::Map<String, serde_json::Value>,
}

impl Default for RemoteSettings {
    fn default() -> Self {
        Self {
            base_url: String::new(),
            model: String::new(),
            key_file: PathBuf::new(),
            key_credential: String::new(),
            allow_plain_http_key: false,
            connect_ms: 2_500,
            first_token_ms: 8_000,
            idle_ms: 8_000,
            total_ms: 60_000,
            retries: 1,
            retry_pause_ms: 250,
            max_tokens: 512,
            temperature: None,
            top_p: None,
            seed: None,
            context_tokens: 8_192,
            stop: Vec::new(),
            keep_thoughts: false,
            ask_usage: true,
            max_answer_bytes: 4 * 1024 * 1024,
            headers: BTreeMap::new(),
            body: serde_json::Map::new(),
        }
    }
}

impl RemoteSettings {
    /// Whether a server is named at all.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        !self.base_url.is_empty()
    }

    pub(crate) fn bounds(&self) -> Bounds {
        Bounds {
            connect: Phase::Connect.bound(self),
            first_token: Phase::FirstToken.bound(self),
            next_token: Phase::NextToken.bound(self),
            total: Phase::Total.bound(self),
        }
    }

    /// Where the key lies.
    ///
    /// # Errors
    /// When two places are named, or one that cannot be. What was written is not shown: it might be the
    /// key itself.
    pub fn key_source(&self) -> Result<KeySource, RemoteError> {
        let refuse = |key, problem| Err(RemoteError::Setting { key, problem });
        let name = &self.key_credential;
        match (self.key_file.as_os_str().is_empty(), name.is_empty()) {
            (true, true) => Ok(KeySource::None),
            (false, false) => refuse("key_file", "and key_credential are both set; name one place"),
            (false, true) if self.key_file.is_absolute() => {
                Ok(KeySource::File(self.key_file.clone()))
            }
            (false, true) => refuse("key_file", "must be a whole path, beginning with /"),
            (true, false) if name.contains('/') || name.starts_with('.') => {
                refuse("key_credential", "must be the name of a credential, not a path")
            }
            (true, false) => Ok(KeySource::Credential(name.clone())),
        }
    }

    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// Names the first setting that cannot be.
    pub fn check(&self) -> Result<(), RemoteError> {
        if !self.is_configured() {
            return Ok(());
        }
        crate::endpoint::Endpoint::parse(&self.base_url)?;
        self.key_source()?;
        let header = |name: &String| {
            ureq::http::HeaderName::try_from(name.as_str()).is_ok()
                && !OWN_HEADERS.contains(&name.to_lowercase().as_str())
        };
        let value = |value: &String| ureq::http::HeaderValue::from_str(value).is_ok();
        let warmth = |t: f32| t.is_finite() && (0.0..=5.0).contains(&t);
        let rows: [(bool, &'static str, &'static str); 12] = [
            (!self.model.is_empty(), "model", "is empty; write a name that `GET /models` lists"),
            (self.connect_ms > 0, "connect_ms", "must be at least 1"),
            (self.first_token_ms > 0, "first_token_ms", "must be at least 1"),
            (self.idle_ms > 0, "idle_ms", "must be at least 1"),
            (self.total_ms > 0, "total_ms", "must be at least 1"),
            (self.retries <= 10, "retries", "must be at most 10"),
            (self.context_tokens >= 1024, "context_tokens", "must be at least 1024"),
            (self.temperature.is_none_or(warmth), "temperature", "write 0 to 5"),
            (
                self.top_p.is_none_or(|p| p.is_finite() && p > 0.0 && p <= 1.0),
                "top_p",
                "write more than 0, at most 1",
            ),
            (
                self.headers.iter().all(|(name, text)| header(name) && value(text)),
                "headers",
                "holds one that cannot be, that the client sets itself, or that carries a key: that belongs into key_file",
            ),
            (
                self.body.keys().all(|name| !OWN_MEMBERS.contains(&name.as_str())),
                "body",
                "holds a member that the client sets itself",
            ),
            (self.max_answer_bytes >= 1024, "max_answer_bytes", "must be at least 1024"),
        ];
        match rows.into_iter().find(|row| !row.0) {
            Some((_, key, problem)) => Err(RemoteError::Setting { key, problem }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> RemoteSettings {
        RemoteSettings {
            base_url: "http://127.0.0.1:8080/v1".to_owned(),
            model: "m".to_owned(),
            ..RemoteSettings::default()
        }
    }

    #[test]
    fn nothing_is_configured_until_an_address_is_written() {
        assert!(!RemoteSettings::default().is_configured());
        RemoteSettings::default().check().unwrap();
        settings().check().unwrap();
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let with = |change: &dyn Fn(&mut RemoteSettings)| {
            let mut changed = settings();
            change(&mut changed);
            changed.check().unwrap_err().to_string()
        };
        let header = |s: &mut RemoteSettings, name: &str, value: &str| {
            s.headers.insert(name.to_owned(), value.to_owned());
        };
        for (error, key) in [
            (with(&|s| s.model.clear()), "model"),
            (with(&|s| s.total_ms = 0), "total_ms"),
            (with(&|s| s.top_p = Some(0.0)), "top_p"),
            (with(&|s| s.temperature = Some(f32::NAN)), "temperature"),
            (with(&|s| header(s, "Authorization", "Bearer sk-word")), "headers"),
            (with(&|s| header(s, "x-a", "sk-word\r\nb: c")), "headers"),
            (with(&|s| drop(s.body.insert("stream".into(), true.into()))), "body"),
            (with(&|s| s.key_file = "sk-word".into()), "key_file"),
            (with(&|s| s.key_credential = "../sk-word".into()), "key_credential"),
        ] {
            assert!(error.contains(key) && !error.contains("sk-word"), "{key}: {error}");
        }
    }

    #[test]
    fn a_key_lies_in_one_place() {
        let mut s = settings();
        assert_eq!(s.key_source().unwrap(), KeySource::None);
        s.key_credential = "remote-key".to_owned();
        assert_eq!(s.key_source().unwrap(), KeySource::Credential("remote-key".to_owned()));
        s.key_file = "/etc/key".into();
        assert!(s.key_source().is_err());
        s.key_credential.clear();
        assert_eq!(s.key_source().unwrap(), KeySource::File("/etc/key".into()));
    }
}
