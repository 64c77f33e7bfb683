//! The client: one call at a time, on the caller's thread.

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use companion_types::{Cancel, Message};

use crate::answer::{Answer, Completion, Fault, OnPiece, Step};
use crate::exchange::{Exchange, Halt, Reply};
use crate::sse::SseParser;
use crate::{Phase, RemoteError, RemoteSettings, Secret, wire};

/// A line of a stream, and an event, is no longer than this, bytes.
const EVENT_BYTES: u64 = 1024 * 1024;
/// After `[DONE]` the end of the body is waited for this long, so that the connection serves the next call.
const FAREWELL: Duration = Duration::from_millis(50);
const READ_BYTES: usize = 8 * 1024;

/// What one call wants otherwise than the settings say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChatOptions {
    /// Tokens of the reply at most; 0: the server's own limit.
    pub max_tokens: Option<u32>,
    /// 0 is greedy.
    pub temperature: Option<f32>,
    /// Nucleus.
    pub top_p: Option<f32>,
    /// Texts that end the reply.
    pub stop: Option<Vec<String>>,
    /// Same seed, same reply, where the server keeps to it.
    pub seed: Option<u64>,
}

/// How a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// How long it took to answer, connecting included.
    pub took: Duration,
    /// Whether it lists the model that is set; none when it lists no models at all.
    pub model_is_listed: Option<bool>,
}

/// A client of one server. It keeps its connection between calls.
#[derive(Debug)]
pub struct Client {
    exchange: Exchange,
}

/// The pause before the next trial; none when there is to be no other.
fn next_trial(
    settings: &RemoteSettings,
    error: &RemoteError,
    trial: u32,
    left: Duration,
) -> Option<Duration> {
    if trial >= settings.retries || !error.may_pass() {
        return None;
    }
    let doubled = settings.retry_pause_ms.saturating_mul(1 << trial.min(16));
    let pause = error.retry_after().unwrap_or(Duration::from_millis(doubled));
    (pause < left).then_some(pause)
}

impl Client {
    /// Reads the key where the settings say it lies, and prepares the client. Nothing is sent.
    ///
    /// # Errors
    /// When a setting cannot be, the key cannot be read, or it would travel readable.
    pub fn open(settings: RemoteSettings) -> Result<Self, RemoteError> {
        let key = settings.key_source()?.read()?;
        Self::with_key(settings, key)
    }

    /// Prepares a client with a key that was read already.
    ///
    /// # Errors
    /// When a setting cannot be, or the key would travel readable.
    pub fn with_key(settings: RemoteSettings, key: Option<Secret>) -> Result<Self, RemoteError> {
        if !settings.is_configured() {
            let problem = "is empty; write the address of a server";
            return Err(RemoteError::Setting { key: "base_url", problem });
        }
        Ok(Self { exchange: Exchange::new(settings, key)? })
    }

    /// Host and port of the server.
    #[must_use]
    pub fn server(&self) -> String {
        self.exchange.server()
    }

    /// Asks for the reply to `messages` and gives every piece of it, valid UTF-8 and never empty, to
    /// `on_piece` as it comes. Ends within 100 ms when `cancel` is set, and at once when `on_piece` breaks:
    /// both are no errors, the reply so far is given back.
    ///
    /// # Errors
    /// When the server cannot be reached, refuses, breaks off or answers with something else. Before the
    /// first piece the call is tried again where that may help; after it never.
    pub fn chat(
        &mut self,
        messages: &[Message],
        options: &ChatOptions,
        cancel: &Cancel,
        on_piece: OnPiece<'_>,
    ) -> Result<Completion, RemoteError> {
        let settings = self.exchange.settings();
        let request = wire::request(settings, options, messages);
        self.exchange.watch().begin(cancel);
        let mut trial = 0;
        loop {
            let mut answer = Answer::new(settings.keep_thoughts);
            match self.ask(&request, &mut answer, on_piece) {
                Ok(flow) => return Ok(answer.completion(flow.is_break())),
                Err(Halt::Cancelled) => return Ok(answer.completion(true)),
                Err(Halt::Failed(error)) if answer.received() > 0 => return Err(error),
                Err(Halt::Failed(error)) => {
                    let left = self.exchange.watch().left();
                    let Some(pause) = next_trial(settings, &error, trial, left) else {
                        return Err(error);
                    };
                    if let Err(stop) = self.exchange.watch().pause(pause) {
                        return match self.exchange.stopped(stop) {
                            Halt::Cancelled => Ok(answer.completion(true)),
                            Halt::Failed(_) => Err(error),
                        };
                    }
                    trial += 1;
                }
            }
        }
    }

