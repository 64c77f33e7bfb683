//! When the phones of a clause sound, while its length is not known yet: an estimate from how long phones of a kind
//! usually are and how fast the voice was until now, set right when the clause ends. Pure.

use companion_types::{Viseme, VisemeShape, WordTime};

use crate::{clause_reader::ReadClause, viseme::shape_of_symbol};

/// Usual lengths in seconds, rounded from read speech at four to five syllables a second.
const CONSONANT: f64 = 0.07;
const VOWEL: f64 = 0.14;
const COMMA: f64 = 0.2;
const STOP: f64 = 0.25;
/// How much of the voice's pace the last clause decides.
const LEARNING: f64 = 0.3;

/// How fast a voice is, against the usual lengths.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace(f64);

impl Default for Pace {
    fn default() -> Self {
        Self(1.0)
    }
}

impl Pace {
    /// Learns from a clause of so many samples.
    fn learn(&mut self, usual: f64, seconds: f64) {
        if usual > 0.0 && seconds > 0.0 {
            let seen = (seconds / usual).clamp(0.25, 4.0);
            self.0 += (seen - self.0) * LEARNING;
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Phone {
    /// Usual time from the begin of the clause to its begin and end, seconds.
    start: f64,
    end: f64,
    text_end: usize,
    shape: VisemeShape,
    weight: f32,
}

/// The phones of a clause that is being spoken.
#[derive(Debug)]
pub struct PhoneTimes {
    phones: Vec<Phone>,
    rate: f64,
    /// Phones whose mouth shape, and whose word, were given.
    shaped: usize,
    worded: usize,
    /// Where the last word ended, samples.
    last: u64,
}

fn usual(symbol: &str) -> f64 {
    match symbol {
        "," | "-" | "SP" | "SP2" => COMMA,
        "." | "!" | "?" | "…" | "SP3" => STOP,
        _ if symbol.ends_with(|c: char| c.is_ascii_digit()) => VOWEL,
        _ => CONSONANT,
    }
}

impl PhoneTimes {
    /// The phones of `clause`, for samples of `rate` a second.
    #[must_use]
    pub fn new(clause: &ReadClause, rate: u32) -> Self {
        let mut at = 0.0;
        let phones = clause.phones().map(|(symbol, text_end)| {
            let start = at;
            at += usual(symbol);
            let (shape, weight) = shape_of_symbol(symbol);
            Phone { start, end: at, text_end, shape, weight }
        });
        let phones: Vec<Phone> = phones.collect();
        Self { phones, rate: f64::from(rate), shaped: 0, worded: 0, last: 0 }
    }

    /// How long the clause usually is, seconds.
    #[must_use]
    pub fn usual_s(&self) -> f64 {
        self.phones.last().map_or(0.0, |phone| phone.end)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clauses are short"
    )]
    fn sample(&self, usual: f64, pace: f64) -> u64 {
        (usual * pace * self.rate) as u64
    }

    /// What begins or ends in the first `samples` of the clause and was not given yet: words once they
    /// are over, mouth shapes once they begin.
    pub fn until(&mut self, samples: u64, pace: Pace) -> (Vec<WordTime>, Vec<Viseme>) {
        self.give(samples, pace.0, false)
    }

    /// The rest, when the clause turned out to have `samples`; `pace` learns from it.
    pub fn finish(&mut self, samples: u64, pace: &mut Pace) -> (Vec<WordTime>, Vec<Viseme>) {
        let length = self.usual_s();
        if length <= 0.0 {
            return (Vec::new(), Vec::new());
        }
        #[expect(clippy::cast_precision_loss, reason = "clauses are short")]
        let seconds = samples as f64 / self.rate;
        pace.learn(length, seconds);
        self.give(samples, seconds / length, true)
    }

    fn give(&mut self, samples: u64, pace: f64, all: bool) -> (Vec<WordTime>, Vec<Viseme>) {
        let mut visemes = Vec::new();
        while let Some(phone) = self.phones.get(self.shaped) {
            let at = self.sample(phone.start, pace);
            if at >= samples && !all {
                break;
            }
            let at = at.min(samples);
            visemes.push(Viseme { at, shape: phone.shape, weight: phone.weight });
            self.shaped += 1;
        }
        let mut words = Vec::new();
        while self.worded < self.phones.len() {
            let text_end = self.phones[self.worded].text_end;
            let same = |phone: &&Phone| phone.text_end == text_end;
            let count = self.phones[self.worded..].iter().take_while(same).count();
            let over = self.phones[self.worded + count - 1].end;
            let end = self.sample(over, pace);
            if end > samples && !all {
                break;
            }
            let end = end.clamp(self.last.min(samples), samples);
            let given = self.worded > 0 && self.phones[self.worded - 1].text_end == text_end;
            if text_end > 0 && !given {
                words.push(WordTime { text_end, start: self.last, end });
            }
            self.last = end;
            self.worded += count;
        }
        if all && let Some(word) = words.last_mut() {
            word.end = samples.max(word.start);
        }
        (words, visemes)
    }
}

#[cfg(test)]
mod tests {
    use companion_types::Language;

    use super::*;
    use crate::{clause_reader::Stretch, text::Phones};

    fn clause(phones: &[(&str, usize)]) -> ReadClause {
        let read = Phones {
            phones: phones.iter().map(|(p, _)| (*p).to_owned()).collect(),
            ..Phones::default()
        };
        let ends = phones.iter().map(|(_, end)| *end).collect();
        ReadClause { stretches: vec![Stretch { language: Language::Zh, read, ends }] }
    }

    const CLAUSE: [(&str, usize); 5] = [("n", 0), ("i3", 3), ("h", 3), ("ao3", 6), (".", 9)];

    #[test]
    fn words_are_given_once_they_are_over_and_all_of_them_in_the_end() {
        let mut times = PhoneTimes::new(&clause(&CLAUSE), 1000);
        let mut pace = Pace::default();
        let (words, visemes) = times.until(300, pace);
        assert_eq!(words, [WordTime { text_end: 3, start: 70, end: 280 }]);
        assert_eq!(visemes.len(), 4);
        let (words, _) = times.finish(800, &mut pace);
        assert_eq!(words.iter().map(|w| w.text_end).collect::<Vec<_>>(), [6, 9]);
        assert_eq!(words.last().unwrap().end, 800);
        assert!(words[0].start == 280 && words[0].end <= words[1].start);
        assert!(pace != Pace::default());
    }

    #[test]
    fn a_clause_shorter_than_thought_ends_its_words_with_itself() {
        let mut times = PhoneTimes::new(&clause(&CLAUSE), 1000);
        let mut pace = Pace::default();
        let (mut words, mut visemes) = times.until(500, pace);
        let (more, shapes) = times.finish(500, &mut pace);
        words.extend(more);
        visemes.extend(shapes);
        assert_eq!(words.iter().map(|w| w.text_end).collect::<Vec<_>>(), [3, 6, 9]);
        assert!(words.iter().all(|w| w.start <= w.end && w.end <= 500));
        assert!(words.is_sorted_by_key(|w| w.end) && visemes.iter().all(|v| v.at <= 500));
        assert_eq!(visemes.len(), CLAUSE.len());
    }

    #[test]
    fn a_slow_voice_is_learnt() {
        let mut pace = Pace::default();
        for _ in 0..20 {
            let mut times = PhoneTimes::new(&clause(&CLAUSE), 1000);
            let _ = times.finish(1340, &mut pace);
        }
        let mut times = PhoneTimes::new(&clause(&CLAUSE), 1000);
        let (words, _) = times.until(560, pace);
        assert_eq!(words.len(), 1, "{pace:?}");
        assert!((530..=560).contains(&words[0].end), "{words:?}");
    }
}
