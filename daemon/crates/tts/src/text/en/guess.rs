//! Guesses how unknown words are read: letters to numbers, numbers to phones. The network between them
//! computes.

use serde::Deserialize;

use super::network::Network;
use crate::{TtsError, text::Lexicon};

const FILE: &str = "en_g2p_gru.json";
/// Stands for a letter or phone the lists do not have.
const UNKNOWN: &str = "<unk>";
/// Stands after the last letter and the last phone.
const END: &str = "</s>";
/// Stands before the first phone.
const START: &str = "<s>";
/// No word has so many letters; the rest of what claims to be one is not guessed.
const LONGEST: usize = 200;

/// The lists of letters and phones the network was trained with.
#[derive(Debug, Deserialize)]
struct Alphabet {
    graphemes: Vec<String>,
    phonemes: Vec<String>,
}

/// Guesses phones from letters.
#[derive(Debug)]
pub(super) struct Guesser {
    alphabet: Alphabet,
    network: Network,
    unknown: usize,
    end: usize,
    first_phone: usize,
    last_phone: usize,
}

impl Guesser {
    pub(super) fn read(lexicon: &Lexicon) -> Result<Self, TtsError> {
        let alphabet: Alphabet = lexicon.json(FILE)?;
        let mark = |list: &[String], mark| {
            place(list, mark).ok_or_else(|| lexicon.wrong(FILE, format!("no mark {mark}")))
        };
        let unknown = mark(&alphabet.graphemes, UNKNOWN)?;
        let end = mark(&alphabet.graphemes, END)?;
        let first_phone = mark(&alphabet.phonemes, START)?;
        let last_phone = mark(&alphabet.phonemes, END)?;
        let network = Network::read(lexicon, alphabet.graphemes.len(), alphabet.phonemes.len())?;
        Ok(Self { alphabet, network, unknown, end, first_phone, last_phone })
    }

    /// The phones of a word in small letters, marks of the lists among them.
    pub(super) fn phones(&self, word: &str) -> Vec<String> {
        let mut numbers: Vec<usize> = word.chars().take(LONGEST).map(|c| self.letter(c)).collect();
        numbers.push(self.end);
        let phones = self.network.guess(&numbers, self.first_phone, self.last_phone);
        phones.into_iter().filter_map(|phone| self.alphabet.phonemes.get(phone).cloned()).collect()
    }

    fn letter(&self, letter: char) -> usize {
        let mut name = [0; 4];
        place(&self.alphabet.graphemes, letter.encode_utf8(&mut name)).unwrap_or(self.unknown)
    }
}

fn place(list: &[String], name: &str) -> Option<usize> {
    list.iter().position(|other| other == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::lexicon::shipped;

    #[test]
    fn unknown_words_are_guessed_from_their_letters() {
        let guesser = Guesser::read(&shipped()).unwrap();
        let guess = |word: &str| guesser.phones(word).join(" ");
        assert_eq!(guess("xiaoming"), "Z AY1 K Y UW2 M IH0 NG");
        assert_eq!(guess("hello-world"), "HH EH1 L W AO0 L D ER0");
        assert_eq!(guess("kubernetes"), "K AH0 B ER1 N AH0 T S");
    }

    #[test]
    fn a_guess_ends_however_long_the_word() {
        let guesser = Guesser::read(&shipped()).unwrap();
        assert!(guesser.phones(&"x".repeat(10_000)).len() <= 20);
        assert!(guesser.phones("").len() <= 20);
    }

    #[test]
    fn weights_of_another_shape_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let lexicon = shipped();
        let weights = "en_g2p_gru.safetensors";
        std::fs::copy(lexicon.path(weights), folder.path().join(weights)).unwrap();
        let lists = r#"{"graphemes": ["<unk>", "</s>"], "phonemes": ["<s>", "</s>"]}"#;
        std::fs::write(folder.path().join(FILE), lists).unwrap();
        let problem = Guesser::read(&Lexicon::new(folder.path())).unwrap_err().to_string();
        assert!(problem.contains("enc_emb") && problem.contains("[29, 256]"), "{problem}");
    }
}
