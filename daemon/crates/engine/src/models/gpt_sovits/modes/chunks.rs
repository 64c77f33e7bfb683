//! Where GPT-SoVITS cuts a stream of semantic codes into chunks. Pure.

use super::Cut;

/// Codes that are looked at beyond the least number before a pause is searched (the reference's).
const BEYOND: usize = 2;

/// A stream being cut.
#[derive(Clone, Debug)]
pub(super) struct Chunks<'a> {
    cut: Cut,
    /// How much every code is like silence, −1 to 1.
    likeness: &'a [f32],
    /// Codes since the last cut.
    waiting: Vec<u32>,
}

impl<'a> Chunks<'a> {
    /// A stream at its beginning; `likeness` holds, for every code, how much it is like silence (−1
    /// to 1).
    pub(super) fn new(cut: Cut, likeness: &'a [f32]) -> Self {
        Self { cut, likeness, waiting: Vec::new() }
    }

    /// Takes a code and gives the chunk that it completes.
    pub(super) fn push(&mut self, code: u32) -> Option<Vec<u32>> {
        self.waiting.push(code);
        match self.cut {
            Cut::Every(codes) if self.waiting.len() >= codes => {
                Some(std::mem::take(&mut self.waiting))
            }
            Cut::Every(_) => None,
            Cut::Pause(least) => {
                let end = self.pause(least)?;
                let behind = self.waiting[end..].to_vec();
                Some(std::mem::replace(&mut self.waiting, behind))
            }
        }
    }

    /// What waits when the stream ends.
    pub(super) fn rest(self) -> Vec<u32> {
        self.waiting
    }

    /// Codes up to and with the one that is, with its successor, most like silence; none if those
    /// are not like silence, or too few.
    fn pause(&self, least: usize) -> Option<usize> {
        if self.waiting.len() < least + BEYOND {
            return None;
        }
        let like = |code: &u32| match self.likeness.get(*code as usize) {
            Some(likeness) if *likeness >= 0.0 => *likeness,
            _ => -1.0,
        };
        let mut best = (0, f32::NEG_INFINITY);
        for (at, code) in self.waiting.iter().enumerate() {
            let score = like(code) + self.waiting.get(at + 1).map_or(0.0, like);
            if score > best.1 {
                best = (at + 1, score);
            }
        }
        (best.1 >= 0.0 && best.0 >= least).then_some(best.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes 0 and 1 are unlike silence, 2 is a little like it, 3 is silence.
    const LIKENESS: [f32; 4] = [-0.5, -0.1, 0.2, 1.0];

    fn cut(cut: Cut, codes: &[u32]) -> (Vec<Vec<u32>>, Vec<u32>) {
        let mut chunks = Chunks::new(cut, &LIKENESS);
        let done = codes.iter().filter_map(|code| chunks.push(*code)).collect();
        (done, chunks.rest())
    }

    #[test]
    fn fixed_chunks_leave_a_rest_that_may_be_empty() {
        let (done, rest) = cut(Cut::Every(2), &[0, 1, 2, 3, 0]);
        assert_eq!((done, rest), (vec![vec![0, 1], vec![2, 3]], vec![0]));
        assert_eq!(cut(Cut::Every(2), &[0, 1]).1, Vec::<u32>::new());
    }

    #[test]
    fn a_pause_is_cut_once_two_codes_more_than_the_least_are_there() {
        assert_eq!(cut(Cut::Pause(2), &[0, 3, 3]).0, Vec::<Vec<u32>>::new());
        assert_eq!(cut(Cut::Pause(2), &[0, 3, 3, 0]).1, [3, 0]);
    }

    #[test]
    fn a_pause_before_the_least_number_of_codes_is_no_cut() {
        let codes = [3, 3, 0, 0, 0, 2, 2];
        assert_eq!(cut(Cut::Pause(3), &codes), (vec![], codes.to_vec()));
    }

    #[test]
    fn codes_unlike_silence_are_never_cut() {
        assert_eq!(cut(Cut::Pause(1), &[0, 1, 0, 1, 0, 1]).0, Vec::<Vec<u32>>::new());
    }

    #[test]
    fn codes_behind_a_pause_are_in_both_chunks_as_in_the_reference() {
        assert_eq!(cut(Cut::Pause(2), &[0, 2, 2, 1]), (vec![vec![0, 2, 2, 1]], vec![2, 1]));
    }
}
