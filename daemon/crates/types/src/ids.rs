//! Identities that travel between the rooms. Each is a newtype, so that one cannot stand for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Identity of one turn. Every value between the start of a reply and the loudspeaker carries it,
/// and a consumer drops what is not of the current turn. Ids grow and are never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TurnId(pub u64);

/// Place of a sentence in its reply, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SentenceSeq(pub u32);

/// Identity of one text that a program wants said; written as its number. Ids grow and are never used
/// twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UtteranceId(pub u64);

/// Identity of one memory; written `m42`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MemoryId(pub u64);

/// Identity of one entry of the undo journal; written `u7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UndoId(pub u64);

/// The text is not an id of the wanted sort.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {what}: write {prefix}N, for example {prefix}42")]
pub struct ParseIdError {
    /// What was given.
    pub text: String,
    /// What was wanted: "memory id" or "undo id".
    pub what: &'static str,
    /// The letter such an id begins with.
    pub prefix: char,
}

fn parse(text: &str, what: &'static str, prefix: char) -> Result<u64, ParseIdError> {
    text.trim()
        .strip_prefix(prefix)
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| ParseIdError { text: text.chars().take(40).collect(), what, prefix })
}

impl fmt::Display for TurnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for UtteranceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for MemoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m{}", self.0)
    }
}

impl FromStr for MemoryId {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        parse(text, "memory id", 'm').map(Self)
    }
}

impl fmt::Display for UndoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "u{}", self.0)
    }
}

impl FromStr for UndoId {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        parse(text, "undo id", 'u').map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_what_they_print() {
        assert_eq!("m42".parse::<MemoryId>(), Ok(MemoryId(42)));
        assert_eq!(UndoId(7).to_string().parse::<UndoId>(), Ok(UndoId(7)));
    }

    #[test]
    fn a_wrong_id_says_what_to_write() {
        let error = "42".parse::<MemoryId>().unwrap_err();
        assert_eq!(error.to_string(), "\"42\" is not a memory id: write mN, for example m42");
    }
}
