//! How single words are read: from tables, letter by letter, part by part, or by a guess. Knows no
//! sentence.

use super::{compounds::Compounds, guess::Guesser, table::Table};
use crate::{TtsError, text::Lexicon};

const DICTIONARY: &str = "en_dict.tsv.gz";
const NAMES: &str = "en_names.tsv.gz";
const HOMOGRAPHS: &str = "en_homographs.tsv.gz";
/// Unknown words of no more letters are spelled.
const SPELLED: usize = 3;
/// The letter `a` where it stands for itself.
const A: &str = "EY1";
/// Phones behind which the `s` of the genitive is voiceless…
const VOICELESS: [&str; 6] = ["P", "T", "K", "F", "TH", "HH"];
/// …and those behind which it is a syllable.
const HISSING: [&str; 6] = ["S", "Z", "SH", "ZH", "CH", "JH"];

/// Where the reading of a word comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The dictionary has it.
    Dictionary,
    /// It starts with a capital, and the names have it.
    Name,
    /// It is read letter by letter.
    Spelled,
    /// It is a word with `'s`.
    Possessive,
    /// It is made of words.
    Compound,
    /// The network guessed.
    Guessed,
}

/// The tables of words.
#[derive(Debug)]
pub(super) struct Words {
    dictionary: Table,
    names: Table,
    homographs: Table,
    compounds: Compounds,
    guesser: Guesser,
}

impl Words {
    pub(super) fn read(lexicon: &Lexicon) -> Result<Self, TtsError> {
        let is_said = |values: &str| !values.trim().is_empty();
        let dictionary = Table::read(lexicon, DICTIONARY, is_said)?;
        let missing = ('a'..='z').find(|letter| dictionary.find(&letter.to_string()).is_none());
        if let Some(letter) = missing {
            return Err(lexicon.wrong(DICTIONARY, format!("no letter {letter}")));
        }
        Ok(Self {
            dictionary,
            names: Table::read(lexicon, NAMES, is_said)?,
            homographs: Table::read(lexicon, HOMOGRAPHS, |values| readings(values).is_some())?,
            compounds: Compounds::read(lexicon)?,
            guesser: Guesser::read(lexicon)?,
        })
    }

    /// The phones of a token of a sentence, given its part of speech as a Penn tag.
    pub(super) fn token(&self, token: &str, tag: &str) -> Vec<String> {
        let word = token.to_ascii_lowercase();
        if !word.contains(|c: char| c.is_ascii_lowercase()) {
            return vec![word];
        }
        if word.len() == 1 {
            return if token == "A" { vec![A.to_owned()] } else { self.letter(&word) };
        }
        match self.homographs.find(&word).and_then(readings) {
            Some([first, second, of_first]) => {
                let is_first = tag.starts_with(of_first) || of_first.starts_with(tag);
                phones(if is_first { first } else { second })
            }
            None => self.word(token).1,
        }
    }

    /// The phones of a word by itself, and where they come from.
    pub(super) fn word(&self, written: &str) -> (Source, Vec<String>) {
        let word = written.to_ascii_lowercase();
        let known = self.dictionary.find(&word).filter(|_| word.len() > 1);
        if let Some(known) = known {
            return (Source::Dictionary, phones(known));
        }
        if let Some(known) = self.names.find(&word).filter(|_| is_title(written)) {
            return (Source::Name, phones(known));
        }
        if word.len() <= SPELLED {
            return (Source::Spelled, self.spell(&word));
        }
        if let Some(owner) = word.strip_suffix("'s").filter(|owner| is_letters(owner)) {
            let mut phones = self.word(owner).1;
            phones.extend(genitive(phones.last()).iter().map(|phone| (*phone).to_owned()));
            return (Source::Possessive, phones);
        }
        let parts = self.compounds.parts(&word);
        if parts.len() <= 1 {
            return (Source::Guessed, self.guesser.phones(&word));
        }
        (Source::Compound, parts.iter().flat_map(|part| self.word(part).1).collect())
    }

    /// The words a word is most likely made of.
    pub(super) fn parts(&self, word: &str) -> Vec<String> {
        self.compounds.parts(word)
    }

    /// What the network says of a word.
    pub(super) fn guess(&self, word: &str) -> Vec<String> {
        self.guesser.phones(&word.to_ascii_lowercase())
    }

    fn spell(&self, word: &str) -> Vec<String> {
        let read = |letter: char| match letter {
            'a' => vec![A.to_owned()],
            'b'..='z' => self.letter(letter.encode_utf8(&mut [0; 4])),
            mark => vec![mark.to_string()],
        };
        word.chars().flat_map(read).collect()
    }

