//! `companionctl`: parses nothing and decides nothing; hands the process's arguments and streams to the
//! library. Runs everything on the main thread.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use companionctl::Io;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return ExitCode::from(companionctl::exit::INTERNAL) };
    let io = Io {
        out: Box::new(std::io::stdout()),
        err: Box::new(std::io::stderr()),
        out_is_terminal: std::io::stdout().is_terminal(),
        err_is_terminal: std::io::stderr().is_terminal(),
        connection: None,
    };
    let code = runtime.block_on(companionctl::run(std::env::args_os(), io));
    // A read of the terminal may still wait in a thread of its own; it ends with the process.
    runtime.shutdown_background();
    ExitCode::from(code)
}
