//! Looks at the heartbeats of all stages, starts a hung one again, and feeds the watchdog only while every
//! stage is fresh.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::worker::{Heartbeat, Worker};

/// A stage under supervision.
pub(crate) trait Stage: Send + Sync {
    fn name(&self) -> &'static str;
    fn heartbeat(&self) -> Heartbeat;
    fn restarts(&self) -> u32;
    fn is_alive(&self) -> bool;
    /// Starts it again; false when that cannot be done.
    fn restart(&self) -> bool;
}

impl<P: Send + 'static> Stage for Worker<P> {
    fn name(&self) -> &'static str {
        self.stage()
    }

    fn heartbeat(&self) -> Heartbeat {
        Worker::heartbeat(self)
    }

    fn restarts(&self) -> u32 {
        Worker::restarts(self)
    }

    fn is_alive(&self) -> bool {
        Worker::is_alive(self)
    }

    fn restart(&self) -> bool {
        Worker::restart(self)
    }
}

/// A thread that is watched but cannot be started again: only a new process helps.
pub(crate) struct Watched(pub(crate) &'static str, pub(crate) Heartbeat);

impl Stage for Watched {
    fn name(&self) -> &'static str {
        self.0
    }

    fn heartbeat(&self) -> Heartbeat {
        self.1.clone()
    }

    fn restarts(&self) -> u32 {
        0
    }

    fn is_alive(&self) -> bool {
        true
    }

    fn restart(&self) -> bool {
        false
    }
}

/// How one stage is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageReport {
    /// Its name.
    pub stage: &'static str,
    /// Fresh, idle or at work.
    pub state: StageState,
    /// How often it was started again.
    pub restarts: u32,
    /// Since its last heartbeat.
    pub age: Duration,
}

/// State of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StageState {
    /// Fresh and idle.
    Ok,
    /// Fresh and at work.
    Busy,
    /// No heartbeat for too long.
    Hung,
    /// Its thread ended.
    Gone,
}

impl StageState {
    /// Name on the bus.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Busy => "busy",
            Self::Hung => "hung",
            Self::Gone => "gone",
        }
    }
}

/// All stages.
pub struct Health {
    stages: Vec<Arc<dyn Stage>>,
    timeout: Duration,
    every: Duration,
    started: Instant,
    stop: AtomicBool,
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Health").field("stages", &self.stages.len()).finish_non_exhaustive()
    }
}

impl Health {
    pub(crate) fn new(stages: Vec<Arc<dyn Stage>>, every: Duration, timeout: Duration) -> Self {
        Self { stages, timeout, every, started: Instant::now(), stop: AtomicBool::new(false) }
    }

    fn state(&self, stage: &dyn Stage) -> (StageState, Duration) {
        let beat = stage.heartbeat();
        let age = beat.age();
        let state = if !stage.is_alive() {
            StageState::Gone
        } else if age > self.timeout {
            StageState::Hung
        } else if beat.is_busy() {
            StageState::Busy
        } else {
            StageState::Ok
        };
        (state, age)
    }

    /// How all stages are.
    #[must_use]
    pub fn report(&self) -> Vec<StageReport> {
        let row = |stage: &Arc<dyn Stage>| {
            let (state, age) = self.state(stage.as_ref());
            StageReport { stage: stage.name(), state, restarts: stage.restarts(), age }
        };
        self.stages.iter().map(row).collect()
    }

    /// Names of the stages that do not work.
    #[must_use]
    pub fn degraded(&self) -> Vec<&'static str> {
        let bad = |r: &StageReport| matches!(r.state, StageState::Hung | StageState::Gone);
        self.report().into_iter().filter(bad).map(|r| r.stage).collect()
    }

    /// Since the start.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// One look: true when every stage was fresh. What was not is started again, for the next look.
    pub(crate) fn look(&self) -> bool {
        let mut fresh = true;
        for stage in &self.stages {
            let (state, age) = self.state(stage.as_ref());
            if matches!(state, StageState::Ok | StageState::Busy) {
                continue;
            }
            fresh = false;
            let name = stage.name();
            let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
            tracing::error!(stage = name, state = state.name(), age_ms, "a stage does not work");
            if stage.restart() {
                tracing::warn!(stage = name, "the stage was started again");
            }
        }
        fresh
    }

    /// Looks until stopped; `feed` is called after every look that found all stages fresh.
    pub(crate) fn run(&self, feed: &dyn Fn()) {
        while !self.stop.load(Ordering::Acquire) {
            if self.look() {
                feed();
            }
            std::thread::sleep(self.every);
        }
    }

    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A stage whose heart beats when it is told to.
    struct Scripted(Mutex<(Heartbeat, u32)>);

    impl Stage for Scripted {
        fn name(&self) -> &'static str {
            "scripted"
        }

        fn heartbeat(&self) -> Heartbeat {
            self.0.lock().unwrap().0.clone()
        }

        fn restarts(&self) -> u32 {
            self.0.lock().unwrap().1
        }

        fn is_alive(&self) -> bool {
            true
        }

        fn restart(&self) -> bool {
            let mut state = self.0.lock().unwrap();
            *state = (Heartbeat::new(), state.1 + 1);
            true
        }
    }

    #[test]
    fn the_look_that_finds_a_hung_stage_does_not_feed_and_starts_it_again() {
        let stage = Arc::new(Scripted(Mutex::new((Heartbeat::new(), 0))));
        let timeout = Duration::from_millis(200);
        let stages = vec![Arc::clone(&stage) as Arc<dyn Stage>];
        let health = Health::new(stages, Duration::from_millis(10), timeout);
        assert!(health.look());
        while stage.heartbeat().age() <= timeout {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(health.degraded(), ["scripted"]);
        assert!(!health.look());
        assert_eq!(stage.restarts(), 1);
        assert!(health.look());
    }
}
