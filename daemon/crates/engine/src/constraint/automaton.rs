//! Regular languages over bytes: put together as a nondeterministic automaton (Thompson 1968), made
//! deterministic state by state as it is walked (subset construction, Rabin and Scott 1959).

use std::collections::HashMap;
use std::ops::RangeInclusive;

/// A place of the nondeterministic automaton.
pub(super) type Place = u32;
/// A state of the deterministic one.
pub(super) type State = u32;

/// The state that nothing leads out of.
const DEAD: State = 0;
/// A step that was not made yet.
const UNKNOWN: State = State::MAX;
/// The bytes of a character above U+007F by its first byte (Unicode 15.0, table 3-7): first, second,
/// and how many more from 0x80 to 0xBF.
const WIDE: [(RangeInclusive<u8>, RangeInclusive<u8>, usize); 8] = [
    (0xc2..=0xdf, 0x80..=0xbf, 0),
    (0xe0..=0xe0, 0xa0..=0xbf, 1),
    (0xe1..=0xec, 0x80..=0xbf, 1),
    (0xed..=0xed, 0x80..=0x9f, 1),
    (0xee..=0xef, 0x80..=0xbf, 1),
    (0xf0..=0xf0, 0x90..=0xbf, 2),
    (0xf1..=0xf3, 0x80..=0xbf, 2),
    (0xf4..=0xf4, 0x80..=0x8f, 2),
];

/// Puts a language together. Every method takes the place where its part begins and gives the one where
/// it ends.
#[derive(Debug, Default)]
pub(super) struct Builder {
    steps: Vec<Vec<(RangeInclusive<u8>, Place)>>,
    empty: Vec<Vec<Place>>,
}

impl Builder {
    /// A new place.
    pub(super) fn place(&mut self) -> Place {
        self.steps.push(Vec::new());
        self.empty.push(Vec::new());
        Place::try_from(self.steps.len() - 1).unwrap_or(Place::MAX)
    }

    /// How many places there are.
    pub(super) fn size(&self) -> usize {
        self.steps.len()
    }

    /// From one place to another without a byte.
    pub(super) fn join(&mut self, from: Place, to: Place) {
        self.empty[from as usize].push(to);
    }

    /// One byte of a range, to a place that is there.
    pub(super) fn byte_to(&mut self, from: Place, bytes: RangeInclusive<u8>, to: Place) {
        self.steps[from as usize].push((bytes, to));
    }

    /// One byte of some ranges.
    pub(super) fn byte(&mut self, from: Place, ranges: &[RangeInclusive<u8>]) -> Place {
        let to = self.place();
        ranges.iter().for_each(|range| self.byte_to(from, range.clone(), to));
        to
    }

    /// These bytes.
    pub(super) fn text(&mut self, from: Place, text: &[u8]) -> Place {
        text.iter().fold(from, |at, byte| self.byte(at, &[*byte..=*byte]))
    }

    /// One of some texts.
    pub(super) fn one_of<'a>(
        &mut self,
        from: Place,
        texts: impl IntoIterator<Item = &'a [u8]>,
    ) -> Place {
        let end = self.place();
        for text in texts {
            let last = self.text(from, text);
            self.join(last, end);
        }
        end
    }

    /// A part, at least `least` times and at most `most` (`None`: without limit).
    pub(super) fn times(
        &mut self,
        from: Place,
        (least, most): (usize, Option<usize>),
        part: &mut dyn FnMut(&mut Self, Place) -> Place,
    ) -> Place {
        let mut at = from;
        for _ in 0..least {
            at = part(self, at);
        }
        let Some(most) = most else {
            let again = self.place();
            self.join(at, again);
            let end = part(self, again);
            self.join(end, again);
            return again;
        };
        let end = self.place();
        self.join(at, end);
        for _ in least..most {
            at = part(self, at);
            self.join(at, end);
        }
        end
    }

    /// One character above U+007F, as UTF-8, to a place that is there.
    pub(super) fn wide_character_to(&mut self, from: Place, to: Place) {
        for (first, second, more) in WIDE {
            let mut at = self.byte(from, &[first]);
            if more == 0 {
                self.byte_to(at, second, to);
                continue;
            }
            at = self.byte(at, &[second]);
            for _ in 1..more {
                at = self.byte(at, &[0x80..=0xbf]);
            }
            self.byte_to(at, 0x80..=0xbf, to);
        }
    }

    /// The language of what leads from `start` to `end`.
    pub(super) fn finish(self, start: Place, end: Place) -> Automaton {
        let mut made = Automaton {
            builder: self,
            end,
            states: HashMap::new(),
            places: Vec::new(),
            table: Vec::new(),
            accepting: Vec::new(),
            start: DEAD,
        };
        made.state(Vec::new());
        made.start = made.state(vec![start]);
        made
    }
}

