//! The one place where a call waits: every wait is cut into short slices, between which the cancel flag and
//! the bounds of time are looked at. Pure but for the clock and the pause between two trials.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use companion_types::Cancel;

use crate::Phase;

/// No single wait is longer, so that a cancelled call ends this soon although its server is silent.
pub(crate) const SLICE: Duration = Duration::from_millis(20);

/// Why a call was given up from this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The flag was set.
    Cancelled,
    /// A bound was reached.
    TimedOut(Phase),
}

/// The bounds of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// For one connection.
    pub(crate) connect: Duration,
    /// From the call's begin to the first token, all trials together.
    pub(crate) first_token: Duration,
    /// From one token to the next.
    pub(crate) next_token: Duration,
    /// From the call's begin to its end.
    pub(crate) total: Duration,
}

#[derive(Debug)]
struct Call {
    cancel: Cancel,
    ends: Instant,
    first_token_by: Instant,
    phase: Phase,
    phase_ends: Instant,
    stop: Option<Stop>,
}

/// The call in progress. Shared by the client and its sockets, which the HTTP library owns and hands no
/// argument through; all of them run on the caller's thread, so that the lock is never waited for.
#[derive(Debug)]
pub(crate) struct Watch {
    bounds: Bounds,
    call: Mutex<Call>,
}

/// The end of a bound; one that no clock reaches ends in a day.
fn after(bound: Duration) -> Instant {
    Instant::now() + bound.min(Duration::from_secs(24 * 3600))
}

impl Bounds {
    fn begin(&self, cancel: Cancel) -> Call {
        let first_token_by = after(self.first_token);
        let ends = after(self.total);
        let (phase, phase_ends) = (Phase::FirstToken, first_token_by);
        Call { cancel, ends, first_token_by, phase, phase_ends, stop: None }
    }
}

impl Watch {
    /// Watches calls with these bounds.
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, call: Mutex::new(bounds.begin(Cancel::new())) }
    }

    fn call(&self) -> MutexGuard<'_, Call> {
        self.call.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call begins.
    pub(crate) fn begin(&self, cancel: &Cancel) {
        *self.call() = self.bounds.begin(cancel.clone());
    }

    /// From now on this is waited for.
    pub(crate) fn enter(&self, phase: Phase) {
        let mut call = self.call();
        call.phase_ends = match phase {
            Phase::Connect => after(self.bounds.connect),
            Phase::FirstToken => call.first_token_by,
            Phase::NextToken => after(self.bounds.next_token),
            Phase::Total => call.ends,
        };
        call.phase = phase;
    }

    /// From now on the rest of an answer that is whole already is waited for.
    pub(crate) fn linger(&self, bound: Duration) {
        let mut call = self.call();
        (call.phase, call.phase_ends) = (Phase::NextToken, after(bound));
    }

    /// What is waited for.
    pub(crate) fn phase(&self) -> Phase {
        self.call().phase
    }

    /// Why the call was given up from this side, if it was.
    pub(crate) fn stop(&self) -> Option<Stop> {
        self.call().stop
    }

    /// Time that is left for a first token.
    pub(crate) fn left(&self) -> Duration {
        let call = self.call();
        call.ends.min(call.first_token_by).saturating_duration_since(Instant::now())
    }

    /// How long to wait before asking again.
    ///
    /// # Errors
    /// When the call is given up.
    pub(crate) fn slice(&self) -> Result<Duration, Stop> {
        let mut call = self.call();
        let now = Instant::now();
        let mut ends = vec![(call.ends, Phase::Total), (call.phase_ends, call.phase)];
        if call.phase == Phase::Connect {
            ends.push((call.first_token_by, Phase::FirstToken));
        }
        let (end, phase) =
            ends.into_iter().min_by_key(|(end, _)| *end).unwrap_or((now, Phase::Total));
        let stop = if call.cancel.is_cancelled() {
            Stop::Cancelled
        } else if now >= end {
            Stop::TimedOut(phase)
        } else {
            return Ok(end.saturating_duration_since(now).min(SLICE));
        };
        call.stop = Some(stop);
        Err(stop)
    }

    /// Like [`Self::slice`], as a socket says it; who asked finds the reason in [`Self::stop`].
    pub(crate) fn io_slice(&self) -> io::Result<Duration> {
        self.slice().map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "given up"))
    }

    /// Waits before the next trial.
    ///
    /// # Errors
    /// When the call is given up.
    pub(crate) fn pause(&self, pause: Duration) -> Result<(), Stop> {
        self.enter(Phase::FirstToken);
        let end = after(pause);
        loop {
            let slice = self.slice()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(slice.min(left));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);
    const BOUNDS: Bounds =
        Bounds { connect: LONG, first_token: LONG, next_token: LONG, total: Duration::MAX };

    #[test]
    fn no_wait_is_longer_than_a_slice() {
        let watch = Watch::new(BOUNDS);
        for phase in [Phase::Connect, Phase::FirstToken, Phase::NextToken, Phase::Total] {
            watch.enter(phase);
            assert_eq!(watch.slice(), Ok(SLICE));
        }
        assert!(SLICE * 4 < Duration::from_millis(100));
    }

    #[test]
    fn a_set_flag_ends_every_wait() {
        let (watch, cancel) = (Watch::new(BOUNDS), Cancel::new());
        watch.begin(&cancel);
        cancel.cancel();
        assert_eq!(watch.slice(), Err(Stop::Cancelled));
        assert_eq!(watch.pause(LONG), Err(Stop::Cancelled));
        assert_eq!(watch.stop(), Some(Stop::Cancelled));
        watch.begin(&Cancel::new());
        assert_eq!(watch.stop(), None, "a new call forgets");
    }

    #[test]
    fn the_bound_that_was_reached_is_named() {
        let none = Duration::ZERO;
        for (bounds, waits_for, named) in [
            (Bounds { connect: none, ..BOUNDS }, Phase::Connect, Phase::Connect),
            (Bounds { first_token: none, ..BOUNDS }, Phase::Connect, Phase::FirstToken),
            (Bounds { first_token: none, ..BOUNDS }, Phase::FirstToken, Phase::FirstToken),
            (Bounds { next_token: none, ..BOUNDS }, Phase::NextToken, Phase::NextToken),
            (Bounds { total: none, ..BOUNDS }, Phase::NextToken, Phase::Total),
        ] {
            let watch = Watch::new(bounds);
            watch.enter(waits_for);
            assert_eq!(watch.slice(), Err(Stop::TimedOut(named)));
        }
    }

    #[test]
    fn after_the_first_token_its_bound_counts_no_more() {
        let watch = Watch::new(Bounds { first_token: Duration::ZERO, ..BOUNDS });
        watch.enter(Phase::NextToken);
        assert_eq!(watch.slice(), Ok(SLICE));
    }
}
