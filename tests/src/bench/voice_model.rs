//! Files of random weights at the published shapes of GPT-SoVITS's models, in half precision as the
//! official ones, for speed. What such models say is noise; the work is the real work.

use std::path::Path;

use safetensors::{Dtype, tensor::TensorView};

/// The three versions of the synthesiser, as shapes tell them apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct S2Shape {
    /// Its usual name.
    pub(super) name: &'static str,
    /// Channels of the style.
    pub(super) style: usize,
    /// Channels behind the vocoder's first convolution.
    pub(super) width: usize,
    /// Taps of the first upsampling.
    first: usize,
}

/// The versions that are measured.
pub(super) const VERSIONS: [S2Shape; 3] = [
    S2Shape { name: "v2", style: 512, width: 512, first: 16 },
    S2Shape { name: "v2Pro", style: 1024, width: 512, first: 16 },
    S2Shape { name: "v2ProPlus", style: 1024, width: 768, first: 20 },
];

/// Rates and taps of the upsamplings behind the first.
const RATES: [usize; 5] = [10, 8, 2, 2, 2];
const UP_TAPS: [usize; 4] = [16, 8, 2, 2];
/// Taps of the residual blocks.
const BLOCK_TAPS: [usize; 3] = [3, 7, 11];

/// The tensors of a file.
struct Checkpoint {
    tensors: Vec<(String, Vec<usize>, Vec<u8>)>,
    state: u64,
}

impl Checkpoint {
    fn new() -> Self {
        Self { tensors: Vec::new(), state: 1 }
    }

    /// Evenly drawn values whose sums over all dimensions but the first have a deviation of about 1.
    fn drawn(&mut self, name: impl Into<String>, shape: &[usize]) {
        let inputs: usize = shape[1..].iter().product();
        let scale = 1.7 / (inputs as f32).sqrt();
        let count: usize = shape.iter().product();
        let mut bytes = Vec::with_capacity(count * 2);
        for _ in 0..count {
            // Steele and Vigna's multiplier for 64-bit congruential generators.
            self.state = self.state.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1);
            let even = (self.state >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
            bytes.extend(half::f16::from_f32(even * scale).to_le_bytes());
        }
        self.tensors.push((name.into(), shape.to_vec(), bytes));
    }

    fn filled(&mut self, name: impl Into<String>, shape: &[usize], value: f32) {
        let half = half::f16::from_f32(value).to_le_bytes();
        let bytes = std::iter::repeat_n(half, shape.iter().product()).flatten().collect();
        self.tensors.push((name.into(), shape.to_vec(), bytes));
    }

    /// A map or a convolution with a bias.
    fn map(&mut self, name: &str, shape: &[usize]) {
        self.drawn(format!("{name}.weight"), shape);
        self.filled(format!("{name}.bias"), &shape[..1], 0.01);
    }

    /// A convolution with weight norm and a bias of `outputs`.
    fn normed(&mut self, name: &str, shape: [usize; 3], outputs: usize) {
        self.drawn(format!("{name}.weight_v"), &shape);
        self.filled(format!("{name}.weight_g"), &[shape[0], 1, 1], 0.7);
        self.filled(format!("{name}.bias"), &[outputs], 0.01);
    }

    /// A layer norm.
    fn norm(&mut self, name: &str, (scale, shift): (&str, &str), width: usize) {
        self.filled(format!("{name}.{scale}"), &[width], 1.0);
        self.filled(format!("{name}.{shift}"), &[width], 0.01);
    }

    fn write(&self, path: &Path) -> anyhow::Result<()> {
        let views = self.tensors.iter().map(|(name, shape, data)| {
            Ok((name.as_str(), TensorView::new(Dtype::F16, shape.clone(), data)?))
        });
        let views = views.collect::<anyhow::Result<Vec<_>>>()?;
        safetensors::serialize_to_file(views, None, path)?;
        Ok(())
    }
}

const PLAIN: (&str, &str) = ("weight", "bias");

/// Writes the semantic decoder.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write_s1(path: &Path) -> anyhow::Result<()> {
    let mut all = Checkpoint::new();
    all.map("model.bert_proj", &[512, 1024]);
    all.drawn("model.ar_text_embedding.word_embeddings.weight", &[732, 512]);
    all.drawn("model.ar_audio_embedding.word_embeddings.weight", &[1025, 512]);
    all.filled("model.ar_text_position.alpha", &[1], 1.0);
    all.filled("model.ar_audio_position.alpha", &[1], 1.0);
    for n in 0..24 {
        let name = |part: &str| format!("model.h.layers.{n}.{part}");
        all.drawn(name("self_attn.in_proj_weight"), &[1536, 512]);
        all.filled(name("self_attn.in_proj_bias"), &[1536], 0.01);
        all.map(&name("self_attn.out_proj"), &[512, 512]);
        all.map(&name("linear1"), &[2048, 512]);
        all.map(&name("linear2"), &[512, 2048]);
        all.norm(&name("norm1"), PLAIN, 512);
        all.norm(&name("norm2"), PLAIN, 512);
    }
    all.drawn("model.ar_predict_layer.weight", &[1025, 512]);
    all.write(path)
}