/// A language, deterministic as far as it was walked.
#[derive(Debug)]
pub(super) struct Automaton {
    builder: Builder,
    end: Place,
    states: HashMap<Vec<Place>, State>,
    /// Of each state.
    places: Vec<Vec<Place>>,
    /// The state after each byte, of each state.
    table: Vec<[State; 256]>,
    accepting: Vec<bool>,
    start: State,
}

impl Automaton {
    /// Where texts begin.
    pub(super) fn start(&self) -> State {
        self.start
    }

    /// Whether a text may end in a state.
    pub(super) fn accepts(&self, state: State) -> bool {
        self.accepting[state as usize]
    }

    /// The state after a byte; `None` where it may not come.
    pub(super) fn step(&mut self, state: State, byte: u8) -> Option<State> {
        let known = self.table[state as usize][usize::from(byte)];
        let to = if known == UNKNOWN { self.find(state, byte) } else { known };
        (to != DEAD).then_some(to)
    }

    fn find(&mut self, state: State, byte: u8) -> State {
        let mut reached = Vec::new();
        for place in &self.places[state as usize] {
            let steps = self.builder.steps[*place as usize].iter();
            reached.extend(steps.filter(|(range, _)| range.contains(&byte)).map(|(_, to)| *to));
        }
        let to = self.state(reached);
        self.table[state as usize][usize::from(byte)] = to;
        to
    }

    /// The state of some places and of those that they lead to without a byte.
    fn state(&mut self, mut places: Vec<Place>) -> State {
        let mut at = 0;
        let mut known: std::collections::HashSet<Place> = places.iter().copied().collect();
        places.sort_unstable();
        places.dedup();
        while let Some(place) = places.get(at) {
            for to in &self.builder.empty[*place as usize] {
                if known.insert(*to) {
                    places.push(*to);
                }
            }
            at += 1;
        }
        places.sort_unstable();
        if let Some(state) = self.states.get(&places) {
            return *state;
        }
        let state = State::try_from(self.places.len()).unwrap_or(DEAD);
        self.accepting.push(places.binary_search(&self.end).is_ok());
        self.table.push([if places.is_empty() { DEAD } else { UNKNOWN }; 256]);
        self.states.insert(places.clone(), state);
        self.places.push(places);
        state
    }

    /// The only byte that may come in a state where the text may not end; `None` where there is a
    /// choice.
    pub(super) fn only(&mut self, state: State) -> Option<(u8, State)> {
        if self.accepts(state) {
            return None;
        }
        let mut found = None;
        for byte in 0..=255 {
            if let Some(to) = self.step(state, byte) {
                if found.is_some() {
                    return None;
                }
                found = Some((byte, to));
            }
        }
        found
    }

    /// Whether no byte may come in a state.
    pub(super) fn is_last(&mut self, state: State) -> bool {
        (0..=255).all(|byte| self.step(state, byte).is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(automaton: &mut Automaton, text: &[u8]) -> bool {
        let end =
            text.iter().try_fold(automaton.start(), |state, byte| automaton.step(state, *byte));
        end.is_some_and(|state| automaton.accepts(state))
    }

    #[test]
    fn a_part_comes_as_often_as_it_was_said() {
        for (least, most) in [(0, Some(0)), (0, Some(2)), (2, Some(3)), (0, None), (2, None)] {
            let mut builder = Builder::default();
            let start = builder.place();
            let end = builder.times(start, (least, most), &mut |b, at| b.text(at, b"ab"));
            let mut automaton = builder.finish(start, end);
            for count in 0..6 {
                let want = count >= least && most.is_none_or(|most| count <= most);
                assert_eq!(takes(&mut automaton, "ab".repeat(count).as_bytes()), want, "{count}");
            }
            assert!(!takes(&mut automaton, b"a"));
        }
    }

    #[test]
    fn wide_characters_are_those_of_utf_8() {
        let mut builder = Builder::default();
        let (start, end) = (builder.place(), builder.place());
        builder.wide_character_to(start, end);
        let mut automaton = builder.finish(start, end);
        for c in ['\u{80}', 'é', '\u{7ff}', '\u{800}', '开', '\u{d7ff}', '\u{e000}', '😄'] {
            assert!(takes(&mut automaton, c.to_string().as_bytes()), "{c:?}");
        }
        for wrong in [&b"a"[..], &[0xc1, 0x81], &[0xed, 0xa0, 0x80], &[0xf4, 0x90, 0x80, 0x80]] {
            assert!(!takes(&mut automaton, wrong), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_decided_is_known() {
        let mut builder = Builder::default();
        let start = builder.place();
        let end = builder.one_of(start, [&b"yes"[..], b"yet"]);
        let mut automaton = builder.finish(start, end);
        let (byte, state) = automaton.only(automaton.start()).unwrap();
        let (next, state) = automaton.only(state).unwrap();
        assert_eq!((byte, next), (b'y', b'e'));
        assert!(automaton.only(state).is_none());
        let last = automaton.step(state, b't').unwrap();
        assert!(automaton.accepts(last) && automaton.is_last(last));
    }
}
