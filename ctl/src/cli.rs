//! The command line as types: what can be asked, with its help. Pure.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::exit::CODES;
use crate::messages::LangChoice;

/// Which bus the daemon is looked for on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bus {
    /// The system bus: the appliance
    System,
    /// The session bus: desktops
    Session,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    Always,
    Never,
}

/// Talk to companiond, the local companion, and look after it
#[derive(Debug, Parser)]
#[command(name = "companionctl", version, after_help = exit_codes(), propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
pub(crate) struct Globals {
    /// The bus that companiond is on
    #[arg(long, global = true, env = "COMPANION_BUS", default_value = "system", value_enum)]
    pub(crate) bus: Bus,
    /// Print one JSON value (lines of JSON for `monitor` and `chat`); errors are JSON on stderr
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Give up after so many seconds
    #[arg(long, global = true, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// When to use colours
    #[arg(long, global = true, default_value = "auto", value_enum)]
    pub(crate) color: Color,
    /// Language of messages
    #[arg(long, global = true, default_value = "auto", value_enum)]
    pub(crate) lang: LangChoice,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show how the companion is
    Status,
    /// Ask something in writing and print the answer
    Ask {
        /// What to ask
        text: String,
        /// Let the answer also sound
        #[arg(long)]
        aloud: bool,
    },
    /// Say a text through the speaker when its turn comes, or into a WAV file
    Say(Box<SayArgs>),
    /// Recognise the speech in a WAV file
    Listen {
        wav: PathBuf,
        /// The language spoken, `zh` or `en`; else it is recognised
        #[arg(long, value_name = "LANGUAGE")]
        language: Option<String>,
    },
    /// Play a WAV file to the companion as if it were the microphone, and take its spoken reply
    Turn(TurnArgs),
    /// Talk with the companion in the terminal; spoken turns are shown as they happen
    Chat {
        /// Written turns are answered in writing alone
        #[arg(long)]
        quiet: bool,
    },
    /// Stop whatever is being said
    Interrupt,
    /// See and change what is remembered
    #[command(subcommand)]
    Memory(MemoryCommand),
    /// See, load and unload models
    #[command(subcommand)]
    Model(ModelCommand),
    /// Choose who the companion is
    #[command(subcommand)]
    Profile(ProfileCommand),
    /// See the voices, and how words are said
    #[command(subcommand)]
    Voice(VoiceCommand),
    /// Show the sound devices, and choose them
    Audio {
        #[command(subcommand)]
        command: Option<AudioCommand>,
    },
    /// Say what is wrong and what to do about it
    Diagnose,
    /// Print what happens, as it happens, until Ctrl-C
    Monitor {
        /// Only these kinds: state, partial, transcript, token, clause, emotion, word_time, viseme,
        /// level, turn, alert, device, memory, property
        #[arg(value_name = "KIND")]
        kinds: Vec<String>,
        /// End after so many turns, and show each as `ask` does
        #[arg(long, value_name = "COUNT")]
        turns: Option<u32>,
    },
    /// Print a completion script for a shell
    Completions { shell: clap_complete::Shell },
    /// Print the manual page
    Man {
        /// Write the pages of all commands into this folder
        #[arg(long, value_name = "FOLDER")]
        dir: Option<PathBuf>,
    },
}

/// What may stand in the text of `say`, and which priority does what.
const SAY: &str = "\
Priorities, as Speech Dispatcher has them:
  important     at once, before everything; others never interrupt or drop it
  message       one after another; drops text and notification
  text          only the newest is said
  notification  only when nothing else is said, else never
  progress      the last one is always said
A conversation with a person goes before all but important. Text, notification and progress are
forgotten when their caller leaves: for these `say` stays until the end.
A place in the text is named with <mark name=\"NAME\"/>; everything else is plain text.";

