//! Plain data as it travels.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use zbus::{OwnedVariant, Type, Variant};

/// `a{sv}`: options of a call, results of a request.
pub type Dict = HashMap<String, OwnedVariant>;

/// Puts a value into a dict. Values that hold file descriptors do not go into dicts.
pub fn put<'v>(dict: &mut Dict, key: &str, value: impl Into<Variant<'v>>) {
    if let Ok(value) = OwnedVariant::try_from(value.into()) {
        dict.insert(key.to_owned(), value);
    }
}

/// Reads a value from a dict; `None` when it is absent or of another type.
#[must_use]
pub fn get<T: TryFrom<OwnedVariant>>(dict: &Dict, key: &str) -> Option<T> {
    dict.get(key).and_then(|v| v.try_clone().ok()).and_then(|v| T::try_from(v).ok())
}

/// One finished turn, as `Ask`, `Say` and `TurnEnded` give it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TurnResult {
    /// Which turn.
    pub turn: u64,
    /// What the person said or wrote.
    pub transcript: String,
    /// What the companion meant to say, without tags.
    pub text: String,
    /// What of it was heard.
    pub heard_text: String,
    /// Key of the emotion, such as `happy`.
    pub emotion: String,
    /// Ids of the memories that it rests on.
    pub memories: Vec<String>,
    /// `model`, `rule`, `checked` or `apology`.
    pub answered_by: String,
    /// `heard`, `interrupted`, `cancelled` or `failed`.
    pub outcome: String,
    /// Milliseconds after the last speech sample (or after the text came in): `endpoint`, `recall`,
    /// `first_token`, `first_sentence`, `first_audio`, `total`; absent where it did not happen.
    pub latency_ms: HashMap<String, f64>,
    /// Tokens: `prompt`, `reused`, `new`.
    pub tokens: HashMap<String, u32>,
}

impl TurnResult {
    /// As a dict.
    #[must_use]
    pub fn to_dict(&self) -> Dict {
        let mut dict = Dict::new();
        put(&mut dict, "turn", self.turn);
        for (key, text) in [
            ("transcript", &self.transcript),
            ("text", &self.text),
            ("heard_text", &self.heard_text),
            ("emotion", &self.emotion),
            ("answered_by", &self.answered_by),
            ("outcome", &self.outcome),
        ] {
            put(&mut dict, key, text.as_str());
        }
        put(&mut dict, "memories", self.memories.clone());
        put(&mut dict, "latency_ms", self.latency_ms.clone());
        put(&mut dict, "tokens", self.tokens.clone());
        dict
    }

    /// From a dict; what is absent is empty.
    #[must_use]
    pub fn from_dict(dict: &Dict) -> Self {
        let text = |key: &str| get::<String>(dict, key).unwrap_or_default();
        Self {
            turn: get(dict, "turn").unwrap_or_default(),
            transcript: text("transcript"),
            text: text("text"),
            heard_text: text("heard_text"),
            emotion: text("emotion"),
            memories: get(dict, "memories").unwrap_or_default(),
            answered_by: text("answered_by"),
            outcome: text("outcome"),
            latency_ms: get(dict, "latency_ms").unwrap_or_default(),
            tokens: get(dict, "tokens").unwrap_or_default(),
        }
    }
}

/// One memory, `(sdsa{sv})` in lists: id, score, text, more. In a list of all, the score is 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct MemoryItem {
    /// Id, such as `m42`.
    pub id: String,
    /// Fused score of the search, 0..1.
    pub score: f64,
    /// Verbatim text.
    pub text: String,
    /// When it was kept, seconds since 1970 (UTC).
    pub created_s: i64,
    /// `said` or `note`.
    pub origin: String,
    /// The turn in which it was said, 0 for none.
    pub turn: u64,
    /// Always in the prompt.
    pub core: bool,
    /// Which index found it: `vector`, `lexical`, `both`, or empty.
    pub source: String,
}

/// One finding of a diagnosis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Issue {
    /// Stable id, such as `audio.no-pipewire`.
    pub id: String,
    /// 0 note, 1 warning, 2 error.
    pub severity: u32,
    /// What is the case.
    pub issue: String,
    /// What to do.
    pub recommendation: String,
    /// A command that does it, or empty.
    pub command: String,
}

/// Health of one stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct StageHealth {
    /// `ok`, `busy`, `hung` or `gone`.
    pub state: String,
    /// How often it was started again.
    pub restarts: u32,
    /// Microseconds since its last heartbeat.
    pub heartbeat_age_us: u64,
}

/// One PipeWire node of the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct AudioNode {
    /// `node.name`.
    pub name: String,
    /// `object.serial`, 0 while it is not connected.
    pub serial: u64,
    /// What it is for: `microphone`, `speaker`.
    pub role: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_survives_the_way_over_the_bus() {
        let turn = TurnResult {
            turn: 7,
            transcript: "我叫什么名字".into(),
            text: "你叫小明。".into(),
            heard_text: "你叫小明。".into(),
            emotion: "calm".into(),
            memories: vec!["m1".into()],
            answered_by: "rule".into(),
            outcome: "heard".into(),
            latency_ms: HashMap::from([("total".into(), 12.5)]),
            tokens: HashMap::from([("prompt".into(), 30)]),
        };
        assert_eq!(TurnResult::from_dict(&turn.to_dict()), turn);
    }
}
