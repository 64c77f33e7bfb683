//! The style of a reference clip, one vector: the mel-style encoder of Meta-StyleSpeech (Min et al.
//! 2021) over the lowest bins of the linear spectrum, plus the speaker embedding in the Pro versions.

use candle_core::{Result as Computed, Tensor};

use super::super::{
    Watch,
    conv::Conv1d,
    load::{Linear, Weights, attend, computing, heads, joined},
};
use crate::EngineError;

const STAGE: &str = "the style encoder";
/// Heads of its attention (a constant of the reference).
const HEADS: usize = 2;

/// What the Pro versions add.
#[derive(Debug)]
struct Pro {
    speaker: Linear,
    slope: Tensor,
    narrow: Linear,
}

#[derive(Debug)]
pub(super) struct StyleEncoder {
    spectral: [Linear; 2],
    temporal: Vec<Conv1d>,
    maps: [Linear; 4],
    out: Linear,
    pro: Option<Pro>,
    /// Bins of the spectrum that are read.
    pub(super) bins: usize,
}

impl StyleEncoder {
    /// `weights` is the whole checkpoint.
    pub(super) fn load(weights: &mut Weights<'_>, mrte: usize) -> Result<Self, EngineError> {
        let pro = weights.has("sv_emb.weight");
        let [gin, _] = weights.dims("ref_enc.fc.fc.weight")?;
        let pro = if pro {
            let [_, embedding] = weights.dims("sv_emb.weight")?;
            let speaker = weights.linear("sv_emb", embedding)?;
            let narrow = weights.linear("ge_to512", gin)?;
            Some(Pro { speaker, slope: weights.tensor("prelu.weight", &[gin])?, narrow })
        } else {
            None
        };
        let style = pro.as_ref().map_or(gin, |pro| pro.narrow.width());
        if style != mrte {
            return Err(EngineError::Malformed {
                file: weights.path(),
                problem: format!("the style has {style} channels, enc_p.mrte expected {mrte}"),
            });
        }
        let mut weights = weights.below("ref_enc");
        let [width, bins] = weights.dims("spectral.0.fc.weight")?;
        let spectral =
            [weights.linear("spectral.0.fc", bins)?, weights.linear("spectral.3.fc", width)?];
        let width = spectral[1].width();
        if width % HEADS != 0 {
            return Err(EngineError::Malformed {
                file: weights.path(),
                problem: format!("the style encoder is {width} wide, expected an even width"),
            });
        }
        let count = weights.count("temporal", "conv1.conv.weight");
        let temporal = (0..count)
            .map(|i| weights.conv(&format!("temporal.{i}.conv1.conv"), width, (1, 1)))
            .collect::<Result<Vec<_>, _>>()?;
        let mut map = |name: &str| weights.linear(&format!("slf_attn.{name}"), width);
        let maps = [map("w_qs")?, map("w_ks")?, map("w_vs")?, map("fc")?];
        let out = weights.linear("fc.fc", width)?;
        Ok(Self { spectral, temporal, maps, out, pro, bins })
    }

    /// Values of a speaker embedding; none outside of the Pro versions.
    pub(super) fn speaker_width(&self) -> Option<usize> {
        self.pro.as_ref().map(|pro| pro.speaker.inputs())
    }

    /// Channels of a style.
    pub(super) fn width(&self) -> usize {
        self.out.width()
    }

    /// `spectrum` `[bins, frames]` (the lowest ones), `speaker` `[values]`; `[channels, 1]`.
    pub(super) fn forward(
        &self,
        spectrum: &Tensor,
        speaker: Option<&Tensor>,
        watch: &mut Watch<'_>,
    ) -> Result<Tensor, EngineError> {
        let failed = computing(STAGE);
        let spectral = || {
            let x = mish(&self.spectral[0].forward(&spectrum.t()?.contiguous()?)?)?;
            mish(&self.spectral[1].forward(&x)?)
        };
        let x = spectral().map_err(&failed)?;
        watch("ref_enc.spectral", &x)?;
        let temporal = || {
            let mut x = x.t()?;
            for conv in &self.temporal {
                let y = conv.same(&x)?;
                let half = y.dim(0)? / 2;
                let gate = candle_nn::ops::sigmoid(&y.narrow(0, half, half)?)?;
                x = (x + (y.narrow(0, 0, half)? * gate)?)?;
            }
            Ok(x)
        };
        let x = temporal().map_err(&failed)?;
        watch("ref_enc.temporal", &x)?;
        let x = self.attended(&x.t().map_err(&failed)?).map_err(&failed)?;
        watch("ref_enc.slf_attn", &x)?;
        let style = || {
            let style = self.out.forward(&x)?.mean_keepdim(0)?;
            match (&self.pro, speaker) {
                (Some(pro), Some(speaker)) => {
                    let sum = (style + pro.speaker.forward(&speaker.unsqueeze(0)?)?)?;
                    let negative = sum.minimum(0f64)?.broadcast_mul(&pro.slope)?;
                    (sum.relu()? + negative)?.t()
                }
                _ => style.t(),
            }
        };
        style().map_err(&failed)
    }

    fn attended(&self, x: &Tensor) -> Computed<Tensor> {
        let x = x.contiguous()?;
        let part = |map: &Linear| heads(&map.forward(&x)?, HEADS);
        let (q, k, v) = (part(&self.maps[0])?, part(&self.maps[1])?, part(&self.maps[2])?);
        #[expect(clippy::cast_precision_loss, reason = "a width")]
        let scale = 1.0 / (x.dim(1)? as f64).sqrt();
        self.maps[3].forward(&joined(&attend((&q, &k, &v), scale, None)?)?)? + x
    }

    /// The style as the MRTE takes it, `[channels, 1]`.
    pub(super) fn for_mrte(&self, style: &Tensor) -> Result<Tensor, EngineError> {
        let narrow = |pro: &Pro| pro.narrow.forward(&style.t()?.contiguous()?)?.t();
        match &self.pro {
            Some(pro) => narrow(pro).map_err(computing(STAGE)),
            None => Ok(style.clone()),
        }
    }
}

/// x tanh(ln(1 + eˣ)) (Misra 2019).
fn mish(x: &Tensor) -> Computed<Tensor> {
    // ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|), which does not overflow.
    let soft = (x.relu()? + (x.abs()?.neg()?.exp()? + 1.0)?.log()?)?;
    x * soft.tanh()?
}
