//! Where a decoder's weights come from: a release's safetensors or a GGUF, each with its own names of
//! the parts. Parts are asked for by the decoder's names: `3.q`, `3.input_norm`, `norm`.

use std::sync::Arc;

use candle_core::quantized::QMatMul;
use candle_core::{Device, Tensor};

use super::embedding::Embedding;
use super::placing;
use crate::EngineError;
use crate::layers::Linear;
use crate::quant::QuantScheme;
use crate::weights::{GgufFile, ShardedWeights};

/// Sizes of a linear map and whether it has a bias.
#[derive(Debug, Clone, Copy)]
pub(super) struct LinearShape {
    pub(super) input: usize,
    pub(super) output: usize,
    pub(super) bias: bool,
}

/// Where weights come from, by the part they are.
pub(super) trait Source {
    /// A linear map.
    fn linear(&mut self, part: &str, shape: LinearShape) -> Result<Linear, EngineError>;
    /// A norm's weights `[size]`.
    fn vector(&mut self, part: &str, size: usize) -> Result<Tensor, EngineError>;
    /// The embedding `[rows, width]`.
    fn embedding(&mut self, rows: usize, width: usize) -> Result<Embedding, EngineError>;
    /// The output map of width `width` to `rows`; `tied` is the embedding where it is the output too.
    fn head(
        &mut self,
        rows: usize,
        width: usize,
        tied: Option<&Embedding>,
    ) -> Result<Linear, EngineError>;
    /// Divisors of the rotary frequencies `[size]`, where the file has them.
    fn rope_divisors(&mut self, size: usize) -> Result<Option<Vec<f32>>, EngineError>;
    /// Bytes placed so far.
    fn bytes(&self) -> usize;
}

/// What the names of a release begin with: `model.` or nothing.
fn prefix(weights: &ShardedWeights) -> &'static str {
    if weights.has("embed_tokens.weight") { "" } else { "model." }
}

/// The release's name of a part: `3.q` is `model.layers.3.self_attn.q_proj`, `head` is `lm_head`.
pub(super) fn release_name(part: &str, weights: &ShardedWeights) -> String {
    let Some((layer, what)) = part.split_once('.') else {
        let bare = part == "head";
        return if bare { "lm_head".to_owned() } else { format!("{}norm", prefix(weights)) };
    };
    let inner = match what {
        "input_norm" => "input_layernorm".to_owned(),
        "post_norm" => "post_attention_layernorm".to_owned(),
        "gate" | "up" | "down" => format!("mlp.{what}_proj"),
        "q_norm" | "k_norm" => format!("self_attn.{what}"),
        other => format!("self_attn.{other}_proj"),
    };
    format!("{}layers.{layer}.{inner}", prefix(weights))
}

/// Safetensors of a release.
pub(super) struct Release<'a> {
    pub(super) weights: ShardedWeights,
    quant: Option<QuantScheme>,
    device: &'a Device,
    bytes: usize,
}

impl<'a> Release<'a> {
    pub(super) fn new(
        weights: ShardedWeights,
        quant: Option<QuantScheme>,
        device: &'a Device,
    ) -> Self {
        Self { weights, quant, device, bytes: 0 }
    }

    fn read(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, EngineError> {
        self.bytes += shape.iter().product::<usize>() * 4;
        self.weights.tensor(name, shape, self.device)
    }

    fn name(&self, part: &str) -> String {
        release_name(part, &self.weights)
    }

    /// The map `name`, packed where the file has it packed.
    fn map(&mut self, name: &str, shape: LinearShape) -> Result<Linear, EngineError> {
        let LinearShape { input, output, bias } = shape;
        let stored_bias = format!("{name}.bias");
        let packed = format!("{name}.qweight");
        if let Some(scheme) = self.quant
            && self.weights.has(&packed)
        {
            let weights = scheme.load(&mut self.weights, name, input, output)?;
            // Some quantisers write a bias for every map.
            let bias = bias || self.weights.has(&stored_bias);
            let bias = if bias { Some(self.read(&stored_bias, &[output])?) } else { None };
            let map = Linear::packed(weights, bias, self.device).map_err(placing)?;
            self.bytes += map.bytes();
            return Ok(map);
        }
        let weights = self.read(&format!("{name}.weight"), &[output, input])?;
        let bias = if bias { Some(self.read(&stored_bias, &[output])?) } else { None };
        Ok(Linear::Dense(weights.t().map_err(placing)?, bias))
    }
}

impl Source for Release<'_> {
    fn linear(&mut self, part: &str, shape: LinearShape) -> Result<Linear, EngineError> {
        let name = self.name(part);
        self.map(&name, shape)
    }

