//! The queue between the voice and the loudspeaker. [`Playback`] is the producers' end, shared by the
//! `tts` thread and the turn task; [`PlaybackTap`] is the audio callback's end, which does not
//! allocate, lock, log or wait. Every sample has an index; what was played is counted in them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use companion_types::{Cancel, SampleRate, TurnId};
use ringbuf::traits::{Consumer, Observer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};

/// Length of a fade, in milliseconds.
const FADE_MS: u64 = 10;
/// So much sound may wait in the queue.
const AHEAD_MS: u64 = 2_000;
/// A producer that waits for room looks again after this long, in case nobody plays.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

#[derive(Debug)]
struct Shared {
    /// Index of the next sample to play.
    read: AtomicU64,
    /// Samples before this index are not to be played.
    discard_before: AtomicU64,
    held: AtomicBool,
    /// At this index playing stands still, without a fade: the border of a clause.
    hold_at: AtomicU64,
    /// Set by the callback: it stands still, and the next sample to play will not change by itself.
    still: AtomicBool,
    underruns: AtomicU64,
    /// Index behind the last sample of a reply that has ended: running dry there is no underrun.
    ended_at: AtomicU64,
    /// Replies begun and flushed so far.
    room: Condvar,
}

struct Writer {
    ring: HeapProd<f32>,
    written: u64,
    turn: Option<TurnId>,
    /// Index of the turn's first sample.
    start: u64,
    ended: bool,
    /// Copies of the newest samples, for a reply that is set aside: what waits is a part of them.
    recent: VecDeque<f32>,
}

/// The producers' end.
#[derive(Clone)]
pub struct Playback {
    shared: Arc<Shared>,
    // One lock for all producers: a flush must not fall between a late producer's check of the turn
    // and its write. The callback never takes it.
    writer: Arc<Mutex<Writer>>,
    rate: SampleRate,
}

impl std::fmt::Debug for Playback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Playback").field("rate", &self.rate).finish_non_exhaustive()
    }
}

/// The callback's end.
pub struct PlaybackTap {
    shared: Arc<Shared>,
    ring: HeapCons<f32>,
    gain: f32,
    step: f32,
}

impl std::fmt::Debug for PlaybackTap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PlaybackTap")
    }
}

/// Both ends of a queue for a device of `rate`.
#[must_use]
pub fn playback(rate: SampleRate) -> (Playback, PlaybackTap) {
    let capacity = usize::try_from(rate.samples_of(AHEAD_MS)).unwrap_or(1 << 16);
    let (producer, consumer) = HeapRb::new(capacity).split();
    let shared = Arc::new(Shared {
        read: AtomicU64::new(0),
        discard_before: AtomicU64::new(0),
        held: AtomicBool::new(false),
        hold_at: AtomicU64::new(u64::MAX),
        still: AtomicBool::new(false),
        underruns: AtomicU64::new(0),
        ended_at: AtomicU64::new(u64::MAX),
        room: Condvar::new(),
    });
    let recent = VecDeque::with_capacity(capacity);
    let writer = Writer { ring: producer, written: 0, turn: None, start: 0, ended: false, recent };
    #[expect(clippy::cast_precision_loss, reason = "a few hundred samples")]
    let step = 1.0 / rate.samples_of(FADE_MS).max(1) as f32;
    let tap = PlaybackTap { shared: Arc::clone(&shared), ring: consumer, gain: 1.0, step };
    (Playback { shared, writer: Arc::new(Mutex::new(writer)), rate }, tap)
}

impl Playback {
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Samples per second of what is pushed.
    #[must_use]
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// The reply of `turn` begins; what an earlier one left is dropped.
    pub fn begin(&self, turn: TurnId) {
        let mut writer = self.writer();
        let written = writer.written;
        self.shared.discard_before.store(written, Ordering::Release);
        self.release();
        writer.turn = Some(turn);
        writer.recent.clear();
        writer.start = written;
        writer.ended = false;
    }

