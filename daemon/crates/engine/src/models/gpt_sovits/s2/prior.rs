//! The prior encoder (`enc_p`): codes and phones become mean and logarithm of the deviation of every
//! latent frame. Codes attend to phones in the MRTE of TransferTTS's manner (`mrte_model.py`).

use std::ops::Range;

use candle_core::{Result as Computed, Tensor};

use super::{
    super::{
        Watch,
        conv::Conv1d,
        load::{Weights, computing},
    },
    attention::{Attention, Encoder},
};
use crate::EngineError;

const STAGE: &str = "the prior encoder";
/// Heads of the attention from codes to phones (a constant of the reference).
const MRTE_HEADS: usize = 4;

#[derive(Debug)]
pub(super) struct Prior {
    ssl: Conv1d,
    encoder_ssl: Encoder,
    embedding: Tensor,
    encoder_text: Encoder,
    c_pre: Conv1d,
    text_pre: Conv1d,
    cross: Attention,
    c_post: Conv1d,
    encoder2: Encoder,
    project: Conv1d,
    /// Channels of a latent frame.
    pub(super) width: usize,
}

/// Where a chunk of a stream begins and what precedes it.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// Codes at the end that are wanted; none keeps all.
    pub codes: Option<usize>,
    /// The last frames of the chunk before, `[channels, frames]`, cross-faded into this one.
    pub before: Option<&'a Tensor>,
}

impl Prior {
    pub(super) fn load(mut weights: Weights<'_>, heads: usize) -> Result<Self, EngineError> {
        let [hidden, quantized, _] = weights.dims("ssl_proj.weight")?;
        let [mrte, _, _] = weights.dims("mrte.c_pre.weight")?;
        let [phones, _] = weights.dims("text_embedding.weight")?;
        if hidden % heads != 0 || mrte % MRTE_HEADS != 0 {
            return Err(EngineError::Malformed {
                file: weights.path(),
                problem: format!(
                    "enc_p is {hidden} wide with {heads} heads, its MRTE {mrte} with {MRTE_HEADS}; \
                     expected heads that divide the width"
                ),
            });
        }
        let project = weights.conv("proj", hidden, (1, 1))?;
        Ok(Self {
            ssl: weights.conv("ssl_proj", quantized, (1, 1))?,
            encoder_ssl: Encoder::load(weights.below("encoder_ssl"), hidden, heads)?,
            embedding: weights.tensor("text_embedding.weight", &[phones, hidden])?,
            encoder_text: Encoder::load(weights.below("encoder_text"), hidden, heads)?,
            c_pre: weights.conv("mrte.c_pre", hidden, (1, 1))?,
            text_pre: weights.conv("mrte.text_pre", hidden, (1, 1))?,
            cross: Attention::load(weights.below("mrte.cross_attention"), mrte, MRTE_HEADS)?,
            c_post: weights.conv("mrte.c_post", mrte, (1, 1))?,
            encoder2: Encoder::load(weights.below("encoder2"), hidden, heads)?,
            width: project.width() / 2,
            project,
        })
    }

    /// Ids of phones that are known.
    pub(super) fn phones(&self) -> usize {
        self.embedding.dims()[0]
    }

    /// Channels that the MRTE adds the style to.
    pub(super) fn mrte_width(&self) -> usize {
        self.c_pre.width()
    }

