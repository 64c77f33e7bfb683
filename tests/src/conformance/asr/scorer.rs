//! Error rates of recognised text. Both sides are brought into one form first: tags dropped, NFKC,
//! lower case, nothing but letters, digits, and apostrophes inside words.

use unicode_normalization::UnicodeNormalization as _;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Every character.
    Char,
    /// What stands between spaces.
    Word,
    /// Characters of Chinese, Japanese and Korean alone, other runs as words.
    Mixed,
}

/// Errors against a reference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Substitutions, insertions and deletions.
    pub errors: usize,
    /// Units of the reference.
    pub length: usize,
}

impl Unit {
    /// The unit with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "char" => Self::Char,
            "word" => Self::Word,
            "mixed" => Self::Mixed,
            _ => return None,
        })
    }

    /// The units of a text.
    #[must_use]
    pub fn tokens(self, text: &str) -> Vec<String> {
        let text = normal(text);
        match self {
            Self::Char => text.chars().filter(|c| *c != ' ').map(String::from).collect(),
            Self::Word => text.split_whitespace().map(str::to_owned).collect(),
            Self::Mixed => {
                let mut spaced = String::new();
                for c in text.chars() {
                    if is_ideograph(c) {
                        spaced.extend([' ', c, ' ']);
                    } else {
                        spaced.push(c);
                    }
                }
                spaced.split_whitespace().map(str::to_owned).collect()
            }
        }
    }
}

impl Score {
    /// Scores one text.
    #[must_use]
    pub fn of(unit: Unit, reference: &str, heard: &str) -> Self {
        let (reference, heard) = (unit.tokens(reference), unit.tokens(heard));
        Self { errors: distance(&reference, &heard), length: reference.len() }
    }

    /// Adds another score.
    pub fn add(&mut self, other: Self) {
        self.errors += other.errors;
        self.length += other.length;
    }

    /// Errors per unit; with nothing to be said, 1 when something was heard.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "texts are short")]
    pub fn rate(&self) -> f64 {
        match (self.errors, self.length) {
            (0, _) => 0.0,
            (_, 0) => 1.0,
            (errors, length) => errors as f64 / length as f64,
        }
    }
}

/// Chinese characters, kana and hangul.
fn is_ideograph(c: char) -> bool {
    matches!(u32::from(c),
        0x3005..=0x3007 | 0x3040..=0x30FF | 0x31F0..=0x31FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF
        | 0xAC00..=0xD7AF | 0x1100..=0x11FF | 0xF900..=0xFAFF | 0x20000..=0x323AF)
}

fn normal(text: &str) -> String {
    let untagged = without_tags(text);
    let lower: Vec<char> = untagged
        .nfkc()
        .flat_map(char::to_lowercase)
        .map(|c| if c == '\u{2019}' { '\'' } else { c })
        .collect();
    let inside = |at: Option<usize>| {
        at.and_then(|at| lower.get(at)).is_some_and(|c| c.is_alphanumeric() && !is_ideograph(*c))
    };
    let kept = lower.iter().enumerate().map(|(at, &c)| {
        let apostrophe = c == '\'' && inside(at.checked_sub(1)) && inside(Some(at + 1));
        if c.is_alphanumeric() || apostrophe { c } else { ' ' }
    });
    let kept: String = kept.collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn without_tags(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, tag)) = rest.split_once("<|") {
        out.push_str(before);
        match tag.split_once("|>") {
            Some((_, after)) => rest = after,
            None => {
                out.push_str("<|");
                rest = tag;
            }
        }
    }
    out + rest
}

/// Levenshtein distance.
fn distance(a: &[String], b: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_counts_by_character_and_english_by_word() {
        assert_eq!(
            Unit::Mixed.tokens("<|zh|>打开 Living room 的灯。"),
            ["打", "开", "living", "room", "的", "灯"]
        );
    }

    #[test]
    fn an_apostrophe_stays_inside_a_word_only() {
        assert_eq!(Unit::Word.tokens("Don’t 'stop'"), ["don't", "stop"]);
    }

    #[test]
    fn rates_of_nothing() {
        assert!((Score::of(Unit::Char, "", "多余").rate() - 1.0).abs() < 1e-12);
        assert!(Score::of(Unit::Char, "", "").rate() < 1e-12);
        assert_eq!(Score::of(Unit::Char, "今天天气", "今天天汽啊").errors, 2);
    }
}
