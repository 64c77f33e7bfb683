//! The companion's mood: a point in valence and arousal (Russell 1980, "A circumplex model of
//! affect") that is moved by what happens and drifts back to calm.

use companion_types::{Emotion, Language};
use serde::{Deserialize, Serialize};

/// Half of a mood is gone after this many seconds.
const HALF_LIFE_S: f64 = 600.0;
/// How far one event moves the mood towards itself.
const INERTIA: f64 = 0.4;

/// A mood; both values in -1..1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Mood {
    /// Bad to good.
    pub valence: f64,
    /// Sleepy to excited.
    pub arousal: f64,
}

/// Where an emotion lies; an emotion that the house does not ship lies in the middle.
fn place(emotion: &Emotion) -> (f64, f64) {
    match emotion.key() {
        "happy" => (0.8, 0.5),
        "angry" => (-0.7, 0.8),
        "sad" => (-0.7, -0.4),
        "surprised" => (0.2, 0.9),
        "coquettish" => (0.7, 0.2),
        _ => (0.0, 0.0),
    }
}

impl Mood {
    /// The mood `seconds` later, when nothing happens.
    #[must_use]
    pub fn after(self, seconds: f64) -> Self {
        let keep = 0.5_f64.powf(seconds.max(0.0) / HALF_LIFE_S);
        Self { valence: self.valence * keep, arousal: self.arousal * keep }
    }

    /// The mood after feeling `emotion`. One event moves it a bounded way, so it never jumps.
    #[must_use]
    pub fn felt(self, emotion: &Emotion) -> Self {
        let (valence, arousal) = place(emotion);
        let towards = |from: f64, to: f64| (from + INERTIA * (to - from)).clamp(-1.0, 1.0);
        Self { valence: towards(self.valence, valence), arousal: towards(self.arousal, arousal) }
    }

    /// The emotion nearest to the mood.
    #[must_use]
    pub fn nearest(self) -> Emotion {
        let all = [
            Emotion::CALM,
            Emotion::HAPPY,
            Emotion::ANGRY,
            Emotion::SAD,
            Emotion::SURPRISED,
            Emotion::COQUETTISH,
        ];
        let distance = |e: &Emotion| {
            let (v, a) = place(e);
            (v - self.valence).powi(2) + (a - self.arousal).powi(2)
        };
        all.into_iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(Emotion::CALM)
    }

    /// The mood in words.
    #[must_use]
    pub fn label(self, language: Language) -> &'static str {
        let nearest = self.nearest();
        let (zh, en) = match nearest.key() {
            "happy" => ("开心", "happy"),
            "angry" => ("生气", "angry"),
            "sad" => ("伤心", "sad"),
            "surprised" => ("惊讶", "surprised"),
            "coquettish" => ("撒娇", "coquettish"),
            _ => ("平静", "calm"),
        };
        if language == Language::En { en } else { zh }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mood_follows_what_happens_and_drifts_back_to_calm() {
        let mut mood = Mood::default();
        assert_eq!(mood.label(Language::Zh), "平静");
        for _ in 0..4 {
            mood = mood.felt(&Emotion::HAPPY);
        }
        assert_eq!(mood.label(Language::En), "happy");
        assert_eq!(mood.after(36_000.0).label(Language::Zh), "平静");
    }

    #[test]
    fn anger_does_not_become_coquetry_at_once() {
        let mut mood = Mood::default();
        for _ in 0..5 {
            mood = mood.felt(&Emotion::ANGRY);
        }
        assert_ne!(mood.felt(&Emotion::COQUETTISH).nearest(), Emotion::COQUETTISH);
    }
}
