//! `conformance GROUP FOLDER`: runs every case of a folder of reference fixtures and prints a line
//! per case. Exits 1 on any miss and on any case it could not run, 2 when the folder is unusable.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Parser;
use companion_tests::conformance::{
    DeviceChoice, Group, Settings, find, fits,
    report::{self, Dump, Tally},
    run,
};

/// Compares the engine with recorded results of the reference implementations.
#[derive(Debug, Parser)]
#[command(name = "conformance", version)]
struct Arguments {
    /// Which group's layout the folder has.
    #[arg(value_enum)]
    group: Group,
    /// The folder.
    folder: PathBuf,
    /// Run only cases whose name fits; `*` stands for anything, without one the pattern may lie
    /// anywhere in the name.
    #[arg(long, value_name = "PATTERN")]
    case: Option<String>,
    /// Where to compute.
    #[arg(long, value_enum, default_value_t = DeviceChoice::Cpu)]
    device: DeviceChoice,
    /// Write the computed tensors below this folder, under the expected files' names.
    #[arg(long, value_name = "DIR")]
    dump: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match conform(&arguments) {
        Ok(tally) if tally.all_passed() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            let _ = writeln!(io::stderr(), "conformance: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn conform(arguments: &Arguments) -> anyhow::Result<Tally> {
    let cases = find(arguments.group, &arguments.folder)
        .with_context(|| format!("looking for cases in {}", arguments.folder.display()))?;
    let settings = Settings { device: arguments.device };
    let (mut tally, mut dump) = (Tally::default(), Dump::default());
    let mut out = io::stdout().lock();
    for case in cases {
        if arguments.case.as_ref().is_some_and(|pattern| !fits(pattern, case.name())) {
            continue;
        }
        let mut outcome = run(case, &settings);
        report::line(&mut out, &outcome)?;
        tally.count(&outcome);
        if arguments.dump.is_some() {
            dump.take(&mut outcome);
        }
    }
    report::sums(&mut out, &tally)?;
    if let Some(folder) = &arguments.dump {
        dump.write(folder)?;
    }
    Ok(tally)
}
