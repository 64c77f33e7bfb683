//! How a command ends: kinds of failure, their exit codes (those of `sysexits.h` where one fits), and how
//! an error is written. Pure but for the writing.

use std::io::{self, Write};

use serde_json::json;

use crate::messages::{Lang, Message};

/// All went well.
pub const OK: u8 = 0;
/// A wrong command line or argument.
pub const USAGE: u8 = 64;
/// A fault of the daemon.
pub const INTERNAL: u8 = 70;

/// Result of a command.
pub type Outcome<T = ()> = Result<T, Failure>;

/// Kinds, exit codes and what they mean, as `--help` and the manual list them.
pub(crate) const CODES: [(u8, &str, &str); 11] = [
    (0, "", "success"),
    (64, "InvalidArgument", "wrong command line, or an argument that cannot be"),
    (65, "Corrupt", "a file or a record is damaged"),
    (66, "NotFound", "the named thing does not exist"),
    (69, "Unavailable", "no bus, no daemon on it, an empty slot, or a device that is gone"),
    (70, "Internal", "a fault of the daemon"),
    (71, "OutOfMemory", "memory of the device or the machine is short"),
    (75, "Busy", "occupied; later it may go"),
    (75, "DeadlineExceeded", "took longer than its bound"),
    (77, "PermissionDenied", "the caller may not do this"),
    (130, "Cancelled", "cancelled, or stopped with Ctrl-C"),
];

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    kind: &'static str,
    message: String,
    hint: Option<String>,
    /// Whoever read the output is gone: nothing is said, and that is no error.
    quiet: bool,
}

impl Failure {
    pub(crate) fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, quiet: false }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    pub(crate) fn has_hint(&self) -> bool {
        self.hint.is_some()
    }

    /// A failure with a file: which file, and what was to be done with it.
    pub(crate) fn file(error: &io::Error, doing: &str, path: &std::path::Path) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => "NotFound",
            io::ErrorKind::PermissionDenied => "PermissionDenied",
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => "Corrupt",
            io::ErrorKind::IsADirectory | io::ErrorKind::InvalidInput => "InvalidArgument",
            _ => "Unavailable",
        };
        Self::new(kind, format!("{doing} {}: {error}", path.display()))
    }

    /// Its exit code.
    #[must_use]
    pub fn code(&self) -> u8 {
        if self.quiet {
            return OK;
        }
        CODES.iter().find(|(_, kind, _)| *kind == self.kind).map_or(INTERNAL, |(code, ..)| *code)
    }

    pub(crate) fn write(&self, err: &mut dyn Write, as_json: bool, lang: Lang) -> io::Result<()> {
        if self.quiet {
            return Ok(());
        }
        if as_json {
            let mut error = json!({ "kind": self.kind, "message": self.message });
            if let Some(hint) = &self.hint {
                error["hint"] = json!(hint);
            }
            return writeln!(err, "{}", json!({ "error": error }));
        }
        let kind = lang.text(Message::of_kind(self.kind));
        writeln!(err, "companionctl: {kind}{}{}", lang.text(Message::Colon), self.message)?;
        if let Some(hint) = &self.hint {
            writeln!(err, "{}{}{hint}", lang.text(Message::Hint), lang.text(Message::Colon))?;
        }
        Ok(())
    }
}

impl From<companion_bus::Error> for Failure {
    fn from(error: companion_bus::Error) -> Self {
        let (kind, message) = error.parts();
        Self::new(kind, message)
    }
}

impl From<zbus::Error> for Failure {
    fn from(error: zbus::Error) -> Self {
        companion_bus::Error::Bus(error).into()
    }
}

impl From<zbus::fdo::Error> for Failure {
    fn from(error: zbus::fdo::Error) -> Self {
        match error {
            zbus::fdo::Error::ZBus(error) => error.into(),
            zbus::fdo::Error::AccessDenied(text) => Self::new("PermissionDenied", text),
            other => Self::new("Unavailable", other.to_string()),
        }
    }
}

/// Output that could not be written, or a descriptor of the daemon that broke.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let quiet = error.kind() == io::ErrorKind::BrokenPipe;
        Self { quiet, ..Self::new("Unavailable", error.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_the_bus_has_its_code() {
        for code in 1..=10 {
            let failure = Failure::from(companion_bus::Error::of_code(code, "why".into()));
            assert!(CODES.iter().any(|(_, kind, _)| *kind == failure.kind), "{}", failure.kind);
        }
    }

    #[test]
    fn a_reader_who_went_away_is_no_error() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        let mut err = Vec::new();
        failure.write(&mut err, false, Lang::En).unwrap();
        assert_eq!((failure.code(), err.len()), (0, 0));
    }
}
