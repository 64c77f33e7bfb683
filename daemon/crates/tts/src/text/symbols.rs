//! The names of the phones the voices were trained with, and their numbers.

use rustc_hash::FxHashMap;
use serde::Deserialize;

use crate::{TtsError, text::Lexicon};

const FILE: &str = "symbols_v2.json";

/// Stands for a phone the table does not have.
pub(super) const UNKNOWN: &str = "UNK";

/// Phones by number: 732 of version 2.
#[derive(Debug)]
pub struct Symbols {
    ids: FxHashMap<String, u16>,
}

#[derive(Deserialize)]
struct Table {
    symbols: Vec<String>,
}

impl Symbols {
    /// Reads the table.
    ///
    /// # Errors
    /// When the table cannot be read, has a name twice, or lacks the name of unknown phones.
    pub fn read(lexicon: &Lexicon) -> Result<Self, TtsError> {
        let table: Table = lexicon.json(FILE)?;
        let wrong = |problem: &str| TtsError::Lexicon {
            path: lexicon.path(FILE),
            problem: problem.to_owned(),
        };
        let mut ids = FxHashMap::default();
        for (id, name) in table.symbols.into_iter().enumerate() {
            let id = u16::try_from(id).map_err(|_| wrong("more than 65536 symbols"))?;
            if ids.insert(name, id).is_some() {
                return Err(wrong("a symbol stands twice"));
            }
        }
        if !ids.contains_key(UNKNOWN) {
            return Err(wrong("no symbol UNK"));
        }
        Ok(Self { ids })
    }

    /// The number of a phone, if the table has it.
    #[must_use]
    pub fn id(&self, phone: &str) -> Option<u16> {
        self.ids.get(phone).copied()
    }

    /// How many phones there are; numbers lie below.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether the table has no phones: never, once read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::lexicon::shipped;

    #[test]
    fn the_numbers_are_those_of_the_trained_voices() {
        let symbols = Symbols::read(&shipped()).unwrap();
        assert_eq!(symbols.len(), 732);
        assert_eq!(symbols.id("!"), Some(0));
        assert_eq!(symbols.id("ian2"), Some(177));
        assert_eq!(symbols.id("zh"), Some(320));
        assert_eq!(symbols.id("nobody"), None);
    }
}
