//! The command line of companiond, as a library: [`run`] takes a command line, the streams and, in tests,
//! a connection, and gives the exit code. It depends on the bus contract alone, never on the daemon.

use std::ffi::OsString;
use std::io::Write;

use clap::Parser as _;
use zbus::Connection;

use crate::cli::{Cli, Command};
use crate::exit::{Failure, Outcome};
use crate::messages::Lang;
use crate::output::Output;

mod cli;
mod cmd;
mod connect;
mod events;
pub mod exit;
mod messages;
mod output;
mod progress;
mod waterfall;
mod wav;

/// The streams of a run, and a connection to use in place of the bus that the command line names.
pub struct Io {
    /// Where results go.
    pub out: Box<dyn Write>,
    /// Where errors go.
    pub err: Box<dyn Write>,
    /// Whether results go to a terminal.
    pub out_is_terminal: bool,
    /// Whether errors, and progress bars, go to a terminal.
    pub err_is_terminal: bool,
    /// A connection that is there already.
    pub connection: Option<Connection>,
}

impl std::fmt::Debug for Io {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Io").field("out_is_terminal", &self.out_is_terminal).finish_non_exhaustive()
    }
}

/// Runs one command line; gives the exit code, as [`exit`] lists them.
pub async fn run(args: impl IntoIterator<Item = OsString>, mut io: Io) -> u8 {
    let args: Vec<OsString> = args.into_iter().collect();
    let as_json = args.iter().any(|a| a == "--json");
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, as_json, &mut io),
    };
    let lang = Lang::choose(cli.globals.lang);
    let as_json = cli.globals.json;
    let Io { out, mut err, out_is_terminal, err_is_terminal, connection } = io;
    let output = Output::new(out, &cli.globals, lang, out_is_terminal, err_is_terminal);
    match execute(cli, output, connection).await {
        Ok(()) => exit::OK,
        Err(failure) => {
            let code = failure.code();
            // Where errors cannot be written either, the code is all that is left to say.
            let _ = failure.write(&mut *err, as_json, lang);
            code
        }
    }
}

async fn execute(cli: Cli, mut output: Output, connection: Option<Connection>) -> Outcome {
    match &cli.command {
        Command::Completions { shell } => return cmd::docs::completions(&mut output, *shell),
        Command::Man { dir } => return cmd::docs::man(&mut output, dir.as_deref()),
        _ => {}
    }
    let bound = cli.globals.timeout.or_else(|| cli.command.default_timeout());
    let (watches, stops_itself) = (cli.command.watches(), cli.command.stops_itself());
    let bus = cli.globals.bus;
    let work = async {
        let connection = match connection {
            Some(connection) => connection,
            None => connect::connect(bus).await?,
        };
        let context = cmd::Context { connection: connection.clone() };
        let done = cmd::dispatch(cli.command, &context, &mut output).await;
        match done {
            Err(failure) => Err(connect::with_hint(failure, &connection, bus, output.lang).await),
            Ok(()) => Ok(()),
        }
    };
    tokio::pin!(work);
    let interrupted = async {
        if stops_itself {
            std::future::pending::<()>().await;
        }
        cmd::interrupted().await;
    };
    tokio::pin!(interrupted);
    let limit = async {
        match bound {
            Some(bound) => tokio::time::sleep(bound).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(limit);
    tokio::select! {
        biased;
        done = &mut work => done,
        () = &mut interrupted => Err(Failure::new("Cancelled", "stopped by the keyboard")),
        // Whoever only watched has seen what there was to see.
        () = &mut limit => if watches { Ok(()) } else { Err(Failure::new(
            "DeadlineExceeded",
            format!(
                "companiond gave no result within {:.0} s; --timeout SECONDS sets the limit",
                bound.unwrap_or_default().as_secs_f64()
            ),
        )) },
    }
}

/// What clap had to say: help and version are results, all else is an error of usage.
fn usage(error: &clap::Error, as_json: bool, io: &mut Io) -> u8 {
    if !error.use_stderr() {
        let _ = write!(io.out, "{error}");
        return exit::OK;
    }
    if as_json {
        let failure = Failure::new("InvalidArgument", error.to_string().trim_end());
        let _ = failure.write(&mut *io.err, true, Lang::En);
    } else {
        let _ = write!(io.err, "{error}");
    }
    exit::USAGE
}
