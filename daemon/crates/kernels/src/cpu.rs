//! What a kernel runs on: threads and instructions.

use crate::{Isa, Pool};

/// Threads and instructions. One owner; the threads end with it.
#[derive(Debug)]
pub struct Cpu {
    pub(crate) pool: Pool,
    pub(crate) isa: Isa,
}

impl Cpu {
    /// `threads` threads in all, the calling one among them, with the best instructions there are.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self { pool: Pool::new(threads), isa: Isa::detect() }
    }

    /// The same, with instructions of choice; those that the machine lacks are not used.
    #[must_use]
    pub fn with_isa(threads: usize, isa: Isa) -> Self {
        Self { pool: Pool::new(threads), isa: isa.min(Isa::detect()) }
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
