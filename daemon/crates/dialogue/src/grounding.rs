//! Whether an answer about the person rests on what is remembered. A small model invents values, or takes the value
//! of another fact; a memory that speaks of the very thing that was asked is then quoted, and where none does the
//! answer is that nobody told.

use companion_types::{Emotion, Language, MemoryHit, MemoryNote};

use crate::concepts::About;
use crate::feelings::fitting_reply;
use crate::rules::RuleAnswer;
use crate::wording::nobody_told;
use crate::words::{any, english, folded};

/// A memory answers when it speaks of this share of what is asked.
const ABOUT: f32 = 0.5;
/// One that speaks of this share is not overruled by "I don't know".
const SURELY_ABOUT: f32 = 0.75;

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

/// What kind of sentence a person said, as far as memory matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// A question for something that only the person can have told.
    AboutThePerson,
    /// Another question: memory may answer it.
    Question,
    /// No question.
    Statement,
}

fn kind_of(text: &str, language: Language) -> Said {
    let low = folded(text);
    if language == Language::En { kind_of_english(&low) } else { kind_of_chinese(&low) }
}

fn kind_of_chinese(low: &str) -> Said {
    let asks = any(
        low,
        &["什么", "谁", "哪", "几", "多少", "多大", "多高", "多重", "啥", "何时", "是不是", "贵姓"],
    ) || (any(low, &["吗", "没", "不", "报", "说说", "找找", "告诉我"])
        && any(low, &["晓得", "知道", "记得", "报一", "说说", "找找", "告诉我", "瞧见"]));
    let elsewhere = any(
        low,
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
            "说了",
            "说的",
            "给我讲",
            "给我唱",
            "推荐",
            "刚才",
            "刚刚",
            "今天几号",
            "星期几",
            "礼拜几",
            "几点了",
            "你叫",
            "你是谁",
            "你的",
            "时刻",
            "日期",
        ],
    );
    match asks {
        true if elsewhere => Said::Question,
        true if low.contains('我') => Said::AboutThePerson,
        true => Said::Question,
        false => Said::Statement,
    }
}

fn kind_of_english(low: &str) -> Said {
    let words: Vec<&str> = english(low).collect();
    let has = |list: &[&str]| words.iter().any(|w| list.contains(w));
    let asks =
        has(&[
            "what", "what's", "who", "who's", "where", "where's", "when", "which", "whose", "whom",
            "how",
        ]) || any(low, &["do you know", "do you remember", "any idea", "tell me my", "remind me"]);
    let elsewhere = has(&["why", "feel", "weather", "time", "today", "your"])
        || any(
            low,
            &[
                "do you think",
                "how do i",
                "how can i",
                "what can i",
                "should i do",
                "should i say",
                "should i go",
                "what if",
                "did i just",
                "just say",
                "did i say",
                "my last words",
                "how about",
                "tell me how",
                "are you",
                "joke",
            ],
        );
    match asks {
        true if elsewhere => Said::Question,
        true if has(&["my", "i", "me", "i'm", "mine", "our", "we", "us"]) => Said::AboutThePerson,
        true => Said::Question,
        false => Said::Statement,
    }
}

/// The words inside a note that quotes someone.
pub(crate) fn quoted(text: &str) -> &str {
    ["用户说：", "user said: "].iter().find_map(|p| text.strip_prefix(p)).unwrap_or(text).trim()
}

/// A note about the user, as the user would say it: `用户的猫` is `我的猫`, `the user's` is `my`.
pub(crate) fn first_person(note: &str) -> std::borrow::Cow<'_, str> {
    const SAID: [(&str, &str); 8] = [
        ("用户的", "我的"),
        ("用户", "我"),
        ("the user's ", "my "),
        ("the user: ", ""),
        ("the user is ", "i am "),
        ("the user has ", "i have "),
        ("the user likes ", "i like "),
        ("the user ", "i "),
    ];
    for (third, first) in SAID {
        if let Some(rest) = note.strip_prefix(third) {
            return format!("{first}{rest}").into();
        }
    }
    note.into()
}

