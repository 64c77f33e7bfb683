//! The driver's part that lets other programs speak: it carries out what `companion_turn::Announcements`
//! decides. A text below `important` is a turn of the machine, so that a person can break in; an important
//! one is said beside the machine, and a reply that sounds then is set aside at the end of its clause.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use arc_swap::ArcSwap;
use companion_tts::Synthesizer;
use companion_tts::verbalize::Pronunciations;
use companion_turn::{AnnouncementEffect, Announcements, DropReason, Priority, StateName};
use companion_types::UtteranceId;

use super::*;
use crate::turn::SelfHearing;
use crate::turn::conversation::Accepted;
use crate::turn::stretch::{OtherVoice, Stretch};
use crate::turn::utterance::{SayEvent, Saying, Steer, Utterance};

/// What a voice needs.
pub(crate) struct VoiceDesk {
    pub(crate) tts: Arc<Worker<Box<dyn Synthesizer>>>,
    pub(crate) pronunciations: Arc<ArcSwap<Pronunciations>>,
    pub(crate) self_hearing: Option<SelfHearing>,
    pub(crate) other: Arc<OtherVoice>,
    pub(crate) news: SyncSender<Input>,
}

/// Why the sound is being stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopping {
    AtBorder,
    Aside,
}

/// The text that sounds.
struct Sounding {
    id: UtteranceId,
    turn: TurnId,
    gate: Gate,
    cancel: Cancel,
    /// Whether it is the machine's turn; else it is said beside it.
    own: bool,
    /// Waits until the reply in its way is set aside.
    pending: bool,
    played: bool,
    /// The voice has made everything, or gave back the rest.
    made: bool,
    /// What was heard, once the machine cut it.
    heard: Option<String>,
    stopping: Option<(Stopping, Instant)>,
    /// Samples played when they last changed, and when that was.
    moved: (u64, Instant),
    restarts: u32,
    timeline: Timeline,
}

/// A reply in the way of something important.
struct Aside {
    turn: TurnId,
    /// Until when its clause may go on.
    until: Instant,
    confirmed: bool,
    /// What was queued and not played; `None` while it still sounds.
    queued: Option<Vec<f32>>,
    rest: Option<Box<Stretch>>,
}

/// What other programs want said, and what of it sounds.
pub(super) struct Announcer {
    rules: Announcements,
    texts: HashMap<UtteranceId, Utterance>,
    sounding: Option<Sounding>,
    aside: Option<Aside>,
    /// A reply that was confirmed while something important sounds.
    deferred: Option<TurnId>,
    /// A person's wish is being taken: nobody else may begin.
    reserved: bool,
    desk: VoiceDesk,
}

mod sound;

impl Announcer {
    pub(super) fn new(desk: VoiceDesk) -> Self {
        Self {
            rules: Announcements::default(),
            texts: HashMap::new(),
            sounding: None,
            aside: None,
            deferred: None,
            reserved: false,
            desk,
        }
    }

    /// The thread ends: the voice need not go on.
    pub(super) fn end(&self) {
        if let Some(sounding) = &self.sounding {
            sounding.cancel.cancel();
        }
    }

    /// The machine's turn in which an announcement is said.
    pub(super) fn own_turn(&self) -> Option<TurnId> {
        self.sounding.as_ref().filter(|s| s.own).map(|s| s.turn)
    }

    /// Whether something is said beside the machine.
    pub(super) fn interjects(&self) -> bool {
        self.sounding.as_ref().is_some_and(|s| !s.own)
    }

    /// Whether a hold of the machine's turn is to be carried out.
    pub(super) fn may_hold(&self) -> bool {
        let aside = |s: &Sounding| matches!(s.stopping, Some((Stopping::Aside, _)));
        self.sounding.as_ref().is_none_or(|s| s.own && !aside(s))
    }
}

impl Driver {
    /// A program wants something said.
    pub(super) fn say(
        &mut self,
        id: UtteranceId,
        saying: Saying,
        asked: Option<AskId>,
        accepted: Accepted,
    ) {
        let offer = saying.offer(id);
        match self.announcer.rules.offer(offer) {
            Ok(effects) => {
                self.announcer.texts.insert(id, Utterance::new(saying, asked));
                accepted(Ok(()));
                self.announce(effects);
            }
            Err(refusal) => accepted(Err(DaemonError::Crowded(refusal))),
        }
    }

    /// Steers a text; false when it is not known.
    pub(super) fn steer(&mut self, id: UtteranceId, how: Steer) -> bool {
        let rules = &mut self.announcer.rules;
        let effects = match how {
            Steer::Cancel => rules.cancel(id),
            Steer::Pause => rules.pause(id),
            Steer::Resume => rules.resume(id),
        };
        let known = effects.is_some();
        self.announce(effects.unwrap_or_default());
        known
    }

    pub(super) fn caller_gone(&mut self, sender: &str) {
        let effects = self.announcer.rules.sender_gone(sender);
        self.announce(effects);
    }

    /// The text that was asked for in the old way.
    pub(super) fn announcement_of(&self, asked: AskId) -> Option<UtteranceId> {
        let mut texts = self.announcer.texts.iter();
        texts.find(|(_, text)| text.asked == Some(asked)).map(|(id, _)| *id)
    }