    fn vector(&mut self, part: &str, size: usize) -> Result<Tensor, EngineError> {
        self.read(&format!("{}.weight", self.name(part)), &[size])
    }

    fn embedding(&mut self, rows: usize, width: usize) -> Result<Embedding, EngineError> {
        let name = format!("{}embed_tokens.weight", prefix(&self.weights));
        self.read(&name, &[rows, width]).map(Embedding::Plain)
    }

    fn head(
        &mut self,
        rows: usize,
        width: usize,
        tied: Option<&Embedding>,
    ) -> Result<Linear, EngineError> {
        match tied {
            Some(Embedding::Plain(all)) => Ok(Linear::Dense(all.t().map_err(placing)?, None)),
            _ => self.map("lm_head", LinearShape { input: width, output: rows, bias: false }),
        }
    }

    fn rope_divisors(&mut self, _size: usize) -> Result<Option<Vec<f32>>, EngineError> {
        Ok(None)
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

/// A GGUF.
pub(super) struct Gguf<'a> {
    file: GgufFile,
    device: &'a Device,
    bytes: usize,
}

/// GGUF's name of a part: `3.q` is `blk.3.attn_q`.
pub(super) fn gguf_name(part: &str) -> String {
    let Some((layer, what)) = part.split_once('.') else { return "output_norm".to_owned() };
    let inner = match what {
        "input_norm" => "attn_norm",
        "post_norm" => "ffn_norm",
        "gate" => "ffn_gate",
        "up" => "ffn_up",
        "down" => "ffn_down",
        "o" => "attn_output",
        other => return format!("blk.{layer}.attn_{other}"),
    };
    format!("blk.{layer}.{inner}")
}

impl<'a> Gguf<'a> {
    pub(super) fn new(file: GgufFile, device: &'a Device) -> Self {
        Self { file, device, bytes: 0 }
    }

    fn quantized(&mut self, name: &str, shape: &[usize]) -> Result<QMatMul, EngineError> {
        let tensor = self.file.tensor(name, shape, self.device)?;
        self.bytes += tensor.storage_size_in_bytes();
        QMatMul::from_arc(tensor).map_err(placing)
    }

    fn plain(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, EngineError> {
        let tensor = self.file.tensor(name, shape, self.device)?;
        self.bytes += shape.iter().product::<usize>() * 4;
        tensor.dequantize(self.device).map_err(placing)
    }
}

impl Source for Gguf<'_> {
    fn linear(&mut self, part: &str, shape: LinearShape) -> Result<Linear, EngineError> {
        let LinearShape { input, output, bias } = shape;
        let name = gguf_name(part);
        let weights = self.quantized(&format!("{name}.weight"), &[output, input])?;
        let bias = if bias { Some(self.plain(&format!("{name}.bias"), &[output])?) } else { None };
        Ok(Linear::Quantized(weights, bias))
    }

    fn vector(&mut self, part: &str, size: usize) -> Result<Tensor, EngineError> {
        self.plain(&format!("{}.weight", gguf_name(part)), &[size])
    }

    fn embedding(&mut self, rows: usize, width: usize) -> Result<Embedding, EngineError> {
        let tensor = self.file.tensor("token_embd.weight", &[rows, width], &Device::Cpu)?;
        self.bytes += tensor.storage_size_in_bytes();
        Ok(Embedding::Packed(tensor))
    }

    fn head(
        &mut self,
        rows: usize,
        width: usize,
        tied: Option<&Embedding>,
    ) -> Result<Linear, EngineError> {
        if let (Some(Embedding::Packed(all)), true) = (tied, self.device.is_cpu()) {
            let map = QMatMul::from_arc(Arc::clone(all)).map_err(placing)?;
            // Plain numbers are unpacked for the product.
            if !matches!(map, QMatMul::QTensor(_)) {
                self.bytes += all.storage_size_in_bytes();
            }
            return Ok(Linear::Quantized(map, None));
        }
        let name = if tied.is_some() { "token_embd.weight" } else { "output.weight" };
        Ok(Linear::Quantized(self.quantized(name, &[rows, width])?, None))
    }

    fn rope_divisors(&mut self, size: usize) -> Result<Option<Vec<f32>>, EngineError> {
        if !self.file.has("rope_freqs.weight") {
            return Ok(None);
        }
        let divisors = self.plain("rope_freqs.weight", &[size])?;
        divisors.to_vec1().map(Some).map_err(placing)
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}
