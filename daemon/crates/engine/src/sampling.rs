//! Draws the next token. Order and definitions of transformers' generation: repetition penalty →
//! temperature → top-k → top-p → min-p, then a draw; each step sees what the one before left.

use crate::random::Random;

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamplingOptions {
    /// At most this many new tokens.
    pub max_new_tokens: usize,
    /// The end is not taken before so many.
    pub min_new_tokens: usize,
    /// 0 takes the likeliest token.
    pub temperature: f32,
    /// Only the `top_k` likeliest; 0 is all.
    pub top_k: usize,
    /// The smallest set whose probability reaches this; 1 is all.
    pub top_p: f32,
    /// Tokens less likely than this share of the likeliest go; 0 keeps all.
    pub min_p: f32,
    /// Divides positive and multiplies negative scores of what has occurred; 1 changes nothing.
    pub repetition_penalty: f32,
    /// Same seed, same draws.
    pub seed: u64,
}

impl Default for SamplingOptions {
    fn default() -> Self {
        Self {
            max_new_tokens: 256,
            min_new_tokens: 0,
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            seed: 0,
        }
    }
}

/// Applies every filter; removed tokens become negative infinity. `seen` are the tokens that have
/// occurred, prompt included.
pub fn filter(scores: &mut [f32], seen: &[u32], options: &SamplingOptions) {
    penalise(scores, seen, options.repetition_penalty);
    if options.temperature > 0.0 {
        scores.iter_mut().for_each(|s| *s /= options.temperature);
        top_k(scores, options.top_k);
        top_p(scores, options.top_p);
        min_p(scores, options.min_p);
    }
}

fn penalise(scores: &mut [f32], seen: &[u32], penalty: f32) {
    if penalty == 1.0 {
        return;
    }
    let mut done = vec![false; scores.len()];
    for token in seen {
        let Ok(at) = usize::try_from(*token) else { continue };
        if let Some(score) = scores.get_mut(at)
            && !std::mem::replace(&mut done[at], true)
        {
            *score = if *score < 0.0 { *score * penalty } else { *score / penalty };
        }
    }
}

fn top_k(scores: &mut [f32], k: usize) {
    if k == 0 || k >= scores.len() {
        return;
    }
    let mut sorted = scores.to_vec();
    let (_, edge, _) = sorted.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
    let edge = *edge;
    scores.iter_mut().filter(|s| **s < edge).for_each(|s| *s = f32::NEG_INFINITY);
}

fn top_p(scores: &mut [f32], p: f32) {
    if p >= 1.0 {
        return;
    }
    let probabilities = softmax(scores);
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]));
    order.pop();
    // (As transformers: from the least likely on; torch's running sums of f32 are in f64 and come out as f32.)
    let mut sum = 0f64;
    for at in order {
        sum += f64::from(probabilities[at]);
        #[expect(clippy::cast_possible_truncation, reason = "as torch rounds")]
        if sum as f32 > (1.0 - f64::from(p)) as f32 {
            break;
        }
        scores[at] = f32::NEG_INFINITY;
    }
}

fn min_p(scores: &mut [f32], share: f32) {
    if share <= 0.0 {
        return;
    }
    let best = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let edge = best + share.ln();
    scores.iter_mut().filter(|s| **s < edge).for_each(|s| *s = f32::NEG_INFINITY);
}

/// Probabilities of scores.
#[must_use]
pub fn softmax(scores: &[f32]) -> Vec<f32> {
    let best = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut values: Vec<f32> = scores.iter().map(|s| (s - best).exp()).collect();
    let sum: f32 = values.iter().sum();
    values.iter_mut().for_each(|v| *v /= sum);
    values
}

/// Draws tokens; the same seed draws the same.
#[derive(Debug)]
pub struct Sampler {
    options: SamplingOptions,
    random: Random,
}

impl Sampler {
    /// A sampler at the start of its sequence.
    #[must_use]
    pub fn new(options: SamplingOptions) -> Self {
        Self { options, random: Random::new(options.seed) }
    }

    /// The next token. `banned` are not taken.
    pub fn draw(&mut self, scores: &mut [f32], seen: &[u32], banned: &[u32]) -> u32 {
        for token in banned {
            if let Some(score) = usize::try_from(*token).ok().and_then(|at| scores.get_mut(at)) {
                *score = f32::NEG_INFINITY;
            }
        }
        filter(scores, seen, &self.options);
        let at = if self.options.temperature > 0.0 {
            let mut left = self.random.uniform();
            let probabilities = softmax(scores);
            probabilities
                .iter()
                .position(|p| {
                    left -= *p;
                    left < 0.0
                })
                .unwrap_or_else(|| likeliest(scores))
        } else {
            likeliest(scores)
        };
        u32::try_from(at).unwrap_or_default()
    }
}

/// The first of the largest.
fn likeliest(scores: &[f32]) -> usize {
    let mut best = 0;
    for (at, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = at;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_apply_one_after_another() {
        let options =
            SamplingOptions { temperature: 1.0, top_k: 3, top_p: 0.8, ..Default::default() };
        let mut scores = vec![3.0, 2.0, 1.0, 0.0, 2.9];
        filter(&mut scores, &[], &options);
        let kept: Vec<usize> = (0..5).filter(|i| scores[*i].is_finite()).collect();
        assert_eq!(kept, [0, 4]);
    }

    #[test]
    fn greedy_is_deterministic_and_a_seed_repeats_its_draws() {
        assert_eq!(
            Sampler::new(SamplingOptions::default()).draw(&mut [0.1, 0.9, 0.9], &[], &[]),
            1
        );
        let options = SamplingOptions { temperature: 1.0, seed: 7, ..Default::default() };
        let run = || {
            let mut sampler = Sampler::new(options);
            (0..20).map(|_| sampler.draw(&mut [0.0; 10], &[], &[])).collect::<Vec<_>>()
        };
        assert_eq!(run(), run());
        assert!(run().iter().any(|t| *t != run()[0]));
    }
}
