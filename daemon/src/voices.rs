//! The voices: folders under `voices`, and the synthesisers they make.

use std::path::Path;

use companion_tts::{EspeakVoice, Synthesizer, VoiceFile};

use crate::config::Settings;
use crate::error::DaemonError;
use crate::worker::MakePort;

pub(crate) type Voice = Box<dyn Synthesizer>;

/// What is known of a voice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VoiceInfo {
    /// Name of its folder.
    pub(crate) name: String,
    pub(crate) name_zh: String,
    pub(crate) name_en: String,
    /// `espeak` or `gpt-sovits`.
    pub(crate) engine: &'static str,
    /// Keys of the emotions it has of its own.
    pub(crate) emotions: Vec<String>,
    /// Why it cannot be used; empty when it can.
    pub(crate) problem: String,
}

/// All voices, by name.
pub(crate) fn list(folder: &Path) -> Vec<VoiceInfo> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().join("voice.toml").is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names.into_iter().map(|name| info(folder, name)).collect()
}

fn info(folder: &Path, name: String) -> VoiceInfo {
    match VoiceFile::open(folder, &name) {
        Ok(file) => VoiceInfo {
            name,
            engine: "espeak",
            emotions: file.espeak.emotions.keys().cloned().collect(),
            name_zh: file.name_zh,
            name_en: file.name_en,
            problem: String::new(),
        },
        Err(error) => VoiceInfo {
            name,
            name_zh: String::new(),
            name_en: String::new(),
            engine: "",
            emotions: Vec::new(),
            problem: error.to_string(),
        },
    }
}

/// The voice of a name, and how to make it again.
///
/// # Errors
/// When its description is missing or wrong.
pub(crate) fn open(
    settings: &Settings,
    name: &str,
) -> Result<(Voice, MakePort<Voice>), DaemonError> {
    let file = VoiceFile::open(&settings.paths.data.join("voices"), name)?;
    let program = if settings.paths.espeak.as_os_str().is_empty() {
        let beside = |exe: std::path::PathBuf| exe.with_file_name("companion-espeak");
        std::env::current_exe().map_or_else(|_| "companion-espeak".into(), beside)
    } else {
        settings.paths.espeak.clone()
    };
    let make = move || EspeakVoice::new(program.clone(), file.espeak.clone());
    let first: Voice = Box::new(make());
    Ok((first, Box::new(move || Some(Box::new(make()) as Voice))))
}
