//! How often what was found, with how far the share may be from the true one. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::fault::Fault;

/// Clauses, and those that were called faulty.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Count {
    pub(crate) clauses: usize,
    pub(crate) called: usize,
}

impl Count {
    fn add(&mut self, called: bool) {
        self.clauses += 1;
        self.called += usize::from(called);
    }

    /// Per cent.
    pub(crate) fn share(self) -> f64 {
        100.0 * float(self.called) / float(self.clauses.max(1))
    }

    /// Between which per cents the true share is with 95 % (Wilson's interval).
    pub(crate) fn interval(self) -> (f64, f64) {
        const Z: f64 = 1.96;
        let (n, p) = (float(self.clauses.max(1)), self.share() / 100.0);
        let middle = p + Z * Z / (2.0 * n);
        let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let scale = 100.0 / (1.0 + Z * Z / n);
        (scale * (middle - half).max(0.0), scale * (middle + half))
    }
}

fn float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

/// Counts of a run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: BTreeMap<(String, Fault), Count>,
    classes: BTreeMap<(String, Fault, &'static str), Count>,
}

impl Tally {
    pub(crate) fn add(&mut self, set: &str, fault: Fault, class: &'static str, called: bool) {
        self.counts.entry((set.to_owned(), fault)).or_default().add(called);
        if fault != Fault::None {
            self.classes.entry((set.to_owned(), fault, class)).or_default().add(called);
        }
    }

    pub(crate) fn table(&self) -> String {
        let mut out = "| sentences | the voice | clauses | called faulty | 95 % interval |\n|---|---|---|---|---|\n".to_owned();
        let mut row = |set: &str, what: &str, count: &Count| {
            let (low, high) = count.interval();
            let _ = writeln!(
                out,
                "| {set} | {what} | {} | {:.1} % | {low:.1}-{high:.1} % |",
                count.clauses,
                count.share()
            );
        };
        for ((set, fault), count) in &self.counts {
            row(set, fault.name(), count);
        }
        for ((set, fault, class), count) in &self.classes {
            row(set, &format!("{}, {class}", fault.name()), count);
        }
        out
    }

    pub(crate) fn json(&self) -> Value {
        let one = |set: &str, fault: Fault, class: &str, count: &Count| {
            let (low, high) = count.interval();
            json!({
                "set": set, "fault": fault.name(), "class": class, "clauses": count.clauses,
                "called_faulty": count.called, "share": count.share(), "interval": [low, high],
            })
        };
        let all = self.counts.iter().map(|((set, fault), count)| one(set, *fault, "all", count));
        let each =
            self.classes.iter().map(|((set, fault, class), count)| one(set, *fault, class, count));
        Value::Array(all.chain(each).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_wilsons_interval() {
        let count = Count { clauses: 400, called: 2 };
        let (low, high) = count.interval();
        assert!((count.share() - 0.5).abs() < 1e-9);
        assert!((low - 0.137).abs() < 0.01 && (high - 1.805).abs() < 0.01, "{low} {high}");
        assert!(Count { clauses: 100, called: 0 }.interval().1 > 3.0);
    }

    #[test]
    fn faults_are_counted_by_class_and_clean_clauses_are_not() {
        let mut tally = Tally::default();
        tally.add("a", Fault::None, "all", false);
        tally.add("a", Fault::Swallows, "function word", true);
        let json = tally.json();
        assert_eq!(json.as_array().map(Vec::len), Some(3));
        assert_eq!(json[2]["class"], "function word");
        assert!(tally.table().contains("| a | swallows, function word | 1 | 100.0 % |"));
    }
}
