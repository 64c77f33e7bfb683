//! Takes what a reasoning model thinks aloud, `<think>…</think>`, out of its text. Pure; text may be split
//! anywhere. White space between a thought at the very front and the first word goes as well.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Where in the text the filter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the answer.
    Answer,
    /// In a thought.
    Thought,
    /// Behind a thought that stood in front of everything: white space is not yet answer.
    BehindFirst,
}

/// Passes an answer on without its thoughts.
#[derive(Debug)]
pub struct ThinkFilter {
    place: Place,
    /// What may be the beginning of a tag.
    held: String,
    /// Something other than white space was passed on.
    begun: bool,
}

impl Default for ThinkFilter {
    fn default() -> Self {
        Self { place: Place::Answer, held: String::new(), begun: false }
    }
}

impl ThinkFilter {
    /// Takes a piece and gives what is surely answer.
    pub fn push(&mut self, piece: &str) -> String {
        let mut text = std::mem::take(&mut self.held);
        text.push_str(piece);
        let mut rest = text.as_str();
        let mut answer = String::new();
        loop {
            let tag = if self.place == Place::Thought { CLOSE } else { OPEN };
            if let Some(at) = rest.find(tag) {
                self.pass(&rest[..at], &mut answer);
                rest = &rest[at + tag.len()..];
                self.place = match self.place {
                    Place::Thought if !self.begun => Place::BehindFirst,
                    Place::Thought => Place::Answer,
                    Place::Answer | Place::BehindFirst => Place::Thought,
                };
            } else {
                let sure = rest.len() - begun_tag(rest, tag);
                self.pass(&rest[..sure], &mut answer);
                self.held.push_str(&rest[sure..]);
                return answer;
            }
        }
    }

    /// The text ended: gives what was held because it might have become a tag.
    #[must_use]
    pub fn finish(mut self) -> String {
        let mut answer = String::new();
        let held = std::mem::take(&mut self.held);
        self.pass(&held, &mut answer);
        answer
    }

    fn pass(&mut self, text: &str, answer: &mut String) {
        let text = match self.place {
            Place::Thought => return,
            Place::Answer => text,
            Place::BehindFirst => text.trim_start(),
        };
        if !text.trim_start().is_empty() {
            self.begun = true;
            self.place = Place::Answer;
        }
        answer.push_str(text);
    }
}

/// Bytes at the end of `text` that may be the beginning of `tag`.
fn begun_tag(text: &str, tag: &str) -> usize {
    (1..tag.len()).rev().find(|n| text.ends_with(&tag[..*n])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filtered<'a>(pieces: impl IntoIterator<Item = &'a str>) -> String {
        let mut filter = ThinkFilter::default();
        let mut text: String = pieces.into_iter().map(|piece| filter.push(piece)).collect();
        text.push_str(&filter.finish());
        text
    }

    #[test]
    fn a_thought_goes_with_the_white_space_behind_it() {
        assert_eq!(
            filtered(["<think>\n先想一想。\n</think>\n\n你好。\n\n再见。"]),
            "你好。\n\n再见。"
        );
        assert_eq!(filtered(["\n<think></think>\n", "\n", "好"]), "\n好");
    }

    #[test]
    fn a_thought_in_the_middle_leaves_the_text_around_it() {
        assert_eq!(filtered(["一 <think>二</think> 三"]), "一  三");
    }

    #[test]
    fn a_tag_split_over_pieces_is_still_a_tag() {
        let text = "<think>why?</think>because";
        let single: Vec<String> = text.chars().map(String::from).collect();
        assert_eq!(filtered(single.iter().map(String::as_str)), "because");
    }

    #[test]
    fn what_only_looks_like_a_tag_is_text() {
        assert_eq!(filtered(["a <thi", "ng> and <", "b <think"]), "a <thing> and <b <think");
    }

    #[test]
    fn a_thought_without_an_end_is_no_answer() {
        assert_eq!(filtered(["好。<think>还有", "很多</thin"]), "好。");
    }

    #[test]
    fn text_without_a_tag_passes_at_once() {
        let mut filter = ThinkFilter::default();
        assert_eq!(filter.push("  你好"), "  你好");
        assert_eq!(filter.push("！"), "！");
    }

    proptest! {
        #[test]
        fn the_split_does_not_matter(
            parts in prop::collection::vec(
                prop_oneof![Just("<think>"), Just("</think>"), Just("<th"), Just(" "), Just("好"), Just("k>")],
                0..14),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let text = parts.concat();
            let mut at: Vec<usize> = cuts.iter().map(|c| c.index(text.len() + 1)).collect();
            at.retain(|i| text.is_char_boundary(*i));
            at.extend([0, text.len()]);
            at.sort_unstable();
            let pieces: Vec<&str> = at.windows(2).map(|w| &text[w[0]..w[1]]).collect();
            prop_assert_eq!(filtered(pieces), filtered([text.as_str()]));
        }

        #[test]
        fn text_without_tags_is_not_touched(text in "[^<]{0,60}") {
            prop_assert_eq!(filtered([text.as_str()]), text);
        }
    }
}
