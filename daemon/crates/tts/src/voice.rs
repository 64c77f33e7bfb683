//! A voice as a folder describes it: `static/voices/NAME/voice.toml`.

use std::collections::BTreeMap;
use std::path::Path;

use companion_types::{Emotion, Language};
use serde::Deserialize;

use crate::error::TtsError;

/// How espeak-ng says one emotion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prosody {
    /// Words per minute.
    pub rate: i32,
    /// 0-100.
    pub pitch: i32,
    /// 0-100.
    pub range: i32,
    /// 0-200.
    pub volume: i32,
}

/// The espeak-ng part of a voice.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EspeakSettings {
    /// Voice for Mandarin, read from tone-numbered pinyin.
    pub voice_zh: String,
    /// Voice for English.
    pub voice_en: String,
    /// Prosody by emotion key; `calm` must be there and stands in for those that are not.
    pub emotions: BTreeMap<String, Prosody>,
}

impl EspeakSettings {
    /// Prosody of an emotion.
    #[must_use]
    pub fn prosody(&self, emotion: &Emotion) -> Prosody {
        let calm = Prosody { rate: 165, pitch: 50, range: 50, volume: 100 };
        let found = self.emotions.get(emotion.key()).or_else(|| self.emotions.get("calm"));
        found.copied().unwrap_or(calm)
    }

    /// Voice of a language.
    #[must_use]
    pub fn voice(&self, language: Language) -> &str {
        if language == Language::En { &self.voice_en } else { &self.voice_zh }
    }
}

/// A voice folder's description.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoiceFile {
    /// Name shown in Chinese.
    pub name_zh: String,
    /// Name shown in English.
    pub name_en: String,
    /// How espeak-ng speaks with it.
    pub espeak: EspeakSettings,
}

impl VoiceFile {
    /// Reads the voice `name` below `folder`.
    ///
    /// # Errors
    /// When the name is no plain folder name, or the description is missing or wrong.
    pub fn open(folder: &Path, name: &str) -> Result<Self, TtsError> {
        let plain = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(plain) {
            return Err(TtsError::Name(name.to_owned()));
        }
        let path = folder.join(name).join("voice.toml");
        let text = std::fs::read_to_string(&path).map_err(|source| TtsError::Read {
            name: name.to_owned(),
            path: path.clone(),
            source,
        })?;
        let wrong = |message: String| TtsError::Description {
            name: name.to_owned(),
            path: path.clone(),
            message,
        };
        let voice: Self = toml::from_str(&text).map_err(|e| wrong(e.to_string()))?;
        if !voice.espeak.emotions.contains_key("calm") {
            return Err(wrong(
                "[espeak.emotions] has no calm, which stands in for the others".to_owned(),
            ));
        }
        Ok(voice)
    }
}
