//! Qwen3, dense (Yang et al. 2025, "Qwen3 Technical Report"): the shared decoder with an RMS norm over
//! every head's queries and keys before rotation, and a head width of its own (128 when not given).
//! Checkpoint layout of `Qwen3ForCausalLM`; `Qwen3Model` (the embedder) drops the leading `model.`.

use super::decoder::{Bias, Differences};

/// What differs from the shared decoder.
pub(super) const DIFFERENCES: Differences = Differences {
    name: "qwen3",
    qkv_bias: Bias::Setting("attention_bias"),
    output_bias: Bias::Setting("attention_bias"),
    mlp_bias: Bias::Never,
    head_norms: true,
    head_dim: Some(128),
    gguf_interleaved: false,
};
