//! Cancelling is data: a flag that the one who works reads once per token, chunk or text.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Shared flag: set once, never unset. Clones share it.
#[derive(Clone, Default)]
pub struct Cancel {
    flag: Arc<AtomicBool>,
    /// Told of every look at this clone.
    look: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl std::fmt::Debug for Cancel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Cancel").field(&self.flag).finish()
    }
}

impl Cancel {
    /// A flag that is not set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same flag; `look` is called whenever it is read through what is returned. Who works looks
    /// again and again, so that a look is a sign of life.
    #[must_use]
    pub fn watched(&self, look: impl Fn() + Send + Sync + 'static) -> Self {
        Self { flag: Arc::clone(&self.flag), look: Some(Arc::new(look)) }
    }

    /// Sets the flag for every clone.
    pub fn cancel(&self) {
        self.flag.store(true, Ordering::Release);
    }

    /// Whether it was set.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        if let Some(look) = &self.look {
            look();
        }
        self.flag.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn looks_are_told_and_the_flag_is_the_same() {
        let looks = Arc::new(AtomicUsize::new(0));
        let told = Arc::clone(&looks);
        let cancel = Cancel::new();
        let watched = cancel.watched(move || {
            told.fetch_add(1, Ordering::Relaxed);
        });
        assert!(!watched.is_cancelled() && !cancel.is_cancelled());
        cancel.cancel();
        assert!(watched.is_cancelled());
        assert_eq!(looks.load(Ordering::Relaxed), 2);
    }
}
