//! Thinking: what is put to the language model and what is made of its answer. Pure text; the model
//! is behind a port, the clock is given.

mod concepts;
mod degrade;
mod error;
mod fact_table;
mod facts;
mod feelings;
mod grounding;
mod history;
mod moment;
mod ports;
mod profiles;
mod prompt;
mod repetition;
mod rules;
mod wording;
mod words;

pub use degrade::{Ladder, Step};
pub use error::DialogueError;
pub use facts::{Attribute, Fact, FactGrammar};
pub use grounding::Check;
pub use history::History;
pub use moment::Moment;
pub use ports::{Ahead, Generated, Generator, GeneratorError, Prompt, StopReason, TokenCounter};
pub use profiles::GenerationProfiles;
pub use prompt::{Built, PromptBuilder, PromptParts};
pub use repetition::LoopGuard;
pub use rules::{RuleAnswer, RuleInput, Rules};
pub use wording::{apology, greeting_of_silence};
