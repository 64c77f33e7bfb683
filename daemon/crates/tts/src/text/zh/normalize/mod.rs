//! Chinese text as it is read: numbers and signs in words, simplified characters, six marks. Each
//! corner reads one kind of writing; the order they take turns in decides what is what.

mod arithmetic;
mod dates;
mod measures;
mod numbers;
mod quantities;
mod script;
mod telephones;

use arithmetic::Arithmetic;
use dates::Dates;
use measures::Measures;
use quantities::Quantities;
use script::Script;
use telephones::Telephones;

use crate::{TtsError, text::Lexicon};

/// Writes text as it is read.
#[derive(Debug)]
pub(super) struct Normalizer {
    script: Script,
    dates: Dates,
    measures: Measures,
    arithmetic: Arithmetic,
    telephones: Telephones,
    quantities: Quantities,
}

impl Normalizer {
    /// Reads the tables of characters.
    pub(super) fn read(lexicon: &Lexicon) -> Result<Self, TtsError> {
        Ok(Self {
            script: Script::read(lexicon)?,
            dates: Dates::new()?,
            measures: Measures::new()?,
            arithmetic: Arithmetic::new()?,
            telephones: Telephones::new()?,
            quantities: Quantities::new()?,
        })
    }

    /// The clauses of a text, each with its numbers and signs in words.
    pub(super) fn clauses(&self, text: &str) -> Vec<String> {
        Script::clauses(text).iter().map(|clause| self.read_clause(clause)).collect()
    }

    /// Clauses joined to one text of simplified Han characters and single marks.
    pub(super) fn join(&self, clauses: &[String]) -> String {
        let joined: String = clauses.iter().map(|clause| self.script.reduce(clause)).collect();
        Script::join_marks(&joined)
    }

    fn read_clause(&self, clause: &str) -> String {
        let text = self.script.simplify(clause);
        let text = self.dates.read_dates(&text);
        let text = self.dates.read_times(&text);
        let text = self.measures.read_ranges(&text);
        let text = self.measures.read_temperatures(&text);
        let text = Measures::read_units(&text);
        let text = self.arithmetic.read_operations(&text);
        let text = self.arithmetic.read_powers(&text);
        let text = self.arithmetic.read_fractions(&text);
        let text = self.arithmetic.read_percentages(&text);
        let text = self.telephones.read(&text);
        let text = self.quantities.read(&text);
        Script::read_signs(&text)
    }
}
