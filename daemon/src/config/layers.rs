//! The layers of the configuration, each over the one before: built-in defaults, the file, its drop-ins
//! in the order of their names, `COMPANION_SECTION_KEY` of the environment, `--set section.key=value`.
//! Each layer is checked by itself, so that an error names where it was written.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{ConfigError, Settings};

/// Variables with the prefix that are no settings.
const OTHER_VARIABLES: [&str; 4] =
    ["COMPANION_CONFIG", "COMPANION_BUS", "COMPANION_LOG", "COMPANION_FIXTURES"];
const PREFIX: &str = "COMPANION_";

/// Where settings are written.
#[derive(Debug, Clone, Default)]
pub struct ConfigSources {
    /// The file; its drop-ins are `conf.d/*.toml` beside it.
    pub file: Option<PathBuf>,
    /// Whether the file may be absent.
    pub optional: bool,
    /// The environment.
    pub environment: Vec<(String, String)>,
    /// `section.key=value` of the command line.
    pub flags: Vec<String>,
}

/// Reads all layers and checks what they make together.
///
/// # Errors
/// When a file cannot be read, a key is not known, or a value cannot be.
pub fn load(sources: &ConfigSources) -> Result<Settings, ConfigError> {
    let altogether =
        |error: String| ConfigError::Value { from: "altogether".to_owned(), message: error };
    let mut merged = Table::try_from(Settings::default()).map_err(|e| altogether(e.to_string()))?;
    if let Some(file) = &sources.file {
        if let Some(table) = read(file, sources.optional)? {
            merge(&mut merged, table);
        }
        for part in drop_ins(file)? {
            if let Some(table) = read(&part, false)? {
                merge(&mut merged, table);
            }
        }
    }
    for (name, value) in &sources.environment {
        if let Some(table) = of_variable(name, value)? {
            merge(&mut merged, table);
        }
    }
    for flag in &sources.flags {
        merge(&mut merged, of_flag(flag)?);
    }
    let settings: Settings = merged.try_into().map_err(|error| altogether(plain(&error)))?;
    settings.check()?;
    Ok(settings)
}

fn drop_ins(file: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let folder = file.with_file_name("conf.d");
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(ConfigError::Read { path: folder, source }),
    };
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    Ok(files)
}

fn read(path: &Path, optional: bool) -> Result<Option<Table>, ConfigError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if optional && error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ConfigError::Read { path: path.to_owned(), source }),
    };
    // Settings first: its errors know the line of an unknown key.
    let syntax = |error: toml::de::Error| ConfigError::Syntax {
        path: path.to_owned(),
        message: error.to_string().trim_end().to_owned(),
    };
    toml::from_str::<Settings>(&text).map_err(syntax)?;
    toml::from_str(&text).map(Some).map_err(syntax)
}

fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) => merge(old, new),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// A value as TOML reads it; what is no TOML value is a string.
fn value_of(text: &str) -> Value {
    toml::from_str::<Table>(&format!("v = {text}"))
        .ok()
        .and_then(|mut table| table.remove("v"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

/// A table with one value, tried as a setting; a number that is wanted as a string becomes one.
fn single(path: &[&str], text: &str, from: &str) -> Result<Table, ConfigError> {
    let nest = |value: Value| {
        let mut value = value;
        for key in path.iter().rev() {
            value = Value::Table(Table::from_iter([((*key).to_owned(), value)]));
        }
        match value {
            Value::Table(table) => table,
            _ => Table::new(),
        }
    };
    let first = nest(value_of(text));
    match first.clone().try_into::<Settings>() {
        Ok(_) => Ok(first),
        Err(error) => {
            let quoted = nest(Value::String(text.to_owned()));
            if quoted.clone().try_into::<Settings>().is_ok() {
                return Ok(quoted);
            }
            Err(ConfigError::Value { from: from.to_owned(), message: plain(&error) })
        }
    }
}

fn plain(error: &toml::de::Error) -> String {
    error.message().to_owned()
}

fn of_variable(name: &str, value: &str) -> Result<Option<Table>, ConfigError> {
    let Some(rest) = name.strip_prefix(PREFIX) else { return Ok(None) };
    if OTHER_VARIABLES.contains(&name) {
        return Ok(None);
    }
    let lower = rest.to_lowercase();
    let Some((section, key)) = lower.split_once('_') else {
        return Err(ConfigError::Value {
            from: format!("variable {name}"),
            message: "write COMPANION_SECTION_KEY, for example COMPANION_MEMORY_TOP_K=5".to_owned(),
        });
    };
    single(&[section, key], value, &format!("variable {name}")).map(Some)
}

fn of_flag(flag: &str) -> Result<Table, ConfigError> {
    let from = format!("--set {flag}");
    let Some((path, value)) = flag.split_once('=') else {
        let message = "write section.key=value, for example memory.top_k=5".to_owned();
        return Err(ConfigError::Value { from, message });
    };
    let path: Vec<&str> = path.split('.').map(str::trim).collect();
    single(&path, value.trim(), &from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(folder: &Path) -> ConfigSources {
        ConfigSources { file: Some(folder.join("companion.toml")), ..ConfigSources::default() }
    }

    #[test]
    fn later_layers_win_and_keep_what_they_do_not_name() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("companion.toml"),
            "[memory]\ntop_k = 5\ndeadline_ms = 70\n[asr]\nendpoint_silence_ms = 600\n",
        )
        .unwrap();
        std::fs::create_dir(folder.path().join("conf.d")).unwrap();
        std::fs::write(folder.path().join("conf.d/10-more.toml"), "[memory]\ntop_k = 6\n").unwrap();
        let mut sources = sources(folder.path());
        let settings = load(&sources).unwrap();
        assert_eq!((settings.memory.top_k, settings.memory.deadline_ms), (6, 70));
        sources.environment = vec![
            ("COMPANION_MEMORY_TOP_K".into(), "7".into()),
            ("COMPANION_MODELS_LLM".into(), "7".into()),
            ("PATH".into(), "x".into()),
        ];
        let settings = load(&sources).unwrap();
        assert_eq!((settings.memory.top_k, settings.models.llm.as_str()), (7, "7"));
        sources.flags = vec!["memory.top_k=8".into(), "dialogue.profiles.fast.top_k = 3".into()];
        let settings = load(&sources).unwrap();
        assert_eq!(settings.memory.top_k, 8);
        assert_eq!(settings.dialogue.profiles.fast.top_k, 3);
        assert_eq!(settings.asr.endpoint_silence_ms, 600);
    }

    #[test]
    fn unknown_keys_are_refused_with_their_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("companion.toml");
        std::fs::write(&file, "[memory]\ntop_q = 5\n").unwrap();
        let error = load(&sources(folder.path())).unwrap_err().to_string();
        assert!(error.contains("companion.toml") && error.contains("top_q"), "{error}");
        assert!(error.contains("line 2"), "{error}");
        std::fs::write(&file, "").unwrap();
        for (name, value) in [("COMPANION_MEMORY_TOP_Q", "5"), ("COMPANION_MEMORY_TOP_K", "many")] {
            let mut sources = sources(folder.path());
            sources.environment = vec![(name.into(), value.into())];
            let error = load(&sources).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        let mut sources = sources(folder.path());
        sources.flags = vec!["memory.top_k".into()];
        assert!(load(&sources).unwrap_err().to_string().contains("section.key=value"));
    }

    #[test]
    fn values_out_of_bounds_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("companion.toml");
        for text in [
            "[asr]\nendpoint_silence_ms = 100\n",
            "[memory]\nvector_weight = -1.0\n",
            "[audio]\nquantum = 0\n",
            "[dialogue]\ncontext_budget_tokens = 10\n",
            "[remote]\nbase_url = \"http://127.0.0.1:1\"\nmodel = \"m\"\nidle_ms = 10000\n",
        ] {
            std::fs::write(&file, text).unwrap();
            let error = load(&sources(folder.path())).unwrap_err();
            assert!(matches!(error, ConfigError::Bounds { .. }), "{text}: {error}");
        }
    }

    #[test]
    fn a_chat_server_is_set_like_everything_else_and_its_key_is_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("companion.toml");
        let text = "[remote]\nbase_url = \"https://open.bigmodel.cn/api/paas/v4\"\nmodel = \"glm\"\ntemperature = 0.5\nbody = { thinking = { type = \"disabled\" } }\n";
        std::fs::write(&file, text).unwrap();
        let mut sources = sources(folder.path());
        sources.environment = vec![("COMPANION_REMOTE_KEY_CREDENTIAL".into(), "remote-key".into())];
        let remote = load(&sources).unwrap().remote;
        assert_eq!((remote.temperature, remote.key_credential.as_str()), (Some(0.5), "remote-key"));
        assert_eq!(remote.body["thinking"]["type"], "disabled");
        sources.environment = vec![("COMPANION_REMOTE_KEY_FILE".into(), "sk-word".into())];
        let error = load(&sources).unwrap_err().to_string();
        assert!(error.contains("key_file") && !error.contains("sk-word"), "{error}");
    }

    #[test]
    fn the_shipped_file_states_the_defaults() {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../static/companion.toml");
        let shipped = ConfigSources { file: Some(shipped), ..ConfigSources::default() };
        assert_eq!(load(&shipped).unwrap(), Settings::default());
    }
}
