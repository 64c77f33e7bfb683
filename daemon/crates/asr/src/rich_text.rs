//! Reads SenseVoice's rich text: tags first, then words.
//! Tag names: FunAudioLLM SenseVoice, README "Rich transcription".

use companion_types::{AudioEvent, HeardEmotion, Language};

/// What the tags said, and the words.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RichText {
    /// Words, without tags, outer space and the unknown-token mark.
    pub text: String,
    /// Language tag; `None` for no tag, `nospeech` or one the house does not know.
    pub language: Option<Language>,
    /// Emotion tag.
    pub emotion: HeardEmotion,
    /// Event tag.
    pub event: Option<AudioEvent>,
    /// The model says that nobody spoke.
    pub no_speech: bool,
}

/// Splits `raw` into tags and words. Several segments, each with its own tags, are joined; the first
/// tag of a sort counts. A `<|` that is never closed is text.
#[must_use]
pub fn read_rich_text(raw: &str) -> RichText {
    let mut rich = RichText::default();
    let mut rest = raw;
    while let Some(open) = rest.find("<|") {
        let Some(close) = rest[open..].find("|>").map(|at| open + at) else { break };
        push_words(&mut rich.text, &rest[..open]);
        read_tag(&rest[open + 2..close], &mut rich);
        rest = &rest[close + 2..];
    }
    push_words(&mut rich.text, rest);
    rich.text = rich.text.trim().to_owned();
    rich
}

/// Adds words; the mark of an unknown token is dropped.
fn push_words(text: &mut String, words: &str) {
    text.extend(words.chars().filter(|c| *c != '\u{2047}'));
}

fn read_tag(tag: &str, rich: &mut RichText) {
    if let Some(language) = Language::from_code(tag) {
        rich.language.get_or_insert(language);
        return;
    }
    let emotion = match tag {
        "HAPPY" => HeardEmotion::Happy,
        "SAD" => HeardEmotion::Sad,
        "ANGRY" => HeardEmotion::Angry,
        "NEUTRAL" => HeardEmotion::Neutral,
        "FEARFUL" => HeardEmotion::Fearful,
        "DISGUSTED" => HeardEmotion::Disgusted,
        "SURPRISED" => HeardEmotion::Surprised,
        _ => HeardEmotion::Unknown,
    };
    if emotion != HeardEmotion::Unknown && rich.emotion == HeardEmotion::Unknown {
        rich.emotion = emotion;
    }
    let event = match tag {
        "Speech" => Some(AudioEvent::Speech),
        "BGM" => Some(AudioEvent::Bgm),
        "Applause" => Some(AudioEvent::Applause),
        "Laughter" => Some(AudioEvent::Laughter),
        "Cry" => Some(AudioEvent::Cry),
        "Sneeze" => Some(AudioEvent::Sneeze),
        "Breath" => Some(AudioEvent::Breath),
        "Cough" => Some(AudioEvent::Cough),
        _ => None,
    };
    rich.event = rich.event.or(event);
    rich.no_speech |= tag == "nospeech";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_types_and_words_stay() {
        let rich = read_rich_text("<|zh|><|HAPPY|><|Speech|><|woitn|>我叫小明");
        assert_eq!(rich.text, "我叫小明");
        assert_eq!(rich.language, Some(Language::Zh));
        assert_eq!(rich.emotion, HeardEmotion::Happy);
        assert_eq!(rich.event, Some(AudioEvent::Speech));
    }

    #[test]
    fn english_and_missing_tags_are_read() {
        let rich = read_rich_text("<|en|><|EMO_UNKNOWN|><|Laughter|> my name is tom ");
        assert_eq!((rich.text.as_str(), rich.language), ("my name is tom", Some(Language::En)));
        assert_eq!(rich.emotion, HeardEmotion::Unknown);
        assert!(read_rich_text("<|nospeech|>").no_speech);
        assert_eq!(read_rich_text("a <| b").text, "a <| b");
        assert_eq!(read_rich_text("").text, "");
    }
}
