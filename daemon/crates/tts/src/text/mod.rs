//! The text front end of the GPT-SoVITS voices: text to phones of the symbol table, with how many
//! phones each written character has. Equal to the reference's front end, with whose phones the voices
//! were trained. Chinese, English, and texts of both. Pure.

pub mod en;
mod lexicon;
mod mixed;
mod pattern;
pub mod split;
mod symbols;
pub mod zh;

pub use lexicon::Lexicon;
pub use mixed::{MixedReader, Mode, Piece};
pub use symbols::Symbols;

/// What a piece of one language becomes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Phones {
    /// Names of the symbol table.
    pub phones: Vec<String>,
    /// Phones of each character of `norm_text`. Their sum is the number of phones, but for a pause in
    /// front that no character stands for.
    pub word2ph: Vec<usize>,
    /// The text as it is read.
    pub norm_text: String,
}

impl Phones {
    /// The character of `norm_text` each phone belongs to; none for a pause that was added in front.
    #[must_use]
    pub fn characters(&self) -> Vec<Option<usize>> {
        let owned = self.word2ph.iter().sum();
        let mut characters = vec![None; self.phones.len().saturating_sub(owned)];
        for (character, count) in self.word2ph.iter().enumerate() {
            characters.extend(std::iter::repeat_n(Some(character), *count));
        }
        characters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phone_but_an_added_pause_belongs_to_a_character() {
        let phones = Phones {
            phones: [",", "HH", "AY1"].map(str::to_owned).to_vec(),
            word2ph: vec![1, 1],
            norm_text: "Hi".to_owned(),
        };
        assert_eq!(phones.characters(), [None, Some(0), Some(1)]);
    }
}
