//! Readings in both languages; any text.

use proptest::prelude::*;

use super::*;
use crate::any_text::{SHORT, any_texts, work_grows_linearly};

fn said(text: &str, language: Language) -> String {
    with(text, language, &Pronunciations::default())
}

fn with(text: &str, language: Language, own: &Pronunciations) -> String {
    let mut written = String::new();
    for spoken in verbalize(text, language, own) {
        match spoken.say {
            Say::Han(c) => written.push(c),
            Say::Syllable(c, pinyin) => written.push_str(&format!("{c}<{pinyin}>")),
            Say::Word(word) => {
                if written.ends_with(|c: char| c.is_ascii_alphabetic() || ",.?!…".contains(c)) {
                    written.push(' ');
                }
                written.push_str(&word);
            }
            Say::Pause(c) => written.push(c),
        }
    }
    written
}

#[test]
fn chinese_reads_what_is_not_written_as_it_is_said() {
    for (text, reading) in [
        ("今天是2026-11-25。", "今天是二零二六年十一月二十五日."),
        ("1998年的事", "一九九八年的事"),
        ("2020-2026年", "二零二零到二零二六年"),
        ("现在12:05，", "现在十二点零五分,"),
        ("下午2:30开会", "下午两点三十分开会"),
        ("营业8:00-17:30", "营业八点到十七点三十分"),
        ("8pm见", "晚上八点见"),
        ("花了￥12.5", "花了十二点五元"),
        ("$3的书", "三美元的书"),
        ("涨了25%", "涨了百分之二十五"),
        ("-3℃到5℃", "零下三摄氏度到五摄氏度"),
        ("10~15°C", "十到十五摄氏度"),
        ("3-5天", "三到五天"),
        ("长3.14m", "长三点一四米"),
        ("时速120km/h", "时速一百二十公里每小时"),
        ("打13800138000", "打幺三八零零幺三八零零零"),
        ("010-12345678", "零幺零幺二三四五六七八"),
        ("1/2的人", "二分之一的人"),
        ("比分3:2", "比分三比二"),
        ("版本1.2.3", "版本一点二点三"),
        ("2个人、2月、22个", "两个人,二月,二十二个"),
        ("一共1,234元", "一共一千二百三十四元"),
        ("1+1=2", "一加一等于二"),
        ("5 - 3 = 2", "五减三等于二"),
        ("3×4", "三乘以四"),
        ("看https://www.example.com/a吧", "看example点com斜杠a吧"),
        ("写给tom@mail.com", "写给tom艾特mail点com"),
        ("用AI和GPU", "用A I和G P U"),
        ("GPT-4很强", "G P T四很强"),
        ("我的 iPhone 15 坏了", "我的iPhone十五坏了"),
        ("好😀的！！", "好的!"),
        ("**重点**：看`代码`", "重点,看代码"),
        ("上世纪1990s", "上世纪二十世纪九十年代"),
        ("第1名", "第一名"),
        ("９点３０", "九点三十"),
        ("等等……好吧", "等等…好吧"),
    ] {
        assert_eq!(said(text, Language::Zh), reading, "{text}");
    }
}

#[test]
fn english_reads_what_is_not_written_as_it_is_said() {
    for (text, reading) in [
        ("Today is 2026-11-25.", "Today is November twenty fifth, twenty twenty six."),
        ("It is 12:05", "It is twelve oh five"),
        ("at 8:00", "at eight o'clock"),
        ("at 8:30 pm", "at eight thirty P M"),
        ("at 7 am", "at seven A M"),
        ("from 8:00-9:30", "from eight o'clock to nine thirty"),
        ("It costs $12.50.", "It costs twelve dollars and fifty cents."),
        ("$1", "one dollar"),
        ("£3 million", "three million pounds"),
        ("up 25%", "up twenty five percent"),
        ("-3°C outside", "minus three degrees Celsius outside"),
        ("1 km or 5 km", "one kilometer or five kilometers"),
        ("3-5 days", "three to five days"),
        ("in 1984", "in nineteen eighty four"),
        ("the 1990s", "the nineteen nineties"),
        ("1,234 people", "one thousand two hundred thirty four people"),
        ("3.14", "three point one four"),
        ("2/3 of it", "two thirds of it"),
        ("the 22nd", "the twenty second"),
        ("call (415) 555-0123 now", "call four one five five five five zero one two three now"),
        ("visit example.com/shop", "visit example dot com slash shop"),
        ("mail me at tom@site.org.", "mail me at tom at site dot org."),
        ("Dr. Smith vs. Mr. Jones, etc.", "doctor Smith versus mister Jones, et cetera"),
        ("No. 5", "number five"),
        ("the CPU and NASA", "the C P U and nasa"),
        ("two GPUs", "two G P Us"),
        ("I AM SO VERY HAPPY", "I am so very happy"),
        ("Tom’s don't", "Tom's don't"),
        ("2 + 2 = 4", "two plus two equals four"),
        ("1920x1080", "nineteen twenty by one thousand eighty"),
        ("R&B", "R and B"),
        ("v1.2.3", "v one point two point three"),
    ] {
        assert_eq!(said(text, Language::En), reading, "{text}");
    }
}