/// Writes the text's BERT, 24 layers of which 22 are read.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn write_bert(folder: &Path) -> anyhow::Result<()> {
    let mut all = Checkpoint::new();
    all.drawn("bert.embeddings.word_embeddings.weight", &[21_128, 1024]);
    all.drawn("bert.embeddings.position_embeddings.weight", &[512, 1024]);
    all.drawn("bert.embeddings.token_type_embeddings.weight", &[2, 1024]);
    all.norm("bert.embeddings.LayerNorm", PLAIN, 1024);
    for n in 0..22 {
        let name = |part: &str| format!("bert.encoder.layer.{n}.{part}");
        for part in ["query", "key", "value"] {
            all.map(&name(&format!("attention.self.{part}")), &[1024, 1024]);
        }
        all.map(&name("attention.output.dense"), &[1024, 1024]);
        all.norm(&name("attention.output.LayerNorm"), PLAIN, 1024);
        all.map(&name("intermediate.dense"), &[4096, 1024]);
        all.map(&name("output.dense"), &[1024, 4096]);
        all.norm(&name("output.LayerNorm"), PLAIN, 1024);
    }
    all.write(&folder.join("model.safetensors"))?;
    let config = serde_json::json!({
        "model_type": "bert", "hidden_act": "gelu", "hidden_size": 1024,
        "intermediate_size": 4096, "layer_norm_eps": 1e-12, "max_position_embeddings": 512,
        "num_attention_heads": 16, "num_hidden_layers": 24, "type_vocab_size": 2,
        "vocab_size": 21_128,
    });
    std::fs::write(folder.join("config.json"), serde_json::to_vec(&config)?)?;
    Ok(())
}

/// Writes HuBERT base.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn write_hubert(folder: &Path) -> anyhow::Result<()> {
    let mut all = Checkpoint::new();
    let strides = [5, 2, 2, 2, 2, 2, 2];
    for (i, taps) in [10, 3, 3, 3, 3, 2, 2].into_iter().enumerate() {
        let from = if i == 0 { 1 } else { 512 };
        let name = format!("feature_extractor.conv_layers.{i}.conv.weight");
        all.drawn(name, &[512, from, taps]);
    }
    all.norm("feature_extractor.conv_layers.0.layer_norm", PLAIN, 512);
    all.norm("feature_projection.layer_norm", PLAIN, 512);
    all.map("feature_projection.projection", &[768, 512]);
    all.drawn("encoder.pos_conv_embed.conv.weight_v", &[768, 48, 128]);
    all.filled("encoder.pos_conv_embed.conv.weight_g", &[1, 1, 128], 1.0);
    all.filled("encoder.pos_conv_embed.conv.bias", &[768], 0.01);
    all.norm("encoder.layer_norm", PLAIN, 768);
    for n in 0..12 {
        let name = |part: &str| format!("encoder.layers.{n}.{part}");
        for part in ["q_proj", "k_proj", "v_proj", "out_proj"] {
            all.map(&name(&format!("attention.{part}")), &[768, 768]);
        }
        all.norm(&name("layer_norm"), PLAIN, 768);
        all.map(&name("feed_forward.intermediate_dense"), &[3072, 768]);
        all.map(&name("feed_forward.output_dense"), &[768, 3072]);
        all.norm(&name("final_layer_norm"), PLAIN, 768);
    }
    all.write(&folder.join("model.safetensors"))?;
    let config = serde_json::json!({
        "num_attention_heads": 12, "num_conv_pos_embedding_groups": 16, "conv_stride": strides,
        "layer_norm_eps": 1e-5,
    });
    std::fs::write(folder.join("config.json"), serde_json::to_vec(&config)?)?;
    Ok(())
}

