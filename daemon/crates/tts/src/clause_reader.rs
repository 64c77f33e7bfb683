//! A clause to the phones that a GPT-SoVITS voice speaks: read as people say it ([`crate::verbalize`]), each stretch
//! of one language through its front end, each phone knowing which part of the clause it says. Pure.

use companion_types::Language;

use crate::{
    TtsError,
    text::{Lexicon, Phones, Symbols, en::English, zh::Chinese},
    verbalize::{Pronunciations, Say, Spoken, verbalize},
};

/// Voices stumble over fewer phones than this: a pause is put in front (as the reference does).
const FEWEST: usize = 6;
/// So many characters are looked at for the one that a character of the read text came from.
const LOOK_AHEAD: usize = 12;

/// A clause in phones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadClause {
    /// Its stretches, in order.
    pub stretches: Vec<Stretch>,
}

/// A stretch of one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// Mandarin or English.
    pub language: Language,
    /// Its phones, their owners, and the text as it is read.
    pub read: Phones,
    /// For each phone, the bytes of the clause that are said once it has sounded.
    pub ends: Vec<usize>,
}

impl ReadClause {
    /// All phones in order, each with the bytes that are said once it has sounded.
    pub fn phones(&self) -> impl Iterator<Item = (&str, usize)> {
        self.stretches.iter().flat_map(|stretch| {
            stretch.read.phones.iter().map(String::as_str).zip(stretch.ends.iter().copied())
        })
    }

    /// Nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.phones().next().is_none()
    }
}

/// Reads clauses; its tables are read once.
#[derive(Debug)]
pub struct ClauseReader {
    chinese: Chinese,
    english: English,
    symbols: Symbols,
}

impl ClauseReader {
    /// Reads the tables of `lexicon`.
    ///
    /// # Errors
    /// When a table cannot be read or is not what it should be.
    pub fn new(lexicon: &Lexicon) -> Result<Self, TtsError> {
        Ok(Self {
            chinese: Chinese::new(lexicon)?,
            english: English::new(lexicon)?,
            symbols: Symbols::read(lexicon)?,
        })
    }

    /// The number of a phone; that of the unknown one where the voices have no such phone.
    #[must_use]
    pub fn id(&self, phone: &str) -> u16 {
        self.symbols.id(phone).or_else(|| self.symbols.id("UNK")).unwrap_or_default()
    }

    /// The phones of a clause in a reply of `language`; none where nothing is said.
    #[must_use]
    pub fn read(&self, text: &str, language: Language, own: &Pronunciations) -> ReadClause {
        let mut spoken = verbalize(text, language, own);
        if spoken.iter().all(|s| matches!(s.say, Say::Pause(_))) {
            return ReadClause::default();
        }
        let clause = self.stretches(&spoken);
        if clause.phones().count() >= FEWEST {
            return clause;
        }
        spoken.insert(0, Spoken { say: Say::Pause('.'), end: 0 });
        self.stretches(&spoken)
    }

    fn stretches(&self, spoken: &[Spoken]) -> ReadClause {
        let mut clause = ReadClause::default();
        let mut rest = spoken;
        let mut said = 0;
        while !rest.is_empty() {
            let language = rest.iter().find_map(|s| language_of(&s.say)).unwrap_or(Language::Zh);
            let other = |s: &Spoken| language_of(&s.say).is_some_and(|l| l != language);
            let length = rest.iter().position(other).unwrap_or(rest.len());
            let (run, after) = rest.split_at(length);
            clause.stretches.push(self.stretch(run, language, said));
            said = run.last().map_or(said, |last| last.end);
            rest = after;
        }
        clause.stretches.retain(|stretch| !stretch.read.phones.is_empty());
        clause
    }

    /// Reads a run of one language; `said` bytes of the clause were said before it.
    fn stretch(&self, run: &[Spoken], language: Language, said: usize) -> Stretch {
        let mut text = String::new();
        let mut sources: Vec<Source> = Vec::new();
        for (index, spoken) in run.iter().enumerate() {
            let before = text.len();
            match &spoken.say {
                Say::Han(c) | Say::Syllable(c, _) => text.push(*c),
                Say::Word(word) => {
                    if !text.is_empty() {
                        text.push(' ');
                    }
                    text.push_str(word);
                }
                Say::Pause(c) => text.push(*c),
            }
            sources.extend(text[before..].chars().map(|c| Source { c, index }));
        }
        let mut read = match language {
            Language::En => self.english.phones(&text),
            _ => self.chinese.phones(&text),
        };
        let norm: Vec<char> = read.norm_text.chars().collect();
        let owners = align(&norm, &sources);
        self.pronounce(run, &owners, &mut read);
        let mut last = said;
        let ends = read
            .characters()
            .into_iter()
            .map(|character| {
                let owner = character.and_then(|c| owners.get(c).copied().flatten());
                last = owner.map_or(last, |index| run[index].end.max(last));
                last
            })
            .collect::<Vec<usize>>();
        // A word or a number is said with its last phone only.
        let ends = completed(&ends, run, said);
        Stretch { language, read, ends }
    }

    /// Puts the given syllables in place of those that were read.
    fn pronounce(&self, run: &[Spoken], owners: &[Option<usize>], read: &mut Phones) {
        let mut at = read.phones.len().saturating_sub(read.word2ph.iter().sum());
        for (character, count) in read.word2ph.iter().copied().enumerate() {
            let given = owners.get(character).copied().flatten().map(|index| &run[index].say);
            if let Some(Say::Syllable(_, pinyin)) = given
                && let Some(phones) = self.chinese.syllable(pinyin)
                && phones.len() == count
            {
                read.phones.splice(at..at + count, phones);
            }
            at += count;
        }
    }
}

