//! The closed set of error kinds. Rooms have typed errors of their own; what the neighbours need to
//! know of one is its kind: it decides the D-Bus name, the exit code and who acts.

use std::fmt;

/// What sort of failure an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The caller gave something that cannot be.
    InvalidArgument,
    /// The named thing does not exist.
    NotFound,
    /// The caller may not do this.
    PermissionDenied,
    /// Occupied; later it may go.
    Busy,
    /// Took longer than its bound.
    DeadlineExceeded,
    /// Cancelled by the one who asked; no failure.
    Cancelled,
    /// Memory of the device or the machine is short.
    OutOfMemory,
    /// A slot is empty, a device gone, a peer down.
    Unavailable,
    /// A file or a record is damaged.
    Corrupt,
    /// A fault of our own.
    Internal,
}

impl ErrorKind {
    /// The name as it stands on the bus, behind `org.companiond.Error.`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidArgument => "InvalidArgument",
            Self::NotFound => "NotFound",
            Self::PermissionDenied => "PermissionDenied",
            Self::Busy => "Busy",
            Self::DeadlineExceeded => "DeadlineExceeded",
            Self::Cancelled => "Cancelled",
            Self::OutOfMemory => "OutOfMemory",
            Self::Unavailable => "Unavailable",
            Self::Corrupt => "Corrupt",
            Self::Internal => "Internal",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An error that knows its kind.
pub trait Kind: std::error::Error {
    /// The kind of this error.
    fn kind(&self) -> ErrorKind;
}
