//! Server-sent events: bytes in, events out. Pure; never fails on any bytes but for its two bounds.
//!
//! Follows the section "Server-sent events" of the HTML standard: lines end with LF, CR or CRLF; a byte
//! order mark in front is dropped; a line that begins with a colon is a comment; several `data` lines of
//! one event are joined with LF; an empty line ends the event; an event without data is none. Bytes that
//! are no UTF-8 become U+FFFD. `id` and `retry` are for reconnecting, which a chat never does.

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SseEvent {
    /// What the `event` field says; empty when there was none.
    pub name: String,
    /// The `data` lines, joined with LF.
    pub data: String,
}

/// A bound was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    /// One line.
    #[error("a line of an event is longer than {limit} bytes")]
    Line {
        /// Bytes at most.
        limit: usize,
    },
    /// The data of one event.
    #[error("an event is longer than {limit} bytes")]
    Event {
        /// Bytes at most.
        limit: usize,
    },
}

/// The byte order mark in UTF-8.
const BOM: &[u8] = "\u{feff}".as_bytes();

/// Collects bytes to lines and lines to events.
#[derive(Debug)]
pub struct SseParser {
    limit: usize,
    line: Vec<u8>,
    /// The last byte was a CR: an LF right behind it ends the same line.
    after_cr: bool,
    /// No line was ended yet: a byte order mark may stand in front.
    at_start: bool,
    name: String,
    data: String,
    has_data: bool,
}

