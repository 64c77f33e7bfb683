//! The circuit breaker: after failures in a row a server is left alone for a while, then tried once. Pure;
//! the time is given from outside.

use std::time::{Duration, Instant};

/// No pause is longer, whatever the rule says: the clock must be able to hold its end.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// When to stop trying and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerRule {
    /// So many failures in a row open the circuit; at least one.
    pub failures: u32,
    /// How long it stays open the first time.
    pub pause: Duration,
    /// Every failed trial doubles the pause, up to this.
    pub longest_pause: Duration,
}

impl Default for BreakerRule {
    fn default() -> Self {
        Self { failures: 3, pause: Duration::from_secs(5), longest_pause: Duration::from_secs(300) }
    }
}

/// What the circuit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circuit {
    /// Calls go through.
    Closed,
    /// Nobody calls before this time.
    Open {
        /// When the next trial may begin.
        until: Instant,
    },
    /// One trial may begin, or runs.
    HalfOpen {
        /// A trial runs; others wait for its outcome.
        trying: bool,
    },
}

/// Counts failures and says who may call.
#[derive(Debug, Clone)]
pub struct CircuitBreaker {
    rule: BreakerRule,
    circuit: Circuit,
    in_a_row: u32,
    pause: Duration,
}

impl CircuitBreaker {
    /// A closed circuit.
    #[must_use]
    pub fn new(rule: BreakerRule) -> Self {
        Self { rule, circuit: Circuit::Closed, in_a_row: 0, pause: rule.pause }
    }

    /// What the circuit is at `now`.
    #[must_use]
    pub fn circuit(&self, now: Instant) -> Circuit {
        match self.circuit {
            Circuit::Open { until } if now >= until => Circuit::HalfOpen { trying: false },
            circuit => circuit,
        }
    }

    /// Asks for one call. Who is let through reports [`Self::succeeded`], [`Self::failed`] or
    /// [`Self::abandoned`].
    ///
    /// # Errors
    /// With the time until the next trial while the circuit is open; zero while a trial runs.
    pub fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        self.circuit = self.circuit(now);
        match self.circuit {
            Circuit::Closed => Ok(()),
            Circuit::Open { until } => Err(until.saturating_duration_since(now)),
            Circuit::HalfOpen { trying: true } => Err(Duration::ZERO),
            Circuit::HalfOpen { trying: false } => {
                self.circuit = Circuit::HalfOpen { trying: true };
                Ok(())
            }
        }
    }

    /// The call went well: the circuit closes and forgets.
    pub fn succeeded(&mut self) {
        *self = Self::new(self.rule);
    }

    /// The call failed at `now`.
    pub fn failed(&mut self, now: Instant) {
        self.in_a_row = self.in_a_row.saturating_add(1);
        match self.circuit {
            Circuit::Closed if self.in_a_row < self.rule.failures.max(1) => {}
            // A call that began before the circuit opened says nothing new.
            Circuit::Open { .. } => {}
            Circuit::Closed => self.open(now),
            Circuit::HalfOpen { .. } => {
                self.pause = self.pause.saturating_mul(2).min(self.rule.longest_pause);
                self.open(now);
            }
        }
    }

    /// The call ended without saying anything about the server, for example because it was cancelled.
    pub fn abandoned(&mut self) {
        if let Circuit::HalfOpen { trying } = &mut self.circuit {
            *trying = false;
        }
    }

    fn open(&mut self, now: Instant) {
        let pause = self.pause.min(self.rule.longest_pause).min(LONGEST);
        let until = now.checked_add(pause).unwrap_or(now);
        self.circuit = Circuit::Open { until };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rule() -> BreakerRule {
        BreakerRule { failures: 3, pause: 2 * SECOND, longest_pause: 7 * SECOND }
    }

    fn opened(at: Instant) -> CircuitBreaker {
        let mut breaker = CircuitBreaker::new(rule());
        for _ in 0..3 {
            breaker.admit(at).unwrap();
            breaker.failed(at);
        }
        breaker
    }

    #[test]
    fn failures_in_a_row_open_and_a_success_between_them_does_not() {
        let t = Instant::now();
        let mut breaker = CircuitBreaker::new(rule());
        breaker.failed(t);
        breaker.failed(t);
        breaker.succeeded();
        breaker.failed(t);
        breaker.failed(t);
        assert_eq!(breaker.circuit(t), Circuit::Closed);
        breaker.failed(t);
        assert_eq!(breaker.circuit(t), Circuit::Open { until: t + 2 * SECOND });
        assert_eq!(breaker.admit(t + SECOND), Err(SECOND));
    }

    #[test]
    fn after_the_pause_one_trial_goes_through() {
        let t = Instant::now();
        let mut breaker = opened(t);
        let later = t + 2 * SECOND;
        assert_eq!(breaker.circuit(later), Circuit::HalfOpen { trying: false });
        assert_eq!(breaker.admit(later), Ok(()));
        assert_eq!(breaker.admit(later), Err(Duration::ZERO));
        breaker.succeeded();
        assert_eq!(breaker.circuit(later), Circuit::Closed);
        assert_eq!((breaker.admit(later), breaker.admit(later)), (Ok(()), Ok(())));
    }

    #[test]
    fn every_failed_trial_doubles_the_pause_up_to_the_longest() {
        let mut t = Instant::now();
        let mut breaker = opened(t);
        let mut pauses = Vec::new();
        for _ in 0..4 {
            let pause = breaker.admit(t).unwrap_err();
            pauses.push(pause.as_secs());
            t += pause;
            breaker.admit(t).unwrap();
            breaker.failed(t);
        }
        assert_eq!(pauses, [2, 4, 7, 7]);
        t += 7 * SECOND;
        breaker.admit(t).unwrap();
        breaker.succeeded();
        (0..3).for_each(|_| breaker.failed(t));
        assert_eq!(breaker.admit(t), Err(2 * SECOND), "a success forgets the long pauses");
    }

    #[test]
    fn an_abandoned_trial_leaves_room_for_the_next() {
        let t = Instant::now();
        let mut breaker = opened(t);
        breaker.admit(t + 2 * SECOND).unwrap();
        breaker.abandoned();
        assert_eq!(breaker.admit(t + 2 * SECOND), Ok(()));
    }

    #[test]
    fn a_late_failure_does_not_lengthen_an_open_circuit() {
        let t = Instant::now();
        let mut breaker = opened(t);
        breaker.failed(t + SECOND);
        assert_eq!(breaker.circuit(t + SECOND), Circuit::Open { until: t + 2 * SECOND });
    }
}
