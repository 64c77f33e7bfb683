//! A stage on a thread of its own: it owns its port, takes jobs from a bounded inbox and tells with a
//! heartbeat that it lives. A panic in a job costs that job and makes the port anew. A stage that hangs is
//! started again beside the hung thread, which ends as soon as its job returns: a thread cannot be killed,
//! but nothing waits for it any more.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{
    Receiver, RecvTimeoutError, SendTimeoutError, Sender, TrySendError, bounded,
};

use crate::error::DaemonError;

/// Jobs that may wait.
const INBOX: usize = 4;
/// An idle worker beats this often.
const BEAT: Duration = Duration::from_millis(200);
/// A sender waits no longer than this for a place in the inbox.
const PLACE: Duration = Duration::from_secs(5);
/// A stage that ends is waited for no longer than this.
const GOODBYE: Duration = Duration::from_secs(2);

type Job<P> = Box<dyn FnOnce(&mut P) + Send>;
/// Makes a port; `None` when that is not possible now.
pub(crate) type MakePort<P> = Box<dyn Fn() -> Option<P> + Send>;

/// When a stage last showed that it lives.
#[derive(Debug, Clone)]
pub(crate) struct Heartbeat {
    start: Instant,
    last_ms: Arc<AtomicU64>,
    busy: Arc<AtomicBool>,
}

impl Heartbeat {
    pub(crate) fn new() -> Self {
        let busy = Arc::new(AtomicBool::new(false));
        Self { start: Instant::now(), last_ms: Arc::new(AtomicU64::new(0)), busy }
    }

    pub(crate) fn beat(&self) {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(now, Ordering::Release);
    }

    /// How long ago the last beat was.
    pub(crate) fn age(&self) -> Duration {
        let last = Duration::from_millis(self.last_ms.load(Ordering::Acquire));
        self.start.elapsed().saturating_sub(last)
    }

    /// Whether a job is under way.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Acquire)
    }
}

struct Running<P> {
    inbox: Option<Sender<Job<P>>>,
    thread: Option<JoinHandle<()>>,
    heartbeat: Heartbeat,
    /// Threads that hung when the stage was started again.
    abandoned: Vec<JoinHandle<()>>,
}

/// A handle to a stage. Dropping it ends and joins the thread.
pub(crate) struct Worker<P> {
    stage: &'static str,
    running: Mutex<Running<P>>,
    again: Arc<Mutex<MakePort<P>>>,
    restarts: AtomicU32,
}

impl<P> std::fmt::Debug for Worker<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("stage", &self.stage).finish_non_exhaustive()
    }
}

/// Starts a named thread; the only place that does.
pub(crate) fn spawn(
    stage: &'static str,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, DaemonError> {
    std::thread::Builder::new()
        .name(stage.to_owned())
        .spawn(run)
        .map_err(|source| DaemonError::Thread { stage, source })
}

/// Waits for a thread, but not for ever; true when it ended.
pub(crate) fn join_within(thread: JoinHandle<()>, limit: Duration) -> bool {
    let start = Instant::now();
    while !thread.is_finished() {
        if start.elapsed() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let _ = thread.join();
    true
}

impl<P: Send + 'static> Worker<P> {
    /// Starts a stage over `port`; `again` makes another port after a panic or a hang.
    pub(crate) fn start(
        stage: &'static str,
        port: P,
        again: MakePort<P>,
    ) -> Result<Self, DaemonError> {
        let again = Arc::new(Mutex::new(again));
        let running = run(stage, port, &again)?;
        Ok(Self { stage, running: Mutex::new(running), again, restarts: AtomicU32::new(0) })
    }

    fn running(&self) -> MutexGuard<'_, Running<P>> {
        // Held only to clone a handle or to swap the thread: never over a wait.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stage(&self) -> &'static str {
        self.stage
    }

    /// The heartbeat of the thread that runs now.
    pub(crate) fn heartbeat(&self) -> Heartbeat {
        self.running().heartbeat.clone()
    }

    /// How often the stage was started again after a hang.
    pub(crate) fn restarts(&self) -> u32 {
        self.restarts.load(Ordering::Relaxed)
    }

    /// Whether its thread runs.
    pub(crate) fn is_alive(&self) -> bool {
        self.running().thread.as_ref().is_some_and(|t| !t.is_finished())
    }

    /// Hands a job over, waiting a little while the inbox is full.
    pub(crate) fn send(
        &self,
        job: impl FnOnce(&mut P) + Send + 'static,
    ) -> Result<(), DaemonError> {
        let inbox = self.running().inbox.clone().ok_or(DaemonError::StageGone(self.stage))?;
        match inbox.send_timeout(Box::new(job), PLACE) {
            Ok(()) => Ok(()),
            Err(SendTimeoutError::Timeout(_)) => Err(DaemonError::StageFull(self.stage)),
            Err(SendTimeoutError::Disconnected(_)) => Err(DaemonError::StageGone(self.stage)),
        }
    }

    /// Hands a job over where there is a place for it now.
    pub(crate) fn try_send(
        &self,
        job: impl FnOnce(&mut P) + Send + 'static,
    ) -> Result<(), DaemonError> {
        let inbox = self.running().inbox.clone().ok_or(DaemonError::StageGone(self.stage))?;
        match inbox.try_send(Box::new(job)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(DaemonError::StageFull(self.stage)),
            Err(TrySendError::Disconnected(_)) => Err(DaemonError::StageGone(self.stage)),
        }
    }

    /// Runs `job` there and waits for its answer, at most `limit`.
    pub(crate) fn call_within<R: Send + 'static>(
        &self,
        limit: Duration,
        job: impl FnOnce(&mut P) -> R + Send + 'static,
    ) -> Result<R, DaemonError> {
        let (answer, wait) = bounded(1);
        self.send(move |port| {
            let _ = answer.send(job(port));
        })?;
        wait.recv_timeout(limit).map_err(|_| DaemonError::StageGone(self.stage))
    }

    /// Puts another port in place of the one in use, behind the jobs that wait; `again` makes it from now
    /// on.
    pub(crate) fn replace(&self, port: P, again: MakePort<P>) -> Result<(), DaemonError> {
        *self.again.lock().unwrap_or_else(PoisonError::into_inner) = again;
        self.send(move |old| *old = port)
    }

    /// Starts the stage again with a new port, leaving a hung thread behind. False when no port could be
    /// made.
    pub(crate) fn restart(&self) -> bool {
        let made = {
            let again = self.again.lock().unwrap_or_else(PoisonError::into_inner);
            catch_unwind(AssertUnwindSafe(&**again))
        };
        let Ok(Some(port)) = made else { return false };
        let Ok(new) = run(self.stage, port, &self.again) else { return false };
        self.restarts.fetch_add(1, Ordering::Relaxed);
        let mut running = self.running();
        let mut old = std::mem::replace(&mut *running, new);
        running.abandoned = std::mem::take(&mut old.abandoned);
        running.abandoned.retain(|t| !t.is_finished());
        running.abandoned.extend(old.thread.take());
        true
    }
}

