//! How far rows of log-probabilities say the words they should: the likeliest way through them that speaks
//! given words (forced alignment, Viterbi over the states of connectionist temporal classification,
//! Graves et al. 2006), against the ways that leave a word out or say words twice, and against the
//! likeliest way of all. Each token of a word may stand for several ids, so that what sounds alike counts
//! as the same. Pure.

use std::ops::Range;

use crate::ctc::{BLANK, LogProbs};

/// Words that are said twice together at most.
const LONGEST_REPEAT: usize = 3;

/// A word: its tokens, each a set of ids that count as it.
pub type TokenSets = Vec<Vec<u32>>;

/// What rows said of the words they should say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forced {
    /// How much less likely the given words are than whatever is likeliest, in nats; 0 when these are
    /// the same.
    pub loss: f32,
    /// The words in time.
    pub words: Vec<ForcedWord>,
    /// Runs of rows between the words in which something else is likelier than nothing and than the
    /// words beside them.
    pub strays: Vec<Stray>,
}

/// A word that should be said.
#[derive(Clone, Debug, PartialEq)]
pub struct ForcedWord {
    /// Its rows.
    pub rows: Range<usize>,
    /// Highest probability of each of its tokens in its rows, over all its ids together; the least of
    /// them.
    pub probability: f32,
    /// What its rows lose against the likeliest, nats.
    pub loss: f32,
    /// By how much it is likelier that all is said but this word than that it, or something else in its
    /// place, is said, nats.
    pub absent: f32,
    /// By how much it is likelier that this word, or up to three words from it on, is said twice, nats.
    pub again: f32,
}

/// Something that was said and should not be.
#[derive(Clone, Debug, PartialEq)]
pub struct Stray {
    /// Its rows.
    pub rows: Range<usize>,
    /// What saying nothing in these rows loses against the likeliest, nats.
    pub loss: f32,
}

/// Speaks `words` through the rows. `None` when there are no words, the rows are too few for them, or a
/// word has no token or a token no id.
#[must_use]
pub fn force(probs: LogProbs<'_>, words: &[TokenSets]) -> Option<Forced> {
    let empty = |word: &TokenSets| word.is_empty() || word.iter().any(Vec::is_empty);
    if words.is_empty() || words.iter().any(empty) {
        return None;
    }
    let tokens: Vec<&[u32]> = words.iter().flatten().map(Vec::as_slice).collect();
    let mut costs = Costs::new(probs, &tokens);
    // Where each word begins and ends among the tokens.
    let mut ends = vec![0];
    ends.extend(words.iter().scan(0, |end, word| {
        *end += word.len();
        Some(*end)
    }));
    let all: Vec<usize> = (0..tokens.len()).collect();
    let (path, score) = costs.path(&all)?;
    let mut forced = costs.read(&path, &ends);
    let gain = |costs: &Costs, sequence: Vec<usize>| {
        costs.path(&sequence).map_or(f32::NEG_INFINITY, |(_, other)| other - score)
    };
    for (word, found) in forced.words.iter_mut().enumerate() {
        let (start, end) = (ends[word], ends[word + 1]);
        let without = gain(&costs, [&all[..start], &all[end..]].concat());
        let beside = [start.checked_sub(1), Some(end).filter(|end| *end < tokens.len())];
        let filler = costs.fill(beside.map(|t| t.map_or(&[][..], |t| tokens[t])));
        let filler = vec![filler; end - start];
        let other = gain(&costs, [&all[..start], &filler, &all[end..]].concat());
        found.absent = without - other.max(0.0);
        for last in word + 1..=(word + LONGEST_REPEAT).min(words.len()) {
            let twice = gain(&costs, [&all[..ends[last]], &all[start..]].concat());
            found.again = found.again.max(twice);
        }
    }
    Some(forced)
}

/// Log-probabilities of blank, of each token, and of the likeliest id, row by row.
struct Costs {
    rows: usize,
    tokens: usize,
    /// `[rows, tokens + 2]`: the blank first, last a token that stands for any other.
    values: Vec<f32>,
    best: Vec<f32>,
    /// The likeliest ids of each row but the blank.
    likeliest: Vec<Vec<(u32, f32)>>,
    /// Neighbours that share an id need a blank between them.
    same: Vec<bool>,
}

