//! How the next semantic code is chosen: repetition penalty, nucleus, temperature, the best k, then
//! a draw by exponential noise (the Gumbel trick; Maddison et al. 2014). Order and ties are those of
//! GPT-SoVITS's `AR/models/utils.py`. Pure.

/// How codes are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Only the best so many are drawn from; none keeps all.
    pub top_k: Option<usize>,
    /// Only the most likely whose probabilities reach this sum; none, or 1 and more, keeps all.
    pub top_p: Option<f32>,
    /// Logits are divided by it, at least by 1e-5.
    pub temperature: f32,
    /// Logits of codes that occurred are divided by it where positive, multiplied where negative.
    pub repetition_penalty: f32,
}

impl Default for Sampling {
    /// The reference's.
    fn default() -> Self {
        Self { top_k: Some(15), top_p: Some(1.0), temperature: 1.0, repetition_penalty: 1.35 }
    }
}

/// Applies the penalty in place to every code of `before`, once each; codes without a logit are
/// passed over.
pub fn penalize(logits: &mut [f32], before: &[u32], penalty: f32) {
    let mut seen = vec![false; logits.len()];
    for &code in before {
        let at = code as usize;
        if let (Some(logit), Some(seen)) = (logits.get_mut(at), seen.get_mut(at))
            && !*seen
        {
            *seen = true;
            *logit = if *logit < 0.0 { *logit * penalty } else { *logit / penalty };
        }
    }
}

/// Probabilities of all codes from penalised logits.
#[must_use]
pub fn probabilities(logits: &[f32], sampling: &Sampling) -> Vec<f32> {
    let mut logits = logits.to_vec();
    if let Some(top_p) = sampling.top_p.filter(|p| *p < 1.0) {
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        let sorted: Vec<f32> = order.iter().map(|&i| logits[i]).collect();
        // (torch's running sums of f32 are in f64 on a CPU, and come out as f32.)
        let mut sum = 0f64;
        for (rank, probability) in softmax(&sorted).into_iter().enumerate() {
            sum += f64::from(probability);
            #[expect(clippy::cast_possible_truncation, reason = "as torch rounds")]
            if rank > 0 && sum as f32 > top_p {
                logits[order[rank]] = f32::NEG_INFINITY;
            }
        }
    }
    let temperature = sampling.temperature.max(1e-5);
    for logit in &mut logits {
        *logit /= temperature;
    }
    if let Some(top_k) = sampling.top_k.filter(|k| (1..logits.len()).contains(k)) {
        let mut sorted = logits.clone();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let least = sorted[top_k - 1];
        for logit in logits.iter_mut().filter(|logit| **logit < least) {
            *logit = f32::NEG_INFINITY;
        }
    }
    softmax(&logits)
}

/// The code with the largest probability over noise; `noise` holds draws of an exponential
/// distribution with mean 1, one per code.
#[must_use]
pub fn draw(probabilities: &[f32], noise: &[f32]) -> u32 {
    best(probabilities.iter().zip(noise).map(|(p, q)| p / q))
}

/// Index of the first largest value; NaN is never the largest.
#[must_use]
pub fn best(values: impl Iterator<Item = f32>) -> u32 {
    let mut found = (0, f32::NEG_INFINITY);
    for (index, value) in (0u32..).zip(values) {
        if value > found.1 {
            found = (index, value);
        }
    }
    found.0
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut powers: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    for power in &mut powers {
        *power /= sum;
    }
    powers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_occurred_twice_is_penalised_once() {
        let mut logits = [2.0, -2.0, 1.0];
        penalize(&mut logits, &[0, 0, 1, 9], 2.0);
        assert_eq!(logits, [1.0, -4.0, 1.0]);
    }

    #[test]
    fn ties_of_the_least_kept_code_are_kept() {
        let sampling = Sampling { top_k: Some(2), top_p: None, ..Sampling::default() };
        let kept = probabilities(&[1.0, 3.0, 1.0, 0.0], &sampling);
        assert_eq!(kept.iter().filter(|p| **p > 0.0).count(), 3);
    }

    #[test]
    fn the_nucleus_keeps_its_first_code() {
        let sampling = Sampling { top_k: None, top_p: Some(0.0), ..Sampling::default() };
        assert_eq!(probabilities(&[1.0, 3.0], &sampling), [0.0, 1.0]);
    }

    #[test]
    fn the_draw_divides_by_the_noise() {
        assert_eq!(draw(&[0.5, 0.5], &[2.0, 0.1]), 1);
    }
}
