//! The text front end of the GPT-SoVITS voices: text to phones of the symbol table, with how many
//! phones each written character has. Equal to the reference's front end, whose readings it needs to
//! find the voices' weights trained for. Knows no tensors. Pure; runs on the `tts` thread.

pub mod en;
mod lexicon;
pub mod zh;

pub use lexicon::Lexicon;

/// What a piece of one language becomes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Phones {
    /// Names of the symbol table.
    pub phones: Vec<String>,
    /// Phones of each character of `norm_text`; empty for English, where features are zeros.
    pub word2ph: Vec<usize>,
    /// The text as it is read.
    pub norm_text: String,
}
