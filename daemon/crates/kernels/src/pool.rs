//! Threads that share out the parts of one job at a time. Whoever is there takes the next part, so a
//! thread that the system does not let run holds up nothing but the part it has begun. A thread without
//! work looks for some for a few microseconds and then sleeps; it never spins longer.
//!
//! The calling thread works too. One job at a time: [`Pool::run`] takes `&mut self`.

use std::cell::UnsafeCell;
use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{JoinHandle, Thread};

/// Looks for work before sleeping: some microseconds, the time between two products of a model.
const LOOKS: u32 = 400;
/// Parts of a job at most.
const MOST_PARTS: usize = 0xffff;

/// A job as the threads see it: what to call with the number of a part, and who waits for it.
struct Job {
    call: *const (dyn Fn(usize) + Sync),
    caller: Thread,
}

/// One job: its number (32 bits), its parts and the next part to take (16 bits each).
#[derive(Clone, Copy, PartialEq, Eq)]
struct Ticket {
    number: u64,
    parts: u64,
    next: u64,
}

impl Ticket {
    fn from_bits(bits: u64) -> Self {
        Self { number: bits >> 32, parts: bits >> 16 & 0xffff, next: bits & 0xffff }
    }

    fn bits(self) -> u64 {
        self.number << 32 | self.parts << 16 | self.next
    }
}

struct Shared {
    ticket: AtomicU64,
    /// Written only while no part of any job is taken and not done.
    job: UnsafeCell<Option<Job>>,
    done: AtomicUsize,
    failed: AtomicBool,
    ended: AtomicBool,
    /// Whether each worker sleeps, then whether the caller does.
    sleeping: Vec<AtomicBool>,
    /// What is left of each thread's own run of [`Pool::run_ranges`].
    runs: Vec<Run>,
}

/// A run of numbers that is taken from both ends: its begin and its end, 32 bits each. Alone in its cache lines.
#[repr(align(128))]
struct Run(AtomicU64);

impl Run {
    fn bits(run: &Range<usize>) -> u64 {
        (run.start as u64) << 32 | run.end as u64
    }

    fn of_bits(bits: u64) -> Range<usize> {
        (bits >> 32) as usize..(bits & 0xffff_ffff) as usize
    }

    fn left(&self) -> usize {
        Self::of_bits(self.0.load(Ordering::Relaxed)).len()
    }

    /// Takes at most `grain` numbers, from the begin or from the end.
    fn take(&self, grain: usize, from_begin: bool) -> Option<Range<usize>> {
        let mut bits = self.0.load(Ordering::Acquire);
        loop {
            let run = Self::of_bits(bits);
            if run.is_empty() {
                return None;
            }
            let count = grain.min(run.len());
            let (taken, left) = if from_begin {
                (run.start..run.start + count, run.start + count..run.end)
            } else {
                (run.end - count..run.end, run.start..run.end - count)
            };
            let left = Self::bits(&left);
            match self.0.compare_exchange_weak(bits, left, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some(taken),
                Err(now) => bits = now,
            }
        }
    }
}

// SAFETY: `job` is written by the caller of `run` alone, before the ticket that offers its parts is
// published, and read by whoever took one of these parts. `run` returns only when all parts are done, so
// nobody reads it while it is written.
#[expect(unsafe_code, reason = "the job is handed over through the ticket")]
unsafe impl Sync for Shared {}
// SAFETY: as above; the pointer is never owned.
#[expect(unsafe_code, reason = "the job is handed over through the ticket")]
unsafe impl Send for Shared {}

impl Shared {
    /// Takes a part of the current job.
    fn take(&self) -> Option<usize> {
        let mut bits = self.ticket.load(Ordering::Acquire);
        loop {
            let ticket = Ticket::from_bits(bits);
            if ticket.next >= ticket.parts {
                return None;
            }
            let taken = Ticket { next: ticket.next + 1, ..ticket }.bits();
            match self.ticket.compare_exchange_weak(
                bits,
                taken,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return usize::try_from(ticket.next).ok(),
                Err(now) => bits = now,
            }
        }
    }

    /// Works until there is nothing left to take. `is_caller` says that this is the thread that waits.
    fn work(&self, is_caller: bool) {
        while let Some(part) = self.take() {
            // SAFETY: a part was taken and is not done, so `run` has not returned: the job is there and
            // is not written.
            #[expect(unsafe_code, reason = "the job is handed over through the ticket")]
            let (call, caller) = unsafe {
                match &*self.job.get() {
                    Some(job) => (Some(&*job.call), (!is_caller).then(|| job.caller.clone())),
                    None => (None, None),
                }
            };
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                if let Some(call) = call {
                    call(part);
                }
            }));
            if outcome.is_err() {
                self.failed.store(true, Ordering::Relaxed);
            }
            // From here on the job may be gone.
            self.done.fetch_add(1, Ordering::SeqCst);
            if let (Some(caller), Some(flag)) = (caller, self.sleeping.last())
                && flag.load(Ordering::SeqCst)
            {
                caller.unpark();
            }
        }
    }
}

