//! companiond: `companiond try --wav FILE` plays speech into a simulated room, runs the turn and prints its
//! report; the answer is written to a WAV.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use companion_audio::{SimulatedRoom, playback, read_wav, write_wav};
use companion_types::{SampleRate, SamplingParams};
use companiond::{App, AppSettings, PacedRoom, TurnEvent, listen_to};

/// The local AI companion.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Folder with the model directories.
    #[arg(long, default_value = "models", env = "COMPANION_MODELS")]
    models: PathBuf,
    /// Folder with the shipped data.
    #[arg(long, default_value = "static", env = "COMPANION_STATIC")]
    r#static: PathBuf,
    /// Folder in which everything is kept.
    #[arg(long, default_value = "/var/lib/companion", env = "COMPANION_STATE")]
    state: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs one turn in a simulated room.
    Try {
        /// What is said to the companion: a WAV of speech.
        #[arg(long)]
        wav: PathBuf,
        /// Where its answer is written.
        #[arg(long, default_value = "reply.wav")]
        out: PathBuf,
        /// The room stays open for so many milliseconds after the speech.
        #[arg(long, default_value_t = 6000)]
        quiet_ms: u64,
    },
}

const RATE: SampleRate = SampleRate(48_000);

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::WARN)
        .init();
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "companiond: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let espeak = std::env::current_exe()?.with_file_name("companion-espeak");
    let settings = AppSettings {
        ears: arguments.models.join("companion-ears-starter"),
        brain: arguments.models.join("companion-brain-starter"),
        voices: arguments.r#static.join("voices"),
        voice: "default".to_owned(),
        espeak,
        store: arguments.state.join("store"),
        context_budget_tokens: 3000,
        sampling: SamplingParams {
            temperature: 0.0,
            max_new_tokens: 128,
            ..SamplingParams::default()
        },
    };
    let Command::Try { wav, out, quiet_ms } = &arguments.command;
    let speech = read_wav(File::open(wav).with_context(|| format!("opening {}", wav.display()))?)?;
    let (sound, tap) = playback(RATE);
    let app = App::start(&settings, sound)?;
    let events = app.conversation().watch();
    let mut room = SimulatedRoom::new(tap, RATE);
    room.speak(&speech);
    let mut paced = PacedRoom::new(room, *quiet_ms);
    listen_to(&mut paced, app.conversation(), companion_asr::ListenerSettings::default());
    let played = paced.into_inner();
    write_wav(File::create(out)?, played.played(), RATE)?;
    let ended = events.try_iter().filter_map(|event| match event {
        TurnEvent::Ended(report) => Some(report),
        _ => None,
    });
    let mut stdout = std::io::stdout();
    for report in ended {
        writeln!(stdout, "{}", serde_json::to_string_pretty(&report)?)?;
    }
    Ok(())
}
