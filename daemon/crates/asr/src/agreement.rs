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

/// How far a sound says what it should. Samples are of 16 kHz. Evidence is in nats, against all being said as it
/// should be: how much likelier something else is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Agreement {
    /// The wanted ones, in time and order.
    pub wanted: Vec<Found>,
    /// That something more was said before each wanted one and behind the last; one longer than `wanted`.
    pub added: Vec<f32>,
}

/// A wanted one in a sound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// What it is.
    pub kind: Kind,
    /// First sample.
    pub start: u64,
    /// One past its last sample.
    pub end: u64,
    /// How likely it is there, 0..1.
    pub probability: f32,
    /// Evidence that all was said but this.
    pub without: f32,
    /// That something else was said in its place.
    pub other: f32,
    /// That this was said twice, alone or with what follows.
    pub again: f32,
    /// The most of `again` in any look at the sound.
    pub most_again: f32,
    /// How far the sound around it says the same twice, whatever that is: -1..1, not in nats.
    pub recurs: f32,
}

/// What a wanted one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A Chinese syllable.
    Syllable,
    /// A word.
    Word,
}

impl Wanted {
    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Syllable(_) => Kind::Syllable,
            Self::Word(_) => Kind::Word,
        }
    }
}

impl Found {
    /// One that nothing speaks against.
    #[must_use]
    pub fn sure(kind: Kind, at: u64) -> Self {
        let never = f32::NEG_INFINITY;
        Self {
            kind,
            start: at,
            end: at,
            probability: 1.0,
            without: never,
            other: never,
            again: never,
            most_again: never,
            recurs: -1.0,
        }
    }
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

/// How evidence is weighed: a logistic rule for each kind of slip; above 0 it is one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlipWeights {
    /// Of one, `without`, how far that is above `other` and above all being said, and ln `probability`.
    pub swallowed: [f32; 4],
    /// Of one, `again`, `other`, ln `probability`, `most_again` and `recurs`.
    pub repeated: [f32; 6],
    /// Of one, `added`, one at the begin, and one at the end.
    pub added: [f32; 4],
}

/// How much evidence makes a slip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AgreementRules {
    /// For Chinese syllables.
    pub syllable: SlipWeights,
    /// For words.
    pub word: SlipWeights,
}

impl Default for AgreementRules {
    /// Learnt by `models/starter/ears/slips.py` from what the starter ears found in the starter voice with scripted
    /// slips, most of it at other paces and with pauses: 600 clean Chinese and 792 clean English clauses, of `dev_zh.txt`
    /// and `dev_en.txt` alone.
    fn default() -> Self {
        Self { syllable: SYLLABLE, word: WORD }
    }
}

const SYLLABLE: SlipWeights = SlipWeights {
    swallowed: [-5.831, 0.184, 0.245, -0.338],
    repeated: [1.917, 0.274, 0.187, -0.085, 0.267, 3.136],
    added: [-0.776, 0.384, 0.643, 0.477],
};
const WORD: SlipWeights = SlipWeights {
    swallowed: [-3.605, 0.142, 0.273, -0.369],
    repeated: [-1.437, 0.212, 0.408, -0.043, 0.244, 2.856],
    added: [-2.804, 0.432, 1.113, 0.509],
};

/// Evidence beyond these bounds counts as they do, nats.
const LEAST: f32 = -25.0;
const MOST: f32 = 20.0;

fn weigh<const N: usize>(weights: [f32; N], evidence: [f32; N]) -> f32 {
    weights.iter().zip(evidence).map(|(weight, value)| weight * value.clamp(LEAST, MOST)).sum()
}

impl SlipWeights {
    /// Above 0: this was swallowed.
    fn swallowed(&self, found: &Found) -> f32 {
        let over = found.without - found.other.max(0.0);
        weigh(self.swallowed, [1.0, found.without, over, sureness(found)])
    }

    /// Above 0: this was said twice.
    fn repeated(&self, found: &Found) -> f32 {
        let Found { again, other, most_again, recurs, .. } = *found;
        weigh(self.repeated, [1.0, again, other, sureness(found), most_again, recurs])
    }

