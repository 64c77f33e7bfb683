//! Feeling: emotion tags in the reply's text, and the companion's mood. Pure.

mod mood;
mod tag_parser;

pub use mood::Mood;
pub use tag_parser::TagParser;
