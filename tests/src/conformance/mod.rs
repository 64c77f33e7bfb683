//! The conformance command's frame: what a case is, what it found, and how the cases of a group are
//! run one after another. Cases are found by what lies in a folder, never by a list. It knows no
//! model; `asr`, `llm` and `tts` do. Runs in the thread of the command.

use std::{path::Path, time::Instant};

pub mod asr;
pub mod compare;
mod embedders;
pub mod llm;
pub mod report;
pub mod tensors;
pub mod tts;

pub use compare::{Measure, Tolerance};
pub use tensors::HostTensor;

/// Where the models of a run compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum DeviceChoice {
    /// The processor.
    Cpu,
    /// The first CUDA device.
    Cuda,
    /// The sources of its kernels, compiled for the processor: slow, and proves them without a GPU.
    Emulated,
}

/// A group of fixtures; each has a layout of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Group {
    /// Speech recognition.
    Asr,
    /// Language models and embedders.
    Llm,
    /// Voices.
    Tts,
}

/// What every case may know of the run.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Where to compute.
    pub device: DeviceChoice,
}

/// One comparison a case made.
#[derive(Clone, Debug)]
pub struct Check {
    /// What was compared, for example `zh_weather/log_probs`.
    pub what: String,
    /// How far it was off; not finite counts as a miss.
    pub error: f64,
    /// How far it may be off; 0 means equal.
    pub tolerance: f64,
    /// In which way the error is measured, or for an exact comparison what differed.
    pub how: String,
}

impl Check {
    /// Whether the error is within the tolerance.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.error.is_finite() && self.error <= self.tolerance
    }

    /// Error in units of the tolerance, to find the worst of several.
    #[must_use]
    pub fn severity(&self) -> f64 {
        if !self.error.is_finite() {
            f64::INFINITY
        } else if self.error == 0.0 {
            0.0
        } else {
            self.error / self.tolerance
        }
    }
}

/// A computed tensor, to be written under the expected file's name.
#[derive(Clone, Debug)]
pub struct Computed {
    /// Path of the expected file, relative to the folder of the run.
    pub file: String,
    /// Name of the tensor in it.
    pub name: String,
    /// The values.
    pub tensor: HostTensor,
}

/// What a case found: comparisons, and the tensors it computed.
#[derive(Debug, Default)]
pub struct Findings {
    /// Comparisons in the order they were made.
    pub checks: Vec<Check>,
    /// Computed tensors.
    pub computed: Vec<Computed>,
}

impl Findings {
    /// Compares values with a tolerance.
    pub fn values(&mut self, what: &str, got: &[f32], want: &[f32], tolerance: Tolerance) {
        let (error, how) = if got.len() == want.len() {
            (compare::error(tolerance.measure, got, want), tolerance.measure.to_string())
        } else {
            (f64::INFINITY, format!("{} values, expected {}", got.len(), want.len()))
        };
        self.checks.push(Check { what: what.into(), error, tolerance: tolerance.limit, how });
    }

    /// Compares a tensor with a tolerance; another shape is a miss.
    pub fn tensor(&mut self, what: &str, got: &HostTensor, want: &HostTensor, limit: Tolerance) {
        if got.shape == want.shape {
            self.values(what, &got.values, &want.values, limit);
        } else {
            let how = format!("shape {:?}, expected {:?}", got.shape, want.shape);
            let what = what.to_owned();
            self.checks.push(Check { what, error: f64::INFINITY, tolerance: limit.limit, how });
        }
    }

    /// Compares what must be equal.
    pub fn exact<T: PartialEq + std::fmt::Debug + ?Sized>(
        &mut self,
        what: &str,
        got: &T,
        want: &T,
    ) {
        let equal = got == want;
        let how = if equal {
            "exact".to_owned()
        } else {
            format!("got {}, expected {}", shorten(&format!("{got:?}")), {
                shorten(&format!("{want:?}"))
            })
        };
        self.checks.push(Check {
            what: what.into(),
            error: if equal { 0.0 } else { 1.0 },
            tolerance: 0.0,
            how,
        });
    }

    /// Everything recorded under `prefix` must have been computed ([`Findings::keep`]), but for `inputs` (parts of
    /// names behind the prefix): what nothing was compared with is a miss.
    pub fn all_compared<'a>(
        &mut self,
        recorded: impl IntoIterator<Item = &'a String>,
        prefix: &str,
        inputs: &[&str],
    ) {
        let left: Vec<&String> = recorded
            .into_iter()
            .filter(|name| {
                name.strip_prefix(prefix).is_some_and(|part| !inputs.contains(&part))
                    && !self.computed.iter().any(|c| c.name == **name)
            })
            .collect();
        self.exact("recorded and never compared", &left, &Vec::new());
    }

    /// Remembers a computed tensor under the name of its counterpart in the expected file.
    pub fn keep(&mut self, file: &str, name: &str, tensor: HostTensor) {
        self.computed.push(Computed { file: file.into(), name: name.into(), tensor });
    }
}

