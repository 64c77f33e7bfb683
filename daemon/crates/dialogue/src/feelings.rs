//! What feeling a person's sentence speaks of, by the weights of its n-grams. A small model misses it in sentences it
//! never saw; where it is plain, the model's tag and reply give way to a fitting one.
//!
//! The weights (`data/feelings.tsv`) are those of a multinomial logistic regression that
//! `models/starter/brain/feelings.py` learns from sentences written for it.

use std::collections::HashMap;
use std::sync::LazyLock;

use companion_types::{Emotion, Language};

use crate::words::{english, folded};

/// Columns of the table.
const FEELINGS: usize = 6;
/// A feeling counts from this probability on. At it, one in a hundred sentences that tell or ask a fact get a feeling
/// that they do not speak of, and of those that speak of one (the test events) 80 % in Chinese and 73 % in English
/// have it.
const PLAIN: f32 = 0.4;

type Weights = [f32; FEELINGS];

/// Weights of a language.
#[derive(Debug, Default)]
struct Table {
    bias: Weights,
    ngrams: HashMap<&'static str, Weights>,
}

#[derive(Debug, Default)]
struct Tables {
    zh: Table,
    en: Table,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| read(include_str!("../data/feelings.tsv")));

/// Reads lines of language, n-gram and weights in hundredths; the n-gram of the bias is empty.
fn read(text: &'static str) -> Tables {
    let mut tables = Tables::default();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split('\t');
        let (Some(language), Some(ngram)) = (fields.next(), fields.next()) else { continue };
        let mut weights = [0.0; FEELINGS];
        for (weight, field) in weights.iter_mut().zip(fields) {
            *weight = field.parse::<f32>().unwrap_or(0.0) / 100.0;
        }
        let table = if language == "en" { &mut tables.en } else { &mut tables.zh };
        if ngram.is_empty() {
            table.bias = weights;
        } else {
            table.ngrams.insert(ngram, weights);
        }
    }
    tables
}

/// What is said to a feeling.
struct Replies {
    emotion: Emotion,
    zh: &'static [&'static str],
    en: &'static [&'static str],
}

/// In the order of the table's columns after the first, which is calm.
const REPLIES: [Replies; FEELINGS - 1] = [
    Replies {
        emotion: Emotion::HAPPY,
        zh: &["太好了，我真为你高兴！", "哇，真棒！恭喜你！", "真是好消息，我也很开心！"],
        en: &[
            "That is great, I am so happy for you!",
            "Wow, congratulations!",
            "What good news! I am glad to hear that!",
        ],
    },
    Replies {
        emotion: Emotion::SAD,
        zh: &[
            "听到这个我也很难过，我陪着你。",
            "别难过，我在这里陪着你。",
            "抱抱你，想说就说给我听吧。",
        ],
        en: &[
            "I am sorry to hear that. I am here with you.",
            "That makes me sad too. I am with you.",
            "I am sorry, that must be hard. Tell me more if you like.",
        ],
    },
    Replies {
        emotion: Emotion::ANGRY,
        zh: &["太过分了，我也很生气！", "怎么能这样，真让人生气！", "这真的不公平，我支持你。"],
        en: &[
            "That is outrageous, I am angry too!",
            "How could they do that! I am on your side.",
            "That is really not fair, I am on your side.",
        ],
    },
    Replies {
        emotion: Emotion::SURPRISED,
        zh: &["哇，真的吗？太让人意外了！", "天哪，怎么会这样？", "真没想到！快告诉我。"],
        en: &[
            "Wow, really? What a surprise!",
            "Oh my, how did that happen?",
            "I did not expect that! Tell me more.",
        ],
    },
    Replies {
        emotion: Emotion::COQUETTISH,
        zh: &["嘿嘿，人家也最喜欢你了。", "讨厌啦，说得人家都害羞了。", "你真好，我要一直陪着你。"],
        en: &[
            "Hehe, I like you the most too.",
            "Oh stop it, you make me blush.",
            "You are so sweet, I will always stay with you.",
        ],
    },
];

