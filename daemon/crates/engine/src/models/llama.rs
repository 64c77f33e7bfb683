//! Llama 3 and 3.1 (Grattafiori et al. 2024, "The Llama 3 Herd of Models"): the shared decoder without
//! biases, unless the configuration asks for them; 3.1 slows low frequencies of the rotary positions.
//! Checkpoint layout of `LlamaForCausalLM`. llama.cpp's converter reorders the rows of q and k so that
//! neighbours of a head are rotated against each other, and stores the divisors of the frequencies
//! in `rope_freqs.weight`.

use super::decoder::{Bias, Differences};

/// What differs from the shared decoder.
pub(super) const DIFFERENCES: Differences = Differences {
    name: "llama",
    qkv_bias: Bias::Setting("attention_bias"),
    output_bias: Bias::Setting("attention_bias"),
    mlp_bias: Bias::Setting("mlp_bias"),
    head_norms: false,
    head_dim: None,
    gguf_interleaved: true,
};
