//! What the conformance command prints and leaves behind: one line per case, a last line with the
//! sums, and the computed tensors. It judges nothing.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::Path,
};

use super::{Check, Findings, HostTensor, Outcome, Verdict, tensors};

/// Sums of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Cases within their tolerances.
    pub passed: usize,
    /// Cases that ran and missed, or could not be run to their end.
    pub failed: usize,
    /// Cases of a kind that is not built yet.
    pub not_built: usize,
}

impl Tally {
    /// Counts a case.
    pub fn count(&mut self, outcome: &Outcome) {
        match outcome.verdict {
            Verdict::NotBuilt(_) => self.not_built += 1,
            _ if outcome.passed() => self.passed += 1,
            _ => self.failed += 1,
        }
    }

    /// Whether there was something to do and all of it passed.
    #[must_use]
    pub fn all_passed(&self) -> bool {
        self.failed == 0 && self.not_built == 0 && self.passed > 0
    }
}

/// Prints the line of a case; misses get a line each below it (five at most).
///
/// # Errors
/// When `out` cannot be written.
pub fn line(out: &mut impl Write, outcome: &Outcome) -> io::Result<()> {
    let name = &outcome.name;
    let seconds = outcome.seconds;
    match &outcome.verdict {
        Verdict::NotBuilt(what) => writeln!(out, "NOT BUILT  {name}  {what}"),
        Verdict::Failed(why, findings) => {
            writeln!(out, "FAIL       {name}  {why}")?;
            misses(out, findings)
        }
        Verdict::Ran(findings) => {
            let verdict = if outcome.passed() { "PASS" } else { "FAIL" };
            let worst = worst(findings).map_or_else(|| "nothing was compared".into(), figure);
            let count = findings.checks.len();
            writeln!(out, "{verdict:<9}  {name}  {worst}  ({count} checks, {seconds:.2} s)")?;
            misses(out, findings)
        }
    }
}

/// The worst comparison of a case; among equals the one with the larger error.
fn worst(findings: &Findings) -> Option<&Check> {
    findings.checks.iter().max_by(|a, b| {
        a.severity().total_cmp(&b.severity()).then(a.tolerance.total_cmp(&b.tolerance))
    })
}

fn figure(check: &Check) -> String {
    if check.tolerance == 0.0 && check.passed() {
        return "0 / exact".into();
    }
    format!("{:.2e} / {:.0e} {} at {}", check.error, check.tolerance, check.how, check.what)
}

fn misses(out: &mut impl Write, findings: &Findings) -> io::Result<()> {
    const SHOWN: usize = 5;
    let missed: Vec<&Check> = findings.checks.iter().filter(|check| !check.passed()).collect();
    for check in missed.iter().take(SHOWN) {
        writeln!(out, "           - {}", figure(check))?;
    }
    if missed.len() > SHOWN {
        writeln!(out, "           - and {} more", missed.len() - SHOWN)?;
    }
    Ok(())
}

/// Prints the sums.
///
/// # Errors
/// When `out` cannot be written.
pub fn sums(out: &mut impl Write, tally: &Tally) -> io::Result<()> {
    let Tally { passed, failed, not_built } = tally;
    writeln!(out, "{passed} passed, {failed} failed, {not_built} not built")
}

/// Collects computed tensors by file and writes them below a folder.
#[derive(Debug, Default)]
pub struct Dump {
    files: BTreeMap<String, BTreeMap<String, HostTensor>>,
}

impl Dump {
    /// Takes the tensors of a case.
    pub fn take(&mut self, outcome: &mut Outcome) {
        if let Verdict::Ran(findings) | Verdict::Failed(_, findings) = &mut outcome.verdict {
            for computed in findings.computed.drain(..) {
                self.files.entry(computed.file).or_default().insert(computed.name, computed.tensor);
            }
        }
    }

    /// Writes every file under its name relative to `folder`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        self.files.iter().try_for_each(|(file, values)| tensors::write(&folder.join(file), values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{Case, DeviceChoice, Settings, Tolerance, run};

    fn printed(case: Case) -> String {
        let outcome = run(case, &Settings { device: DeviceChoice::Cpu });
        let mut out = Vec::new();
        line(&mut out, &outcome).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_passing_case_shows_its_worst_error_beside_the_tolerance() {
        let text = printed(Case::new("a/甲", |_, found| {
            found.exact("ids", &[1, 2], &[1, 2]);
            found.values("x", &[1.0], &[1.001], Tolerance::absolute(5e-3));
            Ok(())
        }));
        assert!(text.starts_with("PASS       a/甲  1.00e-3 / 5e-3 absolute at x"), "{text}");
    }

    #[test]
    fn a_miss_says_what_differed() {
        let text = printed(Case::new("b", |_, found| {
            found.exact("ids", "你好", "您好");
            Ok(())
        }));
        assert!(text.starts_with("FAIL"), "{text}");
        assert!(text.contains("你好") && text.contains("您好"), "{text}");
    }

    #[test]
    fn a_case_not_built_is_a_miss() {
        let outcome =
            run(Case::not_built("c", "no such model"), &Settings { device: DeviceChoice::Cpu });
        let mut tally = Tally::default();
        tally.count(&outcome);
        assert!(!tally.all_passed());
        assert_eq!(tally.not_built, 1);
    }
}
