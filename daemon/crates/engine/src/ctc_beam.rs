//! CTC prefix beam search with a language model in the sum (A. Hannun et al., "First-Pass Large
//! Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent DNNs", 2014): the best
//! token sequence by ln p(acoustics) + weight · ln p(language model) + bonus · length. Pure.

use rustc_hash::FxHashMap;

use crate::{
    ctc::{BLANK, LogProbs},
    ngram::{NgramModel, NgramState},
};

/// How a search weighs and prunes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BeamSettings {
    /// Prefixes kept after each row.
    pub beam: usize,
    /// Weight of the language model's ln probability.
    pub weight: f32,
    /// Added for each token, against the language model's liking for short texts.
    pub bonus: f32,
    /// Tokens whose ln probability lies further than this below the row's best are not tried.
    pub depth: f32,
}

impl Default for BeamSettings {
    fn default() -> Self {
        Self { beam: 16, weight: 0.5, bonus: 0.5, depth: 9.0 }
    }
}

/// Tokens tried per row at most.
const MOST_TOKENS: usize = 24;

#[derive(Clone, Copy, Debug)]
struct Prefix {
    parent: u32,
    token: u32,
    /// Weighted sum of language model and bonus.
    extra: f32,
    state: NgramState,
}

/// ln probabilities of a prefix over all its alignments: those ending in a blank, and the others.
#[derive(Clone, Copy, Debug)]
struct Mass {
    blank: f32,
    token: f32,
}

const NOTHING: Mass = Mass { blank: f32::NEG_INFINITY, token: f32::NEG_INFINITY };

impl Mass {
    fn total(self) -> f32 {
        add(self.blank, self.token)
    }
}

/// ln(eᵃ + eᵇ).
fn add(a: f32, b: f32) -> f32 {
    let (high, low) = if a > b { (a, b) } else { (b, a) };
    if low == f32::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

struct Search<'a> {
    model: &'a NgramModel,
    settings: BeamSettings,
    prefixes: Vec<Prefix>,
    known: FxHashMap<(u32, u32), u32>,
}

impl Search<'_> {
    /// The prefix `parent` followed by `token`.
    fn extend(&mut self, parent: u32, token: u32) -> u32 {
        if let Some(&found) = self.known.get(&(parent, token)) {
            return found;
        }
        let from = self.prefixes[parent as usize];
        let (ln, state) = self.model.next(from.state, token);
        let extra = from.extra + self.settings.weight * ln + self.settings.bonus;
        #[expect(clippy::cast_possible_truncation, reason = "rows × beam × tokens fit")]
        let number = self.prefixes.len() as u32;
        self.prefixes.push(Prefix { parent, token, extra, state });
        self.known.insert((parent, token), number);
        number
    }

    fn score(&self, prefix: u32, mass: Mass) -> f32 {
        mass.total() + self.prefixes[prefix as usize].extra
    }

    /// One row on: every kept prefix stays or grows by one of `tokens` (ln probability, id).
    fn row(&mut self, kept: &[(u32, Mass)], blank: f32, tokens: &[(f32, u32)]) -> Vec<(u32, Mass)> {
        let mut next: FxHashMap<u32, Mass> = FxHashMap::default();
        for &(prefix, mass) in kept {
            let total = mass.total();
            let stay = next.entry(prefix).or_insert(NOTHING);
            stay.blank = add(stay.blank, total + blank);
            let last = self.prefixes[prefix as usize].token;
            for &(ln, token) in tokens {
                // A repeated token is the same one, unless a blank lies between.
                let grows = if token == last && prefix != 0 {
                    let stay = next.entry(prefix).or_insert(NOTHING);
                    stay.token = add(stay.token, mass.token + ln);
                    mass.blank
                } else {
                    total
                };
                if grows > f32::NEG_INFINITY {
                    let grown = self.extend(prefix, token);
                    let entry = next.entry(grown).or_insert(NOTHING);
                    entry.token = add(entry.token, grows + ln);
                }
            }
        }
        let mut next: Vec<(f32, u32, Mass)> =
            next.into_iter().map(|(p, mass)| (self.score(p, mass), p, mass)).collect();
        // The number breaks ties, so that a search gives the same each time.
        next.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        next.truncate(self.settings.beam.max(1));
        next.into_iter().map(|(_, prefix, mass)| (prefix, mass)).collect()
    }

    fn tokens(&self, mut prefix: u32) -> Vec<u32> {
        let mut ids = Vec::new();
        while prefix != 0 {
            let found = self.prefixes[prefix as usize];
            ids.push(found.token);
            prefix = found.parent;
        }
        ids.reverse();
        ids
    }
}