fn shorten(text: &str) -> String {
    const LIMIT: usize = 160;
    if text.chars().count() <= LIMIT {
        return text.to_owned();
    }
    let head: String = text.chars().take(LIMIT).collect();
    format!("{head}…")
}

type Run = Box<dyn FnOnce(&Settings, &mut Findings) -> anyhow::Result<()>>;

/// What a case does.
enum Body {
    Run(Run),
    NotBuilt(String),
}

/// One case of a folder.
pub struct Case {
    name: String,
    body: Body,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Case").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Case {
    /// A case that runs. An error it returns is a miss with the error's text.
    pub fn new<F>(name: impl Into<String>, run: F) -> Self
    where
        F: FnOnce(&Settings, &mut Findings) -> anyhow::Result<()> + 'static,
    {
        Self { name: name.into(), body: Body::Run(Box::new(run)) }
    }

    /// A case of a kind that cannot be run yet; it counts as a miss.
    pub fn not_built(name: impl Into<String>, what: impl Into<String>) -> Self {
        Self { name: name.into(), body: Body::NotBuilt(what.into()) }
    }

    /// Its name: the path inside the folder, then what is looked at.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// How a case ended.
#[derive(Debug)]
pub enum Verdict {
    /// It ran; the findings say how well.
    Ran(Findings),
    /// It could not be run to its end.
    Failed(String, Findings),
    /// Nothing here can run it.
    NotBuilt(String),
}

/// A case with its end.
#[derive(Debug)]
pub struct Outcome {
    /// Name of the case.
    pub name: String,
    /// How it ended.
    pub verdict: Verdict,
    /// How long it took, in seconds.
    pub seconds: f64,
}

impl Outcome {
    /// Whether the case ran and everything in it was within its tolerance.
    #[must_use]
    pub fn passed(&self) -> bool {
        match &self.verdict {
            Verdict::Ran(findings) => {
                !findings.checks.is_empty() && findings.checks.iter().all(Check::passed)
            }
            Verdict::Failed(..) | Verdict::NotBuilt(_) => false,
        }
    }
}

/// Finds the cases of a group in `folder`.
///
/// # Errors
/// When the folder or a description in it cannot be read.
pub fn find(group: Group, folder: &Path) -> anyhow::Result<Vec<Case>> {
    anyhow::ensure!(folder.is_dir(), "{} is no folder", folder.display());
    match group {
        Group::Asr => asr::cases(folder),
        Group::Llm => llm::cases(folder),
        Group::Tts => tts::cases(folder),
    }
}

/// Runs one case; a panic of the code under test is a miss of this case alone.
#[must_use]
pub fn run(case: Case, settings: &Settings) -> Outcome {
    let began = Instant::now();
    let verdict = match case.body {
        Body::NotBuilt(what) => Verdict::NotBuilt(what),
        Body::Run(run) => {
            let settings = *settings;
            let attempt = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
                let mut findings = Findings::default();
                let end = run(&settings, &mut findings);
                (end, findings)
            }));
            match attempt {
                Ok((Ok(()), findings)) => Verdict::Ran(findings),
                Ok((Err(error), findings)) => Verdict::Failed(format!("{error:#}"), findings),
                Err(_) => Verdict::Failed("panicked".into(), Findings::default()),
            }
        }
    };
    Outcome { name: case.name, verdict, seconds: began.elapsed().as_secs_f64() }
}

/// Whether `name` fits `pattern`: `*` stands for any run of characters; without a `*` the pattern
/// may lie anywhere in the name.
#[must_use]
pub fn fits(pattern: &str, name: &str) -> bool {
    if !pattern.contains('*') {
        return name.contains(pattern);
    }
    let parts: Vec<&str> = pattern.split('*').collect();
    let (first, last) = (parts[0], parts[parts.len() - 1]);
    if name.len() < first.len() + last.len() || !name.starts_with(first) || !name.ends_with(last) {
        return false;
    }
    let mut rest = &name[first.len()..name.len() - last.len()];
    for part in &parts[1..parts.len() - 1] {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_without_a_star_may_lie_anywhere() {
        assert!(fits("tiny", "sensevoice/tiny_rand/中文"));
        assert!(!fits("huge", "sensevoice/tiny_rand/中文"));
    }

    #[test]
    fn stars_stand_for_any_run_and_the_ends_are_fixed() {
        assert!(fits("sense*/tiny_*文", "sensevoice/tiny_rand/中文"));
        assert!(!fits("sense*/tiny_", "sensevoice/tiny_rand"));
        assert!(!fits("ab*ba", "aba"));
    }

    #[test]
    fn a_case_without_any_check_does_not_pass() {
        let outcome =
            run(Case::new("empty", |_, _| Ok(())), &Settings { device: DeviceChoice::Cpu });
        assert!(!outcome.passed());
    }

    #[test]
    fn a_panic_is_a_miss_of_its_case_alone() {
        let case = Case::new("boom", |_, _| panic!("expected in this test"));
        let outcome = run(case, &Settings { device: DeviceChoice::Cpu });
        assert!(matches!(outcome.verdict, Verdict::Failed(..)));
    }
}
