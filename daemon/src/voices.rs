//! The voices: folders under `voices`, of the state folder before the data folder, and the synthesisers they make.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use companion_tts::text::Lexicon;
use companion_tts::{ClauseReader, EspeakSettings, EspeakVoice, Synthesizer, VoiceFile};

use crate::backend::{GptSovitsVoice, VoiceParts};
use crate::config::Settings;
use crate::error::DaemonError;
use crate::worker::MakePort;

pub(crate) type Voice = Box<dyn Synthesizer>;

/// The engine of voices that need no model.
pub(crate) const ESPEAK: &str = "espeak-ng";

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

/// A voice that speaks.
pub(crate) struct OpenVoice {
    pub(crate) port: Voice,
    /// Makes it again.
    pub(crate) again: MakePort<Voice>,
    /// Its model, or espeak-ng.
    pub(crate) model: String,
    /// How long it took to load.
    pub(crate) took: Duration,
    /// A model that could not be used, and why: espeak-ng stands in.
    pub(crate) failed: Option<(String, String)>,
}

fn folders(settings: &Settings) -> [PathBuf; 2] {
    [settings.paths.state.join("voices"), settings.paths.data.join("voices")]
}

/// All voices, by name.
pub(crate) fn list(settings: &Settings) -> Vec<VoiceInfo> {
    let mut voices: Vec<VoiceInfo> = Vec::new();
    for folder in folders(settings) {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let names = entries
            .filter(|entry| entry.path().join("voice.toml").is_file())
            .filter_map(|entry| entry.file_name().into_string().ok());
        for name in names {
            if !voices.iter().any(|voice| voice.name == name) {
                voices.push(info(settings, &folder, name));
            }
        }
    }
    voices.sort_by(|a, b| a.name.cmp(&b.name));
    voices
}

fn info(settings: &Settings, folder: &Path, name: String) -> VoiceInfo {
    let broken = |name: String, problem: String| VoiceInfo {
        name,
        name_zh: String::new(),
        name_en: String::new(),
        engine: "",
        emotions: Vec::new(),
        problem,
    };
    let file = match VoiceFile::open(folder, &name) {
        Ok(file) => file,
        Err(error) => return broken(name, error.to_string()),
    };
    let (engine, emotions, problem) = match (&file.gpt_sovits, &file.espeak) {
        (Some(sovits), _) => {
            let found = model_directory(settings, &sovits.model);
            let problem = found.err().map(|error| error.to_string()).unwrap_or_default();
            ("gpt-sovits", sovits.emotions.keys().cloned().collect(), problem)
        }
        (None, Some(espeak)) => {
            ("espeak", espeak.emotions.keys().cloned().collect(), String::new())
        }
        (None, None) => ("", Vec::new(), String::new()),
    };
    VoiceInfo { name, name_zh: file.name_zh, name_en: file.name_en, engine, emotions, problem }
}

fn model_directory(settings: &Settings, model: &str) -> Result<PathBuf, DaemonError> {
    let folders = &settings.paths.models;
    let found = folders.iter().map(|folder| folder.join(model)).find(|path| path.is_dir());
    found.ok_or_else(|| {
        let folders: Vec<String> = folders.iter().map(|f| f.display().to_string()).collect();
        DaemonError::NotFound(format!(
            "there is no tts model {model:?}: looked in {}; see `companionctl model list`",
            folders.join(", ")
        ))
    })
}

/// The voice of a name. One whose model cannot be used is spoken by espeak-ng, where its description allows that.
///
/// # Errors
/// When its description is missing or wrong, or nothing can speak it.
pub(crate) fn open(settings: &Settings, name: &str) -> Result<OpenVoice, DaemonError> {
    let start = Instant::now();
    let both = folders(settings);
    let own = both.iter().find(|folder| folder.join(name).join("voice.toml").is_file());
    let folder = own.unwrap_or(&both[1]);
    let file = VoiceFile::open(folder, name)?;
    let mut failed = None;
    if let Some(sovits) = &file.gpt_sovits {
        let model = sovits.model.clone();
        let made = model_directory(settings, &model).and_then(|directory| {
            let parts = VoiceParts {
                model: directory,
                clips: folder.join(name),
                kept: settings.paths.state.join("kept-voices").join(name),
                settings: sovits.clone(),
            };
            let reader = ClauseReader::new(&Lexicon::new(settings.paths.data.join("lexicon")))?;
            let reader = Arc::new(reader);
            let port = GptSovitsVoice::load(&parts, Arc::clone(&reader))?;
            Ok((port, parts, reader))
        });
        match made {
            Ok((port, parts, reader)) => {
                let again = move || {
                    let again = GptSovitsVoice::load(&parts, Arc::clone(&reader)).ok()?;
                    Some(Box::new(again) as Voice)
                };
                let (port, again) = (Box::new(port) as Voice, Box::new(again) as MakePort<Voice>);
                return Ok(OpenVoice { port, again, model, took: start.elapsed(), failed: None });
            }
            Err(error) if file.espeak.is_none() => return Err(error),
            Err(error) => {
                tracing::error!(%error, voice = name, "espeak-ng stands in for the voice");
                failed = Some((model, error.to_string()));
            }
        }
    }
    let Some(espeak) = file.espeak else {
        return Err(DaemonError::Invalid(format!("nothing can speak the voice {name:?}")));
    };
    let (port, again) = espeak_voice(settings, espeak);
    Ok(OpenVoice { port, again, model: ESPEAK.to_owned(), took: start.elapsed(), failed })
}

fn espeak_voice(settings: &Settings, espeak: EspeakSettings) -> (Voice, MakePort<Voice>) {
    let program = if settings.paths.espeak.as_os_str().is_empty() {
        let beside = |exe: PathBuf| exe.with_file_name("companion-espeak");
        std::env::current_exe().map_or_else(|_| "companion-espeak".into(), beside)
    } else {
        settings.paths.espeak.clone()
    };
    let make = move || EspeakVoice::new(program.clone(), espeak.clone());
    let first: Voice = Box::new(make());
    (first, Box::new(move || Some(Box::new(make()) as Voice)))
}
