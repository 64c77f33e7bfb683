//! Stamps of one turn, as milliseconds after the person fell silent.

use std::time::Duration;

use companion_types::Waterfall;

/// What is stamped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// The end of the utterance was decided.
    Endpoint,
    /// Memories were found.
    Recall,
    /// The first token came.
    FirstToken,
    /// The first sentence was complete.
    FirstSentence,
    /// The first sample was played.
    FirstAudio,
    /// The turn was over.
    Total,
}

/// Collects stamps. Times are given as durations on any one clock of the caller.
#[derive(Debug, Clone, Copy)]
pub struct Timeline {
    zero: Duration,
    waterfall: Waterfall,
}

impl Timeline {
    /// A timeline that counts from `zero`: when the last speech sample was heard.
    #[must_use]
    pub fn new(zero: Duration) -> Self {
        Self { zero, waterfall: Waterfall::default() }
    }

    /// Stamps; the first stamp of a sort stays.
    pub fn stamp(&mut self, what: Stamp, now: Duration) {
        let ms = now.saturating_sub(self.zero).as_secs_f64() * 1000.0;
        let slot = match what {
            Stamp::Endpoint => &mut self.waterfall.endpoint,
            Stamp::Recall => &mut self.waterfall.recall,
            Stamp::FirstToken => &mut self.waterfall.first_token,
            Stamp::FirstSentence => &mut self.waterfall.first_sentence,
            Stamp::FirstAudio => &mut self.waterfall.first_audio,
            Stamp::Total => &mut self.waterfall.total,
        };
        slot.get_or_insert(ms);
    }

    /// What was stamped.
    #[must_use]
    pub fn waterfall(&self) -> Waterfall {
        self.waterfall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_stamp_of_a_sort_stays() {
        let mut timeline = Timeline::new(Duration::from_millis(100));
        timeline.stamp(Stamp::FirstToken, Duration::from_millis(350));
        timeline.stamp(Stamp::FirstToken, Duration::from_millis(900));
        assert_eq!(timeline.waterfall().first_token, Some(250.0));
        assert_eq!(timeline.waterfall().total, None);
    }
}
