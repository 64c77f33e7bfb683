//! Finds out when a node is linked with somebody else although its target is there. Session managers
//! that once fell back to the default stay there; then the node has to be made anew. Pure.

use std::time::{Duration, Instant};

/// The session manager has so long to link by itself, at first and at most.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// How long a node has been astray.
#[derive(Debug)]
pub(super) struct Stray {
    since: Option<Instant>,
    patience: Duration,
}

impl Stray {
    pub(super) fn new() -> Self {
        Self { since: None, patience: PATIENCE.0 }
    }

    /// Whether to make the node anew now. Each time that this does not help is waited for longer.
    pub(super) fn is_due(&mut self, target_there: bool, linked: bool, now: Instant) -> bool {
        if linked {
            *self = Self::new();
        }
        if linked || !target_there {
            self.since = None;
            return false;
        }
        let since = *self.since.get_or_insert(now);
        let due = now.duration_since(since) >= self.patience;
        if due {
            self.since = None;
            self.patience = (self.patience * 2).min(PATIENCE.1);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_astray_is_made_anew_ever_more_seldom_until_it_is_linked() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut stray = Stray::new();
        assert!(!stray.is_due(false, false, at(0)));
        assert!(!stray.is_due(true, false, at(1_000)));
        assert!(!stray.is_due(true, false, at(1_199)));
        assert!(stray.is_due(true, false, at(1_200)));
        assert!(!stray.is_due(true, false, at(1_300)));
        assert!(!stray.is_due(true, false, at(1_699)));
        assert!(stray.is_due(true, false, at(1_700)));
        assert!(!stray.is_due(true, true, at(1_800)));
        assert!(!stray.is_due(true, false, at(3_000)));
        assert!(stray.is_due(true, false, at(3_200)));
    }
}
