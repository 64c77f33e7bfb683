//! The whole front end: by value, and on any text. The conformance command compares every stage with
//! recorded results.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::any_text::{SHORT, any_texts, work_grows_linearly};
use crate::text::lexicon::shipped;

static ENGLISH: LazyLock<English> = LazyLock::new(|| English::new(&shipped()).unwrap());

#[test]
fn a_text_becomes_phones_word_by_word() {
    let phones = ENGLISH.phones("The cats' 3 toys!");
    assert_eq!(phones.norm_text, "The cats' three toys!");
    assert_eq!(phones.phones.join(" "), "DH AH0 K AE1 T S - TH R IY1 T OY1 Z !");
    assert_eq!(phones.word2ph, [1, 1, 0, 0, 1, 1, 1, 1, 1, 0, 1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 1]);
}

#[test]
fn the_letters_of_a_word_share_its_phones_evenly() {
    let phones = ENGLISH.phones("Hello box");
    assert_eq!(phones.word2ph, [1, 1, 1, 1, 0, 0, 2, 1, 1]);
}

#[test]
fn a_short_text_starts_with_a_pause_of_no_character() {
    let phones = ENGLISH.phones("Hi");
    assert_eq!(phones.phones, [",", "HH", "AY1"]);
    assert_eq!(phones.characters(), [None, Some(0), Some(1)]);
    let phones = ENGLISH.phones("“”");
    assert_eq!((phones.norm_text.as_str(), phones.phones.len()), ("", 1));
}

#[test]
fn every_phone_is_in_the_symbol_table() {
    let text = "Zhang's café, e.g. hello-world's 1st $5.50… at 8:30?! “Quux's” x.y.zz";
    for phone in ENGLISH.phones(text).phones {
        assert!(ENGLISH.symbols.id(&phone).is_some(), "{phone}");
    }
}

#[test]
fn a_missing_table_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let problem = English::new(&Lexicon::new(folder.path())).unwrap_err().to_string();
    assert!(problem.contains("en_dict.tsv.gz"), "{problem}");
}

/// What holds for any text: as many counts as characters, every phone owned but a pause in front.
fn holds(text: &str) {
    let phones = ENGLISH.phones(text);
    assert_eq!(phones.word2ph.len(), phones.norm_text.chars().count());
    let owned: usize = phones.word2ph.iter().sum();
    let added = phones.phones.len() - owned;
    assert!(added == usize::from(owned < FEWEST), "{added} of {}", phones.phones.len());
    assert_eq!(phones.characters().len(), phones.phones.len());
}

#[test]
fn long_runs_of_anything_are_read() {
    for unit in [
        "a", "zorblax", "it's", "a.", "a-", "'-", "A", "1", "1.", "1,", "1. ", "1:30", "1/", "$1",
        "1£", "-", " -1", "1 + ", "x = ", "é", "\u{0}", "\u{301}", "i.e.", "... ", "5km", "℃",
        "a'", "a.bc",
    ] {
        holds(&unit.repeat(10_000 / unit.len()));
    }
}

#[test]
fn ten_thousand_random_texts_are_read_and_long_words_cost_what_they_are_long() {
    any_texts(holds);
    work_grows_linearly(
        SHORT / 10,
        &["a", "zorblax", "1", "a.", "$1", "-", "\u{0}", "é"],
        |text| ENGLISH.phones(text),
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn any_text_is_read(text in ".{0,200}") {
        holds(&text);
    }

    #[test]
    fn any_text_of_what_the_rules_look_for_is_read(
        text in "[0-9a-cksthLmnrdA-C°CF£$%:/~\\-+×÷=.,!?'’。，²³é ]{0,60}",
    ) {
        holds(&text);
    }
}
