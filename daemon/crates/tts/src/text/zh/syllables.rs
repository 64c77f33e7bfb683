//! Sounds to phones: each syllable is an initial and a final with its tone. Changes no sound.

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Deserialize;

use super::readings::Sound;
use crate::{
    TtsError,
    text::{Lexicon, symbols::UNKNOWN},
};

/// Marks that are phones of their own.
pub(super) const MARKS: [char; 6] = ['!', '?', '…', ',', '.', '-'];

/// Initial and final of each syllable.
#[derive(Debug)]
pub(super) struct Syllables {
    parts: FxHashMap<String, (String, String)>,
}

#[derive(Deserialize)]
struct Table {
    syllables: FxHashMap<String, (String, String)>,
    unmapped: FxHashSet<String>,
}

impl Syllables {
    /// Reads the table.
    pub(super) fn read(lexicon: &Lexicon) -> Result<Self, TtsError> {
        let mut table: Table = lexicon.json("zh_syllables.json")?;
        table.syllables.retain(|syllable, _| !table.unmapped.contains(syllable));
        Ok(Self { parts: table.syllables })
    }

    /// Appends the phones of a sound; how many they are: one for a mark, two for everything else.
    pub(super) fn append(&self, sound: &Sound, phones: &mut Vec<String>) -> usize {
        let mut characters = sound.syllable.chars();
        if let (Some(mark), None) = (characters.next(), characters.next())
            && MARKS.contains(&mark)
        {
            phones.push(sound.syllable.clone());
            return 1;
        }
        match self.parts.get(&sound.syllable) {
            Some((initial, last)) if sound.tone > 0 => {
                phones.push(initial.clone());
                phones.push(format!("{last}{}", sound.tone));
            }
            _ => phones.extend([UNKNOWN.to_owned(), UNKNOWN.to_owned()]),
        }
        2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::lexicon::shipped;

    fn phones(pinyin: &str) -> String {
        let syllables = Syllables::read(&shipped()).unwrap();
        let mut phones = Vec::new();
        pinyin.split(' ').for_each(|p| {
            syllables.append(&Sound::parse(p), &mut phones);
        });
        phones.join(" ")
    }

    #[test]
    fn a_syllable_is_an_initial_and_a_final_with_its_tone() {
        assert_eq!(phones("shi4 er2 ai5 lve4"), "sh ir4 EE er2 AA ai5 l ve4");
    }

    #[test]
    fn a_mark_is_one_phone_and_what_nobody_can_read_is_two_unknown_ones() {
        assert_eq!(phones(", …"), ", …");
        assert_eq!(phones("m2 兙 ng4"), "UNK UNK UNK UNK UNK UNK");
    }
}
