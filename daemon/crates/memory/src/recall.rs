//! Fuses what both indexes found.

use std::collections::HashMap;

use companion_types::{MemoryId, RecallSource};

/// A memory with its fused score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fused {
    pub(crate) id: MemoryId,
    pub(crate) score: f32,
    pub(crate) source: RecallSource,
}

/// Similarities below this are chance.
const LEAST_SIMILARITY: f32 = 0.12;

/// Weighted sum of the similarity and of the BM25 score as a share of the best one; newer first among
/// equals.
pub(crate) fn fuse(
    vector: &[(MemoryId, f32)],
    lexical: &HashMap<MemoryId, f32>,
    weights: (f32, f32),
) -> Vec<Fused> {
    let best = lexical.values().copied().fold(0.0_f32, f32::max).max(f32::EPSILON);
    let mut scores: HashMap<MemoryId, (f32, f32)> = HashMap::new();
    for (id, similarity) in vector.iter().filter(|(_, s)| *s >= LEAST_SIMILARITY) {
        scores.entry(*id).or_default().0 = similarity.min(1.0);
    }
    for (id, score) in lexical {
        scores.entry(*id).or_default().1 = score / best;
    }
    let mut fused: Vec<Fused> = scores
        .into_iter()
        .map(|(id, (v, l))| Fused {
            id,
            score: weights.0 * v + weights.1 * l,
            source: match (v > 0.0, l > 0.0) {
                (true, true) => RecallSource::Both,
                (false, _) => RecallSource::Lexical,
                (true, false) => RecallSource::Vector,
            },
        })
        .collect();
    fused.sort_by(|a, b| b.score.total_cmp(&a.score).then(b.id.cmp(&a.id)));
    fused
}
