//! English: normalisation, tokens, readings, phones. Pure.

mod compounds;
mod guess;
mod network;
mod normalize;
mod table;
mod tokens;
mod words;

pub use words::Source;

use normalize::Normalizer;
use tokens::Token;
use words::Words;

use super::{Lexicon, Phones, Symbols, symbols::UNKNOWN};
use crate::TtsError;

/// The part of speech where none is known: a noun.
const NOUN: &str = "NN";
/// Marks of the network's lists that are no phones, and a phone no voice was trained with.
const SILENT: [&str; 4] = ["<pad>", "UW", "</s>", "<s>"];
/// What the network calls a phone it does not know.
const UNKNOWN_PHONE: &str = "<unk>";
/// A text of fewer phones starts with a pause.
const FEWEST: usize = 4;
const PAUSE: &str = ",";

/// The front end of English text: tables read once, then unchanged.
#[derive(Debug)]
pub struct English {
    normalizer: Normalizer,
    words: Words,
    symbols: Symbols,
}

/// What a text goes through on its way to phones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stages {
    /// The text in words, plain letters and single marks.
    pub norm_text: String,
    /// Its words and marks.
    pub tokens: Vec<String>,
    /// Their readings with a space between each two.
    pub raw_phones: Vec<String>,
    /// Names of the symbol table.
    pub phones: Vec<String>,
    /// Phones of each character of `norm_text`, as [`Phones::word2ph`]: those of a word are spread evenly
    /// over its letters.
    pub word2ph: Vec<usize>,
}

impl English {
    /// Reads the tables of `lexicon`.
    ///
    /// # Errors
    /// When a table cannot be read or is not what it should be.
    pub fn new(lexicon: &Lexicon) -> Result<Self, TtsError> {
        Ok(Self {
            normalizer: Normalizer::new()?,
            words: Words::read(lexicon)?,
            symbols: Symbols::read(lexicon)?,
        })
    }

    /// The text as it is read: the letters `A-Za-z`, spaces and the marks `'.,?!-`.
    #[must_use]
    pub fn normalize(&self, text: &str) -> String {
        self.normalizer.normalize(text)
    }

    /// The phones of a text.
    #[must_use]
    pub fn phones(&self, text: &str) -> Phones {
        let stages = self.stages(text, &[]);
        Phones { phones: stages.phones, word2ph: stages.word2ph, norm_text: stages.norm_text }
    }

    /// The phones of a text with everything between. `tags` are the parts of speech of its tokens, as Penn
    /// tags; a token without one is taken for a noun.
    #[must_use]
    pub fn stages(&self, text: &str, tags: &[&str]) -> Stages {
        let norm_text = self.normalize(text);
        let mut stages =
            Stages { word2ph: vec![0; norm_text.chars().count()], ..Stages::default() };
        for (i, token) in tokens::tokens(&norm_text).into_iter().enumerate() {
            let raw = self.words.token(&token.text, tags.get(i).copied().unwrap_or(NOUN));
            self.append(&token, &raw, &mut stages);
            if i > 0 {
                stages.raw_phones.push(" ".to_owned());
            }
            stages.raw_phones.extend(raw);
            stages.tokens.push(token.text);
        }
        if stages.phones.len() < FEWEST {
            stages.phones.insert(0, PAUSE.to_owned());
        }
        Stages { norm_text, ..stages }
    }

    /// Where the reading of a single word comes from, and its phones.
    #[must_use]
    pub fn word(&self, word: &str) -> (Source, Vec<String>) {
        self.words.word(word)
    }

    /// The words a word is most likely made of.
    #[must_use]
    pub fn parts(&self, word: &str) -> Vec<String> {
        self.words.parts(word)
    }

    /// What the network guesses for a word, whether or not a table has it.
    #[must_use]
    pub fn guess(&self, word: &str) -> Vec<String> {
        self.words.guess(word)
    }

    fn append(&self, token: &Token, raw: &[String], stages: &mut Stages) {
        let phones: Vec<&str> = raw.iter().filter_map(|phone| self.symbol(phone)).collect();
        for (i, phone) in phones.iter().enumerate() {
            let letter = i * token.characters.len() / phones.len();
            if let Some(count) =
                token.characters.get(letter).and_then(|place| stages.word2ph.get_mut(*place))
            {
                *count += 1;
            }
            stages.phones.push((*phone).to_owned());
        }
    }

    /// The name a phone has in the symbol table; none for what is not said.
    fn symbol<'a>(&self, phone: &'a str) -> Option<&'a str> {
        match phone {
            UNKNOWN_PHONE => Some(UNKNOWN),
            "'" => Some("-"),
            _ if SILENT.contains(&phone) => None,
            _ => self.symbols.id(phone).map(|_| phone),
        }
    }
}

#[cfg(test)]
mod tests;
