//! Builds the prompt in the order that keeps its head unchanged: persona and emotion rules → core
//! facts → history → retrieved memories, time, mood → current input. Cut to a budget of tokens.

use companion_types::{
    EmotionSet, Language, MemoryHit, MemoryNote, MemoryOrigin, Message, PersonaProfile, Role, Round,
};

use crate::error::DialogueError;
use crate::moment::Moment;
use crate::ports::{Ahead, TokenCounter};

/// What goes into one prompt.
#[derive(Debug, Clone, Copy)]
pub struct PromptParts<'a> {
    /// Who the companion is.
    pub persona: &'a PersonaProfile,
    /// Language of the current input.
    pub language: Language,
    /// Facts that always stand in the prompt.
    pub core: &'a [MemoryNote],
    /// Rounds, oldest first.
    pub rounds: &'a [Round],
    /// Memories, best first.
    pub memories: &'a [MemoryHit],
    /// Now.
    pub moment: &'a Moment,
    /// The companion's mood in the prompt's language.
    pub mood: &'a str,
    /// What was said.
    pub input: &'a str,
}

/// A prompt, and what did not fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Built {
    /// System message, history, current input.
    pub messages: Vec<Message>,
    /// Tokens, as the counter counts them.
    pub tokens: usize,
    /// Memories that are in it: the first so many of those given.
    pub memories: usize,
    /// Rounds that were left out, the oldest ones.
    pub dropped_rounds: usize,
}

/// Builds prompts.
#[derive(Debug)]
pub struct PromptBuilder<'a> {
    emotions: &'a EmotionSet,
    budget: usize,
}

/// Words of the layout in one language.
struct Words {
    about: &'static str,
    memories: &'static str,
    none: &'static str,
    time: &'static str,
    mood: &'static str,
    input: &'static str,
    said: &'static str,
}

const ZH: Words = Words {
    about: "[关于用户]",
    memories: "[记忆]",
    none: "无",
    time: "[时间]",
    mood: "[心情]",
    input: "[输入]",
    said: "用户说：",
};

const EN: Words = Words {
    about: "[About the user]",
    memories: "[Memories]",
    none: "none",
    time: "[Time]",
    mood: "[Mood]",
    input: "[Input]",
    said: "user said: ",
};

fn words(language: Language) -> &'static Words {
    if language == Language::En { &EN } else { &ZH }
}

impl<'a> PromptBuilder<'a> {
    /// A builder for prompts of at most `budget` tokens.
    #[must_use]
    pub fn new(emotions: &'a EmotionSet, budget: usize) -> Self {
        Self { emotions, budget }
    }

    /// The tags that replies begin with in a language.
    #[must_use]
    pub fn tags(&self, language: Language) -> Vec<String> {
        let labels = self.emotions.labels().iter();
        labels
            .map(|l| format!("[{}]", if language == Language::En { &l.en } else { &l.zh }))
            .collect()
    }

    /// What is known of the next prompt before anybody says anything. `parts` hold no input and no
    /// memories.
    ///
    /// # Errors
    /// When the persona alone is more than the budget.
    pub fn ahead(
        &self,
        parts: &PromptParts<'_>,
        counter: &dyn TokenCounter,
    ) -> Result<Ahead, DialogueError> {
        let mut messages = self.build(parts, counter)?.messages;
        messages.pop();
        let fixed = vec![Message::new(Role::System, self.fixed(parts))];
        Ok(Ahead { fixed, messages, begins_with: self.tags(parts.language) })
    }

    /// The messages that do not depend on the current input: the head that can be read ahead.
    fn head(&self, parts: &PromptParts<'_>) -> Vec<Message> {
        let mut messages = vec![Message::new(Role::System, self.system(parts))];
        messages.extend(parts.rounds.iter().flat_map(|round| {
            [
                Message::new(Role::User, round.user.clone()),
                Message::new(Role::Assistant, round.assistant.clone()),
            ]
        }));
        messages.retain(|m| m.role == Role::System || !m.content.is_empty());
        messages
    }

