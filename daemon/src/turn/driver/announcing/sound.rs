//! The sound of announcements: it begins, is stopped, is kept, goes on; and what becomes of a reply in the way.

use std::cell::RefCell;

use super::*;
use crate::turn::speaker::Speaker;

/// Sound comes to a stand within this, or nobody plays it.
const STANDS: Duration = Duration::from_millis(200);
/// What sounds may go on for this long until the end of its clause when something important waits.
const BORDER: Duration = Duration::from_millis(1_500);
/// And for this long when one of its own kind does.
const LONGEST_CLAUSE: Duration = Duration::from_secs(6);

impl VoiceDesk {
    fn speaker(&self, playback: &Playback, turn: TurnId, gate: &Gate, cancel: &Cancel) -> Speaker {
        Speaker {
            turn,
            gate: gate.clone(),
            cancel: cancel.clone(),
            playback: playback.clone(),
            news: self.news.clone(),
            beat: self.tts.heartbeat(),
            language: Language::Zh,
            pronunciations: self.pronunciations.load_full(),
            intensity: 1.0,
            check: self.self_hearing.clone(),
            kept: RefCell::default(),
        }
    }
}

impl Driver {
    pub(super) fn sound(&mut self, id: UtteranceId, turn: TurnId, own: bool) {
        self.announcer.sounding = Some(Sounding {
            id,
            turn,
            gate: Gate::default(),
            cancel: Cancel::new(),
            own,
            pending: false,
            played: false,
            made: false,
            heard: None,
            stopping: None,
            moved: (0, Instant::now()),
            restarts: self.announcer.desk.tts.restarts(),
            timeline: Timeline::new(self.start.elapsed()),
        });
    }

    /// Something important is said beside the machine.
    pub(super) fn interject(&mut self, id: UtteranceId) {
        let turn = self.machine.interjection();
        self.sound(id, turn, false);
        if self.announcer.aside.is_none() {
            self.set_reply_aside();
        }
        let waits = self.announcer.aside.as_ref().is_some_and(|aside| aside.queued.is_none());
        if let Some(sounding) = &mut self.announcer.sounding {
            sounding.pending = waits;
        }
        if !waits {
            self.begin_sound();
        }
    }

    /// The voice must give the reply under way back, whether it sounds or waits for its turn.
    fn set_reply_aside(&mut self) {
        let Some(turn) = self.machine.state().turn() else { return };
        let Some(under) = self.under.get(&turn).filter(|under| under.aloud) else { return };
        let sounds = under.gate.is_open();
        let deferred = self.announcer.deferred.take_if(|deferred| *deferred == turn).is_some();
        let played = self.playback.played_by(turn);
        let border = under.ledger.border_after(under.before + played);
        under.gate.set_aside();
        if sounds {
            match border.filter(|_| played > 0) {
                Some(border) => self.playback.hold_at(turn, border - under.before),
                None => self.playback.hold(true),
            }
        }
        let until = Instant::now() + BORDER;
        let queued = (!sounds).then(Vec::new);
        let confirmed = sounds || deferred;
        self.announcer.aside = Some(Aside { turn, until, confirmed, queued, rest: None });
    }

    /// Looks whether the reply in the way has come to a stand; then something important begins.
    fn look_at_reply_in_the_way(&mut self) {
        let now = Instant::now();
        let Some(aside) = &mut self.announcer.aside else { return self.begin_sound() };
        if now > aside.until && !self.playback.is_held() {
            self.playback.hold(true);
        }
        if self.playback.is_still() || now > aside.until + STANDS {
            let (played, queued) = self.playback.set_aside(aside.turn).unwrap_or_default();
            aside.queued = Some(queued);
            if let Some(under) = self.under.get_mut(&aside.turn) {
                under.before += played;
            }
            self.begin_sound();
        }
    }

