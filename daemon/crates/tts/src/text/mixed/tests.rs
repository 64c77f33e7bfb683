//! The whole front end: by value, and on any text. The conformance command compares every piece with
//! recorded results.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::any_text::{SHORT, any_texts, work_grows_linearly};
use crate::text::lexicon::shipped;

static READER: LazyLock<MixedReader> = LazyLock::new(|| MixedReader::new(shipped()).unwrap());

fn norm_text(text: &str, mode: Mode) -> String {
    let pieces = READER.read(text, mode).unwrap();
    pieces.into_iter().map(|piece| piece.read.norm_text).collect()
}

#[test]
fn each_piece_is_read_in_its_language() {
    let pieces = READER.read("这个API很快。", Mode::Chinese).unwrap();
    let read: Vec<_> = pieces.iter().map(|p| (p.language, p.text.as_str())).collect();
    assert_eq!(read, [(Language::Zh, "这个"), (Language::En, "API"), (Language::Zh, "很快。")]);
    assert_eq!(pieces[1].read.phones.join(" "), "EY1 P IY1 AY1");
    assert_eq!(pieces[1].read.norm_text, "A P I");
    assert_eq!(pieces[1].read.characters(), [Some(0), Some(2), Some(2), Some(4)]);
    assert_eq!(READER.ids(&pieces[..1]), [320, 133, 156, 134]);
}

#[test]
fn a_short_text_starts_with_a_full_stop() {
    assert_eq!(norm_text("好", Mode::Chinese), ".好");
    assert_eq!(norm_text("Hi.", Mode::English), ". Hi.");
    assert_eq!(norm_text("没问题", Mode::Chinese), "没问题");
}

#[test]
fn runs_of_spaces_count_as_one() {
    assert_eq!(norm_text("I have 2  spaces   here.", Mode::English), "I have two spaces here.");
}

#[test]
fn white_space_is_not_read() {
    for mode in [Mode::Chinese, Mode::AllChinese, Mode::English] {
        assert_eq!(READER.read(" \n\t\u{3000} ", mode).unwrap(), []);
        assert_eq!(READER.read("", mode).unwrap(), []);
    }
}

#[test]
fn a_missing_table_is_named_when_it_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let symbols = "symbols_v2.json";
    std::fs::copy(shipped().path(symbols), folder.path().join(symbols)).unwrap();
    let reader = MixedReader::new(Lexicon::new(folder.path())).unwrap();
    let problem = reader.read("Hello", Mode::Chinese).unwrap_err().to_string();
    assert!(problem.contains("en_dict.tsv.gz"), "{problem}");
    assert!(reader.prepare().is_err());
}

/// What holds for any text: its pieces are the text, every phone has a number and at most an added pause
/// has no character.
fn holds(text: &str) {
    for mode in [Mode::Chinese, Mode::AllChinese, Mode::English] {
        let pieces = READER.read(text, mode).unwrap();
        let joined: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
        let single = single_spaces(text);
        assert!(single.contains(joined.strip_prefix('.').unwrap_or(&joined)), "{joined:?}");
        for piece in &pieces {
            let read = &piece.read;
            assert_eq!(read.word2ph.len(), read.norm_text.chars().count());
            assert_eq!(read.characters().len(), read.phones.len());
            assert!(read.characters().iter().skip(1).all(Option::is_some));
        }
        let phones: usize = pieces.iter().map(|piece| piece.read.phones.len()).sum();
        assert_eq!(READER.ids(&pieces).len(), phones);
    }
}

#[test]
fn long_runs_of_anything_are_read() {
    for unit in ["好a", "好1a", "1", "，", "a，", " '", "\n", "ж", "\u{0}a好", "a 1 好 "] {
        holds(&unit.repeat(10_000 / unit.len()));
    }
}

#[test]
fn ten_thousand_random_texts_are_read_and_long_words_cost_what_they_are_long() {
    any_texts(holds);
    work_grows_linearly(SHORT / 10, &["a", "好", "好a", "1", "，", "\u{0}"], |text| {
        READER.read(text, Mode::Chinese).unwrap()
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn any_text_is_read(text in ".{0,200}") {
        holds(&text);
    }

    #[test]
    fn any_text_of_both_languages_is_read(text in "[一-三不儿0-9a-dA-D '’，。,.!?\n\t°ж(“”)-]{0,60}") {
        holds(&text);
    }
}
