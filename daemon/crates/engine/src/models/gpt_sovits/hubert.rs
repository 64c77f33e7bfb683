//! HuBERT base (Hsu et al. 2021) as `chinese-hubert-base` is published: strided convolutions over
//! samples of 16 kHz, then a post-norm transformer; its last hidden state, 50 rows a second, is what
//! the quantiser of the synthesiser reads.

use std::path::Path;

use candle_core::{Device, Result as Computed, Tensor};
use companion_kernels::{Activation, Dense, channel_norm_gelu};
use serde_json::Value;

use super::{
    Watch,
    conv::Conv1d,
    load::{
        Linear, Norm, Weights, attend, computing, heads, joined, refuse, setting, setting_list,
    },
};
use crate::{
    EngineError,
    models::post_norm::{NormValues, PostNorm, PostNormLayer},
    weights::{TensorFile, read_small},
};

const STAGE: &str = "HuBERT";
const PLACING: &str = "placing the weights";
/// Longest clip that is taken, samples: a minute.
const LONGEST: usize = 960_000;

/// The transformer's layers, plain rows on the CPU.
#[derive(Debug)]
enum Stack {
    Tensors(Vec<Layer>),
    Rows(PostNorm),
}

#[derive(Debug)]
struct Layer {
    qkv: [Linear; 3],
    out: Linear,
    norm1: Norm,
    up: Linear,
    down: Linear,
    norm2: Norm,
}

/// The model's weights.
#[derive(Debug)]
pub struct Hubert {
    convs: Vec<Conv1d>,
    /// Scale and shift of the group norm behind the first convolution, `[channels, 1]`.
    group: (Tensor, Tensor),
    before: Option<Norm>,
    project: Linear,
    /// One convolution per group of channels, each seeing all positions around a row.
    positions: Vec<Conv1d>,
    taps: usize,
    norm: Norm,
    layers: Stack,
    heads: usize,
    epsilon: f64,
    device: Device,
}

impl Hubert {
    /// Reads a directory with `config.json` and the named weights (`pytorch_model.bin`).
    ///
    /// # Errors
    /// When a file cannot be read, or tensors and configuration do not fit.
    pub fn open(folder: &Path, weights: &str, device: &Device) -> Result<Self, EngineError> {
        let path = folder.join("config.json");
        let config: Value = serde_json::from_slice(&read_small(&path)?).map_err(|error| {
            EngineError::Malformed { file: path.clone(), problem: format!("no JSON: {error}") }
        })?;
        let mut file = TensorFile::open(&folder.join(weights))?;
        let first = "feature_extractor.conv_layers.0.conv.weight";
        let prefix = if file.shape(&format!("hubert.{first}")).is_some() { "hubert." } else { "" };
        Self::load(Weights::new(&mut file, device, prefix), &config, &path)
    }

    fn load(mut weights: Weights<'_>, config: &Value, path: &Path) -> Result<Self, EngineError> {
        let refused = |key: &str, problem: String| EngineError::Config {
            file: path.to_owned(),
            key: key.into(),
            problem,
        };
        let heads = setting(config, path, "num_attention_heads", 256)?;
        let groups = setting(config, path, "num_conv_pos_embedding_groups", 4096)?;
        let strides = setting_list(config, path, "conv_stride", 64)?;
        let epsilon = config.get("layer_norm_eps").and_then(Value::as_f64).unwrap_or(1e-5);
        #[expect(clippy::cast_possible_truncation, reason = "a small constant")]
        let small = epsilon as f32;
        let mut convs: Vec<Conv1d> = Vec::new();
        for (i, &stride) in strides.iter().enumerate() {
            let from = convs.last().map_or(1, Conv1d::width);
            let name = format!("feature_extractor.conv_layers.{i}.conv");
            convs.push(weights.conv(&name, from, (stride, 1))?);
        }
        let first = convs.first().map_or(0, Conv1d::width);
        let mut column = |name: &str| {
            let name = format!("feature_extractor.conv_layers.0.layer_norm.{name}");
            weights.tensor(&name, &[first])?.unsqueeze(1).map_err(computing(PLACING))
        };
        let group = (column("weight")?, column("bias")?);
        let channels = convs.last().map_or(0, Conv1d::width);
        let before = if weights.has("feature_projection.layer_norm.weight") {
            Some(norm(&mut weights, "feature_projection.layer_norm", channels, small)?)
        } else {
            None
        };
        let project = weights.linear("feature_projection.projection", channels)?;
        let width = project.width();
        if width % heads != 0 || width % groups != 0 {
            return Err(refused(
                "num_attention_heads, num_conv_pos_embedding_groups",
                format!("found {heads} and {groups}, expected divisors of {width}"),
            ));
        }
        let (positions, taps) = positions(&mut weights, width, groups)?;
        let first_norm = norm(&mut weights, "encoder.layer_norm", width, small)?;
        let layers = Stack::load(&mut weights, width, heads, small)?;
        let device = weights.device().clone();
        Ok(Self {
            convs,
            group,
            before,
            project,
            positions,
            taps,
            norm: first_norm,
            layers,
            heads,
            epsilon,
            device,
        })
    }

