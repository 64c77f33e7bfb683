//! The GPU's decoder over its kernels' sources, run on the CPU, against the exact decoder.

use candle_core::quantized::GgmlDType;
use companion_cuda::{Device, KvPrecision};

use super::*;
use crate::models::causal_lm::tiny_model::{VOCAB, write_tiny};

const KINDS: [GgmlDType; 3] = [GgmlDType::Q4_0, GgmlDType::Q8_0, GgmlDType::F32];

fn exact(dtype: GgmlDType) -> Decoder {
    let folder = tempfile::tempdir().unwrap();
    write_tiny(folder.path(), dtype, 5);
    Decoder::load(&folder.path().join("model.gguf"), &candle_core::Device::Cpu).unwrap()
}

fn on_gpu(dtype: GgmlDType, precision: KvPrecision) -> CudaDecoder {
    CudaDecoder::from_decoder(exact(dtype), &Device::emulated(), 600, precision).unwrap()
}

fn ids(count: usize) -> Vec<u32> {
    (0..count).map(|n| (n * 37 % 200) as u32).collect()
}

fn read(model: &mut CudaDecoder, ids: &[u32], rows: usize) -> Vec<f32> {
    model.forward_until(ids, rows, &|| false).unwrap().unwrap().to_vec()
}

/// Logits of the exact decoder at the last `rows` positions.
fn expected(dtype: GgmlDType, ids: &[u32], rows: usize) -> Vec<f32> {
    let mut exact = exact(dtype);
    let logits = exact.forward_until(ids, rows, &|| false).unwrap().unwrap();
    logits.flatten_all().unwrap().to_vec1().unwrap()
}

/// Relative L2 distance.
fn distance(got: &[f32], want: &[f32]) -> f64 {
    assert_eq!(got.len(), want.len());
    let square = |v: f32| f64::from(v).powi(2);
    let off: f64 = got.iter().zip(want).map(|(a, b)| square(a - b)).sum();
    (off / want.iter().map(|v| square(*v)).sum::<f64>()).sqrt()
}

#[test]
fn a_prompt_and_the_tokens_after_it_come_out_as_in_the_exact_decoder() {
    for dtype in KINDS {
        let ids = ids(75);
        let mut model = on_gpu(dtype, KvPrecision::Half);
        let off = distance(&read(&mut model, &ids[..70], 1), &expected(dtype, &ids[..70], 1));
        assert!(off < 3e-2, "{dtype:?}: prompt {off}");
        for end in 71..=75 {
            let got = read(&mut model, &ids[end - 1..end], 1);
            let off = distance(&got, &expected(dtype, &ids[..end], 1));
            assert!(off < 3e-2, "{dtype:?}: token {end} {off}");
        }
    }
}

#[test]
fn a_cache_of_eight_bits_is_near_the_exact_one() {
    let ids = ids(70);
    let mut model = on_gpu(GgmlDType::Q4_0, KvPrecision::Eight);
    read(&mut model, &ids[..66], 1);
    let off = distance(&read(&mut model, &ids[66..], 1), &expected(GgmlDType::Q4_0, &ids, 1));
    assert!(off < 3e-2, "{off}");
}

#[test]
fn several_rows_of_a_draft_equal_one_after_another() {
    let ids = ids(20);
    let mut model = on_gpu(GgmlDType::Q4_0, KvPrecision::Half);
    read(&mut model, &ids[..16], 1);
    let together = read(&mut model, &ids[16..], 4);
    model.truncate(16);
    let singly: Vec<f32> = ids[16..].iter().flat_map(|id| read(&mut model, &[*id], 1)).collect();
    assert_eq!(together.len(), 4 * VOCAB);
    assert_eq!(together, singly);
}

#[test]
fn a_token_allocates_nothing_and_is_one_replay_and_one_wait() {
    let mut model = on_gpu(GgmlDType::Q8_0, KvPrecision::Half);
    read(&mut model, &ids(10), 1);
    let before = model.device().counters();
    read(&mut model, &[7], 1);
    let after = model.device().counters();
    assert_eq!(after.allocations, before.allocations);
    assert_eq!(after.launches, before.launches);
    assert_eq!((after.replays - before.replays, after.waits - before.waits), (1, 1));
    assert!(model.launches_per_token() > 0);
}

#[test]
fn a_long_prompt_in_passes_equals_the_same_in_pieces() {
    let ids = ids(530);
    let mut model = on_gpu(GgmlDType::Q8_0, KvPrecision::Half);
    let whole = read(&mut model, &ids, 1);
    model.truncate(0);
    read(&mut model, &ids[..512], 1);
    let pieces = read(&mut model, &ids[512..], 1);
    assert_eq!(whole, pieces);
}

#[test]
fn a_fork_goes_on_where_it_was_taken() {
    for precision in [KvPrecision::Half, KvPrecision::Eight] {
        let ids = ids(12);
        let mut model = on_gpu(GgmlDType::Q8_0, precision);
        read(&mut model, &ids[..9], 1);
        let fork = model.fork().unwrap();
        let first = read(&mut model, &ids[9..], 1);
        model.truncate(0);
        read(&mut model, &[3, 4, 5], 1);
        model.resume(&fork).unwrap();
        assert_eq!(model.length(), 9);
        assert_eq!(read(&mut model, &ids[9..], 1), first, "{precision:?}");
    }
}

#[test]
fn a_stop_reads_nothing_and_a_full_cache_says_so() {
    let mut model = on_gpu(GgmlDType::Q8_0, KvPrecision::Half);
    read(&mut model, &ids(5), 1);
    assert!(model.forward_until(&ids(9), 1, &|| true).unwrap().is_none());
    assert_eq!(model.length(), 5);
    let error = model.forward_until(&ids(800), 1, &|| false).unwrap_err().to_string();
    assert!(error.contains("800 after 5"), "{error}");
    assert!(model.forward_until(&[u32::MAX], 1, &|| false).is_err());
}
