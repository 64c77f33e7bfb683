//! How far rows of log-probabilities say the words they should: the likeliest way through them that speaks
//! given words (forced alignment, Viterbi over the states of connectionist temporal classification,
//! Graves et al. 2006), and how much likelier all ways are that leave a word out, say something else in its
//! place, say words twice or say something more. Each token of a word may stand for several ids, so that what
//! sounds alike counts as the same. Pure.

mod lattice;

use std::ops::Range;

use self::lattice::{Column, Lattice, Piece};
use crate::ctc::{BLANK, LogProbs};

/// Words that are said twice together at most, and tokens that are said more.
const LONGEST_REPEAT: usize = 3;
const LONGEST_MORE: usize = 3;

/// A word: its tokens, each a set of ids that count as it.
pub type TokenSets = Vec<Vec<u32>>;

/// What rows said of the words they should say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forced {
    /// The words in time.
    pub words: Vec<ForcedWord>,
    /// By how much it is likelier that something more is said before each word and behind the last one than that all
    /// is said as it should be, nats.
    pub more: Vec<f32>,
}

/// A word that should be said. Evidence is in nats, against all being said as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct ForcedWord {
    /// Its rows.
    pub rows: Range<usize>,
    /// Highest probability of each of its tokens in its rows, over all its ids together; the least of
    /// them.
    pub probability: f32,
    /// By how much it is likelier that all is said but this word.
    pub without: f32,
    /// By how much it is likelier that something else is said in its place.
    pub other: f32,
    /// By how much it is likelier that this word, or up to three words from it on, is said twice.
    pub again: f32,
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
    let rows = Rows::new(probs, &tokens);
    // Where each word begins and ends among the tokens.
    let mut ends = vec![0];
    ends.extend(words.iter().scan(0, |end, word| {
        *end += word.len();
        Some(*end)
    }));
    let path = rows.path()?;
    let alike = |a: usize, b: usize| a == b || rows.shared(a, b);
    let lattice = Lattice::new(&rows.blank, &rows.tokens, &alike);
    let whole = lattice.whole();
    let mut forced = Forced { words: rows.read(&path, &ends), more: Vec::new() };
    // Anything but the tokens around a place.
    let other = |end: usize, begin: usize| {
        rows.other(end.checked_sub(1).into_iter().chain(Some(begin).filter(|b| *b < tokens.len())))
    };
    for (word, found) in forced.words.iter_mut().enumerate() {
        let (start, end) = (ends[word], ends[word + 1]);
        found.without = lattice.with(start, &[], end) - whole;
        let column = other(start, end);
        // What is misheard may have other tokens, and another number of them.
        let counts = 1..=end - start + 1;
        let misheard = |count| lattice.with(start, &vec![Piece::Other(&column); count], end);
        found.other = counts.map(misheard).fold(f32::NEG_INFINITY, f32::max) - whole;
        for last in &ends[word + 1..=(word + LONGEST_REPEAT).min(words.len())] {
            let twice: Vec<Piece<'_>> = (start..*last).map(Piece::Own).collect();
            found.again = found.again.max(lattice.with(*last, &twice, *last) - whole);
        }
    }
    for place in ends {
        let column = other(place, place);
        let more = |count| lattice.with(place, &vec![Piece::Other(&column); count], place) - whole;
        forced.more.push((1..=LONGEST_MORE).map(more).fold(f32::NEG_INFINITY, f32::max));
    }
    Some(forced)
}

/// Log-probabilities of the blank, of each token and of the likeliest ids, row by row.
struct Rows<'a> {
    ids: &'a [&'a [u32]],
    blank: Column,
    tokens: Vec<Column>,
    /// The likeliest ids of each row but the blank.
    likeliest: Vec<Vec<(u32, f32)>>,
}