    /// Above 0: something else was said.
    fn added(&self, evidence: f32, first: bool, last: bool) -> f32 {
        let at = |here: bool| if here { 1.0 } else { 0.0 };
        weigh(self.added, [1.0, evidence, at(first), at(last)])
    }
}

/// How sure it is that a wanted one is there: ln of its probability, not below -12.
fn sureness(found: &Found) -> f32 {
    found.probability.max(6.2e-6).ln()
}

impl Agreement {
    /// What the sound says otherwise, in order of place.
    #[must_use]
    pub fn slips(&self, rules: &AgreementRules) -> Vec<Slip> {
        let weights = |kind: Kind| match kind {
            Kind::Syllable => &rules.syllable,
            Kind::Word => &rules.word,
        };
        let mut slips = Vec::new();
        let last = self.wanted.len();
        for place in 0..=last {
            let Some(beside) = self.wanted.get(place).or(self.wanted.last()) else { break };
            let weights = weights(beside.kind);
            let added = self.added.get(place).copied().unwrap_or(f32::NEG_INFINITY);
            if weights.added(added, place == 0, place == last) > 0.0 {
                slips.push(Slip::Added(place));
            }
            let Some(found) = self.wanted.get(place) else { break };
            if weights.swallowed(found) > 0.0 {
                slips.push(Slip::Swallowed(place));
            }
            if weights.repeated(found) > 0.0 {
                slips.push(Slip::Repeated(place));
            }
        }
        slips
    }