impl Costs {
    fn new(probs: LogProbs<'_>, tokens: &[&[u32]]) -> Self {
        let rows = probs.rows();
        let mut values = Vec::with_capacity(rows * (tokens.len() + 2));
        let mut best = Vec::with_capacity(rows);
        let mut likeliest = Vec::with_capacity(rows);
        for row in 0..rows {
            let row = probs.row(row);
            let at = |id: u32| row.get(id as usize).copied().unwrap_or(f32::NEG_INFINITY);
            values.push(at(BLANK));
            values.extend(tokens.iter().map(|ids| {
                let sum: f32 = ids.iter().map(|&id| at(id).exp()).sum();
                sum.max(f32::MIN_POSITIVE).ln()
            }));
            values.push(f32::NEG_INFINITY);
            best.push(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
            likeliest.push(first_of(row));
        }
        let shared = |a: &[u32], b: &[u32]| a.iter().any(|id| b.contains(id));
        let same = (0..tokens.len()).map(|t| t > 0 && shared(tokens[t - 1], tokens[t])).collect();
        Self { rows, tokens: tokens.len(), values, best, likeliest, same }
    }

    /// Makes the token that stands for any other mean all but what the tokens beside it mean; gives its
    /// place.
    fn fill(&mut self, beside: [&[u32]; 2]) -> usize {
        let width = self.tokens + 2;
        for (row, likeliest) in self.likeliest.iter().enumerate() {
            let other = likeliest.iter().find(|(id, _)| !beside.iter().any(|ids| ids.contains(id)));
            let least = likeliest.last().map_or(f32::NEG_INFINITY, |(_, value)| *value);
            self.values[row * width + width - 1] = other.map_or(least, |(_, value)| *value);
        }
        self.tokens
    }

    /// Log-probability of a state of `sequence`: even ones are blanks, odd ones its tokens.
    fn at(&self, row: usize, state: usize, sequence: &[usize]) -> f32 {
        let column = if state.is_multiple_of(2) { 0 } else { sequence[state / 2] + 1 };
        self.values[row * (self.tokens + 2) + column]
    }

    /// The likeliest state of every row when the tokens of `sequence` are said, and how likely that is.
    fn path(&self, sequence: &[usize]) -> Option<(Vec<usize>, f32)> {
        let states = 2 * sequence.len() + 1;
        // A neighbour that sounds the same needs a blank between.
        let joined = |state: usize| {
            let (before, token) = (sequence[state / 2 - 1], sequence[state / 2]);
            token < self.tokens && (before == token || self.same[token])
        };
        let mut score = vec![f32::NEG_INFINITY; states];
        if self.rows == 0 {
            return None;
        }
        for (state, score) in score.iter_mut().enumerate().take(2) {
            *score = self.at(0, state, sequence);
        }
        // How many states back each was reached from: 0, 1 or 2.
        let mut steps = vec![0u8; self.rows * states];
        for row in 1..self.rows {
            for state in (0..states).rev() {
                let mut from = (score[state], 0u8);
                if state >= 1 && score[state - 1] > from.0 {
                    from = (score[state - 1], 1);
                }
                let skips = state % 2 == 1 && state >= 3 && !joined(state);
                if skips && score[state - 2] > from.0 {
                    from = (score[state - 2], 2);
                }
                score[state] = from.0 + self.at(row, state, sequence);
                steps[row * states + state] = from.1;
            }
        }
        let last = states - 1;
        let mut state = if last == 0 || score[last] >= score[last - 1] { last } else { last - 1 };
        let likely = score[state];
        if likely == f32::NEG_INFINITY {
            return None;
        }
        let mut path = vec![0; self.rows];
        for row in (0..self.rows).rev() {
            path[row] = state;
            state -= usize::from(steps[row * states + state]);
        }
        Some((path, likely))
    }

    /// Words and strays of a path on which all tokens are said; `ends` are the words' among them.
    fn read(&self, path: &[usize], ends: &[usize]) -> Forced {
        let all: Vec<usize> = (0..self.tokens).collect();
        let mut forced = Forced::default();
        let lost = |row: usize| (self.best[row] - self.at(row, path[row], &all)).max(0.0);
        let mut row = 0;
        for run in path.chunk_by(|a, b| a == b) {
            let rows = row..row + run.len();
            row = rows.end;
            let loss: f32 = rows.clone().map(lost).sum();
            forced.loss += loss;
            if run[0].is_multiple_of(2) {
                forced.strays.extend(self.strays(rows, run[0] / 2));
                continue;
            }
            let best =
                rows.clone().map(|r| self.at(r, run[0], &all)).fold(f32::NEG_INFINITY, f32::max);
            let probability = best.exp().min(1.0);
            if ends[forced.words.len()] == run[0] / 2 {
                let (absent, again) = (f32::NEG_INFINITY, f32::NEG_INFINITY);
                forced.words.push(ForcedWord { rows, probability, loss, absent, again });
            } else if let Some(word) = forced.words.last_mut() {
                word.rows.end = rows.end;
                word.probability = word.probability.min(probability);
                word.loss += loss;
            }
        }
        forced
    }

    /// What is said in rows that should be silent, between token `next - 1` and token `next`.
    fn strays(&self, rows: Range<usize>, next: usize) -> Vec<Stray> {
        let width = self.tokens + 2;
        let beside = [next, next + 1];
        let loss = |row: usize| {
            // A neighbour that begins earlier or lasts longer is not something else.
            let neighbour = beside
                .iter()
                .filter(|column| (1..width - 1).contains(*column))
                .map(|column| self.values[row * width + column])
                .fold(self.values[row * width], f32::max);
            (self.best[row] - neighbour).max(0.0)
        };
        let mut strays: Vec<Stray> = Vec::new();
        for row in rows {
            let lost = loss(row);
            if lost <= 0.0 {
                continue;
            }
            match strays.last_mut() {
                Some(stray) if stray.rows.end == row => {
                    stray.rows.end = row + 1;
                    stray.loss += lost;
                }
                _ => strays.push(Stray { rows: row..row + 1, loss: lost }),
            }
        }
        strays
    }
}

/// The likeliest ids of a row but the blank, the likeliest first.
fn first_of(row: &[f32]) -> Vec<(u32, f32)> {
    const MOST: usize = 16;
    let mut first: Vec<(u32, f32)> = Vec::with_capacity(MOST + 1);
    for (id, &value) in (0u32..).zip(row) {
        let full = first.len() == MOST;
        if id == BLANK || full && first.last().is_some_and(|(_, least)| value <= *least) {
            continue;
        }
        let at = first.partition_point(|(_, other)| *other >= value);
        first.insert(at, (id, value));
        first.truncate(MOST);
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows with 0.9 on the given ids of eight.
    fn rows(best: &[usize]) -> Vec<f32> {
        let mut values = vec![(0.1f32 / 7.0).ln(); best.len() * 8];
        for (row, &id) in best.iter().enumerate() {
            values[row * 8 + id] = 0.9f32.ln();
        }
        values
    }

    fn forced(best: &[usize], tokens: &[&[u32]]) -> Option<Forced> {
        let words: Vec<TokenSets> = tokens.iter().map(|t| vec![t.to_vec()]).collect();
        force(LogProbs::new(&rows(best), 8), &words)
    }

    #[test]
    fn what_was_said_loses_nothing() {
        let all = forced(&[0, 1, 1, 0, 2, 0, 3], &[&[1], &[2], &[3]]).unwrap();
        assert!(all.loss < 1e-5 && all.strays.is_empty(), "{all:?}");
        assert_eq!(
            all.words.iter().map(|t| t.rows.clone()).collect::<Vec<_>>(),
            [1..3, 4..5, 6..7]
        );
        // Another id that sounds alike.
        let alike = forced(&[0, 5, 0, 2], &[&[1, 5], &[2]]).unwrap();
        assert!(alike.loss < 1e-5, "{alike:?}");
    }

    #[test]
    fn a_swallowed_token_is_the_one_that_loses() {
        let all = forced(&[0, 1, 0, 0, 3, 0], &[&[1], &[2], &[3]]).unwrap();
        assert!(all.words[1].probability < 0.1, "{all:?}");
        assert!(all.words[0].probability > 0.8 && all.words[2].probability > 0.8);
        assert!(all.loss > 3.0);
        let absent: Vec<bool> = all.words.iter().map(|w| w.absent > 2.0).collect();
        assert_eq!(absent, [false, true, false], "{all:?}");
    }

    #[test]
    fn a_misheard_word_is_not_absent() {
        let all = forced(&[0, 1, 0, 5, 5, 0, 3, 0], &[&[1], &[2], &[3]]).unwrap();
        assert!(all.words.iter().all(|w| w.absent < -2.0), "{all:?}");
    }

    #[test]
    fn what_is_said_between_is_a_stray() {
        let all = forced(&[0, 1, 0, 4, 4, 0, 2], &[&[1], &[2]]).unwrap();
        assert_eq!((all.strays.len(), all.strays[0].rows.clone()), (1, 3..5));
        assert!(all.strays[0].loss > 6.0, "{all:?}");
        // Said twice.
        let all = forced(&[0, 1, 0, 2, 0, 1, 0, 2], &[&[1], &[2]]).unwrap();
        assert!(all.loss > 6.0, "{all:?}");
    }

    #[test]
    fn a_word_said_twice_is_likelier_twice_than_once() {
        let all = forced(&[0, 1, 0, 1, 0, 2, 0], &[&[1], &[2]]).unwrap();
        assert!(all.words[0].again > 2.0 && all.words[1].again < 1.0, "{all:?}");
        // A word of two tokens.
        let word = vec![vec![1], vec![2]];
        let probs = rows(&[0, 1, 2, 0, 1, 2, 0, 3]);
        let all = force(LogProbs::new(&probs, 8), &[word, vec![vec![3]]]).unwrap();
        assert!(all.words[0].again > 4.0 && all.words[1].again < 1.0, "{all:?}");
        assert_eq!(all.words.len(), 2);
    }

    #[test]
    fn too_few_rows_or_no_id_say_nothing() {
        assert_eq!(forced(&[1], &[&[1], &[2]]), None);
        assert_eq!(forced(&[1, 2], &[&[1], &[]]), None);
        assert_eq!(forced(&[1, 2], &[]), None);
        assert_eq!(forced(&[1, 1], &[&[1], &[1]]), None);
    }
}
