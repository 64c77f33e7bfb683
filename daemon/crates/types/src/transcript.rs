//! What was heard.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::SampleClock;

/// Language of an utterance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Mandarin.
    #[default]
    Zh,
    /// English.
    En,
    /// Cantonese.
    Yue,
    /// Japanese.
    Ja,
    /// Korean.
    Ko,
}

impl Language {
    /// The code used in tags and on the bus.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Zh => "zh",
            Self::En => "en",
            Self::Yue => "yue",
            Self::Ja => "ja",
            Self::Ko => "ko",
        }
    }

    /// The language of a code such as `zh` or `en`.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Zh, Self::En, Self::Yue, Self::Ja, Self::Ko].into_iter().find(|l| l.code() == code)
    }

    /// The language of written text: Mandarin when it holds a Han character, otherwise English.
    /// The two languages the companion converses in are told apart, no others.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        let han = |c: char| matches!(c, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{323af}');
        if text.chars().any(han) { Self::Zh } else { Self::En }
    }
}

/// Emotion that the recogniser heard in the voice (SenseVoice's tags).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeardEmotion {
    /// Not known.
    #[default]
    Unknown,
    /// HAPPY
    Happy,
    /// SAD
    Sad,
    /// ANGRY
    Angry,
    /// NEUTRAL
    Neutral,
    /// FEARFUL
    Fearful,
    /// DISGUSTED
    Disgusted,
    /// SURPRISED
    Surprised,
}

/// Sound event that the recogniser heard (SenseVoice's tags).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AudioEvent {
    /// Plain speech.
    Speech,
    /// Background music.
    Bgm,
    /// Applause.
    Applause,
    /// Laughter.
    Laughter,
    /// Crying.
    Cry,
    /// Sneezing.
    Sneeze,
    /// Breathing.
    Breath,
    /// Coughing.
    Cough,
}

/// What a recogniser gives for one stretch of audio, before the room has read it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RawTranscript {
    /// Text with the model's rich tags still in it, e.g. `<|zh|><|HAPPY|><|Speech|><|woitn|>你好`.
    pub text: String,
    /// Mean probability of the text's tokens, 0..1.
    pub confidence: f32,
}

/// One utterance as the rest of the house sees it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transcript {
    /// Plain text without tags.
    pub text: String,
    /// Language spoken.
    pub language: Language,
    /// Emotion heard in the voice.
    pub heard_emotion: HeardEmotion,
    /// Sound event, where one was heard.
    pub audio_event: Option<AudioEvent>,
    /// First and one past the last sample of the speech.
    pub span: Range<SampleClock>,
    /// Mean probability of the text's tokens, 0..1.
    pub confidence: f32,
}
