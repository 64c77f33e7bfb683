//! Which words of a reply were heard: the samples played against the times of the words.

use std::collections::BTreeMap;

use companion_types::{SentenceSeq, WordTime};

#[derive(Debug, Default)]
struct Spoken {
    text: String,
    /// First sample in the reply; known once the sentence began to be queued.
    start: Option<u64>,
    samples: u64,
    words: Vec<WordTime>,
    complete: bool,
}

/// Book-keeping of one reply: its sentences, their samples in playing order and their words.
#[derive(Debug, Default)]
pub struct HeardLedger {
    sentences: BTreeMap<SentenceSeq, Spoken>,
    queued: u64,
}

impl HeardLedger {
    /// An empty ledger.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes the text of a sentence.
    pub fn sentence(&mut self, seq: SentenceSeq, text: &str) {
        text.clone_into(&mut self.sentences.entry(seq).or_default().text);
    }

    /// Notes `samples` of a sentence put in the queue behind all earlier ones, with the words that
    /// begin in them (times counted from the sentence's start); `last` when no more will come.
    pub fn queued(&mut self, seq: SentenceSeq, samples: u64, words: &[WordTime], last: bool) {
        let start = self.queued;
        let sentence = self.sentences.entry(seq).or_default();
        sentence.start.get_or_insert(start);
        sentence.samples += samples;
        sentence.words.extend_from_slice(words);
        sentence.complete |= last;
        self.queued += samples;
    }

    /// Samples queued so far.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.queued
    }

    /// The sample at which the text from byte `at` on begins to sound, `at` counted over the texts of all
    /// sentences: the start of the word that holds or follows the place, else the end of its sentence.
    /// `None` while that is not queued.
    #[must_use]
    pub fn sounds_at(&self, at: usize) -> Option<u64> {
        let mut before = 0;
        let last = self.sentences.len().checked_sub(1)?;
        for (n, sentence) in self.sentences.values().enumerate() {
            let end = before + sentence.text.len();
            if at < end || n == last {
                let start = sentence.start?;
                let inside = at.saturating_sub(before);
                let word = sentence.words.iter().find(|w| w.text_end > inside);
                return match word {
                    Some(word) => Some(start + word.start),
                    None => sentence.complete.then_some(start + sentence.samples),
                };
            }
            before = end;
        }
        None
    }

    /// The end of the sentence that sounds when `played` samples had left; `None` while it is not known,
    /// or when nothing is queued behind `played`.
    #[must_use]
    pub fn border_after(&self, played: u64) -> Option<u64> {
        let mut sentences = self.sentences.values().filter_map(|s| Some((s.start?, s)));
        let sounding = sentences.find(|(start, s)| *start + s.samples > played);
        sounding.filter(|(_, s)| s.complete).map(|(start, s)| start + s.samples)
    }

    /// The text whose sound had been played to its end when `played` samples of the reply had left.
    /// A word that was cut counts as not heard. A sentence with nothing to sound counts as heard
    /// when something behind it was.
    #[must_use]
    pub fn heard(&self, played: u64) -> String {
        let mut text = String::new();
        let mut silent = String::new();
        for sentence in self.sentences.values() {
            let Some(start) = sentence.start.filter(|start| *start <= played) else { break };
            let here = played - start;
            if sentence.samples == 0 {
                silent.push_str(&sentence.text);
                continue;
            }
            if sentence.complete && here >= sentence.samples {
                text.push_str(&std::mem::take(&mut silent));
                text.push_str(&sentence.text);
                continue;
            }
            let end = sentence.words.iter().filter(|w| w.end <= here).map(|w| w.text_end).max();
            if let Some(part) = end.and_then(|end| sentence.text.get(..end)) {
                text.push_str(&std::mem::take(&mut silent));
                text.push_str(part);
            }
            break;
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text_end: usize, start: u64, end: u64) -> WordTime {
        WordTime { text_end, start, end }
    }

    fn ledger() -> HeardLedger {
        let mut ledger = HeardLedger::new();
        ledger.sentence(SentenceSeq(0), "你好，");
        ledger.queued(SentenceSeq(0), 100, &[word(3, 0, 50), word(9, 50, 100)], true);
        ledger.sentence(SentenceSeq(1), "nice to meet you.");
        ledger.queued(SentenceSeq(1), 60, &[word(5, 0, 30), word(8, 30, 60)], false);
        ledger.queued(SentenceSeq(1), 60, &[word(13, 60, 90), word(17, 90, 120)], true);
        ledger
    }

    #[test]
    fn every_cut_point_keeps_exactly_the_words_played_to_their_end() {
        let ledger = ledger();
        for (played, heard) in [
            (0, ""),
            (49, ""),
            (50, "你"),
            (99, "你"),
            (100, "你好，"),
            (129, "你好，"),
            (130, "你好，nice "),
            (189, "你好，nice to "),
            (190, "你好，nice to meet "),
            (220, "你好，nice to meet you."),
            (9999, "你好，nice to meet you."),
        ] {
            assert_eq!(ledger.heard(played), heard, "{played}");
        }
    }

    #[test]
    fn a_place_of_the_text_sounds_with_the_word_that_follows_it() {
        let ledger = ledger();
        // "你好，nice to meet you."
        for (at, sample) in [
            (0, Some(0)),
            (3, Some(50)),
            (9, Some(100)),
            (11, Some(100)),
            (14, Some(130)),
            (17, Some(160)),
            (22, Some(190)),
            (26, Some(220)),
        ] {
            assert_eq!(ledger.sounds_at(at), sample, "{at}");
        }
        let mut growing = HeardLedger::new();
        growing.sentence(SentenceSeq(0), "one two");
        assert_eq!(growing.sounds_at(0), None);
        growing.queued(SentenceSeq(0), 10, &[word(4, 0, 10)], false);
        assert_eq!((growing.sounds_at(0), growing.sounds_at(4)), (Some(0), None));
        growing.queued(SentenceSeq(0), 10, &[], true);
        assert_eq!(growing.sounds_at(4), Some(20));
    }

    #[test]
    fn the_border_is_the_end_of_what_sounds() {
        let ledger = ledger();
        for (played, border) in
            [(0, Some(100)), (99, Some(100)), (100, Some(220)), (219, Some(220)), (220, None)]
        {
            assert_eq!(ledger.border_after(played), border, "{played}");
        }
        let mut growing = HeardLedger::new();
        growing.sentence(SentenceSeq(0), "one two");
        growing.queued(SentenceSeq(0), 10, &[word(4, 0, 10)], false);
        assert_eq!(growing.border_after(5), None);
    }

    #[test]
    fn a_sentence_that_is_still_being_made_is_heard_as_far_as_it_came() {
        let mut ledger = HeardLedger::new();
        ledger.sentence(SentenceSeq(0), "one two");
        ledger.queued(SentenceSeq(0), 10, &[word(4, 0, 10)], false);
        assert_eq!(ledger.heard(10), "one ");
    }
}
