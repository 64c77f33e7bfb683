//! What a voice says in place of a sentence: something swallowed, said twice, repeated or leaked. Pure.

use companion_types::Language;

/// A small generator (Knuth's MMIX constants), so that a run can be made again.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % end.max(1)
    }
}

/// What a voice does to a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    None,
    Swallows,
    Stutters,
    Repeats,
    Leaks,
}

impl Fault {
    pub(crate) const ALL: [Self; 5] =
        [Self::None, Self::Swallows, Self::Stutters, Self::Repeats, Self::Leaks];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Swallows => "swallows",
            Self::Stutters => "stutters",
            Self::Repeats => "repeats",
            Self::Leaks => "leaks",
        }
    }
}

/// Words of English, characters of Chinese.
pub(crate) fn units(text: &str) -> Vec<String> {
    match Language::of_text(text) {
        Language::En => text.split_whitespace().map(|w| format!("{w} ")).collect(),
        _ => text.chars().map(String::from).collect(),
    }
}

/// A sentence as it is said.
pub(crate) struct Said {
    pub(crate) units: Vec<String>,
    /// Where the fault is among the units of the sentence; none for one without.
    pub(crate) at: Option<usize>,
}

/// What is said in place of `text`; what is leaked comes from `other`.
pub(crate) fn said(fault: Fault, text: &str, other: &str, random: &mut Random) -> Said {
    let mut all = units(text);
    let mut at = random.below(all.len());
    match fault {
        Fault::None => return Said { units: all, at: None },
        Fault::Swallows => drop(all.remove(at)),
        Fault::Stutters => all.insert(at, all[at].clone()),
        Fault::Repeats => {
            at = at.min(all.len().saturating_sub(2));
            let again: Vec<String> = all.iter().skip(at).take(2).cloned().collect();
            all.splice(at..at, again);
        }
        Fault::Leaks => {
            let leaked: Vec<String> = units(other).into_iter().take(3).collect();
            at = match random.below(3) {
                0 => 0,
                1 => all.len(),
                _ => at.max(1),
            };
            all.splice(at..at, leaked);
        }
    }
    Said { units: all, at: Some(at) }
}

/// Words that English swallows and repeats most easily: short, and hardly stressed.
const FUNCTION_WORDS: [&str; 44] = [
    "a", "an", "the", "of", "to", "in", "on", "at", "for", "with", "from", "by", "as", "is", "am",
    "are", "was", "were", "be", "been", "do", "did", "have", "has", "had", "i", "i'm", "you", "he",
    "she", "it", "we", "they", "me", "my", "your", "his", "her", "our", "and", "or", "but", "that",
    "not",
];

/// The class of the unit that a fault is at.
pub(crate) fn class(text: &str, at: Option<usize>) -> &'static str {
    let units = units(text);
    let Some(unit) = at.and_then(|at| units.get(at).or(units.last())) else { return "all" };
    let word = unit.trim().to_lowercase();
    match word.chars().count() {
        _ if Language::of_text(text) != Language::En => "syllable",
        _ if FUNCTION_WORDS.contains(&word.as_str()) => "function word",
        0..=4 => "word, 4 letters or less",
        _ => "longer word",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn once(fault: Fault) -> (String, Option<usize>) {
        let said = said(fault, "i like green tea", "good night my dear", &mut Random(7));
        (said.units.concat(), said.at)
    }

    #[test]
    fn each_fault_says_what_its_name_says() {
        let words = |fault| once(fault).0.split_whitespace().count();
        assert_eq!(once(Fault::None), ("i like green tea ".to_owned(), None));
        assert_eq!([words(Fault::Swallows), words(Fault::Stutters)], [3, 5]);
        assert_eq!([words(Fault::Repeats), words(Fault::Leaks)], [6, 7]);
        let (text, at) = once(Fault::Leaks);
        assert!(at.is_some_and(|at| at <= 4) && text.contains("good night my "), "{text}");
    }

    #[test]
    fn leaks_come_at_the_begin_at_the_end_and_in_the_middle() {
        let mut random = Random(7);
        let mut at = || said(Fault::Leaks, "i like tea", "good night my dear", &mut random).at;
        let mut counts = [0; 4];
        for _ in 0..300 {
            counts[at().unwrap()] += 1;
        }
        assert!(counts.iter().all(|n| *n > 20), "{counts:?}");
        assert!(counts[0] > 70 && counts[3] > 70, "{counts:?}");
    }

    #[test]
    fn the_unit_of_a_fault_has_a_class() {
        let class = |at| class("a green cow eats cucumbers", Some(at));
        assert_eq!(
            [class(0), class(2), class(4), class(5)],
            ["function word", "word, 4 letters or less", "longer word", "longer word"]
        );
        assert_eq!(super::class("我喜欢", Some(1)), "syllable");
    }
}
