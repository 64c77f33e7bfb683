//! Text as it is said: dates, money, addresses and all else that is not written the way it is spoken, as
//! Chinese characters, English words and pauses, each knowing which part of the text it says. Pure; any
//! text takes linear time.
//!
//! This is the product's reading. The front end of the GPT-SoVITS voices ([`crate::text`]) has one of its
//! own, equal to its reference in what it reads wrongly too; what passes through here first has nothing
//! left for it to read.

mod cursor;
mod en;
mod find;
mod fold;
mod letters;
mod numbers_en;
mod numbers_zh;
mod pronunciations;
mod symbols;
mod units;
mod zh;

use companion_types::Language;

pub use pronunciations::{Pronunciation, Pronunciations};

use crate::segmenter::is_han;
use fold::Folded;

/// One thing that is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Say {
    /// A Chinese character, read as its context wants it.
    Han(char),
    /// A syllable whose reading is given: tone-numbered pinyin, and the character that it stands for.
    Syllable(char, String),
    /// An English word or a letter.
    Word(String),
    /// A pause: one of `, . ? ! …`.
    Pause(char),
}

/// One thing that is said, and what has been said with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// What is said.
    pub say: Say,
    /// Bytes of the text that are said once this has sounded, what follows and is not spoken included.
    pub end: usize,
}

/// Says what `text` says, in a reply of `language`, with the user's own pronunciations. Nothing to say
/// gives nothing.
#[must_use]
pub fn verbalize(text: &str, language: Language, own: &Pronunciations) -> Vec<Spoken> {
    let folded = Folded::new(text);
    let mut reader = Reader {
        language: spoken_in(&folded.text, language),
        shouted: letters::is_shouted(&folded.text),
        folded: &folded,
        said: Vec::new(),
    };
    reader.run(own);
    let mut said = reader.said;
    if let Some(last) = said.last_mut() {
        last.end = text.len();
    }
    said
}

/// The language that numbers and signs are read in: that of most words.
fn spoken_in(text: &str, reply: Language) -> Language {
    let han = text.chars().filter(|c| is_han(*c)).count();
    let between =
        |c: char| c.is_whitespace() || is_han(c) || symbols::pause(c).is_some_and(|p| p != '.');
    let latin = |w: &&str| w.starts_with(|c: char| c.is_ascii_alphabetic());
    let words = text.split(between).filter(latin).count();
    match (han, words, reply) {
        (0, _, Language::En) | (0, 2.., _) => Language::En,
        (han, words, _) if han < words && words > 1 => Language::En,
        _ => Language::Zh,
    }
}

struct Reader<'a> {
    folded: &'a Folded,
    language: Language,
    shouted: bool,
    said: Vec<Spoken>,
}