/// Writes a synthesiser and gives its configuration.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write_s2(path: &Path, shape: &S2Shape) -> anyhow::Result<serde_json::Value> {
    let mut all = Checkpoint::new();
    let style = shape.style;
    all.map("ssl_proj", &[768, 768, 2]);
    all.drawn("quantizer.vq.layers.0._codebook.embed", &[1024, 768]);
    prior(&mut all);
    for n in [0, 2, 4, 6] {
        let name = |part: &str| format!("flow.flows.{n}.{part}");
        all.map(&name("pre"), &[192, 96, 1]);
        all.map(&name("post"), &[96, 192, 1]);
        all.normed(&name("enc.cond_layer"), [1536, style, 1], 1536);
        for j in 0..4 {
            let out = if j < 3 { 384 } else { 192 };
            all.normed(&name(&format!("enc.in_layers.{j}")), [384, 192, 5], 384);
            all.normed(&name(&format!("enc.res_skip_layers.{j}")), [out, 192, 1], out);
        }
    }
    all.map("dec.conv_pre", &[shape.width, 192, 7]);
    all.map("dec.cond", &[shape.width, style, 1]);
    let mut width = shape.width;
    for (i, taps) in [shape.first].into_iter().chain(UP_TAPS).enumerate() {
        all.normed(&format!("dec.ups.{i}"), [width, width / 2, taps], width / 2);
        width /= 2;
        for (j, taps) in BLOCK_TAPS.into_iter().enumerate() {
            for part in ["convs1.0", "convs1.1", "convs1.2", "convs2.0", "convs2.1", "convs2.2"] {
                let name = format!("dec.resblocks.{}.{part}", i * BLOCK_TAPS.len() + j);
                all.normed(&name, [width, width, taps], width);
            }
        }
    }
    all.drawn("dec.conv_post.weight", &[1, width, 7]);
    all.map("ref_enc.spectral.0.fc", &[128, 704]);
    all.map("ref_enc.spectral.3.fc", &[128, 128]);
    for n in 0..2 {
        all.map(&format!("ref_enc.temporal.{n}.conv1.conv"), &[256, 128, 5]);
    }
    for part in ["w_qs", "w_ks", "w_vs", "fc"] {
        all.map(&format!("ref_enc.slf_attn.{part}"), &[128, 128]);
    }
    all.map("ref_enc.fc.fc", &[style, 128]);
    if style == 1024 {
        all.map("sv_emb", &[1024, 20_480]);
        all.map("ge_to512", &[512, 1024]);
        all.filled("prelu.weight", &[1024], 0.25);
    }
    all.write(path)?;
    Ok(serde_json::json!({ "model": {
        "n_heads": 2, "upsample_rates": RATES, "resblock_kernel_sizes": BLOCK_TAPS,
        "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5], [1, 3, 5]],
    } }))
}

fn prior(all: &mut Checkpoint) {
    all.map("enc_p.ssl_proj", &[192, 768, 1]);
    all.drawn("enc_p.text_embedding.weight", &[732, 192]);
    all.map("enc_p.proj", &[384, 192, 1]);
    for (encoder, layers) in [("encoder_ssl", 3), ("encoder_text", 6), ("encoder2", 3)] {
        for n in 0..layers {
            let name = |part: &str| format!("enc_p.{encoder}.{part}");
            for part in ["conv_q", "conv_k", "conv_v", "conv_o"] {
                all.map(&name(&format!("attn_layers.{n}.{part}")), &[192, 192, 1]);
            }
            for part in ["emb_rel_k", "emb_rel_v"] {
                all.drawn(name(&format!("attn_layers.{n}.{part}")), &[1, 9, 96]);
            }
            all.norm(&name(&format!("norm_layers_1.{n}")), ("gamma", "beta"), 192);
            all.norm(&name(&format!("norm_layers_2.{n}")), ("gamma", "beta"), 192);
            all.map(&name(&format!("ffn_layers.{n}.conv_1")), &[768, 192, 3]);
            all.map(&name(&format!("ffn_layers.{n}.conv_2")), &[192, 768, 3]);
        }
    }
    for part in ["conv_q", "conv_k", "conv_v", "conv_o"] {
        all.map(&format!("enc_p.mrte.cross_attention.{part}"), &[512, 512, 1]);
    }
    all.map("enc_p.mrte.c_pre", &[512, 192, 1]);
    all.map("enc_p.mrte.text_pre", &[512, 192, 1]);
    all.map("enc_p.mrte.c_post", &[192, 512, 1]);
}

impl S2Shape {
    /// Floating-point operations of vocoder and flow for one latent frame, the rest being below a tenth:
    /// two for each weight and each of its uses.
    pub(super) fn flops_per_frame(&self) -> f64 {
        let flow = 4 * (96 * 192 * 2 + 4 * 384 * 192 * 5 + 3 * 384 * 192 + 192 * 192);
        let (mut width, mut rows, mut vocoder) = (self.width, 1, 192 * self.width * 7);
        let taps = BLOCK_TAPS.iter().sum::<usize>() * 6;
        for (rate, up) in RATES.into_iter().zip([self.first].into_iter().chain(UP_TAPS)) {
            vocoder += rows * width * (width / 2) * up;
            (width, rows) = (width / 2, rows * rate);
            vocoder += rows * width * width * taps;
        }
        2.0 * (flow + vocoder) as f64
    }
}
