//! `bench [STAGE...]`: a table per stage, with the physical limit or a peer of the same run beside it.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, ValueEnum as _};
use companion_tests::bench::{Bench, Machine, Size, StageName, print};

/// Measures what each stage takes. Figures are for this machine and this moment: compare ratios.
#[derive(Debug, Parser)]
#[command(name = "bench", version)]
struct Arguments {
    /// Stages to measure; all without one.
    #[arg(value_enum)]
    stages: Vec<StageName>,
    /// How much is measured.
    #[arg(long, value_enum, default_value = "ci")]
    size: Size,
    /// Also runs this program beside the models of random weights (`--size cpu`): llama.cpp's llama-bench
    /// for `llm`, a Python that has torch for `tts`.
    #[arg(long, value_name = "PROGRAM")]
    peer: Option<PathBuf>,
    /// Only models of random weights whose name has this in it (`0.5B`, `q8_0`, `s1`, `s2 v2Pro`).
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    /// The repository.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/.."))]
    root: PathBuf,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let exe = std::env::current_exe()?;
    let programs = exe.parent().map(Path::to_owned).context("where is this program?")?;
    let machine = Machine::measure()?;
    let (root, size) = (arguments.root.clone(), arguments.size);
    let bench = Bench {
        root,
        programs,
        size,
        machine,
        peer: arguments.peer.clone(),
        only: arguments.only.clone(),
    };
    let stages = match arguments.stages.is_empty() {
        true => StageName::value_variants().to_vec(),
        false => arguments.stages.clone(),
    };
    let mut out = io::stdout();
    let mut all = serde_json::Map::new();
    for stage in stages {
        let name = stage.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default();
        let rows = bench.run(stage).with_context(|| format!("stage {name}"))?;
        if arguments.json {
            let rows = rows.iter().map(|row| {
                let mut value = serde_json::to_value(row).unwrap_or_default();
                value["ratio"] = row.ratio().into();
                value
            });
            all.insert(name, rows.collect());
        } else {
            print(&mut out, &name, &rows)?;
        }
    }
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
    }
    Ok(())
}