    /// Builds the prompt: the newest rounds and the best memories that fit.
    ///
    /// # Errors
    /// When persona and input alone are more than the budget.
    pub fn build(
        &self,
        parts: &PromptParts<'_>,
        counter: &dyn TokenCounter,
    ) -> Result<Built, DialogueError> {
        let cost = |text: &str| counter.count(text) + counter.per_message();
        let system = self.system(parts);
        let bare = input_message(&PromptParts { memories: &[], ..*parts });
        let mut tokens = cost(&system) + cost(&bare);
        if tokens > self.budget {
            return Err(DialogueError::InputTooLong { tokens, budget: self.budget });
        }
        let mut memories = 0;
        for hit in parts.memories {
            let line = counter.count(&memory_line(&hit.note, parts)) + 2;
            if tokens + line > self.budget {
                break;
            }
            tokens += line;
            memories += 1;
        }
        let mut first_round = parts.rounds.len();
        for round in parts.rounds.iter().rev() {
            let size = cost(&round.user) + cost(&round.assistant);
            if tokens + size > self.budget {
                break;
            }
            tokens += size;
            first_round -= 1;
        }
        let kept = PromptParts {
            rounds: &parts.rounds[first_round..],
            memories: &parts.memories[..memories],
            ..*parts
        };
        let mut messages = self.head(&kept);
        messages.push(Message::new(Role::User, input_message(&kept)));
        Ok(Built { messages, tokens, memories, dropped_rounds: first_round })
    }

    /// Who the companion is and how it answers: the same at every start, nothing that anybody said.
    fn fixed(&self, parts: &PromptParts<'_>) -> String {
        let persona = parts.persona;
        let tags = self.tags(parts.language).join(" ");
        match parts.language {
            Language::En => format!(
                "You are {}, {}\nBegin every reply with one emotion tag from: {tags}.\n\
                 Say only what the memories say; if you do not know, say so.\n",
                persona.name_en, persona.persona_en
            ),
            _ => format!(
                "你是{}，{}\n回答先写一个情感标签，只用：{tags}。\n\
                 只说记忆里有的事；不知道就说不知道。\n",
                persona.name_zh, persona.persona_zh
            ),
        }
    }

    fn system(&self, parts: &PromptParts<'_>) -> String {
        let mut text = self.fixed(parts);
        let words = words(parts.language);
        text.push_str(words.about);
        if parts.core.is_empty() {
            text.push(' ');
            text.push_str(words.none);
        }
        for note in parts.core {
            text.push_str("\n- ");
            text.push_str(&one_line(&note.text));
        }
        text
    }
}

/// The last message: what changes with every turn stands behind everything that does not.
fn input_message(parts: &PromptParts<'_>) -> String {
    let words = words(parts.language);
    let mut text = words.memories.to_owned();
    if parts.memories.is_empty() {
        text.push(' ');
        text.push_str(words.none);
    }
    for hit in parts.memories {
        text.push_str("\n- ");
        text.push_str(&memory_line(&hit.note, parts));
    }
    let time = parts.moment.full(parts.language);
    let (mood, input) = (parts.mood, parts.input);
    text + &format!("\n{} {time}\n{} {mood}\n{} {input}", words.time, words.mood, words.input)
}

fn memory_line(note: &MemoryNote, parts: &PromptParts<'_>) -> String {
    let said = match note.origin {
        MemoryOrigin::Said => words(parts.language).said,
        MemoryOrigin::Note => "",
    };
    format!("{} {said}{}", parts.moment.iso_date(note.created_s), one_line(&note.text))
}

