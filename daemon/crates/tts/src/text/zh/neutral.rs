//! Which characters of a word lose their tone. Changes nothing but to the neutral tone.

use super::{
    readings::Sound,
    sandhi_words::{SandhiWords, is_numeral},
    tones::NEUTRAL,
};

/// Particles at the end of a clause, and those of modifiers.
const PARTICLES: &str = "吧呢哈啊呐噻嘛吖嗨哦哒额滴哩哟喽啰耶喔诶的地得";
/// Particles of aspect.
const ASPECTS: &str = "了着过";
/// Parts of speech of the particles of aspect.
const ASPECT_TAGS: [&str; 3] = ["ul", "uz", "ug"];
/// Verbs of direction that take 来 and 去.
const DIRECTIONS: &str = "上下进出回过起开";
/// Besides numerals, what counts with 个.
const COUNTING: &str = "几有两半多各整每做是";

/// Changes the tones of a word with part of speech `tag`, whose first part has `first` characters.
pub(super) fn change(
    word: &[char],
    tag: &str,
    first: usize,
    words: &SandhiWords,
    sounds: &mut [Sound],
) {
    let kept = words.must_not_neutral.contains(&word.iter().collect::<String>());
    if !kept && tag.starts_with(['n', 'v', 'a']) {
        for place in 1..word.len() {
            if word[place] == word[place - 1] {
                sounds[place].tone = NEUTRAL;
            }
        }
    }
    if let Some(place) = neutral_place(word, tag, kept, words) {
        sounds[place].tone = NEUTRAL;
    }
    let first = first.min(word.len());
    for (from, to) in [(0, first), (first, word.len())] {
        if from < to && words.ends_neutrally(&word[from..to]) {
            sounds[to - 1].tone = NEUTRAL;
        }
    }
}

/// The character that the first rule that applies makes neutral.
fn neutral_place(word: &[char], tag: &str, kept: bool, words: &SandhiWords) -> Option<usize> {
    let last = word.len().checked_sub(1)?;
    let end = word[last];
    let before = last.checked_sub(1).map(|place| word[place]);
    if PARTICLES.contains(end) || (last == 0 && ASPECTS.contains(end) && ASPECT_TAGS.contains(&tag))
    {
        return Some(last);
    }
    if let Some(before) = before
        && ("们子".contains(end) && matches!(tag, "r" | "n") && !kept
            || "上下里".contains(end) && matches!(tag, "s" | "l" | "f")
            || "来去".contains(end) && DIRECTIONS.contains(before))
    {
        return Some(last);
    }
    if let Some(place) = word.iter().position(|&c| c == '个') {
        let counted = |before: char| is_numeral(before) || COUNTING.contains(before);
        if last == 0 || (place > 0 && counted(word[place - 1])) {
            return Some(place);
        }
    }
    words.ends_neutrally(word).then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::lexicon::shipped;

    /// The places of `word` that become neutral, its first part being `first` characters.
    fn neutral(word: &str, tag: &str, first: usize) -> Vec<usize> {
        let words = SandhiWords::read(&shipped()).unwrap();
        let word: Vec<char> = word.chars().collect();
        let mut sounds = vec![Sound { syllable: "a".into(), tone: 1 }; word.len()];
        change(&word, tag, first, &words, &mut sounds);
        (0..word.len()).filter(|&place| sounds[place].tone == NEUTRAL).collect()
    }

    #[test]
    fn a_repeated_character_is_neutral_in_nouns_verbs_and_adjectives() {
        assert_eq!(neutral("奶奶", "n", 2), [1]);
        assert_eq!(neutral("试试", "v", 2), [1]);
        assert!(neutral("常常", "d", 2).is_empty());
        assert!(neutral("想想", "v", 2).is_empty());
    }

    #[test]
    fn particles_are_neutral() {
        assert_eq!(neutral("好吧", "y", 1), [1]);
        assert_eq!(neutral("我的", "r", 1), [1]);
        assert_eq!(neutral("了", "ul", 1), [0]);
        assert!(neutral("了", "v", 1).is_empty());
    }

    #[test]
    fn suffixes_are_neutral_by_part_of_speech() {
        assert_eq!(neutral("他们", "r", 2), [1]);
        assert_eq!(neutral("房子", "n", 2), [1]);
        assert!(neutral("原子", "n", 2).is_empty());
        assert_eq!(neutral("家里", "s", 2), [1]);
        assert!(neutral("家里", "n", 2).is_empty());
        assert_eq!(neutral("站起来", "v", 1), [2]);
    }

    #[test]
    fn the_measure_word_of_everything_is_neutral_where_it_counts() {
        assert_eq!(neutral("个", "q", 1), [0]);
        assert_eq!(neutral("三个", "m", 1), [1]);
        assert_eq!(neutral("几个", "m", 1), [1]);
        assert!(neutral("个体", "n", 2).is_empty());
    }

    #[test]
    fn listed_words_are_neutral_whole_and_as_parts() {
        assert_eq!(neutral("东西", "n", 2), [1]);
        assert_eq!(neutral("买东西", "v", 1), [2]);
        assert_eq!(neutral("东西方", "n", 2), [1]);
    }
}