impl Reader<'_> {
    fn run(&mut self, own: &Pronunciations) {
        let text = self.folded.text.as_str();
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let end = at + c.len_utf8();
            at = if let Some((entry, end)) = own.at(text, at) {
                self.own(entry, at, end);
                end
            } else if let Some(end) = self.found(at) {
                end
            } else if is_han(c) {
                self.push(Say::Han(c), end);
                end
            } else if is_latin(c) && !is_times(text, at) {
                self.latin(at)
            } else {
                self.sign(c, at, end);
                end
            };
        }
    }

    fn push(&mut self, say: Say, end: usize) {
        let end = self.folded.source(end);
        self.said.push(Spoken { say, end });
    }

    /// What is not spoken belongs to what was said before it.
    fn silent(&mut self, end: usize) {
        if let Some(last) = self.said.last_mut() {
            last.end = self.folded.source(end);
        }
    }

    /// Words in place of what stands from `start` to `end`; only with the last of them is it said.
    fn words(&mut self, words: &str, start: usize, end: usize) {
        let before = self.said.len();
        let mut run = String::new();
        for c in words.chars().chain([' ']) {
            if is_latin(c) {
                run.push(c);
                continue;
            }
            if !run.is_empty() {
                self.push(Say::Word(std::mem::take(&mut run)), start);
            }
            match c {
                c if is_han(c) => self.push(Say::Han(c), start),
                ',' => self.push(Say::Pause(','), start),
                c if c.is_ascii_digit() => {
                    let digit = c.to_string();
                    match self.language {
                        Language::En => self.push(Say::Word(numbers_en::cardinal(&digit)), start),
                        _ => {
                            let read = numbers_zh::cardinal(&digit);
                            read.chars().for_each(|c| self.push(Say::Han(c), start));
                        }
                    }
                }
                _ => {}
            }
        }
        if self.said.len() > before {
            self.silent(end);
        }
    }

    fn own(&mut self, entry: &Pronunciation, start: usize, end: usize) {
        let before = self.said.len();
        match entry.syllables() {
            Some(syllables) => syllables.iter().for_each(|(character, pinyin)| {
                self.push(Say::Syllable(*character, pinyin.clone()), start);
            }),
            None => {
                let read = verbalize(&entry.said, self.language, &Pronunciations::default());
                for spoken in read {
                    self.push(spoken.say, start);
                }
            }
        }
        if self.said.len() > before {
            self.silent(end);
        }
    }

    /// Dates, numbers and the like that begin here.
    fn found(&mut self, at: usize) -> Option<usize> {
        let text = self.folded.text.as_str();
        let (find, end) = find::find(text, at)?;
        let after = &text[end..];
        let end = match self.language {
            Language::En => {
                let (words, taken) = en::say(&find, after);
                self.words(&words, at, end + taken);
                end + taken
            }
            _ => {
                self.words(&zh::say(&find, after), at, end);
                end
            }
        };
        Some(end)
    }

    /// A word of Latin letters.
    fn latin(&mut self, at: usize) -> usize {
        let text = self.folded.text.as_str();
        let rest = &text[at..];
        let before = text[..at].chars().next_back();
        if !before.is_some_and(|c| c.is_alphanumeric() && !is_han(c))
            && let Some((long, length)) = letters::abbreviation(rest)
        {
            self.words(long, at, at + length);
            return at + length;
        }
        let inside = |at: usize, c: char| {
            is_latin(c)
                || c == '\'' && rest[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic())
        };
        let part = rest
            .char_indices()
            .find(|(at, c)| !inside(*at, *c) || *at >= letters::LONGEST_WORD * 2);
        let end = at + part.map_or(rest.len(), |(at, _)| at);
        let word = &text[at..end];
        let said = letters::word(word, self.shouted);
        if said.contains(' ') {
            self.words(&said, at, end);
        } else {
            self.push(Say::Word(said), end);
        }
        end
    }

    /// Punctuation and signs.
    fn sign(&mut self, c: char, at: usize, end: usize) {
        if c == ' ' {
            self.silent(end);
            return;
        }
        let text = self.folded.text.as_str();
        if let Some(pause) = symbols::pause(c) {
            let repeated =
                matches!(self.said.last(), Some(Spoken { say: Say::Pause(p), .. }) if *p == pause);
            let begins = self.said.is_empty();
            if repeated || begins {
                self.silent(end);
            } else {
                self.push(Say::Pause(pause), end);
            }
            return;
        }
        match symbols::name(
            c,
            text[..at].trim_end_matches(' '),
            text[end..].trim_start_matches(' '),
        ) {
            Some((zh, en)) => {
                let name = if self.language == Language::En { en } else { zh };
                self.words(name, at, end);
            }
            None => self.silent(end),
        }
    }
}

/// The sign between two numbers that is written as a letter.
fn is_times(text: &str, at: usize) -> bool {
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let mut rest = text[at..].chars();
    matches!(rest.next(), Some('x' | 'X'))
        && digit(rest.next())
        && digit(text[..at].chars().next_back())
}

/// A letter of an English or other Latin-script word.
fn is_latin(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '\'' | 'À'..='ɏ') && c != '×' && c != '÷'
}

#[cfg(test)]
mod tests;
