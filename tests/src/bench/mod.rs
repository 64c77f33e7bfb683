//! Benchmarks: what each stage takes, beside the physical limit or a peer measured in the same run.

mod decoder;
mod machine;
mod memory;
mod random_model;
mod speech;
mod thinking;
mod turn;
mod voice;
mod voice_model;

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;

pub use machine::Machine;

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Size {
    /// Seconds a stage.
    Ci,
    /// Minutes a stage.
    Cpu,
    /// Language models on the GPU; everything else as `cpu`.
    Gpu,
}

/// A stage to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum StageName {
    /// What the machine can do.
    Machine,
    /// Speech or not.
    Vad,
    /// Recognition.
    Asr,
    /// Recall.
    Memory,
    /// Durable writes.
    Store,
    /// The language model.
    Llm,
    /// The voice.
    Tts,
    /// A whole spoken turn.
    Turn,
}

/// One line of a table.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// The figure.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// The limit or the peer, in the same unit.
    pub limit: Option<f64>,
    /// What the limit is.
    pub limit_is: &'static str,
}

impl Row {
    /// A figure without a limit.
    #[must_use]
    pub fn plain(what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { what: what.into(), value, unit, limit: None, limit_is: "" }
    }

    /// A figure beside its limit.
    #[must_use]
    pub fn beside(
        what: impl Into<String>,
        (value, unit): (f64, &'static str),
        (limit, limit_is): (f64, &'static str),
    ) -> Self {
        Self { what: what.into(), value, unit, limit: Some(limit), limit_is }
    }

    /// The figure as a share of the limit.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        self.limit.filter(|l| *l > 0.0).map(|l| self.value / l)
    }
}

/// What a benchmark runs with.
#[derive(Debug, Clone)]
pub struct Bench {
    /// The repository: models, voices.
    pub root: PathBuf,
    /// Folder of the built programs.
    pub programs: PathBuf,
    /// How much.
    pub size: Size,
    /// Measured first, for the limits.
    pub machine: Machine,
    /// What runs beside: llama.cpp's `llama-bench` beside the language models, a Python with torch beside
    /// the voice's.
    pub peer: Option<PathBuf>,
    /// What the name of a model of random weights must have in it.
    pub only: String,
}

impl Bench {
    /// Measures a stage.
    ///
    /// # Errors
    /// When a model or a program cannot be used.
    pub fn run(&self, stage: StageName) -> anyhow::Result<Vec<Row>> {
        match stage {
            StageName::Machine => Ok(self.machine.rows()),
            StageName::Vad => Ok(speech::vad(self)),
            StageName::Asr => speech::asr(self),
            StageName::Memory => memory::recall(self),
            StageName::Store => memory::store(self),
            StageName::Llm => {
                let mut rows = thinking::llm(self)?;
                if self.size != Size::Ci {
                    rows.extend(decoder::llm(self)?);
                }
                Ok(rows)
            }
            StageName::Tts => {
                // Models of random weights alone where one of them is asked for.
                let mut rows = match self.only.is_empty() {
                    true => speech::tts(self)?,
                    false => Vec::new(),
                };
                if self.size != Size::Ci {
                    rows.extend(voice::tts(self)?);
                }
                Ok(rows)
            }
            StageName::Turn => turn::turn(self),
        }
    }

    /// How often something is repeated.
    fn repeats(&self, ci: usize) -> usize {
        if self.size == Size::Ci { ci } else { ci * 10 }
    }
}

/// Milliseconds of the median run of `work`.
fn median_ms(repeats: usize, mut work: impl FnMut()) -> f64 {
    let mut took: Vec<Duration> = (0..repeats.max(1))
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    took.sort();
    took[took.len() / 2].as_secs_f64() * 1000.0
}

/// Prints a stage's table for people.
///
/// # Errors
/// When `out` cannot be written.
pub fn print(out: &mut impl Write, stage: &str, rows: &[Row]) -> std::io::Result<()> {
    writeln!(out, "== {stage}")?;
    let width = rows.iter().map(|r| r.what.chars().count()).max().unwrap_or(0);
    for row in rows {
        let figure = |v: f64| if v.abs() >= 100.0 { format!("{v:.0}") } else { format!("{v:.3}") };
        write!(out, "  {:width$}  {:>10} {:<10}", row.what, figure(row.value), row.unit)?;
        if let (Some(limit), Some(ratio)) = (row.limit, row.ratio()) {
            write!(out, "  {ratio:>8.3} x {} ({})", row.limit_is, figure(limit))?;
        }
        writeln!(out)?;
    }
    writeln!(out)
}
