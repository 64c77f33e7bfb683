//! A voice: what its reference clips say of it, computed once. The models that read clips may be
//! dropped afterwards, and the voice be kept as bytes.

use candle_core::Tensor;

use super::{
    hubert::Hubert,
    load::{computing, refuse},
    s2::{Reference, S2},
    speaker::Speaker,
};
use crate::{
    EngineError,
    dsp::{linear_spectrum, resample, resample_steep},
};

/// Rate of the synthesiser, hertz.
pub const RATE: u32 = 32_000;
/// Rate of the models that read what is said and who speaks, hertz.
const READING_RATE: u32 = 16_000;
/// Samples of silence behind a clip when its codes are read (`TTS.py`: 0.3 s counted at 32 kHz).
const SILENCE: usize = 9_600;
/// Samples of 16 kHz that the first clip may have: 3 to 10 s, as the models were trained.
const LENGTHS: std::ops::RangeInclusive<usize> = 48_000..=160_000;

/// A clip of someone speaking.
#[derive(Clone, Copy, Debug)]
pub struct Clip<'a> {
    /// Mono samples in −1..1.
    pub pcm: &'a [f32],
    /// Samples per second.
    pub rate: u32,
}

/// Words as phones and their prosody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Words<'a> {
    /// Ids of the phones.
    pub phones: &'a [u32],
    /// BERT features `[width, phones]`, row-major; zeros for what is not Chinese.
    pub bert: &'a [f32],
}

impl Words<'_> {
    /// Refuses features that do not fit the phones.
    pub(super) fn check(&self, width: usize) -> Result<(), EngineError> {
        let (found, phones) = (self.bert.len(), self.phones.len());
        if found == width * phones {
            return Ok(());
        }
        refuse(
            "BERT features",
            format!("{found} values, expected {width} for each of {phones} phones"),
        )
    }
}

/// The models that read clips.
#[derive(Debug)]
pub struct Readers {
    /// Reads what is said.
    pub hubert: Hubert,
    /// Reads who speaks; only the Pro versions ask for it.
    pub speaker: Option<Speaker>,
}

/// What is kept of the clips.
#[derive(Clone, Debug)]
pub struct Voice {
    /// Ids of the phones of the first clip's words; empty where those are not known.
    pub(super) phones: Vec<u32>,
    /// Their BERT features `[width, phones]`, row-major.
    pub(super) bert: Vec<f32>,
    /// Semantic codes of the first clip; empty where its words are not known.
    pub(super) codes: Vec<u32>,
    /// The style of all clips, `[channels, 1]`.
    pub(super) style: Tensor,
}

impl Voice {
    /// Reads a clip of 3 to 10 s with the words said in it (their prosody is carried over) and
    /// further clips of up to a minute, whose styles are averaged with the first one's. Without words
    /// only the style is taken.
    ///
    /// # Errors
    /// When a clip is too short or too long, silent or holds what is no number, when a rate makes no
    /// sense, or a Pro version has no speaker model.
    pub fn read(
        readers: &Readers,
        model: &S2,
        clip: &Clip<'_>,
        further: &[Clip<'_>],
        words: Option<Words<'_>>,
    ) -> Result<Self, EngineError> {
        clip.check()?;
        let mut pcm = resample_steep(clip.pcm, clip.rate, READING_RATE)?;
        if !LENGTHS.contains(&pcm.len()) {
            #[expect(clippy::cast_precision_loss, reason = "for a message")]
            let seconds = pcm.len() as f64 / f64::from(READING_RATE);
            return refuse("reference clip", format!("{seconds:.1} s long, expected 3 to 10 s"));
        }
        let words = words.filter(|words| !words.phones.is_empty());
        let codes = if words.is_some() {
            pcm.resize(pcm.len() + SILENCE, 0.0);
            let hidden = readers.hubert.hidden(&pcm, &mut |_, _| Ok(()))?;
            model.codes_of(&hidden, &mut |_, _| Ok(()))?
        } else {
            Vec::new()
        };
        let words = words.unwrap_or_default();
        let mut clips = vec![*clip];
        clips.extend_from_slice(further);
        Ok(Self {
            phones: words.phones.to_vec(),
            bert: words.bert.to_vec(),
            codes,
            style: style(readers, model, &clips)?,
        })
    }

    /// Semantic codes of the first clip, 25 a second; empty where its words are not known.
    #[must_use]
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// The style, `[channels, 1]`.
    #[must_use]
    pub fn style(&self) -> &Tensor {
        &self.style
    }

    /// The words of the first clip; empty where they are not known.
    #[must_use]
    pub fn words(&self) -> Words<'_> {
        Words { phones: &self.phones, bert: &self.bert }
    }