#[derive(Debug, Args)]
#[command(after_help = SAY)]
pub(crate) struct SayArgs {
    /// What to say (`-`: what stdin gives)
    #[arg(required_unless_present_any = ["cancel", "pause", "resume"])]
    pub(crate) text: Option<String>,
    /// How urgent it is
    #[arg(long, value_enum)]
    pub(crate) priority: Option<Priority>,
    /// Take the place of your text with this key that still waits
    #[arg(long, value_name = "KEY")]
    pub(crate) coalesce: Option<String>,
    /// In which emotion, such as `happy`
    #[arg(long, value_name = "EMOTION")]
    pub(crate) emotion: Option<String>,
    /// How much of the emotion is heard, 0 (calm) to 1
    #[arg(long, value_name = "0..1")]
    pub(crate) intensity: Option<f64>,
    /// In which voice; see `companionctl voice list`
    #[arg(long, value_name = "VOICE")]
    pub(crate) voice: Option<String>,
    /// In which language, `zh` or `en`; else the text tells
    #[arg(long, value_name = "LANGUAGE")]
    pub(crate) language: Option<String>,
    /// Wait until it is over and show what was heard
    #[arg(long)]
    pub(crate) wait: bool,
    /// Write the sound to this WAV file (`-`: stdout); nothing sounds
    #[arg(long, value_name = "WAV", conflicts_with_all = ["wait", "priority", "coalesce"])]
    pub(crate) out: Option<PathBuf>,
    /// End the text of this number, as `say` printed it
    #[arg(long, value_name = "ID", conflicts_with_all = ["text", "pause", "resume"])]
    pub(crate) cancel: Option<u64>,
    /// Let it stand still
    #[arg(long, value_name = "ID", conflicts_with_all = ["text", "resume"])]
    pub(crate) pause: Option<u64>,
    /// Let it go on
    #[arg(long, value_name = "ID", conflicts_with = "text")]
    pub(crate) resume: Option<u64>,
}

/// How urgent a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Priority {
    Important,
    Message,
    Text,
    Notification,
    Progress,
}

impl Priority {
    /// Its name on the bus.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Important => "important",
            Self::Message => "message",
            Self::Text => "text",
            Self::Notification => "notification",
            Self::Progress => "progress",
        }
    }

    /// Whether it is forgotten when its caller leaves.
    pub(crate) fn needs_caller(self) -> bool {
        matches!(self, Self::Text | Self::Notification | Self::Progress)
    }
}

