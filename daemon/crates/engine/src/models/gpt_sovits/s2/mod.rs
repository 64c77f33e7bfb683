//! The synthesiser (`SynthesizerTrn` of GPT-SoVITS, after VITS, Kim et al. 2021): semantic codes,
//! phones and the style of reference clips to a wave of 32 kHz, 1280 samples a code. v2, v2Pro and
//! v2ProPlus are told apart by their tensors.

mod attention;
mod flow;
mod passage;
mod prior;
mod style;
mod vocoder;

use std::path::Path;

use candle_core::{Device, Tensor};
use serde_json::Value;

pub(super) use self::passage::Passage;
pub use self::prior::Chunk;
use self::{
    flow::Flow,
    prior::Prior,
    style::StyleEncoder,
    vocoder::{Vocoder, VocoderSizes},
};
use super::{
    Watch,
    conv::Conv1d,
    load::{Weights, computing, refuse, setting, setting_list},
};
use crate::{EngineError, weights::TensorFile};

const STAGE: &str = "the synthesiser";
/// Phones of the v2 family (`symbols2.py`); v1 has 322.
const PHONES_OF_V1: usize = 322;
/// Latent frames of a code (50 a second of 25).
const FRAMES_PER_CODE: usize = 2;
/// Most samples of a latent frame; those of v2 have 640.
const MOST_FRAME_SAMPLES: usize = 1 << 16;
/// Codes of one decode at most: 10 minutes.
const MOST_CODES: usize = 15_000;

/// What a clip's style is computed from.
#[derive(Clone, Copy, Debug)]
pub struct Reference<'a> {
    /// Linear spectrum `[bins, frames]`, row-major.
    pub spectrum: &'a [f32],
    /// Frames of the spectrum.
    pub frames: usize,
    /// Speaker embedding, in the Pro versions.
    pub speaker: Option<&'a [f32]>,
}

/// What is to be said, how fast, and with which noise.
#[derive(Clone, Copy, Debug)]
pub struct Speech<'a> {
    /// Semantic codes.
    pub codes: &'a [u32],
    /// Ids of the phones.
    pub phones: &'a [u32],
    /// 1 is the codes' own speed.
    pub speed: f64,
    /// Normal noise `[channels, frames]`, row-major; none is silence of the noise.
    pub noise: Option<&'a [f32]>,
    /// What the noise is multiplied by (0.5 in the reference).
    pub noise_scale: f64,
    /// The part that is wanted.
    pub chunk: Chunk<'a>,
}

/// A chunk of sound.
#[derive(Clone, Debug)]
pub struct Sound {
    /// Samples of 32 kHz in −1..1.
    pub samples: Vec<f32>,
    /// Frames after the last encoder, `[channels, frames]`, for the next chunk's fade.
    pub latent: Tensor,
}

/// The synthesiser's weights.
#[derive(Debug)]
pub struct S2 {
    ssl: Conv1d,
    codebook: Tensor,
    /// Half the squared length of every row of the codebook, negated, `[1, codes]`.
    lengths: Tensor,
    prior: Prior,
    style: StyleEncoder,
    flow: Flow,
    vocoder: Vocoder,
    /// Samples of a latent frame; a code has two frames.
    frame_samples: usize,
    sights: passage::Sights,
    device: Device,
}

impl S2 {
    /// Reads a checkpoint; `config` stands in for the configuration inside where the file has none.
    ///
    /// # Errors
    /// When the file cannot be read, belongs to another version (v1, v3, v4), or tensors and
    /// configuration do not fit each other.
    pub fn open(path: &Path, config: Option<&Value>, device: &Device) -> Result<Self, EngineError> {
        let mut file = TensorFile::open(path)?;
        let inside = file.settings().get("config").cloned();
        let nothing = Value::Null;
        let config = config.or(inside.as_ref()).unwrap_or(&nothing).clone();
        Self::load(Weights::new(&mut file, device, ""), &config)
    }

