//! Low frame rate: `stack` neighbouring rows become one, and only every `skip`-th is kept.

/// How rows are stacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LowFrameRate {
    /// Rows stacked into one (m).
    pub stack: usize,
    /// Rows from one stack to the next (n).
    pub skip: usize,
}

impl LowFrameRate {
    /// Copies of the first row before it: a stack is centred on its row.
    #[must_use]
    pub fn padding(&self) -> usize {
        self.stack.saturating_sub(1) / 2
    }

    /// How many rows come out of `rows`.
    #[must_use]
    pub fn rows(&self, rows: usize) -> usize {
        rows.div_ceil(self.skip.max(1))
    }

    /// Which input row is the `part`-th of output row `row`, of `rows` input rows.
    #[must_use]
    pub fn source(&self, row: usize, part: usize, rows: usize) -> usize {
        (row * self.skip + part).saturating_sub(self.padding()).min(rows.saturating_sub(1))
    }

    /// Stacks whole rows of `dim` values.
    #[must_use]
    pub fn apply(&self, input: &[f32], dim: usize) -> Vec<f32> {
        let rows = input.len() / dim;
        let mut out = Vec::with_capacity(self.rows(rows) * self.stack * dim);
        for row in 0..self.rows(rows) {
            for part in 0..self.stack {
                let source = self.source(row, part, rows);
                out.extend_from_slice(&input[source * dim..(source + 1) * dim]);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edges_repeat_the_first_and_the_last_row() {
        let asr = LowFrameRate { stack: 7, skip: 6 };
        let input: Vec<f32> = (0..8u8).map(f32::from).collect();
        let out = asr.apply(&input, 1);
        assert_eq!(out, [0., 0., 0., 0., 1., 2., 3., 3., 4., 5., 6., 7., 7., 7.]);
    }

    #[test]
    fn one_row_fills_a_whole_stack() {
        let vad = LowFrameRate { stack: 5, skip: 1 };
        assert_eq!(vad.apply(&[2.0], 1), [2.0; 5]);
    }
}
