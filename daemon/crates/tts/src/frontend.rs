//! A clause to what a voice says: spans of one language, each a list of tokens that know which part of
//! the clause they say.

use companion_types::Language;

use crate::normalize::{read_number_en, read_number_zh};
use crate::pinyin_reader::PinyinReader;
use crate::segmenter::is_han;

/// One syllable or word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpokenToken {
    /// What the voice is given: a pinyin syllable or an English word.
    pub spoken: String,
    /// Bytes of the clause that are said once this token has sounded, what follows it and is not
    /// spoken included.
    pub text_end: usize,
}

/// A stretch in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its language, Mandarin or English.
    pub language: Language,
    /// Its tokens.
    pub tokens: Vec<SpokenToken>,
}

/// Reads clauses.
#[derive(Debug, Default)]
pub struct Frontend {
    pinyin: PinyinReader,
}

/// A piece of the clause, before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Han,
    Latin,
    Number,
    Silent,
}

/// An English word longer than this is read in parts: nobody can follow it anyway.
const LONGEST_WORD: usize = 40;

fn class(c: char, last: Class, next: Option<char>) -> Class {
    let between =
        |c: char| matches!(c, '.' | ',' | ':') && next.is_some_and(|n| n.is_ascii_digit());
    match c {
        c if is_han(c) => Class::Han,
        '0'..='9' => Class::Number,
        '%' if last == Class::Number => Class::Number,
        c if last == Class::Number && between(c) => Class::Number,
        '-' if last == Class::Silent && next.is_some_and(|n| n.is_ascii_digit()) => Class::Number,
        c if c.is_alphabetic() => Class::Latin,
        '\'' | '’' if last == Class::Latin => Class::Latin,
        _ => Class::Silent,
    }
}

fn pieces(text: &str) -> Vec<(Class, usize, usize)> {
    let mut pieces: Vec<(Class, usize, usize)> = Vec::new();
    let mut last = Class::Silent;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, c)| *c);
        let now = class(c, last, next);
        let end = at + c.len_utf8();
        match pieces.last_mut() {
            Some((class, start, stop)) if *class == now && at - *start < LONGEST_WORD * 4 => {
                *stop = end
            }
            _ => pieces.push((now, at, end)),
        }
        last = now;
    }
    pieces
}

impl Frontend {
    /// Spans of a clause in a reply of `language`; numbers are read in the language around them.
    /// Nothing to say gives no span.
    #[must_use]
    pub fn read(&self, text: &str, language: Language) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        let mut around =
            if Language::of_text(text) == Language::Zh { Language::Zh } else { language };
        for (class, start, end) in pieces(text) {
            let piece = &text[start..end];
            let (language, spoken) = match class {
                Class::Silent => {
                    extend(&mut spans, end);
                    continue;
                }
                Class::Han => (Language::Zh, self.han(piece, start)),
                Class::Latin => (Language::En, latin(piece, end)),
                Class::Number => {
                    let zh = around != Language::En;
                    let year = zh && end - start == 4 && text[end..].starts_with('年');
                    let read = if zh { read_number_zh(piece, year) } else { read_number_en(piece) };
                    let spoken = if zh {
                        let syllables = self.pinyin.read(&read);
                        syllables
                            .into_iter()
                            .map(|spoken| SpokenToken { spoken, text_end: end })
                            .collect()
                    } else {
                        latin(&read, end)
                    };
                    (if zh { Language::Zh } else { Language::En }, spoken)
                }
            };
            around = language;
            match spans.last_mut() {
                Some(span) if span.language == language => span.tokens.extend(spoken),
                _ => spans.push(Span { language, tokens: spoken }),
            }
        }
        spans.iter_mut().for_each(|s| s.tokens.retain(|t| !t.spoken.is_empty()));
        spans.retain(|s| !s.tokens.is_empty());
        extend(&mut spans, text.len());
        spans
    }

    fn han(&self, piece: &str, start: usize) -> Vec<SpokenToken> {
        let ends = piece.char_indices().map(|(at, c)| start + at + c.len_utf8());
        let syllables = self.pinyin.read(piece);
        syllables
            .into_iter()
            .zip(ends)
            .map(|(spoken, text_end)| SpokenToken { spoken, text_end })
            .collect()
    }
}

fn latin(piece: &str, end: usize) -> Vec<SpokenToken> {
    piece
        .split_whitespace()
        .map(|word| SpokenToken { spoken: word.replace('’', "'"), text_end: end })
        .collect()
}

/// What is not spoken belongs to the token before it.
fn extend(spans: &mut [Span], end: usize) {
    if let Some(token) = spans.last_mut().and_then(|s| s.tokens.last_mut()) {
        token.text_end = token.text_end.max(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str, language: Language) -> Vec<(Language, String)> {
        let spans = Frontend::default().read(text, language);
        let join =
            |s: &Span| s.tokens.iter().map(|t| t.spoken.as_str()).collect::<Vec<_>>().join(" ");
        spans.iter().map(|s| (s.language, join(s))).collect()
    }

    #[test]
    fn each_span_is_read_in_its_language() {
        assert_eq!(
            said("我叫Tom，她25岁。", Language::Zh),
            [
                (Language::Zh, "wo3 jiao4".into()),
                (Language::En, "Tom".into()),
                (Language::Zh, "ta1 er4 shi2 wu3 sui4".into()),
            ]
        );
        assert_eq!(said("It is 12:05.", Language::En), [(Language::En, "It is 12 oh 5".into())]);
        assert_eq!(
            said("今天是2026年。", Language::Zh)[0].1,
            "jin1 tian1 shi4 er4 ling2 er4 liu4 nian2"
        );
        assert!(said("……！", Language::Zh).is_empty());
    }

    #[test]
    fn the_last_token_covers_the_rest_of_the_clause() {
        for text in ["你好！", "Hello, Tom. ", "我今年25岁了……", "3.14%"] {
            let spans = Frontend::default().read(text, Language::Zh);
            let ends: Vec<usize> =
                spans.iter().flat_map(|s| &s.tokens).map(|t| t.text_end).collect();
            assert_eq!(ends.last(), Some(&text.len()), "{text}");
            assert!(ends.is_sorted(), "{text}");
        }
    }

    #[test]
    fn random_text_never_panics() {
        let mut state = 7_u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            u32::try_from(state >> 40).unwrap_or_default()
        };
        let frontend = Frontend::default();
        for _ in 0..10_000 {
            let length = random() % 40;
            let text: String =
                (0..length).filter_map(|_| char::from_u32(random() % 0x11_0000)).collect();
            let _ = frontend.read(&text, Language::En);
        }
        let _ = frontend.read(&"a".repeat(10_000), Language::En);
        let _ = frontend.read(&"字".repeat(10_000), Language::Zh);
    }
}
