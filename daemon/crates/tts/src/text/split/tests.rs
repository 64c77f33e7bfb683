//! Splitting: rule by rule, and on any text.

use proptest::prelude::*;

use super::*;
use crate::any_text::{SHORT, any_texts, work_grows_linearly};

fn cut(text: &str, cut: Cut) -> String {
    lines(text, cut).join("|")
}

fn spoken(text: &str, cut: Cut) -> String {
    pieces(text, Language::Zh, cut).join("|")
}

#[test]
fn marks_end_pieces_but_not_inside_numbers() {
    assert_eq!(cut("版本3.5，好; 你、我. 对", Cut::Marks), "版本3.5，|好;| 你、|我.| 对");
    assert_eq!(cut("我不信！！！你骗人～", Cut::Marks), "我不信！|你骗人～");
}

#[test]
fn four_clauses_make_a_piece_and_the_last_keeps_the_rest() {
    let text = "一。二。三。四。五。六。七。八。九。";
    assert_eq!(cut(text, Cut::FourClauses), "一。二。三。四。|五。六。七。八。九。");
    assert_eq!(cut("一……二——三", Cut::FourClauses), "一……二——三");
    assert_eq!(cut("一……二——三，四，五", Cut::FourClauses), "一。二，三，四，五。");
}

#[test]
fn clauses_are_joined_to_more_than_fifty_characters() {
    let clause = "十个字的一句话就是它。".repeat(5);
    let text = format!("{clause}{clause}短。");
    assert_eq!(cut(&text, Cut::FiftyCharacters), format!("{clause}|{clause}短。"));
    assert_eq!(cut("没有标点", Cut::FiftyCharacters), "没有标点");
}

#[test]
fn stops_are_dropped_where_they_cut() {
    assert_eq!(cut("。一。二。", Cut::ChineseStops), "一|二");
    assert_eq!(cut("I am 3.5. Yes. v.2", Cut::EnglishStops), "I am 3.5. Yes| v.2");
}

#[test]
fn pieces_of_marks_only_are_dropped() {
    assert_eq!(cut("?!...", Cut::Never), "");
    assert_eq!(cut("好，，！", Cut::Marks), "好，");
    assert_eq!(spoken("！！！", Cut::Never), "");
    assert_eq!(spoken("", Cut::Marks), "");
    assert_eq!(spoken("\n\n", Cut::Never), "");
}

#[test]
fn a_short_beginning_gets_a_full_stop_in_front() {
    assert_eq!(spoken("好。那就这样吧。", Cut::Never), "。好。那就这样吧。");
    assert_eq!(spoken("那就这样吧", Cut::Never), "那就这样吧。");
    assert_eq!(pieces("Hi, all", Language::En, Cut::Never), [".Hi, all."]);
}

#[test]
fn short_pieces_are_joined_with_the_next() {
    assert_eq!(
        spoken("嗯，好，行，可以，没问题，马上", Cut::Marks),
        "嗯，好，行，|可以，没问题，马上。"
    );
    assert_eq!(spoken("第一行\n第二行长一些\n\n第三行", Cut::Never), "第一行第二行长一些第三行。");
}

#[test]
fn long_pieces_are_cut_at_marks() {
    let clause = format!("{}，", "字".repeat(200));
    let found = pieces(&clause.repeat(4), Language::Zh, Cut::Never);
    assert_eq!(found, [clause.repeat(2), clause.repeat(2)]);
    let found = pieces(&"字".repeat(600), Language::Zh, Cut::Never);
    assert_eq!(found, ["字".repeat(600), "。".to_owned()]);
}

#[test]
fn runs_of_marks_count_as_one() {
    assert_eq!(single_marks("啊……好?!--3,,4，，"), "啊…好?3,4，，");
}

const CUTS: [Cut; 6] = [
    Cut::Never,
    Cut::FourClauses,
    Cut::FiftyCharacters,
    Cut::ChineseStops,
    Cut::EnglishStops,
    Cut::Marks,
];

/// What holds for any text: pieces have words but for marks left over by a long one, and nothing is said
/// twice.
fn holds(text: &str) {
    let words = |text: &str| text.chars().filter(|c| is_word(*c)).collect::<String>();
    for cut in CUTS {
        let pieces = pieces(text, Language::Zh, cut);
        assert!(pieces.iter().all(|piece| !piece.is_empty() && !piece.contains('\n')), "{cut:?}");
        assert_eq!(words(&pieces.concat()), words(text), "{cut:?}");
    }
    assert!(single_marks(text).len() <= text.len());
}

#[test]
fn long_runs_of_anything_are_cut() {
    for unit in ["好", "a", ".", "1.", "。", "…", "\n", "a，", " ", "好。\n"] {
        holds(&unit.repeat(10_000 / unit.len()));
    }
}

#[test]
fn ten_thousand_random_texts_are_cut_and_long_words_cost_what_they_are_long() {
    any_texts(holds);
    work_grows_linearly(SHORT, &["a", "好", "1", "。", "a，", "\u{0}", "😀"], |text| {
        pieces(text, Language::Zh, Cut::Marks)
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn any_text_is_cut(text in ".{0,200}") {
        holds(&text);
    }

    #[test]
    fn any_text_of_marks_is_cut(text in "[一-三a1，。？！,.?!~:：—…;、 \n-]{0,80}") {
        holds(&text);
    }
}
