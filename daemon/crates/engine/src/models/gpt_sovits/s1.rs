//! The semantic decoder ("GPT", `AR/models/t2s_model.py` of GPT-SoVITS): a post-norm transformer
//! decoder over phones with their BERT features, then semantic codes at 25 a second. Phones see each
//! other, codes see all phones and the codes before them; keys and values are kept, so that each
//! further code costs one row.

use std::path::Path;

use candle_core::{Device, Result as Computed, Tensor};

use super::{
    Watch,
    load::{Linear, Norm, Weights, attend, computing, heads, joined, refuse, setting},
    sampler::{Sampling, best, draw, penalize, probabilities},
};
use crate::{EngineError, layers::KvCache, weights::TensorFile};

const STAGE: &str = "the semantic decoder";
/// Steps of a decode at most (the reference's loop).
pub const MOST_STEPS: usize = 1500;
/// Steps in which the end is no choice (the reference's).
const STEPS_WITHOUT_END: usize = 11;
/// Longest sequence of phones and codes that is taken.
const LONGEST: usize = 16_384;

#[derive(Debug)]
struct Layer {
    qkv: Linear,
    out: Linear,
    up: Linear,
    down: Linear,
    norm1: Norm,
    norm2: Norm,
}

impl Layer {
    /// `x` `[rows, width]` are the rows behind those of the cache.
    fn forward(
        &self,
        x: &Tensor,
        cache: &mut KvCache,
        heads_count: usize,
        mask: Option<&Tensor>,
    ) -> Computed<Tensor> {
        let qkv = self.qkv.forward(x)?;
        let width = x.dim(1)?;
        let part = |i: usize| heads(&qkv.narrow(1, i * width, width)?, heads_count);
        let (keys, values) = cache.append(&part(1)?, &part(2)?)?;
        #[expect(clippy::cast_precision_loss, reason = "head sizes")]
        let scale = 1.0 / ((width / heads_count) as f64).sqrt();
        let mixed = joined(&attend((&part(0)?, &keys, &values), scale, mask)?)?;
        let x = self.norm1.forward(&(x + self.out.forward(&mixed)?)?)?;
        let inner = self.down.forward(&self.up.forward(&x)?.relu()?)?;
        self.norm2.forward(&(x + inner)?)
    }
}

/// The decoder's weights.
#[derive(Debug)]
pub struct S1 {
    text: Tensor,
    audio: Tensor,
    bert: Linear,
    text_alpha: f32,
    audio_alpha: f32,
    layers: Vec<Layer>,
    predict: Linear,
    predict_rows: Tensor,
    heads: usize,
    device: Device,
}

/// What is to be spoken, and how the reference clip was.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Ids of the phones, those of the prompt first.
    pub phones: &'a [u32],
    /// BERT features `[width, phones]`, row-major.
    pub bert: &'a [f32],
    /// Semantic codes of the prompt; empty without one.
    pub prompt: &'a [u32],
}

/// Logits of one step, before anything is done to them.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Output of the last layer, `width` values.
    pub hidden: Vec<f32>,
    /// One value per code, the end last.
    pub logits: Vec<f32>,
}

/// Why decoding ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The end was chosen, or was the most likely.
    Chosen,
    /// More codes than wanted.
    Limit,
    /// The caller wanted no more.
    Stopped,
}

impl S1 {
    /// Reads a checkpoint (`.ckpt` with its configuration inside, or the same tensors as
    /// safetensors with `heads` given).
    ///
    /// # Errors
    /// When the file cannot be read, a tensor is missing or has another shape, or no number of heads
    /// is known.
    pub fn open(path: &Path, heads: Option<usize>, device: &Device) -> Result<Self, EngineError> {
        let mut file = TensorFile::open(path)?;
        let heads = match heads {
            Some(heads) => heads,
            None => setting(file.settings(), path, "config.model.head", 256)?,
        };
        Self::load(Weights::new(&mut file, device, "model."), heads)
    }

