//! Sizes and variants of a decoder, from a release's `config.json` or a GGUF's metadata. It checks
//! that sizes fit each other and refuses variants the decoder does not compute.

use std::path::Path;

use super::Architecture;
use crate::EngineError;
use crate::layers::RopeScaling;
use crate::models::settings::{LARGEST, Settings};
use crate::quant::QuantScheme;
use crate::weights::GgufFile;

/// Whether a group of linear maps has biases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bias {
    /// Never.
    Never,
    /// Always.
    Always,
    /// As the configuration's key says, false without it.
    Setting(&'static str),
}

/// What an architecture has that its neighbours have not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Differences {
    /// `model_type` of the releases and `general.architecture` of a GGUF.
    pub(crate) name: &'static str,
    /// Biases of q, k and v.
    pub(crate) qkv_bias: Bias,
    /// Bias of the attention's output.
    pub(crate) output_bias: Bias,
    /// Biases of the feed-forward.
    pub(crate) mlp_bias: Bias,
    /// Whether queries and keys are normalised per head.
    pub(crate) head_norms: bool,
    /// Width of a head where the configuration is silent; `None` is hidden size over heads.
    pub(crate) head_dim: Option<usize>,
    /// Whether a GGUF has the rows of q and k reordered for rotation of neighbours.
    pub(crate) gguf_interleaved: bool,
}

/// Sizes and variants of a model.
#[derive(Debug, Clone)]
pub struct DecoderConfig {
    /// Whose it is.
    pub architecture: Architecture,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the feed-forward.
    pub intermediate_size: usize,
    /// Blocks.
    pub num_hidden_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key and value heads.
    pub num_key_value_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// Added under the root of the norm.
    pub rms_norm_eps: f64,
    /// Base of the rotary positions.
    pub rope_theta: f64,
    /// Whether the embedding is the output too.
    pub tie_word_embeddings: bool,
    /// Longest context the model was made for.
    pub max_position_embeddings: usize,
    pub(crate) rope_scaling: RopeScaling,
    pub(crate) qkv_bias: bool,
    pub(crate) output_bias: bool,
    pub(crate) mlp_bias: bool,
    /// Whether a head's neighbours are rotated against each other, not its halves.
    pub(crate) interleaved: bool,
    pub(crate) quant: Option<QuantScheme>,
}

impl DecoderConfig {
    /// Reads `config.json` of a release directory.
    ///
    /// # Errors
    /// When it is damaged, its sizes do not fit each other, or it asks for a variant that is not
    /// computed here.
    pub fn read(directory: &Path) -> Result<Self, EngineError> {
        let s = Settings::open(&directory.join("config.json"))?;
        let kind = s.text("model_type", None)?;
        let Some(architecture) = Architecture::named(kind) else {
            return Err(s.wrong("model_type", Architecture::unknown(kind)));
        };
        let differs = architecture.differences();
        refuse_variants(&s)?;
        let hidden_size = s.size("hidden_size", None)?;
        let heads = s.size("num_attention_heads", None)?;
        let head_dim = differs.head_dim.unwrap_or((hidden_size / heads).max(1));
        let bias = |rule: Bias| match rule {
            Bias::Never => Ok(false),
            Bias::Always => Ok(true),
            Bias::Setting(key) => s.flag(key, false),
        };
        // Newer releases keep the base beside the scaling.
        let rope = s.inner("rope_parameters");
        let theta = rope.as_ref().map_or(&s, |r| r).real("rope_theta", Some(f64::NAN))?;
        let theta = if theta.is_nan() { s.real("rope_theta", Some(10_000.0))? } else { theta };
        let config = Self {
            architecture,
            hidden_size,
            intermediate_size: s.size("intermediate_size", None)?,
            num_hidden_layers: s.size("num_hidden_layers", None)?,
            num_attention_heads: heads,
            num_key_value_heads: s.size("num_key_value_heads", Some(heads))?,
            head_dim: s.size("head_dim", Some(head_dim))?,
            vocab_size: s.size("vocab_size", None)?,
            rms_norm_eps: s.real("rms_norm_eps", Some(1e-6))?,
            rope_theta: theta,
            tie_word_embeddings: s.flag("tie_word_embeddings", false)?,
            max_position_embeddings: s.size("max_position_embeddings", Some(32_768))?,
            rope_scaling: match rope.or_else(|| s.inner("rope_scaling")) {
                Some(scaling) => rope_scaling(&scaling)?,
                None => RopeScaling::None,
            },
            qkv_bias: bias(differs.qkv_bias)?,
            output_bias: bias(differs.output_bias)?,
            mlp_bias: bias(differs.mlp_bias)?,
            interleaved: false,
            quant: QuantScheme::read(&s)?,
        };
        config.check(s.file())?;
        Ok(config)
    }