    /// Queues what there is room for; 0 when `turn` is not the one that may sound.
    #[must_use]
    pub fn push(&self, turn: TurnId, pcm: &[f32]) -> usize {
        let mut writer = self.writer();
        if writer.turn != Some(turn) {
            return 0;
        }
        let taken = writer.ring.push_slice(pcm);
        writer.written += taken as u64;
        writer.recent.extend(&pcm[..taken]);
        let waiting = writer.written - self.shared.read.load(Ordering::Acquire).min(writer.written);
        let played = writer.recent.len().saturating_sub(usize::try_from(waiting).unwrap_or(0));
        writer.recent.drain(..played);
        taken
    }

    /// Queues `pcm`, waiting for room; gives how much of it was queued: all, unless the turn was flushed,
    /// set aside or cancelled first.
    #[must_use]
    pub fn push_all(&self, turn: TurnId, pcm: &[f32], cancel: &Cancel) -> usize {
        let mut queued = 0;
        while queued < pcm.len() {
            queued += self.push(turn, &pcm[queued..]);
            if queued == pcm.len() {
                break;
            }
            let writer = self.writer();
            if cancel.is_cancelled() || writer.turn != Some(turn) {
                break;
            }
            let waited = self.shared.room.wait_timeout(writer, LOOK_AGAIN);
            drop(waited);
        }
        queued
    }

    /// Nothing more will come for `turn`.
    pub fn end(&self, turn: TurnId) {
        let mut writer = self.writer();
        if writer.turn == Some(turn) {
            writer.ended = true;
            self.shared.ended_at.store(writer.written, Ordering::Release);
        }
    }

    /// Mutes within 10 ms and stands still; released, it goes on at the very next sample.
    pub fn hold(&self, on: bool) {
        if on {
            self.shared.still.store(false, Ordering::Release);
            self.shared.held.store(true, Ordering::Release);
        } else {
            self.release();
        }
    }

    fn release(&self) {
        self.shared.held.store(false, Ordering::Release);
        self.shared.hold_at.store(u64::MAX, Ordering::Release);
        self.shared.still.store(false, Ordering::Release);
    }

    /// Stands still once `played` samples of `turn` were played, such as at the border of a clause; at
    /// once, with a fade, where more than these were. [`hold`](Self::hold) releases it.
    pub fn hold_at(&self, turn: TurnId, played: u64) {
        let writer = self.writer();
        if writer.turn == Some(turn) {
            self.shared.still.store(false, Ordering::Release);
            if self.played_of(&writer) > played {
                self.shared.held.store(true, Ordering::Release);
            }
            self.shared.hold_at.store(writer.start + played, Ordering::Release);
        }
    }

    /// Whether it is held, or will be at a border.
    #[must_use]
    pub fn holds_somewhere(&self) -> bool {
        self.is_held() || self.shared.hold_at.load(Ordering::Acquire) != u64::MAX
    }

    /// Whether it is held and the callback has come to a stand: not one more sample leaves.
    #[must_use]
    pub fn is_still(&self) -> bool {
        self.shared.still.load(Ordering::Acquire)
    }

    /// Sets the reply of `turn` aside: gives how many of its samples were played, and those that were
    /// queued and not played. Exact once it [`is_still`](Self::is_still). `None` when another one sounds.
    /// What is given may be queued again after another [`begin`](Self::begin).
    #[must_use]
    pub fn set_aside(&self, turn: TurnId) -> Option<(u64, Vec<f32>)> {
        let mut writer = self.writer();
        if writer.turn != Some(turn) {
            return None;
        }
        let read = self.shared.read.load(Ordering::Acquire).max(writer.start).min(writer.written);
        let waiting = usize::try_from(writer.written - read).unwrap_or(0);
        let from = writer.recent.len().saturating_sub(waiting);
        let rest = writer.recent.drain(from..).collect();
        let played = read - writer.start;
        writer.recent.clear();
        writer.turn = None;
        self.shared.discard_before.store(writer.written, Ordering::Release);
        self.release();
        self.shared.room.notify_all();
        Some((played, rest))
    }

