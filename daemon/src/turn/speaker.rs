//! The sound of one reply on the `tts` thread: clauses through the voice to the playback queue. Where there is time
//! before a clause must sound, its sound is listened to first.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use companion_audio::{Playback, Resampler};
use companion_tts::verbalize::Pronunciations;
use companion_tts::{Synthesizer, SynthesizerError, Utterance};
use companion_types::{
    Cancel, Kind as _, Language, SampleRate, Sentence, SpeechChunk, TurnId, Viseme, WordTime,
};
use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::self_hearing::{Heard, SelfHearing};
use super::speech::LOOK;
use super::{Gate, Input, ReplyNews};
use crate::worker::Heartbeat;

/// With this much sound ahead of a clause it is listened to before it sounds.
const ROOM: Duration = Duration::from_millis(800);
/// With this much left it sounds as it is.
const RESERVE: Duration = Duration::from_millis(400);

/// The voice's side of one reply.
pub(crate) struct Speaker {
    pub(super) turn: TurnId,
    pub(super) gate: Gate,
    pub(super) cancel: Cancel,
    pub(super) playback: Playback,
    pub(super) news: SyncSender<Input>,
    pub(super) beat: Heartbeat,
    pub(super) language: Language,
    pub(super) pronunciations: Arc<Pronunciations>,
    pub(super) intensity: f64,
    pub(super) check: Option<SelfHearing>,
    /// Sound that was made and not queued, because the reply was set aside.
    pub(super) kept: RefCell<Vec<f32>>,
}

/// Where the chunks of one clause go.
struct Sink<'a> {
    speaker: &'a Speaker,
    from: SampleRate,
    resampler: Resampler,
}

fn failed(error: &companion_audio::AudioError) -> SynthesizerError {
    SynthesizerError { message: error.to_string(), kind: error.kind() }
}

impl Speaker {
    /// Speaks clauses until there are no more, the reply is cancelled or set aside.
    pub(super) fn speak_all(&self, voice: &mut dyn Synthesizer, inbox: &Receiver<Sentence>) {
        while !self.gate.is_aside() {
            self.beat.beat();
            let sentence = match inbox.recv_timeout(LOOK) {
                Ok(sentence) => sentence,
                Err(RecvTimeoutError::Timeout) if !self.cancel.is_cancelled() => continue,
                Err(_) => return,
            };
            if self.cancel.is_cancelled() {
                return;
            }
            let utterance = Utterance {
                pronunciations: Arc::clone(&self.pronunciations),
                intensity: self.intensity,
                ..Utterance::new(sentence, self.language)
            };
            if let Err(error) = self.speak(voice, utterance) {
                tracing::warn!(%error, "a clause was not spoken");
            }
        }
    }

    fn speak(
        &self,
        voice: &mut dyn Synthesizer,
        utterance: Utterance,
    ) -> Result<(), SynthesizerError> {
        match self.check.as_ref().filter(|check| check.wants(voice)) {
            Some(check) if self.ahead() >= ROOM => self.speak_checked(voice, utterance, check),
            Some(check) => {
                let mut copy = Vec::new();
                let rate = voice.rate();
                self.speak_now(voice, &utterance, Some(&mut copy))?;
                if !self.cancel.is_cancelled() {
                    check.listen_later(&utterance, copy, rate);
                }
                Ok(())
            }
            None => self.speak_now(voice, &utterance, None),
        }
    }

    /// Queues sound; what is not taken because the reply is set aside is kept. False when nobody wants it.
    pub(super) fn queue(&self, pcm: &[f32]) -> bool {
        let mut kept = self.kept.borrow_mut();
        kept.extend_from_slice(pcm);
        if self.gate.wait(&self.cancel) {
            let taken = self.playback.push_all(self.turn, &kept, &self.cancel);
            kept.drain(..taken);
        }
        !self.cancel.is_cancelled() && (kept.is_empty() || self.gate.is_aside())
    }

    /// How long it takes until what is queued has sounded; no end while the reply may not sound yet.
    fn ahead(&self) -> Duration {
        if self.gate.is_aside() {
            return Duration::ZERO;
        }
        if !self.gate.is_open() {
            return Duration::MAX;
        }
        let samples = self.playback.ahead(self.turn);
        Duration::from_micros(samples * 1_000_000 / u64::from(self.playback.rate().0.max(1)))
    }

