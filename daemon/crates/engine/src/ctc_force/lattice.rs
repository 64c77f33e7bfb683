//! All ways through rows of log-probabilities that say given tokens (the forward and backward variables of
//! connectionist temporal classification, Graves et al. 2006), and how likely all ways are that say something else in
//! one place of them. What lies before and behind that place is computed once for all such questions. Pure.

/// Log-probability of one token, row by row.
pub(super) type Column = Vec<f32>;

/// A token in place of others.
#[derive(Clone, Copy)]
pub(super) enum Piece<'a> {
    /// One of the lattice's own, by its place.
    Own(usize),
    /// Any other; two of these in a row need a blank between them, one and an own do not.
    Other(&'a [f32]),
}

/// Tokens in their rows.
pub(super) struct Lattice<'a> {
    blank: &'a [f32],
    tokens: &'a [Column],
    /// Whether two tokens need a blank between them.
    alike: &'a dyn Fn(usize, usize) -> bool,
    /// `[rows, 2 * tokens + 1]`: even states are blanks. Log-probability of all ways that are in a state after a row,
    /// and of all ways from it to the end.
    forward: Vec<f32>,
    backward: Vec<f32>,
}

/// ln(exp a + exp b).
fn either(a: f32, b: f32) -> f32 {
    let (more, less) = if a > b { (a, b) } else { (b, a) };
    if less == f32::NEG_INFINITY { more } else { more + (less - more).exp().ln_1p() }
}

impl<'a> Lattice<'a> {
    /// Of the blank and of `tokens`, which have as many rows.
    pub(super) fn new(
        blank: &'a [f32],
        tokens: &'a [Column],
        alike: &'a dyn Fn(usize, usize) -> bool,
    ) -> Self {
        let cells = blank.len() * (2 * tokens.len() + 1);
        let empty = vec![f32::NEG_INFINITY; cells];
        let mut lattice = Self { blank, tokens, alike, forward: empty.clone(), backward: empty };
        lattice.fill_forward();
        lattice.fill_backward();
        lattice
    }

    fn states(&self) -> usize {
        2 * self.tokens.len() + 1
    }

    fn at(&self, row: usize, state: usize) -> f32 {
        if state.is_multiple_of(2) { self.blank[row] } else { self.tokens[state / 2][row] }
    }

    /// Whether a token follows the one before it without a blank.
    fn skips(&self, state: usize) -> bool {
        let token = !state.is_multiple_of(2) && (3..self.states()).contains(&state);
        token && !(self.alike)(state / 2 - 1, state / 2)
    }

    fn fill_forward(&mut self) {
        let states = self.states();
        for row in 0..self.blank.len() {
            for state in 0..states {
                let before = |back: usize| {
                    let state = state.checked_sub(back)?;
                    Some(self.forward[row.checked_sub(1)? * states + state])
                };
                let mut from = before(0).unwrap_or(if state < 2 { 0.0 } else { f32::NEG_INFINITY });
                from = either(from, before(1).unwrap_or(f32::NEG_INFINITY));
                if self.skips(state) {
                    from = either(from, before(2).unwrap_or(f32::NEG_INFINITY));
                }
                self.forward[row * states + state] = from + self.at(row, state);
            }
        }
    }

    fn fill_backward(&mut self) {
        let (rows, states) = (self.blank.len(), self.states());
        for row in (0..rows).rev() {
            for state in 0..states {
                let after = |step: usize| {
                    if state + step >= states {
                        return f32::NEG_INFINITY;
                    }
                    self.backward[(row + 1) * states + state + step]
                        + self.at(row + 1, state + step)
                };
                self.backward[row * states + state] = if row + 1 == rows {
                    if state + 2 >= states { 0.0 } else { f32::NEG_INFINITY }
                } else {
                    let near = either(after(0), after(1));
                    if self.skips(state + 2) { either(near, after(2)) } else { near }
                };
            }
        }
    }

    /// Log-probability of all ways that say the tokens as they are.
    pub(super) fn whole(&self) -> f32 {
        let (Some(last), states) = (self.blank.len().checked_sub(1), self.states()) else {
            return f32::NEG_INFINITY;
        };
        let end = |back: usize| {
            states
                .checked_sub(1 + back)
                .map_or(f32::NEG_INFINITY, |s| self.forward[last * states + s])
        };
        either(end(0), end(1))
    }