    /// Drops everything that waits. After a fade of 10 ms not one sample of it is played, and late
    /// producers are refused. Gives how many samples of the turn had been played.
    pub fn flush(&self) -> u64 {
        let mut writer = self.writer();
        let played = self.played_of(&writer);
        self.shared.discard_before.store(writer.written, Ordering::Release);
        writer.turn = None;
        writer.recent.clear();
        self.shared.room.notify_all();
        played
    }

    /// Whether it is held.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.shared.held.load(Ordering::Acquire)
    }

    /// Whether sound of `turn` waits to be played.
    #[must_use]
    pub fn is_waiting(&self, turn: TurnId) -> bool {
        let writer = self.writer();
        writer.turn == Some(turn) && self.shared.read.load(Ordering::Acquire) < writer.written
    }

    /// Samples of `turn` that wait to be played.
    #[must_use]
    pub fn ahead(&self, turn: TurnId) -> u64 {
        let writer = self.writer();
        let read = self.shared.read.load(Ordering::Acquire);
        if writer.turn == Some(turn) {
            writer.written.saturating_sub(read.max(writer.start))
        } else {
            0
        }
    }

    fn played_of(&self, writer: &Writer) -> u64 {
        let read = self.shared.read.load(Ordering::Acquire);
        read.min(writer.written).saturating_sub(writer.start)
    }

    /// Samples of the current turn that were played.
    #[must_use]
    pub fn played(&self) -> u64 {
        self.played_of(&self.writer())
    }

    /// Samples of `turn` that were played; 0 while another one may sound.
    #[must_use]
    pub fn played_by(&self, turn: TurnId) -> u64 {
        let writer = self.writer();
        if writer.turn == Some(turn) { self.played_of(&writer) } else { 0 }
    }

    /// Whether `turn` was ended and everything of it was played.
    #[must_use]
    pub fn is_drained(&self, turn: TurnId) -> bool {
        let writer = self.writer();
        writer.turn == Some(turn)
            && writer.ended
            && self.shared.read.load(Ordering::Acquire) >= writer.written
    }

    /// Times that the device wanted sound in the middle of a reply and there was none.
    #[must_use]
    pub fn underruns(&self) -> u64 {
        self.shared.underruns.load(Ordering::Relaxed)
    }
}

impl PlaybackTap {
    /// Fills `out` with what is to be played now; silence where there is nothing.
    pub fn fill(&mut self, out: &mut [f32]) {
        let shared = &self.shared;
        let held = shared.held.load(Ordering::Acquire);
        let discard = shared.discard_before.load(Ordering::Acquire);
        let hold_at = shared.hold_at.load(Ordering::Acquire);
        let mut read = shared.read.load(Ordering::Relaxed);
        let mut starved = false;
        for sample in &mut *out {
            let at_border = read == hold_at && read >= discard;
            let leaving = held || at_border || read < discard;
            if at_border {
                self.gain = 0.0;
            }
            if leaving && self.gain <= 0.0 {
                if read < discard {
                    let skip = usize::try_from(discard - read).unwrap_or(usize::MAX);
                    read += self.ring.skip(skip) as u64;
                }
                *sample = 0.0;
                if !held && !at_border && read >= discard {
                    self.gain = 1.0;
                }
                continue;
            }
            let target_step = if leaving { -self.step } else { self.step };
            self.gain = (self.gain + target_step).clamp(0.0, 1.0);
            match self.ring.try_pop() {
                Some(value) => {
                    *sample = value * self.gain;
                    read += 1;
                }
                None => {
                    *sample = 0.0;
                    starved = true;
                    // Nothing to fade.
                    self.gain = if leaving { 0.0 } else { 1.0 };
                }
            }
        }
        let before = shared.read.swap(read, Ordering::AcqRel);
        if starved && before != read && read != shared.ended_at.load(Ordering::Acquire) {
            shared.underruns.fetch_add(1, Ordering::Relaxed);
        }
        if (held || read == hold_at) && self.gain <= 0.0 {
            shared.still.store(true, Ordering::Release);
        }
        shared.room.notify_all();
    }