    /// `quantized` `[channels, frames]`, ids of the phones `[phones]`, the MRTE's style
    /// `[channels, 1]`; gives `[mean; log deviation]` and the frames kept of `encoder2`.
    pub(super) fn forward(
        &self,
        inputs: (&Tensor, &Tensor, &Tensor),
        (speed, chunk): (f64, Chunk<'_>),
        watch: &mut Watch<'_>,
    ) -> Result<(Tensor, Tensor), EngineError> {
        let failed = computing(STAGE);
        let y = self.encoded(inputs, watch)?;
        let y = cut(&y, chunk).map_err(&failed)?;
        watch("latent", &y)?;
        let stretched = stretched(&y, speed).map_err(&failed)?;
        let stats = self.project.forward(&stretched).map_err(&failed)?;
        watch("enc_p.proj", &stats)?;
        Ok((stats, y))
    }

    /// `[mean; log deviation]` of some `frames` at a speed, from what [`Self::encoded`] gave. A frame
    /// keeps its place, however many codes follow.
    pub(super) fn passage(
        &self,
        encoded: &Tensor,
        speed: f64,
        frames: Range<usize>,
    ) -> Computed<Tensor> {
        self.project.forward(&interpolated(encoded, speed, frames)?)
    }

    /// What `encoder2` gives for all codes, `[channels, frames]`; inputs as [`Self::forward`]'s.
    pub(super) fn encoded(
        &self,
        (quantized, phones, style): (&Tensor, &Tensor, &Tensor),
        watch: &mut Watch<'_>,
    ) -> Result<Tensor, EngineError> {
        let failed = computing(STAGE);
        let y = self.ssl.forward(quantized).map_err(&failed)?;
        watch("enc_p.ssl_proj", &y)?;
        let y = self
            .encoder_ssl
            .forward(&y, &mut |part, rows| watch(&format!("enc_p.encoder_ssl.{part}"), rows))?;
        watch("enc_p.encoder_ssl", &y)?;
        let text = self.embedding.embedding(phones).and_then(|rows| rows.t()).map_err(&failed)?;
        let text = self.encoder_text.forward(&text, &mut |_, _| Ok(()))?;
        watch("enc_p.encoder_text", &text)?;
        let cross = || {
            let y = self.c_pre.forward(&y)?;
            let cross = self.cross.forward(&y, &self.text_pre.forward(&text)?)?;
            let sum = (&cross + y)?.broadcast_add(style)?;
            Ok((cross, self.c_post.forward(&sum)?))
        };
        let (cross, y) = cross().map_err(&failed)?;
        watch("enc_p.mrte.cross", &cross)?;
        watch("enc_p.mrte", &y)?;
        let y = self.encoder2.forward(&y, &mut |_, _| Ok(()))?;
        watch("enc_p.encoder2", &y)?;
        Ok(y)
    }
}

/// Keeps the frames of a chunk and fades the ones before into its first.
fn cut(y: &Tensor, chunk: Chunk<'_>) -> Computed<Tensor> {
    let all = y.dim(1)?;
    let kept = chunk.codes.map_or(all, |codes| (2 * codes).min(all));
    let y = y.narrow(1, all - kept, kept)?;
    let Some(before) = chunk.before else { return Ok(y) };
    let shared = before.dim(1)?.min(kept);
    if shared == 0 {
        return Ok(y);
    }
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "few frames")]
    let window = |from: usize| {
        let step = std::f64::consts::PI / (2 * shared) as f64;
        let values: Vec<f32> =
            (from..from + shared).map(|i| (i as f64 * step).sin() as f32).collect();
        Tensor::from_vec(values, (1, shared), y.device())
    };
    let before = before.narrow(1, before.dim(1)? - shared, shared)?;
    let faded = (y.narrow(1, 0, shared)?.broadcast_mul(&window(0)?)?
        + before.broadcast_mul(&window(shared)?)?)?;
    Tensor::cat(&[faded, y.narrow(1, shared, kept - shared)?], 1)
}

/// Linear interpolation to `⌊frames / speed⌋ + 1` frames, corners not aligned: the reference's, in
/// which a frame's place depends on how many there are.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "frames are few"
)]
fn stretched(y: &Tensor, speed: f64) -> Computed<Tensor> {
    let from = y.dim(1)?;
    if is_plain(speed) {
        return Ok(y.clone());
    }
    let to = (from as f64 / speed) as usize + 1;
    interpolated(y, f64::from(from as f32 / to as f32), 0..to)
}

/// The `frames` of `y` played `speed` times as fast, between its own by linear interpolation;
/// corners not aligned.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "frames are few; the weights are f32 as in the reference"
)]
fn interpolated(y: &Tensor, speed: f64, frames: Range<usize>) -> Computed<Tensor> {
    let (from, to) = (y.dim(1)?, frames.len());
    if is_plain(speed) {
        return y.narrow(1, frames.start, to);
    }
    let scale = speed as f32;
    let (mut low, mut high, mut share) = (Vec::new(), Vec::new(), Vec::new());
    for i in frames {
        let at = (scale * (i as f32 + 0.5) - 0.5).max(0.0);
        let left = (at as usize).min(from - 1);
        low.push(left as u32);
        high.push((left + 1).min(from - 1) as u32);
        share.push(at - left as f32);
    }
    let take = |index: Vec<u32>| y.contiguous()?.index_select(&Tensor::new(index, y.device())?, 1);
    let (low, high) = (take(low)?, take(high)?);
    let share = Tensor::from_vec(share, (1, to), y.device())?;
    &low + (high - &low)?.broadcast_mul(&share)?
}

/// Whether the codes are spoken at their own speed.
fn is_plain(speed: f64) -> bool {
    (speed - 1.0).abs() < f64::EPSILON
}
