//! Plans against what loaded models report, and against the published sizes of released models.

use candle_core::Device;
use serde_json::{Value, json};

use super::super::{CudaDecoder, Decoder, IntegerDecoder};
use super::*;
use crate::models::causal_lm::tiny_model::write_tiny;

const INTEGER: Arithmetic = Arithmetic::Integer { threads: 1 };

/// Loads, reads `context` tokens and compares what is reported with what was planned.
fn plan_holds(path: &Path, context: usize) {
    let planned = plan(path, &Arithmetic::Exact, context).unwrap();
    let mut exact = Decoder::load(path, &Device::Cpu).unwrap();
    for _ in 0..context.div_ceil(100) {
        let rows = 100.min(context - exact.length());
        exact.forward(&vec![1; rows], false, None).unwrap();
    }
    assert_eq!((planned.weights, planned.kv), exact.bytes(), "{}", path.display());
    let planned = plan(path, &INTEGER, context).unwrap();
    assert_eq!(planned.integer, exact.is_quantized(), "{}", path.display());
    if planned.integer {
        let mut integer = IntegerDecoder::from_decoder(exact, 1).unwrap();
        for _ in 0..context {
            integer.forward(&[1]).unwrap();
        }
        assert_eq!((planned.weights, planned.kv), integer.bytes(), "{}", path.display());
        integer.set_cache_precision(KvPrecision::Eight);
        for _ in 0..context {
            integer.forward(&[1]).unwrap();
        }
        assert_eq!(planned.kv_eight, Some(integer.bytes().1), "{}", path.display());
    }
}

#[test]
fn plans_are_what_loaded_models_report() {
    for dtype in [GgmlDType::F32, GgmlDType::Q4_0, GgmlDType::Q8_0] {
        let folder = tempfile::tempdir().unwrap();
        write_tiny(folder.path(), dtype, 1);
        for context in [20, 256, 300] {
            plan_holds(&folder.path().join("model.gguf"), context);
        }
    }
}

/// All language models of the fixtures, where these are at hand.
#[test]
fn plans_are_what_the_fixtures_models_report() {
    let Some(root) = std::env::var_os("COMPANION_FIXTURES") else { return };
    let mut compared = 0;
    for entry in std::fs::read_dir(Path::new(&root).join("llm")).unwrap() {
        let folder = entry.unwrap().path();
        let kind = Settings::open(&folder.join("config.json"));
        let kind = kind.and_then(|s| s.text("model_type", None).map(str::to_owned));
        let known = kind.is_ok_and(|kind| super::super::Architecture::named(&kind).is_some());
        if known && !folder.join("modules.json").is_file() {
            plan_holds(&folder, 40);
            compared += 1;
        }
        for file in folder.read_dir().into_iter().flatten() {
            let file = file.unwrap().path();
            if file.extension().is_some_and(|e| e == "gguf") {
                plan_holds(&file, 40);
                compared += 1;
            }
        }
    }
    assert!(compared > 10, "{compared} models");
}

/// A `config.json` of sizes: hidden, inner, layers, heads, KV heads, vocabulary.
fn config(kind: &str, sizes: [usize; 6], tied: bool, quant: Option<Value>) -> Value {
    let [hidden, inner, layers, heads, kv, vocab] = sizes;
    let mut config = json!({
        "model_type": kind, "hidden_size": hidden, "intermediate_size": inner,
        "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": kv,
        "vocab_size": vocab, "rms_norm_eps": 1e-6, "rope_theta": 1e6, "hidden_act": "silu",
        "tie_word_embeddings": tied, "max_position_embeddings": 32_768,
    });
    if let Some(quant) = quant {
        config["quantization_config"] = quant;
    }
    config
}

fn plan_of(config: &Value, arithmetic: Arithmetic, context: usize) -> MemoryPlan {
    let folder = tempfile::tempdir().unwrap();
    let text = serde_json::to_vec(config).unwrap();
    std::fs::write(folder.path().join("config.json"), text).unwrap();
    plan_config(folder.path(), &arithmetic, context).unwrap()
}

/// Name, sizes and tie of the releases' `config.json` (Qwen/Qwen2.5-*-Instruct,
/// meta-llama/Meta-Llama-3-8B-Instruct), and their parameters as the safetensors' headers sum up, which
/// the model pages on huggingface.co show.
const RELEASED: [(&str, &str, [usize; 6], bool, usize); 5] = [
    ("0.5B", "qwen2", [896, 4864, 24, 14, 2, 151_936], true, 494_032_768),
    ("1.5B", "qwen2", [1536, 8960, 28, 12, 2, 151_936], true, 1_543_714_304),
    ("7B", "qwen2", [3584, 18_944, 28, 28, 4, 152_064], false, 7_615_616_512),
    ("14B", "qwen2", [5120, 13_824, 48, 40, 8, 152_064], false, 14_770_033_664),
    ("8B", "llama", [4096, 14_336, 32, 32, 8, 128_256], false, 8_030_261_248),
];