    fn letter(&self, letter: &str) -> Vec<String> {
        self.dictionary.find(letter).map(phones).unwrap_or_default()
    }
}

fn phones(values: &str) -> Vec<String> {
    values.split_ascii_whitespace().map(str::to_owned).collect()
}

/// Both readings of a homograph and the tag of the first.
fn readings(values: &str) -> Option<[&str; 3]> {
    let mut fields = values.split('\t');
    let readings = [fields.next()?, fields.next()?, fields.next()?];
    (fields.next().is_none() && readings.iter().all(|field| !field.is_empty())).then_some(readings)
}

/// Whether every run of letters starts with a capital and goes on in small letters.
fn is_title(word: &str) -> bool {
    let mut before = ' ';
    word.chars().all(|character| {
        let is_right = match character {
            'A'..='Z' => !before.is_ascii_alphabetic(),
            'a'..='z' => before.is_ascii_alphabetic(),
            _ => true,
        };
        before = character;
        is_right
    })
}

fn is_letters(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|letter| letter.is_ascii_lowercase())
}

/// How `'s` is said behind a phone.
fn genitive(last: Option<&String>) -> &'static [&'static str] {
    match last.map(String::as_str) {
        Some(phone) if VOICELESS.contains(&phone) => &["S"],
        Some(phone) if HISSING.contains(&phone) => &["AH0", "Z"],
        _ => &["Z"],
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::text::lexicon::shipped;

    static WORDS: LazyLock<Words> = LazyLock::new(|| Words::read(&shipped()).unwrap());

    fn read(word: &str) -> (Source, String) {
        let (source, phones) = WORDS.word(word);
        (source, phones.join(" "))
    }

    #[test]
    fn a_word_of_the_dictionary_is_read_from_it() {
        assert_eq!(read("Hello"), (Source::Dictionary, "HH AH0 L OW1".to_owned()));
        assert_eq!(read("boss's"), (Source::Dictionary, "B AO1 S IH0 Z".to_owned()));
    }

    #[test]
    fn a_name_is_one_only_with_a_capital() {
        assert_eq!(read("Aaditya"), (Source::Name, "AA0 D IY1 T Y AH0".to_owned()));
        assert_ne!(read("aaditya").0, Source::Name);
        assert!(is_title("O'Neil-Smith") && !is_title("O'neil") && !is_title("USA"));
    }

    #[test]
    fn a_short_unknown_word_is_spelled() {
        assert_eq!(read("rtx"), (Source::Spelled, "AA1 R T IY1 EH1 K S".to_owned()));
        assert_eq!(read("A"), (Source::Spelled, "EY1".to_owned()));
        assert_eq!(read("x-q"), (Source::Spelled, "EH1 K S - K Y UW1".to_owned()));
    }

    #[test]
    fn the_genitive_sounds_as_the_word_before_it_ends() {
        let possessive = |phones: &str| (Source::Possessive, phones.to_owned());
        assert_eq!(read("zorblax's"), possessive("Z AO1 R B L AE1 K S AH0 Z"));
        assert_eq!(read("gpu's"), possessive("JH IY1 P IY1 Y UW1 Z"));
        assert_eq!(read("websocket's").1.split(' ').next_back(), Some("S"));
    }

    #[test]
    fn an_unknown_word_is_read_part_by_part_or_guessed() {
        assert_eq!(read("smartwatch"), (Source::Compound, "S M AA1 R T W AA1 CH".to_owned()));
        assert_eq!(read("xiaoming"), (Source::Guessed, "Z AY1 K Y UW2 M IH0 NG".to_owned()));
    }

    #[test]
    fn a_homograph_follows_its_part_of_speech() {
        let token = |word: &str, tag: &str| WORDS.token(word, tag).join(" ");
        assert_eq!(token("Record", "VB"), "R IH0 K AO1 R D");
        assert_eq!(token("record", "NN"), "R EH1 K ER0 D");
        assert_eq!(token("read", "VBP"), "R IY1 D");
        assert_eq!(token("read", "VB"), "R IY1 D");
        assert_eq!(token("read", "VBD"), "R EH1 D");
    }

    #[test]
    fn a_mark_stands_for_itself_and_a_letter_for_its_name() {
        let token = |word: &str| WORDS.token(word, "NN").join(" ");
        assert_eq!(token("..."), "...");
        assert_eq!(token("A"), "EY1");
        assert_eq!(token("a"), "AH0");
        assert_eq!(token("W"), "D AH1 B AH0 L Y UW0");
    }
}
