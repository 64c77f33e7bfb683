//! Whether a voice may sound. A speculative reply works in silence until its turn is confirmed; what is set
//! aside makes its clause to the end, keeps the sound, and gives the rest of the work back.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use companion_types::Cancel;

/// Looks at the cancel flag this often while it waits.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Way {
    #[default]
    Closed,
    Open,
    Aside,
}

/// Closed at first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<Way>, Condvar)>);

impl Gate {
    fn way(&self) -> MutexGuard<'_, Way> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self, way: Way) {
        *self.way() = way;
        self.0.1.notify_all();
    }

    pub(crate) fn open(&self) {
        self.turn(Way::Open);
    }

    /// Closes it again: what was set aside may work in silence once more.
    pub(crate) fn close(&self) {
        self.turn(Way::Closed);
    }

    /// From now on sound is kept and no new clause begun.
    pub(crate) fn set_aside(&self) {
        self.turn(Way::Aside);
    }

    /// Whether it is open.
    pub(crate) fn is_open(&self) -> bool {
        *self.way() == Way::Open
    }

    /// Whether the work is to be given back.
    pub(crate) fn is_aside(&self) -> bool {
        *self.way() == Way::Aside
    }

    /// Waits until it is open; false when cancelled or set aside first.
    pub(crate) fn wait(&self, cancel: &Cancel) -> bool {
        let mut way = self.way();
        while *way == Way::Closed {
            if cancel.is_cancelled() {
                return false;
            }
            let waited = self.0.1.wait_timeout(way, LOOK_AGAIN);
            way = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *way == Way::Open && !cancel.is_cancelled()
    }
}
