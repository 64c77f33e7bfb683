//! Reads emotion tags out of a stream of text: `[开心] 你好！` becomes happy, "你好！". Tags may be cut
//! anywhere by token borders; any split of the same text gives the same result.

use std::sync::Arc;

use companion_types::{Emotion, EmotionSet, ReplyDelta};

/// After this many characters without a tag the default emotion holds and text flows.
const WAIT_CHARS: usize = 20;

/// Parses one reply.
#[derive(Debug)]
pub struct TagParser {
    set: Arc<EmotionSet>,
    emotion: Emotion,
    tag_seen: bool,
    /// Text that is not given out yet: an open bracket, or the start of the reply.
    held: String,
    /// Characters given out.
    flowed: usize,
    /// Outer space after a tag is not part of the text.
    skip_space: bool,
}

fn closing(open: char) -> Option<char> {
    match open {
        '[' => Some(']'),
        '【' => Some('】'),
        _ => None,
    }
}

impl TagParser {
    /// A parser for one reply; `default` holds until a tag says otherwise.
    #[must_use]
    pub fn new(set: Arc<EmotionSet>, default: Emotion) -> Self {
        Self {
            set,
            emotion: default,
            tag_seen: false,
            held: String::new(),
            flowed: 0,
            skip_space: true,
        }
    }

    /// The emotion in force.
    #[must_use]
    pub fn emotion(&self) -> &Emotion {
        &self.emotion
    }

    /// Whether a tag was read.
    #[must_use]
    pub fn tag_seen(&self) -> bool {
        self.tag_seen
    }

    /// Takes text, gives what can be said now.
    pub fn push(&mut self, text: &str) -> Vec<ReplyDelta> {
        let mut out = Vec::new();
        for c in text.chars() {
            self.push_char(c, &mut out);
        }
        if self.started() && !self.open_bracket() {
            self.flow(&mut out);
        }
        out
    }

    /// The reply is over: gives what was held back.
    pub fn finish(&mut self) -> Vec<ReplyDelta> {
        let mut out = Vec::new();
        self.flow(&mut out);
        out
    }

    /// Whether text may flow: a tag was read, or enough came without one.
    fn started(&self) -> bool {
        self.tag_seen || self.flowed + self.held.chars().count() >= WAIT_CHARS
    }

    fn open_bracket(&self) -> bool {
        self.held.rfind(['[', '【']).is_some_and(|at| {
            let tail = &self.held[at..];
            let name = tail.chars().count() - 1;
            !tail.contains([']', '】', '\n']) && name <= self.set.longest_name() + 2
        })
    }

    fn push_char(&mut self, c: char, out: &mut Vec<ReplyDelta>) {
        if self.skip_space && c.is_whitespace() {
            return;
        }
        self.skip_space = false;
        self.held.push(c);
        if !matches!(c, ']' | '】') {
            return;
        }
        let Some((at, open)) =
            self.held.char_indices().rev().find(|(_, c)| matches!(c, '[' | '【'))
        else {
            return;
        };
        if closing(open) != Some(c) {
            return;
        }
        let name = &self.held[at + open.len_utf8()..self.held.len() - c.len_utf8()];
        let Some(emotion) = self.set.find(name) else { return };
        self.held.truncate(at);
        if self.tag_seen || !self.held.trim().is_empty() {
            self.flow(out);
        }
        self.held.clear();
        self.emotion = emotion;
        self.tag_seen = true;
        self.skip_space = true;
    }

    fn flow(&mut self, out: &mut Vec<ReplyDelta>) {
        if self.held.is_empty() {
            return;
        }
        let text = std::mem::take(&mut self.held);
        self.flowed += text.chars().count();
        out.push(ReplyDelta { emotion: self.emotion.clone(), text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parser() -> TagParser {
        TagParser::new(Arc::new(EmotionSet::default()), Emotion::CALM)
    }

    /// Runs of one emotion, joined.
    fn parse(parts: &[&str]) -> Vec<(String, String)> {
        let mut parser = parser();
        let mut all: Vec<ReplyDelta> = parts.iter().flat_map(|p| parser.push(p)).collect();
        all.extend(parser.finish());
        let mut runs: Vec<(String, String)> = Vec::new();
        for delta in all {
            match runs.last_mut() {
                Some((emotion, text)) if emotion == delta.emotion.key() => {
                    text.push_str(&delta.text)
                }
                _ => runs.push((delta.emotion.key().to_owned(), delta.text)),
            }
        }
        runs
    }

    fn run(emotion: &str, text: &str) -> (String, String) {
        (emotion.into(), text.into())
    }

    #[test]
    fn a_tag_split_across_tokens_is_still_one_emotion() {
        assert_eq!(parse(&["[开", "心", "] 你", "好！"]), [run("happy", "你好！")]);
        assert_eq!(parse(&[" [sa", "d] I am", " sorry."]), [run("sad", "I am sorry.")]);
        assert_eq!(parse(&["【生气】哼"]), [run("angry", "哼")]);
    }

    #[test]
    fn a_later_tag_changes_the_emotion_from_there_on() {
        assert_eq!(
            parse(&["[开心] 好啊。[伤心] 可是我累了。"]),
            [run("happy", "好啊。"), run("sad", "可是我累了。")]
        );
    }

    #[test]
    fn other_brackets_are_text_and_without_a_tag_the_default_holds() {
        assert_eq!(parse(&["第[1]项和[不是情感]。"]), [run("calm", "第[1]项和[不是情感]。")]);
        let mut parser = parser();
        assert!(parser.push("这句话没有标签").is_empty());
        let flowed = parser.push("，但是它足够长，所以应该流出来了吧");
        assert_eq!(flowed.len(), 1);
        assert!(!parser.tag_seen());
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_result(
            text in "(\\[(开心|happy|x)\\]|【伤心】|\\[|\\]|[a-c你好。 ]){0,30}",
            cuts in prop::collection::vec(0usize..200, 0..8),
        ) {
            let whole = parse(&[&text]);
            let mut at: Vec<usize> = cuts.into_iter().filter(|c| text.is_char_boundary(*c)).collect();
            at.sort_unstable();
            let mut parts = Vec::new();
            let mut last = 0;
            for cut in at.into_iter().chain([text.len()]) {
                parts.push(&text[last..cut.max(last)]);
                last = cut.max(last);
            }
            prop_assert_eq!(parse(&parts), whole);
        }
    }
}
