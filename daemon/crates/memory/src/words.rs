//! Text to terms: Chinese words and bigrams, English words without their endings.

use jieba_rs::Jieba;
use unicode_normalization::UnicodeNormalization;

/// Cuts text into terms. Holds the Chinese dictionary; make one and share it.
pub struct Words {
    jieba: Jieba,
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Words")
    }
}

impl Default for Words {
    fn default() -> Self {
        Self { jieba: Jieba::new() }
    }
}

/// Words that say nothing about what a text is about, question words among them: a question must
/// find its answer, and the answer holds none of these.
const STOP: &str = " 的 了 吗 呢 吧 啊 呀 是 在 有 和 也 都 就 还 很 不 我 你 他 她 它 我们 你们 什么 哪 哪里 哪儿 谁 几 多少 怎么 怎么样 \
    为什么 这 那 这个 那个 一个 知道 记得 告诉 请 说 用户 a an the is are am was were be do does did i you he she it we they my your his her our \
    me to of in on at and or what who where when which how why that this please tell know remember user said s t m ";

pub(crate) fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{323af}')
}

/// NFKC, lower case.
pub(crate) fn folded(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).collect()
}

/// Takes an English plural or verb ending off, so that "apples" finds "apple".
fn stem(word: &str) -> &str {
    let keep = |w: &'static str| word.strip_suffix(w).filter(|rest| rest.len() >= 3);
    keep("ing").or_else(|| keep("es")).or_else(|| keep("ed")).or_else(|| keep("s")).unwrap_or(word)
}

impl Words {
    /// Terms of a text, repeated as often as they occur; stop words are left out.
    #[must_use]
    pub fn terms(&self, text: &str) -> Vec<String> {
        let text = folded(text);
        let mut terms = Vec::new();
        for run in runs(&text) {
            if run.chars().next().is_some_and(is_han) {
                let cut = self.jieba.cut(run, false);
                terms.extend(cut.iter().map(|t| t.word.to_owned()).filter(|w| !stop(w)));
                let chars: Vec<char> = run.chars().collect();
                let bigrams = chars.windows(2).map(|pair| pair.iter().collect::<String>());
                terms.extend(
                    bigrams.filter(|b| !stop(b) && b.chars().any(|c| !stop(&c.to_string()))),
                );
            } else if !stop(run) {
                terms.push(stem(run).to_owned());
            }
        }
        terms
    }
}

fn stop(word: &str) -> bool {
    STOP.split_ascii_whitespace().any(|s| s == word)
}

/// Runs of Han characters and runs of other letters and digits.
fn runs(text: &str) -> Vec<&str> {
    let mut runs = Vec::new();
    let mut start = None;
    let class = |c: char| if is_han(c) { 1 } else { u8::from(c.is_alphanumeric()) * 2 };
    let mut last = 0;
    for (at, c) in text.char_indices() {
        let now = class(c);
        if now != last {
            if let Some(start) = start.take() {
                runs.push(&text[start..at]);
            }
            start = (now != 0).then_some(at);
            last = now;
        }
    }
    runs.extend(start.map(|start| &text[start..]));
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_and_answers_share_terms_in_both_languages() {
        let words = Words::default();
        let share = |a: &str, b: &str| {
            let b = words.terms(b);
            words.terms(a).iter().filter(|t| b.contains(t)).count()
        };
        assert!(share("我喜欢吃什么", "我喜欢吃苹果") >= 1);
        assert!(share("what do i like to eat", "i like eating apples") >= 1);
        assert!(share("What is my name?", "my name is Tom") >= 1);
        assert_eq!(share("今天下雨", "我叫小明"), 0);
    }
}
