//! Cuts a text where its language changes, by script. Reads nothing.
//!
//! The reference asks a language detector about every run; for Chinese and English what it answers is the
//! script of the run.

use std::ops::Range;

use companion_types::Language;

use super::{
    Mode,
    runs::{Kind, is_space, runs},
};

/// Marks at which a clause ends: a number beside one goes with the other side.
const ENDS: [char; 8] = [',', '.', '!', '?', '，', '。', '！', '？'];
const FULL_STOPS: [char; 2] = ['。', '.'];

/// What the script of a stretch says about its language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guess {
    Chinese,
    English,
    Digits,
    Unknown,
}

type Stretch = (Guess, Range<usize>);

/// The stretches of one language in `text`, in order; without the white space around it.
pub(super) fn segments(text: &str, mode: Mode) -> Vec<(Language, &str)> {
    if mode == Mode::English {
        return vec![(Language::En, text)];
    }
    let text = text.trim_matches(is_space);
    let mut stretches = Stretches::default();
    for (kind, bytes) in runs(text) {
        stretches.push(guess(kind, &text[bytes.clone()]), bytes);
    }
    let stretches = if mode == Mode::AllChinese {
        all_chinese(text, stretches)
    } else {
        place_unknown(place_digits(text, &stretches.0))
    };
    let language = |guess| if guess == Guess::English { Language::En } else { Language::Zh };
    stretches.0.into_iter().map(|(guess, bytes)| (language(guess), &text[bytes])).collect()
}

/// Stretches of which no neighbours are equal.
#[derive(Debug, Default)]
struct Stretches(Vec<Stretch>);

impl Stretches {
    fn push(&mut self, guess: Guess, bytes: Range<usize>) {
        match self.0.last_mut() {
            Some((last, own)) if *last == guess => own.end = bytes.end,
            _ => self.0.push((guess, bytes)),
        }
    }
}

fn guess(kind: Kind, text: &str) -> Guess {
    match kind {
        Kind::Han => Guess::Chinese,
        Kind::Digit => Guess::Digits,
        Kind::Other if text.contains(|c: char| c.is_ascii_alphabetic()) => Guess::English,
        _ => Guess::Unknown,
    }
}

/// Everything is Chinese but stretches that are English to the last character.
fn all_chinese(text: &str, stretches: Stretches) -> Stretches {
    let mut placed = Stretches::default();
    for (_, bytes) in stretches.0 {
        let is_english = is_all_english(&text[bytes.clone()]);
        placed.push(if is_english { Guess::English } else { Guess::Chinese }, bytes);
    }
    placed
}

/// Whether a text has an ASCII letter and, beside such, only digits, white space and marks.
fn is_all_english(text: &str) -> bool {
    let first_line = text.lines().next().unwrap_or_default();
    first_line.contains(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|character| {
            is_space(character)
                || matches!(
                    character,
                    '\u{20}'..='\u{7E}'
                        | '\u{2000}'..='\u{206F}'
                        | '\u{3000}'..='\u{303F}'
                        | '\u{FF00}'..='\u{FFEF}'
                )
        })
}

/// Digits are read in the language of a neighbour.
fn place_digits(text: &str, stretches: &[Stretch]) -> Stretches {
    let mut placed = Stretches::default();
    for (i, (own, bytes)) in stretches.iter().enumerate() {
        let guess = match (own, placed.0.last(), stretches.get(i + 1)) {
            (Guess::Digits, None, None) => Guess::Chinese,
            (Guess::Digits, Some((before, _)), None) => *before,
            (Guess::Digits, None, Some((after, _))) => *after,
            (Guess::Digits, Some(before), Some(after)) => {
                between(text, before, &text[bytes.clone()], after)
            }
            (other, ..) => *other,
        };
        placed.push(guess, bytes.clone());
    }
    placed
}

/// The language of digits between two stretches.
fn between(text: &str, before: &Stretch, digits: &str, after: &Stretch) -> Guess {
    let (left, right) = (&text[before.1.clone()], &text[after.1.clone()]);
    if before.0 == after.0 {
        before.0
    } else if left.ends_with(ENDS) {
        after.0
    } else if right.starts_with(ENDS)
        || digits.ends_with(FULL_STOPS)
        || left.chars().count() >= right.chars().count()
    {
        before.0
    } else {
        after.0
    }
}

/// What has no language is read in that of the stretch before it, at the beginning of that behind it.
fn place_unknown(stretches: Stretches) -> Stretches {
    let mut placed = Stretches::default();
    let second = stretches.0.get(1).map_or(Guess::Chinese, |(guess, _)| *guess);
    for (own, bytes) in stretches.0 {
        let before = placed.0.last().map_or(second, |(before, _)| *before);
        placed.push(if own == Guess::Unknown { before } else { own }, bytes);
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, mode: Mode) -> String {
        let name = |language| if language == Language::En { "en" } else { "zh" };
        let parts = segments(text, mode);
        let parts = parts.iter().map(|(language, text)| format!("{}:{text}", name(*language)));
        parts.collect::<Vec<_>>().join("|")
    }

    fn by_script(text: &str) -> String {
        read(text, Mode::Chinese)
    }

    #[test]
    fn a_text_is_cut_where_its_script_changes() {
        assert_eq!(
            by_script("我在用Python写代码，hello world！"),
            "zh:我在用|en:Python|zh:写代码，|en:hello world！"
        );
        assert_eq!(by_script("“Hello”，她说，“world”。"), "en:“Hello”，|zh:她说，“|en:world”。");
        assert_eq!(by_script(" (笑) 你真是个genius！ "), "zh:(笑) 你真是个|en:genius！");
    }

    #[test]
    fn digits_go_with_the_language_around_them() {
        assert_eq!(
            by_script("3个人去了New York玩了5天。"),
            "zh:3个人去了|en:New York|zh:玩了5天。"
        );
        assert_eq!(by_script("iPhone 15"), "en:iPhone 15");
        assert_eq!(by_script("15"), "zh:15");
    }

    #[test]
    fn digits_between_two_languages_keep_to_their_clause_then_to_the_longer_side() {
        assert_eq!(by_script("好，24GB"), "zh:好，|en:24GB");
        assert_eq!(by_script("RTX 4090，显存"), "en:RTX 4090，|zh:显存");
        assert_eq!(by_script("显存24GB。"), "zh:显存|en:24GB。");
        assert_eq!(by_script("只有100ms"), "zh:只有100|en:ms");
        assert_eq!(by_script("三3.abcdef"), "zh:三3.|en:abcdef");
    }

    #[test]
    fn what_has_no_script_of_ours_goes_on_in_the_language_before() {
        assert_eq!(by_script("温度25°C，"), "zh:温度|en:25°C，");
        assert_eq!(by_script("ж好"), "zh:ж好");
        assert_eq!(by_script("ok！ж"), "en:ok！ж");
        assert_eq!(by_script("……"), "zh:……");
    }

    #[test]
    fn the_other_modes_ask_less() {
        assert_eq!(read("共3次OK，好café", Mode::AllChinese), "zh:共3次|en:OK，|zh:好café");
        assert_eq!(read("共3次OK，café", Mode::Chinese), "zh:共3次|en:OK，café");
        assert_eq!(read(" 好 ok", Mode::English), "en: 好 ok");
        assert_eq!(by_script(" \n "), "");
    }
}