    /// Reads the metadata of a GGUF.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn of_gguf(gguf: &GgufFile) -> Result<Self, EngineError> {
        let kind = gguf.text("general.architecture")?;
        let wrong = |key: &str, problem: String| EngineError::Config {
            file: gguf.path().to_owned(),
            key: key.to_owned(),
            problem,
        };
        let Some(architecture) = Architecture::named(kind) else {
            return Err(wrong("general.architecture", Architecture::unknown(kind)));
        };
        let differs = architecture.differences();
        let key = |name: &str| format!("{kind}.{name}");
        let optional = |name: &str, default: usize| match gguf.value(&key(name)) {
            Some(_) => gguf.number(&key(name)),
            None => Ok(default),
        };
        let hidden_size = gguf.number(&key("embedding_length"))?;
        let heads = gguf.number(&key("attention.head_count"))?;
        let head_dim = optional("attention.key_length", hidden_size / heads.max(1))?;
        for other in ["attention.value_length", "rope.dimension_count"] {
            let found = optional(other, head_dim)?;
            if found != head_dim {
                return Err(wrong(&key(other), format!("is {found}, expected {head_dim}")));
            }
        }
        let rope_scaling = match gguf.text(&key("rope.scaling.type")) {
            Err(_) | Ok("none") => RopeScaling::None,
            Ok("linear") => RopeScaling::Linear(gguf.real(&key("rope.scaling.factor"))?),
            Ok(other) => {
                let problem = format!("is {other:?}, expected none or linear");
                return Err(wrong(&key("rope.scaling.type"), problem));
            }
        };
        let theta = key("rope.freq_base");
        let bias = |rule: Bias, part: &str| match rule {
            Bias::Never => false,
            Bias::Always => true,
            Bias::Setting(_) => gguf.has(&format!("blk.0.{part}.bias")),
        };
        let vocab = gguf.shape("token_embd.weight").and_then(|s| s.first().copied());
        let config = Self {
            architecture,
            hidden_size,
            intermediate_size: gguf.number(&key("feed_forward_length"))?,
            num_hidden_layers: gguf.number(&key("block_count"))?,
            num_attention_heads: heads,
            num_key_value_heads: optional("attention.head_count_kv", heads)?,
            head_dim,
            vocab_size: vocab.unwrap_or_default(),
            rms_norm_eps: gguf.real(&key("attention.layer_norm_rms_epsilon"))?,
            rope_theta: if gguf.value(&theta).is_some() { gguf.real(&theta)? } else { 10_000.0 },
            tie_word_embeddings: !gguf.has("output.weight"),
            max_position_embeddings: optional("context_length", 32_768)?,
            rope_scaling,
            qkv_bias: bias(differs.qkv_bias, "attn_q"),
            output_bias: bias(differs.output_bias, "attn_output"),
            mlp_bias: bias(differs.mlp_bias, "ffn_up"),
            interleaved: differs.gguf_interleaved,
            quant: None,
        };
        config.check(gguf.path())?;
        Ok(config)
    }

    fn check(&self, file: &Path) -> Result<(), EngineError> {
        let wrong = |key: &str, problem: String| {
            Err(EngineError::Config { file: file.to_owned(), key: key.to_owned(), problem })
        };
        for (key, size) in [
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("num_key_value_heads", self.num_key_value_heads),
            ("head_dim", self.head_dim),
            ("vocab_size", self.vocab_size),
            ("max_position_embeddings", self.max_position_embeddings),
        ] {
            if size == 0 || size > LARGEST {
                return wrong(key, format!("is {size}, expected 1 to {LARGEST}"));
            }
        }
        // Tables of positions and a cache's first rows are made for a head and a block: they stay in proportion.
        for (key, size, most) in
            [("num_hidden_layers", self.num_hidden_layers, 1024), ("head_dim", self.head_dim, 1024)]
        {
            if size > most {
                return wrong(key, format!("is {size}, expected 1 to {most}"));
            }
        }
        if self.num_attention_heads * self.head_dim > LARGEST {
            let problem = format!(
                "is {}, expected {LARGEST} at most with heads of {}",
                self.num_attention_heads, self.head_dim
            );
            return wrong("num_attention_heads", problem);
        }
        let factor = match self.rope_scaling {
            RopeScaling::Linear(factor) => factor,
            _ => 1.0,
        };
        for (key, value) in [
            ("rms_norm_eps", self.rms_norm_eps),
            ("rope_theta", self.rope_theta),
            ("factor", factor),
        ] {
            if !value.is_finite() || value <= 0.0 {
                return wrong(key, format!("is {value}, expected a number above 0"));
            }
        }
        if !self.head_dim.is_multiple_of(2) {
            return wrong("head_dim", format!("is {}, expected an even number", self.head_dim));
        }
        if !self.num_attention_heads.is_multiple_of(self.num_key_value_heads) {
            let problem = format!(
                "is {}, expected a multiple of num_key_value_heads, which is {}",
                self.num_attention_heads, self.num_key_value_heads
            );
            return wrong("num_attention_heads", problem);
        }
        Ok(())
    }
}

