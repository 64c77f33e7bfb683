//! The words and marks of a normalised text, and where they stand. Knows no phones.
//!
//! The rules are those of NLTK's `TweetTokenizer` on the letters `A-Za-z`, `'`, `.`, `,`, `?`, `!`, `-` and
//! the space: a name like `example.com` is one token, so is a word with `'` and `-` inside, so is a run
//! of dots; every other character is a token of its own.

use std::ops::RangeInclusive;

/// Repeated signs are cut to so many; letters are not.
const REPEATS: usize = 3;
/// Letters of the last label of a name with dots.
const LAST_LABEL: RangeInclusive<usize> = 2..=13;

/// A word or mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    /// The characters of the normalised text it was read from.
    pub(super) characters: Vec<usize>,
}

/// The tokens of `text`, in order.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let characters = shorten(text);
    let mut tokens = Vec::new();
    let mut at = 0;
    // No name with dots starts before this place.
    let mut no_domain = 0;
    while let Some((_, first)) = characters.get(at) {
        let rest = &characters[at..];
        let length = match first {
            letter if letter.is_ascii_alphabetic() => {
                let (domain, looked_at) = if at < no_domain { (None, 0) } else { domain(rest) };
                no_domain = no_domain.max(if domain.is_none() { at + looked_at } else { 0 });
                domain.unwrap_or_else(|| word(rest))
            }
            '.' => dots(rest),
            _ => 1,
        };
        if !first.is_whitespace() {
            let (characters, text) = rest[..length].iter().copied().unzip();
            tokens.push(Token { text, characters });
        }
        at += length;
    }
    tokens
}

/// The characters with their places, runs of one sign cut short.
fn shorten(text: &str) -> Vec<(usize, char)> {
    let (mut last, mut run) = (None, 0);
    let keep = |(_, character): &(usize, char)| {
        run = if last == Some(*character) { run + 1 } else { 1 };
        last = Some(*character);
        run <= REPEATS || character.is_ascii_alphanumeric()
    };
    text.chars().enumerate().filter(keep).collect()
}

/// Length of the name with dots that `rest` starts with, and how far it was looked for: labels of letters
/// between single dots and hyphens, the last after a dot and neither too short nor too long for the name
/// of a domain.
fn domain(rest: &[(usize, char)]) -> (Option<usize>, usize) {
    let mut length = letters(rest);
    let mut found = None;
    while let Some((_, separator @ ('.' | '-'))) = rest.get(length) {
        let label = letters(&rest[length + 1..]);
        if label == 0 {
            break;
        }
        length += 1 + label;
        if *separator == '.' && LAST_LABEL.contains(&label) {
            found = Some(length);
        }
    }
    (found, length)
}

/// Length of the word that `rest` starts with: letters, and `'` and `-` between them.
fn word(rest: &[(usize, char)]) -> usize {
    let inner = |(_, c): &(usize, char)| c.is_ascii_alphabetic() || matches!(c, '\'' | '-');
    let run = rest.iter().take_while(|character| inner(character)).count();
    let last = rest[..run].iter().rposition(|(_, c)| c.is_ascii_alphabetic());
    last.map_or(1, |last| last + 1)
}

/// Length of the run of dots, with spaces between, that `rest` starts with.
fn dots(rest: &[(usize, char)]) -> usize {
    let run = rest.iter().take_while(|(_, c)| *c == '.' || c.is_whitespace()).count();
    rest[..run].iter().rposition(|(_, c)| *c == '.').map_or(1, |last| last + 1)
}

fn letters(rest: &[(usize, char)]) -> usize {
    rest.iter().take_while(|(_, c)| c.is_ascii_alphabetic()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        tokens(text).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn words_keep_what_stands_between_their_letters() {
        assert_eq!(
            texts("Mixed-case don't, o'clock."),
            ["Mixed-case", "don't", ",", "o'clock", "."]
        );
        assert_eq!(texts("the cats' toys"), ["the", "cats", "'", "toys"]);
        assert_eq!(
            texts("X- Ray 'n' -a- I'm"),
            ["X", "-", "Ray", "'", "n", "'", "-", "a", "-", "I'm"]
        );
    }

    #[test]
    fn a_name_with_dots_is_one_token() {
        assert_eq!(
            texts("see docs.example-site.org now."),
            ["see", "docs.example-site.org", "now", "."]
        );
        assert_eq!(texts("one p.m. now"), ["one", "p", ".", "m", ".", "now"]);
        assert_eq!(texts("a.m.now"), ["a.m.now"]);
        assert_eq!(texts("end.abcdefghijklmnop"), ["end", ".", "abcdefghijklmnop"]);
        assert_eq!(texts("end.next-one"), ["end.next", "-", "one"]);
        assert_eq!(texts("don't.stop a.b c.de"), ["don't", ".", "stop", "a", ".", "b", "c.de"]);
    }

    #[test]
    fn a_run_of_dots_is_one_token_and_other_marks_are_single() {
        assert_eq!(texts("well... no . . ."), ["well", "...", "no", ". . ."]);
        assert_eq!(texts("well..... !!!!! ?"), ["well", "...", "!", "!", "!", "?"]);
        assert_eq!(texts(". "), ["."]);
        assert_eq!(texts(" \t "), [""; 0]);
    }

    #[test]
    fn a_token_knows_its_characters() {
        let tokens = tokens("It '''''s");
        assert_eq!(tokens[0].characters, [0, 1]);
        assert_eq!(tokens.len(), 5);
        assert_eq!(tokens[4], Token { text: "s".to_owned(), characters: vec![8] });
    }
}