/// Waits until `ready`, first looking, then sleeping; `flag` says that this thread sleeps.
fn wait(flag: &AtomicBool, ready: impl Fn() -> bool) {
    for _ in 0..LOOKS {
        if ready() {
            return;
        }
        std::hint::spin_loop();
    }
    flag.store(true, Ordering::SeqCst);
    while !ready() {
        std::thread::park();
    }
    flag.store(false, Ordering::SeqCst);
}

/// The threads.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    number: u64,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("threads", &self.threads()).finish_non_exhaustive()
    }
}

impl Pool {
    /// `threads` in all, the calling one among them. Where the system gives no more threads, there are
    /// fewer.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        let wanted = threads.max(1) - 1;
        let shared = Arc::new(Shared {
            ticket: AtomicU64::new(0),
            job: UnsafeCell::new(None),
            done: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            sleeping: (0..=wanted).map(|_| AtomicBool::new(false)).collect(),
            runs: (0..=wanted).map(|_| Run(AtomicU64::new(0))).collect(),
        });
        let workers = (0..wanted).map_while(|at| spawn(at, &shared)).collect();
        Self { shared, workers, number: 0 }
    }

    /// Threads in all.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `job` once with every number below `parts`, on all threads, and returns when all are done.
    ///
    /// # Panics
    /// When `job` panicked, or there are more than 65 535 parts.
    pub fn run(&mut self, parts: usize, job: &(dyn Fn(usize) + Sync)) {
        assert!(parts <= MOST_PARTS, "{parts} parts, at most {MOST_PARTS}");
        if self.workers.is_empty() || parts < 2 {
            return (0..parts).for_each(job);
        }
        let shared = &*self.shared;
        // SAFETY: only the lifetime is forgotten; all parts are done before this function returns.
        #[expect(unsafe_code, reason = "the job is lent to the threads for this call")]
        let lent = unsafe {
            std::mem::transmute::<&(dyn Fn(usize) + Sync), &'static (dyn Fn(usize) + Sync)>(job)
        };
        // SAFETY: no part of a job is taken: the last job's parts are all done, and no new ones are
        // offered yet.
        #[expect(unsafe_code, reason = "the job is lent to the threads for this call")]
        unsafe {
            *shared.job.get() = Some(Job { call: lent, caller: std::thread::current() });
        }
        shared.done.store(0, Ordering::SeqCst);
        self.number = (self.number + 1) & 0xffff_ffff;
        let ticket = Ticket { number: self.number, parts: parts as u64, next: 0 };
        shared.ticket.store(ticket.bits(), Ordering::SeqCst);
        for (worker, flag) in self.workers.iter().zip(&shared.sleeping) {
            if flag.load(Ordering::SeqCst) {
                worker.thread().unpark();
            }
        }
        shared.work(true);
        let finished = || shared.done.load(Ordering::SeqCst) == parts;
        if let Some(flag) = shared.sleeping.last() {
            wait(flag, finished);
        }
        assert!(!shared.failed.swap(false, Ordering::Relaxed), "a part of the job panicked");
    }

    /// Calls `job` with ranges of at most `grain` numbers, which together are every number below `count` once. Each
    /// thread goes through a run of its own from begin to end, as memory is read fastest, and then helps the
    /// others from the ends of theirs; who does not come or stops holds up one grain at most.
    ///
    /// # Panics
    /// When `job` panicked, `grain` is zero, or there are more than 2^32 numbers.
    pub(crate) fn run_ranges(
        &mut self,
        count: usize,
        grain: usize,
        job: &(dyn Fn(Range<usize>) + Sync),
    ) {
        assert!(grain > 0 && u32::try_from(count).is_ok(), "{count} numbers by {grain}");
        let (shared, threads) = (Arc::clone(&self.shared), self.threads());
        for (at, run) in shared.runs.iter().enumerate() {
            let own = count * at.min(threads) / threads..count * (at + 1).min(threads) / threads;
            run.0.store(Run::bits(&own), Ordering::Release);
        }
        let runs = &shared.runs;
        self.run(threads.min(count), &move |own| {
            while let Some(range) = runs[own].take(grain, true) {
                job(range);
            }
            while let Some(fullest) = runs.iter().max_by_key(|run| run.left()) {
                let Some(range) = fullest.take(grain, false) else { break };
                job(range);
            }
        });
    }

    /// Calls `job` with every piece of `width` of the values and its number, on all threads; the last
    /// piece may be shorter.
    pub(crate) fn run_pieces(
        &mut self,
        values: &mut [f32],
        width: usize,
        job: &(dyn Fn(usize, &mut [f32]) + Sync),
    ) {
        let (whole, rest) = values.split_at_mut(values.len() / width * width);
        let pieces = whole.len() / width;
        self.run_chunks(whole, width, job);
        if !rest.is_empty() {
            job(pieces, rest);
        }
    }

    /// Calls `job` with every whole chunk of `width` of the values and its number, on all threads.
    ///
    /// # Panics
    /// When `width` is zero, or as [`Self::run`].
    pub fn run_chunks<T: Send>(
        &mut self,
        values: &mut [T],
        width: usize,
        job: &(dyn Fn(usize, &mut [T]) + Sync),
    ) {
        let chunks = values.len() / width;
        let shares = chunks.min(self.threads() * SHARES);
        let begin = Begin(values.as_mut_ptr());
        let begin = &begin;
        self.run(shares, &move |share| {
            for chunk in chunks * share / shares..chunks * (share + 1) / shares {
                // SAFETY: chunks do not overlap, lie within `values`, which is lent for this call, and
                // each number is given to one thread.
                #[expect(unsafe_code, reason = "a slice is shared out by chunks")]
                let part =
                    unsafe { std::slice::from_raw_parts_mut(begin.0.add(chunk * width), width) };
                job(chunk, part);
            }
        });
    }
}

