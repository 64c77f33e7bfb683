//! Joins words whose tones depend on each other before the rules of tones look at them. Changes no
//! character.

use super::{
    readings::{Readings, Sound},
    words::Word,
};

/// The joins in the order that counts.
pub(super) fn merge(words: Vec<Word>, readings: &Readings) -> Vec<Word> {
    let words = join_negation(words);
    let words = join_one_after(join_one_between(words));
    let words = join_equal(words);
    let words = join_third_tones(words, readings, |left, right| {
        left.iter().chain(right).all(|sound| sound.tone == 3)
    });
    let words = join_third_tones(words, readings, |left, right| {
        let third = |sound: Option<&Sound>| sound.is_some_and(|sound| sound.tone == 3);
        third(left.last()) && third(right.first())
    });
    join_er(words)
}

/// 不 and the word after it.
fn join_negation(words: Vec<Word>) -> Vec<Word> {
    let mut joined: Vec<Word> = Vec::new();
    let mut open = false;
    for mut word in words {
        if open {
            word.text.insert(0, '不');
        }
        open = word.text == "不";
        if !open {
            joined.push(word);
        }
    }
    if open {
        joined.push(Word::new("不", "d"));
    }
    joined
}

/// 看 一 看, where both are the same verb.
fn join_one_between(words: Vec<Word>) -> Vec<Word> {
    let mut joined: Vec<Word> = Vec::new();
    let mut rest = words.into_iter().peekable();
    while let Some(word) = rest.next() {
        if word.text == "一"
            && let (Some(last), Some(next)) = (joined.last_mut(), rest.peek())
            && (last.text == next.text && last.tag == "v" && next.tag == "v")
        {
            last.text = format!("{}一{}", last.text, next.text);
            rest.next();
        } else {
            joined.push(word);
        }
    }
    joined
}

/// 一 and the word after it.
fn join_one_after(words: Vec<Word>) -> Vec<Word> {
    join(words, |last, _| last.text == "一")
}

/// 看 and 看.
fn join_equal(words: Vec<Word>) -> Vec<Word> {
    join(words, |last, word| last.text == word.text)
}

/// 儿 and the word before it.
fn join_er(words: Vec<Word>) -> Vec<Word> {
    join(words, |_, word| word.text == "儿")
}

/// Words where `belongs` says of the last joined one and the next that they are one.
fn join(words: Vec<Word>, belongs: impl Fn(&Word, &Word) -> bool) -> Vec<Word> {
    let mut joined: Vec<Word> = Vec::new();
    for word in words {
        match joined.last_mut() {
            Some(last) if belongs(last, &word) => last.text.push_str(&word.text),
            _ => joined.push(word),
        }
    }
    joined
}

/// Neighbours whose sounds, as the words were before this pass, are third tones by `belongs`.
fn join_third_tones(
    words: Vec<Word>,
    readings: &Readings,
    belongs: impl Fn(&[Sound], &[Sound]) -> bool,
) -> Vec<Word> {
    let mut joined: Vec<Word> = Vec::new();
    let mut before: Option<(Vec<Sound>, bool)> = None;
    // What stands left in the words given: a doubled word waits for its neutral tone instead.
    let mut left_doubled = false;
    for word in words {
        let sounds = readings.sounds(&word.text);
        let doubled = is_doubled(&word.text);
        let joins = before.as_ref().is_some_and(|(left, merged)| {
            !merged && !left_doubled && left.len() + sounds.len() <= 3 && belongs(left, &sounds)
        });
        match joined.last_mut() {
            Some(last) if joins => last.text.push_str(&word.text),
            _ => joined.push(word),
        }
        before = Some((sounds, joins));
        left_doubled = doubled;
    }
    joined
}

fn is_doubled(word: &str) -> bool {
    let mut characters = word.chars();
    let (first, second) = (characters.next(), characters.next());
    first.is_some() && first == second && characters.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::lexicon::shipped;

    fn words(text: &str) -> Vec<Word> {
        let word = |part: &str| {
            let (text, tag) = part.split_once('/').unwrap();
            Word::new(text, tag)
        };
        text.split_whitespace().map(word).collect()
    }

    fn shown(words: &[Word]) -> String {
        words.iter().map(|w| format!("{}/{}", w.text, w.tag)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_negation_joins_what_it_negates() {
        assert_eq!(shown(&join_negation(words("他/r 不/d 去/v ,/x"))), "他/r 不去/v ,/x");
        assert_eq!(shown(&join_negation(words("去/v 不/d"))), "去/v 不/d");
        assert_eq!(shown(&join_negation(words("不/d 不/d 去/v"))), "不不/d 去/v");
    }

    #[test]
    fn one_joins_the_verbs_around_it_or_the_word_after_it() {
        assert_eq!(shown(&join_one_between(words("看/v 一/m 看/v"))), "看一看/v");
        assert_eq!(shown(&join_one_between(words("天/n 一/m 天/n"))), "天/n 一/m 天/n");
        assert_eq!(shown(&join_one_after(words("一/m 天/n 一/m ,/x"))), "一天/m 一,/m");
    }

    #[test]
    fn equal_neighbours_are_one_word_of_two() {
        assert_eq!(shown(&join_equal(words("看/v 看/v 看/v"))), "看看/v 看/v");
    }

    #[test]
    fn third_tones_join_up_to_three_characters() {
        let readings = Readings::read(&shipped()).unwrap();
        let merged = |text: &str| shown(&merge(words(text), &readings));
        assert_eq!(merged("我/r 想/v 买/v"), "我想买/r");
        assert_eq!(merged("好/a 喜欢/v"), "好喜欢/a");
        assert_eq!(merged("展览/v 馆/n 里/f"), "展览馆/v 里/f");
        assert_eq!(merged("想想/v 我/r"), "想想/v 我/r");
    }

    #[test]
    fn er_joins_the_word_before_it() {
        assert_eq!(shown(&join_er(words("慢点/d 儿/n 走/v"))), "慢点儿/d 走/v");
        assert_eq!(shown(&join_er(words("儿/n 走/v"))), "儿/n 走/v");
    }
}
