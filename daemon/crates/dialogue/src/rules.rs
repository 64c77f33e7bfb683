//! What a rule answers surely: the time, the date, one matching fact, repeating, the own name. The
//! turn report says when a rule answered; everything else is the model's.

use regex::Regex;

use companion_types::{Emotion, Language, MemoryHit, MemoryId, MemoryNote, PersonaProfile, Round};

use crate::facts::{Attribute, FactGrammar, compile};
use crate::grounding::{first_person, is_spoken_of, quoted};
use crate::moment::Moment;
use crate::wording::nobody_told;
use crate::words::any;

/// What a rule may look at.
#[derive(Debug, Clone, Copy)]
pub struct RuleInput<'a> {
    /// What was said.
    pub text: &'a str,
    /// Its language.
    pub language: Language,
    /// Now.
    pub moment: &'a Moment,
    /// Who the companion is.
    pub persona: &'a PersonaProfile,
    /// The newest round.
    pub last: Option<&'a Round>,
    /// Facts that always count.
    pub core: &'a [MemoryNote],
    /// What memory found, best first.
    pub hits: &'a [MemoryHit],
}

/// A sure answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleAnswer {
    /// Emotion to say it in.
    pub emotion: Emotion,
    /// What to say.
    pub text: String,
    /// Memories it rests on.
    pub memories: Vec<MemoryId>,
}

/// The rules, with their patterns compiled.
#[derive(Debug, Default)]
pub struct Rules {
    facts: FactGrammar,
    asks: Asks,
}

/// What is asked for, in lower case, in either language.
#[derive(Debug)]
struct Asks {
    weekday: Option<Regex>,
    date: Option<Regex>,
    time: Option<Regex>,
    repeat: Option<Regex>,
}

impl Default for Asks {
    fn default() -> Self {
        Self {
            weekday: compile(
                r"今天.{0,3}(星期|周|礼拜)几|(what|which) (week)?day (is it|of the week|is today|do we have)|(what|which) weekday|what's today\b",
            ),
            date: compile(
                r"今天.{0,3}(几号|日期|几月)|几月几号了?$|今天是?什么日子|(what|which|what's|tell me).{0,8}\bdate\b.{0,8}(today|we have|is it|now)|(what is|what's) the date|today's date|what date",
            ),
            time: compile(
                r"几点了|现在.{0,3}(几点|什么时(间|候|刻))|几点钟|什么时间了|什么时刻|(what|the) time is it|(what is|what's|tell me) the time|how late is it|what time do we have|time is it now",
            ),
            repeat: compile(
                r"我?(刚才|刚刚|上一句|上句|最后|前面)(一句)?(说|讲)(了|的|过)?(是)?(什么|啥)|重复.{0,3}我.{0,6}(话|说)|what (did i|was it that i|i) (just )?(say|said|tell you)|(my last words|the last thing i said)|repeat what i( just)? said",
            ),
        }
    }
}

impl Rules {
    /// The patterns of facts.
    #[must_use]
    pub fn facts(&self) -> &FactGrammar {
        &self.facts
    }

    /// The sure answer to an input, if there is one.
    #[must_use]
    pub fn answer(&self, input: &RuleInput<'_>) -> Option<RuleAnswer> {
        let text = input.text.to_lowercase();
        if text.chars().count() > 60 {
            return None;
        }
        time_answer(&text, input, &self.asks)
            .or_else(|| repeat_answer(&text, input, &self.asks))
            .or_else(|| name_answer(&text, input))
            .or_else(|| self.fact_answer(input))
            .or_else(|| self.acknowledgement(input))
    }

    fn fact_answer(&self, input: &RuleInput<'_>) -> Option<RuleAnswer> {
        let asked = self.facts.question(input.text)?;
        let notes = input.core.iter().chain(input.hits.iter().map(|h| &h.note));
        let wanted = |found: Attribute| {
            found == asked
                || (asked == Attribute::Like && matches!(found, Attribute::Food | Attribute::Hobby))
                || (asked == Attribute::Food && found == Attribute::Like)
        };
        let all = notes.clone();
        // Of several statements about one thing the newest holds.
        let newest = notes
            .filter_map(|note| {
                let fact = self.facts.fact(&first_person(quoted(&note.text)))?;
                wanted(fact.attribute).then_some((note, fact))
            })
            .max_by_key(|(note, fact)| (fact.attribute == asked, note.created_s, note.id));
        Some(match newest {
            Some((note, fact)) => RuleAnswer {
                emotion: Emotion::HAPPY,
                text: FactGrammar::answer(fact.attribute, &fact.value, input.language),
                memories: vec![note.id],
            },
            // Told in words that the patterns do not know: the model may find it.
            None if is_spoken_of(input.text, all) => return None,
            None => calm(nobody_told(input.language).to_owned()),
        })
    }

    fn acknowledgement(&self, input: &RuleInput<'_>) -> Option<RuleAnswer> {
        let fact = self.facts.fact(input.text)?;
        let value = &fact.value;
        let text = match (fact.attribute, input.language) {
            (Attribute::Name, Language::En) => format!("Nice to meet you, {value}!"),
            (Attribute::Name, _) => format!("很高兴认识你，{value}！"),
            (attribute, language) => {
                let said = FactGrammar::answer(attribute, value, language);
                match language {
                    Language::En => format!("I will remember that. {said}"),
                    _ => format!("我记住了，{said}"),
                }
            }
        };
        Some(RuleAnswer { emotion: Emotion::HAPPY, text, memories: vec![] })
    }
}

fn calm(text: String) -> RuleAnswer {
    RuleAnswer { emotion: Emotion::CALM, text, memories: vec![] }
}

