//! Connectionist temporal classification: from rows of log-probabilities to token ids, and from ids
//! back to the rows that spoke them. Pure; id 0 is the blank.

use std::ops::Range;

/// The id that stands for "nothing".
pub const BLANK: u32 = 0;

/// Rows of log-probabilities.
#[derive(Clone, Copy, Debug)]
pub struct LogProbs<'a> {
    values: &'a [f32],
    classes: usize,
}

impl<'a> LogProbs<'a> {
    /// Rows of `classes` values.
    ///
    /// # Panics
    /// When there are no classes.
    #[must_use]
    pub fn new(values: &'a [f32], classes: usize) -> Self {
        assert!(classes > 0, "log-probabilities without classes");
        Self { values, classes }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len() / self.classes
    }

    /// The rows from `first` on.
    #[must_use]
    pub fn from_row(&self, first: usize) -> Self {
        let begin = (first * self.classes).min(self.values.len());
        Self { values: &self.values[begin..], classes: self.classes }
    }

    pub(crate) fn row(&self, row: usize) -> &'a [f32] {
        &self.values[row * self.classes..(row + 1) * self.classes]
    }

    fn at(&self, row: usize, id: u32) -> f32 {
        self.row(row).get(id as usize).copied().unwrap_or(f32::NEG_INFINITY)
    }

    /// The most likely id of every row; the first of equals. `banned` is never chosen.
    #[must_use]
    pub fn best(&self, banned: Option<u32>) -> Vec<u32> {
        self.values
            .chunks_exact(self.classes)
            .map(|row| {
                let (mut best, mut highest) = (BLANK, f32::NEG_INFINITY);
                for (id, &value) in (0u32..).zip(row) {
                    if value > highest && banned != Some(id) {
                        (best, highest) = (id, value);
                    }
                }
                best
            })
            .collect()
    }
}

/// Merges equal neighbours and drops blanks.
#[must_use]
pub fn collapse(best: &[u32]) -> Vec<u32> {
    runs(best).into_iter().map(|(id, _)| id).collect()
}

/// Runs of equal ids, blanks left out, with their rows.
fn runs(best: &[u32]) -> Vec<(u32, Range<usize>)> {
    let mut runs: Vec<(u32, Range<usize>)> = Vec::new();
    let mut begin = 0;
    for run in best.chunk_by(|a, b| a == b) {
        if run[0] != BLANK {
            runs.push((run[0], begin..begin + run.len()));
        }
        begin += run.len();
    }
    runs
}

/// A token in time.
#[derive(Clone, Debug, PartialEq)]
pub struct Aligned {
    /// The id.
    pub id: u32,
    /// Rows that spoke it.
    pub rows: Range<usize>,
    /// Highest probability of the id in those rows.
    pub probability: f32,
}

/// The greedy reading with its rows.
#[must_use]
pub fn greedy(probs: LogProbs<'_>, banned: Option<u32>) -> Vec<Aligned> {
    runs(&probs.best(banned)).into_iter().map(|(id, rows)| aligned(probs, id, rows)).collect()
}

fn aligned(probs: LogProbs<'_>, id: u32, rows: Range<usize>) -> Aligned {
    let best = rows.clone().map(|row| probs.at(row, id)).fold(f32::NEG_INFINITY, f32::max);
    Aligned { id, rows, probability: best.exp().clamp(0.0, 1.0) }
}

/// Geometric mean of the tokens' probabilities; 0 when there are none.
#[must_use]
pub fn confidence(tokens: &[Aligned]) -> f32 {
    if tokens.is_empty() {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "an utterance has few tokens")]
    let count = tokens.len() as f32;
    let sum: f32 = tokens.iter().map(|token| token.probability.max(f32::MIN_POSITIVE).ln()).sum();
    (sum / count).exp()
}