    /// The models that the server lists.
    ///
    /// # Errors
    /// As [`Self::chat`]; a call that was cancelled lists nothing.
    pub fn models(&mut self, cancel: &Cancel) -> Result<Vec<String>, RemoteError> {
        self.exchange.watch().begin(cancel);
        let document = match self.document() {
            Ok(document) => document,
            Err(Halt::Cancelled) => return Ok(Vec::new()),
            Err(Halt::Failed(error)) => return Err(error),
        };
        let malformed = |_| RemoteError::Malformed {
            server: self.server(),
            problem: "what it lists as models is no list of models".to_owned(),
        };
        let models: wire::Models = serde_json::from_slice(&document).map_err(malformed)?;
        Ok(models.data.into_iter().map(|model| model.id).collect())
    }

    /// Whether the server can be reached, takes the key and knows the model.
    ///
    /// # Errors
    /// As [`Self::models`]; a server that is there but lists no models is healthy.
    pub fn health(&mut self, cancel: &Cancel) -> Result<Health, RemoteError> {
        let begin = Instant::now();
        let listed = match self.models(cancel) {
            Ok(models) => Some(models.contains(&self.exchange.settings().model)),
            Err(RemoteError::NotFound { .. } | RemoteError::Refused { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(Health { took: begin.elapsed(), model_is_listed: listed })
    }

    fn document(&self) -> Result<Vec<u8>, Halt> {
        let mut reply = self.exchange.send("/models", None)?;
        let mut document = Vec::new();
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let read = self.read(&mut reply, &mut buffer, 0)?;
            if read.is_empty() {
                return Ok(document);
            }
            document.extend_from_slice(read);
            self.bounded(document.len())?;
        }
    }

    fn ask(
        &self,
        request: &[u8],
        answer: &mut Answer,
        on_piece: OnPiece<'_>,
    ) -> Result<ControlFlow<()>, Halt> {
        let mut reply = self.exchange.send("/chat/completions", Some(request))?;
        let mut buffer = vec![0; READ_BYTES];
        let mut begin = Vec::new();
        // What does not say that it is a stream says so by its first character.
        while !reply.is_event_stream && begin.iter().all(u8::is_ascii_whitespace) {
            let read = self.read(&mut reply, &mut buffer, 0)?;
            if read.is_empty() {
                break;
            }
            begin.extend_from_slice(read);
            self.bounded(begin.len())?;
        }
        match begin.trim_ascii_start().first() {
            Some(b'{') => self.whole(reply, begin, answer, on_piece),
            Some(b'<') => Err(self.fault(Fault::Malformed("it is a web page".to_owned()))),
            _ => self.stream(reply, &begin, answer, on_piece),
        }
    }

    fn whole(
        &self,
        mut reply: Reply,
        mut document: Vec<u8>,
        answer: &mut Answer,
        on_piece: OnPiece<'_>,
    ) -> Result<ControlFlow<()>, Halt> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let read = self.read(&mut reply, &mut buffer, 0)?;
            if read.is_empty() {
                break;
            }
            document.extend_from_slice(read);
            self.bounded(document.len())?;
        }
        match answer.whole(&document, on_piece).map_err(|fault| self.fault(fault))? {
            Step::Enough => Ok(ControlFlow::Break(())),
            _ => Ok(answer.close(on_piece)),
        }
    }