    /// A voice that speaks as this one and whose style lies between this one's (0) and the other's
    /// (1).
    ///
    /// # Errors
    /// When the weight is not in 0..=1, or the voices belong to different models.
    pub fn blended(&self, other: &Self, weight: f64) -> Result<Self, EngineError> {
        if !(0.0..=1.0).contains(&weight) {
            return refuse("weight of a voice", format!("found {weight}, expected 0 to 1"));
        }
        if self.style.dims() != other.style.dims() {
            let (this, that) = (self.style.dims(), other.style.dims());
            return refuse(
                "voices",
                format!("styles of {this:?} and {that:?} values, expected as many"),
            );
        }
        let between = || (&self.style * (1.0 - weight))? + (&other.style * weight)?;
        Ok(Self { style: between().map_err(computing("a blend"))?, ..self.clone() })
    }
}

/// The mean style of clips.
fn style(readers: &Readers, model: &S2, clips: &[Clip<'_>]) -> Result<Tensor, EngineError> {
    let read = clips
        .iter()
        .map(|clip| {
            let pcm = levelled(clip)?;
            let (spectrum, frames) = linear_spectrum(&pcm)?;
            let speaker = match (&readers.speaker, model.speaker_width()) {
                (_, None) => None,
                (Some(reader), Some(_)) => {
                    let low = resample(&pcm, RATE, READING_RATE)?;
                    Some(reader.embedding(&low, &mut |_, _| Ok(()))?)
                }
                (None, Some(_)) => {
                    return refuse(
                        "speaker model",
                        "none was given; the synthesiser is of a Pro version (it has sv_emb) and \
                         needs one",
                    );
                }
            };
            Ok((spectrum, frames, speaker))
        })
        .collect::<Result<Vec<_>, EngineError>>()?;
    let references: Vec<Reference<'_>> = read
        .iter()
        .map(|(spectrum, frames, speaker)| Reference {
            spectrum,
            frames: *frames,
            speaker: speaker.as_deref(),
        })
        .collect();
    model.style(&references, &mut |_, _| Ok(()))
}

impl Clip<'_> {
    /// Refuses samples that say nothing of a voice.
    fn check(&self) -> Result<(), EngineError> {
        if self.pcm.iter().any(|sample| !sample.is_finite()) {
            return refuse("reference clip", "holds samples that are no numbers");
        }
        if self.pcm.iter().all(|sample| *sample == 0.0) {
            return refuse("reference clip", "is silent from end to end");
        }
        Ok(())
    }
}

/// A clip at the synthesiser's rate, brought down where it is louder than full scale, to half at
/// most.
fn levelled(clip: &Clip<'_>) -> Result<Vec<f32>, EngineError> {
    clip.check()?;
    let mut pcm = resample(clip.pcm, clip.rate, RATE)?;
    let peak = pcm.iter().fold(0f32, |peak, sample| peak.max(sample.abs()));
    if peak > 1.0 {
        let scale = peak.min(2.0);
        pcm.iter_mut().for_each(|sample| *sample /= scale);
    }
    Ok(pcm)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn voice(style: &[f32]) -> Voice {
        let style = Tensor::from_slice(style, (style.len(), 1), &Device::Cpu).unwrap();
        Voice { phones: vec![3, 1], bert: vec![0.5, -0.0], codes: vec![7], style }
    }

    fn values(voice: &Voice) -> Vec<f32> {
        voice.style.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn a_loud_clip_is_brought_to_full_scale_and_never_below_half_of_itself() {
        let level = |pcm: &[f32]| levelled(&Clip { pcm, rate: RATE }).unwrap();
        assert_eq!(level(&[0.5, -0.9]), [0.5, -0.9]);
        assert_eq!(level(&[0.75, -1.5]), [0.5, -1.0]);
        assert_eq!(level(&[1.0, -4.0]), [0.5, -2.0]);
    }

    #[test]
    fn clips_of_nothing_or_of_no_numbers_are_refused() {
        for pcm in [&[0.0, 0.0][..], &[], &[0.5, f32::NAN]] {
            assert!(levelled(&Clip { pcm, rate: RATE }).is_err(), "{pcm:?}");
        }
    }

    #[test]
    fn a_blend_keeps_the_words_of_the_first_and_mixes_the_styles() {
        let (calm, happy) = (voice(&[0.0, 4.0]), voice(&[1.0, 0.0]));
        let blend = calm.blended(&happy, 0.25).unwrap();
        assert_eq!(values(&blend), [0.25, 3.0]);
        assert_eq!((blend.codes(), blend.words().phones), (&[7][..], &[3, 1][..]));
        assert_eq!(values(&calm.blended(&happy, 0.0).unwrap()), values(&calm));
    }

    #[test]
    fn weights_out_of_range_and_voices_of_other_models_are_not_blended() {
        let (one, two) = (voice(&[0.0]), voice(&[1.0, 0.0]));
        assert!(one.blended(&one, 1.5).is_err() && one.blended(&one, f64::NAN).is_err());
        assert!(one.blended(&two, 0.5).unwrap_err().to_string().contains("styles of"));
    }
}
