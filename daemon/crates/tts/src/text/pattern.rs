//! Patterns and what is written in place of what they find. Knows no language.

use regex::{Captures, Regex};

use crate::TtsError;

/// The pattern `text`.
pub(super) fn pattern(text: &str) -> Result<Regex, TtsError> {
    Regex::new(text).map_err(|error| TtsError::Lexicon {
        path: "patterns of numbers".into(),
        problem: error.to_string(),
    })
}

/// The text of a group; empty when it took no part.
pub(super) fn group<'t>(found: &Captures<'t>, index: usize) -> &'t str {
    found.get(index).map_or("", |part| part.as_str())
}

/// Writes `read` in place of group 1 of what `pattern` finds. What the pattern demands around that
/// group stays, and may serve the next find as well.
pub(super) fn replace_between(
    text: &str,
    pattern: &Regex,
    mut read: impl FnMut(&Captures<'_>) -> String,
) -> String {
    let mut written = String::with_capacity(text.len());
    let mut done = 0;
    while let Some(found) = pattern.captures_at(text, done) {
        let Some(place) = found.get(1).filter(|place| place.end() > done) else { break };
        written.push_str(&text[done..place.start()]);
        written.push_str(&read(&found));
        done = place.end();
    }
    written.push_str(&text[done..]);
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_two_finds_serves_both() {
        let apart = pattern("(?:^|[^0-9])([0-9]{2})(?:$|[^0-9])").unwrap();
        let read = |_: &Captures<'_>| "x".to_owned();
        assert_eq!(replace_between("12-34-567-89", &apart, read), "x-x-567-x");
        assert_eq!(replace_between("", &apart, read), "");
    }
}
