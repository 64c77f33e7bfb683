//! Judges what is said while the companion speaks: an interruption, or a sign of listening.

/// What a stretch of speech is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// Too little to tell.
    Undecided,
    /// "嗯", "uh-huh": the person listens and wants to go on listening.
    Backchannel,
    /// The person takes the floor.
    Interruption,
    /// The person wants silence and nothing else.
    Stop,
}

/// What counts as what. Words are compared lower-case, without spaces and punctuation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BargeInRules {
    /// Fewer Han characters than this, and no complete English word, are not yet a reason.
    pub min_chars: usize,
    /// Signs of listening.
    pub backchannels: Vec<String>,
    /// Commands to be silent.
    pub stops: Vec<String>,
}

impl Default for BargeInRules {
    fn default() -> Self {
        let list = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
        Self {
            min_chars: 2,
            backchannels: list(&[
                "嗯",
                "嗯嗯",
                "嗯哼",
                "哦",
                "噢",
                "啊",
                "对",
                "对对",
                "对的",
                "是",
                "是的",
                "是啊",
                "好",
                "好的",
                "好吧",
                "行",
                "可以",
                "没错",
                "原来如此",
                "真的",
                "这样啊",
                "mm",
                "mhm",
                "hm",
                "hmm",
                "mmhmm",
                "uh",
                "uhhuh",
                "huh",
                "yeah",
                "yes",
                "yep",
                "yup",
                "ok",
                "okay",
                "right",
                "sure",
                "isee",
                "aha",
                "oh",
                "ah",
                "wow",
                "really",
            ]),
            stops: list(&[
                "停",
                "停下",
                "停一下",
                "停止",
                "别说了",
                "不要说了",
                "别讲了",
                "闭嘴",
                "安静",
                "够了",
                "stop",
                "stopit",
                "stoptalking",
                "bequiet",
                "quiet",
                "shutup",
                "enough",
                "thatsenough",
                "hush",
                "silence",
            ]),
        }
    }
}

fn folded(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{323af}')
}

impl BargeInRules {
    /// Judges `text`. While the utterance still goes on (`is_final` false) a backchannel may become
    /// more, so it stays undecided.
    #[must_use]
    pub fn judge(&self, text: &str, is_final: bool) -> Judgement {
        let words = folded(text);
        if words.is_empty() {
            return if is_final { Judgement::Backchannel } else { Judgement::Undecided };
        }
        if self.stops.contains(&words) {
            return Judgement::Stop;
        }
        if self.backchannels.contains(&words) {
            return if is_final { Judgement::Backchannel } else { Judgement::Undecided };
        }
        let han = words.chars().filter(|c| is_han(*c)).count();
        // The last English word of a partial may still be growing.
        let english = text.split_whitespace().filter(|w| w.chars().any(|c| c.is_alphabetic()));
        let complete = english.count().saturating_sub(usize::from(!is_final));
        let enough = han >= self.min_chars || (han == 0 && complete >= 1);
        match (enough, is_final) {
            (true, _) => Judgement::Interruption,
            (false, true) => Judgement::Backchannel,
            (false, false) => Judgement::Undecided,
        }
    }

    /// Whether `text` only asks for silence.
    #[must_use]
    pub fn is_stop(&self, text: &str) -> bool {
        self.stops.contains(&folded(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_listening_do_not_take_the_floor() {
        let rules = BargeInRules::default();
        for text in ["嗯。", "对对", "Uh-huh.", "yeah", "I see", "", "。"] {
            assert_eq!(rules.judge(text, true), Judgement::Backchannel, "{text:?}");
        }
    }

    #[test]
    fn words_take_the_floor_in_both_languages() {
        let rules = BargeInRules::default();
        for text in ["等一下", "不是这样的", "wait a moment", "no that is wrong"] {
            assert_eq!(rules.judge(text, true), Judgement::Interruption, "{text:?}");
        }
        assert_eq!(rules.judge("等一下", false), Judgement::Interruption);
        assert_eq!(rules.judge("wait", false), Judgement::Undecided);
        assert_eq!(rules.judge("嗯", false), Judgement::Undecided);
    }

    #[test]
    fn a_command_to_be_silent_is_known_at_once() {
        let rules = BargeInRules::default();
        for text in ["停！", "别说了", "Stop!", "be quiet"] {
            assert_eq!(rules.judge(text, false), Judgement::Stop, "{text:?}");
        }
    }
}
