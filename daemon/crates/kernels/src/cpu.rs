//! What a kernel runs on: threads and instructions.

use std::sync::{Mutex, PoisonError};

use crate::amx::Line;
use crate::{Isa, Pool};

/// Threads and instructions. One owner; the threads end with it.
#[derive(Debug)]
pub struct Cpu {
    pub(crate) pool: Pool,
    pub(crate) isa: Isa,
    pub(crate) scratch: Scratch<f32>,
    pub(crate) lines: Scratch<Line>,
}

/// Room that parts of a job work in, kept from job to job: as many pieces as there were threads at once.
#[derive(Debug)]
pub(crate) struct Scratch<T>(Mutex<Vec<Vec<T>>>);

impl<T> Default for Scratch<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Scratch<T> {
    /// Some room, of any size and with anything in it.
    pub(crate) fn take(&self) -> Vec<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub(crate) fn put_back(&self, room: Vec<T>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(room);
    }
}

impl Cpu {
    /// `threads` threads in all, the calling one among them, with the best instructions there are.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        let (scratch, lines) = (Scratch::default(), Scratch::default());
        Self { pool: Pool::new(threads), isa: Isa::detect(), scratch, lines }
    }

    /// The same, with instructions of choice; those that the machine lacks are not used.
    #[must_use]
    pub fn with_isa(threads: usize, isa: Isa) -> Self {
        Self { isa: isa.min(Isa::detect()), ..Self::new(threads) }
    }

    /// Instructions in use.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Threads, the calling one among them.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }
}
