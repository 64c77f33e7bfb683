//! How text is written: traditional to simplified, wide to narrow, signs to words, and the few marks
//! that are left in the end. Reads no numbers.

use rustc_hash::FxHashMap;
use serde::Deserialize;

use super::super::syllables::MARKS;
use crate::{TtsError, text::Lexicon};

/// Signs that name nothing.
const SILENT: &str = "—《》【】<>{}()（）#&@“”^_|\\";

/// Marks that end a clause.
const CLAUSE_ENDS: &str = "：、，；。？！,;?!";

/// The tables of characters.
#[derive(Debug)]
pub(super) struct Script {
    simplified: FxHashMap<char, char>,
    marks: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Table {
    rep_map: FxHashMap<String, String>,
}

impl Script {
    /// Reads the tables.
    pub(super) fn read(lexicon: &Lexicon) -> Result<Self, TtsError> {
        let table: Table = lexicon.json("zh_sandhi_words.json")?;
        let mut marks: Vec<_> = table.rep_map.into_iter().collect();
        // "..." before ".".
        marks.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.cmp(b)));
        Ok(Self { simplified: lexicon.json("zh_t2s.json")?, marks })
    }

    /// Clauses of a text, without the signs that name nothing; an empty one for an empty text.
    pub(super) fn clauses(text: &str) -> Vec<String> {
        let heard: Vec<char> = text.chars().filter(|&c| c != ' ' && !SILENT.contains(c)).collect();
        let mut lines = String::with_capacity(text.len());
        for (place, &character) in heard.iter().enumerate() {
            lines.push(character);
            let next = heard.get(place + 1);
            let quoted = character == '’'
                && place.checked_sub(1).is_some_and(|before| CLAUSE_ENDS.contains(heard[before]));
            if quoted || (CLAUSE_ENDS.contains(character) && next != Some(&'’')) {
                lines.push('\n');
            }
        }
        let lines = lines.trim_matches(is_space);
        if lines.is_empty() {
            return vec![String::new()];
        }
        let lines = lines.split('\n').filter(|line| !line.is_empty());
        lines.map(|line| line.trim_matches(is_space).to_owned()).collect()
    }

    /// Simplified characters, and narrow letters, digits and spaces.
    pub(super) fn simplify(&self, clause: &str) -> String {
        let simple = |character| self.simplified.get(&character).copied().unwrap_or(character);
        clause.chars().map(simple).map(narrow).collect()
    }

    /// Words in place of signs; deletes those that name nothing.
    pub(super) fn read_signs(clause: &str) -> String {
        let mut words = String::with_capacity(clause.len());
        for character in clause.chars() {
            match sign_name(character) {
                Some(name) => words.push_str(name),
                None if SILENT.contains(character) => {}
                None => words.push(character),
            }
        }
        words
    }

    /// Simplified Han characters and the six marks: everything else becomes one of these or nothing.
    pub(super) fn reduce(&self, clause: &str) -> String {
        let mut reduced = String::with_capacity(clause.len());
        let mut rest = clause;
        while let Some(character) = rest.chars().next() {
            if let Some((mark, other)) = self.marks.iter().find(|(mark, _)| rest.starts_with(mark))
            {
                reduced.extend(other.chars().filter(|&c| is_read(c)));
                rest = &rest[mark.len()..];
                continue;
            }
            let character_read = match character {
                '嗯' => '恩',
                '呣' => '母',
                other => other,
            };
            reduced.extend(Some(character_read).filter(|&c| is_read(c)));
            rest = &rest[character.len_utf8()..];
        }
        reduced
    }

    /// The first of several marks.
    pub(super) fn join_marks(text: &str) -> String {
        let mut after_mark = false;
        let first = |character: &char| {
            let mark = MARKS.contains(character);
            let kept = !(mark && after_mark);
            after_mark = mark;
            kept
        };
        text.chars().filter(first).collect()
    }
}

fn is_read(character: char) -> bool {
    matches!(character, '\u{4e00}'..='\u{9fa5}') || MARKS.contains(&character)
}

/// White space as Python's `str.strip` has it.
fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

/// Full-width letters and digits stand 0xFEE0 behind the ASCII ones.
fn narrow(character: char) -> char {
    match character {
        '\u{3000}' => ' ',
        'Ａ'..='Ｚ' | 'ａ'..='ｚ' | '０'..='９' => {
            char::from_u32(character as u32 - 0xFEE0).unwrap_or(character)
        }
        other => other,
    }
}

fn sign_name(sign: char) -> Option<&'static str> {
    Some(match sign {
        '/' => "每",
        '①' => "一",
        '②' => "二",
        '③' => "三",
        '④' => "四",
        '⑤' => "五",
        '⑥' => "六",
        '⑦' => "七",
        '⑧' => "八",
        '⑨' => "九",
        '⑩' => "十",
        '+' => "加",
        '-' => "减",
        '×' => "乘",
        '÷' => "除",
        '=' => "等",
        other => return greek_name(other),
    })
}

/// Greek letters; capitals that look like Latin ones have no name.
fn greek_name(letter: char) -> Option<&'static str> {
    Some(match letter {
        'α' => "阿尔法",
        'β' => "贝塔",
        'γ' | 'Γ' => "伽玛",
        'δ' | 'Δ' => "德尔塔",
        'ε' => "艾普西龙",
        'ζ' => "捷塔",
        'η' => "依塔",
        'θ' | 'Θ' => "西塔",
        'ι' => "艾欧塔",
        'κ' => "喀帕",
        'λ' | 'Λ' => "拉姆达",
        'μ' => "缪",
        'ν' => "拗",
        'ξ' | 'Ξ' => "克西",
        'ο' => "欧米克伦",
        'π' | 'Π' => "派",
        'ρ' => "肉",
        'ς' | 'σ' | 'Σ' => "西格玛",
        'τ' => "套",
        'υ' => "宇普西龙",
        'φ' | 'Φ' => "服艾",
        'χ' => "器",
        'ψ' | 'Ψ' => "普赛",
        'ω' | 'Ω' => "欧米伽",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::lexicon::shipped;

    #[test]
    fn clauses_end_after_their_mark_and_the_quote_behind_it() {
        assert_eq!(Script::clauses("他说：“你 来了！”"), ["他说：", "你来了！"]);
        assert_eq!(Script::clauses("‘好，’他说"), ["‘好，’", "他说"]);
        assert_eq!(Script::clauses("一\n\n二"), ["一", "二"]);
        assert_eq!(Script::clauses(""), [""]);
    }

    #[test]
    fn traditional_and_wide_characters_become_simple_ones() {
        let script = Script::read(&shipped()).unwrap();
        assert_eq!(script.simplify("今天天氣ＡＢｃ１２\u{3000}"), "今天天气ABc12 ");
    }

    #[test]
    fn signs_are_named_or_deleted() {
        assert_eq!(Script::read_signs("α/①+②(π)"), "阿尔法每一加二派");
    }

    #[test]
    fn han_characters_and_six_marks_are_left() {
        let script = Script::read(&shipped()).unwrap();
        assert_eq!(script.reduce("嗯...呣：a。〇～"), "恩…母,.…");
        assert_eq!(Script::join_marks("好,!,的.?"), "好,的.");
    }
}
