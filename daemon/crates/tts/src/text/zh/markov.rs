//! The hidden Markov model that cuts and tags runs the dictionary has no words for: states are pairs
//! of place in the word (begin, middle, end, single) and part of speech; found by Viterbi's
//! algorithm. Knows no dictionary.

use rustc_hash::FxHashMap;
use serde::Deserialize;

use super::words::Word;
use crate::{TtsError, text::Lexicon};

const FILE: &str = "jieba_posseg.json.gz";

/// Stands for the logarithm of nothing, as the model's own tables have it.
const IMPOSSIBLE: f64 = -3.14e100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Begin,
    Middle,
    End,
    Single,
}

/// What the model knows of one character.
#[derive(Debug, Default)]
struct Character {
    /// States it may have, ascending; empty: any.
    states: Vec<u16>,
    /// Log probability of the character in a state.
    emissions: Vec<(u16, f64)>,
}

/// States, their transitions, and what each character says about them.
#[derive(Debug)]
pub(super) struct Markov {
    states: Vec<(Place, String)>,
    start: Vec<f64>,
    transitions: Vec<Vec<(u16, f64)>>,
    characters: FxHashMap<char, Character>,
}

#[derive(Deserialize)]
struct Table {
    states: Vec<(String, String)>,
    start: Vec<f64>,
    trans: Vec<Vec<(u16, f64)>>,
    emit: FxHashMap<char, Vec<(u16, f64)>>,
    char_states: FxHashMap<char, Vec<u16>>,
}

impl Markov {
    /// Reads the tables and checks that every state they name exists.
    pub(super) fn read(lexicon: &Lexicon) -> Result<Self, TtsError> {
        let table: Table = lexicon.json(FILE)?;
        let wrong =
            |problem: &str| TtsError::Lexicon { path: lexicon.path(FILE), problem: problem.into() };
        let place = |(name, tag): (String, String)| match name.as_str() {
            "B" => Ok((Place::Begin, tag)),
            "M" => Ok((Place::Middle, tag)),
            "E" => Ok((Place::End, tag)),
            "S" => Ok((Place::Single, tag)),
            _ => Err(wrong("a state is none of B, M, E, S")),
        };
        let states = table.states.into_iter().map(place).collect::<Result<Vec<_>, _>>()?;
        if table.start.len() != states.len() || table.trans.len() != states.len() {
            return Err(wrong("start, trans and states differ in length"));
        }
        let mut characters: FxHashMap<char, Character> = FxHashMap::default();
        for (character, emissions) in table.emit {
            characters.entry(character).or_default().emissions = emissions;
        }
        for (character, mut allowed) in table.char_states {
            allowed.sort_unstable();
            characters.entry(character).or_default().states = allowed;
        }
        let named = table.trans.iter().flatten().map(|(state, _)| *state);
        let emitting =
            characters.values().flat_map(|c| c.emissions.iter().map(|(state, _)| *state));
        let allowed = characters.values().flat_map(|c| c.states.iter().copied());
        if named.chain(emitting).chain(allowed).any(|state| usize::from(state) >= states.len()) {
            return Err(wrong("a state's number is too large"));
        }
        Ok(Self { states, start: table.start, transitions: table.trans, characters })
    }

    /// Words of a run, appended to `words`.
    pub(super) fn cut(&self, run: &str, words: &mut Vec<Word>) {
        let mut word = String::new();
        let mut tag = "";
        for (character, state) in run.chars().zip(self.path(run)) {
            let (place, state_tag) = &self.states[usize::from(state)];
            let begins = matches!(place, Place::Begin | Place::Single);
            if begins && !word.is_empty() {
                words.push(Word::new(std::mem::take(&mut word), tag));
            }
            if word.is_empty() {
                tag = state_tag;
            }
            word.push(character);
            if matches!(place, Place::End | Place::Single) {
                words.push(Word::new(std::mem::take(&mut word), state_tag));
            }
        }
        if !word.is_empty() {
            words.push(Word::new(word, tag));
        }
    }