    /// Samples that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.ring.occupied_len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RATE: SampleRate = SampleRate(16_000);
    const FADE: usize = 160;

    fn pull(tap: &mut PlaybackTap, n: usize) -> Vec<f32> {
        let mut out = vec![9.0; n];
        tap.fill(&mut out);
        out
    }

    #[test]
    fn a_hold_fades_out_and_goes_on_at_the_next_sample() {
        let (playback, mut tap) = playback(RATE);
        playback.begin(TurnId(1));
        let pcm: Vec<f32> = (1..=1000_u16).map(f32::from).collect();
        assert_eq!(playback.push(TurnId(1), &pcm), 1000);
        assert_eq!(pull(&mut tap, 100), pcm[..100]);
        playback.hold(true);
        let fading = pull(&mut tap, FADE + 50);
        assert!(fading[FADE..].iter().all(|s| *s == 0.0));
        let stood = playback.played();
        assert_eq!(pull(&mut tap, 500), vec![0.0; 500]);
        assert_eq!(playback.played(), stood);
        playback.hold(false);
        let on = pull(&mut tap, 300);
        let next = f32::from(u16::try_from(stood).unwrap()) + 1.0;
        assert_eq!(on[200], next + 200.0 - f32::from(u8::from(on[0] == 0.0)));
    }

    #[test]
    fn after_a_flush_the_old_reply_is_gone_and_late_producers_are_refused() {
        let (playback, mut tap) = playback(RATE);
        playback.begin(TurnId(1));
        assert_eq!(playback.push(TurnId(1), &[0.5; 4000]), 4000);
        pull(&mut tap, 1000);
        assert_eq!(playback.flush(), 1000);
        let after = pull(&mut tap, 1000);
        assert!(after[FADE + 1..].iter().all(|s| *s == 0.0));
        assert_eq!(playback.push(TurnId(1), &[0.5; 10]), 0);
        playback.begin(TurnId(2));
        assert_eq!(playback.push(TurnId(2), &[0.25; 300]), 300);
        playback.end(TurnId(2));
        let new = pull(&mut tap, 400);
        assert!(new.iter().all(|s| *s <= 0.25));
        assert!(playback.is_drained(TurnId(2)));
        assert_eq!(playback.played(), 300);
    }

    #[test]
    fn running_dry_is_an_underrun_in_the_middle_of_a_reply_and_not_at_its_end() {
        let (playback, mut tap) = playback(RATE);
        playback.begin(TurnId(1));
        assert_eq!(playback.push(TurnId(1), &[0.5; 100]), 100);
        pull(&mut tap, 300);
        assert_eq!(playback.underruns(), 1);
        assert_eq!(playback.push(TurnId(1), &[0.5; 100]), 100);
        playback.end(TurnId(1));
        pull(&mut tap, 300);
        pull(&mut tap, 300);
        assert_eq!(playback.underruns(), 1);
    }

    #[test]
    fn a_turn_that_has_not_begun_has_played_nothing() {
        let (playback, mut tap) = playback(RATE);
        playback.begin(TurnId(1));
        assert_eq!(playback.push(TurnId(1), &[0.5; 500]), 500);
        pull(&mut tap, 400);
        assert_eq!((playback.played_by(TurnId(1)), playback.played_by(TurnId(2))), (400, 0));
        playback.begin(TurnId(2));
        assert_eq!(playback.played_by(TurnId(2)), 0);
    }

