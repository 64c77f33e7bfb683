//! A reply on its way to the loudspeaker: tokens, deltas, sentences, chunks. Everything carries its
//! turn.

use serde::{Deserialize, Serialize};

use crate::{Emotion, SampleRate, SentenceSeq, TurnId};

/// One token of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenDelta {
    /// The turn it belongs to.
    pub turn: TurnId,
    /// Its place in the reply, from 0.
    pub index: u32,
    /// Token id.
    pub token: u32,
    /// The valid UTF-8 that this token completes; empty while a character is still open.
    pub text: String,
}

/// Text of a reply with the emotion it is said in; what the tag parser gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyDelta {
    /// Emotion in force.
    pub emotion: Emotion,
    /// Text without tags.
    pub text: String,
}

/// One sentence or clause to speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// The turn it belongs to.
    pub turn: TurnId,
    /// Its place in the reply.
    pub seq: SentenceSeq,
    /// Emotion it is spoken in.
    pub emotion: Emotion,
    /// What to say. Concatenating the texts of all sentences of a reply gives the reply.
    pub text: String,
    /// Nothing follows.
    pub last: bool,
}

/// Mouth shapes: five vowels and closed, the set Live2D and VRM faces know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum VisemeShape {
    /// Open, as in "father".
    A,
    /// As in "bed".
    E,
    /// As in "see".
    I,
    /// As in "go".
    O,
    /// As in "blue".
    U,
    /// Lips closed or silence.
    Closed,
}

/// One mouth shape, from a sample of its chunk on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Viseme {
    /// First sample, counted from the start of the sentence.
    pub at: u64,
    /// Shape.
    pub shape: VisemeShape,
    /// How far it is formed, 0..1.
    pub weight: f32,
}

/// When a piece of the sentence's text sounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordTime {
    /// Bytes of the sentence's text that are covered up to and including this word, its trailing
    /// punctuation and space: the text heard once the word has sounded is `text[..text_end]`.
    pub text_end: usize,
    /// First sample of the word, counted from the start of the sentence.
    pub start: u64,
    /// One past its last sample.
    pub end: u64,
}

/// Sound of a sentence, in pieces.
#[derive(Debug, Clone, PartialEq)]
pub struct SpeechChunk {
    /// The turn it belongs to.
    pub turn: TurnId,
    /// The sentence it belongs to.
    pub seq: SentenceSeq,
    /// Rate of `pcm`.
    pub rate: SampleRate,
    /// Mono samples, -1..1.
    pub pcm: Vec<f32>,
    /// Mouth shapes that begin in this chunk.
    pub visemes: Vec<Viseme>,
    /// Words that begin in this chunk.
    pub words: Vec<WordTime>,
    /// The last chunk of its sentence.
    pub last: bool,
}
