//! The write gate: what a person said is kept only when it tells something about them. Questions,
//! greetings, commands and chatter are not memories.

use companion_types::Language;

use crate::words::folded;

const ASKS_ZH: [&str; 16] = [
    "什么",
    "吗",
    "谁",
    "哪",
    "几点",
    "几号",
    "几岁",
    "多少",
    "怎么",
    "为什么",
    "呢",
    "多大",
    "是不是",
    "好不好",
    "能不能",
    "要不要",
];
const SELF_ZH: [&str; 4] = ["我", "记住", "别忘", "记一下"];
const STARTS_EN: [&str; 34] = [
    "what", "who", "where", "when", "why", "how", "which", "do", "does", "did", "is", "are", "am",
    "can", "could", "will", "would", "should", "shall", "play", "tell", "stop", "turn", "set",
    "open", "close", "say", "sing", "hello", "hi", "thanks", "give", "wake", "call",
];
const SELF_EN: [&str; 12] =
    ["i", "i'm", "my", "me", "we", "our", "remember", "note", "i've", "i'll", "mine", "don't"];
/// Things said to oneself that are no facts.
const CHATTER: [&str; 14] = [
    "我不知道",
    "我明白了",
    "我想想",
    "我听不懂",
    "我没听清",
    "我走了",
    "我回来了",
    "我爱你",
    "我喜欢你",
    "i don't know",
    "i see",
    "i love you",
    "i think so",
    "i am here",
];

/// Whether an utterance of the person is worth keeping verbatim.
#[must_use]
pub fn worth_keeping(text: &str) -> bool {
    let outer = |c: char| c.is_whitespace() || "，。！,.!".contains(c);
    let text = folded(text.trim_matches(outer)).replace('\u{2019}', "'");
    let text = text.trim_matches(outer);
    let length = text.chars().count();
    if !(3..=400).contains(&length) || text.contains(['?', '？']) || CHATTER.contains(&text) {
        return false;
    }
    if Language::of_text(text) == Language::Zh {
        return SELF_ZH.iter().any(|w| text.contains(w))
            && !ASKS_ZH.iter().any(|w| text.contains(w));
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let asks = words.first().is_some_and(|w| STARTS_EN.contains(w)) && words[0] != "remember"
        || text.contains("do you")
        || text.contains("can you")
        || text.contains("will you");
    !asks && words.len() >= 3 && words.iter().any(|w| SELF_EN.contains(w))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_about_oneself_are_kept_in_both_languages() {
        for text in [
            "我叫小明",
            "我喜欢吃苹果。",
            "记住钥匙在抽屉里",
            "我明天要开会",
            "my name is Tom",
            "I like apples",
            "remember that i have a meeting",
            "i live in london",
        ] {
            assert!(worth_keeping(text), "{text}");
        }
    }

    #[test]
    fn questions_greetings_and_commands_are_not() {
        for text in [
            "我叫什么名字",
            "你好",
            "现在几点了",
            "停",
            "播放音乐",
            "我爱你",
            "我喜欢吃什么？",
            "what is my name",
            "hello there",
            "tell me a joke",
            "do you like me",
            "how are you",
            "i see",
            "嗯",
            "play my favorite song",
        ] {
            assert!(!worth_keeping(text), "{text}");
        }
    }
}
