//! Words of a sentence, for rules and checks. Pure.

/// Lower case, with one kind of apostrophe.
pub(crate) fn folded(text: &str) -> String {
    text.to_lowercase().replace('\u{2019}', "'")
}

/// The English words of a folded text, apostrophes included.
pub(crate) fn english(folded: &str) -> impl Iterator<Item = &str> {
    folded.split(|c: char| !(c.is_ascii_alphanumeric() || c == '\'')).filter(|w| !w.is_empty())
}

/// Whether one of the needles is in the text.
pub(crate) fn any(text: &str, needles: &[&str]) -> bool {
    needles.iter().any(|n| text.contains(n))
}