/// Variants that would be computed wrongly are refused.
fn refuse_variants(s: &Settings) -> Result<(), EngineError> {
    let act = s.text("hidden_act", Some("silu"))?;
    if act != "silu" {
        return Err(s.wrong("hidden_act", format!("is {act:?}, expected \"silu\"")));
    }
    // Layers from `max_window_layers` on see only a window; in the releases that is none of them.
    if s.get("sliding_window").is_some() && s.flag("use_sliding_window", false)? {
        let layers = s.size("num_hidden_layers", None)?;
        let whole = s.get("max_window_layers").and_then(serde_json::Value::as_u64);
        if whole.is_none_or(|whole| whole < layers as u64) {
            let problem = format!("is true, expected false or max_window_layers of {layers}");
            return Err(s.wrong("use_sliding_window", problem));
        }
    }
    let part = s.real("partial_rotary_factor", Some(1.0))?;
    #[expect(clippy::float_cmp, reason = "written as 1.0 where it is whole")]
    if part != 1.0 {
        return Err(s.wrong("partial_rotary_factor", format!("is {part}, expected 1.0")));
    }
    Ok(())
}

fn rope_scaling(s: &Settings) -> Result<RopeScaling, EngineError> {
    let kind = s.text("rope_type", None).or_else(|_| s.text("type", Some("default")))?;
    match kind {
        "default" => Ok(RopeScaling::None),
        "linear" => Ok(RopeScaling::Linear(s.real("factor", None)?)),
        "llama3" => {
            let (low, high) = (s.real("low_freq_factor", None)?, s.real("high_freq_factor", None)?);
            if low >= high {
                let problem = format!("is {low}, expected less than high_freq_factor, {high}");
                return Err(s.wrong("low_freq_factor", problem));
            }
            let factor = s.real("factor", None)?;
            let original = s.real("original_max_position_embeddings", None)?;
            Ok(RopeScaling::Llama3 { factor, low, high, original })
        }
        other => Err(s.wrong(
            "rope_scaling",
            format!("rope_type is {other:?}, expected default, linear or llama3"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sizes: &str) -> Result<DecoderConfig, String> {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            r#"{{"model_type": "qwen2", "hidden_size": 64, "intermediate_size": 64, "vocab_size": 8, {sizes}}}"#
        );
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        DecoderConfig::read(folder.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn sizes_whose_tables_would_outgrow_the_weights_are_refused() {
        assert!(read(r#""num_hidden_layers": 2, "num_attention_heads": 4"#).is_ok());
        for (sizes, says) in [
            (
                r#""num_hidden_layers": 1025, "num_attention_heads": 4"#,
                "num_hidden_layers: is 1025",
            ),
            (
                r#""num_hidden_layers": 2, "num_attention_heads": 4, "head_dim": 1026"#,
                "head_dim: is 1026",
            ),
            (
                r#""num_hidden_layers": 2, "num_attention_heads": 8192, "head_dim": 256"#,
                "num_attention_heads: is 8192, expected 1048576 at most with heads of 256",
            ),
        ] {
            let error = read(sizes).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