/// A character that was given to a front end, and what it belongs to.
struct Source {
    c: char,
    index: usize,
}

fn language_of(say: &Say) -> Option<Language> {
    match say {
        Say::Han(_) | Say::Syllable(..) => Some(Language::Zh),
        Say::Word(_) => Some(Language::En),
        Say::Pause(_) => None,
    }
}

/// Kinds of characters that may stand for each other.
fn kind(c: char) -> u8 {
    match c {
        ' ' => 0,
        c if c.is_ascii_alphabetic() || matches!(c, '\'' | 'À'..='ɏ') => 1,
        c if c.is_alphanumeric() => 2,
        _ => 3,
    }
}

/// For each character of the read text, what it came from: both in order, so each is looked for a little
/// ahead.
fn align(norm: &[char], sources: &[Source]) -> Vec<Option<usize>> {
    let mut at = 0;
    let mut last = None;
    norm.iter()
        .map(|c| {
            let ahead = &sources[at..sources.len().min(at + LOOK_AHEAD)];
            let same = |s: &Source| s.c.eq_ignore_ascii_case(c);
            let like = |s: &Source| kind(s.c) == kind(*c) && kind(*c) != 0;
            let found = ahead.iter().position(same).or_else(|| ahead.iter().position(like));
            if let Some(step) = found {
                last = Some(sources[at + step].index);
                at += step + 1;
            }
            last
        })
        .collect()
}

/// Ends of phones where what is said with several phones counts with the last of them alone.
fn completed(ends: &[usize], run: &[Spoken], said: usize) -> Vec<usize> {
    let floor = |end: usize| {
        // What is said later ends later.
        let before = run[..run.partition_point(|s| s.end < end)].last();
        before.map_or(said, |before| before.end.max(said))
    };
    let mut out: Vec<usize> = ends.to_vec();
    for at in 0..out.len() {
        if ends.get(at + 1) == Some(&ends[at]) {
            out[at] = floor(ends[at]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::any_text::{SHORT, any_texts, work_grows_linearly};

    fn reader() -> ClauseReader {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../static/lexicon");
        ClauseReader::new(&Lexicon::new(folder)).unwrap()
    }

    fn phones(clause: &ReadClause) -> String {
        clause.phones().map(|(phone, _)| phone).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_stretch_is_read_in_its_language() {
        let own = Pronunciations::default();
        let clause = reader().read("我叫Tom，今年25岁。", Language::Zh, &own);
        let languages: Vec<Language> = clause.stretches.iter().map(|s| s.language).collect();
        assert_eq!(languages, [Language::Zh, Language::En, Language::Zh]);
        assert_eq!(
            phones(&clause),
            "w o3 j iao4 T AA1 M , j in1 n ian2 EE er4 sh ir2 w u3 s ui4 ."
        );
        let ends: Vec<usize> = clause.phones().map(|(_, end)| end).collect();
        assert!(ends.is_sorted() && ends.last() == Some(&"我叫Tom，今年25岁。".len()), "{ends:?}");
        // 25 is said with the last phone of 五.
        let said = clause.phones().filter(|(_, end)| *end == "我叫Tom，今年25".len()).count();
        assert_eq!(said, 1 + 1, "{ends:?}");
    }

    #[test]
    fn the_users_pronunciation_counts() {
        let entry = crate::verbalize::Pronunciation::new("重庆", "chong2 qing4").unwrap();
        let other = crate::verbalize::Pronunciation::new("长", "zhang3").unwrap();
        let own = Pronunciations::new([entry, other]).unwrap();
        let clause = reader().read("我在重庆长大", Language::Zh, &own);
        assert_eq!(phones(&clause), "w o3 z ai4 ch ong2 q ing4 zh ang3 d a4");
    }

    #[test]
    fn short_clauses_begin_with_a_pause_and_silent_ones_are_nothing() {
        let own = Pronunciations::default();
        let reader = reader();
        assert_eq!(phones(&reader.read("好。", Language::Zh, &own)), ". h ao3 .");
        for silent in ["", "……！", "😀", " "] {
            assert!(reader.read(silent, Language::Zh, &own).is_empty(), "{silent}");
        }
    }

    #[test]
    fn any_text_keeps_its_order_and_its_end() {
        let own = Pronunciations::default();
        let reader = reader();
        for text in [
            "2026年11月25日，GPT-4o卖$20！",
            "Dr. Smith paid £3 million in 1984, didn't he?",
            "龘䶮𠮷好 café naïve ＡＢＣ１２３",
            "看https://example.com/a_b?c=d吧……",
            "臺灣的朋友說：「嗯，好吧。」",
        ] {
            let clause = reader.read(text, Language::Zh, &own);
            let ends: Vec<usize> = clause.phones().map(|(_, end)| end).collect();
            assert!(ends.is_sorted(), "{text}: {ends:?}");
            assert!(ends.iter().all(|end| text.is_char_boundary(*end)), "{text}");
            for stretch in &clause.stretches {
                assert_eq!(stretch.ends.len(), stretch.read.phones.len(), "{text}");
            }
            assert!(
                clause.phones().all(|(phone, _)| phone != "UNK"),
                "{text}: {}",
                phones(&clause)
            );
        }
    }

    #[test]
    fn ten_thousand_random_texts_are_read_and_long_words_cost_what_they_are_long() {
        let (own, reader) = (Pronunciations::default(), reader());
        any_texts(|text| {
            let clause = reader.read(text, Language::Zh, &own);
            let ends = || clause.phones().map(|(_, end)| end);
            assert!(ends().is_sorted() && ends().all(|end| end <= text.len()), "{text:?}");
        });
        work_grows_linearly(SHORT / 10, &["a", "好", "1", "，", "\u{0}"], |text| {
            reader.read(text, Language::Zh, &own)
        });
    }
}
