//! What can go wrong between the host and a device. Holds no device.

/// Why a device did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The build has no kernels in it.
    #[error("this build holds no CUDA kernels; build with packaging/cuda/build")]
    NotBuilt,
    /// No driver is installed.
    #[error("no NVIDIA driver: libcuda.so.1 was not found; install the driver of the card")]
    NoDriver,
    /// There is a driver, but not this device.
    #[error("no CUDA device {index}: the driver knows {count} (see nvidia-smi -L)")]
    NoDevice {
        /// The device that was asked for, from 0.
        index: usize,
        /// Devices of this machine.
        count: usize,
    },
    /// The card is older than the kernels.
    #[error("{name} has compute capability {major}.{minor}; the kernels need 8.0 or newer")]
    TooOld {
        /// The card.
        name: String,
        /// Compute capability, before the point.
        major: u32,
        /// Compute capability, after the point.
        minor: u32,
    },
    /// The device's memory is full.
    #[error("{device} has no {bytes} bytes left of its memory; use a smaller model or context")]
    Memory {
        /// Name of the device.
        device: String,
        /// Bytes that were asked for.
        bytes: usize,
    },
    /// A call of the driver failed.
    #[error("{device}: {call} failed: {problem}")]
    Driver {
        /// Name of the device.
        device: String,
        /// What was done.
        call: &'static str,
        /// The driver's word for it.
        problem: String,
    },
    /// Sizes do not fit each other.
    #[error("{op}: {what} is {got}, expected {expected}")]
    Shape {
        /// The operation.
        op: &'static str,
        /// Which size.
        what: &'static str,
        /// What was given.
        got: usize,
        /// What would be right.
        expected: String,
    },
    /// Values live on different devices.
    #[error("{op}: a buffer of another device was given")]
    OtherDevice {
        /// The operation.
        op: &'static str,
    },
    /// A call that a recording cannot hold.
    #[error("{what} is not possible while a graph is recorded")]
    Recording {
        /// The call.
        what: &'static str,
    },
}

/// Checks a size that must be at least `least`.
pub(crate) fn at_least(
    op: &'static str,
    what: &'static str,
    got: usize,
    least: usize,
) -> Result<(), Error> {
    if got < least {
        return Err(Error::Shape { op, what, got, expected: format!("at least {least}") });
    }
    Ok(())
}

/// Checks a size that must be exactly `expected`.
pub(crate) fn exactly(
    op: &'static str,
    what: &'static str,
    got: usize,
    expected: usize,
) -> Result<(), Error> {
    if got != expected {
        return Err(Error::Shape { op, what, got, expected: expected.to_string() });
    }
    Ok(())
}

/// Checks a size that must be a multiple of `step`, and not zero.
pub(crate) fn multiple(
    op: &'static str,
    what: &'static str,
    got: usize,
    step: usize,
) -> Result<(), Error> {
    if got == 0 || !got.is_multiple_of(step) {
        return Err(Error::Shape { op, what, got, expected: format!("a multiple of {step}") });
    }
    Ok(())
}
