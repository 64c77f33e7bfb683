//! Models of GPT-SoVITS's structure that are small enough for tests: weights drawn from a seed, a
//! few channels, and the published rates, kernels and strides.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use serde_json::json;

use super::{s1::S1, s2::S2};
use crate::random::Random;

/// Phones that are known.
pub(super) const PHONES: usize = 40;
/// Values per phone of the BERT features.
pub(super) const BERT: usize = 3;
/// Channels of a style.
pub(super) const STYLE: usize = 8;
/// Codes that sound.
const CODES: usize = 32;

/// Weights being drawn.
struct Weights {
    tensors: HashMap<String, Tensor>,
    random: Random,
}

impl Weights {
    fn new(seed: u64) -> Self {
        Self { tensors: HashMap::new(), random: Random::new(seed) }
    }

    /// Normal values of which a sum over the inputs has about variance 1.
    fn normal(&mut self, name: &str, shape: &[usize]) {
        let inputs = u16::try_from(shape[1..].iter().product::<usize>()).unwrap();
        let scale = 1.0 / f32::from(inputs).sqrt();
        let count = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|_| self.random.normal() * scale).collect();
        let tensor = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
        self.tensors.insert(name.into(), tensor);
    }

    fn constant(&mut self, name: &str, count: usize, value: f32) {
        self.tensors.insert(name.into(), Tensor::full(value, count, &Device::Cpu).unwrap());
    }

    /// `weight` and a bias of zeros.
    fn layer(&mut self, name: &str, shape: &[usize]) {
        self.normal(&format!("{name}.weight"), shape);
        self.constant(&format!("{name}.bias"), shape[0], 0.0);
    }

    fn norm(&mut self, (scale, shift): (&str, &str), width: usize) {
        self.constant(scale, width, 1.0);
        self.constant(shift, width, 0.0);
    }

    fn encoder(&mut self, name: &str, width: usize) {
        for map in ["q", "k", "v", "o"] {
            self.layer(&format!("{name}.attn_layers.0.conv_{map}"), &[width, width, 1]);
        }
        for table in ["k", "v"] {
            let table = format!("{name}.attn_layers.0.emb_rel_{table}");
            self.normal(&table, &[1, 9, width / 2]);
        }
        for i in 1..=2 {
            let norm = format!("{name}.norm_layers_{i}.0");
            self.norm((&format!("{norm}.gamma"), &format!("{norm}.beta")), width);
        }
        self.layer(&format!("{name}.ffn_layers.0.conv_1"), &[2 * width, width, 3]);
        self.layer(&format!("{name}.ffn_layers.0.conv_2"), &[width, 2 * width, 3]);
    }

    /// Writes the weights and reads them back as a model.
    fn open<T>(self, open: impl Fn(&std::path::Path) -> T) -> T {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        candle_core::safetensors::save(&self.tensors, &path).unwrap();
        open(&path)
    }
}

/// A semantic decoder that hardly ever ends by itself.
pub(super) fn s1() -> S1 {
    let mut weights = Weights::new(1);
    let width = 8;
    weights.normal("model.ar_text_embedding.word_embeddings.weight", &[PHONES, width]);
    weights.normal("model.ar_audio_embedding.word_embeddings.weight", &[CODES + 1, width]);
    weights.layer("model.bert_proj", &[width, BERT]);
    weights.constant("model.ar_text_position.alpha", 1, 1.0);
    weights.constant("model.ar_audio_position.alpha", 1, 1.0);
    weights.normal("model.ar_predict_layer.weight", &[CODES + 1, width]);
    for i in 0..2 {
        let name = format!("model.h.layers.{i}");
        weights.normal(&format!("{name}.self_attn.in_proj_weight"), &[3 * width, width]);
        weights.constant(&format!("{name}.self_attn.in_proj_bias"), 3 * width, 0.0);
        weights.layer(&format!("{name}.self_attn.out_proj"), &[width, width]);
        weights.layer(&format!("{name}.linear1"), &[2 * width, width]);
        weights.layer(&format!("{name}.linear2"), &[width, 2 * width]);
        for norm in ["norm1", "norm2"] {
            let norm = format!("{name}.{norm}");
            weights.norm((&format!("{norm}.weight"), &format!("{norm}.bias")), width);
        }
    }
    // The row of the end is all but out of reach.
    let rows = weights.tensors["model.ar_predict_layer.weight"].narrow(0, 0, CODES).unwrap();
    let end = Tensor::zeros((1, width), rows.dtype(), &Device::Cpu).unwrap();
    let rows = Tensor::cat(&[rows, end], 0).unwrap();
    weights.tensors.insert("model.ar_predict_layer.weight".into(), rows);
    weights.open(|path| S1::open(path, Some(2), &Device::Cpu).unwrap())
}