    /// The likeliest states of a run; of equally likely ones those with the larger number.
    fn path(&self, run: &str) -> Vec<u16> {
        let mut step = Step::new(self.states.len());
        let mut back: Vec<Vec<(u16, u16)>> = Vec::new();
        let mut before: Vec<(u16, f64)> = Vec::new();
        let unknown = Character::default();
        for (place, character) in run.chars().enumerate() {
            let known = self.characters.get(&character).unwrap_or(&unknown);
            step.emit(&known.emissions);
            before = if place == 0 {
                let first = |state: u16| {
                    let index = usize::from(state);
                    (state, self.start[index] + step.emission[index])
                };
                self.allowed(known).map(first).collect()
            } else {
                self.advance(&before, known, &mut step)
            };
            let came = |(state, _): &(u16, f64)| (*state, step.from[usize::from(*state)]);
            back.push(before.iter().map(came).collect());
            step.forget(&known.emissions);
        }
        let mut path = Vec::with_capacity(back.len());
        let mut state = likeliest(&before);
        for column in back.iter().rev() {
            path.push(state);
            state = match column.binary_search_by_key(&state, |(state, _)| *state) {
                Ok(found) => column[found].1,
                Err(_) => 0,
            };
        }
        path.reverse();
        path
    }

    fn allowed<'a>(&self, known: &'a Character) -> Box<dyn Iterator<Item = u16> + 'a> {
        if known.states.is_empty() {
            let all = u16::try_from(self.states.len()).unwrap_or(u16::MAX);
            return Box::new(0..all);
        }
        Box::new(known.states.iter().copied())
    }

    /// Probabilities of the states after `before` that `known` may have; of all states that follow
    /// when it may have none of these.
    fn advance(
        &self,
        before: &[(u16, f64)],
        known: &Character,
        step: &mut Step,
    ) -> Vec<(u16, f64)> {
        step.best.fill(f64::NEG_INFINITY);
        step.reached.fill(false);
        for (state, so_far) in before {
            for (next, transition) in &self.transitions[usize::from(*state)] {
                let index = usize::from(*next);
                // Summed in this order: −3.14e100 swallows what is added to it, and which states
                // are equal then decides.
                let probability = so_far + transition + step.emission[index];
                if !step.reached[index] || probability >= step.best[index] {
                    step.best[index] = probability;
                    step.from[index] = *state;
                }
                step.reached[index] = true;
            }
        }
        let value = |state: u16| (state, step.best[usize::from(state)]);
        let reached = |state: &u16| step.reached[usize::from(*state)];
        let states: Vec<_> = self.allowed(known).filter(reached).map(value).collect();
        if !states.is_empty() {
            return states;
        }
        let all = 0..u16::try_from(self.states.len()).unwrap_or(u16::MAX);
        let states: Vec<_> = all.filter(reached).map(value).collect();
        if !states.is_empty() {
            return states;
        }
        // Nothing follows any of them: the run begins anew, behind the likeliest.
        let last = likeliest(before);
        step.from.fill(last);
        let first = |state: u16| {
            let index = usize::from(state);
            (state, self.start[index] + step.emission[index])
        };
        self.allowed(known).map(first).collect()
    }
}

fn likeliest(states: &[(u16, f64)]) -> u16 {
    let mut best = (0, f64::NEG_INFINITY);
    for (state, probability) in states {
        if *probability >= best.1 {
            best = (*state, *probability);
        }
    }
    best.0
}

/// One value per state, kept between the steps of a run.
struct Step {
    emission: Vec<f64>,
    best: Vec<f64>,
    from: Vec<u16>,
    reached: Vec<bool>,
}

impl Step {
    fn new(states: usize) -> Self {
        Self {
            emission: vec![IMPOSSIBLE; states],
            best: vec![f64::NEG_INFINITY; states],
            from: vec![0; states],
            reached: vec![false; states],
        }
    }

    fn emit(&mut self, emissions: &[(u16, f64)]) {
        emissions.iter().for_each(|(state, value)| self.emission[usize::from(*state)] = *value);
    }

    fn forget(&mut self, emissions: &[(u16, f64)]) {
        emissions.iter().for_each(|(state, _)| self.emission[usize::from(*state)] = IMPOSSIBLE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::lexicon::shipped;

    #[test]
    fn a_name_no_dictionary_has_is_one_word() {
        let markov = Markov::read(&shipped()).unwrap();
        let mut words = Vec::new();
        markov.cut("赵晓璐", &mut words);
        let words: Vec<_> = words.iter().map(|w| (w.text.as_str(), w.tag.as_str())).collect();
        assert_eq!(words, [("赵晓璐", "nr")]);
    }

    #[test]
    fn characters_unknown_to_the_model_are_cut_too() {
        let markov = Markov::read(&shipped()).unwrap();
        let mut words = Vec::new();
        markov.cut("㐀㐁㐂", &mut words);
        assert_eq!(words.iter().map(|w| w.text.as_str()).collect::<String>(), "㐀㐁㐂");
    }
}
