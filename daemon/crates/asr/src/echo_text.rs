//! The last guard against hearing oneself: a transcript that repeats what was just said is dropped.

use std::collections::VecDeque;

use companion_types::SampleClock;

/// Remembers what was spoken lately.
#[derive(Debug)]
pub struct EchoText {
    spoken: VecDeque<(SampleClock, Vec<char>)>,
    window_ms: u64,
}

/// Fewer characters than this can be said by chance.
const MIN_CHARS: usize = 3;
/// Share of the transcript that must stand in what was said, in that order.
const SHARE: f64 = 0.7;
/// No more than this much text is kept.
const MAX_SENTENCES: usize = 32;

fn folded(text: &str) -> Vec<char> {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Length of the longest common subsequence.
fn common(a: &[char], b: &[char]) -> usize {
    let mut row = vec![0_usize; b.len() + 1];
    for x in a {
        let mut diagonal = 0;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = if x == y { diagonal + 1 } else { above.max(row[j]) };
            diagonal = above;
        }
    }
    row[b.len()]
}

impl EchoText {
    /// Compares with what was spoken in the last `window_ms` milliseconds.
    #[must_use]
    pub fn new(window_ms: u64) -> Self {
        Self { spoken: VecDeque::new(), window_ms }
    }

    /// Notes that `text` began to sound at `at`.
    pub fn said(&mut self, at: SampleClock, text: &str) {
        let text = folded(text);
        if text.is_empty() {
            return;
        }
        if self.spoken.len() == MAX_SENTENCES {
            self.spoken.pop_front();
        }
        self.spoken.push_back((at, text));
    }

    /// Whether a transcript of speech that began at `since` repeats what was said: most of it stands
    /// in the recent sentences, in order and close together.
    #[must_use]
    pub fn is_echo(&self, since: SampleClock, transcript: &str) -> bool {
        let heard = folded(transcript);
        if heard.len() < MIN_CHARS || heard.len() > 400 {
            return false;
        }
        let recent: Vec<char> = self
            .spoken
            .iter()
            .filter(|(at, _)| since.ms_since(*at) <= self.window_ms)
            .flat_map(|(_, text)| text.iter().copied())
            .collect();
        // Compare inside a sliding window of about the transcript's length: letters scattered over
        // a long reply are no echo.
        let width = heard.len() + heard.len() / 2 + 2;
        let step = (heard.len() / 4).max(1);
        let mut start = 0;
        loop {
            let end = (start + width).min(recent.len());
            let window = recent.get(start..end).unwrap_or_default();
            #[expect(clippy::cast_precision_loss, reason = "both are at most a few hundred")]
            let share = common(&heard, window) as f64 / heard.len() as f64;
            if share >= SHARE {
                return true;
            }
            if end >= recent.len() {
                return false;
            }
            start += step;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> SampleClock {
        SampleClock::from_ms(ms)
    }

    #[test]
    fn the_own_words_come_back_as_an_echo_even_with_errors() {
        let mut echo = EchoText::new(15_000);
        echo.said(at(0), "今天天气很好，我们出去走走吧。");
        echo.said(at(3_000), "Your name is Tom.");
        assert!(echo.is_echo(at(1_000), "今天天汽很好"));
        assert!(echo.is_echo(at(4_000), "your name is tom"));
        assert!(echo.is_echo(at(4_000), "我们出去走走"));
    }

    #[test]
    fn an_answer_is_no_echo() {
        let mut echo = EchoText::new(15_000);
        echo.said(at(0), "你今天过得怎么样？");
        assert!(!echo.is_echo(at(2_000), "我今天很累"));
        assert!(!echo.is_echo(at(2_000), "i am fine thank you"));
        assert!(!echo.is_echo(at(2_000), "好"));
    }

    #[test]
    fn what_was_said_long_ago_may_be_repeated() {
        let mut echo = EchoText::new(15_000);
        echo.said(at(0), "你叫小明。");
        assert!(!echo.is_echo(at(60_000), "你叫小明"));
    }
}
