//! A device over file descriptors, for clients that bring their own microphone and loudspeaker: S16LE
//! mono through a pipe or a socket, as a plain stream or in packets with a header. Starts no thread;
//! no call waits without a bound.

mod input;
mod output;
mod packet;

use std::os::fd::BorrowedFd;
use std::time::Duration;

pub use input::FdInput;
pub use output::FdOutput;
pub use packet::PacketHeader;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

use crate::error::AudioError;

/// How sound is laid out on the descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FdFraming {
    /// Samples and nothing else; for pipes, files and stream sockets.
    Stream,
    /// One packet per piece, each with a [`PacketHeader`]; for `SOCK_SEQPACKET`.
    Packets,
}

/// Waits at most this long before it is looked whether the caller still wants it.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

fn io(errno: Errno) -> AudioError {
    AudioError::Io(errno.into())
}

fn do_not_block(fd: BorrowedFd<'_>) -> Result<(), AudioError> {
    let flags = fcntl_getfl(fd).map_err(io)?;
    fcntl_setfl(fd, flags | OFlags::NONBLOCK).map_err(io)
}

/// Whether the descriptor is ready (or broken) within `wait`.
fn ready(fd: BorrowedFd<'_>, what: PollFlags, wait: Duration) -> Result<bool, AudioError> {
    let wait = Timespec {
        tv_sec: i64::try_from(wait.as_secs()).unwrap_or(0),
        tv_nsec: i64::from(wait.subsec_nanos()),
    };
    match poll(&mut [PollFd::from_borrowed_fd(fd, what)], Some(&wait)) {
        Ok(n) => Ok(n > 0),
        Err(Errno::INTR) => Ok(false),
        Err(errno) => Err(io(errno)),
    }
}