impl SseParser {
    /// A parser that holds at most `limit` bytes of one line, and of one event's data.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            after_cr: false,
            at_start: true,
            name: String::new(),
            data: String::new(),
            has_data: false,
        }
    }

    /// Takes bytes, split anywhere, and appends the events that they complete to `events`.
    ///
    /// # Errors
    /// When a line or an event passes the bound; the events before it stand in `events`.
    pub fn push(&mut self, bytes: &[u8], events: &mut Vec<SseEvent>) -> Result<(), SseError> {
        let mut rest = bytes;
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(end) = rest.iter().position(|b| matches!(b, b'\n' | b'\r')) {
            self.append(&rest[..end])?;
            let cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
            self.end_line(events)?;
            if cr {
                self.after_cr = rest.is_empty();
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            }
        }
        self.append(rest)
    }

    /// The stream ended: gives the event whose lines are whole but whose empty line never came. A line
    /// that was cut is dropped.
    #[must_use]
    pub fn finish(mut self) -> Option<SseEvent> {
        self.take()
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), SseError> {
        if self.line.len() + bytes.len() > self.limit {
            return Err(SseError::Line { limit: self.limit });
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, events: &mut Vec<SseEvent>) -> Result<(), SseError> {
        let line = std::mem::take(&mut self.line);
        let mut bytes = line.as_slice();
        if std::mem::take(&mut self.at_start) {
            bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
        }
        if bytes.is_empty() {
            events.extend(self.take());
        } else {
            let colon = bytes.iter().position(|b| *b == b':');
            let (field, value) = match colon {
                Some(at) => (&bytes[..at], &bytes[at + 1..]),
                None => (bytes, &bytes[..0]),
            };
            self.field(field, value.strip_prefix(b" ").unwrap_or(value))?;
        }
        // The allocation serves the next line.
        self.line = line;
        self.line.clear();
        Ok(())
    }

    fn field(&mut self, field: &[u8], value: &[u8]) -> Result<(), SseError> {
        match field {
            b"data" => {
                if self.data.len() + value.len() >= self.limit.saturating_add(1) {
                    return Err(SseError::Event { limit: self.limit });
                }
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push('\n');
                }
                self.data.push_str(&String::from_utf8_lossy(value));
            }
            b"event" => self.name = String::from_utf8_lossy(value).into_owned(),
            _ => {}
        }
        Ok(())
    }

    fn take(&mut self) -> Option<SseEvent> {
        let name = std::mem::take(&mut self.name);
        let data = std::mem::take(&mut self.data);
        std::mem::take(&mut self.has_data).then_some(SseEvent { name, data })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 4096;

    fn events(chunks: &[&[u8]]) -> Vec<SseEvent> {
        let (mut parser, mut events) = (SseParser::new(LIMIT), Vec::new());
        chunks.iter().for_each(|chunk| parser.push(chunk, &mut events).unwrap());
        events.extend(parser.finish());
        events
    }

    fn data(text: &str) -> Vec<String> {
        events(&[text.as_bytes()]).into_iter().map(|e| e.data).collect()
    }

    #[test]
    fn every_line_ending_ends_a_line() {
        for end in ["\n", "\r", "\r\n"] {
            let text = ["data: a", "", "data:b", "", ""].join(end);
            assert_eq!(data(&text), ["a", "b"], "{end:?}");
        }
    }

    #[test]
    fn lines_of_one_event_are_joined_and_one_space_is_dropped() {
        assert_eq!(data("data: a\ndata:  b\ndata\ndata:c\n\n"), ["a\n b\n\nc"]);
    }

    #[test]
    fn comments_and_other_fields_are_passed_over() {
        let text = ": ping\n\nid: 7\nretry: 10\nwhatever\n\nevent: error\ndata: x\n\n";
        let want = SseEvent { name: "error".to_owned(), data: "x".to_owned() };
        assert_eq!(events(&[text.as_bytes()]), [want]);
    }

    #[test]
    fn a_name_lasts_for_one_event() {
        let read = events(&[b"event: error\n\ndata: a\n\n"]);
        assert_eq!(read, [SseEvent { name: String::new(), data: "a".to_owned() }]);
    }

    #[test]
    fn a_byte_order_mark_is_dropped_once() {
        assert_eq!(data("\u{feff}data: a\n\n\u{feff}data: b\n\ndata: c\n\n"), ["a", "c"]);
    }

    #[test]
    fn a_character_split_over_chunks_stays_whole() {
        let text = "data: 你好🙂\n\n".as_bytes();
        let single: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(events(&single)[0].data, "你好🙂");
    }

    #[test]
    fn a_whole_line_counts_at_the_end_and_a_cut_one_does_not() {
        assert_eq!(data("data: [DONE]\n"), ["[DONE]"]);
        assert_eq!(data("data: {\"half"), Vec::<String>::new());
    }

    #[test]
    fn lines_and_events_are_bounded() {
        let mut out = Vec::new();
        let mut parser = SseParser::new(10);
        assert_eq!(parser.push(&[b'x'; 11], &mut out), Err(SseError::Line { limit: 10 }));
        let mut parser = SseParser::new(10);
        let error = parser.push(b"data:12345\ndata:12345\ndata:1\n", &mut out);
        assert_eq!(error, Err(SseError::Event { limit: 10 }));
        assert!(out.is_empty());
    }

    fn pieces(bytes: &[u8], cuts: &[usize]) -> Vec<SseEvent> {
        let mut at: Vec<usize> = cuts.iter().map(|c| c % (bytes.len() + 1)).collect();
        at.extend([0, bytes.len()]);
        at.sort_unstable();
        events(&at.windows(2).map(|w| &bytes[w[0]..w[1]]).collect::<Vec<_>>())
    }

    proptest! {
        #[test]
        fn any_bytes_split_anywhere_give_the_same_events(
            bytes in prop::collection::vec(
                prop_oneof![
                    Just(b'\r'), Just(b'\n'), Just(b':'), Just(b' '), Just(b'd'), any::<u8>()
                ], 0..300),
            cuts in prop::collection::vec(any::<usize>(), 0..20),
        ) {
            prop_assert_eq!(pieces(&bytes, &cuts), events(&[&bytes]));
        }

        #[test]
        fn what_is_written_as_events_is_read_back(
            texts in prop::collection::vec("[^\r\n]{0,40}", 1..8),
            end in prop::sample::select(vec!["\n", "\r", "\r\n"]),
            cuts in prop::collection::vec(any::<usize>(), 0..20),
        ) {
            let text: String =
                texts.iter().map(|t| format!(": c{end}data: {t}{end}{end}")).collect();
            let read: Vec<String> =
                pieces(text.as_bytes(), &cuts).into_iter().map(|e| e.data).collect();
            prop_assert_eq!(read, texts);
        }
    }
}