fn run<P: Send + 'static>(
    stage: &'static str,
    port: P,
    again: &Arc<Mutex<MakePort<P>>>,
) -> Result<Running<P>, DaemonError> {
    let (inbox, jobs) = bounded(INBOX);
    let heartbeat = Heartbeat::new();
    let (beat, again) = (heartbeat.clone(), Arc::clone(again));
    let thread = spawn(stage, move || work(stage, port, &again, &jobs, &beat))?;
    Ok(Running { inbox: Some(inbox), thread: Some(thread), heartbeat, abandoned: Vec::new() })
}

fn work<P>(
    stage: &'static str,
    port: P,
    again: &Mutex<MakePort<P>>,
    jobs: &Receiver<Job<P>>,
    beat: &Heartbeat,
) {
    let mut port = Some(port);
    while let Some(owned) = port.as_mut() {
        beat.beat();
        match jobs.recv_timeout(BEAT) {
            Ok(job) => {
                beat.busy.store(true, Ordering::Release);
                let done = catch_unwind(AssertUnwindSafe(|| job(owned)));
                beat.busy.store(false, Ordering::Release);
                if done.is_err() {
                    tracing::error!(stage, "a job panicked; the stage is made anew");
                    // The old port goes first: it may hold a lock that the new one needs.
                    drop(port.take());
                    port = again.lock().unwrap_or_else(PoisonError::into_inner)();
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

impl<P> Drop for Worker<P> {
    fn drop(&mut self) {
        let running = self.running.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(running.inbox.take());
        if let Some(thread) = running.thread.take()
            && !join_within(thread, GOODBYE)
        {
            tracing::error!(stage = self.stage, "the stage does not end; it is left behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(5);

    #[test]
    fn a_panicking_job_costs_itself_and_the_stage_lives_on() {
        let worker = Worker::start("test", 1_u32, Box::new(|| Some(10))).unwrap();
        assert_eq!(worker.call_within(LONG, |n| *n + 1).unwrap(), 2);
        assert!(worker.call_within(LONG, |_| -> u32 { panic!("scripted") }).is_err());
        assert_eq!(worker.call_within(LONG, |n| *n + 1).unwrap(), 11);
        assert!(worker.heartbeat().age() < LONG);
    }

    #[test]
    fn a_hung_stage_is_started_again_and_the_hung_thread_ends_with_its_job() {
        let worker = Worker::start("test", 1_u32, Box::new(|| Some(10))).unwrap();
        let (release, hang) = bounded::<()>(0);
        worker.send(move |_| assert!(hang.recv().is_err())).unwrap();
        while !worker.heartbeat().is_busy() {
            std::thread::yield_now();
        }
        assert!(worker.restart());
        assert_eq!(worker.call_within(LONG, |n| *n).unwrap(), 10);
        assert_eq!(worker.restarts(), 1);
        drop(release);
        let left = worker.running().abandoned.pop().unwrap();
        assert!(join_within(left, LONG));
    }

    #[test]
    fn a_replaced_port_is_the_one_made_after_a_panic() {
        let worker = Worker::start("test", 1_u32, Box::new(|| Some(1))).unwrap();
        worker.replace(20, Box::new(|| Some(21))).unwrap();
        assert_eq!(worker.call_within(LONG, |n| *n).unwrap(), 20);
        assert!(worker.call_within(LONG, |_| -> u32 { panic!("scripted") }).is_err());
        assert_eq!(worker.call_within(LONG, |n| *n).unwrap(), 21);
    }
}
