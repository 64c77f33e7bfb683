//! Whether an answer about the person rests on what is remembered. A small model invents values, or takes the value
//! of another fact; a memory that speaks of the very thing that was asked is then quoted, and where none does the
//! answer is that nobody told.

use std::collections::HashSet;

use companion_types::{Emotion, Language, MemoryHit, MemoryNote};

use crate::rules::RuleAnswer;

/// A memory speaks of what was asked when it holds this share of the question's content words.
const ABOUT: f32 = 0.5;
/// A memory that holds this share of them is not overruled by "I don't know".
const SURELY_ABOUT: f32 = 0.99;

/// Hanzi that say nothing about what is asked.
const STOP_ZH: &str = "我你他她您的地得是叫什么谁哪里儿几多少吗呢啊呀吧了在有个名字知道记告诉还说过请问用户一下那这啥怎样为嘛哦跟和把就都也会能要来请";
/// Words that say nothing about what is asked.
const STOP_EN: &[&str] = &[
    "a", "about", "am", "an", "and", "are", "at", "be", "been", "by", "call", "called", "can",
    "could", "did", "do", "does", "for", "had", "has", "have", "hey", "how", "i", "i'm", "in",
    "is", "it", "just", "know", "me", "my", "name", "named", "of", "on", "please", "remember",
    "remind", "said", "say", "so", "still", "tell", "that", "the", "this", "to", "told", "user",
    "was", "were", "what", "what's", "when", "where", "which", "who", "who's", "whom", "whose",
    "with", "would", "you", "your",
];
/// Ways to say that one does not know.
const UNKNOWN: &[&str] = &[
    "不知道",
    "没告诉",
    "没有告诉",
    "没说过",
    "没有说过",
    "不清楚",
    "不记得",
    "don't know",
    "do not know",
    "not told",
    "never told",
    "didn't tell",
];

/// The units that a text is about: hanzi, words; without those that say nothing.
fn content(text: &str) -> HashSet<String> {
    let low = text.to_lowercase().replace('\u{2019}', "'");
    let mut units: HashSet<String> = low
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '\''))
        .filter(|w| !w.is_empty() && !STOP_EN.contains(w))
        .map(stem)
        .collect();
    let hanzi = |c: &char| !c.is_ascii() && c.is_alphanumeric() && !STOP_ZH.contains(*c);
    units.extend(low.chars().filter(hanzi).map(String::from));
    units
}

/// A word without possessive and plural.
fn stem(word: &str) -> String {
    let word = word.trim_end_matches("'s").trim_matches('\'');
    let plural = word.len() > 3 && word.ends_with('s') && !word.ends_with("ss");
    if plural { word[..word.len() - 1].to_owned() } else { word.to_owned() }
}

fn any(text: &str, needles: &[&str]) -> bool {
    needles.iter().any(|n| text.contains(n))
}

/// Whether `text` asks for something that only the person can have told.
#[must_use]
pub fn asks_about_the_person(text: &str, language: Language) -> bool {
    let low = text.to_lowercase().replace('\u{2019}', "'");
    if low.chars().count() > 60 {
        return false;
    }
    if language != Language::En {
        return low.contains('我')
            && any(
                &low,
                &[
                    "什么",
                    "谁",
                    "哪",
                    "几",
                    "多少",
                    "多大",
                    "多高",
                    "多重",
                    "啥",
                    "怎么上班",
                    "何时",
                ],
            )
            && !any(
                &low,
                &[
                    "为什么",
                    "怎么办",
                    "你觉得",
                    "你认为",
                    "你看我",
                    "我该",
                    "我应该",
                    "我可以",
                    "我能",
                    "我说了",
                    "给我讲",
                    "给我唱",
                    "推荐",
                    "刚才",
                    "刚刚",
                ],
            );
    }
    let words: Vec<&str> = low
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '\''))
        .filter(|w| !w.is_empty())
        .collect();
    let has = |list: &[&str]| words.iter().any(|w| list.contains(w));
    has(&["my", "i", "me", "i'm"])
        && has(&[
            "what", "what's", "who", "who's", "where", "where's", "when", "which", "whose", "how",
            "name",
        ])
        && !has(&["why", "should", "can't", "feel", "weather"])
        && !any(
            &low,
            &[
                "do you think",
                "how do i",
                "how can i",
                "what can i",
                "what if",
                "did i just",
                "just say",
                "how about",
                "tell me how",
            ],
        )
}

