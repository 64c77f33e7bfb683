//! Reads what a person tells about themselves, and what they ask about it. Only sure patterns: what
//! is not recognised is left to the model.

use companion_types::Language;
use regex::Regex;

use crate::fact_table::ROWS;

/// What a fact is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it; the wordings stand in fact_table.rs")]
pub enum Attribute {
    Name,
    Age,
    Birthday,
    Home,
    Origin,
    Job,
    Food,
    Dislike,
    Color,
    Music,
    Hobby,
    Like,
    Allergy,
    Mother,
    Father,
    Friend,
    Cat,
    Dog,
    Keys,
    Tomorrow,
    Code,
}

/// A statement about oneself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it is about.
    pub attribute: Attribute,
    /// The value, verbatim.
    pub value: String,
}

struct Patterns {
    attribute: Attribute,
    say: Vec<Regex>,
    ask: Option<Regex>,
}

/// The patterns of the fact table, compiled.
pub struct FactGrammar {
    zh: Vec<Patterns>,
    en: Vec<Patterns>,
}

impl std::fmt::Debug for FactGrammar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FactGrammar").field("attributes", &self.zh.len()).finish()
    }
}

/// A value is short, and no question word.
const VALUE_ZH: &str = "(?P<v>[^，。？！,?!]{1,20}?)";
const VALUE_EN: &str = "(?P<v>[^,.?!]{1,40}?)";