/// The different n-grams of a sentence: in Chinese one and two characters; in English words, their first five letters
/// and pairs of words.
fn ngrams(text: &str, language: Language) -> Vec<String> {
    let low = folded(text);
    let mut found: Vec<String> = if language == Language::En {
        let words: Vec<&str> = english(&low).collect();
        let stems = words.iter().map(|w| format!("^{}", w.get(..5).unwrap_or(w)));
        let pairs = words.windows(2).map(|pair| pair.join(" "));
        words.iter().map(|w| (*w).to_owned()).chain(stems).chain(pairs).collect()
    } else {
        let chars: Vec<char> = low.chars().filter(|c| c.is_alphanumeric()).collect();
        let pairs = chars.windows(2).map(|pair| pair.iter().collect());
        chars.iter().map(char::to_string).chain(pairs).collect()
    };
    found.sort_unstable();
    found.dedup();
    found
}

/// Probabilities of the feelings (softmax over the summed weights).
fn probabilities(text: &str, language: Language) -> Weights {
    let table = if language == Language::En { &TABLES.en } else { &TABLES.zh };
    let mut sums = table.bias;
    for weights in ngrams(text, language).iter().filter_map(|gram| table.ngrams.get(gram.as_str()))
    {
        for (sum, weight) in sums.iter_mut().zip(weights) {
            *sum += weight;
        }
    }
    let highest = sums.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers = sums.map(|sum| (sum - highest).exp());
    let total: f32 = powers.iter().sum();
    powers.map(|power| power / total)
}

/// The feeling that `text` plainly speaks of.
fn plainly(text: &str, language: Language) -> Option<&'static Replies> {
    let found = probabilities(text, language);
    let (index, probability) = (0..).zip(found).max_by(|a, b| a.1.total_cmp(&b.1))?;
    if probability < PLAIN {
        return None;
    }
    REPLIES.get(usize::checked_sub(index, 1)?)
}

/// What to say to `text` where a reply in `emotion` does not fit what it plainly tells; `turn` chooses among the
/// replies.
pub(crate) fn fitting_reply(
    text: &str,
    emotion: &Emotion,
    language: Language,
    turn: u64,
) -> Option<(Emotion, &'static str)> {
    let feeling = plainly(text, language).filter(|f| f.emotion != *emotion)?;
    let replies = if language == Language::En { feeling.en } else { feeling.zh };
    let at = usize::try_from(turn).unwrap_or(0) % replies.len().max(1);
    replies.get(at).map(|reply| (feeling.emotion.clone(), *reply))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_have_their_feeling_and_others_none() {
        let (zh, en) = (Language::Zh, Language::En);
        for (text, language, emotion) in [
            ("我奶奶去世了", zh, Some(Emotion::SAD)),
            ("他当着大家骂我", zh, Some(Emotion::ANGRY)),
            ("我升职了", zh, Some(Emotion::HAPPY)),
            ("门居然自己开了", zh, Some(Emotion::SURPRISED)),
            ("亲一口嘛", zh, Some(Emotion::COQUETTISH)),
            ("今天星期几", zh, None),
            ("我叫小明", zh, None),
            ("My grandma passed away.", en, Some(Emotion::SAD)),
            ("somebody stole my bike", en, Some(Emotion::ANGRY)),
            ("I got promoted!", en, Some(Emotion::HAPPY)),
            ("give me a kiss", en, Some(Emotion::COQUETTISH)),
            ("what time is it", en, None),
            ("my name is tom", en, None),
            ("", en, None),
        ] {
            assert_eq!(plainly(text, language).map(|f| f.emotion.clone()), emotion, "{text}");
        }
    }

    #[test]
    fn a_reply_that_fits_stands_and_another_gives_way() {
        assert!(fitting_reply("我奶奶去世了", &Emotion::SAD, Language::Zh, 0).is_none());
        let (emotion, reply) =
            fitting_reply("i lost my mother", &Emotion::HAPPY, Language::En, 1).unwrap();
        assert_eq!(emotion, Emotion::SAD);
        assert!(reply.is_ascii());
    }

    #[test]
    fn the_shipped_table_is_whole_and_any_text_has_probabilities() {
        assert!(TABLES.zh.ngrams.len() > 1_000 && TABLES.en.ngrams.len() > 1_000);
        for text in ["😀😀 \u{202e}", &"死".repeat(100_000), "élan vital naïveté"] {
            for language in [Language::Zh, Language::En] {
                let sum: f32 = probabilities(text, language).iter().sum();
                assert!((sum - 1.0).abs() < 1e-4, "{sum}");
            }
        }
    }
}
