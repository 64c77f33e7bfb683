//! A clause to what a voice says: spans of one language, each a list of tokens that know which part of
//! the clause they say.

use companion_types::Language;

use crate::pinyin_reader::PinyinReader;
use crate::verbalize::{Pronunciations, Say, Spoken, verbalize};

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

impl Frontend {
    /// Spans of a clause in a reply of `language`; numbers are read in the language around them, words
    /// as the user wants them said. Nothing to say gives no span.
    #[must_use]
    pub fn read(&self, text: &str, language: Language, own: &Pronunciations) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        let mut han: Vec<&Spoken> = Vec::new();
        let read = verbalize(text, language, own);
        for spoken in &read {
            match &spoken.say {
                Say::Han(_) | Say::Syllable(..) => han.push(spoken),
                Say::Word(word) => {
                    self.syllables(&mut spans, &mut han);
                    extend_with(&mut spans, Language::En, word.clone(), spoken.end);
                }
                Say::Pause(_) => {
                    self.syllables(&mut spans, &mut han);
                    if let Some(token) = spans.last_mut().and_then(|s| s.tokens.last_mut()) {
                        token.text_end = token.text_end.max(spoken.end);
                    }
                }
            }
        }
        self.syllables(&mut spans, &mut han);
        spans
    }

    /// Reads a run of characters together, so that the tones fit each other.
    fn syllables(&self, spans: &mut Vec<Span>, run: &mut Vec<&Spoken>) {
        let text: String = run
            .iter()
            .filter_map(|spoken| match &spoken.say {
                Say::Han(c) | Say::Syllable(c, _) => Some(*c),
                _ => None,
            })
            .collect();
        for (spoken, read) in run.drain(..).zip(self.pinyin.read(&text)) {
            let syllable = match &spoken.say {
                Say::Syllable(_, given) => given.clone(),
                _ => read,
            };
            if syllable.is_empty() {
                if let Some(token) = spans.last_mut().and_then(|s| s.tokens.last_mut()) {
                    token.text_end = token.text_end.max(spoken.end);
                }
            } else {
                extend_with(spans, Language::Zh, syllable, spoken.end);
            }
        }
    }
}

fn extend_with(spans: &mut Vec<Span>, language: Language, spoken: String, text_end: usize) {
    let token = SpokenToken { spoken, text_end };
    match spans.last_mut() {
        Some(span) if span.language == language => span.tokens.push(token),
        _ => spans.push(Span { language, tokens: vec![token] }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::any_text::{SHORT, any_texts, work_grows_linearly};

    fn said(text: &str, language: Language) -> Vec<(Language, String)> {
        let spans = Frontend::default().read(text, language, &Pronunciations::default());
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
        assert_eq!(
            said("It is 12:05.", Language::En),
            [(Language::En, "It is twelve oh five".into())]
        );
        assert_eq!(
            said("今天是2026年。", Language::Zh)[0].1,
            "jin1 tian1 shi4 er4 ling2 er4 liu4 nian2"
        );
        assert!(said("……！", Language::Zh).is_empty());
    }

    #[test]
    fn the_last_token_covers_the_rest_of_the_clause() {
        for text in ["你好！", "Hello, Tom. ", "我今年25岁了……", "3.14%"] {
            let spans = Frontend::default().read(text, Language::Zh, &Pronunciations::default());
            let ends: Vec<usize> =
                spans.iter().flat_map(|s| &s.tokens).map(|t| t.text_end).collect();
            assert_eq!(ends.last(), Some(&text.len()), "{text}");
            assert!(ends.is_sorted(), "{text}");
        }
    }

    #[test]
    fn ten_thousand_random_texts_are_read_and_long_words_cost_what_they_are_long() {
        let (frontend, own) = (Frontend::default(), Pronunciations::default());
        any_texts(|text| {
            for language in [Language::Zh, Language::En] {
                let spans = frontend.read(text, language, &own);
                let ends = || spans.iter().flat_map(|s| &s.tokens).map(|t| t.text_end);
                assert!(ends().is_sorted() && ends().all(|end| end <= text.len()), "{text:?}");
            }
        });
        work_grows_linearly(SHORT, &["a", "字", "1", "不", "a1", "，", "\u{0}"], |text| {
            frontend.read(text, Language::Zh, &own)
        });
    }
}