    /// Chunks sound as they come; `copy` takes the sound as well where it is to be listened to.
    fn speak_now(
        &self,
        voice: &mut dyn Synthesizer,
        utterance: &Utterance,
        mut copy: Option<&mut Vec<f32>>,
    ) -> Result<(), SynthesizerError> {
        let mut sink = Sink::new(self, voice.rate())?;
        voice.speak(utterance, &self.cancel, &mut |chunk| {
            if let Some(copy) = &mut copy {
                copy.extend_from_slice(&chunk.pcm);
            }
            sink.push(chunk)
        })
    }

    /// The clause is made and listened to before it sounds, and made again where it says something else,
    /// as long as there is time.
    fn speak_checked(
        &self,
        voice: &mut dyn Synthesizer,
        mut utterance: Utterance,
        check: &SelfHearing,
    ) -> Result<(), SynthesizerError> {
        let rate = voice.rate();
        let mut sink = Sink::new(self, rate)?;
        let mut best: Option<(usize, Vec<SpeechChunk>)> = None;
        for attempt in 0..=check.tries() {
            utterance.attempt = attempt;
            let mut chunks: Vec<SpeechChunk> = Vec::new();
            let mut late = false;
            let kept = best.is_some();
            voice.speak(&utterance, &self.cancel, &mut |chunk| {
                self.beat.beat();
                if late {
                    return sink.push(chunk);
                }
                chunks.push(chunk);
                late = self.ahead() < RESERVE;
                match (late, kept) {
                    (false, _) => ControlFlow::Continue(()),
                    (true, true) => ControlFlow::Break(()),
                    (true, false) => chunks.drain(..).try_for_each(|chunk| sink.push(chunk)),
                }
            })?;
            if self.cancel.is_cancelled() {
                return Ok(());
            }
            if late {
                check.count_late();
                break;
            }
            let pcm = chunks.iter().flat_map(|chunk| &chunk.pcm).copied().collect();
            let within = self.ahead().saturating_sub(RESERVE);
            let slips = match check.listen(&utterance, pcm, rate, within) {
                Heard::Slips(count) => count,
                Heard::Nothing => 0,
            };
            if best.as_ref().is_none_or(|(fewest, _)| slips < *fewest) {
                best = Some((slips, chunks));
            }
            if slips == 0 {
                break;
            }
        }
        if let Some((slips, chunks)) = best {
            check.count_spoken(slips);
            let _ = chunks.into_iter().try_for_each(|chunk| sink.push(chunk));
        }
        Ok(())
    }
}

impl<'a> Sink<'a> {
    fn new(speaker: &'a Speaker, from: SampleRate) -> Result<Self, SynthesizerError> {
        let resampler = Resampler::new(from, speaker.playback.rate()).map_err(|e| failed(&e))?;
        Ok(Self { speaker, from, resampler })
    }

    /// Queues a chunk at the playback's rate, and tells the driver of it.
    fn push(&mut self, chunk: SpeechChunk) -> ControlFlow<()> {
        let (speaker, to) = (self.speaker, self.speaker.playback.rate());
        let from = self.from;
        let scale = |at: u64| at * u64::from(to.0) / u64::from(from.0.max(1));
        speaker.beat.beat();
        let mut pcm = self.resampler.push(&chunk.pcm).unwrap_or_default();
        if chunk.last {
            pcm.extend(self.resampler.finish().unwrap_or_default());
        }
        let words = chunk.words.iter().map(|w| WordTime {
            text_end: w.text_end,
            start: scale(w.start),
            end: scale(w.end),
        });
        let visemes = chunk.visemes.iter().map(|v| Viseme { at: scale(v.at), ..*v }).collect();
        // The ledger must know a sample before it can be played.
        let news = ReplyNews::Queued {
            seq: chunk.seq,
            samples: pcm.len() as u64,
            words: words.collect(),
            visemes,
            last: chunk.last,
        };
        let _ = speaker.news.send(Input::Reply(speaker.turn, news));
        let sounding = speaker.queue(&pcm);
        if sounding { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

#[cfg(test)]
mod tests;