#[test]
fn a_clause_of_numbers_alone_is_read_in_the_language_of_the_reply() {
    assert_eq!(said("12:05", Language::Zh), "十二点零五分");
    assert_eq!(said("12:05", Language::En), "twelve oh five");
}

#[test]
fn the_users_own_words_come_first() {
    let entries =
        [("重庆", "chong2 qing4"), ("Qwen", "qian1 wen4"), ("kg", "公斤"), ("重", "zhong4")];
    let entries = entries.map(|(written, said)| Pronunciation::new(written, said).unwrap());
    let own = Pronunciations::new(entries).unwrap();
    let read = |text| with(text, Language::Zh, &own);
    assert_eq!(read("重庆很重"), "重<chong2>庆<qing4>很重<zhong4>");
    assert_eq!(read("问qwen吧"), "问啊<qian1>啊<wen4>吧");
    assert_eq!(read("买了Qwens 5kg"), "买了Qwens五千克");
    assert_eq!(read("一 kg"), "一公斤");
    let few = Pronunciation::new("重庆", "chong2").unwrap_err().to_string();
    assert!(few.contains("2 characters") && few.contains("1 syllables"), "{few}");
    assert!(Pronunciation::new("", "a").is_err() && Pronunciation::new("a", "b\n\u{7}c").is_err());
}

#[test]
fn a_number_counts_as_said_when_its_last_word_has_sounded() {
    let read = verbalize("有25个，好。", Language::Zh, &Pronunciations::default());
    let ends: Vec<usize> = read.iter().map(|s| s.end).collect();
    // 有 | 二 十 五 | 个 | ， | 好 | 。
    assert_eq!(ends, [3, 3, 3, 5, 8, 11, 14, 17]);
}

proptest! {
    #[test]
    fn any_text_is_read_to_its_end(text in "\\PC{0,60}", language in any::<bool>()) {
        let language = if language { Language::Zh } else { Language::En };
        let read = verbalize(&text, language, &Pronunciations::default());
        prop_assert!(read.is_sorted_by_key(|s| s.end));
        prop_assert!(read.iter().all(|s| text.is_char_boundary(s.end)));
        if let Some(last) = read.last() {
            prop_assert_eq!(last.end, text.len());
        }
        for spoken in &read {
            if let Say::Word(word) = &spoken.say {
                prop_assert!(!word.is_empty() && !word.contains(' '), "{:?}", word);
            }
        }
    }

    #[test]
    fn what_rules_look_for_is_read_without_a_panic(text in "[0-9:./%$¥￥年月日个apm°C,+=×x() ~\\-一a]{0,60}") {
        let read = verbalize(&text, Language::Zh, &Pronunciations::default());
        prop_assert!(read.is_sorted_by_key(|s| s.end));
    }
}

#[test]
fn long_runs_take_no_longer_than_their_length() {
    for run in ["1", "1.", "1,", "1-", "1:", "a", "a.", "字", "$", "a@", "No.", "1/", "-", "😀"]
    {
        let text = run.repeat(100_000 / run.len());
        let read = verbalize(&text, Language::Zh, &Pronunciations::default());
        assert!(read.last().is_none_or(|s| s.end == text.len()), "{run}");
    }
}

#[test]
fn ten_thousand_random_texts_are_read_and_long_words_cost_what_they_are_long() {
    let own = Pronunciations::default();
    any_texts(|text| {
        for language in [Language::Zh, Language::En] {
            let read = verbalize(text, language, &own);
            assert!(
                read.is_sorted_by_key(|s| s.end) && read.iter().all(|s| s.end <= text.len()),
                "{text:?}"
            );
        }
    });
    let units = ["a", "字", "1", "1.", "1:", "$", "a@", "No.", "1/", "\u{0}", "😀"];
    work_grows_linearly(SHORT, &units, |text| verbalize(text, Language::Zh, &own));
}