fn matches(pattern: &Option<Regex>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|p| p.is_match(text))
}

fn time_answer(text: &str, input: &RuleInput<'_>, asks: &Asks) -> Option<RuleAnswer> {
    let (moment, language) = (input.moment, input.language);
    let en = language == Language::En;
    let words = if matches(&asks.weekday, text) {
        let day = moment.weekday(language);
        if en { format!("Today is {day}.") } else { format!("今天是{day}。") }
    } else if matches(&asks.date, text) && !any(text, &["生日", "birthday"]) {
        let date = moment.date(language);
        if en { format!("Today is {date}.") } else { format!("今天是{date}。") }
    } else if matches(&asks.time, text) && !any(text, &["上班", "开会", "起床", "开门", "我"])
    {
        let clock = moment.clock();
        if en { format!("It is {clock}.") } else { format!("现在是{clock}。") }
    } else {
        return None;
    };
    Some(calm(words))
}

fn repeat_answer(text: &str, input: &RuleInput<'_>, asks: &Asks) -> Option<RuleAnswer> {
    if !matches(&asks.repeat, text) {
        return None;
    }
    let en = input.language == Language::En;
    Some(calm(match input.last {
        Some(round) if en => format!("You said: {}", round.user),
        Some(round) => format!("你刚才说：{}", round.user),
        None if en => "You have not said anything yet.".to_owned(),
        None => "你刚才还没有说什么。".to_owned(),
    }))
}

fn name_answer(text: &str, input: &RuleInput<'_>) -> Option<RuleAnswer> {
    let asks = any(
        text,
        &[
            "你叫什么",
            "你的名字",
            "你是谁",
            "怎么称呼你",
            "what is your name",
            "what's your name",
            "who are you",
            "your name",
        ],
    );
    if !asks {
        return None;
    }
    let text = match input.language {
        Language::En => format!("My name is {}.", input.persona.name_en),
        _ => format!("我叫{}。", input.persona.name_zh),
    };
    Some(RuleAnswer { emotion: Emotion::HAPPY, text, memories: vec![] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use companion_types::{GenerationProfile, MemoryOrigin, RecallSource};

    fn hit(id: u64, text: &str, created_s: i64) -> MemoryHit {
        let note = MemoryNote {
            id: MemoryId(id),
            text: text.into(),
            origin: MemoryOrigin::Said,
            turn: None,
            created_s,
            core: false,
        };
        MemoryHit { note, score: 0.5, source: RecallSource::Both }
    }

    fn ask(text: &str, hits: &[MemoryHit]) -> Option<RuleAnswer> {
        let persona = PersonaProfile {
            key: "d".into(),
            name_zh: "小伴".into(),
            name_en: "Companion".into(),
            persona_zh: "朋友。".into(),
            persona_en: "a friend.".into(),
            voice: "default".into(),
            language: Language::Zh,
            generation: GenerationProfile::Fast,
        };
        let moment = Moment("2026-11-24T12:05:00+00:00[UTC]".parse().unwrap());
        let round = Round { user: "我很累".into(), assistant: "[伤心] 休息吧。".into() };
        Rules::default().answer(&RuleInput {
            text,
            language: Language::of_text(text),
            moment: &moment,
            persona: &persona,
            last: Some(&round),
            core: &[],
            hits,
        })
    }

    #[test]
    fn a_fact_is_answered_from_the_newest_matching_memory_and_names_it() {
        let hits = [hit(1, "我叫小红", 10), hit(2, "我叫小明", 20), hit(3, "我喜欢吃鱼", 30)];
        let answer = ask("我叫什么名字", &hits).unwrap();
        assert_eq!((answer.text.as_str(), answer.memories), ("你叫小明。", vec![MemoryId(2)]));
        let answer = ask("what is my name", &[hit(4, "my name is tom", 1)]).unwrap();
        assert_eq!(answer.text, "Your name is tom.");
    }

    #[test]
    fn nothing_is_invented_when_nobody_told() {
        let answer = ask("我住在哪里", &[hit(1, "我叫小明", 1)]).unwrap();
        assert!(answer.text.contains("不知道") && answer.memories.is_empty());
        assert!(ask("where do i live", &[]).unwrap().text.contains("don't know"));
    }

    #[test]
    fn time_repeating_and_the_own_name_are_sure_and_small_talk_is_the_models() {
        assert_eq!(ask("现在几点了", &[]).unwrap().text, "现在是12:05。");
        assert_eq!(ask("what day is it", &[]).unwrap().text, "Today is Tuesday.");
        assert_eq!(ask("我刚才说了什么", &[]).unwrap().text, "你刚才说：我很累");
        assert_eq!(ask("what is your name", &[]).unwrap().text, "My name is Companion.");
        for text in ["这会儿是什么时刻", "how late is it"] {
            assert!(ask(text, &[]).unwrap().text.contains("12:05"), "{text}");
        }
        for text in ["今天的日期是多少", "which date do we have today"] {
            assert!(ask(text, &[]).unwrap().text.contains("24"), "{text}");
        }
        for text in ["今天是礼拜几", "which weekday is today"] {
            assert!(ask(text, &[]).unwrap().text.contains(['二', 'T']), "{text}");
        }
        for text in ["我上一句说的啥", "what were my last words"] {
            assert!(ask(text, &[]).unwrap().text.contains("我很累"), "{text}");
        }
        for text in ["你好", "我今天很难过", "tell me a joke", "i passed my exam"] {
            assert_eq!(ask(text, &[]), None, "{text}");
        }
    }
}
