//! The stream of a session's events: records of a little-endian length and a JSON object. Kinds and keys
//! that are not known pass through.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixStream as StdUnixStream;

use companion_bus::TurnResult;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{UnixStream, unix::pipe};

use crate::exit::{Failure, Outcome};

/// The longest record that is believed.
const LONGEST: usize = 1 << 20;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event(pub(crate) Value);

impl Event {
    pub(crate) fn kind(&self) -> &str {
        self.text("kind")
    }

    /// A text by its key; empty where there is none.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.0.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn number(&self, key: &str) -> Option<f64> {
        self.0.get(key).and_then(Value::as_f64)
    }

    pub(crate) fn turn(&self) -> u64 {
        self.0.get("turn").and_then(Value::as_u64).unwrap_or_default()
    }

    /// The report of a `turn` event; what is absent is empty.
    pub(crate) fn turn_result(&self) -> TurnResult {
        let owned = |key: &str| self.text(key).to_owned();
        let map = |key: &str| self.0.get(key).and_then(Value::as_object).into_iter().flatten();
        let memories = self.0.get("memories").and_then(Value::as_array).into_iter().flatten();
        let count = |v: &Value| v.as_u64().and_then(|n| u32::try_from(n).ok());
        TurnResult {
            turn: self.turn(),
            transcript: owned("transcript"),
            text: owned("text"),
            heard_text: owned("heard_text"),
            emotion: owned("emotion"),
            memories: memories.filter_map(|m| Some(m.as_str()?.to_owned())).collect(),
            answered_by: owned("answered_by"),
            outcome: owned("outcome"),
            latency_ms: map("latency_ms")
                .filter_map(|(k, v)| Some((k.clone(), v.as_f64()?)))
                .collect(),
            tokens: map("tokens").filter_map(|(k, v)| Some((k.clone(), count(v)?))).collect(),
        }
    }
}

/// Reads a descriptor that the daemon gave: a socket or a pipe.
pub(crate) fn reader(fd: OwnedFd) -> Outcome<Box<dyn AsyncRead + Unpin>> {
    let file = File::from(fd);
    if file.metadata()?.file_type().is_socket() {
        return Ok(Box::new(socket(file.into())?));
    }
    Ok(Box::new(pipe::Receiver::from_file(file)?))
}

/// A socket that the daemon gave.
pub(crate) fn socket(fd: OwnedFd) -> Outcome<UnixStream> {
    let socket = StdUnixStream::from(fd);
    socket.set_nonblocking(true)?;
    Ok(UnixStream::from_std(socket)?)
}

/// The events of one session.
pub(crate) struct EventStream {
    reader: Box<dyn AsyncRead + Unpin>,
    held: Vec<u8>,
}

impl EventStream {
    pub(crate) fn new(fd: OwnedFd) -> Outcome<Self> {
        Ok(Self { reader: reader(fd)?, held: Vec::with_capacity(64 * 1024) })
    }

    /// The next event; `None` when the daemon closed the stream. A call that is dropped loses nothing.
    pub(crate) async fn next(&mut self) -> Outcome<Option<Event>> {
        loop {
            if let Some(event) = self.take()? {
                return Ok(Some(event));
            }
            self.held.reserve(64 * 1024);
            match self.reader.read_buf(&mut self.held).await {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn take(&mut self) -> Outcome<Option<Event>> {
        let Some(length) = self.held.first_chunk::<4>() else { return Ok(None) };
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        if length > LONGEST {
            return Err(Failure::new(
                "Corrupt",
                format!("the event stream has a record of {length} bytes"),
            ));
        }
        let Some(body) = self.held.get(4..4 + length) else { return Ok(None) };
        let value = serde_json::from_slice(body)
            .map_err(|e| Failure::new("Corrupt", format!("the event stream holds no JSON: {e}")))?;
        self.held.drain(..4 + length);
        Ok(Some(Event(value)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use serde_json::json;

    use super::*;

    fn record(value: &Value) -> Vec<u8> {
        let body = value.to_string().into_bytes();
        let mut bytes = u32::try_from(body.len()).unwrap().to_le_bytes().to_vec();
        bytes.extend(body);
        bytes
    }

    #[tokio::test]
    async fn records_in_pieces_and_of_unknown_kinds_arrive() {
        let (theirs, ours) = StdUnixStream::pair().unwrap();
        let mut events = EventStream::new(ours.into()).unwrap();
        let all = [json!({"kind": "state", "state": "idle"}), json!({"kind": "new", "x": [1]})];
        let bytes: Vec<u8> = all.iter().flat_map(record).collect();
        for piece in bytes.chunks(7) {
            (&theirs).write_all(piece).unwrap();
        }
        drop(theirs);
        for value in all {
            assert_eq!(events.next().await.unwrap(), Some(Event(value)));
        }
        assert_eq!(events.next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_senseless_length_is_corrupt() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(&[0xff; 8]).unwrap();
        let mut events = EventStream::new(reader.into()).unwrap();
        assert_eq!(events.next().await.unwrap_err().kind(), "Corrupt");
    }
}
