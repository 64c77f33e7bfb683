//! One exchange over HTTP: sends a request with the key, follows what may be followed, and gives the body of
//! a good answer or an error that says what to do. Never shows the key.

use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::time::Duration;

use ureq::http::{HeaderMap, HeaderValue, Request, Response, header};
use ureq::unversioned::transport::{Connector, RustlsConnector};
use ureq::{Agent, Body, BodyReader};

use crate::endpoint::Endpoint;
use crate::transport::{Connected, NameResolver, WatchedConnector};
use crate::watch::{Stop, Watch};
use crate::{Phase, RemoteError, RemoteSettings, Secret, wire};

/// Redirects that are followed, all of them on the same server.
const REDIRECTS: usize = 3;
/// So much of a refusal is read, bytes, and so much of it is shown, characters.
const REFUSAL_BYTES: u64 = 16 * 1024;
const REFUSAL_CHARS: usize = 300;
/// The head of an answer is no longer, bytes.
const HEAD_BYTES: usize = 32 * 1024;

/// Why an exchange gave no answer.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The flag was set.
    Cancelled,
    /// Something is wrong.
    Failed(RemoteError),
}

/// The body of a good answer, and what it says it is.
pub(crate) struct Reply {
    pub(crate) is_event_stream: bool,
    pub(crate) body: BodyReader<'static>,
}

/// The way to one server.
#[derive(Debug)]
pub(crate) struct Exchange {
    agent: Agent,
    watch: Arc<Watch>,
    endpoint: Endpoint,
    key: Option<Secret>,
    settings: RemoteSettings,
}

impl Exchange {
    /// Prepares a way; nothing is sent.
    ///
    /// # Errors
    /// When a setting cannot be, or the key would travel readable.
    pub(crate) fn new(settings: RemoteSettings, key: Option<Secret>) -> Result<Self, RemoteError> {
        settings.check()?;
        let endpoint = Endpoint::parse(&settings.base_url)?;
        if key.is_some() && endpoint.can_be_overheard() && !settings.allow_plain_http_key {
            return Err(RemoteError::PlainKey { server: endpoint.name() });
        }
        let connect = Phase::Connect.bound(&settings);
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_resolve(Some(connect))
            .max_response_header_size(HEAD_BYTES)
            .user_agent(concat!("companiond/", env!("CARGO_PKG_VERSION")))
            .build();
        let watch = Arc::new(Watch::new(settings.bounds()));
        let connector = WatchedConnector { watch: Arc::clone(&watch) }
            .chain(RustlsConnector::default())
            .chain(Connected { watch: Arc::clone(&watch) });
        let agent = Agent::with_parts(config, connector, NameResolver::default());
        Ok(Self { agent, watch, endpoint, key, settings })
    }

    /// What is set.
    pub(crate) fn settings(&self) -> &RemoteSettings {
        &self.settings
    }

    /// Host and port, for errors.
    pub(crate) fn server(&self) -> String {
        self.endpoint.name()
    }

    /// Where the call's waits are watched.
    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Looks whether the call goes on.
    pub(crate) fn alive(&self) -> Result<(), Halt> {
        self.watch.slice().map(|_| ()).map_err(|stop| self.stopped(stop))
    }

    /// Sends `document` to `path`, or asks for `path` when there is none.
    pub(crate) fn send(&self, path: &str, document: Option<&[u8]>) -> Result<Reply, Halt> {
        let mut url = self.endpoint.at(path);
        for _ in 0..=REDIRECTS {
            self.watch.enter(Phase::FirstToken);
            self.alive()?;
            let (head, body) = self.exchange(&url, document)?.into_parts();
            let status = head.status.as_u16();
            match status {
                200..=299 => {
                    let kind = head.headers.get(header::CONTENT_TYPE);
                    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
                    let is_event_stream =
                        kind.trim_start().to_ascii_lowercase().starts_with("text/event-stream");
                    return Ok(Reply { is_event_stream, body: body.into_reader() });
                }
                300..=399 => url = self.redirected(status, &head.headers, document.is_some())?,
                _ => return Err(self.refused(status, &head.headers, body)),
            }
        }
        let target = "itself, again and again".to_owned();
        Err(Halt::Failed(RemoteError::Redirected { server: self.server(), status: 310, target }))
    }

