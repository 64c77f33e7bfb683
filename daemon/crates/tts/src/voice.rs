//! A voice as a folder describes it: `static/voices/NAME/voice.toml`.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

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
    /// Prosody of an emotion, between calm (intensity 0) and its own (1).
    #[must_use]
    pub fn prosody(&self, emotion: &Emotion, intensity: f64) -> Prosody {
        let plain = Prosody { rate: 165, pitch: 50, range: 50, volume: 100 };
        let calm = self.emotions.get("calm").copied().unwrap_or(plain);
        let own = self.emotions.get(emotion.key()).copied().unwrap_or(calm);
        let between = |calm: i32, own: i32| {
            let value = f64::from(calm) + f64::from(own - calm) * intensity.clamp(0.0, 1.0);
            #[expect(clippy::cast_possible_truncation, reason = "between two small numbers")]
            let rounded = value.round() as i32;
            rounded
        };
        Prosody {
            rate: between(calm.rate, own.rate),
            pitch: between(calm.pitch, own.pitch),
            range: between(calm.range, own.range),
            volume: between(calm.volume, own.volume),
        }
    }

    /// Voice of a language.
    #[must_use]
    pub fn voice(&self, language: Language) -> &str {
        if language == Language::En { &self.voice_en } else { &self.voice_zh }
    }
}

/// A reference clip of one emotion: how the voice sounds in it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferenceSettings {
    /// A WAV file in the voice's folder, 3 to 10 s.
    pub clip: PathBuf,
    /// What is said in it.
    #[serde(default)]
    pub text: String,
    /// Further clips whose sound is averaged with the first one's.
    #[serde(default)]
    pub more: Vec<PathBuf>,
    /// How far the sound goes from calm (0) to the reference's (1).
    #[serde(default = "one")]
    pub intensity: f64,
    /// How fast, against the whole voice.
    #[serde(default = "one")]
    pub speed: f64,
}

fn one() -> f64 {
    1.0
}

/// The GPT-SoVITS part of a voice.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GptSovitsSettings {
    /// Directory of the model in one of the model folders.
    pub model: String,
    /// 1 is the model's own speed; 0.5 to 2.
    #[serde(default = "one")]
    pub speed: f64,
    /// How codes are drawn: only from the best so many.
    #[serde(default = "GptSovitsSettings::top_k")]
    pub top_k: usize,
    /// Only from the likeliest that reach this sum.
    #[serde(default = "one")]
    pub top_p: f64,
    /// 1 is the model's own; lower is more even.
    #[serde(default = "one")]
    pub temperature: f64,
    /// How much of the sound of the clause before stays when the emotion changes; 0 changes at once.
    #[serde(default = "GptSovitsSettings::smooth")]
    pub smooth: f64,
    /// Reference clips by emotion key; `calm` must be there and stands in for those that are not.
    pub emotions: BTreeMap<String, ReferenceSettings>,
}

impl GptSovitsSettings {
    fn top_k() -> usize {
        15
    }

    fn smooth() -> f64 {
        0.25
    }

    fn problem(&self) -> Option<String> {
        if !self.emotions.contains_key("calm") {
            return Some(
                "[gpt_sovits.emotions] has no calm, which stands in for the others".into(),
            );
        }
        let within = |name: &str, value: f64, least: f64, most: f64| {
            let wrong = !(least..=most).contains(&value);
            wrong.then(|| format!("{name} = {value}: {least} to {most} are possible"))
        };
        let own = within("gpt_sovits.speed", self.speed, 0.5, 2.0)
            .or_else(|| within("gpt_sovits.smooth", self.smooth, 0.0, 0.9))
            .or_else(|| within("gpt_sovits.temperature", self.temperature, 0.05, 2.0))
            .or_else(|| within("gpt_sovits.top_p", self.top_p, 0.05, 1.0));
        own.or_else(|| {
            self.emotions.iter().find_map(|(key, reference)| {
                let inside = |path: &PathBuf| {
                    path.components().all(|part| matches!(part, Component::Normal(_)))
                };
                let strange =
                    std::iter::once(&reference.clip).chain(&reference.more).find(|p| !inside(p));
                strange
                    .map(|path| {
                        format!("{key}: {} lies outside of the voice's folder", path.display())
                    })
                    .or_else(|| within(&format!("{key}.speed"), reference.speed, 0.5, 2.0))
                    .or_else(|| within(&format!("{key}.intensity"), reference.intensity, 0.0, 1.0))
            })
        })
    }
}

/// A voice folder's description.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoiceFile {
    /// Name shown in Chinese.
    pub name_zh: String,
    /// Name shown in English.
    pub name_en: String,
    /// How espeak-ng speaks with it; stands in where the other part cannot be used.
    #[serde(default)]
    pub espeak: Option<EspeakSettings>,
    /// How GPT-SoVITS speaks with it.
    #[serde(default)]
    pub gpt_sovits: Option<GptSovitsSettings>,
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
        Self::parse(name, &path, &text)
    }

    /// Reads the description of the voice `name` from its text; `path` is for messages.
    ///
    /// # Errors
    /// When it is wrong.
    pub fn parse(name: &str, path: &Path, text: &str) -> Result<Self, TtsError> {
        let wrong = |message: String| TtsError::Description {
            name: name.to_owned(),
            path: path.to_owned(),
            message,
        };
        let voice: Self = toml::from_str(text).map_err(|e| wrong(e.to_string()))?;
        if voice.espeak.is_none() && voice.gpt_sovits.is_none() {
            return Err(wrong("neither [espeak] nor [gpt_sovits] says how it speaks".to_owned()));
        }
        if voice.espeak.as_ref().is_some_and(|espeak| !espeak.emotions.contains_key("calm")) {
            return Err(wrong(
                "[espeak.emotions] has no calm, which stands in for the others".to_owned(),
            ));
        }
        if let Some(problem) = voice.gpt_sovits.as_ref().and_then(GptSovitsSettings::problem) {
            return Err(wrong(problem));
        }
        Ok(voice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(text: &str) -> Result<VoiceFile, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("v")).unwrap();
        std::fs::write(folder.path().join("v/voice.toml"), text).unwrap();
        VoiceFile::open(folder.path(), "v").map_err(|e| e.to_string())
    }

    const NAMES: &str = "name_zh = \"甲\"\nname_en = \"A\"\n";

    #[test]
    fn a_voice_of_reference_clips_has_what_is_not_said() {
        let text = format!(
            "{NAMES}[gpt_sovits]\nmodel = \"m\"\n[gpt_sovits.emotions.calm]\nclip = \"a.wav\"\n"
        );
        let voice = opened(&text).unwrap().gpt_sovits.unwrap();
        assert_eq!((voice.top_k, voice.speed, voice.emotions["calm"].intensity), (15, 1.0, 1.0));
    }

    #[test]
    fn a_wrong_description_says_what_is_wrong() {
        let calm = "[gpt_sovits.emotions.calm]\nclip = \"../a.wav\"\n";
        for (text, part) in [
            (NAMES.to_owned(), "neither"),
            (format!("{NAMES}[gpt_sovits]\nmodel = \"m\"\nemotions = {{}}\n"), "no calm"),
            (format!("{NAMES}[gpt_sovits]\nmodel = \"m\"\n{calm}"), "outside"),
            (
                format!(
                    "{NAMES}[gpt_sovits]\nmodel = \"m\"\nspeed = 9.0\n{}",
                    calm.replace("../", "")
                ),
                "speed = 9",
            ),
            (format!("{NAMES}[gpt_sovits]\nmodle = \"m\"\n"), "modle"),
        ] {
            let error = opened(&text).unwrap_err();
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}
