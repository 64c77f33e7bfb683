//! What memory gives to the dialogue.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{MemoryId, TurnId};

/// Where a memory comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemoryOrigin {
    /// Said by the person in a turn; the text is the verbatim quote.
    Said,
    /// Written by someone at a shell or an application.
    Note,
}

/// One memory as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemoryNote {
    /// Its identity.
    pub id: MemoryId,
    /// Verbatim text.
    pub text: String,
    /// Where it comes from.
    pub origin: MemoryOrigin,
    /// The turn in which it was said.
    pub turn: Option<TurnId>,
    /// When it was kept, seconds since 1970 (UTC).
    pub created_s: i64,
    /// A core fact: always in the prompt.
    pub core: bool,
}

/// Which index found a memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecallSource {
    /// The vector index.
    Vector,
    /// BM25.
    Lexical,
    /// Both.
    Both,
}

/// One memory that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemoryHit {
    /// The memory.
    pub note: MemoryNote,
    /// Fused score, 0..1, higher is nearer.
    pub score: f32,
    /// Which index found it.
    pub source: RecallSource,
}

/// The answer of one recall.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recall {
    /// Best first.
    pub hits: Vec<MemoryHit>,
    /// How long it took.
    pub took: Duration,
}