    fn load(mut weights: Weights<'_>, heads: usize) -> Result<Self, EngineError> {
        let text = weights.any::<2>("ar_text_embedding.word_embeddings.weight")?;
        let width = text.dims()[1];
        if heads == 0 || width % heads != 0 || width % 2 != 0 {
            return Err(EngineError::Config {
                file: weights.path(),
                key: "config.model.head".into(),
                problem: format!("found {heads}, expected a divisor of the even width {width}"),
            });
        }
        let audio_name = "ar_audio_embedding.word_embeddings.weight";
        let [codes, _] = weights.dims(audio_name)?;
        let audio = weights.tensor(audio_name, &[codes, width])?;
        let [_, bert_width] = weights.dims("bert_proj.weight")?;
        let bert = weights.linear("bert_proj", bert_width)?;
        let text_alpha = weights.values("ar_text_position.alpha", &[1])?[0];
        let audio_alpha = weights.values("ar_audio_position.alpha", &[1])?[0];
        let predict_rows = weights.tensor("ar_predict_layer.weight", &[codes, width])?;
        let device = weights.device().clone();
        let count = weights.count("h.layers", "linear1.weight");
        let layers = (0..count)
            .map(|i| layer(weights.below(&format!("h.layers.{i}")), width))
            .collect::<Result<Vec<_>, _>>()?;
        let predict = Linear::new(&predict_rows, None).map_err(computing(STAGE))?;
        Ok(Self {
            text,
            audio,
            bert,
            text_alpha,
            audio_alpha,
            layers,
            predict,
            predict_rows,
            heads,
            device,
        })
    }

    /// The code that ends a sequence, the last one.
    #[must_use]
    pub fn end(&self) -> u32 {
        u32::try_from(self.audio.dims()[0] - 1).unwrap_or(u32::MAX)
    }

    /// Values per phone of the BERT features.
    #[must_use]
    pub fn bert_width(&self) -> usize {
        self.bert.inputs()
    }

    /// How near the embedding of every code is to that of `code`: the cosine, −1 to 1.
    ///
    /// # Errors
    /// When there is no such code.
    pub fn likeness(&self, code: u32) -> Result<Vec<f32>, EngineError> {
        known("codes", &[code], self.audio.dims()[0])?;
        let likeness = || {
            let one = self.audio.embedding(&Tensor::new(&[code], &self.device)?)?;
            let products = self.audio.matmul(&one.t()?)?.flatten_all()?;
            let length = f64::from(one.sqr()?.sum_all()?.sqrt()?.to_scalar::<f32>()?);
            let lengths = (self.audio.sqr()?.sum(1)?.sqrt()? * length)?;
            products.div(&lengths)?.to_vec1()
        };
        likeness().map_err(computing(STAGE))
    }

    /// Sets the end's row of the output layer to zero: a test model that seldom ends by itself.
    ///
    /// # Errors
    /// When the device has no room.
    pub fn mute_end(&mut self) -> Result<(), EngineError> {
        let muted = || {
            let (codes, width) = self.predict_rows.dims2()?;
            let kept = self.predict_rows.narrow(0, 0, codes - 1)?;
            let zero = Tensor::zeros((1, width), kept.dtype(), kept.device())?;
            Linear::new(&Tensor::cat(&[&kept, &zero], 0)?, None)
        };
        self.predict = muted().map_err(computing(STAGE))?;
        Ok(())
    }

