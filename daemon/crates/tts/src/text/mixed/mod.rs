//! Texts of Chinese and English: cut where the language changes, each piece read by its front end. The
//! tables of a language are read when its first piece comes. Pure but for that.

mod runs;
mod segments;

use std::sync::OnceLock;

use companion_types::Language;

use super::{Lexicon, Phones, Symbols, en::English, symbols::UNKNOWN, zh::Chinese};
use crate::TtsError;

/// A text of fewer phones is read again with a full stop in front: voices stumble over shorter ones.
const FEWEST: usize = 6;

/// Which languages a text is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// Chinese with English words: what is in Latin letters is English.
    #[default]
    Chinese,
    /// Chinese, and English only where every character could be: digits are Chinese.
    AllChinese,
    /// English alone.
    English,
}

/// A stretch of one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Mandarin or English.
    pub language: Language,
    /// The text as written, at the start of a short text with a full stop in front.
    pub text: String,
    /// The text as it is read, its phones and whose they are.
    pub read: Phones,
}

/// Reads texts of Chinese and English.
#[derive(Debug)]
pub struct MixedReader {
    lexicon: Lexicon,
    symbols: Symbols,
    chinese: OnceLock<Chinese>,
    english: OnceLock<English>,
}

impl MixedReader {
    /// A reader with the tables of `lexicon`; of these only the names of the phones are read yet.
    ///
    /// # Errors
    /// When the names of the phones cannot be read.
    pub fn new(lexicon: Lexicon) -> Result<Self, TtsError> {
        let symbols = Symbols::read(&lexicon)?;
        Ok(Self { lexicon, symbols, chinese: OnceLock::new(), english: OnceLock::new() })
    }

    /// Reads all tables now rather than with the first piece of each language.
    ///
    /// # Errors
    /// When a table cannot be read or is not what it should be.
    pub fn prepare(&self) -> Result<(), TtsError> {
        self.chinese()?;
        self.english()?;
        Ok(())
    }

    /// The pieces of a text with their phones; none for a text of white space.
    ///
    /// # Errors
    /// When a table cannot be read or is not what it should be. The next text tries again.
    pub fn read(&self, text: &str, mode: Mode) -> Result<Vec<Piece>, TtsError> {
        let text = single_spaces(text);
        if text.chars().all(runs::is_space) {
            return Ok(Vec::new());
        }
        let pieces = self.read_once(&text, mode)?;
        if pieces.iter().map(|piece| piece.read.phones.len()).sum::<usize>() < FEWEST {
            return self.read_once(&format!(".{text}"), mode);
        }
        Ok(pieces)
    }

    /// The pieces of a text with their phones, however few those are.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_once(&self, text: &str, mode: Mode) -> Result<Vec<Piece>, TtsError> {
        let text = single_spaces(text);
        let read = |(language, text): (Language, &str)| {
            let read = match language {
                Language::En => self.english()?.phones(text),
                _ => self.chinese()?.phones(text),
            };
            Ok(Piece { language, text: text.to_owned(), read })
        };
        segments::segments(&text, mode).into_iter().map(read).collect()
    }

    /// The numbers of the phones of all pieces, one after the other.
    #[must_use]
    pub fn ids(&self, pieces: &[Piece]) -> Vec<u16> {
        let unknown = self.symbols.id(UNKNOWN).unwrap_or_default();
        let phones = pieces.iter().flat_map(|piece| &piece.read.phones);
        phones.map(|phone| self.symbols.id(phone).unwrap_or(unknown)).collect()
    }

    fn chinese(&self) -> Result<&Chinese, TtsError> {
        if let Some(chinese) = self.chinese.get() {
            return Ok(chinese);
        }
        let read = Chinese::new(&self.lexicon)?;
        Ok(self.chinese.get_or_init(|| read))
    }

    fn english(&self) -> Result<&English, TtsError> {
        if let Some(english) = self.english.get() {
            return Ok(english);
        }
        let read = English::new(&self.lexicon)?;
        Ok(self.english.get_or_init(|| read))
    }
}

/// The text with one space for each run of them.
fn single_spaces(text: &str) -> String {
    let mut before = 'x';
    let mut single = text.to_owned();
    single.retain(|character| {
        let keep = (character, before) != (' ', ' ');
        before = character;
        keep
    });
    single
}

#[cfg(test)]
mod tests;
