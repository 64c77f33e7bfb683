//! The whole front end of a FunASR model for a clip that is there as a whole: filterbank, low frame
//! rate, normalisation.

use super::{
    Cmvn, Fbank, FbankSettings, Features, LowFrameRate, dither::Dither, online::OnlineFrontend,
};
use crate::EngineError;

/// What a front end computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrontendSettings {
    /// The filterbank.
    pub fbank: FbankSettings,
    /// The stacking.
    pub lfr: LowFrameRate,
    /// Standard deviation of the noise added to every sample on the 16-bit scale. The reference
    /// adds 1.0 where a configuration names none.
    pub dither: f32,
}

impl FrontendSettings {
    /// Values per feature row.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.lfr.stack * self.fbank.mel_bins
    }
}

/// Features of whole clips.
#[derive(Debug)]
pub struct Frontend {
    settings: FrontendSettings,
    fbank: Fbank,
    cmvn: Option<Cmvn>,
}

impl Frontend {
    /// A front end; without statistics nothing is normalised.
    ///
    /// # Errors
    /// When the settings describe no usable frame or stack.
    pub fn new(settings: FrontendSettings, cmvn: Option<Cmvn>) -> Result<Self, EngineError> {
        let LowFrameRate { stack, skip } = settings.lfr;
        if !(1..=64).contains(&stack)
            || !(1..=stack).contains(&skip)
            || !settings.dither.is_finite()
        {
            return Err(EngineError::Input {
                what: "front end settings",
                problem: format!(
                    "{settings:?} is out of range: stacks of 1-64 rows, skips no longer than them"
                ),
            });
        }
        Ok(Self { settings, fbank: Fbank::new(settings.fbank)?, cmvn })
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &FrontendSettings {
        &self.settings
    }

    /// Filterbank rows of a clip (-1..1), before stacking.
    ///
    /// # Errors
    /// When there are fewer than two samples.
    pub fn fbank(&mut self, pcm: &[f32]) -> Result<Features, EngineError> {
        self.fbank_every(self.settings.fbank.hop_samples(), pcm)
    }

    /// Filterbank rows of a clip, one every `hop` samples in place of the settings' hop.
    ///
    /// # Errors
    /// As [`Self::fbank`].
    pub fn fbank_every(&mut self, hop: usize, pcm: &[f32]) -> Result<Features, EngineError> {
        let values = if self.settings.dither > 0.0 {
            let mut noisy = pcm.to_vec();
            Dither::new().add(&mut noisy, self.settings.dither / 32_768.0);
            self.fbank.clip_every(hop, &noisy)?
        } else {
            self.fbank.clip_every(hop, pcm)?
        };
        Ok(Features { dim: self.settings.fbank.mel_bins, values })
    }

    /// Stacks and normalises filterbank rows.
    #[must_use]
    pub fn stack(&self, fbank: &Features) -> Features {
        let mut values = self.settings.lfr.apply(&fbank.values, fbank.dim);
        if let Some(cmvn) = &self.cmvn {
            cmvn.apply(&mut values);
        }
        Features { dim: self.settings.dim(), values }
    }

    /// Features of a clip (-1..1).
    ///
    /// # Errors
    /// When there are fewer than two samples.
    pub fn extract(&mut self, pcm: &[f32]) -> Result<Features, EngineError> {
        let fbank = self.fbank(pcm)?;
        Ok(self.stack(&fbank))
    }

    /// The same front end for a stream, which begins with the next sample.
    #[must_use]
    pub fn into_online(self) -> OnlineFrontend {
        OnlineFrontend::new(self.settings, self.fbank, self.cmvn)
    }
}
