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
    fn a_sentence_that_is_still_being_made_is_heard_as_far_as_it_came() {
        let mut ledger = HeardLedger::new();
        ledger.sentence(SentenceSeq(0), "one two");
        ledger.queued(SentenceSeq(0), 10, &[word(4, 0, 10)], false);
        assert_eq!(ledger.heard(10), "one ");
    }
}