/// A memory must not look like another section of the prompt.
fn one_line(text: &str) -> String {
    text.split(['\n', '\r']).map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use companion_types::{GenerationProfile, MemoryId, RecallSource};

    struct Chars;
    impl TokenCounter for Chars {
        fn count(&self, text: &str) -> usize {
            text.chars().count()
        }
        fn per_message(&self) -> usize {
            5
        }
    }

    fn persona() -> PersonaProfile {
        PersonaProfile {
            key: "default".into(),
            name_zh: "小伴".into(),
            name_en: "Companion".into(),
            persona_zh: "一个温柔的朋友。".into(),
            persona_en: "a kind friend.".into(),
            voice: "default".into(),
            language: Language::Zh,
            generation: GenerationProfile::Balanced,
        }
    }

    fn hit(text: &str, origin: MemoryOrigin) -> MemoryHit {
        let note = MemoryNote {
            id: MemoryId(1),
            text: text.into(),
            origin,
            turn: None,
            created_s: 1_763_600_000,
            core: false,
        };
        MemoryHit { note, score: 1.0, source: RecallSource::Both }
    }

    fn moment() -> Moment {
        Moment("2026-11-24T12:05:00+00:00[UTC]".parse().unwrap())
    }

    #[test]
    fn the_chinese_layout_is_exactly_as_specified() {
        let emotions = EmotionSet::default();
        let persona = persona();
        let moment = moment();
        let memories =
            [hit("我叫小明", MemoryOrigin::Said), hit("用户喜欢\n爵士乐", MemoryOrigin::Note)];
        let rounds = [Round { user: "你好".into(), assistant: "[开心] 你好！".into() }];
        let parts = PromptParts {
            persona: &persona,
            language: Language::Zh,
            core: &[],
            rounds: &rounds,
            memories: &memories,
            moment: &moment,
            mood: "平静",
            input: "我叫什么名字",
        };
        let built = PromptBuilder::new(&emotions, 10_000).build(&parts, &Chars).unwrap();
        let texts: Vec<&str> = built.messages.iter().map(|m| m.content.as_str()).collect();
        assert_eq!(
            texts,
            [
                "你是小伴，一个温柔的朋友。\n回答先写一个情感标签，只用：[开心] [生气] [伤心] [惊讶] [撒娇] [平静]。\n只说记忆里有的事；不知道就说不知道。\n[关于用户] 无",
                "你好",
                "[开心] 你好！",
                "[记忆]\n- 2025-11-20 用户说：我叫小明\n- 2025-11-20 用户喜欢 爵士乐\n[时间] 2026年11月24日 星期二 12:05\n[心情] 平静\n[输入] 我叫什么名字",
            ]
        );
    }

    #[test]
    fn the_english_layout_is_exactly_as_specified() {
        let emotions = EmotionSet::default();
        let (persona, moment) = (persona(), moment());
        let core = [hit("the user's name is Tom", MemoryOrigin::Note).note];
        let parts = PromptParts {
            persona: &persona,
            language: Language::En,
            core: &core,
            rounds: &[],
            memories: &[],
            moment: &moment,
            mood: "calm",
            input: "what is my name",
        };
        let built = PromptBuilder::new(&emotions, 10_000).build(&parts, &Chars).unwrap();
        assert_eq!(
            built.messages[0].content,
            "You are Companion, a kind friend.\nBegin every reply with one emotion tag from: [happy] [angry] [sad] [surprised] [coquettish] [calm].\nSay only what the memories say; if you do not know, say so.\n[About the user]\n- the user's name is Tom"
        );
        assert_eq!(
            built.messages[1].content,
            "[Memories] none\n[Time] Tuesday, 24 November 2026, 12:05\n[Mood] calm\n[Input] what is my name"
        );
    }

    #[test]
    fn old_rounds_go_first_and_a_giant_input_is_refused() {
        let emotions = EmotionSet::default();
        let (persona, moment) = (persona(), moment());
        let rounds: Vec<Round> = (0..10)
            .map(|n| Round { user: format!("{n}").repeat(40), assistant: "好".repeat(40) })
            .collect();
        let mut parts = PromptParts {
            persona: &persona,
            language: Language::Zh,
            core: &[],
            rounds: &rounds,
            memories: &[],
            moment: &moment,
            mood: "平静",
            input: "嗨",
        };
        let builder = PromptBuilder::new(&emotions, 500);
        let built = builder.build(&parts, &Chars).unwrap();
        assert!(built.tokens <= 500 && built.dropped_rounds > 0);
        assert!(built.messages[built.messages.len() - 3].content.starts_with('9'));
        let giant = "啊".repeat(1_000_000);
        parts.input = &giant;
        assert!(matches!(
            builder.build(&parts, &Chars),
            Err(DialogueError::InputTooLong { budget: 500, .. })
        ));
    }

    #[test]
    fn what_is_read_ahead_is_the_head_of_the_prompt_that_comes() {
        let emotions = EmotionSet::default();
        let (persona, moment) = (persona(), moment());
        let core = [hit("用户叫小明", MemoryOrigin::Note).note];
        let rounds = [Round { user: "你好".into(), assistant: "[开心] 你好！".into() }];
        let parts = PromptParts {
            persona: &persona,
            language: Language::Zh,
            core: &core,
            rounds: &rounds,
            memories: &[],
            moment: &moment,
            mood: "",
            input: "",
        };
        let builder = PromptBuilder::new(&emotions, 10_000);
        let ahead = builder.ahead(&parts, &Chars).unwrap();
        let memories = [hit("我有一只猫", MemoryOrigin::Said)];
        let said =
            PromptParts { memories: &memories, mood: "平静", input: "我叫什么", ..parts };
        let built = builder.build(&said, &Chars).unwrap();
        assert_eq!(ahead.messages.len(), 3);
        assert!(built.messages.starts_with(&ahead.messages));
        let (fixed, system) = (&ahead.fixed[0].content, &ahead.messages[0].content);
        assert!(system.starts_with(fixed.as_str()));
        assert!(!fixed.contains("小明") && system.contains("小明"));
        assert_eq!(ahead.begins_with[0], "[开心]");
    }
}
