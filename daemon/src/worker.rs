//! A stage on a thread of its own: it owns its port, takes jobs from a bounded inbox and tells with a
//! heartbeat that it lives. A panic in a job costs that job and makes the port anew.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::DaemonError;

/// Jobs that may wait.
const INBOX: usize = 4;
/// An idle worker beats this often.
const BEAT: Duration = Duration::from_millis(200);

type Job<P> = Box<dyn FnOnce(&mut P) + Send>;

/// When a stage last showed that it lives.
#[derive(Debug, Clone)]
pub(crate) struct Heartbeat {
    start: Instant,
    last_ms: Arc<AtomicU64>,
}

impl Heartbeat {
    fn new() -> Self {
        Self { start: Instant::now(), last_ms: Arc::new(AtomicU64::new(0)) }
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
}

/// A handle to a stage. Dropping the last one ends and joins the thread.
pub(crate) struct Worker<P> {
    stage: &'static str,
    inbox: Option<SyncSender<Job<P>>>,
    heartbeat: Heartbeat,
    thread: Option<JoinHandle<()>>,
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

impl<P: Send + 'static> Worker<P> {
    /// Starts a stage over `port`; `again` makes another port after a panic.
    pub(crate) fn start(
        stage: &'static str,
        port: P,
        again: impl Fn() -> Option<P> + Send + 'static,
    ) -> Result<Self, DaemonError> {
        let (inbox, jobs) = sync_channel(INBOX);
        let heartbeat = Heartbeat::new();
        let beat = heartbeat.clone();
        let thread = spawn(stage, move || work(stage, port, &again, &jobs, &beat))?;
        Ok(Self { stage, inbox: Some(inbox), heartbeat, thread: Some(thread) })
    }

    pub(crate) fn heartbeat(&self) -> &Heartbeat {
        &self.heartbeat
    }

    /// Hands a job over, waiting while the inbox is full.
    pub(crate) fn send(
        &self,
        job: impl FnOnce(&mut P) + Send + 'static,
    ) -> Result<(), DaemonError> {
        let inbox = self.inbox.as_ref().ok_or(DaemonError::StageGone(self.stage))?;
        inbox.send(Box::new(job)).map_err(|_| DaemonError::StageGone(self.stage))
    }

    /// Runs `job` there and waits for its answer.
    pub(crate) fn call<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut P) -> R + Send + 'static,
    ) -> Result<R, DaemonError> {
        let (answer, wait) = sync_channel(1);
        self.send(move |port| {
            let _ = answer.send(job(port));
        })?;
        wait.recv().map_err(|_| DaemonError::StageGone(self.stage))
    }
}

fn work<P>(
    stage: &'static str,
    mut port: P,
    again: &dyn Fn() -> Option<P>,
    jobs: &Receiver<Job<P>>,
    beat: &Heartbeat,
) {
    loop {
        beat.beat();
        match jobs.recv_timeout(BEAT) {
            Ok(job) => {
                if catch_unwind(AssertUnwindSafe(|| job(&mut port))).is_err() {
                    tracing::error!(stage, "a job panicked; the stage is made anew");
                    match again() {
                        Some(new) => port = new,
                        None => return,
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

impl<P> Drop for Worker<P> {
    fn drop(&mut self) {
        drop(self.inbox.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panicking_job_costs_itself_and_the_stage_lives_on() {
        let worker = Worker::start("test", 1_u32, || Some(10)).unwrap();
        assert_eq!(worker.call(|n| *n + 1).unwrap(), 2);
        assert!(worker.call(|_| -> u32 { panic!("scripted") }).is_err());
        assert_eq!(worker.call(|n| *n + 1).unwrap(), 11);
        assert!(worker.heartbeat().age() < Duration::from_secs(5));
    }
}
