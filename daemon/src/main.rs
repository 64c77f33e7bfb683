//! companiond: parse, load settings, log, run, exit code.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use companion_types::{ErrorKind, Kind as _};
use companiond::{Arguments, DaemonError};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let settings = match arguments.settings(std::env::vars()) {
        Ok(settings) => settings,
        Err(error) => return failed(&error.into()),
    };
    if arguments.check_config {
        return match toml::to_string_pretty(&settings) {
            Ok(text) => {
                let _ = write!(std::io::stdout(), "{text}");
                ExitCode::SUCCESS
            }
            Err(error) => failed(&DaemonError::Invalid(error.to_string())),
        };
    }
    let logs = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(tracing_subscriber::EnvFilter::new(&arguments.log));
    // The journal has its own clock.
    if std::env::var_os("JOURNAL_STREAM").is_some() {
        logs.without_time().init();
    } else {
        logs.init();
    }
    match companiond::run(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// Exit codes as in sysexits.h.
fn failed(error: &DaemonError) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "companiond: {error}");
    ExitCode::from(match error.kind() {
        ErrorKind::InvalidArgument => 78,
        ErrorKind::NotFound => 66,
        ErrorKind::PermissionDenied => 77,
        ErrorKind::Busy | ErrorKind::DeadlineExceeded => 75,
        ErrorKind::Cancelled => 130,
        ErrorKind::OutOfMemory => 71,
        ErrorKind::Unavailable => 69,
        ErrorKind::Corrupt => 65,
        ErrorKind::Internal => 70,
    })
}
