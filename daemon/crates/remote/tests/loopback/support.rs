//! A server on the loopback interface that does what a test's script says, and what the tests ask of a
//! client. The server runs in a scoped thread of the test; nothing sleeps.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::ControlFlow;

use companion_remote::{ChatOptions, Client, Completion, RemoteError, RemoteSettings, Secret};
use companion_types::{Cancel, Message, Role};

/// What a client asked.
#[derive(Debug)]
pub(crate) struct Asked {
    /// `POST /v1/chat/completions HTTP/1.1`
    pub(crate) line: String,
    /// Its headers, names in small letters.
    pub(crate) headers: Vec<(String, String)>,
    /// Its document.
    pub(crate) body: String,
}

impl Asked {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The document as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// One accepted connection.
pub(crate) struct Line(BufReader<TcpStream>);

impl Line {
    /// Reads one request.
    pub(crate) fn asked(&mut self) -> Asked {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        let mut headers = Vec::new();
        loop {
            let mut header = String::new();
            self.0.read_line(&mut header).unwrap();
            let Some((name, value)) = header.trim().split_once(':') else { break };
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let mut body = vec![0; length.map_or(0, |(_, value)| value.parse().unwrap())];
        self.0.read_exact(&mut body).unwrap();
        let body = String::from_utf8(body).unwrap();
        Asked { line: line.trim().to_owned(), headers, body }
    }

    /// Writes; that the client has gone is the client's right.
    pub(crate) fn write(&mut self, text: &str) {
        drop(self.0.get_mut().write_all(text.as_bytes()));
    }

    /// Answers with a status, headers and a document, and keeps the connection.
    pub(crate) fn answer(&mut self, status: &str, headers: &str, document: &str) {
        let length = document.len();
        self.write(&format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{document}"
        ));
    }

    /// Begins a stream that ends with the connection.
    pub(crate) fn begin_stream(&mut self) {
        self.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nConnection: close\r\n\r\n");
    }

    /// One piece of a stream.
    pub(crate) fn piece(&mut self, text: &str) {
        self.write(&event(text));
    }

    /// One byte in a chunk of its own.
    pub(crate) fn write_byte_chunk(&mut self, byte: u8) {
        drop(self.0.get_mut().write_all(&[b'1', b'\r', b'\n', byte, b'\r', b'\n']));
    }

    /// Waits until the client closes.
    pub(crate) fn until_closed(&mut self) {
        drop(self.0.read_to_end(&mut Vec::new()));
    }
}

/// One event with a piece of text.
pub(crate) fn event(text: &str) -> String {
    let data = serde_json::json!({"choices": [{"index": 0, "delta": {"content": text}}]});
    format!("data: {data}\n\n")
}

/// The last events of a stream.
pub(crate) const END: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

/// Where connections come in.
pub(crate) struct Door(TcpListener);

impl Door {
    /// Opens one at an address.
    pub(crate) fn at(address: &str) -> Self {
        Self(TcpListener::bind(address).unwrap())
    }

    /// The next connection.
    pub(crate) fn open(&self) -> Line {
        Line(BufReader::new(self.0.accept().unwrap().0))
    }

    /// Whether nobody stands before it.
    pub(crate) fn is_quiet(&self) -> bool {
        self.0.set_nonblocking(true).unwrap();
        self.0.accept().is_err()
    }
}

/// Settings for a server at `address`, with bounds that no good test reaches.
pub(crate) fn settings(address: &str) -> RemoteSettings {
    RemoteSettings {
        base_url: format!("http://{address}/v1"),
        model: "small".to_owned(),
        connect_ms: 20_000,
        first_token_ms: 20_000,
        idle_ms: 20_000,
        total_ms: 60_000,
        retries: 0,
        retry_pause_ms: 1,
        ..RemoteSettings::default()
    }
}

/// Runs `server` beside `test`, which gets the settings for it, and gives what both gave.
pub(crate) fn beside<S: Send, T>(
    server: impl FnOnce(&Door) -> S + Send,
    test: impl FnOnce(RemoteSettings) -> T,
) -> (S, T) {
    let (_, served, outcome) = beside_door(server, test);
    (served, outcome)
}

/// As [`beside`]; gives the door as well, before which nobody may stand any more.
pub(crate) fn beside_door<S: Send, T>(
    server: impl FnOnce(&Door) -> S + Send,
    test: impl FnOnce(RemoteSettings) -> T,
) -> (Door, S, T) {
    let door = Door::at("127.0.0.1:0");
    let settings = settings(&door.0.local_addr().unwrap().to_string());
    let (served, outcome) = std::thread::scope(|scope| {
        let server = scope.spawn(|| server(&door));
        let outcome = test(settings);
        (server.join().unwrap(), outcome)
    });
    (door, served, outcome)
}

/// The key of all tests.
pub(crate) const KEY: &str = "sk-5f0c1d2e3a4b";

/// A client with the key.
pub(crate) fn client(settings: RemoteSettings) -> Client {
    Client::with_key(settings, Some(Secret::new(KEY).unwrap())).unwrap()
}

/// Asks once; gives the pieces beside the outcome.
pub(crate) fn ask(
    client: &mut Client,
    cancel: &Cancel,
) -> (Vec<String>, Result<Completion, RemoteError>) {
    let mut pieces = Vec::new();
    let outcome = client.chat(&question(), &ChatOptions::default(), cancel, &mut |piece| {
        pieces.push(piece.to_owned());
        ControlFlow::Continue(())
    });
    (pieces, outcome)
}

/// What is asked.
pub(crate) fn question() -> Vec<Message> {
    vec![Message::new(Role::System, "短一点。"), Message::new(Role::User, "你好？")]
}

/// Runs `server` once and gives the pieces and the outcome of one call with `change`d settings.
pub(crate) fn one_call(
    change: impl FnOnce(&mut RemoteSettings),
    server: impl FnOnce(&Door) + Send,
) -> (Vec<String>, Result<Completion, RemoteError>) {
    beside(server, |mut settings| {
        change(&mut settings);
        ask(&mut client(settings), &Cancel::new())
    })
    .1
}

/// Runs `server` once and gives the error of one call, which never shows the key.
pub(crate) fn one_error(
    change: impl FnOnce(&mut RemoteSettings),
    server: impl FnOnce(&Door) + Send,
) -> RemoteError {
    let error = one_call(change, server).1.unwrap_err();
    assert!(!format!("{error} {error:?}").contains(KEY), "{error}");
    assert!(error.to_string().contains("127.0.0.1:"), "it names the server: {error}");
    error
}