    /// Looks at the same sound as one: evidence is averaged, places are those of this one.
    ///
    /// A look that finds other wanted ones is left aside.
    #[must_use]
    pub fn averaged(mut self, others: &[Self]) -> Self {
        let same = |other: &&Self| {
            other.wanted.len() == self.wanted.len() && other.added.len() == self.added.len()
        };
        let others: Vec<&Self> = others.iter().filter(same).collect();
        #[expect(clippy::cast_precision_loss, reason = "a sound is looked at a few times")]
        let count = (others.len() + 1) as f32;
        let mean = |own: f32, of: &dyn Fn(&Self) -> f32| {
            (own + others.iter().map(|other| of(other)).sum::<f32>()) / count
        };
        for (place, one) in self.wanted.iter_mut().enumerate() {
            one.without = mean(one.without, &|look| look.wanted[place].without);
            one.other = mean(one.other, &|look| look.wanted[place].other);
            one.again = mean(one.again, &|look| look.wanted[place].again);
            let sure = mean(one.probability.ln(), &|look| look.wanted[place].probability.ln());
            one.probability = sure.exp();
            let most = others.iter().map(|look| look.wanted[place].most_again);
            one.most_again = most.fold(one.most_again, f32::max);
        }
        for (place, one) in self.added.iter_mut().enumerate() {
            *one = mean(*one, &|look| look.added[place]);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rule that is easy to count with.
    const PLAIN: AgreementRules = {
        let plain = SlipWeights {
            swallowed: [-1.0, 0.0, 1.0, 0.0],
            repeated: [4.0, 1.0, 0.0, 0.0, 0.0, 0.0],
            added: [-2.0, 1.0, 0.0, 1.0],
        };
        AgreementRules { syllable: plain, word: plain }
    };

    fn found(start: u64, without: f32, other: f32, again: f32) -> Found {
        let sure = Found::sure(Kind::Word, 0);
        Found { start, end: start + 1000, without, other, again, most_again: again, ..sure }
    }

    fn slips(wanted: &[Found], added: &[f32], rules: &AgreementRules) -> Vec<Slip> {
        Agreement { wanted: wanted.to_vec(), added: added.to_vec() }.slips(rules)
    }

    #[test]
    fn little_evidence_makes_no_slip() {
        let all = [
            found(0, -9.0, -2.0, -8.0),
            found(2000, 0.5, -2.0, -5.5),
            Found::sure(Kind::Word, 3000),
        ];
        assert_eq!(slips(&all, &[-9.0, 1.0, -3.0, 0.5], &PLAIN), []);
        assert_eq!(slips(&all[2..], &[-9.0, -9.0], &AgreementRules::default()), []);
        assert_eq!(slips(&[], &[], &AgreementRules::default()), []);
    }

    #[test]
    fn a_slip_is_where_it_was_made() {
        let all =
            [found(0, -9.0, -2.0, 3.0), found(2000, 9.0, 1.0, -8.0), found(4000, -9.0, -2.0, -8.0)];
        let slips = slips(&all, &[-9.0, -9.0, -9.0, 12.0], &PLAIN);
        assert_eq!(slips, [Slip::Repeated(0), Slip::Swallowed(1), Slip::Added(3)]);
    }

    #[test]
    fn the_learnt_rules_tell_clear_cases() {
        for kind in [Kind::Syllable, Kind::Word] {
            let clean = Found { kind, ..found(0, -9.0, 0.0, -9.0) };
            let absent = Found { probability: 1e-5, without: 9.0, other: 1.0, ..clean };
            // To be said twice it would have to be misheard twice.
            let misheard = Found {
                probability: 1e-3,
                without: 4.0,
                other: 12.0,
                again: -24.0,
                most_again: -24.0,
                ..clean
            };
            let twice = Found { again: 3.0, most_again: 3.0, recurs: 0.5, ..clean };
            let of = |found: Found, before: f32| {
                slips(
                    &[clean, found, clean],
                    &[-8.0, before, -8.0, -8.0],
                    &AgreementRules::default(),
                )
            };
            assert_eq!(of(clean, -6.0), [], "{kind:?}");
            assert_eq!(of(misheard, -6.0), [], "{kind:?}");
            assert_eq!(of(absent, -6.0), [Slip::Swallowed(1)], "{kind:?}");
            assert_eq!(of(twice, -6.0), [Slip::Repeated(1)], "{kind:?}");
            assert_eq!(of(clean, 9.0), [Slip::Added(1)], "{kind:?}");
        }
    }

    #[test]
    fn what_is_misheard_is_not_swallowed() {
        assert_eq!(slips(&[found(0, 9.0, 9.0, -8.0)], &[-9.0, -9.0], &PLAIN), []);
    }

    #[test]
    fn each_language_is_weighed_with_its_own_table() {
        let mut rules = PLAIN;
        rules.syllable.swallowed[0] = -20.0;
        let syllable = Found { kind: Kind::Syllable, ..found(0, 9.0, 0.0, -9.0) };
        assert_eq!(slips(&[syllable], &[-9.0, -9.0], &rules), []);
        assert_eq!(slips(&[found(0, 9.0, 0.0, -9.0)], &[-9.0, -9.0], &rules), [Slip::Swallowed(0)]);
    }

    #[test]
    fn the_end_counts_otherwise_than_the_middle() {
        assert_eq!(slips(&[found(0, -9.0, 0.0, -9.0)], &[1.5, 1.5], &PLAIN), [Slip::Added(1)]);
    }

    #[test]
    fn looks_are_one_of_their_mean() {
        let look = |without: f32| Agreement {
            wanted: vec![found(7, without, 0.0, 2.0 * without)],
            added: vec![-9.0, 2.0 * without],
        };
        let all = look(4.0).averaged(&[look(-1.0), look(-6.0)]);
        assert!((all.wanted[0].without + 1.0).abs() < 1e-6 && (all.added[1] + 2.0).abs() < 1e-6);
        assert!((all.wanted[0].again + 2.0).abs() < 1e-6, "{all:?}");
        assert_eq!((all.wanted[0].start, all.wanted[0].most_again), (7, 8.0));
        let sure = |probability: f32| Agreement {
            wanted: vec![Found { probability, ..found(7, 0.0, 0.0, 0.0) }],
            added: vec![0.0; 2],
        };
        let all = sure(0.9).averaged(&[sure(0.1)]);
        assert!((all.wanted[0].probability - 0.3).abs() < 1e-6, "{all:?}");
        // One that cannot be compared changes nothing.
        assert_eq!(look(4.0).averaged(&[Agreement::default()]).wanted[0].without, 4.0);
    }

    #[test]
    fn what_recurs_speaks_for_one_said_twice() {
        let rules = AgreementRules::default();
        for (kind, weights) in [(Kind::Syllable, rules.syllable), (Kind::Word, rules.word)] {
            let of = |recurs: f32| {
                weights.repeated(&Found { kind, recurs, ..found(0, -9.0, 0.0, -3.0) })
            };
            assert!(of(0.6) > of(0.0), "{kind:?}");
        }
    }
}
