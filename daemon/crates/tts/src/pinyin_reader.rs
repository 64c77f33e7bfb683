//! Hanzi to tone-numbered pinyin: phrases before characters, then tone sandhi.

use std::collections::HashMap;

use pinyin::ToPinyin;

const CHARS: &str = include_str!("../data/chars.tsv");
const PHRASES: &str = include_str!("../data/phrases.tsv");
/// Longest phrase of the table.
const LONGEST: usize = 6;

/// The tables, read once.
pub struct PinyinReader {
    chars: HashMap<char, &'static str>,
    phrases: HashMap<&'static str, &'static str>,
}

impl std::fmt::Debug for PinyinReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PinyinReader").field("phrases", &self.phrases.len()).finish_non_exhaustive()
    }
}

impl Default for PinyinReader {
    fn default() -> Self {
        let rows = |table: &'static str| table.lines().filter_map(|line| line.split_once('\t'));
        Self {
            chars: rows(CHARS).filter_map(|(c, p)| Some((c.chars().next()?, p))).collect(),
            phrases: rows(PHRASES).collect(),
        }
    }
}

impl PinyinReader {
    /// One syllable per character of a run of Han characters, tone sandhi applied; 5 is the neutral
    /// tone. A character that nobody can read is left out as an empty syllable.
    #[must_use]
    pub fn read(&self, text: &str) -> Vec<String> {
        let chars: Vec<(usize, char)> = text.char_indices().collect();
        let offset = |n: usize| chars.get(n).map_or(text.len(), |(at, _)| *at);
        let mut syllables: Vec<String> = Vec::with_capacity(chars.len());
        let mut at = 0;
        while at < chars.len() {
            let longest = (at + LONGEST).min(chars.len());
            let phrase = (at + 2..=longest).rev().find_map(|end| {
                let reading = self.phrases.get(&text[offset(at)..offset(end)])?;
                Some((end, *reading))
            });
            match phrase {
                Some((end, reading)) => {
                    syllables.extend(reading.split(' ').map(str::to_owned));
                    at = end;
                }
                None => {
                    syllables.push(self.character(chars[at].1));
                    at += 1;
                }
            }
        }
        let plain: Vec<char> = chars.iter().map(|(_, c)| *c).collect();
        sandhi(&plain, &mut syllables);
        syllables
    }

    fn character(&self, c: char) -> String {
        match self.chars.get(&c) {
            Some(reading) => (*reading).to_owned(),
            None => c.to_pinyin().map_or_else(String::new, |p| {
                let text = p.with_tone_num_end().replace('ü', "v");
                if text.ends_with(|c: char| c.is_ascii_digit()) { text } else { text + "5" }
            }),
        }
    }
}

fn tone(syllable: &str) -> char {
    syllable.chars().last().unwrap_or('5')
}

fn set_tone(syllable: &mut String, tone: char) {
    syllable.pop();
    syllable.push(tone);
}

/// Tone sandhi: 不 and 一 before the next tone; of neighbouring third tones the earlier rise.
fn sandhi(chars: &[char], syllables: &mut [String]) {
    for n in 0..syllables.len().min(chars.len()) {
        let next = syllables.get(n + 1).map_or('0', |s| tone(s));
        let before = n.checked_sub(1).map(|b| chars[b]);
        let digit = |c: char| "零一二三四五六七八九十百千第".contains(c);
        match chars[n] {
            '不' if next == '4' => set_tone(&mut syllables[n], '2'),
            '一' if before.is_some_and(digit) || chars.get(n + 1).is_some_and(|c| digit(*c)) => {}
            '一' if next == '4' => set_tone(&mut syllables[n], '2'),
            '一' if matches!(next, '1'..='3') => set_tone(&mut syllables[n], '4'),
            _ => {}
        }
    }
    for n in 1..syllables.len() {
        if tone(&syllables[n]) == '3' && tone(&syllables[n - 1]) == '3' {
            set_tone(&mut syllables[n - 1], '2');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_decide_before_characters_and_tones_change() {
        let reader = PinyinReader::default();
        for (text, said) in [
            ("你好", "ni2 hao3"),
            ("音乐", "yin1 yue4"),
            ("快乐", "kuai4 le4"),
            ("银行", "yin2 hang2"),
            ("重新", "chong2 xin1"),
            ("不是", "bu2 shi4"),
            ("一个", "yi2 ge4"),
            ("一天", "yi4 tian1"),
            ("十一", "shi2 yi1"),
            ("好的", "hao3 de5"),
        ] {
            assert_eq!(reader.read(text).join(" "), said, "{text}");
        }
    }

    #[test]
    fn every_character_gives_one_syllable() {
        let reader = PinyinReader::default();
        for text in ["我今天很高兴认识你", "鱻龘", "为什么"] {
            assert_eq!(reader.read(text).len(), text.chars().count(), "{text}");
        }
    }
}