    fn exchange(&self, url: &str, document: Option<&[u8]>) -> Result<Response<Body>, Halt> {
        let mut request = Request::builder()
            .uri(url)
            .header(header::ACCEPT, "text/event-stream, application/json");
        for (name, value) in &self.settings.headers {
            request = request.header(name, value);
        }
        if let Some(key) = &self.key {
            let bearer = HeaderValue::from_str(&format!("Bearer {}", key.expose()));
            let mut bearer = bearer.map_err(|e| self.failed(ureq::Error::Http(e.into())))?;
            bearer.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, bearer);
        }
        let answered = match document {
            Some(document) => request
                .method("POST")
                .header(header::CONTENT_TYPE, "application/json")
                .body(document)
                .map_err(ureq::Error::Http)
                .and_then(|request| self.agent.run(request)),
            None => request
                .body(())
                .map_err(ureq::Error::Http)
                .and_then(|request| self.agent.run(request)),
        };
        answered.map_err(|error| self.failed(error))
    }

    /// The next address of a redirect. A request with a document is sent on only where the status says that
    /// it stays the same request (307, 308).
    fn redirected(&self, status: u16, headers: &HeaderMap, sends: bool) -> Result<String, Halt> {
        let location = headers.get(header::LOCATION).and_then(|l| l.to_str().ok());
        let next = self.endpoint.redirected(location.unwrap_or_default());
        let may = matches!(status, 307 | 308) || (!sends && matches!(status, 301..=303));
        let target = match next {
            Ok(url) if may => return Ok(url),
            Ok(_) => "another path of its own".to_owned(),
            Err(target) => target,
        };
        Err(Halt::Failed(RemoteError::Redirected { server: self.server(), status, target }))
    }

    fn refused(&self, status: u16, headers: &HeaderMap, body: Body) -> Halt {
        let mut text = Vec::new();
        let read = body.into_reader().take(REFUSAL_BYTES).read_to_end(&mut text);
        if let (Err(_), Some(stop)) = (read, self.watch.stop()) {
            return self.stopped(stop);
        }
        let (server, message) = (self.server(), self.quoted(&wire::refusal(&text)));
        let retry_after = retry_after(headers);
        Halt::Failed(match status {
            401 => RemoteError::Unauthorized { server, message },
            403 => RemoteError::Forbidden { server, message },
            404 => {
                let model = self.settings.model.clone();
                RemoteError::NotFound { server, model, message }
            }
            429 => RemoteError::TooMany { server, message, retry_after },
            500.. => RemoteError::ServerFault { server, status, message, retry_after },
            _ => RemoteError::Refused { server, status, message },
        })
    }

    /// What a server says, as it may stand in an error: short, on one line, without the key.
    pub(crate) fn quoted(&self, text: &str) -> String {
        let text = match &self.key {
            Some(key) => key.taken_out_of(text),
            None => text.to_owned(),
        };
        let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let words: Vec<&str> = plain.split_whitespace().collect();
        let line = words.join(" ");
        match line.char_indices().nth(REFUSAL_CHARS) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None if line.is_empty() => "no reason is given".to_owned(),
            None => line,
        }
    }

    /// The call was given up from this side.
    pub(crate) fn stopped(&self, stop: Stop) -> Halt {
        match stop {
            Stop::Cancelled => Halt::Cancelled,
            Stop::TimedOut(phase) => self.timed_out(phase),
        }
    }

    fn timed_out(&self, phase: Phase) -> Halt {
        let after = phase.bound(&self.settings);
        Halt::Failed(RemoteError::TimedOut { server: self.server(), phase, after })
    }

    /// The body broke off after `received` bytes of text.
    pub(crate) fn broke(&self, error: io::Error, received: usize) -> Halt {
        match self.failed(ureq::Error::from(error)) {
            Halt::Failed(
                RemoteError::Cut { server, .. } | RemoteError::Protocol { server, .. },
            ) => Halt::Failed(RemoteError::Cut { server, received }),
            halt => halt,
        }
    }

    fn failed(&self, error: ureq::Error) -> Halt {
        if let Some(stop) = self.watch.stop() {
            return self.stopped(stop);
        }
        let server = self.server();
        let connecting = self.watch.phase() == Phase::Connect;
        Halt::Failed(match error {
            ureq::Error::Timeout(_) => return self.timed_out(Phase::Connect),
            ureq::Error::HostNotFound => RemoteError::UnknownHost { server },
            ureq::Error::Io(source) if connecting && source.kind() == ErrorKind::InvalidData => {
                RemoteError::Tls { server, message: self.quoted(&source.to_string()) }
            }
            ureq::Error::Io(source) if connecting => RemoteError::Connect { server, source },
            ureq::Error::Io(_) => RemoteError::Cut { server, received: 0 },
            ureq::Error::Rustls(_) | ureq::Error::Tls(_) | ureq::Error::TlsRequired => {
                RemoteError::Tls { server, message: self.quoted(&error.to_string()) }
            }
            ureq::Error::LargeResponseHeader(..) => {
                let problem = format!("its head is longer than {HEAD_BYTES} bytes");
                RemoteError::TooLarge { server, problem }
            }
            error => RemoteError::Protocol { server, message: self.quoted(&error.to_string()) },
        })
    }
}

