//! The companion listens to its own voice: whether a clause's sound says what it should, by the recogniser that also
//! hears people. What people say goes first.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use companion_asr::{AgreementRules, Recognizer, Slip, Wanted};
use companion_audio::Resampler;
use companion_tts::{Frontend, Synthesizer, Utterance};
use companion_types::{CAPTURE_RATE, Language, SampleRate};

use crate::config::SelfHearingMode;
use crate::worker::Worker;

/// A clause longer than this is not listened to.
const LONGEST: Duration = Duration::from_secs(20);
/// The longest wait for the recogniser, when the sound itself could wait longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often what was found.
#[derive(Debug, Default)]
pub(crate) struct SelfHearingCounts {
    /// Clauses listened to.
    listened: AtomicU64,
    /// Times that something was swallowed, repeated and added.
    swallowed: AtomicU64,
    repeated: AtomicU64,
    added: AtomicU64,
    /// Clauses made again.
    again: AtomicU64,
    /// Clauses that sounded with a slip.
    spoken: AtomicU64,
    /// Clauses for which there was no time.
    late: AtomicU64,
}

impl SelfHearingCounts {
    /// Names and values.
    pub(crate) fn all(&self) -> [(&'static str, u64); 7] {
        let get = |n: &AtomicU64| n.load(Ordering::Relaxed);
        [
            ("listened", get(&self.listened)),
            ("swallowed", get(&self.swallowed)),
            ("repeated", get(&self.repeated)),
            ("added", get(&self.added)),
            ("made_again", get(&self.again)),
            ("spoken_with_slips", get(&self.spoken)),
            ("too_late", get(&self.late)),
        ]
    }

    fn count(&self, slips: &[Slip]) {
        self.listened.fetch_add(1, Ordering::Relaxed);
        for slip in slips {
            let of = match slip {
                Slip::Swallowed(_) => &self.swallowed,
                Slip::Repeated(_) => &self.repeated,
                Slip::Added(_) => &self.added,
            };
            of.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What was heard of a clause.
pub(super) enum Heard {
    /// It says something else so often; 0: what it should.
    Slips(usize),
    /// The recogniser had no time, or cannot tell.
    Nothing,
}

/// Listens to clauses.
#[derive(Clone)]
pub(crate) struct SelfHearing {
    asr: Arc<Worker<Box<dyn Recognizer>>>,
    frontend: Arc<Frontend>,
    mode: SelfHearingMode,
    tries: u32,
    counts: Arc<SelfHearingCounts>,
}

impl SelfHearing {
    pub(crate) fn new(
        asr: Arc<Worker<Box<dyn Recognizer>>>,
        mode: SelfHearingMode,
        tries: u32,
        counts: Arc<SelfHearingCounts>,
    ) -> Self {
        Self { asr, frontend: Arc::default(), mode, tries, counts }
    }

    /// Whether this voice is listened to.
    pub(super) fn wants(&self, voice: &dyn Synthesizer) -> bool {
        match self.mode {
            SelfHearingMode::Auto => voice.varies(),
            SelfHearingMode::Always => true,
            SelfHearingMode::Off => false,
        }
    }

    /// How often a clause may be made again.
    pub(super) fn tries(&self) -> u32 {
        self.tries
    }

    pub(super) fn count_late(&self) {
        self.counts.late.fetch_add(1, Ordering::Relaxed);
    }

    /// A clause sounds with so many slips.
    pub(super) fn count_spoken(&self, slips: usize) {
        self.counts.spoken.fetch_add(u64::from(slips > 0), Ordering::Relaxed);
    }

    fn wanted(&self, utterance: &Utterance) -> Vec<Wanted> {
        let text = &utterance.sentence.text;
        let spans = self.frontend.read(text, utterance.language, &utterance.pronunciations);
        let one = |language, spoken: String| match language {
            Language::Zh => Wanted::Syllable(spoken),
            _ => Wanted::Word(spoken),
        };
        let of = |span: companion_tts::Span| {
            let language = span.language;
            span.tokens.into_iter().map(move |token| one(language, token.spoken))
        };
        spans.into_iter().flat_map(of).collect()
    }

    /// The sound as the recogniser takes it; `None` for what it does not take now.
    fn sound(&self, pcm: &[f32], rate: SampleRate) -> Option<Vec<f32>> {
        let longest = LONGEST.as_secs() * u64::from(rate.0);
        if pcm.len() as u64 > longest || self.asr.heartbeat().is_busy() {
            return None;
        }
        let mut resampler = Resampler::new(rate, CAPTURE_RATE).ok()?;
        let mut sound = resampler.push(pcm).ok()?;
        sound.extend(resampler.finish().ok()?);
        Some(sound)
    }

    /// Listens to a clause, at most `within`.
    pub(super) fn listen(
        &self,
        utterance: &Utterance,
        pcm: Vec<f32>,
        rate: SampleRate,
        within: Duration,
    ) -> Heard {
        if utterance.attempt > 0 {
            self.counts.again.fetch_add(1, Ordering::Relaxed);
        }
        let wanted = self.wanted(utterance);
        let Some(sound) = self.sound(&pcm, rate).filter(|_| !wanted.is_empty()) else {
            return Heard::Nothing;
        };
        let call =
            self.asr.call_within(within.min(PATIENCE), move |asr| asr.agree(&sound, &wanted));
        match call {
            Ok(Ok(Some(agreement))) => {
                let slips = agreement.slips(&AgreementRules::default());
                self.counts.count(&slips);
                Heard::Slips(slips.len())
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "the voice cannot be listened to");
                Heard::Nothing
            }
            Ok(Ok(None)) => Heard::Nothing,
            Err(_) => {
                self.count_late();
                Heard::Nothing
            }
        }
    }

    /// Listens to a clause that sounds already, for the counts alone; nobody waits for it.
    pub(super) fn listen_later(&self, utterance: &Utterance, pcm: Vec<f32>, rate: SampleRate) {
        let wanted = self.wanted(utterance);
        let Some(sound) = self.sound(&pcm, rate).filter(|_| !wanted.is_empty()) else { return };
        let counts = Arc::clone(&self.counts);
        let _ = self.asr.send(move |asr| {
            if let Ok(Some(agreement)) = asr.agree(&sound, &wanted) {
                let slips = agreement.slips(&AgreementRules::default());
                counts.count(&slips);
                counts.spoken.fetch_add(u64::from(!slips.is_empty()), Ordering::Relaxed);
            }
        });
    }
}
