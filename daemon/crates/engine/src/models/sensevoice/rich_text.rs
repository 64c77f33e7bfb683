//! SenseVoice's tags written as FunASR writes them for people: the language tags part the text into
//! segments, events become emoji before a segment and the emotion one behind it, and what a
//! neighbour repeats is written once. Behaviour recorded from `rich_transcription_postprocess`.

/// Tags that begin a segment.
const LANGUAGES: [&str; 6] = ["<|zh|>", "<|en|>", "<|yue|>", "<|ja|>", "<|ko|>", "<|nospeech|>"];
/// Emotions; the first of equally frequent ones counts.
const EMOTIONS: [(&str, &str); 6] = [
    ("<|HAPPY|>", "😊"),
    ("<|SAD|>", "😔"),
    ("<|ANGRY|>", "😡"),
    ("<|FEARFUL|>", "😰"),
    ("<|DISGUSTED|>", "🤢"),
    ("<|SURPRISED|>", "😮"),
];
/// Events; a later one is written before an earlier one.
const EVENTS: [(&str, &str); 6] = [
    ("<|BGM|>", "🎼"),
    ("<|Applause|>", "👏"),
    ("<|Laughter|>", "😀"),
    ("<|Cry|>", "😭"),
    ("<|Sneeze|>", "🤧"),
    ("<|Cough|>", "🤧"),
];
/// The neutral emotion outweighs others that occur no more often.
const NEUTRAL: &str = "<|NEUTRAL|>";
/// Tags without a sign.
const SILENT: [&str; 10] = [
    NEUTRAL,
    "<|Speech|>",
    "<|Breath|>",
    "<|Sing|>",
    "<|Speech_Noise|>",
    "<|GBG|>",
    "<|Event_UNK|>",
    "<|EMO_UNKNOWN|>",
    "<|withitn|>",
    "<|woitn|>",
];
/// Neither speech nor a known event.
const NOTHING_KNOWN: &str = "<|nospeech|><|Event_UNK|>";
/// What the model tends to write where nobody speaks.
const FILLER: &str = "The.";

/// The text for people.
#[must_use]
pub fn plain_text(tagged: &str) -> String {
    let mut rest = tagged.replace(NOTHING_KNOWN, "❓");
    for language in &LANGUAGES[1..] {
        rest = rest.replace(language, LANGUAGES[0]);
    }
    let mut segments = rest.split(LANGUAGES[0]).map(segment);
    let mut text = segments.next().unwrap_or_default();
    // What stands before the first language tag counts as no event.
    let mut event = None;
    for mut segment in segments.filter(|segment| !segment.is_empty()) {
        let leading = sign(&EVENTS, segment.chars().next());
        if leading.is_some() && leading == event {
            segment.remove(0);
            event = sign(&EVENTS, segment.chars().next());
        } else {
            event = leading;
        }
        let emotion = sign(&EMOTIONS, segment.chars().next_back());
        if emotion.is_some() && emotion == sign(&EMOTIONS, text.chars().next_back()) {
            text.pop();
        }
        text.push_str(segment.trim());
    }
    text.replace(FILLER, " ").trim().to_owned()
}

fn sign(signs: &[(&str, &str)], found: Option<char>) -> Option<char> {
    found.filter(|c| signs.iter().any(|(_, sign)| sign.starts_with(*c)))
}

/// One segment with its signs.
fn segment(tagged: &str) -> String {
    let count = |tag: &str| tagged.matches(tag).count();
    let mut emotion = ("", count(NEUTRAL));
    for (tag, sign) in EMOTIONS {
        if count(tag) > emotion.1 {
            emotion = (sign, count(tag));
        }
    }
    let mut body = tagged.to_owned();
    let known = EMOTIONS.iter().chain(&EVENTS).map(|(tag, _)| tag).chain(&SILENT);
    for tag in known {
        body = body.replace(tag, "");
    }
    let mut text = String::new();
    for (tag, sign) in EVENTS.iter().rev() {
        if count(tag) > 0 {
            text.push_str(sign);
        }
    }
    text.push_str(&body);
    text.push_str(emotion.0);
    for (_, sign) in EMOTIONS.iter().chain(&EVENTS) {
        text = text.replace(&format!(" {sign}"), sign).replace(&format!("{sign} "), sign);
    }
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::plain_text;

    #[test]
    fn the_event_stands_before_and_the_emotion_behind_the_text() {
        let heard = "<|zh|><|HAPPY|><|BGM|><|withitn|>播放一首歌";
        assert_eq!(plain_text(heard), "🎼播放一首歌😊");
        assert_eq!(plain_text("<|en|><|SAD|><|Speech|><|woitn|>i miss you"), "i miss you😔");
    }

    #[test]
    fn what_neighbouring_segments_repeat_is_written_once() {
        let heard = "<|zh|><|HAPPY|><|BGM|><|withitn|>一。<|zh|><|HAPPY|><|BGM|><|withitn|>二。";
        assert_eq!(plain_text(heard), "🎼一。二。😊");
    }

    #[test]
    fn text_without_tags_stays() {
        assert_eq!(plain_text("没有标签 no tags"), "没有标签 no tags");
    }
}
