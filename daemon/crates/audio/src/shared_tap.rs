//! One playback queue, several that can play it: the PipeWire node, or a client with a descriptor. Whoever the
//! route names pulls; the others get silence. Taking and giving back the tap is one atomic exchange each, so
//! that an audio callback neither locks nor waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::atomic::AtomicCell;

use crate::playback::PlaybackTap;

/// Who plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Player {
    /// The loudspeaker's node.
    Node,
    /// A client, by number.
    Client(u32),
}

impl Player {
    fn code(self) -> u64 {
        match self {
            Self::Node => 0,
            Self::Client(number) => u64::from(number) + 1,
        }
    }
}

struct Inner {
    tap: AtomicCell<Option<Box<PlaybackTap>>>,
    route: AtomicU64,
}

/// A shared tap; clones share it.
#[derive(Clone)]
pub struct SharedTap(Arc<Inner>);

impl std::fmt::Debug for SharedTap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedTap")
    }
}

impl SharedTap {
    /// Shares `tap`; at first the node plays.
    #[must_use]
    pub fn new(tap: PlaybackTap) -> Self {
        let tap = AtomicCell::new(Some(Box::new(tap)));
        Self(Arc::new(Inner { tap, route: AtomicU64::new(Player::Node.code()) }))
    }

    /// From now on `player` plays.
    pub fn route_to(&self, player: Player) {
        self.0.route.store(player.code(), Ordering::Release);
    }

    /// Whether `player` plays.
    #[must_use]
    pub fn is_routed_to(&self, player: Player) -> bool {
        self.0.route.load(Ordering::Acquire) == player.code()
    }

    /// Fills `out` with what is to be played now, for `player`; with silence when somebody else plays.
    /// Does not allocate, lock or wait.
    pub fn fill(&self, player: Player, out: &mut [f32]) {
        if self.is_routed_to(player)
            && let Some(mut tap) = self.0.tap.take()
        {
            tap.fill(out);
            self.0.tap.store(Some(tap));
        } else {
            out.fill(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playback;
    use companion_types::{SampleRate, TurnId};

    #[test]
    fn only_the_one_that_is_routed_to_plays_and_no_sample_is_lost_on_the_way() {
        let (sound, tap) = playback(SampleRate(16_000));
        let shared = SharedTap::new(tap);
        sound.begin(TurnId(1));
        let pcm: Vec<f32> = (1..=600_u16).map(f32::from).collect();
        assert_eq!(sound.push(TurnId(1), &pcm), 600);
        let (mut node, mut client) = ([9.0; 200], [9.0; 200]);
        shared.fill(Player::Node, &mut node);
        shared.fill(Player::Client(0), &mut client);
        assert_eq!((node.as_slice(), client.as_slice()), (&pcm[..200], [0.0; 200].as_slice()));
        shared.route_to(Player::Client(0));
        shared.fill(Player::Node, &mut node);
        shared.fill(Player::Client(0), &mut client);
        assert_eq!((node.as_slice(), client.as_slice()), ([0.0; 200].as_slice(), &pcm[200..400]));
    }
}
