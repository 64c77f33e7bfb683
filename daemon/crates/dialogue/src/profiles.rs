//! The generation profiles: fast, balanced, quality.

use companion_types::{GenerationProfile, SamplingParams};
use serde::{Deserialize, Serialize};

/// Sampling of each profile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GenerationProfiles {
    /// Short and soon.
    pub fast: SamplingParams,
    /// The default.
    pub balanced: SamplingParams,
    /// Long and careful.
    pub quality: SamplingParams,
}

impl Default for GenerationProfiles {
    fn default() -> Self {
        let with = |max_new_tokens, temperature, top_p| SamplingParams {
            max_new_tokens,
            temperature,
            top_p,
            ..SamplingParams::default()
        };
        Self {
            fast: with(256, 0.5, 0.9),
            balanced: with(512, 0.7, 0.8),
            quality: with(1024, 0.8, 0.95),
        }
    }
}

impl GenerationProfiles {
    /// Sampling of `profile`.
    #[must_use]
    pub fn of(&self, profile: GenerationProfile) -> SamplingParams {
        match profile {
            GenerationProfile::Fast => self.fast,
            GenerationProfile::Balanced => self.balanced,
            GenerationProfile::Quality => self.quality,
        }
    }
}