    /// Hands the text that sounds to the voice.
    pub(super) fn begin_sound(&mut self) {
        let Some(sounding) = &mut self.announcer.sounding else { return };
        sounding.pending = false;
        let (id, turn, own) = (sounding.id, sounding.turn, sounding.own);
        let Some(text) = self.announcer.texts.get_mut(&id) else { return };
        let desk = &self.announcer.desk;
        let stretch = match text.rest.take() {
            Some(mut rest) => {
                sounding.cancel = rest.becomes(turn, &sounding.gate);
                *rest
            }
            None => {
                let inbox = text.clauses(turn);
                let speaker = Speaker {
                    language: text.saying.language(),
                    intensity: text.saying.intensity,
                    ..desk.speaker(&self.playback, turn, &sounding.gate, &sounding.cancel)
                };
                let voice = text.saying.voice.clone().map(|name| (name, Arc::clone(&desk.other)));
                Stretch::of_announcement(speaker, inbox, voice)
            }
        };
        self.playback.begin(turn);
        sounding.gate.open();
        let sent = desk.tts.try_send(move |voice| stretch.run(voice.as_mut()));
        if own {
            self.publish(&TurnEvent::Started(turn));
        }
        if let Err(error) = sent {
            tracing::error!(%error, "a text of another program was not spoken");
            self.fail_sounding();
        }
    }

    fn fail_sounding(&mut self) {
        let Some(sounding) = &self.announcer.sounding else { return };
        let id = sounding.id;
        let effects = self.announcer.rules.stopped(id, DropReason::Failed);
        self.silence(id);
        self.announce(effects);
    }

    /// Stops its sound now.
    pub(super) fn silence(&mut self, id: UtteranceId) {
        let Some(sounding) = self.announcer.sounding.as_ref().filter(|s| s.id == id) else {
            return;
        };
        sounding.cancel.cancel();
        if sounding.own {
            // The turn's end takes account of it.
            self.step(Event::Interrupt);
        } else {
            self.sound_over(Outcome::Interrupted);
        }
    }

    /// The machine cuts its turn, which is an announcement.
    pub(in crate::turn::driver) fn flush_announcement(&mut self) {
        let played = self.playback.flush();
        let Some(sounding) = &mut self.announcer.sounding else { return };
        sounding.cancel.cancel();
        if let Some(text) = self.announcer.texts.get(&sounding.id) {
            sounding.heard = Some(text.ledger.heard(text.before + played));
        }
    }

    pub(super) fn stop_soon(&mut self, id: UtteranceId, how: Stopping) {
        let Some(sounding) = self.announcer.sounding.as_mut().filter(|s| s.id == id) else {
            return;
        };
        sounding.stopping = Some((how, Instant::now()));
        if how == Stopping::Aside {
            sounding.gate.set_aside();
            self.playback.hold(true);
        } else {
            self.stop_at_border();
        }
    }

    /// Stops at the end of the clause that sounds, once that is known.
    fn stop_at_border(&mut self) {
        let Some(sounding) = &self.announcer.sounding else { return };
        let Some(text) = self.announcer.texts.get(&sounding.id) else { return };
        let played = self.playback.played_by(sounding.turn);
        if let Some(border) = text.ledger.border_after(text.before + played)
            && !self.playback.holds_somewhere()
        {
            self.playback.hold_at(sounding.turn, border - text.before);
        }
    }

    /// Looks what became of the sound; called every tick.
    pub(in crate::turn::driver) fn look_at_announcement(&mut self) {
        let Some(sounding) = &self.announcer.sounding else { return };
        if sounding.pending {
            return self.look_at_reply_in_the_way();
        }
        let (id, turn, own) = (sounding.id, sounding.turn, sounding.own);
        let played = self.playback.played_by(turn);
        if played > 0 && !sounding.played {
            self.first_played(id, turn, own);
        }
        if let Some(text) = self.announcer.texts.get_mut(&id) {
            text.reach(played);
        }
        let lost = self.announcer.desk.tts.restarts();
        let Some(sounding) = &mut self.announcer.sounding else { return };
        let lost = !sounding.made && lost != sounding.restarts;
        let moves = played != sounding.moved.0 || self.playback.is_held();
        if moves || !self.playback.is_waiting(turn) {
            sounding.moved = (played, Instant::now());
        }
        if lost || sounding.moved.1.elapsed() > STUCK {
            tracing::error!(turn = %turn, "nobody speaks or plays an announcement");
            self.fail_sounding();
        } else if sounding.made
            && sounding.stopping.is_none_or(|(how, _)| how != Stopping::Aside)
            && self.playback.is_drained(turn)
        {
            if let Some(text) = self.announcer.texts.get_mut(&id) {
                text.reach_all();
            }
            if own {
                self.step(Event::ReplyHeard(turn));
            } else {
                self.sound_over(Outcome::Heard);
                self.heard_out(id);
            }
        } else if let Some((how, since)) = sounding.stopping {
            self.look_at_stop(how, since);
        }
    }

