//! A stretch of speech on the `tts` thread: clauses through a voice to the playback, until there are no more or
//! it is set aside. Then the rest goes back to the `turn` thread, which may have it go on later.

use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};

use companion_tts::Synthesizer;
use companion_types::{Cancel, Sentence, TurnId};
use crossbeam_channel::{Receiver, Sender, bounded};

use super::speaker::Speaker;
use super::{Gate, Input, ReplyNews};
use crate::config::Settings;
use crate::error::DaemonError;
use crate::voices::{self, Voice};

/// A voice beside the one in use, kept for the next text that wants it.
pub(crate) struct OtherVoice {
    settings: Settings,
    // Taken while it speaks; only the `tts` thread does that.
    kept: Mutex<Option<(String, Voice)>>,
}

impl OtherVoice {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, kept: Mutex::default() }
    }

    fn take(&self, name: &str) -> Result<Voice, DaemonError> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        match kept {
            Some((known, voice)) if known == name => Ok(voice),
            _ => Ok(voices::open(&self.settings, name)?.port),
        }
    }

    fn put_back(&self, name: &str, voice: Voice) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((name.to_owned(), voice));
    }
}

/// Tells when the voice panicked: nobody else would.
struct Watch {
    news: SyncSender<Input>,
    turn: TurnId,
    returned: bool,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.returned {
            let why = ReplyNews::Unspeakable("the voice failed; see the log".to_owned());
            let _ = self.news.send(Input::Reply(self.turn, why));
        }
    }
}

/// One stretch.
pub(crate) struct Stretch {
    speaker: Speaker,
    inbox: Receiver<Sentence>,
    /// Told when a reply was made; an announcement has nobody else who would end its sound.
    finished: Option<Sender<()>>,
    voice: Option<(String, Arc<OtherVoice>)>,
    /// Sound that was made already.
    rest: Vec<f32>,
}

impl Stretch {
    pub(super) fn of_reply(
        speaker: Speaker,
        inbox: Receiver<Sentence>,
        finished: Sender<()>,
    ) -> Self {
        Self { speaker, inbox, finished: Some(finished), voice: None, rest: Vec::new() }
    }

    pub(super) fn of_announcement(
        speaker: Speaker,
        inbox: Receiver<Sentence>,
        voice: Option<(String, Arc<OtherVoice>)>,
    ) -> Self {
        Self { speaker, inbox, finished: None, voice, rest: Vec::new() }
    }

    /// Only sound that was made already.
    pub(super) fn of_sound(speaker: Speaker) -> Self {
        let (_, inbox) = bounded(1);
        Self::of_announcement(speaker, inbox, None)
    }

    /// Goes on as another turn; gives what cancels it.
    pub(super) fn becomes(&mut self, turn: TurnId, gate: &Gate) -> Cancel {
        self.speaker.turn = turn;
        self.speaker.gate = gate.clone();
        self.speaker.cancel.clone()
    }

    /// Sound that comes before what it has.
    pub(super) fn put_before(&mut self, mut pcm: Vec<f32>) {
        pcm.append(&mut self.rest);
        self.rest = pcm;
    }

    /// Speaks with the voice in use, or its own.
    pub(super) fn run(self, voice: &mut dyn Synthesizer) {
        let news = self.speaker.news.clone();
        let mut watch = Watch { news, turn: self.speaker.turn, returned: false };
        self.run_with(voice);
        watch.returned = true;
    }

    fn run_with(self, voice: &mut dyn Synthesizer) {
        let Some((name, other)) = self.voice.clone() else { return self.speak(voice) };
        let (news, turn) = (self.speaker.news.clone(), self.speaker.turn);
        match other.take(&name) {
            Ok(mut own) => {
                self.speak(own.as_mut());
                other.put_back(&name, own);
            }
            Err(error) => {
                let news_of = ReplyNews::Unspeakable(error.to_string());
                let _ = news.send(Input::Reply(turn, news_of));
            }
        }
    }

    fn speak(mut self, voice: &mut dyn Synthesizer) {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() || self.speaker.queue(&rest) {
            self.speaker.speak_all(voice, &self.inbox);
        }
        // It was set aside and taken up again within one clause.
        if !self.speaker.kept.borrow().is_empty() && !self.speaker.gate.is_aside() {
            self.speaker.queue(&[]);
        }
        let (turn, news) = (self.speaker.turn, self.speaker.news.clone());
        if self.speaker.gate.is_aside() && !self.speaker.cancel.is_cancelled() {
            self.rest = self.speaker.kept.take();
            let _ = news.send(Input::Reply(turn, ReplyNews::Aside(Box::new(self))));
            return;
        }
        match &self.finished {
            Some(finished) => {
                let _ = finished.send(());
            }
            None => self.speaker.playback.end(turn),
        }
        let _ = news.send(Input::Reply(turn, ReplyNews::Spoken));
    }
}
