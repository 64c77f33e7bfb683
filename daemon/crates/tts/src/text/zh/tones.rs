//! How tones change inside a word: 不, 一, the neutral tone, third tones, in this order. Changes
//! nothing but tones.

use super::{
    neutral,
    parts::Parts,
    readings::Sound,
    sandhi_words::{SandhiWords, is_numeral},
};
use crate::{TtsError, text::Lexicon};

/// The tone of a particle.
pub(super) const NEUTRAL: u8 = 5;

/// The rules with the words they name.
#[derive(Debug)]
pub(super) struct Tones {
    words: SandhiWords,
    parts: Parts,
}

impl Tones {
    /// Reads what the rules need.
    pub(super) fn read(lexicon: &Lexicon) -> Result<Self, TtsError> {
        Ok(Self { words: SandhiWords::read(lexicon)?, parts: Parts::read(lexicon)? })
    }

    /// The words the rules name.
    pub(super) fn words(&self) -> &SandhiWords {
        &self.words
    }

    /// Changes the tones of a word with part of speech `tag`; one sound per character.
    pub(super) fn change(&self, word: &str, tag: &str, sounds: &mut [Sound]) {
        let characters: Vec<char> = word.chars().collect();
        if characters.is_empty() || characters.len() != sounds.len() {
            return;
        }
        change_bu(&characters, sounds);
        self.change_yi(&characters, sounds);
        let first = self.parts.first(word).clamp(1, characters.len());
        neutral::change(&characters, tag, first, &self.words, sounds);
        change_thirds(first, sounds);
    }

    /// 一: of numbers, unchanged; between equal characters, neutral; in 第一, first; else second
    /// before a fourth tone and fourth before anything but a mark.
    fn change_yi(&self, word: &[char], sounds: &mut [Sound]) {
        if word.iter().all(|&c| c == '一' || is_numeral(c)) {
            return;
        }
        match word {
            [before, '一', after] if before == after => return sounds[1].tone = NEUTRAL,
            ['第', '一', ..] => return sounds[1].tone = 1,
            _ => {}
        }
        for place in 0..word.len() - 1 {
            if word[place] != '一' {
                continue;
            }
            if sounds[place + 1].tone == 4 {
                sounds[place].tone = 2;
            } else if !self.words.is_mark(word[place + 1]) {
                sounds[place].tone = 4;
            }
        }
    }
}

/// 不: neutral amid three characters, else second before a fourth tone.
fn change_bu(word: &[char], sounds: &mut [Sound]) {
    if let [_, '不', _] = word {
        sounds[1].tone = NEUTRAL;
        return;
    }
    for place in 0..word.len() - 1 {
        if word[place] == '不' && sounds[place + 1].tone == 4 {
            sounds[place].tone = 2;
        }
    }
}

/// The first of two third tones becomes a second; longer words are looked at by their parts, of
/// which the first has `first` characters.
fn change_thirds(first: usize, sounds: &mut [Sound]) {
    match sounds.len() {
        2 => change_pair(sounds),
        3 if all_third(sounds) => match first {
            1 => sounds[1].tone = 2,
            2 => sounds[..2].iter_mut().for_each(|sound| sound.tone = 2),
            _ => {}
        },
        3 => {
            let (left, right) = sounds.split_at_mut(first);
            change_pair(left);
            if all_third(right) {
                change_pair(right);
            } else if let (Some(last), Some(next)) = (left.last_mut(), right.first())
                && last.tone == 3
                && next.tone == 3
            {
                last.tone = 2;
            }
        }
        4 => {
            change_pair(&mut sounds[..2]);
            change_pair(&mut sounds[2..]);
        }
        _ => {}
    }
}

fn change_pair(sounds: &mut [Sound]) {
    if sounds.len() == 2 && all_third(sounds) {
        sounds[0].tone = 2;
    }
}

fn all_third(sounds: &[Sound]) -> bool {
    sounds.iter().all(|sound| sound.tone == 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::lexicon::shipped;

    fn tones(cases: &[(&str, &str, &str, &str)]) {
        let rules = Tones::read(&shipped()).unwrap();
        for (word, tag, before, after) in cases {
            let digit = |c: char| Sound { syllable: "a".into(), tone: c as u8 - b'0' };
            let mut sounds: Vec<Sound> = before.chars().map(digit).collect();
            rules.change(word, tag, &mut sounds);
            let now: String = sounds.iter().map(|s| char::from(b'0' + s.tone)).collect();
            assert_eq!(&now, after, "{word}/{tag} {before}");
        }
    }

    #[test]
    fn bu_is_neutral_amid_three_and_second_before_a_fourth_tone() {
        tones(&[
            ("看不懂", "v", "443", "453"),
            ("不怕", "v", "44", "24"),
            ("不好", "d", "43", "43"),
        ]);
    }

    #[test]
    fn yi_keeps_its_tone_in_numbers_and_before_marks() {
        tones(&[
            ("一零零八六", "m", "12214", "12214"),
            ("一,", "m", "10", "10"),
            ("一", "m", "1", "1"),
        ]);
    }

    #[test]
    fn yi_changes_by_what_follows() {
        tones(&[
            ("一个", "m", "14", "25"),
            ("一天", "m", "11", "41"),
            ("想一想", "v", "313", "353"),
            ("第一", "m", "44", "41"),
        ]);
    }

    #[test]
    fn the_first_of_two_third_tones_becomes_a_second() {
        tones(&[("你好", "l", "33", "23"), ("理想", "n", "33", "23"), ("你们", "x", "32", "32")]);
    }

    #[test]
    fn three_third_tones_change_by_their_parts() {
        tones(&[("展览馆", "n", "333", "223"), ("纸老虎", "nr", "333", "323")]);
        tones(&[("所有人", "n", "332", "232"), ("很美丽", "a", "334", "234")]);
    }

    #[test]
    fn four_characters_change_by_halves() {
        tones(&[("岂有此理", "i", "3333", "2323")]);
    }
}
