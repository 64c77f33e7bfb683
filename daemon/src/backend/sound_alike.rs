//! Which entries of a recogniser's vocabulary sound alike: Chinese characters of one syllable, tones and
//! the differences that listeners commonly miss left aside.

use std::collections::HashMap;

use companion_asr::Wanted;
use companion_engine::ctc_force::TokenSets;
use companion_engine::sentencepiece::SentencePiece;
use pinyin::ToPinyinMulti as _;

/// Ids by syllable.
#[derive(Debug, Default)]
pub(super) struct SoundAlike(HashMap<String, Vec<u32>>);

/// A syllable without its tone, with zh, ch, sh as z, c, s and ng as n.
fn folded(syllable: &str) -> String {
    let plain: String = syllable.chars().filter(|c| !c.is_ascii_digit()).collect();
    let plain = plain.replace('ü', "v").replace("ng", "n");
    for (retroflex, flat) in [("zh", "z"), ("ch", "c"), ("sh", "s")] {
        if let Some(rest) = plain.strip_prefix(retroflex) {
            return format!("{flat}{rest}");
        }
    }
    plain
}

/// The character of a piece that is one, with or without the sign of a space before it.
fn character(piece: &str) -> Option<char> {
    let mut chars = piece.trim_start_matches('\u{2581}').chars();
    let c = chars.next()?;
    (chars.next().is_none() && !c.is_ascii()).then_some(c)
}

impl SoundAlike {
    /// The characters of a vocabulary by all their readings.
    pub(super) fn new(vocabulary: &SentencePiece) -> Self {
        let mut ids: HashMap<String, Vec<u32>> = HashMap::new();
        for id in 0..u32::try_from(vocabulary.len()).unwrap_or(u32::MAX) {
            let Some(c) = vocabulary.piece(id).and_then(|p| character(&p.text)) else { continue };
            let Some(readings) = c.to_pinyin_multi() else { continue };
            for reading in readings {
                let list = ids.entry(folded(reading.plain())).or_default();
                if !list.contains(&id) {
                    list.push(id);
                }
            }
        }
        Self(ids)
    }

    /// The tokens of each wanted one; none for what the vocabulary does not have.
    pub(super) fn tokens(&self, vocabulary: &SentencePiece, wanted: &Wanted) -> TokenSets {
        match wanted {
            Wanted::Syllable(pinyin) => self.0.get(&folded(pinyin)).cloned().into_iter().collect(),
            Wanted::Word(word) => {
                let pieces = vocabulary.encode(&word.to_lowercase()).unwrap_or_default();
                pieces.into_iter().map(|(id, _)| vec![id]).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listeners_miss_is_left_aside() {
        assert_eq!(folded("zhang1"), folded("zan4"));
        assert_eq!(folded("shi4"), folded("si1"));
        assert_ne!(folded("lan2"), folded("nan2"));
        assert_eq!(folded("lü4"), "lv");
    }
}
