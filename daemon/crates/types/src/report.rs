//! What a turn was: the report that metrics, the bus and the store get.

use serde::{Deserialize, Serialize};

use crate::{Emotion, MemoryId, TurnId};

/// Who made the reply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnsweredBy {
    /// The language model.
    #[default]
    Model,
    /// A rule that answers surely: time, date, one matching fact, repeating.
    Rule,
    /// The model, corrected by a rule that checked it against memory.
    Checked,
    /// A canned apology because the model failed.
    Apology,
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The whole reply was heard.
    Heard,
    /// The person broke in; the rest was not heard.
    Interrupted,
    /// Cancelled before anything sounded.
    Cancelled,
    /// Something failed.
    Failed,
}

/// When things happened, in milliseconds after the person's last speech sample (or after the text
/// came in). `None` where it did not happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Waterfall {
    /// The end of the utterance was decided.
    pub endpoint: Option<f64>,
    /// Memories were found.
    pub recall: Option<f64>,
    /// The first token came.
    pub first_token: Option<f64>,
    /// The first sentence was complete.
    pub first_sentence: Option<f64>,
    /// The first sample of the reply was played.
    pub first_audio: Option<f64>,
    /// The last sample was played, or the turn ended otherwise.
    pub total: Option<f64>,
}

/// One finished turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TurnReport {
    /// Which turn.
    pub turn: TurnId,
    /// What the person said.
    pub transcript: String,
    /// What the companion meant to say, without tags.
    pub text: String,
    /// What of it was heard.
    pub heard_text: String,
    /// Emotion of the reply.
    pub emotion: Emotion,
    /// Memories that stood in the prompt or that a rule answered from.
    pub memories: Vec<MemoryId>,
    /// Who answered.
    pub answered_by: AnsweredBy,
    /// How it ended.
    pub outcome: Outcome,
    /// Tokens of the prompt and how many of them were reused from the KV cache.
    pub prompt_tokens: u32,
    /// Prompt tokens found in the KV cache.
    pub reused_tokens: u32,
    /// Tokens generated.
    pub new_tokens: u32,
    /// When things happened.
    pub latency_ms: Waterfall,
}
