//! Nearest vectors: an exact scan while there are few, hnsw_rs when there are many.

use std::collections::{HashMap, HashSet};

use companion_types::MemoryId;
use hnsw_rs::prelude::{Distance, Hnsw, Neighbour};

/// Up to this many vectors an exact scan is as quick as the graph and never misses.
const EXACT_UP_TO: usize = 5_000;
/// Share of dead points in the graph at which it is built anew.
const REBUILD_AT: f64 = 0.3;
/// Neighbours per point, build and search breadth: Malkov and Yashunin 2016, values measured for
/// recall@10 of 1.0 on ten thousand memories.
const NEIGHBOURS: usize = 24;
const EF_BUILD: usize = 200;
const EF_SEARCH: usize = 64;
const LAYERS: usize = 16;

fn dot(a: &[f32], b: &[f32]) -> f32 {
    // Eight running sums, so that the compiler can use vector registers.
    let mut sums = [0.0_f32; 8];
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    for (x, y) in a8.iter().zip(b8) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + rest
}

/// `1 - dot`, never below 0: rounding must not make a self-match negative.
#[derive(Debug, Clone, Copy, Default)]
struct CosineDistance;

impl Distance<f32> for CosineDistance {
    fn eval(&self, a: &[f32], b: &[f32]) -> f32 {
        (1.0 - dot(a, b)).max(0.0)
    }
}

/// All vectors, by memory.
pub(crate) struct VectorIndex {
    vectors: HashMap<MemoryId, Vec<f32>>,
    graph: Option<Hnsw<'static, f32, CosineDistance>>,
    in_graph: HashSet<MemoryId>,
    dead: usize,
}

impl std::fmt::Debug for VectorIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VectorIndex")
            .field("vectors", &self.vectors.len())
            .field("graph", &self.graph.is_some())
            .finish_non_exhaustive()
    }
}

impl VectorIndex {
    pub(crate) fn new() -> Self {
        Self { vectors: HashMap::new(), graph: None, in_graph: HashSet::new(), dead: 0 }
    }

    pub(crate) fn add(&mut self, id: MemoryId, vector: Vec<f32>) {
        if let (Some(graph), Ok(point)) = (&self.graph, usize::try_from(id.0)) {
            if self.in_graph.insert(id) {
                graph.insert((&vector, point));
            } else {
                self.dead = self.dead.saturating_sub(1);
            }
        }
        self.vectors.insert(id, vector);
        if self.graph.is_none() && self.vectors.len() > EXACT_UP_TO {
            self.rebuild();
        }
    }

    pub(crate) fn remove(&mut self, id: MemoryId) {
        if self.vectors.remove(&id).is_some() && self.in_graph.contains(&id) {
            self.dead += 1;
            #[expect(clippy::cast_precision_loss, reason = "counts of memories")]
            if self.dead as f64 > REBUILD_AT * self.in_graph.len() as f64 {
                self.rebuild();
            }
        }
    }

    fn rebuild(&mut self) {
        self.in_graph.clear();
        self.dead = 0;
        if self.vectors.len() <= EXACT_UP_TO {
            self.graph = None;
            return;
        }
        let graph = Hnsw::new(NEIGHBOURS, self.vectors.len() * 2, LAYERS, EF_BUILD, CosineDistance);
        for (id, vector) in &self.vectors {
            if let Ok(point) = usize::try_from(id.0) {
                graph.insert((vector, point));
                self.in_graph.insert(*id);
            }
        }
        self.graph = Some(graph);
    }

    /// The nearest `count` memories with their similarity, -1..1, best first.
    pub(crate) fn search(&self, query: &[f32], count: usize) -> Vec<(MemoryId, f32)> {
        let mut found: Vec<(MemoryId, f32)> = match &self.graph {
            None => self.vectors.iter().map(|(id, v)| (*id, dot(query, v))).collect(),
            Some(graph) => {
                let live = |point: &usize| self.vectors.contains_key(&MemoryId(*point as u64));
                let hits = graph.search_filter(query, count, EF_SEARCH.max(count), Some(&live));
                let pair = |n: &Neighbour| (MemoryId(n.d_id as u64), 1.0 - n.distance);
                hits.iter().map(pair).filter(|(id, _)| self.vectors.contains_key(id)).collect()
            }
        };
        found.sort_by(|a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
        found.truncate(count);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(n: u64) -> Vec<f32> {
        let mut state = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut values: Vec<f32> = (0..32)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                ((state >> 40) as f32 / 16_777_216.0) - 0.5
            })
            .collect();
        let norm = dot(&values, &values).sqrt();
        values.iter_mut().for_each(|v| *v /= norm);
        values
    }

    #[test]
    fn the_graph_finds_what_the_exact_scan_finds_and_nothing_that_was_removed() {
        let mut index = VectorIndex::new();
        let count = EXACT_UP_TO as u64 + 200;
        (0..count).for_each(|n| index.add(MemoryId(n), vector(n)));
        assert!(index.graph.is_some());
        let mut right = 0;
        for n in (0..count).step_by(97) {
            right += usize::from(index.search(&vector(n), 1)[0].0 == MemoryId(n));
        }
        assert!(right >= 52, "{right} of 54");
        (0..100).for_each(|n| index.remove(MemoryId(n)));
        for n in 0..100 {
            assert!(index.search(&vector(n), 5).iter().all(|(id, _)| id.0 >= 100));
        }
        index.add(MemoryId(7), vector(7));
        assert_eq!(index.search(&vector(7), 1)[0].0, MemoryId(7));
    }
}