    #[test]
    fn what_is_set_aside_goes_on_later_at_the_very_next_sample() {
        let (playback, mut tap) = playback(RATE);
        let pcm: Vec<f32> = (1..=2000_u16).map(f32::from).collect();
        playback.begin(TurnId(1));
        assert_eq!(playback.push(TurnId(1), &pcm), 2000);
        pull(&mut tap, 300);
        assert!(!playback.is_still());
        playback.hold(true);
        assert!(!playback.is_still());
        pull(&mut tap, 400);
        assert!(playback.is_still());
        let (played, rest) = playback.set_aside(TurnId(1)).unwrap();
        assert_eq!(rest, pcm[usize::try_from(played).unwrap()..]);
        assert!((300..=300 + FADE as u64 + 1).contains(&played), "{played}");
        assert_eq!(playback.push(TurnId(1), &[0.5; 10]), 0);
        // Somebody else speaks meanwhile.
        playback.begin(TurnId(2));
        assert_eq!(playback.push(TurnId(2), &[-1.0; 100]), 100);
        let other = pull(&mut tap, 200);
        assert!(other.iter().all(|s| *s <= 0.0));
        assert_eq!(playback.set_aside(TurnId(1)), None);
        playback.begin(TurnId(3));
        assert_eq!(playback.push(TurnId(3), &rest), rest.len());
        assert_eq!(pull(&mut tap, rest.len()), rest);
        assert_eq!(playback.played(), rest.len() as u64);
    }

    #[test]
    fn at_a_border_it_stands_still_to_the_sample() {
        let (playback, mut tap) = playback(RATE);
        let pcm: Vec<f32> = (1..=1000_u16).map(f32::from).collect();
        playback.begin(TurnId(1));
        assert_eq!(playback.push(TurnId(1), &pcm), 1000);
        pull(&mut tap, 100);
        playback.hold_at(TurnId(1), 450);
        let until = pull(&mut tap, 600);
        assert_eq!(until[..350], pcm[100..450]);
        assert!(until[350..].iter().all(|s| *s == 0.0));
        assert!(playback.is_still());
        assert_eq!(playback.set_aside(TurnId(1)), Some((450, pcm[450..].to_vec())));
        // A border that lies behind is one that was missed: it stops at once.
        playback.begin(TurnId(2));
        assert_eq!(playback.push(TurnId(2), &pcm), 1000);
        pull(&mut tap, 600);
        playback.hold_at(TurnId(2), 500);
        pull(&mut tap, 200);
        assert!(playback.is_still() && playback.played() < 800);
    }

    proptest! {
        #[test]
        fn no_interleaving_plays_a_sample_of_an_old_turn_or_loses_one_of_the_new(
            steps in prop::collection::vec((0u8..6, 1usize..700), 1..200),
        ) {
            let (playback, mut tap) = playback(RATE);
            let mut turn = 1_u64;
            let mut pushed = 0_u64;
            // Odd turns are positive, even ones negative: a sample's sign tells whose it is, faded or not.
            let mark = |turn: u64| if turn % 2 == 1 { 0.5_f32 } else { -0.5 };
            playback.begin(TurnId(turn));
            let mut since_flush = usize::MAX;
            for (kind, n) in steps {
                match kind {
                    0 | 1 => pushed += playback.push(TurnId(turn), &vec![mark(turn); n]) as u64,
                    2 => {
                        let mut out = vec![0.0; n];
                        tap.fill(&mut out);
                        for (i, s) in out.iter().enumerate() {
                            let late = since_flush.saturating_add(i) > FADE + 1;
                            prop_assert!(!late || *s * mark(turn) >= 0.0, "{} of turn {}", s, turn);
                        }
                        since_flush = since_flush.saturating_add(n);
                        prop_assert!(playback.played() <= pushed);
                    }
                    3 => playback.hold(n % 2 == 0),
                    4 => {
                        playback.flush();
                        since_flush = 0;
                        turn += 1;
                        pushed = 0;
                        playback.begin(TurnId(turn));
                    }
                    _ => prop_assert_eq!(playback.push(TurnId(turn + 5), &vec![1e9; n]), 0),
                }
            }
            playback.hold(false);
            playback.end(TurnId(turn));
            for _ in 0..80 {
                pull(&mut tap, 700);
            }
            prop_assert_eq!(playback.played(), pushed);
            prop_assert!(playback.is_drained(TurnId(turn)));
        }
    }
}