impl<'a> Rows<'a> {
    fn new(probs: LogProbs<'_>, ids: &'a [&'a [u32]]) -> Self {
        let rows = || (0..probs.rows()).map(|row| probs.row(row));
        let at = |row: &[f32], id: u32| row.get(id as usize).copied().unwrap_or(f32::NEG_INFINITY);
        let token = |ids: &&[u32]| {
            let sum = |row: &[f32]| ids.iter().map(|&id| at(row, id).exp()).sum::<f32>();
            rows().map(|row| sum(row).max(f32::MIN_POSITIVE).ln()).collect()
        };
        Self {
            ids,
            blank: rows().map(|row| at(row, BLANK)).collect(),
            tokens: ids.iter().map(token).collect(),
            likeliest: rows().map(first_of).collect(),
        }
    }

    /// Whether two tokens share an id.
    fn shared(&self, a: usize, b: usize) -> bool {
        self.ids[a].iter().any(|id| self.ids[b].contains(id))
    }

    /// Whatever is likeliest but the blank and what the tokens `beside` mean.
    fn other(&self, beside: impl Iterator<Item = usize>) -> Column {
        let beside: Vec<usize> = beside.collect();
        let allowed = |id: u32| !beside.iter().any(|token| self.ids[*token].contains(&id));
        let best = |row: &Vec<(u32, f32)>| {
            let least = row.last().map_or(f32::NEG_INFINITY, |(_, value)| *value);
            row.iter().find(|(id, _)| allowed(*id)).map_or(least, |(_, value)| *value)
        };
        self.likeliest.iter().map(best).collect()
    }

    /// Log-probability of a state: even ones are blanks, odd ones the tokens.
    fn at(&self, row: usize, state: usize) -> f32 {
        if state.is_multiple_of(2) { self.blank[row] } else { self.tokens[state / 2][row] }
    }

    /// The likeliest state of every row when all tokens are said.
    fn path(&self) -> Option<Vec<usize>> {
        let (rows, states) = (self.blank.len(), 2 * self.tokens.len() + 1);
        let mut score = vec![f32::NEG_INFINITY; states];
        if rows == 0 {
            return None;
        }
        for (state, score) in score.iter_mut().enumerate().take(2) {
            *score = self.at(0, state);
        }
        // How many states back each was reached from: 0, 1 or 2.
        let mut steps = vec![0u8; rows * states];
        for row in 1..rows {
            for state in (0..states).rev() {
                let mut from = (score[state], 0u8);
                if state >= 1 && score[state - 1] > from.0 {
                    from = (score[state - 1], 1);
                }
                let odd = !state.is_multiple_of(2);
                let skips = odd && state >= 3 && !self.shared(state / 2 - 1, state / 2);
                if skips && score[state - 2] > from.0 {
                    from = (score[state - 2], 2);
                }
                score[state] = from.0 + self.at(row, state);
                steps[row * states + state] = from.1;
            }
        }
        let last = states - 1;
        let mut state = if score[last] >= score[last - 1] { last } else { last - 1 };
        if score[state] == f32::NEG_INFINITY {
            return None;
        }
        let mut path = vec![0; rows];
        for row in (0..rows).rev() {
            path[row] = state;
            state -= usize::from(steps[row * states + state]);
        }
        Some(path)
    }

    /// Words of a path; `ends` are theirs among the tokens.
    fn read(&self, path: &[usize], ends: &[usize]) -> Vec<ForcedWord> {
        let mut words: Vec<ForcedWord> = Vec::new();
        let mut row = 0;
        for run in path.chunk_by(|a, b| a == b) {
            let rows = row..row + run.len();
            row = rows.end;
            if run[0].is_multiple_of(2) {
                continue;
            }
            let best = rows.clone().map(|r| self.at(r, run[0])).fold(f32::NEG_INFINITY, f32::max);
            let probability = best.exp().min(1.0);
            if ends[words.len()] == run[0] / 2 {
                let (without, other, again) =
                    (f32::NEG_INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY);
                words.push(ForcedWord { rows, probability, without, other, again });
            } else if let Some(word) = words.last_mut() {
                word.rows.end = rows.end;
                word.probability = word.probability.min(probability);
            }
        }
        words
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
    fn what_was_said_is_likelier_than_all_else() {
        let all = forced(&[0, 1, 1, 0, 2, 0, 3], &[&[1], &[2], &[3]]).unwrap();
        let found = all.words.iter().map(|t| t.rows.clone()).collect::<Vec<_>>();
        assert_eq!(found, [1..3, 4..5, 6..7]);
        for word in &all.words {
            assert!(word.without < -2.0 && word.other < 0.1 && word.again < -2.0, "{all:?}");
        }
        assert!(all.more.len() == 4 && all.more.iter().all(|more| *more < -1.0), "{all:?}");
        // Another id that sounds alike.
        let alike = forced(&[0, 5, 0, 2], &[&[1, 5], &[2]]).unwrap();
        assert!(alike.words[0].probability > 0.8 && alike.words[0].without < -2.0, "{alike:?}");
    }

    #[test]
    fn a_swallowed_word_is_the_one_that_is_likelier_absent() {
        let all = forced(&[0, 1, 0, 0, 3, 0], &[&[1], &[2], &[3]]).unwrap();
        assert!(all.words[1].probability < 0.1, "{all:?}");
        assert!(all.words[0].probability > 0.8 && all.words[2].probability > 0.8);
        let absent: Vec<bool> =
            all.words.iter().map(|w| w.without > 1.5 && w.without > w.other).collect();
        assert_eq!(absent, [false, true, false], "{all:?}");
    }

    #[test]
    fn a_misheard_word_is_another_and_not_absent() {
        let all = forced(&[0, 1, 0, 5, 5, 0, 3, 0], &[&[1], &[2], &[3]]).unwrap();
        assert!(all.words[1].other > 3.0 && all.words[1].without < all.words[1].other, "{all:?}");
        assert!(all.words[1].other > all.words[0].other + 2.0, "{all:?}");
        // A word of two tokens that is heard as one.
        let word = vec![vec![2], vec![4]];
        let probs = rows(&[0, 1, 0, 5, 0, 3]);
        let all = force(LogProbs::new(&probs, 8), &[vec![vec![1]], word, vec![vec![3]]]).unwrap();
        assert!(all.words[1].other > all.words[1].without + 2.0, "{all:?}");
    }

    #[test]
    fn what_is_said_between_is_more_than_was_wanted() {
        let all = forced(&[0, 1, 0, 4, 4, 0, 2], &[&[1], &[2]]).unwrap();
        assert!(all.more[1] > 3.0 && all.more[0] < 1.0 && all.more[2] < 1.0, "{all:?}");
        let all = forced(&[0, 4, 5, 0, 1, 0, 2], &[&[1], &[2]]).unwrap();
        assert!(all.more[0] > 5.0 && all.more[2] < 1.0, "{all:?}");
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