/// Shares of a slice per thread.
const SHARES: usize = 4;

/// The begin of a slice that threads share out.
struct Begin<T>(*mut T);

// SAFETY: what it points to is sent to other threads in disjoint parts.
#[expect(unsafe_code, reason = "a slice is shared out by chunks")]
unsafe impl<T: Send> Sync for Begin<T> {}

fn spawn(at: usize, shared: &Arc<Shared>) -> Option<JoinHandle<()>> {
    let shared = Arc::clone(shared);
    let run = move || {
        while !shared.ended.load(Ordering::SeqCst) {
            shared.work(false);
            let offered = || {
                let ticket = Ticket::from_bits(shared.ticket.load(Ordering::SeqCst));
                ticket.next < ticket.parts || shared.ended.load(Ordering::SeqCst)
            };
            if let Some(flag) = shared.sleeping.get(at) {
                wait(flag, offered);
            }
        }
    };
    std::thread::Builder::new().name(format!("kernel-{at}")).spawn(run).ok()
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        for worker in self.workers.drain(..) {
            worker.thread().unpark();
            // A worker's panic was told by `run`.
            let _ = worker.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_done_once_whatever_the_threads() {
        for threads in [1, 2, 5] {
            let mut pool = Pool::new(threads);
            assert_eq!(pool.threads(), threads);
            for parts in [0, 1, 2, 3, 64, 1000] {
                let counts: Vec<AtomicUsize> = (0..parts).map(|_| AtomicUsize::new(0)).collect();
                pool.run(parts, &|part| {
                    counts[part].fetch_add(1, Ordering::Relaxed);
                });
                assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
            }
        }
    }

    #[test]
    fn sleeping_threads_are_woken_and_many_short_jobs_lose_nothing() {
        let mut pool = Pool::new(3);
        let sum = AtomicUsize::new(0);
        for round in 0..3000 {
            if round % 1000 == 0 {
                // Long enough for all to sleep.
                std::thread::park_timeout(std::time::Duration::from_millis(5));
            }
            pool.run(7, &|part| {
                sum.fetch_add(part, Ordering::Relaxed);
            });
        }
        assert_eq!(sum.load(Ordering::Relaxed), 3000 * 21);
    }

    #[test]
    fn ranges_are_every_number_once_and_no_longer_than_the_grain() {
        for (threads, count, grain) in
            [(1, 10, 3), (2, 1, 4), (3, 0, 1), (3, 2, 1), (4, 1000, 7), (2, 4096, 1)]
        {
            let counts: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
            Pool::new(threads).run_ranges(count, grain, &|range| {
                assert!(!range.is_empty() && range.len() <= grain);
                range.for_each(|at| _ = counts[at].fetch_add(1, Ordering::Relaxed));
            });
            assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1), "{count}");
        }
    }

    #[test]
    fn whoever_is_done_takes_over_what_a_held_up_thread_left() {
        let (seen, held) = (AtomicUsize::new(0), AtomicBool::new(false));
        Pool::new(2).run_ranges(1000, 1, &|range| {
            // One thread holds its first grain until all others are done.
            if !held.swap(true, Ordering::SeqCst) {
                while seen.load(Ordering::SeqCst) < 999 {
                    std::thread::yield_now();
                }
            }
            seen.fetch_add(range.len(), Ordering::SeqCst);
        });
        assert_eq!(seen.load(Ordering::SeqCst), 1000);
    }

    #[test]
    fn chunks_of_a_slice_are_given_out_once() {
        for threads in [1, 3] {
            let mut values = vec![0usize; 70];
            Pool::new(threads).run_chunks(&mut values, 3, &|at, chunk| {
                chunk.iter_mut().for_each(|value| *value += at + 1);
            });
            let want: Vec<usize> = (0..70).map(|i| if i < 69 { i / 3 + 1 } else { 0 }).collect();
            assert_eq!(values, want);
        }
    }

    #[test]
    fn a_panic_in_a_part_is_told_to_the_caller_and_the_pool_goes_on() {
        let mut pool = Pool::new(2);
        let failed = catch_unwind(AssertUnwindSafe(|| {
            pool.run(4, &|part| assert!(part != 2, "part 2 fails"));
        }));
        assert!(failed.is_err());
        let sum = AtomicUsize::new(0);
        pool.run(4, &|part| {
            sum.fetch_add(part, Ordering::Relaxed);
        });
        assert_eq!(sum.load(Ordering::Relaxed), 6);
    }
}