/// The likeliest way of `ids` through the rows: one id (or blank) per row. Rows whose best id is the
/// blank take it at no cost, as in FunASR's alignment. `None` when the rows are too few.
#[must_use]
pub fn align(probs: LogProbs<'_>, ids: &[u32]) -> Option<Vec<u32>> {
    let rows = probs.rows();
    let repeats = ids.windows(2).filter(|pair| pair[0] == pair[1]).count();
    if rows < ids.len() + repeats {
        return None;
    }
    if ids.is_empty() {
        return Some(vec![BLANK; rows]);
    }
    // States: blank, id 0, blank, id 1, ... , blank.
    let states = 2 * ids.len() + 1;
    let id_of = |state: usize| if state.is_multiple_of(2) { BLANK } else { ids[state / 2] };
    let best = probs.best(None);
    let cost = |row: usize, state: usize| {
        let id = id_of(state);
        if id == BLANK && best[row] == BLANK { 0.0 } else { probs.at(row, id) }
    };
    let mut score = vec![f32::NEG_INFINITY; states];
    score[0] = cost(0, 0);
    score[1] = cost(0, 1);
    // How many states back each state was reached from: 0, 1 or 2.
    let mut steps = vec![0u8; rows * states];
    for row in 1..rows {
        // Downwards, so that the states below still hold the previous row.
        for state in (0..states).rev() {
            let mut from = (score[state], 0u8);
            if state >= 1 && score[state - 1] > from.0 {
                from = (score[state - 1], 1);
            }
            let may_skip = state % 2 == 1 && state >= 3 && id_of(state) != id_of(state - 2);
            if may_skip && score[state - 2] > from.0 {
                from = (score[state - 2], 2);
            }
            score[state] = from.0 + cost(row, state);
            steps[row * states + state] = from.1;
        }
    }
    let last = states - 1;
    let mut state = if score[last] >= score[last - 1] { last } else { last - 1 };
    if score[state] == f32::NEG_INFINITY {
        return None;
    }
    let mut labels = vec![BLANK; rows];
    for row in (0..rows).rev() {
        labels[row] = id_of(state);
        state -= usize::from(steps[row * states + state]);
    }
    Some(labels)
}

/// The tokens of one id per row, with their rows.
#[must_use]
pub fn tokens(probs: LogProbs<'_>, labels: &[u32]) -> Vec<Aligned> {
    runs(labels).into_iter().map(|(id, rows)| aligned(probs, id, rows)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Log-probabilities with 0.9 on the given ids.
    fn probs(best: &[usize], classes: usize) -> Vec<f32> {
        let mut values = vec![(0.1 / (classes - 1) as f32).ln(); best.len() * classes];
        for (row, &id) in best.iter().enumerate() {
            values[row * classes + id] = 0.9f32.ln();
        }
        values
    }

    #[test]
    fn equal_neighbours_merge_unless_a_blank_lies_between() {
        assert_eq!(collapse(&[0, 5, 5, 0, 5, 7, 7, 0]), [5, 5, 7]);
        assert_eq!(collapse(&[0, 0]), [0u32; 0]);
    }

    #[test]
    fn a_banned_id_gives_way_to_the_next_best() {
        let values = [0.1f32.ln(), 0.3f32.ln(), 0.6f32.ln()];
        assert_eq!(LogProbs::new(&values, 3).best(Some(2)), [1]);
    }

    #[test]
    fn confidence_is_that_of_the_rows_which_spoke() {
        let values = probs(&[0, 2, 2, 0, 1], 3);
        let tokens = greedy(LogProbs::new(&values, 3), None);
        assert_eq!(tokens.iter().map(|t| t.rows.clone()).collect::<Vec<_>>(), [1..3, 4..5]);
        assert!((confidence(&tokens) - 0.9).abs() < 1e-5);
        assert!(confidence(&[]) <= 0.0);
    }

    #[test]
    fn alignment_follows_the_rows_where_the_ids_are_likely() {
        let values = probs(&[0, 1, 0, 2, 2, 0], 4);
        let probs = LogProbs::new(&values, 4);
        assert_eq!(align(probs, &[1, 2]), Some(vec![0, 1, 0, 2, 2, 0]));
        // An id that was not heard still gets a row.
        assert_eq!(align(probs, &[1, 3, 2]).map(|labels| collapse(&labels)), Some(vec![1, 3, 2]));
    }

    #[test]
    fn a_repeated_id_needs_a_blank_between() {
        let values = probs(&[1, 1], 2);
        assert_eq!(align(LogProbs::new(&values, 2), &[1, 1]), None);
        let values = probs(&[1, 1, 1], 2);
        assert_eq!(align(LogProbs::new(&values, 2), &[1, 1]), Some(vec![1, 0, 1]));
    }

    #[test]
    fn nothing_said_is_all_blank() {
        let values = probs(&[0, 1], 2);
        assert_eq!(align(LogProbs::new(&values, 2), &[]), Some(vec![0, 0]));
    }
}