    fn first_played(&mut self, id: UtteranceId, turn: TurnId, own: bool) {
        let now = self.start.elapsed();
        if let Some(sounding) = &mut self.announcer.sounding {
            sounding.played = true;
            sounding.timeline.stamp(Stamp::FirstAudio, now);
        }
        let text = self.announcer.texts.get_mut(&id);
        let again = text.is_some_and(|text| std::mem::replace(&mut text.begun, true));
        self.tell(id, if again { SayEvent::Resumed } else { SayEvent::Begun });
        if own {
            self.step(Event::FirstPlayed(turn));
        } else {
            self.publish(&TurnEvent::State(StateName::Speaking));
        }
    }

    fn look_at_stop(&mut self, how: Stopping, since: Instant) {
        let Some(sounding) = &self.announcer.sounding else { return };
        let (id, turn) = (sounding.id, sounding.turn);
        match how {
            Stopping::Aside if self.playback.is_still() || since.elapsed() > STANDS => {
                self.take_aside(id, turn);
            }
            Stopping::Aside => {}
            Stopping::AtBorder if self.playback.is_still() => {
                // Whoever speaks into it holds it too; the rules know it as stopped all the same.
                let effects = self.announcer.rules.at_border(id);
                self.silence(id);
                self.announce(effects);
            }
            Stopping::AtBorder if since.elapsed() > LONGEST_CLAUSE => self.playback.hold(true),
            Stopping::AtBorder => self.stop_at_border(),
        }
    }

    /// Keeps what did not sound; once the voice gave back its work, others may speak.
    fn take_aside(&mut self, id: UtteranceId, turn: TurnId) {
        let Some(text) = self.announcer.texts.get_mut(&id) else { return };
        if let Some((played, queued)) = self.playback.set_aside(turn) {
            text.before += played;
            match &mut text.rest {
                Some(rest) => rest.put_before(queued),
                None => text.queued = queued,
            }
        }
        let Some(sounding) = self.announcer.sounding.take_if(|sounding| sounding.made) else {
            return;
        };
        if text.rest.is_none() {
            let desk = &self.announcer.desk;
            let speaker = desk.speaker(&self.playback, turn, &sounding.gate, &sounding.cancel);
            let mut rest = Stretch::of_sound(speaker);
            rest.put_before(std::mem::take(&mut text.queued));
            text.rest = Some(Box::new(rest));
        }
        if sounding.own {
            self.step(Event::Yielded(turn));
        } else {
            self.publish_state();
        }
        let effects = self.announcer.rules.set_aside(id);
        self.announce(effects);
        self.reply_goes_on();
    }

    /// News of the voice; gives them back when they are not of an announcement.
    pub(in crate::turn::driver) fn announcement_news(
        &mut self,
        turn: TurnId,
        news: ReplyNews,
    ) -> Option<ReplyNews> {
        if let Some(aside) = self.announcer.aside.as_mut().filter(|aside| aside.turn == turn)
            && let ReplyNews::Aside(rest) = news
        {
            aside.rest = Some(rest);
            self.reply_goes_on();
            return None;
        }
        let Some(sounding) = self.announcer.sounding.as_mut().filter(|s| s.turn == turn) else {
            return Some(news);
        };
        let text = self.announcer.texts.get_mut(&sounding.id)?;
        match news {
            ReplyNews::Queued { seq, samples, words, visemes, last } => {
                text.ledger.queued(seq, samples, &words, last);
                if let Some(clause) = text.next_clause(seq) {
                    let emotion = text.saying.emotion.clone();
                    let clock = SampleClock(self.clock.load(Ordering::Acquire));
                    self.echo.said(clock, &clause);
                    self.publish(&TurnEvent::Clause(turn, seq, emotion, clause));
                }
                if !(words.is_empty() && visemes.is_empty()) {
                    let rate = self.playback.rate();
                    self.publish(&TurnEvent::Timing { turn, seq, rate, words, visemes });
                }
            }
            ReplyNews::Spoken => sounding.made = true,
            ReplyNews::Aside(mut rest) => {
                rest.put_before(std::mem::take(&mut text.queued));
                text.rest = Some(rest);
                sounding.made = true;
            }
            ReplyNews::Unspeakable(why) => {
                tracing::warn!(why, "a text was not spoken");
                self.fail_sounding();
            }
            ReplyNews::Stamp(..)
            | ReplyNews::Clause { .. }
            | ReplyNews::Token(_)
            | ReplyNews::Made { .. } => {}
        }
        None
    }

