//! Qwen2 and Qwen2.5 (Yang et al. 2024, "Qwen2 Technical Report"): the shared decoder with biases on
//! q, k and v and on nothing else. Checkpoint layout of `Qwen2ForCausalLM`.

use super::decoder::{Bias, Differences};

/// What differs from the shared decoder.
pub(super) const DIFFERENCES: Differences = Differences {
    name: "qwen2",
    qkv_bias: Bias::Always,
    output_bias: Bias::Never,
    mlp_bias: Bias::Never,
    head_norms: false,
    head_dim: None,
    gguf_interleaved: false,
};