/// The likely tokens of a row, best first, the blank left out.
fn candidates(row: &[f32], depth: f32, allowed: &dyn Fn(u32) -> bool) -> Vec<(f32, u32)> {
    let best = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut found: Vec<(f32, u32)> = (0u32..)
        .zip(row)
        .filter(|&(id, &ln)| id != BLANK && ln >= best - depth && allowed(id))
        .map(|(id, &ln)| (ln, id))
        .collect();
    found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    found.truncate(MOST_TOKENS);
    found
}

/// The best token sequence; `allowed` says which ids may be in it.
#[must_use]
pub fn search(
    probs: LogProbs<'_>,
    model: &NgramModel,
    settings: BeamSettings,
    allowed: &dyn Fn(u32) -> bool,
) -> Vec<u32> {
    let root = Prefix { parent: 0, token: BLANK, extra: 0.0, state: model.begin() };
    let mut search = Search { model, settings, prefixes: vec![root], known: FxHashMap::default() };
    let mut kept = vec![(0, Mass { blank: 0.0, token: f32::NEG_INFINITY })];
    for row in 0..probs.rows() {
        let values = probs.row(row);
        let tokens = candidates(values, settings.depth, allowed);
        kept = search.row(&kept, values[BLANK as usize], &tokens);
    }
    let ended = |&(prefix, mass): &(u32, Mass)| {
        let state = search.prefixes[prefix as usize].state;
        search.score(prefix, mass) + settings.weight * model.end(state)
    };
    let best = kept.iter().max_by(|a, b| ended(a).total_cmp(&ended(b)));
    best.map(|&(prefix, _)| search.tokens(prefix)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens 1, 2, 3 are "a", "b", "c"; after "a" comes "b".
    fn model() -> NgramModel {
        let arpa = "\\data\\\nngram 1=6\nngram 2=2\n\n\\1-grams:\n-99 <s> -0.1\n-0.7 </s>\n-3 <unk>\n\
            -0.6 a -0.5\n-0.9 b -0.1\n-0.9 c -0.1\n\n\\2-grams:\n-0.05 a b\n-1.5 a c\n\\end\\\n";
        let id = |t: &str| ["a", "b", "c"].iter().position(|x| *x == t).map(|at| at as u32 + 1);
        NgramModel::parse(&mut arpa.as_bytes(), &id).unwrap()
    }

    fn rows(rows: &[[f32; 4]]) -> Vec<f32> {
        rows.iter().flatten().map(|p| p.ln()).collect()
    }

    fn best(values: &[f32], weight: f32) -> Vec<u32> {
        let settings = BeamSettings { weight, bonus: 0.0, ..BeamSettings::default() };
        search(LogProbs::new(values, 4), &model(), settings, &|_| true)
    }

    #[test]
    fn without_weight_the_acoustics_decide_and_with_it_the_model_does() {
        let values = rows(&[[0.1, 0.7, 0.1, 0.1], [0.7, 0.1, 0.1, 0.1], [0.1, 0.05, 0.4, 0.45]]);
        assert_eq!(best(&values, 0.0), [1, 3]);
        assert_eq!(best(&values, 0.5), [1, 2]);
    }

    #[test]
    fn all_alignments_of_a_text_count() {
        // The best single path is blank, blank (0.36); "a" has 0.16 + 0.24 + 0.24.
        let values = rows(&[[0.6, 0.4, 0.0, 0.0], [0.6, 0.4, 0.0, 0.0]]);
        assert_eq!(best(&values, 0.0), [1]);
    }

    #[test]
    fn a_repeated_token_needs_a_blank_between() {
        let sure = [0.01, 0.97, 0.01, 0.01];
        let blank = [0.97, 0.01, 0.01, 0.01];
        assert_eq!(best(&rows(&[sure, sure]), 0.0), [1]);
        assert_eq!(best(&rows(&[sure, blank, sure]), 0.0), [1, 1]);
    }

    #[test]
    fn nothing_heard_and_nothing_allowed_give_nothing() {
        let values = rows(&[[0.1, 0.7, 0.1, 0.1]]);
        let settings = BeamSettings::default();
        assert!(search(LogProbs::new(&values, 4), &model(), settings, &|_| false).is_empty());
        assert!(search(LogProbs::new(&[], 4), &model(), settings, &|_| true).is_empty());
    }
}