/// A synthesiser of version 2.
pub(super) fn s2() -> S2 {
    let mut weights = Weights::new(2);
    let (width, mrte, mut voiced) = (8, STYLE, 32);
    weights.normal("quantizer.vq.layers.0._codebook.embed", &[CODES, 5]);
    weights.layer("ssl_proj", &[5, 5, 2]);
    weights.layer("enc_p.ssl_proj", &[width, 5, 1]);
    weights.normal("enc_p.text_embedding.weight", &[PHONES, width]);
    for encoder in ["encoder_ssl", "encoder_text", "encoder2"] {
        weights.encoder(&format!("enc_p.{encoder}"), width);
    }
    weights.layer("enc_p.mrte.c_pre", &[mrte, width, 1]);
    weights.layer("enc_p.mrte.text_pre", &[mrte, width, 1]);
    weights.layer("enc_p.mrte.c_post", &[width, mrte, 1]);
    for map in ["q", "k", "v", "o"] {
        weights.layer(&format!("enc_p.mrte.cross_attention.conv_{map}"), &[mrte, mrte, 1]);
    }
    weights.layer("enc_p.proj", &[2 * width, width, 1]);
    for flow in [0, 2, 4, 6] {
        let name = format!("flow.flows.{flow}");
        weights.layer(&format!("{name}.pre"), &[width, width / 2, 1]);
        weights.layer(&format!("{name}.post"), &[width / 2, width, 1]);
        weights.layer(&format!("{name}.enc.cond_layer"), &[8 * width, STYLE, 1]);
        for layer in 0..4 {
            let skip = if layer < 3 { 2 * width } else { width };
            weights.layer(&format!("{name}.enc.in_layers.{layer}"), &[2 * width, width, 5]);
            weights.layer(&format!("{name}.enc.res_skip_layers.{layer}"), &[skip, width, 1]);
        }
    }
    weights.layer("dec.conv_pre", &[voiced, width, 7]);
    weights.layer("dec.cond", &[voiced, STYLE, 1]);
    for (i, taps) in [16, 16, 8, 2, 2].into_iter().enumerate() {
        weights.normal(&format!("dec.ups.{i}.weight"), &[voiced, voiced / 2, taps]);
        voiced /= 2;
        weights.constant(&format!("dec.ups.{i}.bias"), voiced, 0.0);
        for conv in 0..3 {
            for kind in ["convs1", "convs2"] {
                let name = format!("dec.resblocks.{i}.{kind}.{conv}");
                weights.layer(&name, &[voiced, voiced, 11]);
            }
        }
    }
    weights.normal("dec.conv_post.weight", &[1, voiced, 7]);
    weights.layer("ref_enc.spectral.0.fc", &[4, 8]);
    weights.layer("ref_enc.spectral.3.fc", &[4, 4]);
    for map in ["w_qs", "w_ks", "w_vs", "fc"] {
        weights.layer(&format!("ref_enc.slf_attn.{map}"), &[4, 4]);
    }
    weights.layer("ref_enc.fc.fc", &[STYLE, 4]);
    let config = json!({ "model": {
        "n_heads": 2,
        "upsample_rates": [10, 8, 2, 2, 2],
        "resblock_kernel_sizes": [11],
        "resblock_dilation_sizes": [[1, 3, 5]],
    }});
    weights.open(|path| S2::open(path, Some(&config), &Device::Cpu).unwrap())
}
