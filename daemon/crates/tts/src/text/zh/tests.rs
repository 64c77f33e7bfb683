//! The whole front end: by value, and on any text. The conformance command compares every stage with
//! recorded results.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::any_text::{SHORT, any_texts, work_grows_linearly};
use crate::text::{Symbols, lexicon::shipped};

static CHINESE: LazyLock<Chinese> = LazyLock::new(|| Chinese::new(&shipped()).unwrap());

#[test]
fn a_text_becomes_phones_character_by_character() {
    let phones = CHINESE.phones("他说：“你来了！”");
    assert_eq!(phones.norm_text, "他说,你来了!");
    assert_eq!(phones.phones.join(" "), "t a1 sh uo1 , n i3 l ai2 l e5 !");
    assert_eq!(phones.word2ph, [2, 2, 1, 2, 2, 2, 1]);
}

#[test]
fn every_phone_is_in_the_symbol_table() {
    let symbols = Symbols::read(&shipped()).unwrap();
    let text = "2024年3月15日上午8:30，我去银行取了￥100块钱儿，花儿真好看……";
    for phone in CHINESE.phones(text).phones {
        assert_ne!(symbols.id(&phone), symbols.id("UNK"), "{phone}");
    }
}

/// What holds for any text: as many counts as characters, as many phones as they say.
fn holds(text: &str) {
    let phones = CHINESE.phones(text);
    assert_eq!(phones.word2ph.len(), phones.norm_text.chars().count());
    assert_eq!(phones.word2ph.iter().sum::<usize>(), phones.phones.len());
}

#[test]
fn long_runs_of_anything_are_read() {
    for unit in [
        "一", "不", "儿", "好", "1", "1.", "-", "a", "℃", "1/", "：", "\u{0}", "𠀀", "3m", "1+",
        "1+1", "x²=", "1~2",
    ] {
        holds(&unit.repeat(10_000 / unit.len()));
    }
}

#[test]
fn ten_thousand_random_texts_are_read_and_long_words_cost_what_they_are_long() {
    any_texts(holds);
    work_grows_linearly(SHORT, &["好", "一", "不", "儿", "1", "1/", "\u{0}", "a"], |text| {
        CHINESE.phones(text)
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn any_text_is_read(text in ".{0,200}") {
        holds(&text);
    }

    #[test]
    fn any_text_of_what_the_rules_look_for_is_read(
        text in "[0-9一二两不儿的了年月日点半%°℃:：/~\\-+×÷=.,，。kcm²³个只￥^ ]{0,60}",
    ) {
        holds(&text);
    }
}
