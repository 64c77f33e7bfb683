//! How far stretches of a clip say the same thing twice: filterbank rows are compared with those a lag later, as
//! self-similarity matrices do (Foote, "Visualizing Music and Audio using Self-Similarity", 1999). Pure.

use std::ops::Range;

use super::Features;

// The bounds below fit rows of 10 ms; they were chosen on the dev sentences of the starter ears.

/// Shortest and longest lag from the first saying to the second, rows.
const SHORTEST: usize = 7;
const LONGEST: usize = 55;
/// Rows quieter than the clip's loud ones by more than this are no speech, nats of the mean over all filters.
const QUIET: f32 = 8.0;
/// Values further below the clip's highest one count as so far below it, nats.
const DEPTH: f32 = 14.0;

/// How alike the rows of a clip are to later ones.
#[derive(Debug)]
pub struct Recurrence {
    rows: usize,
    /// By lag less one and row: cosines of all rows before it with the rows a lag later, summed; silence is like nothing.
    sums: Vec<Vec<f32>>,
}

impl Recurrence {
    /// Compares the filterbank rows of a clip; lags are made for rows of 10 ms.
    #[must_use]
    pub fn new(fbank: &Features) -> Self {
        let rows = directions(fbank);
        let cosine = |a: &Option<Vec<f32>>, b: &Option<Vec<f32>>| match (a, b) {
            (Some(a), Some(b)) => a.iter().zip(b).map(|(a, b)| a * b).sum(),
            _ => 0.0,
        };
        let sums = (1..=LONGEST).map_while(|lag| {
            let pairs = rows.iter().zip(rows.get(lag..)?);
            Some(running(pairs.map(|(a, b)| cosine(a, b))))
        });
        Self { rows: rows.len(), sums: sums.collect() }
    }

    /// By how much rows of a stretch are more like those a lag later than like those in between, at the place and lag
    /// where that is most: near 1 for a word said twice, less for one said once, where what is nearer is more alike. -1
    /// where nothing can be twice.
    #[must_use]
    pub fn within(&self, stretch: Range<usize>) -> f32 {
        let end = stretch.end.min(self.rows);
        let length = end.saturating_sub(stretch.start);
        let mut most = -1.0f32;
        for lag in SHORTEST..=LONGEST.min(length / 2) {
            for row in stretch.start..=end - 2 * lag {
                let twice = self.mean(lag, row, lag);
                // What is in between can only make it less.
                if twice > most {
                    let between = (lag / 3..=2 * lag / 3).map(|e| self.mean(e, row, 2 * lag - e));
                    most = most.max(twice - between.fold(1.0, f32::min).max(0.0));
                }
            }
        }
        most
    }

    /// Mean cosine of `count` rows from `row` on with those a lag later.
    #[expect(clippy::cast_precision_loss, reason = "clips are short")]
    fn mean(&self, lag: usize, row: usize, count: usize) -> f32 {
        let sums = &self.sums[lag - 1];
        (sums[row + count] - sums[row]) / count as f32
    }
}

/// The sums of all values before each, and of all.
fn running(values: impl Iterator<Item = f32>) -> Vec<f32> {
    let mut sum = 0.0;
    let later = values.map(|value| {
        sum += value;
        sum
    });
    std::iter::once(0.0).chain(later).collect()
}

/// Rows of speech less the mean of all of them, of length 1; none for silence.
#[expect(clippy::cast_precision_loss, reason = "clips are short")]
fn directions(fbank: &Features) -> Vec<Option<Vec<f32>>> {
    let rows = || fbank.values.chunks_exact(fbank.dim.max(1));
    let loudness: Vec<f32> = rows().map(|row| row.iter().sum::<f32>() / row.len() as f32).collect();
    let mut sorted = loudness.clone();
    sorted.sort_by(f32::total_cmp);
    let Some(loud) = sorted.get(sorted.len() * 19 / 20) else { return Vec::new() };
    let highest = fbank.values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let spoken = || rows().zip(&loudness).map(|(row, loudness)| (row, *loudness > loud - QUIET));
    let value = |value: &f32| value.max(highest - DEPTH);
    let mut mean = vec![0.0f32; fbank.dim];
    for (row, _) in spoken().filter(|(_, spoken)| *spoken) {
        mean.iter_mut().zip(row).for_each(|(mean, v)| *mean += value(v));
    }
    let count = spoken().filter(|(_, spoken)| *spoken).count().max(1) as f32;
    let direction = |row: &[f32]| {
        let apart: Vec<f32> = row.iter().zip(&mean).map(|(v, m)| value(v) - m / count).collect();
        let length = apart.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-6);
        apart.into_iter().map(|v| v / length).collect()
    };
    spoken().map(|(row, spoken)| spoken.then(|| direction(row))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that wander: each number is a direction of its own, two rows long, between them silence (0).
    fn clip(said: &[usize]) -> Features {
        let mut values = Vec::new();
        for &one in said.iter().flat_map(|one| [one, one]) {
            let mut row = vec![if one == 0 { -16.0 } else { 0.0f32 }; 12];
            if one > 0 {
                row[one] = 6.0;
            }
            values.extend(row);
        }
        Features { dim: 12, values }
    }

    #[test]
    fn what_is_said_twice_is_told_from_what_is_said_once() {
        let twice = Recurrence::new(&clip(&[1, 2, 3, 4, 5, 6, 3, 4, 5, 6, 7, 8]));
        let once = Recurrence::new(&clip(&[1, 2, 3, 4, 5, 6, 9, 10, 11, 0, 7, 8]));
        assert!(twice.within(0..24) > 0.7, "{twice:?}");
        assert!(once.within(0..24) < 0.3, "{once:?}");
        // Only in its own place.
        assert!(twice.within(0..12) < 0.3, "{twice:?}");
    }

    #[test]
    fn one_long_sound_is_no_word_said_twice() {
        let vowel = Recurrence::new(&clip(&[1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 4]));
        assert!(vowel.within(0..24) < 0.3, "{vowel:?}");
    }

    #[test]
    fn silence_is_not_like_itself() {
        let clip = Recurrence::new(&clip(&[1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 3, 4]));
        assert!(clip.within(4..20) < 0.1, "{clip:?}");
    }

    #[test]
    fn too_little_holds_nothing_twice() {
        assert_eq!(Recurrence::new(&Features::empty(80)).within(0..9), -1.0);
        assert_eq!(Recurrence::new(&clip(&[1, 2, 3])).within(0..6), -1.0);
        let (start, end) = (9, 3);
        assert_eq!(Recurrence::new(&clip(&[1, 2, 3, 4, 5, 6, 7, 8])).within(start..end), -1.0);
    }
}
