//! The key of a server: where it lies, and a type that never shows it. It is not logged, not printed, and
//! taken out of whatever a server writes back.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::RemoteError;

/// Longer keys are refused: it is some other file.
const LONGEST_KEY: u64 = 8 * 1024;

/// A key. It has no `Display`, and its `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// Takes a key; white space around it, such as a file's last line break, goes.
    ///
    /// # Errors
    /// When it is empty or holds what cannot stand in a header of HTTP.
    pub fn new(text: &str) -> Result<Self, RemoteError> {
        let key = text.trim();
        if key.is_empty() {
            return Err(RemoteError::Key {
                problem: "it is empty; write the server's key into it",
            });
        }
        if !key.bytes().all(|b| b.is_ascii_graphic()) {
            let problem = "it holds more than one word of ASCII; write the key alone into it";
            return Err(RemoteError::Key { problem });
        }
        Ok(Self(key.to_owned()))
    }

    /// `text` without the key.
    #[must_use]
    pub fn taken_out_of(&self, text: &str) -> String {
        text.replace(&self.0, "[key]")
    }

    /// The key, for the header that needs it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

/// Where a key lies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum KeySource {
    /// The server wants none.
    #[default]
    None,
    /// A file, by its whole path.
    File(PathBuf),
    /// A credential that systemd hands to the service (`LoadCredential=NAME:…`), by its name.
    Credential(String),
}

impl KeySource {
    /// Reads the key; a credential is looked for in `$CREDENTIALS_DIRECTORY`.
    ///
    /// # Errors
    /// When it cannot be read, or is no key.
    pub fn read(&self) -> Result<Option<Secret>, RemoteError> {
        self.read_with(std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from).as_deref())
    }

    /// Reads the key; a credential is looked for in `credentials`.
    ///
    /// # Errors
    /// When it cannot be read, or is no key.
    pub fn read_with(&self, credentials: Option<&Path>) -> Result<Option<Secret>, RemoteError> {
        let path = match self {
            Self::None => return Ok(None),
            Self::File(path) => path.clone(),
            Self::Credential(name) => match credentials {
                Some(folder) => folder.join(name),
                None => return Err(RemoteError::NoCredentials { name: name.clone() }),
            },
        };
        let unreadable = |source| RemoteError::KeyFile { path: path.clone(), source };
        if std::fs::metadata(&path).map_err(unreadable)?.len() > LONGEST_KEY {
            return Err(RemoteError::Key { problem: "its file is longer than 8 KiB" });
        }
        Secret::new(&std::fs::read_to_string(&path).map_err(unreadable)?).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_shows_nothing_of_itself() {
        let key = Secret::new("sk-12345\n").unwrap();
        assert_eq!(format!("{key:?} {:#?}", Some(&key)), "Secret Some(\n    Secret,\n)");
        assert_eq!(key.taken_out_of("bad key sk-12345!"), "bad key [key]!");
        assert_eq!(key.expose(), "sk-12345");
    }

    #[test]
    fn what_cannot_be_a_key_is_refused_without_being_shown() {
        for text in ["", " \n", "two words", "a\r\nHost: b", "schlüssel", "a\0"] {
            let error = Secret::new(text).unwrap_err().to_string();
            assert!(text.trim().is_empty() || !error.contains(text), "{error}");
        }
    }

    #[test]
    fn a_key_is_read_from_a_file_and_from_a_credential() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("remote-key"), "abc\n").unwrap();
        let file = KeySource::File(folder.path().join("remote-key"));
        assert_eq!(file.read_with(None).unwrap().unwrap().expose(), "abc");
        let credential = KeySource::Credential("remote-key".to_owned());
        let read = credential.read_with(Some(folder.path())).unwrap();
        assert_eq!(read.unwrap().expose(), "abc");
        assert!(KeySource::None.read_with(None).unwrap().is_none());
    }

    #[test]
    fn a_key_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = KeySource::File(folder.path().join("k")).read_with(None).unwrap_err();
        assert!(error.to_string().contains(&folder.path().join("k").display().to_string()));
        let error = KeySource::Credential("remote-key".to_owned()).read_with(None).unwrap_err();
        assert!(error.to_string().contains("LoadCredential=remote-key"), "{error}");
        std::fs::write(folder.path().join("long"), vec![b'x'; 9000]).unwrap();
        assert!(KeySource::File(folder.path().join("long")).read_with(None).is_err());
    }
}
