//! The profiles: TOML files, shipped ones under the data folder, imported ones under the state folder. An
//! imported one with a shipped key counts instead of it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use companion_types::PersonaProfile;

use crate::error::DaemonError;

/// Largest profile file, bytes.
pub(crate) const LARGEST: usize = 64 << 10;

/// All profiles.
#[derive(Debug)]
pub(crate) struct ProfileBook {
    imported: PathBuf,
    // Bus tasks read and import; held for look-ups and one small write.
    profiles: Mutex<BTreeMap<String, PersonaProfile>>,
}

/// Reads one profile.
pub(crate) fn parse(text: &str, whence: &str) -> Result<PersonaProfile, DaemonError> {
    let wrong = |why: String| DaemonError::Invalid(format!("profile {whence}: {why}"));
    let profile: PersonaProfile =
        toml::from_str(text).map_err(|e| wrong(e.to_string().trim_end().to_owned()))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let key = &profile.key;
    if key.is_empty() || key.len() > 64 || !key.chars().all(plain) {
        return Err(wrong("key: 1 to 64 letters, digits, - and _ are allowed".to_owned()));
    }
    for (name, text, most) in [
        ("name_zh", &profile.name_zh, 40),
        ("name_en", &profile.name_en, 40),
        ("persona_zh", &profile.persona_zh, 4000),
        ("persona_en", &profile.persona_en, 4000),
    ] {
        let count = text.trim().chars().count();
        if count == 0 || count > most {
            return Err(wrong(format!("{name}: 1 to {most} characters are allowed, not {count}")));
        }
    }
    Ok(profile)
}

fn read_folder(folder: &Path, into: &mut BTreeMap<String, PersonaProfile>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|e| e.path()) {
        if path.extension().is_none_or(|e| e != "toml") {
            continue;
        }
        let read = std::fs::read_to_string(&path)
            .map_err(|e| DaemonError::Invalid(format!("profile {}: {e}", path.display())))
            .and_then(|text| parse(&text, &path.display().to_string()));
        match read {
            Ok(profile) => drop(into.insert(profile.key.clone(), profile)),
            Err(error) => tracing::error!(%error, "a profile is left out"),
        }
    }
}

impl ProfileBook {
    /// Reads both folders. A file that is wrong is left out, with a line in the log.
    pub(crate) fn open(data: &Path, state: &Path) -> Self {
        let imported = state.join("profiles");
        let mut profiles = BTreeMap::new();
        read_folder(&data.join("profiles"), &mut profiles);
        read_folder(&imported, &mut profiles);
        Self { imported, profiles: Mutex::new(profiles) }
    }

    fn profiles(&self) -> MutexGuard<'_, BTreeMap<String, PersonaProfile>> {
        self.profiles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn all(&self) -> Vec<PersonaProfile> {
        self.profiles().values().cloned().collect()
    }

    /// # Errors
    /// When there is none of this key.
    pub(crate) fn get(&self, key: &str) -> Result<PersonaProfile, DaemonError> {
        let profiles = self.profiles();
        profiles.get(key).cloned().ok_or_else(|| {
            let known: Vec<&str> = profiles.keys().map(String::as_str).collect();
            let known = known.join(", ");
            DaemonError::NotFound(format!("there is no profile {key:?}; there are: {known}"))
        })
    }

    /// Keeps a profile; it is on disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn import(&self, profile: PersonaProfile) -> Result<(), DaemonError> {
        let text = export(&profile)?;
        let path = self.imported.join(format!("{}.toml", profile.key));
        let write = || -> std::io::Result<()> {
            std::fs::create_dir_all(&self.imported)?;
            let new = path.with_extension("new");
            let mut file = std::fs::File::create(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&new, &path)
        };
        write().map_err(|e| {
            DaemonError::Unavailable(format!("profile {} cannot be kept: {e}", path.display()))
        })?;
        self.profiles().insert(profile.key.clone(), profile);
        Ok(())
    }
}

/// A profile as its file.
pub(crate) fn export(profile: &PersonaProfile) -> Result<String, DaemonError> {
    toml::to_string_pretty(profile).map_err(|e| DaemonError::Invalid(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_imported_profile_stays_and_stands_over_the_shipped_one() {
        let state = tempfile::tempdir().unwrap();
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../static");
        let book = ProfileBook::open(&data, state.path());
        let mut profile = book.get("default").unwrap();
        assert_eq!(profile.name_zh, "小伴");
        profile.name_zh = "小星".into();
        book.import(profile.clone()).unwrap();
        let again = ProfileBook::open(&data, state.path());
        assert_eq!(again.get("default").unwrap(), profile);
        assert_eq!(parse(&export(&profile).unwrap(), "test").unwrap(), profile);
        assert!(again.get("none").unwrap_err().to_string().contains("default"));
    }

    #[test]
    fn a_wrong_profile_says_what_is_wrong() {
        let error = parse("key = \"a\"\n", "x.toml").unwrap_err().to_string();
        assert!(error.contains("x.toml") && error.contains("name_zh"), "{error}");
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../static/profiles/default.toml");
        let text = std::fs::read_to_string(data).unwrap().replace("\"default\"", "\"../x\"");
        assert!(parse(&text, "y").unwrap_err().to_string().contains("key"));
    }
}