/// Whether some memory speaks of what `question` asks.
pub(crate) fn is_spoken_of<'a>(
    question: &str,
    notes: impl IntoIterator<Item = &'a MemoryNote>,
) -> bool {
    let asked = About::read(question);
    notes.into_iter().any(|note| About::read(quoted(&note.text)).answers(&asked) >= ABOUT)
}

/// One exchange with a small model, to be checked before it sounds.
#[derive(Debug, Clone, Copy)]
pub struct Check<'a> {
    /// What was said.
    pub input: &'a str,
    /// Its language.
    pub language: Language,
    /// Facts that always count.
    pub core: &'a [MemoryNote],
    /// What memory found.
    pub hits: &'a [MemoryHit],
    /// Chooses among replies of one meaning.
    pub turn: u64,
}

impl Check<'_> {
    /// What to say instead of the model's `reply` in `emotion`; `None` where it stands.
    ///
    /// An answer about the person stands when it rests on a memory that speaks of what was asked, or says that nobody
    /// told and none does. An acknowledgement stands when it repeats what was told. A reply to plain feelings stands
    /// when its emotion fits.
    #[must_use]
    pub fn correction(&self, emotion: &Emotion, reply: &str) -> Option<RuleAnswer> {
        if self.input.chars().count() > 80 {
            return None;
        }
        match kind_of(self.input, self.language) {
            Said::AboutThePerson => self.recall(reply, true),
            Said::Question => self.recall(reply, false),
            Said::Statement => self.statement(emotion, reply),
        }
    }

    fn statement(&self, emotion: &Emotion, reply: &str) -> Option<RuleAnswer> {
        let (told, said) = (About::read(self.input), About::read(reply));
        let notes = self.core.iter().chain(self.hits.iter().map(|h| &h.note));
        let quotes = notes
            .map(|note| About::read(quoted(&note.text)))
            .any(|about| about.answers(&told) >= ABOUT && said.takes_from(&about, &told));
        // A question without a word of asking ("my locker number again") that memory has answered.
        if quotes {
            return None;
        }
        let repeated = told.tells_of_the_person(self.input) && said.repeats(&told);
        let feeling = if repeated {
            None
        } else {
            fitting_reply(self.input, emotion, self.language, self.turn)
        };
        let fitting = |(emotion, text): (Emotion, &str)| RuleAnswer {
            emotion,
            text: text.to_owned(),
            memories: vec![],
        };
        feeling.map(fitting).or_else(|| self.acknowledgement(reply))
    }

    fn recall(&self, reply: &str, personal: bool) -> Option<RuleAnswer> {
        let language = self.language;
        let (asked, said) = (About::read(self.input), About::read(reply));
        let notes = self.core.iter().chain(self.hits.iter().map(|h| &h.note));
        let weighed: Vec<(f32, About, &MemoryNote)> = notes
            .map(|note| (About::read(quoted(&note.text)), note))
            .map(|(about, note)| (about.answers(&asked), about, note))
            .collect();
        let best = weighed
            .iter()
            .max_by(|(a, _, x), (b, _, y)| a.total_cmp(b).then(x.created_s.cmp(&y.created_s)));
        let unknown = any(&reply.to_lowercase(), UNKNOWN);
        let Some((share, _, note)) = best else {
            return (personal && !unknown).then(|| unknown_answer(language));
        };
        let enough = if personal { ABOUT } else { SURELY_ABOUT };
        let least = share.min(enough);
        let rests = weighed
            .iter()
            .any(|(s, about, _)| *s >= least && *s > 0.0 && said.takes_from(about, &asked));
        match (*share >= enough, rests && !unknown) {
            (_, true) => None,
            (true, false) => Some(quote(note, language)),
            (false, false) => (personal && !unknown).then(|| unknown_answer(language)),
        }
    }

    fn acknowledgement(&self, reply: &str) -> Option<RuleAnswer> {
        let low = reply.to_lowercase();
        let acknowledges = any(&low, &["记住了", "i will remember", "i'll remember"]);
        let told = About::read(self.input);
        if !acknowledges && !told.tells_of_the_person(self.input)
            || About::read(reply).repeats(&told)
        {
            return None;
        }
        let words = mirrored(self.input, self.language);
        let text = match self.language {
            Language::En => format!("I will remember that {words}."),
            _ => format!("我记住了，{words}。"),
        };
        Some(RuleAnswer { emotion: Emotion::HAPPY, text, memories: vec![] })
    }
}