#[test]
fn plans_for_a_gpu_are_what_its_decoder_reports() {
    let gpu = companion_cuda::Device::emulated();
    for dtype in [GgmlDType::F32, GgmlDType::Q4_0, GgmlDType::Q8_0] {
        let folder = tempfile::tempdir().unwrap();
        write_tiny(folder.path(), dtype, 1);
        let path = folder.path().join("model.gguf");
        let planned = plan(&path, &Arithmetic::Gpu(gpu.clone()), 600).unwrap();
        let exact = Decoder::load(&path, &Device::Cpu).unwrap();
        let half = companion_cuda::KvPrecision::Half;
        let mut model = CudaDecoder::from_decoder(exact, &gpu, 600, half).unwrap();
        assert_eq!((planned.weights, planned.kv), model.bytes(), "{dtype:?}");
        model.set_cache_precision(companion_cuda::KvPrecision::Eight).unwrap();
        assert_eq!(planned.kv_eight, Some(model.bytes().1), "{dtype:?}");
    }
}

/// What a 14B of four bits may take on a GPU of 24 GB beside everything else: 11.5 GB with the cache of 20 000
/// tokens in eight bits.
#[test]
fn the_14b_of_four_bits_fits_its_share_of_a_gpu() {
    let gptq = json!({ "quant_method": "gptq", "bits": 4, "group_size": 128, "sym": true });
    let (_, kind, sizes, tied, _) = RELEASED[3];
    let gpu = Arithmetic::Gpu(companion_cuda::Device::emulated());
    let plan = plan_of(&config(kind, sizes, tied, Some(gptq)), gpu, 20_000);
    let [hidden, inner, layers, heads, kv, vocab] = sizes;
    let kv_width = hidden / heads * kv;
    let maps = 2 * hidden * (hidden + kv_width) + 3 * hidden * inner;
    let biases = (hidden + 2 * kv_width) * 4;
    let block = maps / 2 + maps / 128 * 2 + biases;
    let head = vocab * hidden + vocab * hidden / 128 * 2;
    assert_eq!(plan.weights, layers * block + head + hidden * 4);
    let positions = 20_032; // whole pages of 64
    assert_eq!(plan.kv_eight, Some(layers * positions * kv * (2 * 128 + 4)));
    let total = plan.weights + plan.kv_eight.unwrap() + plan.workspace;
    assert!(total < 11_500_000_000, "{total}");
}

#[test]
fn released_models_have_the_parameters_that_are_published() {
    for (name, kind, sizes, tied, parameters) in RELEASED {
        let plan = plan_of(&config(kind, sizes, tied, None), INTEGER, 4096);
        assert_eq!(plan.weights, parameters * 4, "{name}");
        assert!(!plan.integer, "{name} is not quantised");
        let [_, _, layers, heads, kv, _] = sizes;
        let dim = sizes[0] / heads;
        assert_eq!(plan.kv, 2 * layers * kv * dim * 4096 * 4, "{name}");
    }
}

#[test]
fn released_models_of_four_bits_take_what_is_worked_out_on_paper() {
    let gptq = json!({ "quant_method": "gptq", "bits": 4, "group_size": 128, "sym": true });
    for (name, kind, sizes, tied, _) in RELEASED {
        let plan = plan_of(&config(kind, sizes, tied, Some(gptq.clone())), INTEGER, 8192);
        let [hidden, inner, layers, heads, kv, vocab] = sizes;
        let kv_width = hidden / heads * kv;
        // Half a byte a weight and two bytes a group of 128; the output map has a byte a weight and two
        // a group of 32, an embedding of its own two bytes a weight.
        let maps = 2 * hidden * (hidden + kv_width) + 3 * hidden * inner;
        let block = maps / 2 + maps / 128 * 2;
        let head = vocab * hidden + vocab * hidden / 32 * 2;
        let own = if tied { 0 } else { vocab * hidden * 2 };
        assert_eq!(plan.weights, layers * block + head + own + hidden * 4, "{name}");
        assert_eq!(plan.kv, layers * 2 * kv_width * 8192 * 2, "{name}");
        assert!(plan.integer && plan.workspace > 0 && plan.total() > plan.weights + plan.kv);
    }
}