    fn stream(
        &self,
        mut reply: Reply,
        begin: &[u8],
        answer: &mut Answer,
        on_piece: OnPiece<'_>,
    ) -> Result<ControlFlow<()>, Halt> {
        let limit = EVENT_BYTES.min(self.exchange.settings().max_answer_bytes);
        let mut parser = SseParser::new(usize::try_from(limit).unwrap_or(usize::MAX));
        let mut buffer = vec![0; READ_BYTES];
        let mut taken = begin.len();
        let mut events = Vec::new();
        let mut over = parser.push(begin, &mut events);
        let mut any = false;
        loop {
            for event in events.drain(..) {
                self.exchange.alive()?;
                any = true;
                match answer.event(&event, on_piece).map_err(|fault| self.fault(fault))? {
                    Step::Idle => {}
                    Step::Progress => self.exchange.watch().enter(Phase::NextToken),
                    Step::Enough => return Ok(ControlFlow::Break(())),
                    Step::Done => {
                        self.farewell(reply);
                        return Ok(answer.close(on_piece));
                    }
                }
            }
            over.map_err(|error| self.too_large(error.to_string()))?;
            let read = match self.read(&mut reply, &mut buffer, answer.received()) {
                // Nothing is missing but the farewell.
                Err(Halt::Failed(RemoteError::Cut { .. })) if answer.is_finished() => &[],
                read => read?,
            };
            if read.is_empty() {
                break;
            }
            taken += read.len();
            self.bounded(taken)?;
            over = parser.push(read, &mut events);
        }
        if let Some(event) = parser.finish() {
            any = true;
            answer.event(&event, on_piece).map_err(|fault| self.fault(fault))?;
        }
        if answer.is_finished() {
            return Ok(answer.close(on_piece));
        }
        if !any && taken > 0 {
            return Err(self.fault(Fault::Malformed("it holds no event".to_owned())));
        }
        let (server, received) = (self.server(), answer.received());
        Err(Halt::Failed(RemoteError::Cut { server, received }))
    }

    /// Reads on; nothing at the end of the body.
    fn read<'b>(
        &self,
        reply: &mut Reply,
        buffer: &'b mut [u8],
        received: usize,
    ) -> Result<&'b [u8], Halt> {
        self.exchange.alive()?;
        let n = reply.body.read(buffer).map_err(|e: io::Error| self.exchange.broke(e, received))?;
        Ok(&buffer[..n])
    }

    /// Reads to the end of the body if that comes soon: only then the connection is kept.
    fn farewell(&self, mut reply: Reply) {
        self.exchange.watch().linger(FAREWELL);
        let mut rest = [0; 512];
        while matches!(reply.body.read(&mut rest), Ok(n) if n > 0) {}
    }

    fn bounded(&self, taken: usize) -> Result<(), Halt> {
        let limit = self.exchange.settings().max_answer_bytes;
        if u64::try_from(taken).is_ok_and(|taken| taken <= limit) {
            return Ok(());
        }
        Err(self.too_large(format!("more than remote.max_answer_bytes = {limit}")))
    }

    fn too_large(&self, problem: String) -> Halt {
        Halt::Failed(RemoteError::TooLarge { server: self.server(), problem })
    }

    fn fault(&self, fault: Fault) -> Halt {
        let server = self.server();
        Halt::Failed(match fault {
            Fault::Malformed(problem) => RemoteError::Malformed { server, problem },
            Fault::Said(message) => {
                RemoteError::InStream { server, message: self.exchange.quoted(&message) }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(retry_after: Option<u64>) -> RemoteError {
        let retry_after = retry_after.map(Duration::from_secs);
        RemoteError::TooMany { server: String::new(), message: String::new(), retry_after }
    }

    #[test]
    fn pauses_double_and_a_server_that_names_one_is_heard() {
        let settings =
            RemoteSettings { retries: 3, retry_pause_ms: 100, ..RemoteSettings::default() };
        let pause = |error: &RemoteError, trial| {
            let pause = next_trial(&settings, error, trial, Duration::from_secs(10));
            pause.map(|pause| pause.as_millis())
        };
        let pauses: Vec<_> = (0..4).map(|trial| pause(&fault(None), trial)).collect();
        assert_eq!(pauses, [Some(100), Some(200), Some(400), None]);
        assert_eq!(pause(&fault(Some(2)), 0), Some(2000));
        assert_eq!(pause(&fault(Some(10)), 0), None, "longer than the call has left");
        let wrong = RemoteError::Unauthorized { server: String::new(), message: String::new() };
        assert_eq!(pause(&wrong, 0), None);
    }
}
