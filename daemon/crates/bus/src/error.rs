//! Typed errors of the bus: `org.companiond.Error.<Kind>`.

use zbus::DBusError;

/// What a method may fail with. The text says who, what, which and what to do.
#[derive(Debug, DBusError)]
#[zbus(prefix = "org.companiond.Error")]
pub enum Error {
    /// The bus itself failed.
    #[zbus(error)]
    Bus(zbus::Error),
    /// The caller gave something that cannot be.
    InvalidArgument(String),
    /// The named thing does not exist.
    NotFound(String),
    /// The caller may not do this.
    PermissionDenied(String),
    /// Occupied; later it may go.
    Busy(String),
    /// Took longer than its bound.
    DeadlineExceeded(String),
    /// Cancelled by the one who asked.
    Cancelled(String),
    /// Memory of the device or the machine is short.
    OutOfMemory(String),
    /// A slot is empty, a device gone, a peer down.
    Unavailable(String),
    /// A file or a record is damaged.
    Corrupt(String),
    /// A fault of the daemon.
    Internal(String),
}

/// Result of a method.
pub type Result<T> = std::result::Result<T, Error>;

/// Names of the kinds, in the order of their response codes from 1.
const KINDS: [&str; 10] = [
    "InvalidArgument",
    "NotFound",
    "PermissionDenied",
    "Busy",
    "DeadlineExceeded",
    "Cancelled",
    "OutOfMemory",
    "Unavailable",
    "Corrupt",
    "Internal",
];

impl Error {
    /// The error of a kind's name; an unknown kind is an internal one.
    #[must_use]
    pub fn of_kind(kind: &str, text: String) -> Self {
        match kind {
            "InvalidArgument" => Self::InvalidArgument(text),
            "NotFound" => Self::NotFound(text),
            "PermissionDenied" => Self::PermissionDenied(text),
            "Busy" => Self::Busy(text),
            "DeadlineExceeded" => Self::DeadlineExceeded(text),
            "Cancelled" => Self::Cancelled(text),
            "OutOfMemory" => Self::OutOfMemory(text),
            "Unavailable" => Self::Unavailable(text),
            "Corrupt" => Self::Corrupt(text),
            _ => Self::Internal(text),
        }
    }

    /// Kind and text. An error of the bus itself counts as `Unavailable`; one that the bus passes on
    /// from the daemon keeps its kind.
    #[must_use]
    pub fn parts(&self) -> (&'static str, String) {
        let (kind, text) = match self {
            Self::Bus(zbus::Error::MethodError(name, text, _)) => {
                let kind = name.rsplit('.').next().unwrap_or_default();
                let kind = match kind {
                    "AccessDenied" => "PermissionDenied",
                    "InvalidArgs" => "InvalidArgument",
                    "NoReply" | "Timeout" => "DeadlineExceeded",
                    other => KINDS.into_iter().find(|k| *k == other).unwrap_or("Unavailable"),
                };
                return (kind, text.clone().unwrap_or_else(|| name.to_string()));
            }
            Self::Bus(error) => return ("Unavailable", error.to_string()),
            Self::InvalidArgument(text) => (0, text),
            Self::NotFound(text) => (1, text),
            Self::PermissionDenied(text) => (2, text),
            Self::Busy(text) => (3, text),
            Self::DeadlineExceeded(text) => (4, text),
            Self::Cancelled(text) => (5, text),
            Self::OutOfMemory(text) => (6, text),
            Self::Unavailable(text) => (7, text),
            Self::Corrupt(text) => (8, text),
            Self::Internal(text) => (9, text),
        };
        (KINDS[kind], text.clone())
    }

    /// The `Response` code of a request that ended with this error; 0 is success.
    #[must_use]
    pub fn code(&self) -> u32 {
        let kind = self.parts().0;
        KINDS.iter().position(|k| *k == kind).map_or(10, |n| u32::try_from(n).unwrap_or(9) + 1)
    }

    /// The error of a `Response` code.
    #[must_use]
    pub fn of_code(code: u32, text: String) -> Self {
        let index = usize::try_from(code.saturating_sub(1)).unwrap_or(9);
        Self::of_kind(KINDS.get(index).copied().unwrap_or("Internal"), text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_survives_the_way_through_a_response_code() {
        for kind in KINDS {
            let error = Error::of_kind(kind, "why".into());
            assert_eq!(Error::of_code(error.code(), "why".into()).parts(), (kind, "why".into()));
        }
    }
}