/// What the person said, said back to them: I is you, my is your.
fn mirrored(text: &str, language: Language) -> String {
    let outer = |c: char| c.is_whitespace() || "，。！？、,.!?~～…".contains(c);
    let mut text = text.trim_matches(outer);
    for lead in [
        "请你记住",
        "请记住",
        "你要记住",
        "记住",
        "please remember that ",
        "please remember ",
        "remember that ",
        "remember ",
    ] {
        if let Some(rest) = text
            .get(..lead.len())
            .filter(|l| l.eq_ignore_ascii_case(lead))
            .and(text.get(lead.len()..))
        {
            text = rest.trim_matches(outer);
            break;
        }
    }
    if language != Language::En {
        return text
            .chars()
            .map(|c| match c {
                '我' => '你',
                '你' => '我',
                other => other,
            })
            .collect();
    }
    let turned = |word: &str| match word.to_lowercase().as_str() {
        "i" | "me" => "you".to_owned(),
        "i'm" => "you are".to_owned(),
        "i've" => "you have".to_owned(),
        "am" => "are".to_owned(),
        "my" => "your".to_owned(),
        "mine" => "yours".to_owned(),
        "myself" => "yourself".to_owned(),
        "our" => "your".to_owned(),
        _ => word.to_owned(),
    };
    text.split(' ').map(turned).collect::<Vec<_>>().join(" ")
}

fn quote(note: &MemoryNote, language: Language) -> RuleAnswer {
    let words = quoted(&note.text);
    let text = match language {
        Language::En => format!("You told me: {words}"),
        _ => format!("你告诉过我：{words}"),
    };
    RuleAnswer { emotion: Emotion::HAPPY, text, memories: vec![note.id] }
}

fn unknown_answer(language: Language) -> RuleAnswer {
    let text = nobody_told(language).to_owned();
    RuleAnswer { emotion: Emotion::CALM, text, memories: vec![] }
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
        let core = notes(memories);
        let check = Check { input: question, language, core: &core, hits: &[], turn: 0 };
        check.correction(&Emotion::HAPPY, reply).map(|a| a.text)
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
    fn what_was_told_is_repeated_as_it_was_told() {
        for (told, reply, wanted) in [
            ("我最喜欢的茶是乌龙", "我记住了，你的茶。", "我记住了，你最喜欢的茶是乌龙。"),
            (
                "oolong is my favorite tea",
                "I will remember that. Your tea is tea.",
                "I will remember that oolong is your favorite tea.",
            ),
        ] {
            assert_eq!(corrected(told, reply, &[]).as_deref(), Some(wanted));
        }
        assert_eq!(corrected("我的狗叫旺财", "我记住了，你的狗叫旺财。", &[]), None);
        assert_eq!(corrected("今天天气真好", "是呀，出去走走吧。", &[]), None);
    }

    #[test]
    fn questions_about_the_person_are_told_from_others() {
        for text in [
            "我叫什么名字",
            "你记得我怕什么吗",
            "where do i live",
            "Do you remember my dog's name?",
        ] {
            assert_eq!(kind_of(text, Language::of_text(text)), Said::AboutThePerson, "{text}");
        }
        for text in [
            "我为什么难过",
            "你叫什么",
            "what should i do",
            "how do i cook rice",
            "今天几号",
            "我刚才说了什么",
        ] {
            assert_eq!(kind_of(text, Language::of_text(text)), Said::Question, "{text}");
        }
        for text in ["我很累", "tell me a joke", "i passed my exam"] {
            assert_eq!(kind_of(text, Language::of_text(text)), Said::Statement, "{text}");
        }
    }
}