    /// Takes account of what sounded.
    pub(super) fn sound_over(&mut self, outcome: Outcome) {
        let Some(mut sounding) = self.announcer.sounding.take() else { return };
        sounding.cancel.cancel();
        sounding.timeline.stamp(Stamp::Total, self.start.elapsed());
        let Some(text) = self.announcer.texts.get_mut(&sounding.id) else { return };
        let played = match (&sounding.heard, outcome) {
            (None, Outcome::Heard) => self.playback.played_by(sounding.turn),
            (None, _) if !sounding.pending => self.playback.flush(),
            _ => 0,
        };
        let heard = sounding.heard.unwrap_or_else(|| text.ledger.heard(text.before + played));
        text.heard.clone_from(&heard);
        let report = TurnReport {
            turn: sounding.turn,
            transcript: String::new(),
            text: text.saying.text.clone(),
            heard_text: heard.clone(),
            emotion: text.saying.emotion.clone(),
            memories: Vec::new(),
            answered_by: AnsweredBy::Rule,
            outcome,
            prompt_tokens: 0,
            reused_tokens: 0,
            new_tokens: 0,
            latency_ms: sounding.timeline.waterfall(),
        };
        text.report = Some(report.clone());
        self.last_heard = heard;
        self.remember(&report, "");
        self.publish(&TurnEvent::Ended(Box::new(report)));
        if !sounding.own {
            self.publish_state();
        }
    }

    fn publish_state(&mut self) {
        let name = self.machine.state().name();
        self.publish(&TurnEvent::State(name));
    }

    /// A reply that made way goes on, or begins, once nothing important is left.
    pub(in crate::turn::driver) fn reply_goes_on(&mut self) {
        let next = self.announcer.rules.sounding_priority();
        if self.announcer.interjects() || next == Some(Priority::Important) {
            return;
        }
        let aside = self.announcer.aside.take().filter(|aside| {
            self.under.get(&aside.turn).is_some_and(|under| !under.cancel.is_cancelled())
        });
        match aside {
            Some(aside) => self.take_up(aside),
            None => {
                if let Some(turn) = self.announcer.deferred.take() {
                    self.let_sound(turn);
                }
            }
        }
    }

    /// A reply goes on where it was set aside.
    fn take_up(&mut self, mut aside: Aside) {
        let turn = aside.turn;
        let Some(under) = self.under.get(&turn) else { return };
        let queued = aside.queued.take().unwrap_or_default();
        if aside.rest.is_none() && !under.spoken && !queued.is_empty() {
            // The voice is still at its clause: its news bring the rest.
            aside.queued = Some(queued);
            self.announcer.aside = Some(aside);
            return;
        }
        under.gate.close();
        let desk = &self.announcer.desk;
        let rest = match aside.rest {
            Some(rest) => Some(*rest),
            None if under.spoken => {
                let speaker = desk.speaker(&self.playback, turn, &under.gate, &under.cancel);
                Some(Stretch::of_sound(speaker))
            }
            // The voice did not begin with it: it will by itself.
            None => None,
        };
        if aside.confirmed {
            self.playback.begin(turn);
            self.playback.hold(self.machine.state().is_overheard());
            under.gate.open();
            self.moved = (0, Instant::now());
        }
        if let Some(mut rest) = rest {
            rest.put_before(queued);
            if desk.tts.try_send(move |voice| rest.run(voice.as_mut())).is_err() {
                self.step(Event::ReplyFailed(turn));
            }
        }
    }

    /// A reply was confirmed; true when it has to wait.
    pub(in crate::turn::driver) fn defers(&mut self, turn: TurnId) -> bool {
        if !self.announcer.interjects() {
            return false;
        }
        match self.announcer.aside.as_mut().filter(|aside| aside.turn == turn) {
            Some(aside) => aside.confirmed = true,
            None => self.announcer.deferred = Some(turn),
        }
        true
    }

    /// A reply is cut or withdrawn; true when nothing of it stands in the playback.
    pub(in crate::turn::driver) fn forget_reply_aside(&mut self, turn: TurnId) -> bool {
        self.announcer.deferred.take_if(|deferred| *deferred == turn);
        let aside = self.announcer.aside.take_if(|aside| aside.turn == turn);
        match aside {
            Some(aside) => aside.queued.is_some(),
            None => self.announcer.interjects(),
        }
    }
}