    /// Begins a sequence: computes phones and prompt and gives the first step.
    ///
    /// # Errors
    /// When ids are unknown, the features do not fit the phones, there is nothing to see, or the
    /// sequence is too long.
    pub fn begin(
        &self,
        request: &Request<'_>,
        watch: &mut Watch<'_>,
    ) -> Result<(Decoding<'_>, Step), EngineError> {
        let Request { phones, bert, prompt } = *request;
        if phones.is_empty() || phones.len() + prompt.len() > LONGEST {
            return refuse(
                "phones",
                format!("{} phones, expected 1 to {LONGEST} with the prompt", phones.len()),
            );
        }
        known("phones", phones, self.text.dims()[0])?;
        known("prompt", prompt, self.audio.dims()[0])?;
        let width = self.bert_width();
        if bert.len() != width * phones.len() {
            return refuse(
                "BERT features",
                format!("{} values, expected {} x {width}", bert.len(), phones.len()),
            );
        }
        let prepared = || {
            let features = Tensor::from_slice(bert, (width, phones.len()), &self.device)?.t()?;
            let ids = Tensor::from_slice(phones, phones.len(), &self.device)?;
            let x = (self.text.embedding(&ids)? + self.bert.forward(&features.contiguous()?)?)?;
            let x = positioned(&x, 0, self.text_alpha)?;
            if prompt.is_empty() {
                return Ok((x, None));
            }
            Ok((x, Some(self.codes(prompt, 0)?)))
        };
        let (x, y) = prepared().map_err(computing(STAGE))?;
        watch("text_in", &x)?;
        if let Some(y) = &y {
            watch("audio_in", y)?;
        }
        let mask = prefill_mask(phones.len(), prompt.len(), &self.device);
        let mask = mask.map_err(computing(STAGE))?;
        let width = self.text.dims()[1];
        let caches = || {
            let empty = |_| KvCache::new(self.heads, width / self.heads, &self.device);
            (0..self.layers.len()).map(empty).collect::<Computed<Vec<_>>>()
        };
        let caches = caches().map_err(computing(STAGE))?;
        let mut decoding = Decoding { model: self, caches, codes: prompt.to_vec() };
        let rows = match &y {
            Some(y) => Tensor::cat(&[&x, y], 0),
            None => Ok(x),
        };
        let step = decoding.rows(rows.map_err(computing(STAGE))?, Some(&mask), watch)?;
        Ok((decoding, step))
    }

    /// Rows of codes, the first at `position`.
    fn codes(&self, codes: &[u32], position: usize) -> Computed<Tensor> {
        let ids = Tensor::from_slice(codes, codes.len(), &self.device)?;
        positioned(&self.audio.embedding(&ids)?, position, self.audio_alpha)
    }

    /// Decodes by the reference's rules. `noise` fills a slice with exponential noise, called once a
    /// step; greedy decoding (`top_k` 1) may fill it with ones. `sink` sees each step and each code
    /// that is kept, and ends the decode by returning false. The codes come without the prompt's.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub fn decode(
        &self,
        request: &Request<'_>,
        sampling: &Sampling,
        early_stop: usize,
        noise: &mut dyn FnMut(&mut [f32]),
        sink: &mut dyn FnMut(usize, &Step, Option<u32>) -> bool,
    ) -> Result<(Vec<u32>, End), EngineError> {
        let (mut decoding, mut step) = self.begin(request, &mut |_, _| Ok(()))?;
        let mut draws = vec![1.0; self.audio.dims()[0]];
        for index in 0..MOST_STEPS {
            let (choice, ended) = decoding.choose(
                index,
                &step,
                sampling,
                &mut |q| {
                    noise(q);
                },
                &mut draws,
            );
            let kept = (!ended).then_some(choice);
            let wanted = sink(index, &step, kept);
            if ended {
                return Ok((decoding.generated(request.prompt.len()), End::Chosen));
            }
            decoding.codes.push(choice);
            if decoding.codes.len() - request.prompt.len() > early_stop {
                return Ok((decoding.generated(request.prompt.len()), End::Limit));
            }
            if !wanted {
                return Ok((decoding.generated(request.prompt.len()), End::Stopped));
            }
            if index + 1 < MOST_STEPS {
                step = decoding.next(choice)?;
            }
        }
        Ok((decoding.generated(request.prompt.len()), End::Limit))
    }
}

/// A sequence being decoded.
#[derive(Debug)]
pub struct Decoding<'a> {
    model: &'a S1,
    caches: Vec<KvCache>,
    codes: Vec<u32>,
}