    /// Last hidden state `[rows, width]` of samples of 16 kHz.
    ///
    /// # Errors
    /// When the clip is too short for one row or longer than a minute.
    pub fn hidden(&self, pcm: &[f32], watch: &mut Watch<'_>) -> Result<Tensor, EngineError> {
        let mut frames = pcm.len();
        for conv in &self.convs {
            frames = match frames.checked_sub(conv.taps()) {
                Some(rest) => rest / conv.stride() + 1,
                None => 0,
            };
        }
        if frames == 0 || pcm.len() > LONGEST {
            return refuse(
                "reference clip",
                format!("{} samples, expected enough for a row and at most {LONGEST}", pcm.len()),
            );
        }
        let failed = computing(STAGE);
        let first = self.first_features(pcm).map_err(&failed)?;
        watch("hubert.conv0", &first)?;
        let x = self.features(first).map_err(&failed)?;
        watch("hubert.conv_out", &x)?;
        let projected = || {
            let rows = x.t()?.contiguous()?;
            let rows = match &self.before {
                Some(norm) => norm.forward(&rows)?,
                None => rows,
            };
            self.project.forward(&rows)
        };
        let x = projected().map_err(&failed)?;
        watch("hubert.proj_out", &x)?;
        let around = self.around(&x).map_err(&failed)?;
        watch("hubert.pos_out", &around)?;
        let mut x = (x + around).and_then(|x| self.norm.forward(&x)).map_err(&failed)?;
        watch("hubert.hidden_0", &x)?;
        x = self.layers.forward(x, self.heads, watch)?;
        watch("hubert.last_hidden_state", &x)?;
        Ok(x)
    }

    /// The first convolution with its group norm of a channel per group (Wu and He 2018).
    fn first_features(&self, pcm: &[f32]) -> Computed<Tensor> {
        let x = Tensor::from_slice(pcm, (1, pcm.len()), &self.device)?;
        let Some(conv) = self.convs.first() else { return Ok(x) };
        let x = conv.forward(&x)?;
        if let Some((_, threads)) = conv.on_threads() {
            let (channels, frames) = x.dims2()?;
            let mut rows = x.t()?.flatten_all()?.to_vec1::<f32>()?;
            let scale = self.group.0.flatten_all()?.to_vec1::<f32>()?;
            let shift = self.group.1.flatten_all()?.to_vec1::<f32>()?;
            let cpu = &mut threads.lock();
            channel_norm_gelu(cpu, &mut rows, &scale, &shift, self.epsilon);
            return Tensor::from_vec(rows, (frames, channels), &self.device)?.t();
        }
        let centred = x.broadcast_sub(&x.mean_keepdim(1)?)?;
        let deviation = (centred.sqr()?.mean_keepdim(1)? + self.epsilon)?.sqrt()?;
        centred
            .broadcast_div(&deviation)?
            .broadcast_mul(&self.group.0)?
            .broadcast_add(&self.group.1)?
            .gelu_erf()
    }

    fn features(&self, first: Tensor) -> Computed<Tensor> {
        self.convs.iter().skip(1).try_fold(first, |x, conv| conv.forward_gelu(&x))
    }

    /// What the rows around say of each row's position, `[rows, width]`.
    fn around(&self, x: &Tensor) -> Computed<Tensor> {
        let rows = x.dim(0)?;
        let columns = x.t()?.contiguous()?.pad_with_zeros(1, self.taps / 2, self.taps / 2)?;
        let share = columns.dim(0)? / self.positions.len();
        let parts = self
            .positions
            .iter()
            .enumerate()
            .map(|(i, conv)| conv.forward(&columns.narrow(0, i * share, share)?))
            .collect::<Computed<Vec<_>>>()?;
        // An even number of taps makes one row too many; the last is dropped.
        Tensor::cat(&parts, 0)?.narrow(1, 0, rows)?.gelu_erf()?.t()?.contiguous()
    }
}

fn norm(
    weights: &mut Weights<'_>,
    name: &str,
    width: usize,
    epsilon: f32,
) -> Result<Norm, EngineError> {
    let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
    weights.norm((&weight, &bias), width, epsilon)
}

fn layer(weights: &mut Weights<'_>, width: usize, epsilon: f32) -> Result<Layer, EngineError> {
    let mut map = |name: &str| weights.linear(&format!("attention.{name}_proj"), width);
    let qkv = [map("q")?, map("k")?, map("v")?];
    let out = map("out")?;
    let up = weights.linear("feed_forward.intermediate_dense", width)?;
    Ok(Layer {
        qkv,
        out,
        norm1: norm(weights, "layer_norm", width, epsilon)?,
        down: weights.linear("feed_forward.output_dense", up.width())?,
        up,
        norm2: norm(weights, "final_layer_norm", width, epsilon)?,
    })
}