    /// Somebody wants silence.
    pub(super) fn silence_announcements(&mut self) {
        let effects = self.announcer.rules.silence();
        self.announce(effects);
    }

    /// Ends what others say, because a person wants something.
    pub(super) fn make_way(&mut self) {
        if self.announcer.own_turn().is_some() {
            self.announcer.reserved = true;
            self.step(Event::Interrupt);
            self.announcer.reserved = false;
        }
    }

    /// Whether a person's turn is under way.
    fn person_has_floor(&self) -> bool {
        let own = self.announcer.own_turn();
        let state = self.machine.state();
        self.announcer.reserved
            || state.name() != StateName::Idle && (own.is_none() || state.turn() != own)
    }

    /// Tells the rules who has the floor; what follows from it is to be carried out later.
    pub(super) fn floor_moved(&mut self) -> Vec<AnnouncementEffect> {
        let person = self.person_has_floor();
        self.announcer.rules.person(person)
    }

    /// Carries out what the rules decided.
    pub(super) fn announce(&mut self, effects: Vec<AnnouncementEffect>) {
        for effect in effects {
            match effect {
                AnnouncementEffect::Speak(id) => self.speak(id),
                AnnouncementEffect::Silence(id) => self.silence(id),
                AnnouncementEffect::SetAside(id) => self.stop_soon(id, Stopping::Aside),
                AnnouncementEffect::StopAtBorder(id) => self.stop_soon(id, Stopping::AtBorder),
                AnnouncementEffect::Paused(id) => self.tell(id, SayEvent::Paused),
                AnnouncementEffect::Postponed(id) => {
                    if let Some(text) = self.announcer.texts.get_mut(&id) {
                        text.rewind();
                    }
                    self.tell(id, SayEvent::Postponed);
                }
                AnnouncementEffect::Drop(id, why) => self.forget(id, why),
            }
        }
    }

    fn tell(&self, id: UtteranceId, event: SayEvent) {
        if let Some(text) = self.announcer.texts.get(&id) {
            (text.saying.told)(event);
        }
    }

    /// A text begins, or goes on.
    fn speak(&mut self, id: UtteranceId) {
        let Some(text) = self.announcer.texts.get(&id) else { return };
        let priority = text.saying.priority;
        if priority == Priority::Important {
            return self.interject(id);
        }
        let input = TurnInput::Announcement {
            text: text.saying.text.clone(),
            emotion: text.saying.emotion.clone(),
        };
        self.silence_since = Instant::now();
        let effects = self.machine.step(self.now(), Event::Input(input));
        let turn = effects.iter().find_map(|effect| match effect {
            Effect::StartReply { turn, .. } => Some(*turn),
            _ => None,
        });
        match turn {
            Some(turn) => {
                self.sound(id, turn, true);
                self.carry_out(effects);
                self.begin_sound();
            }
            None => {
                let effects = self.announcer.rules.stopped(id, DropReason::Busy);
                self.announce(effects);
            }
        }
    }

    /// The machine's turn of an announcement is over.
    pub(super) fn announcement_over(&mut self, turn: TurnId, outcome: Outcome) {
        let Some(sounding) = self.announcer.sounding.as_ref().filter(|s| s.turn == turn) else {
            return;
        };
        let id = sounding.id;
        self.sound_over(outcome);
        if outcome == Outcome::Heard {
            return self.heard_out(id);
        }
        // A word that only asks for silence leaves the machine idle.
        let asked_for = self.machine.state().name() == StateName::Idle && !self.announcer.reserved;
        let why = match (outcome, asked_for) {
            (Outcome::Failed, _) => DropReason::Failed,
            (_, true) => DropReason::Silenced,
            (_, false) => DropReason::Interrupted,
        };
        let cut = self.announcer.rules.sounding() == Some(id);
        let mut effects = self.announcer.rules.stopped(id, why);
        if cut && why == DropReason::Silenced {
            // Nothing may begin that is forgotten in the same breath.
            effects.retain(|e| !matches!(e, AnnouncementEffect::Speak(_)));
            effects.extend(self.announcer.rules.silence());
        }
        self.announce(effects);
    }

    /// It was said to its end.
    fn heard_out(&mut self, id: UtteranceId) {
        self.conclude(id, None);
        let effects = self.announcer.rules.ended(id);
        self.announce(effects);
        self.reply_goes_on();
    }

    /// It is over, not having been said to its end.
    fn forget(&mut self, id: UtteranceId, why: DropReason) {
        self.conclude(id, Some(why));
        self.reply_goes_on();
    }

    fn conclude(&mut self, id: UtteranceId, why: Option<DropReason>) {
        let Some(mut text) = self.announcer.texts.remove(&id) else { return };
        if text.report.is_none() && text.begun {
            text.heard = text.ledger.heard(text.before);
        }
        (text.saying.told)(SayEvent::Over(why, text.heard.clone()));
        let answer = match (text.report, why) {
            (Some(report), None) => Ok(report),
            (Some(report), Some(_)) if text.begun => Ok(report),
            (_, Some(DropReason::Failed) | None) => Err(DaemonError::Unavailable(
                "nothing could speak the text: see `companionctl diagnose`".to_owned(),
            )),
            (_, Some(why)) => Err(DaemonError::NotSaid(why.name())),
        };
        (text.saying.ended)(answer);
    }
}
