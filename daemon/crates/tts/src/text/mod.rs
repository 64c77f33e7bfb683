//! The text front end of the GPT-SoVITS voices: text to phones of the symbol table, with how many
//! phones each written character has. Equal to the reference's front end, with whose phones the voices
//! were trained. Chinese so far; no voice of the daemon uses it yet. Knows no tensors. Pure.

mod lexicon;
pub mod zh;

pub use lexicon::Lexicon;

/// What a piece of one language becomes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Phones {
    /// Names of the symbol table.
    pub phones: Vec<String>,
    /// Phones of each character of `norm_text`.
    pub word2ph: Vec<usize>,
    /// The text as it is read.
    pub norm_text: String,
}