    fn load(mut weights: Weights<'_>, config: &Value) -> Result<Self, EngineError> {
        let file = weights.path();
        let unsupported = |problem: String| EngineError::Malformed { file: file.clone(), problem };
        if !weights.has("dec.conv_pre.weight") {
            return Err(unsupported(
                "tensor dec.conv_pre.weight is missing: a v3 or v4 model, or none of GPT-SoVITS; \
                 expected v2, v2Pro or v2ProPlus"
                    .into(),
            ));
        }
        let [phones, _] = weights.dims("enc_p.text_embedding.weight")?;
        if phones == PHONES_OF_V1 {
            return Err(unsupported(format!(
                "enc_p.text_embedding has {phones} rows: a v1 model; expected v2, v2Pro, v2ProPlus"
            )));
        }
        let heads = setting(config, &file, "model.n_heads", 64)?;
        let rates = setting_list(config, &file, "model.upsample_rates", 64)?;
        let kernels = setting_list(config, &file, "model.resblock_kernel_sizes", 127)?;
        let dilations = (0..kernels.len())
            .map(|i| {
                let lists = config.pointer(&format!("/model/resblock_dilation_sizes/{i}"));
                let list = serde_json::json!({ "list": lists });
                setting_list(&list, &file, "list", 64).map_err(|_| EngineError::Config {
                    file: file.clone(),
                    key: format!("model.resblock_dilation_sizes[{i}]"),
                    problem: format!("found {list}, expected 1 to 16 numbers from 1 to 64"),
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let embed = "quantizer.vq.layers.0._codebook.embed";
        let [codes, width] = weights.dims(embed)?;
        let codebook = weights.tensor(embed, &[codes, width])?;
        let [_, ssl, _] = weights.dims("ssl_proj.weight")?;
        let ssl = weights.conv("ssl_proj", ssl, (2, 1))?;
        let prior = Prior::load(weights.below("enc_p"), heads)?;
        let style = StyleEncoder::load(&mut weights, prior.mrte_width())?;
        let [gin, _] = weights.dims("ref_enc.fc.fc.weight")?;
        let channels = prior.width;
        let flow = Flow::load(weights.below("flow"), channels, gin)?;
        let product = rates.iter().try_fold(1_usize, |all, rate| all.checked_mul(*rate));
        let Some(frame_samples) = product.filter(|all| *all <= MOST_FRAME_SAMPLES) else {
            return Err(EngineError::Config {
                file: file.clone(),
                key: "model.upsample_rates".into(),
                problem: format!("is {rates:?}, whose product is beyond {MOST_FRAME_SAMPLES}"),
            });
        };
        let sizes = VocoderSizes { rates, kernels, dilations };
        let vocoder = Vocoder::load(weights.below("dec"), (channels, gin), &sizes)?;
        let lengths = codebook
            .sqr()
            .and_then(|squares| (squares.sum_keepdim(1)? * -0.5)?.t())
            .map_err(computing(STAGE))?;
        let device = weights.device().clone();
        if ssl.width() != width {
            return Err(unsupported(format!(
                "ssl_proj has {} outputs, the codebook {width} columns; expected as many",
                ssl.width()
            )));
        }
        let sights = passage::Sights { flow: flow.sight(), vocoder: vocoder.sight(frame_samples) };
        Ok(Self {
            ssl,
            codebook,
            lengths,
            prior,
            style,
            flow,
            vocoder,
            frame_samples,
            sights,
            device,
        })
    }

    /// Values of the speaker embedding; none outside of the Pro versions.
    #[must_use]
    pub fn speaker_width(&self) -> Option<usize> {
        self.style.speaker_width()
    }

    /// Samples of 32 kHz that a code has at speed 1 (1280 in all published models).
    #[must_use]
    pub fn samples_per_code(&self) -> usize {
        FRAMES_PER_CODE * self.frame_samples
    }

    /// Semantic codes of a clip from HuBERT's last hidden state `[frames, width]`, half as many.
    ///
    /// # Errors
    /// When the width is another one or there are less than two frames.
    pub fn codes_of(
        &self,
        hidden: &Tensor,
        watch: &mut Watch<'_>,
    ) -> Result<Vec<u32>, EngineError> {
        if hidden.dims().first().is_none_or(|frames| *frames < 2) {
            return refuse("hidden states", format!("{:?}, expected 2 frames", hidden.dims()));
        }
        let failed = computing("the quantiser");
        let rows = hidden.t().and_then(|x| self.ssl.forward(&x)).map_err(&failed)?;
        watch("ssl_proj", &rows)?;
        let nearest = || {
            let scores = rows.t()?.contiguous()?.matmul(&self.codebook.t()?)?;
            scores.broadcast_add(&self.lengths)?.argmax(1)?.to_vec1()
        };
        nearest().map_err(&failed)
    }

    /// The style of one clip or the mean of several, `[channels, 1]`.
    ///
    /// # Errors
    /// When there is no clip, or its spectrum or embedding has another size.
    pub fn style(
        &self,
        references: &[Reference<'_>],
        watch: &mut Watch<'_>,
    ) -> Result<Tensor, EngineError> {
        let mut sum: Option<Tensor> = None;
        for reference in references {
            let bins = reference.spectrum.len().checked_div(reference.frames).unwrap_or(0);
            if bins < self.style.bins || bins * reference.frames != reference.spectrum.len() {
                return refuse(
                    "spectrum",
                    format!("{bins} bins, expected at least {}", self.style.bins),
                );
            }
            let found = reference.speaker.map(<[f32]>::len);
            if self.speaker_width().is_some() && found != self.speaker_width() {
                return refuse(
                    "speaker embedding",
                    format!("{found:?} values, expected {:?}", self.speaker_width()),
                );
            }
            let placed = || {
                let shape = (bins, reference.frames);
                let spectrum = Tensor::from_slice(reference.spectrum, shape, &self.device)?;
                let speaker =
                    reference.speaker.map(|s| Tensor::from_slice(s, s.len(), &self.device));
                Ok((spectrum.narrow(0, 0, self.style.bins)?, speaker.transpose()?))
            };
            let (spectrum, speaker) = placed().map_err(computing(STAGE))?;
            let style = self.style.forward(&spectrum, speaker.as_ref(), watch)?;
            sum = Some(match sum {
                Some(sum) => (sum + style).map_err(computing(STAGE))?,
                None => style,
            });
        }
        match sum {
            #[expect(clippy::cast_precision_loss, reason = "a few clips")]
            Some(sum) => (sum / references.len() as f64).map_err(computing(STAGE)),
            None => refuse("reference clips", "none was given; one is needed"),
        }
    }

    /// Speaks.
    ///
    /// # Errors
    /// When there are no codes or phones, too many, unknown ones, or the noise has another size.
    pub fn decode(
        &self,
        speech: &Speech<'_>,
        style: &Tensor,
        watch: &mut Watch<'_>,
    ) -> Result<Sound, EngineError> {
        let failed = computing(STAGE);
        self.check((speech.codes, speech.phones), speech.speed, style)?;
        let (quantized, phones, told) = self.placed((speech.codes, speech.phones), style, watch)?;
        let (stats, latent) = self.prior.forward(
            (&quantized, &phones, &told),
            (speech.speed, speech.chunk),
            watch,
        )?;
        let z = self.sampled(&stats, speech.noise, speech.noise_scale)?;
        watch("z_p", &z)?;
        let z = self.flow.backwards(&z, style, watch)?;
        watch("z", &z)?;
        let samples = self.vocoder.forward(&z, style, watch)?;
        Ok(Sound { samples: samples.to_vec1().map_err(&failed)?, latent })
    }

    /// The frames of the codebook `[channels, frames]`, the ids of the phones, and the style as the
    /// prior takes it.
    fn placed(
        &self,
        (codes, phones): (&[u32], &[u32]),
        style: &Tensor,
        watch: &mut Watch<'_>,
    ) -> Result<(Tensor, Tensor, Tensor), EngineError> {
        watch("ge", style)?;
        let told = self.style.for_mrte(style)?;
        watch("ge_mrte", &told)?;
        let placed = || {
            let frames: Vec<u32> = codes.iter().flat_map(|&code| [code; FRAMES_PER_CODE]).collect();
            let rows = self.codebook.embedding(&Tensor::new(frames, &self.device)?)?;
            Ok((rows.t()?, Tensor::new(phones, &self.device)?))
        };
        let (quantized, phones) = placed().map_err(computing(STAGE))?;
        watch("quantized", &quantized)?;
        Ok((quantized, phones, told))
    }

    /// Refuses what does not fit the model.
    fn check(
        &self,
        (codes, phones): (&[u32], &[u32]),
        speed: f64,
        style: &Tensor,
    ) -> Result<(), EngineError> {
        let rows = self.codebook.dims()[0];
        if codes.is_empty() || codes.len() > MOST_CODES {
            let found = codes.len();
            return refuse("codes", format!("{found} codes, expected 1 to {MOST_CODES}"));
        }
        if let Some(code) = codes.iter().find(|code| **code as usize >= rows) {
            return refuse("codes", format!("found code {code}, expected codes below {rows}"));
        }
        let known = self.prior.phones();
        if phones.is_empty() || phones.len() > MOST_CODES {
            let found = phones.len();
            return refuse("phones", format!("{found} phones, expected 1 to {MOST_CODES}"));
        }
        if let Some(id) = phones.iter().find(|id| **id as usize >= known) {
            return refuse("phones", format!("found id {id}, expected ids below {known}"));
        }
        if !(0.1..=10.0).contains(&speed) {
            return refuse("speed", format!("found {speed}, expected 0.1 to 10"));
        }
        self.check_style(style)
    }

    /// Refuses the style of another model.
    pub(super) fn check_style(&self, style: &Tensor) -> Result<(), EngineError> {
        let expected = [self.style.width(), 1];
        if style.dims() != expected {
            let found = style.dims();
            return refuse("style", format!("{found:?} values, expected {expected:?}"));
        }
        Ok(())
    }

    /// Mean plus noise by the deviation.
    fn sampled(
        &self,
        stats: &Tensor,
        noise: Option<&[f32]>,
        noise_scale: f64,
    ) -> Result<Tensor, EngineError> {
        let failed = computing(STAGE);
        let channels = self.prior.width;
        let mean = stats.narrow(0, 0, channels).map_err(&failed)?;
        let Some(noise) = noise else { return Ok(mean) };
        let frames = stats.dims()[1];
        if noise.len() != channels * frames {
            let found = noise.len();
            return refuse("noise", format!("{found} values, expected {channels} x {frames}"));
        }
        let sampled = || {
            let noise = Tensor::from_slice(noise, (channels, frames), &self.device)?;
            let deviation = stats.narrow(0, channels, channels)?.exp()?;
            mean + ((noise * deviation)? * noise_scale)?
        };
        sampled().map_err(&failed)
    }
}