/// What `Retry-After` asks for: seconds, or a date, which is read against the answer's own `Date`, so that
/// the clocks of both sides need not agree.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let asked = text(header::RETRY_AFTER)?.trim();
    if let Ok(seconds) = asked.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |text: &str| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok();
    let seconds = date(asked)?.as_second() - date(text(header::DATE)?)?.as_second();
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(&'static str, &str)]) -> Option<u64> {
        let pair = |(name, value): &(&'static str, &str)| {
            (header::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        retry_after(&pairs.iter().map(pair).collect()).map(|pause| pause.as_secs())
    }

    #[test]
    fn a_pause_is_read_as_seconds_and_as_a_date() {
        assert_eq!(asked(&[("retry-after", "7")]), Some(7));
        let date = ("date", "Wed, 21 Oct 2015 07:28:00 GMT");
        assert_eq!(asked(&[("retry-after", "Wed, 21 Oct 2015 07:29:30 GMT"), date]), Some(90));
        assert_eq!(asked(&[("retry-after", "Wed, 21 Oct 2015 07:27:00 GMT"), date]), None);
        assert_eq!(asked(&[("retry-after", "Wed, 21 Oct 2015 07:29:30 GMT")]), None);
        assert_eq!(asked(&[("retry-after", "soon")]), None);
        assert_eq!(asked(&[]), None);
    }

    #[test]
    fn what_a_server_says_is_quoted_short_and_without_the_key() {
        let settings = RemoteSettings {
            base_url: "http://127.0.0.1:1".to_owned(),
            model: "m".to_owned(),
            ..RemoteSettings::default()
        };
        let exchange = Exchange::new(settings, Some(Secret::new("sk-1").unwrap())).unwrap();
        assert_eq!(exchange.quoted("bad\r\n\u{1b}[31mkey sk-1"), "bad [31mkey [key]");
        assert_eq!(exchange.quoted(" "), "no reason is given");
        assert_eq!(exchange.quoted(&"字".repeat(400)).chars().count(), 301);
        assert!(!format!("{exchange:?}").contains("sk-1"));
    }

    #[test]
    fn a_key_does_not_travel_readable_unless_it_may() {
        let mut settings = RemoteSettings {
            base_url: "http://192.0.2.1/v1".to_owned(),
            model: "m".to_owned(),
            ..RemoteSettings::default()
        };
        let key = || Some(Secret::new("sk-1").unwrap());
        let error = Exchange::new(settings.clone(), key()).unwrap_err();
        assert!(matches!(error, RemoteError::PlainKey { .. }), "{error}");
        assert!(Exchange::new(settings.clone(), None).is_ok());
        settings.allow_plain_http_key = true;
        assert!(Exchange::new(settings, key()).is_ok());
    }
}
