//! Whether a sound says what it should: what was swallowed, repeated or added, from how a recogniser finds
//! the wanted words in it. Pure.

/// One thing that a sound should say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A Chinese syllable, tone-numbered pinyin.
    Syllable(String),
    /// A word of Latin letters.
    Word(String),
}

/// How far a sound says what it should. Samples are of 16 kHz, weights of evidence in nats.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Agreement {
    /// The wanted ones, in time and order.
    pub wanted: Vec<Found>,
    /// What else was said.
    pub strays: Vec<Stray>,
}

/// A wanted one in a sound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// First sample.
    pub start: u64,
    /// One past its last sample.
    pub end: u64,
    /// How likely it is there, 0..1.
    pub probability: f32,
    /// By how much it is likelier that all was said but this.
    pub absent: f32,
    /// By how much it is likelier that this was said twice, alone or with what follows.
    pub again: f32,
}

impl Found {
    /// Nothing speaks against it.
    pub const SURE: Self = Self {
        start: 0,
        end: 0,
        probability: 1.0,
        absent: f32::NEG_INFINITY,
        again: f32::NEG_INFINITY,
    };
}

/// Something that was said and is not wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stray {
    /// First sample.
    pub start: u64,
    /// One past its last sample.
    pub end: u64,
    /// By how much something is likelier there than nothing.
    pub loss: f32,
}

/// What a sound says otherwise than it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slip {
    /// The wanted one of this place is not there.
    Swallowed(usize),
    /// It was said twice, alone or with what follows.
    Repeated(usize),
    /// Something else was said before it; one past the last for what ends the sound.
    Added(usize),
}

/// How much evidence makes a slip, nats.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AgreementRules {
    /// For a wanted one that is not there.
    pub absent: f32,
    /// For one that was said twice.
    pub again: f32,
    /// For something else that was said.
    pub added: f32,
}

impl Default for AgreementRules {
    /// Chosen on the sentences that the starter ears were tuned on, measured on others, with the starter
    /// voice (`tests/src/bin/self_hearing.rs`).
    fn default() -> Self {
        Self { absent: 3.0, again: -4.0, added: 3.2 }
    }
}

impl Agreement {
    /// What the sound says otherwise, in order of time.
    #[must_use]
    pub fn slips(&self, rules: &AgreementRules) -> Vec<Slip> {
        let mut slips: Vec<(u64, Slip)> = Vec::new();
        for (place, found) in self.wanted.iter().enumerate() {
            if found.absent > rules.absent {
                slips.push((found.start, Slip::Swallowed(place)));
            }
            if found.again > rules.again {
                slips.push((found.start, Slip::Repeated(place)));
            }
        }
        for stray in &self.strays {
            if stray.loss > rules.added {
                let place = self.wanted.partition_point(|found| found.start < stray.start);
                slips.push((stray.start, Slip::Added(place)));
            }
        }
        slips.sort_by_key(|(start, _)| *start);
        slips.into_iter().map(|(_, slip)| slip).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(start: u64, absent: f32, again: f32) -> Found {
        Found { start, end: start + 1000, probability: 0.9, absent, again }
    }

    #[test]
    fn little_evidence_makes_no_slip() {
        let agreement = Agreement {
            wanted: vec![found(0, -9.0, -8.0), found(2000, 1.0, -5.5), Found::SURE],
            strays: vec![Stray { start: 1500, end: 1900, loss: 1.0 }],
        };
        assert_eq!(agreement.slips(&AgreementRules::default()), []);
        assert_eq!(Agreement::default().slips(&AgreementRules::default()), []);
    }

    #[test]
    fn a_slip_is_where_it_was_made() {
        let agreement = Agreement {
            wanted: vec![found(0, -9.0, 3.0), found(2000, 9.0, -8.0), found(4000, -9.0, -8.0)],
            strays: vec![Stray { start: 5500, end: 6000, loss: 12.0 }],
        };
        let slips = agreement.slips(&AgreementRules::default());
        assert_eq!(slips, [Slip::Repeated(0), Slip::Swallowed(1), Slip::Added(3)]);
    }
}