#[derive(Debug, Args)]
pub(crate) struct TurnArgs {
    /// A WAV file of any rate and number of channels
    pub(crate) wav: PathBuf,
    /// Write the spoken reply to this WAV file
    #[arg(long, value_name = "WAV")]
    pub(crate) out: Option<PathBuf>,
    /// Send as fast as the daemon takes it, not as fast as it was spoken
    #[arg(long)]
    pub(crate) fast: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MemoryCommand {
    /// Remember a text
    Add {
        text: String,
        /// Keep it in every prompt
        #[arg(long)]
        core: bool,
    },
    /// List memories, newest first
    List {
        /// At most so many
        #[arg(long, default_value_t = 20)]
        limit: u32,
        /// Leave out so many of the newest
        #[arg(long, default_value_t = 0)]
        offset: u32,
    },
    /// Find the memories nearest to a query
    Search {
        query: String,
        /// At most so many
        #[arg(long, default_value_t = 10)]
        limit: u32,
    },
    /// Forget memories; prints how to undo it
    Forget {
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Bring back what was forgotten
    Undo { undo: String },
    /// Show which memories the answer of a turn rested on
    Explain { turn: u64 },
}

/// Where a real model comes from, for the help of `model`.
const ADD_A_MODEL: &str = "\
To put in a model, place its directory, as downloaded, into one of the model folders
(`companionctl model list` prints them), then `model rescan` and `model load ID`:
  Qwen2.5-7B-Instruct (llm)  config.json, generation_config.json, tokenizer.json,
                             tokenizer_config.json, model.safetensors.index.json
                             and all model-0000N-of-0000M.safetensors
  SenseVoiceSmall (asr)      config.yaml, am.mvn, model.pt or model.safetensors,
                             chn_jpn_yue_eng_ko_spectok.bpe.model
The id of a model is the name of its directory.";

#[derive(Debug, Subcommand)]
#[command(after_help = ADD_A_MODEL)]
pub(crate) enum ModelCommand {
    /// List the models, and which slot each is in
    #[command(after_help = ADD_A_MODEL)]
    List,
    /// Show one model
    Show { id: String },
    /// Load a model and put it into its slot
    Load { id: String },
    /// Empty the slot that a model is in
    Unload { id: String },
    /// Look through the model folders again
    #[command(after_help = ADD_A_MODEL)]
    Rescan,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProfileCommand {
    /// List the profiles
    List,
    /// Show one profile
    Show { key: String },
    /// From the next turn on the companion is this one
    Use { key: String },
    /// Take a profile from a TOML file
    Import {
        file: PathBuf,
        /// A key in place of the file's
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
    },
    /// Write a profile as TOML to a file, or to stdout
    Export { key: String, file: Option<PathBuf> },
}

#[derive(Debug, Subcommand)]
pub(crate) enum VoiceCommand {
    /// List the voices
    List,
    /// List the words that are said in a way of your own
    Words,
    /// Say a word in a way of your own, from the next reply on
    #[command(after_help = PRONOUNCE)]
    Word {
        /// The word as it is written
        written: String,
        /// Other words, or tone-numbered pinyin
        said: String,
    },
    /// Say a word again as the voice would say it
    ForgetWord { written: String },
    /// Take a recording as the reference of an emotion
    #[command(after_help = IMPORT)]
    Import {
        /// The voice; it is made where there is none
        voice: String,
        /// The emotion, such as `calm` or `happy`
        emotion: String,
        /// A WAV file of 3 to 10 s
        wav: PathBuf,
        /// What is said in it, word for word; without it only the sound of the voice is taken
        #[arg(long, value_name = "TEXT")]
        text: Option<String>,
        /// The model of a voice that has none yet; see `companionctl model list`
        #[arg(long, value_name = "ID")]
        model: Option<String>,
        /// Take it whatever is wrong with it
        #[arg(long)]
        force: bool,
    },
    /// Show what the companion heard of its own voice
    Heard,
}

/// What makes a good reference, for the help of `voice import`.
const IMPORT: &str = "\
A reference is refused when it is shorter than 3 s or longer than 10 s, quieter than -40 dBFS,
less than 15 dB above its noise, clipped, or when the recogniser hears other words than TEXT.
The first one of a voice is `calm`: it stands in for emotions without one.";

/// How words may be given, for the help of `voice word`.
const PRONOUNCE: &str = "\
Examples:
  companionctl voice word GIF \"jif\"
  companionctl voice word 重庆 \"chong2 qing4\"    a syllable for each character
  companionctl voice word kg 公斤";

#[derive(Debug, Subcommand)]
pub(crate) enum AudioCommand {
    /// Listen to the node of this name; `default` is the session manager's choice
    Input { node: String },
    /// Play to the node of this name; `default` is the session manager's choice
    Output { node: String },
    /// Close the microphone
    Mute,
    /// Open the microphone again
    Unmute,
}

impl Command {
    /// How long it may take where `--timeout` says nothing; `None` for what runs until it is stopped.
    pub(crate) fn default_timeout(&self) -> Option<Duration> {
        let seconds = match self {
            Self::Chat { .. } | Self::Monitor { .. } => return None,
            Self::Model(ModelCommand::Load { .. }) => 900,
            Self::Voice(VoiceCommand::Import { .. }) => 900,
            Self::Turn(_) | Self::Listen { .. } | Self::Say(_) => 600,
            Self::Ask { .. } => 180,
            _ => 25,
        };
        Some(Duration::from_secs(seconds))
    }

    /// Whether it only watches, so that a time limit is its end and no failure.
    pub(crate) fn watches(&self) -> bool {
        matches!(self, Self::Monitor { .. })
    }

    /// Whether it sees to Ctrl-C itself.
    pub(crate) fn stops_itself(&self) -> bool {
        matches!(self, Self::Chat { .. } | Self::Monitor { .. })
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("{text} is no number of seconds"))?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(bound) if !bound.is_zero() => Ok(bound),
        _ => Err("more than 0 seconds are needed".to_owned()),
    }
}

/// The table of exit codes, for `--help`.
pub(crate) fn exit_codes() -> String {
    let rows = CODES.iter().map(|(code, kind, meaning)| {
        let kind = if kind.is_empty() { String::new() } else { format!("{kind}: ") };
        format!("  {code:>3}  {kind}{meaning}")
    });
    let rows: Vec<String> = rows.collect();
    format!("Exit codes:\n{}", rows.join("\n"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_time_limit_is_a_positive_number() {
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        for wrong in ["0", "-1", "soon", "1e400", "NaN"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