    /// Log-probability of all ways that say the tokens up to `end`, then `pieces`, then the tokens from `begin` on.
    pub(super) fn with(&self, end: usize, pieces: &[Piece<'_>], begin: usize) -> f32 {
        let states = self.states();
        let needs_blank = |a: Option<Piece<'_>>, b: Piece<'_>| match (a, b) {
            (Some(Piece::Own(a)), Piece::Own(b)) => a == b || (self.alike)(a, b),
            (Some(Piece::Other(_)), Piece::Other(_)) => true,
            _ => false,
        };
        let of = |piece: Piece<'_>, row: usize| match piece {
            Piece::Own(token) => self.tokens[token][row],
            Piece::Other(column) => column[row],
        };
        // The last token before, its blank; each piece, its blank.
        let mut chain = vec![f32::NEG_INFINITY; 2 + 2 * pieces.len()];
        let mut before: Vec<Option<Piece<'_>>> = vec![end.checked_sub(1).map(Piece::Own)];
        before.extend(pieces.iter().map(|piece| Some(*piece)));
        if end == 0 {
            // Before the first row nothing was said yet.
            chain[1] = 0.0;
        }
        let next = (begin < self.tokens.len()).then_some(Piece::Own(begin));
        let mut all = f32::NEG_INFINITY;
        for row in 0..self.blank.len() {
            if let Some(next) = next {
                let last = chain.len() - 1;
                let mut from = chain[last];
                if !needs_blank(before[pieces.len()], next) {
                    from = either(from, chain[last - 1]);
                }
                let onward = self.backward[row * states + 2 * begin + 1];
                all = either(all, from + of(next, row) + onward);
            }
            for (place, piece) in pieces.iter().enumerate().rev() {
                let token = 2 + 2 * place;
                chain[token + 1] = either(chain[token + 1], chain[token]) + self.blank[row];
                let mut from = either(chain[token], chain[token - 1]);
                if !needs_blank(before[place], *piece) {
                    from = either(from, chain[token - 2]);
                }
                chain[token] = from + of(*piece, row);
            }
            let own = |state: usize| self.forward[row * states + state];
            chain[0] = if end == 0 { f32::NEG_INFINITY } else { own(2 * end - 1) };
            chain[1] = own(2 * end);
        }
        if next.is_none() {
            all = either(chain[chain.len() - 1], chain[chain.len() - 2]);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Six rows of five ids, different in each.
    fn columns() -> (Column, Vec<Column>) {
        let value = |id: usize, row: usize| -(((id * 7 + row * 5) % 11) as f32) / 3.0 - 0.5;
        let column = |id: usize| (0..6).map(|row| value(id, row)).collect::<Column>();
        (column(0), (1..5).map(column).collect())
    }

    fn never(_: usize, _: usize) -> bool {
        false
    }

    /// All ways that say a sequence of tokens, one by one.
    fn counted(blank: &[f32], tokens: &[Column], sequence: &[usize]) -> f32 {
        let rows = blank.len();
        let mut sum = 0.0_f64;
        for way in 0..(tokens.len() + 1).pow(rows as u32) {
            let ids: Vec<usize> = (0..rows)
                .map(|row| way / (tokens.len() + 1).pow(row as u32) % (tokens.len() + 1))
                .collect();
            let mut said: Vec<usize> = ids.clone();
            said.dedup();
            said.retain(|id| *id > 0);
            if said.iter().map(|id| id - 1).eq(sequence.iter().copied()) {
                let value = |(row, id): (usize, &usize)| {
                    if *id == 0 { blank[row] } else { tokens[id - 1][row] }
                };
                sum += f64::from(ids.iter().enumerate().map(value).sum::<f32>()).exp();
            }
        }
        sum.ln() as f32
    }

    #[test]
    fn all_ways_are_summed() {
        let (blank, tokens) = columns();
        let same = |a: usize, b: usize| a == b;
        let lattice = Lattice::new(&blank, &tokens[..3], &same);
        let close = |found: f32, sequence: &[usize]| {
            let want = counted(&blank, &tokens, sequence);
            assert!((found - want).abs() < 1e-3, "{sequence:?}: {found} {want}");
        };
        close(lattice.whole(), &[0, 1, 2]);
        // Left out: in the middle, first, last, all.
        close(lattice.with(1, &[], 2), &[0, 2]);
        close(lattice.with(0, &[], 1), &[1, 2]);
        close(lattice.with(2, &[], 3), &[0, 1]);
        close(lattice.with(0, &[], 3), &[]);
        // Said twice: one, two.
        close(lattice.with(2, &[Piece::Own(1)], 2), &[0, 1, 1, 2]);
        close(lattice.with(2, &[Piece::Own(0), Piece::Own(1)], 2), &[0, 1, 0, 1, 2]);
        // Another in place of one, before and behind all.
        let other = Piece::Other(&tokens[3]);
        close(lattice.with(1, &[other], 2), &[0, 3, 2]);
        close(lattice.with(0, &[other], 0), &[3, 0, 1, 2]);
        close(lattice.with(3, &[other, other], 3), &[0, 1, 2, 3, 3]);
    }

    #[test]
    fn too_few_rows_say_nothing() {
        let (blank, tokens) = columns();
        let short: Vec<Column> = tokens.iter().map(|c| c[..2].to_vec()).collect();
        let lattice = Lattice::new(&blank[..2], &short, &never);
        assert_eq!(lattice.whole(), f32::NEG_INFINITY);
        assert_eq!(Lattice::new(&[], &[], &never).whole(), f32::NEG_INFINITY);
    }
}
