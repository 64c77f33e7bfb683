//! Runs of characters of one kind, with the marks beside them. Knows no language.

use std::ops::Range;

/// Marks; with `'` where a word does not go on behind it.
const MARKS: &str =
    "〜~,.;:!?，。！？；：、·([{<（【《〈「『“‘)]}>）】》〉」』”’\"-_—#$%&…￥'*+=@\\^`|";

/// What the characters of a run are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Han,
    Digit,
    Mark,
    Newline,
    Other,
}

/// A run: its kind and its bytes of the text.
pub(super) type Run = (Kind, Range<usize>);

/// The runs of `text`, marks and newlines counted to the run before them (those in front to the run behind
/// them).
pub(super) fn runs(text: &str) -> Vec<Run> {
    glue(glue(single(text), Kind::Mark), Kind::Newline)
}

/// White space.
pub(super) fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\x1C'..='\x1F')
}

/// The runs as they stand; a mark or newline begins a run of its own.
fn single(text: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut before = None;
    for (place, character) in text.char_indices() {
        let end = place + character.len_utf8();
        let joins = match character {
            '\n' => false,
            '\'' => !before.is_some_and(is_space),
            other => is_space(other),
        };
        before = Some(character);
        let kind = kind(character);
        match runs.last_mut() {
            Some((_, bytes)) if joins => bytes.end = end,
            Some((last, bytes)) if *last == kind && !matches!(kind, Kind::Mark | Kind::Newline) => {
                bytes.end = end;
            }
            _ => runs.push((kind, place..end)),
        }
    }
    runs
}

fn kind(character: char) -> Kind {
    match character {
        '\n' => Kind::Newline,
        mark if MARKS.contains(mark) => Kind::Mark,
        digit if is_digit(digit) => Kind::Digit,
        han if is_han(han) => Kind::Han,
        _ => Kind::Other,
    }
}

/// Digits of ASCII and of full width, those above and below the line, and those in circles, in brackets and before a stop.
fn is_digit(character: char) -> bool {
    matches!(character, '0'..='9' | '０'..='９' | '²' | '³' | '¹' | '⁰' | '⁴'..='⁹' | '₀'..='₉')
        || matches!(character, '①'..='⑨' | '⑴'..='⑼' | '⒈'..='⒐' | '⓪' | '⓵'..='⓽' | '❶'..='❾' | '➀'..='➈' | '➊'..='➒' | '⓿')
}

/// Characters of the Han script: the unified ideographs with their extensions and compatibility forms,
/// 々, 〇, 〡–〩.
fn is_han(character: char) -> bool {
    matches!(
        character,
        '々' | '〇' | '〡'..='〩' | '㐀'..='䶿' | '一'..='鿿' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFD}'
    )
}

/// Counts runs of `kind` to their neighbours, then joins neighbours of equal kinds.
fn glue(runs: Vec<Run>, kind: Kind) -> Vec<Run> {
    let mut glued: Vec<Run> = Vec::with_capacity(runs.len());
    for (own, bytes) in runs {
        match glued.last_mut() {
            // In front of all others, runs of the kind wait for one of another.
            Some(last) if last.0 == kind => *last = (own, last.1.start..bytes.end),
            Some(last) if own == kind || last.0 == own => last.1.end = bytes.end,
            _ => glued.push((own, bytes)),
        }
    }
    glued
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(Kind, &str)> {
        runs(text).into_iter().map(|(kind, bytes)| (kind, &text[bytes])).collect()
    }

    #[test]
    fn marks_belong_to_what_stands_before_them() {
        assert_eq!(read("你好, then"), [(Kind::Han, "你好, "), (Kind::Other, "then")]);
        assert_eq!(
            read("24GB。显存"),
            [(Kind::Digit, "24"), (Kind::Other, "GB。"), (Kind::Han, "显存")]
        );
        assert_eq!(read("a，\nb"), [(Kind::Other, "a，\nb")]);
    }

    #[test]
    fn marks_in_front_belong_to_what_follows() {
        assert_eq!(read("（“Hello”，"), [(Kind::Other, "（“Hello”，")]);
        assert_eq!(read("……"), [(Kind::Mark, "……")]);
    }

    #[test]
    fn white_space_and_apostrophes_go_on_with_the_run() {
        assert_eq!(read("don't 你"), [(Kind::Other, "don't "), (Kind::Han, "你")]);
        assert_eq!(read("好 'tis"), [(Kind::Han, "好 '"), (Kind::Other, "tis")]);
        assert_eq!(read(""), []);
    }
}
