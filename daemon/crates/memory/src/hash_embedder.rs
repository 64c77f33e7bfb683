//! The starter embedder: hashed n-grams. It knows no meaning, only shared pieces of words, in any
//! language; a real model (BGE-M3) takes its place behind the same port.

use crate::ports::{Embedder, EmbedderError, Embedding};
use crate::words::{folded, is_han};

/// Length of the vector.
const DIMENSION: usize = 512;

/// Deterministic text vectors: signed hashing (Weinberger et al. 2009, "Feature hashing") of single
/// and paired Han characters, words, and character trigrams of other words; square-root counts; L2.
#[derive(Debug, Clone, Copy, Default)]
pub struct HashEmbedder;

/// FNV-1a, 64 bit.
fn hash(seed: u64, text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325 ^ seed, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn features(text: &str) -> Vec<(String, f32)> {
    let text = folded(text);
    let mut features = Vec::new();
    let chars: Vec<char> = text.chars().collect();
    for (i, c) in chars.iter().enumerate() {
        if is_han(*c) {
            features.push((c.to_string(), 0.6));
            if let Some(next) = chars.get(i + 1).filter(|n| is_han(**n)) {
                features.push((format!("{c}{next}"), 1.0));
            }
        }
    }
    for word in text.split(|c: char| !c.is_alphanumeric() || is_han(c)).filter(|w| !w.is_empty()) {
        features.push((format!(" {word} "), 1.0));
        let padded: Vec<char> = format!("^{word}$").chars().collect();
        features.extend(padded.windows(3).map(|w| (w.iter().collect(), 0.4)));
    }
    features
}

impl Embedder for HashEmbedder {
    fn fingerprint(&self) -> String {
        format!("hash-ngram-{DIMENSION}-1")
    }

    fn dimension(&self) -> usize {
        DIMENSION
    }

    fn embed(&mut self, text: &str) -> Result<Embedding, EmbedderError> {
        let mut dense = vec![0.0_f32; DIMENSION];
        for (feature, weight) in features(text) {
            let h = hash(0, &feature);
            let slot = usize::try_from(h % DIMENSION as u64).unwrap_or_default();
            dense[slot] += if h & (1 << 63) == 0 { weight } else { -weight };
        }
        for value in &mut dense {
            *value = value.signum() * value.abs().sqrt();
        }
        let norm = dense.iter().map(|v| v * v).sum::<f32>().sqrt();
        if norm > 0.0 {
            dense.iter_mut().for_each(|v| *v /= norm);
        }
        Ok(Embedding { dense, sparse: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn similarity(a: &str, b: &str) -> f32 {
        let mut embedder = HashEmbedder;
        let (a, b) = (embedder.embed(a).unwrap().dense, embedder.embed(b).unwrap().dense);
        a.iter().zip(&b).map(|(x, y)| x * y).sum()
    }

    #[test]
    fn texts_that_share_pieces_are_nearer_than_those_that_do_not() {
        assert!(
            similarity("我喜欢吃什么", "我喜欢吃苹果") > similarity("我喜欢吃什么", "明天开会")
        );
        assert!(similarity("my name", "my name is tom") > similarity("my name", "it rains today"));
        assert!((similarity("同一句话", "同一句话") - 1.0).abs() < 1e-5);
        assert!(similarity("", "x").abs() < 1e-6);
    }
}
