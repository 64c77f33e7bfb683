//! The companion's emotions: six that ship, and those a configuration adds.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// An emotion by its key, such as `happy`. Built only by [`EmotionSet`], so that it is one the
/// house knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Emotion(Cow<'static, str>);

impl Emotion {
    /// 平静
    pub const CALM: Self = Self(Cow::Borrowed("calm"));
    /// 开心
    pub const HAPPY: Self = Self(Cow::Borrowed("happy"));
    /// 伤心
    pub const SAD: Self = Self(Cow::Borrowed("sad"));
    /// 生气
    pub const ANGRY: Self = Self(Cow::Borrowed("angry"));
    /// 惊讶
    pub const SURPRISED: Self = Self(Cow::Borrowed("surprised"));
    /// 撒娇
    pub const COQUETTISH: Self = Self(Cow::Borrowed("coquettish"));

    /// The key: lower-case ASCII, the name of the emotion in files and on the bus.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Emotion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One emotion with the names a model may write for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmotionLabel {
    /// Key, e.g. `happy`.
    pub key: String,
    /// Name in Chinese, e.g. `开心`.
    pub zh: String,
    /// Name in English, e.g. `happy`.
    pub en: String,
    /// Further names that mean the same, in any language.
    #[serde(default)]
    pub aliases: Vec<String>,
}

/// All emotions of the house, in the order the prompt names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmotionSet {
    labels: Vec<EmotionLabel>,
}

impl Default for EmotionSet {
    fn default() -> Self {
        let label = |key: &str, zh: &str, aliases: &[&str]| EmotionLabel {
            key: key.into(),
            zh: zh.into(),
            en: key.into(),
            aliases: aliases.iter().map(|a| (*a).into()).collect(),
        };
        Self {
            labels: vec![
                label("happy", "开心", &["高兴", "快乐", "joyful"]),
                label("angry", "生气", &["愤怒", "mad"]),
                label("sad", "伤心", &["难过", "悲伤", "sorrowful"]),
                label("surprised", "惊讶", &["吃惊", "surprise"]),
                label("coquettish", "撒娇", &["害羞", "playful", "shy"]),
                label("calm", "平静", &["平淡", "中性", "neutral"]),
            ],
        }
    }
}

impl EmotionSet {
    /// The six that ship and `more`; a label with a known key replaces that one.
    #[must_use]
    pub fn with(more: impl IntoIterator<Item = EmotionLabel>) -> Self {
        let mut set = Self::default();
        for label in more {
            match set.labels.iter_mut().find(|old| old.key == label.key) {
                Some(old) => *old = label,
                None => set.labels.push(label),
            }
        }
        set
    }

    /// The emotion a model or a person named: key, Chinese name, English name or alias; case and
    /// outer space do not matter.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Emotion> {
        let name = name.trim().to_lowercase();
        let is = |text: &str| text.to_lowercase() == name;
        self.labels
            .iter()
            .find(|l| is(&l.key) || is(&l.zh) || is(&l.en) || l.aliases.iter().any(|a| is(a)))
            .map(|l| Emotion(Cow::Owned(l.key.clone())))
    }

    /// All labels, in the order the prompt names them.
    #[must_use]
    pub fn labels(&self) -> &[EmotionLabel] {
        &self.labels
    }

    /// The label of an emotion.
    #[must_use]
    pub fn label(&self, emotion: &Emotion) -> Option<&EmotionLabel> {
        self.labels.iter().find(|l| l.key == emotion.key())
    }

    /// Characters of the longest name, so that a tag parser knows when to give up.
    #[must_use]
    pub fn longest_name(&self) -> usize {
        let names = |l: &EmotionLabel| {
            [&l.key, &l.zh, &l.en].into_iter().chain(&l.aliases).map(|n| n.chars().count()).max()
        };
        self.labels.iter().filter_map(names).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emotion_is_found_by_its_chinese_and_its_english_name() {
        let set = EmotionSet::default();
        assert_eq!(set.find("开心"), Some(Emotion::HAPPY));
        assert_eq!(set.find(" Happy "), Some(Emotion::HAPPY));
        assert_eq!(set.find("难过"), Some(Emotion::SAD));
        assert_eq!(set.find("饿"), None);
    }

    #[test]
    fn a_configured_emotion_is_added_and_a_known_key_is_replaced() {
        let label = |key: &str, zh: &str| EmotionLabel {
            key: key.into(),
            zh: zh.into(),
            en: key.into(),
            aliases: vec![],
        };
        let set = EmotionSet::with([label("proud", "得意"), label("calm", "安静")]);
        assert_eq!(set.labels().len(), 7);
        assert_eq!(set.find("得意").unwrap().key(), "proud");
        assert_eq!(set.find("平静"), None);
        assert_eq!(set.find("安静"), Some(Emotion::CALM));
    }
}