/// What to say instead of `reply` to a question about the person, `None` where it stands: it rests on a memory that
/// speaks of what was asked, or says that nobody told and none does.
#[must_use]
pub fn correction(
    question: &str,
    reply: &str,
    language: Language,
    core: &[MemoryNote],
    hits: &[MemoryHit],
) -> Option<RuleAnswer> {
    let asked = content(question);
    let notes: Vec<&MemoryNote> = core.iter().chain(hits.iter().map(|h| &h.note)).collect();
    let about = |note: &MemoryNote| {
        let units = content(&note.text);
        asked.iter().filter(|u| units.contains(*u)).count() as f32 / asked.len().max(1) as f32
    };
    let said = content(reply);
    let supports = |note: &MemoryNote| {
        content(&note.text).iter().any(|u| said.contains(u) && !asked.contains(u))
    };
    let best = notes
        .iter()
        .map(|note| (about(note), *note))
        .max_by(|(a, x), (b, y)| a.total_cmp(b).then(x.created_s.cmp(&y.created_s)));
    let unknown = any(&reply.to_lowercase(), UNKNOWN);
    let support = notes.iter().filter(|n| supports(n)).map(|n| about(n)).max_by(f32::total_cmp);
    match best {
        Some((share, note)) if unknown => (share >= SURELY_ABOUT).then(|| quote(note, language)),
        Some((share, note)) => match support {
            Some(supported) if supported >= ABOUT.min(share) && supported > 0.0 => None,
            _ if share >= ABOUT => Some(quote(note, language)),
            _ => Some(nobody_told(language)),
        },
        None if unknown => None,
        None => Some(nobody_told(language)),
    }
}

fn quote(note: &MemoryNote, language: Language) -> RuleAnswer {
    let words = ["用户说：", "user said: "].iter().find_map(|p| note.text.strip_prefix(p));
    let words = words.unwrap_or(&note.text).trim();
    let text = match language {
        Language::En => format!("You told me: {words}"),
        _ => format!("你告诉过我：{words}"),
    };
    RuleAnswer { emotion: Emotion::HAPPY, text, memories: vec![note.id] }
}

fn nobody_told(language: Language) -> RuleAnswer {
    let text = match language {
        Language::En => "I don't know that yet. You can tell me.",
        _ => "这个我还不知道，你可以告诉我。",
    };
    RuleAnswer { emotion: Emotion::CALM, text: text.to_owned(), memories: vec![] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use companion_types::{MemoryId, MemoryOrigin};

    fn notes(texts: &[&str]) -> Vec<MemoryNote> {
        let note = |(n, text): (usize, &&str)| MemoryNote {
            id: MemoryId(n as u64),
            text: (*text).into(),
            origin: MemoryOrigin::Said,
            turn: None,
            created_s: n as i64,
            core: false,
        };
        texts.iter().enumerate().map(note).collect()
    }

    fn corrected(question: &str, reply: &str, memories: &[&str]) -> Option<String> {
        let language = Language::of_text(question);
        correction(question, reply, language, &notes(memories), &[]).map(|a| a.text)
    }

    #[test]
    fn an_answer_from_the_right_memory_stands() {
        for (question, reply, memories) in [
            ("我的狗叫什么", "你的狗叫旺财。", &["我的狗叫旺财", "我的猫叫咪咪"][..]),
            ("what is my dog called", "Your dog is called Rex.", &["my dog is called Rex"][..]),
            ("我怕什么", "我还不知道。", &["我住在上海"][..]),
            ("where do i work", "I don't know that yet.", &[][..]),
        ] {
            assert_eq!(corrected(question, reply, memories), None, "{question}");
        }
    }

    #[test]
    fn an_invented_value_and_one_of_another_fact_do_not() {
        let memories = ["我的狗叫旺财", "我最喜欢的茶是乌龙"];
        assert!(corrected("我的狗叫什么", "你的狗叫小黑。", &memories).unwrap().contains("旺财"));
        assert!(
            corrected("我的车是什么颜色", "你的车是红色。", &memories).unwrap().contains("不知道")
        );
        assert!(corrected("我的狗叫什么", "你的狗叫乌龙。", &memories).unwrap().contains("旺财"));
        let memories = ["my cat is called Tom", "my favorite tea is oolong"];
        assert!(
            corrected("what is my sister called", "Your sister is called Tom.", &memories)
                .unwrap()
                .contains("don't know")
        );
        assert!(
            corrected("what tea is my favorite", "Your favorite tea is green.", &memories)
                .unwrap()
                .contains("oolong")
        );
    }

    #[test]
    fn only_questions_about_the_person_are_looked_at() {
        for text in [
            "我叫什么名字",
            "你记得我怕什么吗",
            "where do i live",
            "Do you remember my dog's name?",
        ] {
            assert!(asks_about_the_person(text, Language::of_text(text)), "{text}");
        }
        for text in [
            "我为什么难过",
            "你叫什么",
            "我很累",
            "what should i do",
            "tell me a joke",
            "how do i cook rice",
            "今天几号",
            "我刚才说了什么",
        ] {
            assert!(!asks_about_the_person(text, Language::of_text(text)), "{text}");
        }
    }
}