impl Decoding<'_> {
    fn generated(self, prompt: usize) -> Vec<u32> {
        self.codes[prompt..].to_vec()
    }

    /// Chooses a code; whether the sequence ends here, by the choice or by the most likely code
    /// after the penalty.
    fn choose(
        &self,
        index: usize,
        step: &Step,
        sampling: &Sampling,
        noise: &mut dyn FnMut(&mut [f32]),
        draws: &mut [f32],
    ) -> (u32, bool) {
        let end = self.model.end();
        let mut logits = step.logits.clone();
        if index < STEPS_WITHOUT_END {
            logits.pop();
        }
        penalize(&mut logits, &self.codes, sampling.repetition_penalty);
        noise(draws);
        let choice = draw(&probabilities(&logits, sampling), draws);
        let likely = best(logits.into_iter());
        (choice, choice == end || likely == end)
    }

    /// Feeds a code that the model chose and gives the step behind it.
    ///
    /// # Errors
    /// When the code is unknown or the computation fails.
    pub fn next(&mut self, code: u32) -> Result<Step, EngineError> {
        known("codes", &[code], self.model.audio.dims()[0])?;
        let position = self.codes.len() - 1;
        let row = self.model.codes(&[code], position).map_err(computing(STAGE))?;
        self.rows(row, None, &mut |_, _| Ok(()))
    }

    fn rows(
        &mut self,
        mut x: Tensor,
        mask: Option<&Tensor>,
        watch: &mut Watch<'_>,
    ) -> Result<Step, EngineError> {
        for (i, (layer, cache)) in self.model.layers.iter().zip(&mut self.caches).enumerate() {
            x = layer.forward(&x, cache, self.model.heads, mask).map_err(computing(STAGE))?;
            if mask.is_some() {
                watch(&format!("layer{i}"), &x)?;
            }
        }
        if let (Some(cache), true) = (self.caches.first(), mask.is_some()) {
            let (keys, values) = cache.all().map_err(computing(STAGE))?;
            watch("k0", &joined(&keys).map_err(computing(STAGE))?)?;
            watch("v0", &joined(&values).map_err(computing(STAGE))?)?;
        }
        let read = || {
            let last = x.narrow(0, x.dim(0)? - 1, 1)?;
            let logits = self.model.predict.forward(&last)?.flatten_all()?.to_vec1()?;
            Ok(Step { hidden: last.flatten_all()?.to_vec1()?, logits })
        };
        read().map_err(computing(STAGE))
    }
}

fn layer(mut weights: Weights<'_>, width: usize) -> Result<Layer, EngineError> {
    let qkv = weights.tensor("self_attn.in_proj_weight", &[3 * width, width])?;
    let bias = weights.tensor("self_attn.in_proj_bias", &[3 * width])?;
    let up = weights.linear("linear1", width)?;
    Ok(Layer {
        qkv: Linear::new(&qkv, Some(bias)).map_err(computing(STAGE))?,
        out: weights.linear("self_attn.out_proj", width)?,
        down: weights.linear("linear2", up.width())?,
        up,
        norm1: weights.norm(("norm1.weight", "norm1.bias"), width, 1e-5)?,
        norm2: weights.norm(("norm2.weight", "norm2.bias"), width, 1e-5)?,
    })
}

/// Refuses ids without a row.
fn known(what: &'static str, ids: &[u32], rows: usize) -> Result<(), EngineError> {
    match ids.iter().find(|&&id| id as usize >= rows) {
        Some(id) => refuse(what, format!("found id {id}, expected ids below {rows}")),
        None => Ok(()),
    }
}

/// Adds `alpha` times the sine positions (Vaswani et al. 2017, sines and cosines interleaved).
fn positioned(x: &Tensor, position: usize, alpha: f32) -> Computed<Tensor> {
    let (rows, width) = x.dims2()?;
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "f32 as in the reference"
    )]
    let table: Vec<f32> = (position..position + rows)
        .flat_map(|p| {
            (0..width / 2).flat_map(move |i| {
                let step = -(10_000f64.ln() / width as f64) as f32;
                let angle = p as f32 * ((2 * i) as f32 * step).exp();
                [alpha * angle.sin(), alpha * angle.cos()]
            })
        })
        .collect();
    x + Tensor::from_vec(table, (rows, width), x.device())?
}

/// Phones see phones alone; codes see phones and no later code.
fn prefill_mask(phones: usize, codes: usize, device: &Device) -> Computed<Tensor> {
    let all = phones + codes;
    let mask: Vec<f32> = (0..all)
        .flat_map(|row| {
            let sees = if row < phones { phones } else { row + 1 };
            (0..all).map(move |column| if column < sees { 0.0 } else { f32::NEG_INFINITY })
        })
        .collect();
    Tensor::from_vec(mask, (all, all), device)
}
