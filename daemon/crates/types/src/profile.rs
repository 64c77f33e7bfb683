//! How the companion is and how it thinks.

use serde::{Deserialize, Serialize};

use crate::Language;

/// How tokens are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplingParams {
    /// At most this many new tokens.
    pub max_new_tokens: u32,
    /// 0 is greedy.
    pub temperature: f32,
    /// Nucleus: the smallest set of tokens that reaches this probability.
    pub top_p: f32,
    /// Only the k likeliest; 0 is all.
    pub top_k: u32,
    /// Tokens below this share of the likeliest one's probability go.
    pub min_p: f32,
    /// Above 1 weakens what has occurred.
    pub repetition_penalty: f32,
    /// Same seed, same reply.
    pub seed: u64,
}

impl Default for SamplingParams {
    fn default() -> Self {
        Self {
            max_new_tokens: 512,
            temperature: 0.7,
            top_p: 0.8,
            top_k: 20,
            min_p: 0.0,
            repetition_penalty: 1.05,
            seed: 0,
        }
    }
}

/// The three generation profiles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GenerationProfile {
    /// Short and soon.
    Fast,
    /// The default.
    #[default]
    Balanced,
    /// Long and careful.
    Quality,
}

/// A character: who the companion is for one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonaProfile {
    /// Key of the profile: file name, object path.
    pub key: String,
    /// Name in Chinese.
    pub name_zh: String,
    /// Name in English.
    pub name_en: String,
    /// Who the companion is, in Chinese, ending with a full stop.
    pub persona_zh: String,
    /// Who the companion is, in English, ending with a full stop.
    pub persona_en: String,
    /// Voice folder under `static/voices`.
    pub voice: String,
    /// Language to begin in.
    pub language: Language,
    /// Generation profile.
    pub generation: GenerationProfile,
}
