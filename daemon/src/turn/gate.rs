//! Whether a reply may sound. A speculative reply works in silence until its turn is confirmed.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use companion_types::Cancel;

/// Looks at the cancel flag this often while it waits.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Closed at first; opened once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// Whether it is open.
    pub(crate) fn is_open(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is open; false when cancelled first.
    pub(crate) fn wait(&self, cancel: &Cancel) -> bool {
        let mut open = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !*open {
            if cancel.is_cancelled() {
                return false;
            }
            let waited = self.0.1.wait_timeout(open, LOOK_AGAIN);
            open = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        !cancel.is_cancelled()
    }
}