/// As [`layer`], for the CPU.
fn rows_layer(
    weights: &mut Weights<'_>,
    width: usize,
    epsilon: f32,
) -> Result<PostNormLayer, EngineError> {
    let (mut qkv, mut bias) = (Vec::new(), Vec::new());
    for part in ["q", "k", "v"] {
        let name = format!("attention.{part}_proj");
        qkv.extend(weights.values(&format!("{name}.weight"), &[width, width])?);
        bias.extend(weights.values(&format!("{name}.bias"), &[width])?);
    }
    let up = weights.dense("feed_forward.intermediate_dense", width)?;
    let mut norm = |name: &str| {
        Ok(NormValues {
            scale: weights.values(&format!("{name}.weight"), &[width])?,
            shift: weights.values(&format!("{name}.bias"), &[width])?,
            epsilon,
        })
    };
    let (norm1, norm2) = (norm("layer_norm")?, norm("final_layer_norm")?);
    Ok(PostNormLayer {
        qkv: Dense::linear([3 * width, width], &qkv, Some(&bias)),
        out: weights.dense("attention.out_proj", width)?,
        down: weights.dense("feed_forward.output_dense", up.outputs())?,
        up,
        norm1,
        norm2,
    })
}

impl Stack {
    fn load(
        weights: &mut Weights<'_>,
        width: usize,
        heads: usize,
        epsilon: f32,
    ) -> Result<Self, EngineError> {
        let count = weights.count("encoder.layers", "attention.q_proj.weight");
        let name = |i: usize| format!("encoder.layers.{i}");
        if let Some(threads) = weights.threads() {
            let layers = (0..count)
                .map(|i| rows_layer(&mut weights.below(&name(i)), width, epsilon))
                .collect::<Result<_, _>>()?;
            return Ok(Self::Rows(PostNorm::new(layers, heads, Activation::Gelu, threads)));
        }
        let layers = (0..count)
            .map(|i| layer(&mut weights.below(&name(i)), width, epsilon))
            .collect::<Result<_, _>>()?;
        Ok(Self::Tensors(layers))
    }

    /// `x` and the result `[rows, width]`.
    fn forward(
        &self,
        mut x: Tensor,
        heads: usize,
        watch: &mut Watch<'_>,
    ) -> Result<Tensor, EngineError> {
        let failed = computing(STAGE);
        match self {
            Self::Tensors(layers) => {
                for (i, layer) in layers.iter().enumerate() {
                    x = layer.forward(&x, heads).map_err(&failed)?;
                    watch(&format!("hubert.hidden_{}", i + 1), &x)?;
                }
                Ok(x)
            }
            Self::Rows(layers) => {
                layers.whole(&x, &mut |i, rows| watch(&format!("hubert.hidden_{}", i + 1), rows))
            }
        }
    }
}

impl Layer {
    fn forward(&self, x: &Tensor, heads_count: usize) -> Computed<Tensor> {
        let part = |i: usize| heads(&self.qkv[i].forward(x)?, heads_count);
        let (q, k, v) = (part(0)?, part(1)?, part(2)?);
        #[expect(clippy::cast_precision_loss, reason = "head sizes")]
        let scale = 1.0 / (q.dim(2)? as f64).sqrt();
        let mixed = joined(&attend((&q, &k, &v), scale, None)?)?;
        let x = self.norm1.forward(&(x + self.out.forward(&mixed)?)?)?;
        let inner = self.down.forward(&self.up.forward(&x)?.gelu_erf()?)?;
        self.norm2.forward(&(x + inner)?)
    }
}

/// The positional convolution by groups; its weight norm has one gain per tap.
fn positions(
    weights: &mut Weights<'_>,
    width: usize,
    groups: usize,
) -> Result<(Vec<Conv1d>, usize), EngineError> {
    let name = "encoder.pos_conv_embed.conv";
    let [_, _, taps] = weights.dims(&format!("{name}.weight_v"))?;
    let share = width / groups;
    let v = weights.tensor(&format!("{name}.weight_v"), &[width, share, taps])?;
    let g = weights.tensor(&format!("{name}.weight_g"), &[1, 1, taps])?;
    let bias = weights.tensor(&format!("{name}.bias"), &[width])?;
    let threads = weights.threads();
    let split = || {
        let norm = v.sqr()?.sum_keepdim(0)?.sum_keepdim(1)?.sqrt()?;
        let kernel = v.broadcast_mul(&g.div(&norm)?)?;
        (0..groups)
            .map(|i| {
                let bias = bias.narrow(0, i * share, share)?;
                Conv1d::new(kernel.narrow(0, i * share, share)?, Some(bias), 1, 1)?
                    .packed(threads.as_ref())
            })
            .collect::<Computed<Vec<_>>>()
    };
    Ok((split().map_err(computing(PLACING))?, taps))
}
