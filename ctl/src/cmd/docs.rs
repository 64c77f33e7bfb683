//! `completions` and `man`: made from the command line's own declaration, without a bus.

use std::path::Path;

use clap::CommandFactory as _;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::Cli;
use crate::exit::{CODES, Failure, Outcome};
use crate::output::Output;

/// Keys of the JSON results, by command.
const JSON: [(&str, &str); 21] = [
    (
        "status",
        "version, state, degraded[], mood{name, valence, arousal}, privacy{network, remote_models, microphone}, session, profile, memory{count, bytes}, models{SLOT}, audio{connected, muted}, uptime_s; null where a part does not answer",
    ),
    (
        "ask, say --wait",
        "turn, transcript, text, heard_text, emotion, memories[], answered_by, outcome, latency_ms{endpoint, recall, first_token, first_sentence, first_audio, total}, tokens{prompt, reused, new}; null for a step that did not happen; say also: id, reason",
    ),
    ("say", "id; what --cancel, --pause and --resume take"),
    ("say --cancel, --pause, --resume", "id, done"),
    (
        "say --out",
        "file, rate, samples, seconds, words[]{text, start, end}, visemes[]{shape, at, weight}; places are samples",
    ),
    ("listen", "text, language, emotion, event, confidence"),
    (
        "turn",
        "the keys of ask for the last turn, heard{language, emotion, event, confidence}, earlier[] (turns before it in the same recording), audio{file, rate, samples, seconds}",
    ),
    ("interrupt", "heard_text"),
    ("memory add", "id"),
    ("memory list, search", "memories[]{id, score, text, created_s, origin, turn, core, source}"),
    ("memory forget", "undo, ids[]"),
    ("memory undo", "ids[]"),
    ("memory explain", "turn, memories[]{id, text}"),
    ("model list, rescan", "folders[], slots{SLOT}, models[]"),
    ("model show", "id, kind, architecture, state, directory, bytes, loaded_ms, detail"),
    ("model load, unload", "id; load: loaded_ms"),
    (
        "profile list",
        "active, profiles[]; profile show: key, names{}, persona{}, voice, generation, language",
    ),
    ("profile use, import, export", "active; key; key and file or toml"),
    (
        "audio",
        "connected, detail, muted, nodes[]{name, serial, role}, level{peak_dbfs, rms_dbfs}, quantum, overruns, underruns, echo_loss_db; its subcommands: input, output, muted",
    ),
    (
        "diagnose",
        "issues[]{id, severity, issue, recommendation, command}, stages{NAME{state, restarts, heartbeat_age_us}}, uptime_s",
    ),
    (
        "monitor, chat",
        "a JSON object a line with kind: state, partial, transcript, token, clause, emotion, word_time, viseme, level, turn; monitor also: alert, device, memory, property",
    ),
];

pub(crate) fn completions(output: &mut Output, shell: clap_complete::Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "companionctl", &mut script);
    output.bytes(&script)?;
    Ok(())
}

pub(crate) fn man(output: &mut Output, folder: Option<&Path>) -> Outcome {
    let Some(folder) = folder else {
        output.bytes(&page()?)?;
        return Ok(());
    };
    let failed = |e: std::io::Error| Failure::file(&e, "writing to", folder);
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(failed)?;
    std::fs::write(folder.join("companionctl.1"), page()?).map_err(failed)?;
    Ok(())
}

/// The page of the whole command.
fn page() -> Outcome<Vec<u8>> {
    let man = Man::new(Cli::command().after_help("")).manual("companiond");
    let mut bytes = Vec::new();
    man.render_title(&mut bytes)?;
    man.render_name_section(&mut bytes)?;
    man.render_synopsis_section(&mut bytes)?;
    man.render_description_section(&mut bytes)?;
    man.render_options_section(&mut bytes)?;
    man.render_subcommands_section(&mut bytes)?;
    let mut more = Roff::new();
    more.control("SH", ["EXIT STATUS"]);
    for (code, kind, meaning) in CODES {
        more.control("TP", []);
        more.text([bold(code.to_string())]);
        let kind = if kind.is_empty() { String::new() } else { format!("{kind}: ") };
        more.text([roman(format!("{kind}{meaning}"))]);
    }
    more.control("SH", ["JSON"]);
    more.text([roman(
        "With --json a command prints one JSON value on one line of stdout. An error is one line of \
         stderr: {\"error\": {\"kind\": …, \"message\": …, \"hint\": …}}; hint may be absent. Keys are \
         only ever added.",
    )]);
    for (command, keys) in JSON {
        more.control("TP", []);
        more.text([bold(command)]);
        more.text([roman(keys)]);
    }
    more.control("SH", ["ENVIRONMENT"]);
    for (name, meaning) in [
        ("COMPANION_BUS", "system or session, as --bus"),
        ("DBUS_SESSION_BUS_ADDRESS, DBUS_SYSTEM_BUS_ADDRESS", "where the buses are"),
        (
            "LC_ALL, LC_MESSAGES, LANG",
            "messages are Chinese where the first that is set begins with zh",
        ),
        ("NO_COLOR", "no colours, unless --color always"),
    ] {
        more.control("TP", []);
        more.text([bold(name)]);
        more.text([roman(meaning)]);
    }
    more.to_writer(&mut bytes)?;
    Ok(bytes)
}
