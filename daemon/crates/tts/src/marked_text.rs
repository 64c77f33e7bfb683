//! Text with index marks: plain text in which `<mark name="..."/>` names a place. Nothing else is markup:
//! every other `<` is text. Pure.
//!
//! The element is that of SSML 1.1 (W3C, section 3.3.2), where a mark is reached when what follows it
//! begins to sound.

/// Marks of one text at most.
const MOST: usize = 256;
/// Characters of a name at most.
const LONGEST_NAME: usize = 64;

/// A place in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexMark {
    /// Its name; several marks may have the same.
    pub name: String,
    /// Bytes of the plain text in front of it.
    pub at: usize,
}

/// A text and the places in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MarkedText {
    /// What is said.
    pub text: String,
    /// In the order of the text.
    pub marks: Vec<IndexMark>,
}

/// A mark is not written as one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MarkError {
    /// It is cut off, or holds something else.
    #[error(
        "the mark {mark:?} at character {at} is malformed ({problem}): write <mark name=\"NAME\"/>"
    )]
    Malformed {
        /// Its beginning.
        mark: String,
        /// Characters in front of it, from 0.
        at: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// There are too many.
    #[error("the text has more than {MOST} marks: cut it into parts")]
    TooMany,
}

/// Whether a tag begins here that was meant as a mark.
fn is_mark(rest: &str) -> bool {
    let name = rest.strip_prefix("</").or_else(|| rest.strip_prefix('<')).unwrap_or_default();
    let is_name = name.get(..4).is_some_and(|name| name.eq_ignore_ascii_case("mark"));
    is_name && !name[4..].starts_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | ':'))
}

/// The name of the mark that `rest` begins with, and how many bytes it takes.
fn mark(rest: &str) -> Result<(String, usize), &'static str> {
    let body = rest.strip_prefix("<mark").ok_or("only <mark in small letters begins one")?;
    let body = body.trim_start();
    let body = body.strip_prefix("name").ok_or("it has no name")?.trim_start();
    let body = body.strip_prefix('=').ok_or("= is missing behind name")?.trim_start();
    let quote = body.chars().next().filter(|c| matches!(c, '"' | '\''));
    let quote = quote.ok_or("the name is not in quotes")?;
    let (name, body) = body[1..].split_once(quote).ok_or("the quotes do not end")?;
    let body = body.trim_start().strip_prefix("/>").ok_or("it does not end with />")?;
    let length = name.chars().count();
    if length == 0 || length > LONGEST_NAME {
        return Err("a name has 1 to 64 characters");
    }
    if name.chars().any(|c| c.is_control() || matches!(c, '<' | '>' | '&')) {
        return Err("a name holds none of < > & and no control characters");
    }
    Ok((name.to_owned(), rest.len() - body.len()))
}

impl MarkedText {
    /// Takes the marks out of a text.
    ///
    /// # Errors
    /// When a mark is malformed, or there are too many.
    pub fn parse(text: &str) -> Result<Self, MarkError> {
        let mut parsed = Self::default();
        let mut at = 0;
        while let Some(found) = text[at..].find('<') {
            parsed.text.push_str(&text[at..at + found]);
            at += found;
            let rest = &text[at..];
            if !is_mark(rest) {
                parsed.text.push('<');
                at += 1;
                continue;
            }
            let (name, length) = mark(rest).map_err(|problem| MarkError::Malformed {
                mark: rest.chars().take(24).collect(),
                at: text[..at].chars().count(),
                problem,
            })?;
            if parsed.marks.len() == MOST {
                return Err(MarkError::TooMany);
            }
            parsed.marks.push(IndexMark { name, at: parsed.text.len() });
            at += length;
        }
        parsed.text.push_str(&text[at..]);
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn marks(parsed: &MarkedText) -> Vec<(&str, usize)> {
        parsed.marks.iter().map(|mark| (mark.name.as_str(), mark.at)).collect()
    }

    #[test]
    fn marks_are_places_and_everything_else_is_text() {
        let parsed =
            MarkedText::parse("你好，<mark name=\"a\"/>1 < 2 <b>and <mark name = 'b c' />.");
        let parsed = parsed.unwrap();
        assert_eq!(parsed.text, "你好，1 < 2 <b>and .");
        assert_eq!(marks(&parsed), [("a", 9), ("b c", 22)]);
        let plain = "a <marker/> <!-- & --> ５<６";
        assert_eq!(MarkedText::parse(plain).unwrap().text, plain);
    }

    #[test]
    fn a_malformed_mark_is_an_error_that_shows_it() {
        for (text, problem) in [
            ("好<mark/>", "no name"),
            ("<mark name=a/>", "quotes"),
            ("<mark name=\"a\">", "/>"),
            ("<mark name=\"a\"", "/>"),
            ("<mark name=\"a/>", "do not end"),
            ("<mark name \"a\"/>", "="),
            ("<mark id=\"a\"/>", "no name"),
            ("<mark name=\"a\" x=\"1\"/>", "/>"),
            ("<mark name=\"\"/>", "1 to 64"),
            ("<mark name=\"a<b\"/>", "none of"),
            ("</mark>", "small letters"),
            ("<MARK name=\"a\"/>", "small letters"),
            ("<mark", "no name"),
        ] {
            let error = MarkedText::parse(text).unwrap_err().to_string();
            assert!(error.contains(problem) && error.contains("<mark name="), "{text}: {error}");
        }
        let error = MarkedText::parse("你好<mark/>").unwrap_err().to_string();
        assert!(error.contains("at character 2"), "{error}");
    }

    #[test]
    fn marks_are_bounded() {
        let many = "<mark name=\"m\"/>".repeat(MOST + 1);
        assert_eq!(MarkedText::parse(&many), Err(MarkError::TooMany));
    }

    proptest! {
        #[test]
        fn no_text_without_a_mark_changes(text in "[a-z你好<>/=\"' ]{0,40}") {
            prop_assume!(!text.contains("mark"));
            let parsed = MarkedText::parse(&text).unwrap();
            prop_assert_eq!(parsed.text, text);
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in "(<mark name=\"a\"/>|<mark|[a你<\"/> =]){0,12}") {
            if let Ok(parsed) = MarkedText::parse(&text) {
                prop_assert!(parsed.marks.iter().all(|m| parsed.text.is_char_boundary(m.at)));
                prop_assert!(parsed.marks.is_sorted_by_key(|m| m.at));
            }
        }
    }
}
