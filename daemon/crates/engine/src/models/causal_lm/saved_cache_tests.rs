//! Caches that were saved, and what was done to them since.

use candle_core::Device;
use candle_core::quantized::GgmlDType;

use super::super::Arithmetic;
use super::super::tiny_model::{all_kinds, tiny, write_tiny};
use super::*;

fn ids(count: usize) -> Vec<u32> {
    (0..count).map(|n| ((n * 7919 + 11) % 256) as u32).collect()
}

fn logits(model: &mut CausalLm, ids: &[u32]) -> Vec<f32> {
    assert!(model.step(ids, 1, &|| false).unwrap());
    model.logits.clone()
}

/// What a damaged file is refused with; the cache must be as it was.
fn refusal(model: &mut CausalLm, file: &Path, bytes: &[u8]) -> String {
    std::fs::write(file, bytes).unwrap();
    let before = model.cached().to_vec();
    let error = model.restore_cache(file).unwrap_err().to_string();
    assert_eq!(model.cached(), before);
    error
}

#[test]
fn a_restored_cache_gives_the_same_logits() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("system.kv");
    for mut model in all_kinds(6) {
        logits(&mut model, &ids(270));
        let written = model.save_cache(&file).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().len(), written as u64);
        let want = logits(&mut model, &[1, 2, 3]);
        model.forget();
        logits(&mut model, &[9; 40]);
        assert_eq!(model.restore_cache(&file).unwrap(), 270);
        assert_eq!(model.cached(), ids(270));
        assert_eq!(logits(&mut model, &[1, 2, 3]), want);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn the_same_model_loaded_again_takes_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    write_tiny(folder.path(), GgmlDType::Q4_0, 3);
    let file = folder.path().join("cache.kv");
    let load = |threads| {
        let arithmetic = Arithmetic::Integer { threads };
        CausalLm::load(folder.path(), &Device::Cpu, 512, arithmetic).unwrap()
    };
    let mut first = load(2);
    logits(&mut first, &ids(33));
    first.save_cache(&file).unwrap();
    let mut second = load(1);
    assert_eq!(second.restore_cache(&file).unwrap(), 33);
    assert_eq!(logits(&mut second, &[5]), logits(&mut first, &[5]));
}

#[test]
fn another_models_cache_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cache.kv");
    let mut model = tiny(GgmlDType::Q4_0, 7, true);
    logits(&mut model, &ids(5));
    model.save_cache(&file).unwrap();
    // Of the same make, but for the weights; and the same weights in the other arithmetic.
    for mut other in [tiny(GgmlDType::Q4_0, 8, true), tiny(GgmlDType::Q4_0, 7, false)] {
        let error = other.restore_cache(&file).unwrap_err().to_string();
        assert!(error.contains("another model"), "{error}");
    }
    let error = model.restore_cache(&folder.path().join("none.kv")).unwrap_err();
    assert!(matches!(error, EngineError::Read { .. }), "{error}");
}

#[test]
fn a_damaged_or_cut_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cache.kv");
    let mut model = tiny(GgmlDType::Q8_0, 9, true);
    logits(&mut model, &ids(8));
    model.save_cache(&file).unwrap();
    let whole = std::fs::read(&file).unwrap();
    logits(&mut model, &[3]);
    for length in [0, 7, 20, HEADER, HEADER + 9, whole.len() - 1] {
        let error = refusal(&mut model, &file, &whole[..length]);
        assert!(error.contains("cannot be used"), "{length}: {error}");
    }
    // Every part of the file: magic, version, fingerprint, sizes, tokens, values, checksum.
    for at in [0, 8, 12, 20, 24, 36, HEADER, HEADER + 40, whole.len() - 200, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        let error = refusal(&mut model, &file, &bytes);
        assert!(error.contains("cannot be used"), "{at}: {error}");
    }
    let longer = [&whole[..], &[0]].concat();
    assert!(refusal(&mut model, &file, &longer).contains("bytes, expected"));
    std::fs::write(&file, whole).unwrap();
    assert_eq!(model.restore_cache(&file).unwrap(), 8);
}
