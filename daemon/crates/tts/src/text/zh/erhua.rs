//! The 儿 at the end of a word: a syllable of its own or the colour of the one before. Changes
//! nothing but its tone.

use super::{readings::Sound, sandhi_words::SandhiWords, tones::NEUTRAL};

/// Parts of speech whose 儿 is a syllable: adjectives, abbreviations, names of people.
const APART: [&str; 3] = ["a", "j", "nr"];

/// Gives a final 儿 the tone of the syllable it colours; one sound per character of `word`.
pub(super) fn change(word: &str, tag: &str, words: &SandhiWords, sounds: &mut [Sound]) {
    let Some((last, before)) = sounds.split_last_mut() else { return };
    if !word.ends_with('儿') || last.syllable != "er" {
        return;
    }
    if last.tone == 1 {
        last.tone = 2;
    }
    if !words.must_erhua.contains(word) && (words.not_erhua.contains(word) || APART.contains(&tag))
    {
        return;
    }
    let tail = word.char_indices().rev().nth(1).map_or(word, |(place, _)| &word[place..]);
    if matches!(last.tone, 2 | NEUTRAL)
        && !words.not_erhua.contains(tail)
        && let Some(coloured) = before.last()
    {
        last.tone = coloured.tone;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::lexicon::shipped;

    /// The tone of 儿 behind a syllable of the fourth tone.
    fn tone(word: &str, tag: &str, tone: u8) -> u8 {
        let words = SandhiWords::read(&shipped()).unwrap();
        let mut sounds = vec![Sound { syllable: "a".into(), tone: 4 }; word.chars().count() - 1];
        sounds.push(Sound { syllable: "er".into(), tone });
        change(word, tag, &words, &mut sounds);
        sounds.last().unwrap().tone
    }

    #[test]
    fn er_colours_the_syllable_before() {
        assert_eq!(tone("玩儿", "v", 2), 4);
        assert_eq!(tone("玩儿", "v", 5), 4);
        assert_eq!(tone("玩儿", "v", 3), 3);
    }

    #[test]
    fn some_words_and_some_parts_of_speech_keep_their_syllable() {
        assert_eq!(tone("女儿", "n", 2), 2);
        assert_eq!(tone("小女儿", "n", 2), 2);
        assert_eq!(tone("玩儿", "nr", 1), 2);
        assert_eq!(tone("媳妇儿", "nr", 2), 4);
    }

    #[test]
    fn er_alone_stays_as_it_is() {
        assert_eq!(tone("儿", "n", 2), 2);
    }
}
