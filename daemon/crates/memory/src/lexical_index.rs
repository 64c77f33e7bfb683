//! BM25 over terms (Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework").

use std::collections::{BTreeMap, HashMap};

use companion_types::MemoryId;

/// Term saturation; the usual value.
const K1: f32 = 1.2;
/// Length normalisation; the usual value.
const B: f32 = 0.75;

/// Inverted index of all live memories.
#[derive(Debug, Default)]
pub(crate) struct LexicalIndex {
    postings: HashMap<String, BTreeMap<MemoryId, f32>>,
    lengths: HashMap<MemoryId, f32>,
    total: f32,
}

impl LexicalIndex {
    pub(crate) fn add(&mut self, id: MemoryId, terms: Vec<String>) {
        #[expect(clippy::cast_precision_loss, reason = "a memory has a few hundred terms")]
        let length = terms.len() as f32;
        self.lengths.insert(id, length);
        self.total += length;
        for term in terms {
            *self.postings.entry(term).or_default().entry(id).or_default() += 1.0;
        }
    }

    pub(crate) fn remove(&mut self, id: MemoryId) {
        if let Some(length) = self.lengths.remove(&id) {
            self.total -= length;
            self.postings.retain(|_, documents| {
                documents.remove(&id);
                !documents.is_empty()
            });
        }
    }

    /// Scores of all memories that share a term with the query.
    pub(crate) fn search(&self, terms: &[String]) -> HashMap<MemoryId, f32> {
        let mut scores = HashMap::new();
        #[expect(clippy::cast_precision_loss, reason = "counts of memories")]
        let count = self.lengths.len() as f32;
        let mean = (self.total / count.max(1.0)).max(1.0);
        let mut distinct: Vec<&String> = terms.iter().collect();
        distinct.sort();
        distinct.dedup();
        for documents in distinct.into_iter().filter_map(|t| self.postings.get(t)) {
            #[expect(clippy::cast_precision_loss, reason = "counts of memories")]
            let found = documents.len() as f32;
            let weight = ((count - found + 0.5) / (found + 0.5) + 1.0).ln();
            for (id, times) in documents {
                let length = self.lengths.get(id).copied().unwrap_or(mean);
                let norm = K1 * (1.0 - B + B * length / mean);
                *scores.entry(*id).or_insert(0.0) += weight * times * (K1 + 1.0) / (times + norm);
            }
        }
        scores
    }
}
