//! A language model's cache, from both decoders.

use super::*;
use tiny_model::{END, VOCAB, all_kinds};

/// Tokens without order.
fn ids(count: usize, seed: usize) -> Vec<u32> {
    (0..count).map(|n| ((n * 7919 + seed * 104_729) % (VOCAB - 2)) as u32).collect()
}

/// The logits after `ids`.
fn logits(model: &mut CausalLm, ids: &[u32]) -> Vec<f32> {
    assert!(model.step(ids, 1, &|| false).unwrap());
    model.logits.clone()
}

#[test]
fn a_cache_rolled_back_and_fed_again_gives_the_same_logits() {
    for mut model in all_kinds(1) {
        let (head, tail) = (ids(300, 1), ids(9, 2));
        logits(&mut model, &head);
        let want = logits(&mut model, &tail);
        model.rollback(head.len());
        // Other tokens in between, enough for the cache to grow.
        logits(&mut model, &ids(400, 3));
        model.rollback(head.len());
        assert_eq!(model.cached(), head);
        assert_eq!(logits(&mut model, &tail), want);
    }
}

#[test]
fn a_copy_of_a_cache_goes_on_as_the_cache_did() {
    for mut model in all_kinds(2) {
        logits(&mut model, &ids(280, 1));
        let fork = model.fork().unwrap();
        let want: Vec<_> = (0..3).map(|n| logits(&mut model, &ids(4, n))).collect();
        model.forget();
        logits(&mut model, &ids(500, 9));
        model.resume(&fork).unwrap();
        assert_eq!(model.cached(), fork.tokens());
        let got: Vec<_> = (0..3).map(|n| logits(&mut model, &ids(4, n))).collect();
        assert_eq!(got, want);
        model.resume(&fork).unwrap();
        assert_eq!(logits(&mut model, &ids(4, 0)), want[0], "a copy can be used again");
    }
}

#[test]
fn a_copy_of_an_empty_cache_is_an_empty_cache() {
    for mut model in all_kinds(2) {
        let fork = model.fork().unwrap();
        let want = logits(&mut model, &ids(5, 1));
        model.resume(&fork).unwrap();
        assert!(model.cached().is_empty());
        assert_eq!(logits(&mut model, &ids(5, 1)), want);
    }
}

#[test]
fn a_copy_of_another_arithmetics_cache_is_refused() {
    let [mut exact, mut integer, _, mut small] = all_kinds(3);
    logits(&mut exact, &ids(5, 1));
    logits(&mut integer, &ids(5, 2));
    let error = integer.resume(&exact.fork().unwrap()).unwrap_err().to_string();
    assert!(error.contains("Full") && error.contains("Half"), "{error}");
    assert!(small.resume(&integer.fork().unwrap()).is_err());
    assert!(exact.set_cache_precision(KvPrecision::Eight).is_err());
    assert!(integer.cached().is_empty());
    assert_eq!(logits(&mut integer, &[END]).len(), VOCAB);
}

#[test]
fn several_rows_of_integers_are_those_of_single_tokens() {
    for mut model in all_kinds(4).into_iter().skip(1) {
        logits(&mut model, &ids(61, 1));
        let fork = model.fork().unwrap();
        let tokens = ids(6, 2);
        let singly: Vec<f32> = tokens.iter().flat_map(|id| logits(&mut model, &[*id])).collect();
        model.resume(&fork).unwrap();
        assert!(model.step(&tokens, tokens.len(), &|| false).unwrap());
        assert_eq!(model.logits, singly);
    }
}

#[test]
fn a_cache_of_eight_bits_comes_near_one_of_half_precision() {
    let [_, mut half, _, mut small] = all_kinds(6);
    let (mut apart, mut all) = (0.0, 0.0);
    for part in 0..8 {
        let (want, got) = (logits(&mut half, &ids(40, part)), logits(&mut small, &ids(40, part)));
        apart += want.iter().zip(&got).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
        all += want.iter().map(|v| v * v).sum::<f32>();
    }
    let apart = (apart / all).sqrt();
    assert!(apart > 0.0 && apart < 0.05, "{apart}");
    assert!(small.bytes().1 * 100 < half.bytes().1 * 60);
}

#[test]
fn a_stopped_pass_leaves_the_cache_as_it_was() {
    for mut model in all_kinds(5) {
        logits(&mut model, &ids(20, 1));
        let want = logits(&mut model, &ids(2, 2));
        model.rollback(20);
        let asked = std::cell::Cell::new(0);
        let second_block = || asked.replace(asked.get() + 1) == 1;
        assert!(!model.step(&ids(30, 3), 1, &second_block).unwrap());
        assert_eq!(model.cached(), ids(20, 1));
        assert_eq!(logits(&mut model, &ids(2, 2)), want);
    }
}
