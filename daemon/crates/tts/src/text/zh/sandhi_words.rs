//! The words that the rules of tones name one by one. Knows no rule.

use rustc_hash::FxHashSet;
use serde::Deserialize;

use crate::{TtsError, text::Lexicon};

/// Characters that count something, as Unicode has them (`Numeric_Type` is not None) from 一 to 龥.
const NUMERALS: &str = "一七万三九二五亖亿什仟仨伍佰億兆兩八六十千卄卅卌叁参參叄四壱壹幺廾廿弌弍弎弐拾捌柒漆玖百肆萬貮貳贰阡陆陌陸零";

/// Words with tones, or a 儿, of their own.
#[derive(Debug, Deserialize)]
pub(super) struct SandhiWords {
    /// Words whose last character has the neutral tone.
    pub(super) must_neutral: FxHashSet<String>,
    /// Words whose second character keeps its tone although a rule says otherwise.
    pub(super) must_not_neutral: FxHashSet<String>,
    /// Words whose 儿 joins the syllable before whatever their part of speech.
    pub(super) must_erhua: FxHashSet<String>,
    /// Words whose 儿 is a syllable of its own.
    pub(super) not_erhua: FxHashSet<String>,
    /// Marks before which 一 keeps its tone.
    #[serde(rename = "sandhi_punct")]
    marks: String,
}

impl SandhiWords {
    /// Reads the lists.
    pub(super) fn read(lexicon: &Lexicon) -> Result<Self, TtsError> {
        lexicon.json("zh_sandhi_words.json")
    }

    /// Whether a mark lets 一 before it keep its tone.
    pub(super) fn is_mark(&self, character: char) -> bool {
        self.marks.contains(character)
    }

    /// Whether a word, or its last two characters, end neutrally.
    pub(super) fn ends_neutrally(&self, word: &[char]) -> bool {
        let tail = &word[word.len().saturating_sub(2)..];
        self.must_neutral.contains(&word.iter().collect::<String>())
            || self.must_neutral.contains(&tail.iter().collect::<String>())
    }
}

/// Whether a character counts something.
pub(super) fn is_numeral(character: char) -> bool {
    character.is_ascii_digit() || NUMERALS.contains(character)
}