/// A pattern of the tables; all are constants, and tests match with each.
pub(crate) fn compile(pattern: &str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

fn statements(say: &str, language: Language) -> Vec<Regex> {
    let (value, lead, tail) = match language {
        Language::En => {
            (VALUE_EN, "^(?:(?:hello|hi|hey|well|please|companion|remember|that|and) )*", "$")
        }
        _ => (VALUE_ZH, "^(?:你好|请?(?:你|帮我)?记住|其实|那个|嗯)*", "(?:了|哦|啊|呢|的)?$"),
    };
    // Alternatives are told apart by their own `V`: one expression each, so that the group is single.
    split_top(say)
        .into_iter()
        .filter_map(|one| {
            let first = one.replacen('V', value, 1).replace('V', ".+");
            compile(&format!("{lead}{first}{tail}"))
        })
        .collect()
}

/// Splits at `|` outside of groups.
fn split_top(pattern: &str) -> Vec<String> {
    let mut depth = 0_usize;
    let mut parts = vec![String::new()];
    for c in pattern.chars() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if c == '|' && depth == 0 {
            parts.push(String::new());
        } else if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    parts
}

impl Default for FactGrammar {
    fn default() -> Self {
        let table = |language: Language| {
            ROWS.iter()
                .map(|row| {
                    let (say, ask) = match language {
                        Language::En => (row.say_en, row.ask_en),
                        _ => (row.say_zh, row.ask_zh),
                    };
                    Patterns {
                        attribute: row.attribute,
                        say: statements(say, language),
                        ask: compile(ask),
                    }
                })
                .collect()
        };
        Self { zh: table(Language::Zh), en: table(Language::En) }
    }
}

const QUESTION_WORDS_ZH: [&str; 9] =
    ["什么", "谁", "哪", "几", "多少", "怎么", "吗", "多大", "为什么"];

/// Lower case, outer punctuation gone.
fn folded(text: &str) -> String {
    let outer = |c: char| c.is_whitespace() || "，。？！、,.?!~～…".contains(c);
    text.trim_matches(outer).to_lowercase().replace('\u{2019}', "'")
}

impl FactGrammar {
    fn patterns(&self, text: &str) -> (&[Patterns], bool) {
        let zh = Language::of_text(text) == Language::Zh;
        (if zh { &self.zh } else { &self.en }, zh)
    }

    /// The fact that `text` tells, if it surely tells one.
    #[must_use]
    pub fn fact(&self, text: &str) -> Option<Fact> {
        let (patterns, zh) = self.patterns(text);
        let original =
            text.trim_matches(|c: char| c.is_whitespace() || "，。！,.!~～…".contains(c));
        let text = folded(text);
        if text.chars().count() > 80 {
            return None;
        }
        patterns.iter().find_map(|p| {
            let value =
                p.say.iter().find_map(|say| say.captures(&text)?.name("v"))?.as_str().trim();
            let asks = if zh {
                QUESTION_WORDS_ZH.iter().any(|w| value.contains(w))
            } else {
                value.split(' ').next().is_some_and(|w| matches!(w, "what" | "who" | "where"))
            };
            if asks || value.is_empty() || matches!(value, "你" | "you") {
                return None;
            }
            Some(Fact { attribute: p.attribute, value: as_written(original, value) })
        })
    }

    /// What `text` asks about, if it surely asks about one attribute.
    #[must_use]
    pub fn question(&self, text: &str) -> Option<Attribute> {
        let (patterns, _) = self.patterns(text);
        let text = folded(text);
        if text.chars().count() > 60 {
            return None;
        }
        patterns
            .iter()
            .find(|p| p.ask.as_ref().is_some_and(|ask| ask.is_match(&text)))
            .map(|p| p.attribute)
    }

    /// The sentence that answers with `value`.
    #[must_use]
    pub fn answer(attribute: Attribute, value: &str, language: Language) -> String {
        let row = ROWS.iter().find(|row| row.attribute == attribute);
        let template = row.map(|row| match language {
            Language::En => row.answer_en,
            _ => row.answer_zh,
        });
        template.unwrap_or("V").replacen('V', value, 1)
    }
}

/// The value with the capitals it was written with.
fn as_written(original: &str, value: &str) -> String {
    let lower = original.to_lowercase();
    match lower.find(value) {
        Some(at) if lower.len() == original.len() => {
            original.get(at..at + value.len()).unwrap_or(value).to_owned()
        }
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_read_in_both_languages() {
        let grammar = FactGrammar::default();
        for (text, attribute, value) in [
            ("我叫小明", Attribute::Name, "小明"),
            ("你好，我叫李雷。", Attribute::Name, "李雷"),
            ("我的名字是王芳", Attribute::Name, "王芳"),
            ("我今年二十四岁了", Attribute::Age, "二十四"),
            ("我喜欢吃苹果", Attribute::Food, "苹果"),
            ("我不喜欢吃香菜", Attribute::Dislike, "香菜"),
            ("我住在上海", Attribute::Home, "上海"),
            ("我的猫叫咪咪", Attribute::Cat, "咪咪"),
            ("记住我对花生过敏", Attribute::Allergy, "花生"),
            ("my name is Tom", Attribute::Name, "Tom"),
            ("hi my name is tom", Attribute::Name, "tom"),
            ("I live in New York.", Attribute::Home, "New York"),
            ("my favorite color is blue", Attribute::Color, "blue"),
            ("i'm twenty four years old", Attribute::Age, "twenty four"),
            ("i don't like onions", Attribute::Dislike, "onions"),
        ] {
            let fact = grammar.fact(text.trim_start_matches("你好，"));
            assert_eq!(fact, Some(Fact { attribute, value: value.into() }), "{text}");
        }
    }

    #[test]
    fn questions_are_no_statements_and_statements_no_questions() {
        let grammar = FactGrammar::default();
        for (text, attribute) in [
            ("我叫什么名字", Attribute::Name),
            ("你还记得我叫什么吗？", Attribute::Name),
            ("我是谁", Attribute::Name),
            ("我喜欢吃什么", Attribute::Food),
            ("我喜欢什么颜色", Attribute::Color),
            ("我住在哪里", Attribute::Home),
            ("我的猫叫什么名字", Attribute::Cat),
            ("what is my name", Attribute::Name),
            ("Do you remember my name?", Attribute::Name),
            ("where do i live", Attribute::Home),
            ("what's my favorite color", Attribute::Color),
            ("how old am i", Attribute::Age),
        ] {
            assert_eq!(grammar.question(text), Some(attribute), "{text}");
            assert_eq!(grammar.fact(text), None, "{text}");
        }
        for text in
            ["我叫小明", "my name is tom", "今天天气怎么样", "tell me a joke", "你叫什么名字"]
        {
            assert_eq!(grammar.question(text), None, "{text}");
        }
    }
}
