//! What other programs want said: which text sounds now, which wait, which are never said. Pure: the shell
//! tells what happened and carries the effects out. Texts, sound and time are not known here.
//!
//! The five priorities are those of SSIP, the protocol of Speech Dispatcher ("Speech Synthesis Interface
//! Protocol" 0.2, section "Priority Categories", `doc/ssip.texi` of brailcom/speechd),
//! with a person's conversation above all but `important`. Three places are decided here, where that text
//! leaves room: a series of `progress` is one sender's, with one coalescing key; a `progress` that was cut
//! by others is said again from its start once nothing else waits; what is paused takes no part.

use companion_types::UtteranceId;

use crate::announcement::{AnnouncementEffect, AnnouncementLimits, DropReason, Offer, Refusal};
use crate::priority::Priority;

/// What the rules look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    id: UtteranceId,
    priority: Priority,
    paused: bool,
    /// A progress that had to wait: it is said as a message would be.
    promoted: bool,
}

/// A text that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    entry: Entry,
    sender: String,
    coalesce: Option<String>,
}

/// How the one that sounds comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    No,
    AtBorder(DropReason),
    Aside { paused: bool },
}

/// The texts of other programs. At most one sounds.
#[derive(Debug, Default)]
pub struct Announcements {
    limits: AnnouncementLimits,
    /// In the order in which those of one priority are said.
    waiting: Vec<Kept>,
    sounding: Option<(Kept, Stop)>,
    /// A person speaks, is thought about or is spoken to.
    person: bool,
}

type Effects = Vec<AnnouncementEffect>;
use AnnouncementEffect as Do;

impl Announcements {
    /// With other limits than the usual ones.
    #[must_use]
    pub fn new(limits: AnnouncementLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// The one that sounds.
    #[must_use]
    pub fn sounding(&self) -> Option<UtteranceId> {
        self.sounding.as_ref().map(|(kept, _)| kept.entry.id)
    }

    /// How urgent the one that sounds is.
    #[must_use]
    pub fn sounding_priority(&self) -> Option<Priority> {
        self.sounding.as_ref().map(|(kept, _)| kept.entry.priority)
    }

    /// Whether it waits, sounds or is paused.
    #[must_use]
    pub fn knows(&self, id: UtteranceId) -> bool {
        self.sounding() == Some(id) || self.waiting.iter().any(|kept| kept.entry.id == id)
    }

    /// Takes a text.
    ///
    /// # Errors
    /// When too many wait already; one that takes the place of another is always taken.
    pub fn offer(&mut self, offer: Offer) -> Result<Effects, Refusal> {
        let Offer { id, sender, priority, coalesce } = offer;
        let entry = Entry { id, priority, paused: false, promoted: false };
        let new = Kept { entry, sender, coalesce };
        let place = self.waiting.iter().position(|old| old.coalesces_with(&new));
        if place.is_none() {
            self.check_limits(&new.sender)?;
        }
        let mut effects = Vec::new();
        match place {
            // It says what the older one would have said, when that would have said it.
            Some(at) if self.waiting[at].entry.priority == priority => {
                let old = std::mem::replace(&mut self.waiting[at], new.clone());
                effects.push(Do::Drop(old.entry.id, DropReason::Replaced));
            }
            Some(at) => {
                let old = self.waiting.remove(at);
                effects.push(Do::Drop(old.entry.id, DropReason::Replaced));
                self.waiting.push(new.clone());
            }
            None => self.waiting.push(new.clone()),
        }
        if let Some((sounding, stop @ Stop::No)) = &mut self.sounding
            && sounding.coalesces_with(&new)
            && priority >= Priority::Notification
            && sounding.entry.priority >= Priority::Notification
        {
            *stop = Stop::AtBorder(DropReason::Replaced);
            effects.push(Do::StopAtBorder(sounding.entry.id));
        }
        if !self.makes_way(&new, &mut effects) {
            self.waiting.retain(|kept| kept.entry.id != id);
            effects.push(Do::Drop(id, DropReason::Busy));
        }
        self.next(&mut effects);
        if let Some(kept) = self.waiting.iter_mut().find(|kept| kept.entry.id == id) {
            kept.entry.promoted = priority == Priority::Progress;
        }
        Ok(effects)
    }

    fn check_limits(&self, sender: &str) -> Result<(), Refusal> {
        let sounding = self.sounding.iter().map(|(kept, _)| kept);
        let theirs = self.waiting.iter().chain(sounding).filter(|kept| kept.sender == sender);
        if theirs.count() >= self.limits.of_sender {
            return Err(Refusal::OfSender(self.limits.of_sender));
        }
        if self.waiting.len() + usize::from(self.sounding.is_some()) >= self.limits.in_all {
            return Err(Refusal::InAll(self.limits.in_all));
        }
        Ok(())
    }

    /// Drops what the priority of `new`, which waits already, drops; false when `new` itself is dropped.
    fn makes_way(&mut self, new: &Kept, effects: &mut Effects) -> bool {
        let sounding = self.sounding.as_ref().map(|(kept, stop)| (kept.entry, *stop));
        // What is being set aside is silent already and makes way by itself.
        let sounding = sounding.filter(|(_, stop)| !matches!(stop, Stop::Aside { .. }));
        let rank = sounding.map(|(entry, _)| entry.rank());
        match new.entry.priority {
            Priority::Important => {
                self.drop_waiting(&[Priority::Notification], DropReason::Preempted, effects);
                if rank.is_some_and(|rank| rank > Priority::Important) {
                    self.preempt(DropReason::Preempted, effects);
                }
            }
            Priority::Message => {
                let lower = [Priority::Text, Priority::Notification];
                self.drop_waiting(&lower, DropReason::Preempted, effects);
                if rank.is_some_and(|rank| rank > Priority::Message) {
                    self.preempt(DropReason::Preempted, effects);
                }
            }
            Priority::Text => {
                let older =
                    |old: &Kept| old.is_ready(Priority::Text) && old.entry.id != new.entry.id;
                self.drop_where(older, DropReason::Replaced, effects);
                self.drop_waiting(&[Priority::Notification], DropReason::Preempted, effects);
                if let Some(rank) = rank.filter(|rank| *rank >= Priority::Text) {
                    let own = rank == Priority::Text;
                    let why = if own { DropReason::Replaced } else { DropReason::Preempted };
                    self.preempt(why, effects);
                }
            }
            Priority::Notification => {
                let other = |entry: &Entry| entry.priority != Priority::Notification;
                let waits = self.waiting.iter().any(|k| !k.entry.paused && other(&k.entry));
                let at_border = matches!(sounding, Some((_, Stop::AtBorder(_))));
                let sounds = sounding.is_some_and(|(entry, _)| other(&entry)) && !at_border;
                if self.person || waits || sounds {
                    return false;
                }
                let ready = |old: &Kept| old.is_ready(Priority::Notification);
                let older = |old: &Kept| ready(old) && old.entry.id != new.entry.id;
                self.drop_where(older, DropReason::Replaced, effects);
                if sounding.is_some() && !at_border {
                    self.preempt(DropReason::Replaced, effects);
                }
            }
            Priority::Progress => {
                let older = |old: &Kept| {
                    !old.entry.paused && old.same_series(new) && old.entry.id != new.entry.id
                };
                self.drop_where(older, DropReason::Replaced, effects);
            }
        }
        true
    }

    fn drop_waiting(&mut self, which: &[Priority], why: DropReason, effects: &mut Effects) {
        let dropped = |kept: &Kept| which.iter().any(|priority| kept.is_ready(*priority));
        self.drop_where(dropped, why, effects);
    }

    fn drop_where(
        &mut self,
        dropped: impl Fn(&Kept) -> bool,
        why: DropReason,
        effects: &mut Effects,
    ) {
        self.waiting.retain(|kept| {
            let goes = dropped(kept);
            if goes {
                effects.push(Do::Drop(kept.entry.id, why));
            }
            !goes
        });
    }

    /// Cuts the one that sounds; the last step of a series is said again later.
    fn preempt(&mut self, why: DropReason, effects: &mut Effects) {
        let Some((mut kept, stop)) = self.sounding.take() else { return };
        effects.push(Do::Silence(kept.entry.id));
        let newest = !self.waiting.iter().any(|other| other.same_series(&kept));
        if kept.entry.priority == Priority::Progress && newest && stop == Stop::No {
            kept.entry.promoted = true;
            effects.push(Do::Postponed(kept.entry.id));
            self.waiting.insert(0, kept);
        } else {
            // What was to stop anyway stops for that reason.
            let why = if let Stop::AtBorder(why) = stop { why } else { why };
            effects.push(Do::Drop(kept.entry.id, why));
        }
    }

    /// Begins the next one, when nothing sounds.
    fn next(&mut self, effects: &mut Effects) {
        if self.sounding.is_some() {
            return;
        }
        let ready = self.waiting.iter().enumerate().filter(|(_, kept)| {
            !kept.entry.paused && (!self.person || kept.entry.priority == Priority::Important)
        });
        // The first of the smallest: in order within a priority.
        if let Some((at, _)) = ready.min_by_key(|(_, kept)| kept.entry.priority) {
            let kept = self.waiting.remove(at);
            effects.push(Do::Speak(kept.entry.id));
            self.sounding = Some((kept, Stop::No));
        }
    }

    fn take_sounding(&mut self, id: UtteranceId) -> Option<(Kept, Stop)> {
        self.sounding.take_if(|(kept, _)| kept.entry.id == id)
    }

    /// It was said to its end.
    pub fn ended(&mut self, id: UtteranceId) -> Effects {
        let mut effects = Vec::new();
        if self.take_sounding(id).is_some() {
            self.next(&mut effects);
        }
        effects
    }

    /// The shell stopped it by itself: a person broke in, or it failed.
    pub fn stopped(&mut self, id: UtteranceId, why: DropReason) -> Effects {
        let mut effects = Vec::new();
        if self.take_sounding(id).is_some() {
            effects.push(Do::Drop(id, why));
            self.next(&mut effects);
        }
        effects
    }

    /// It came to the end of its clause and is silent.
    pub fn at_border(&mut self, id: UtteranceId) -> Effects {
        match &self.sounding {
            Some((kept, Stop::AtBorder(why))) if kept.entry.id == id => {
                let why = *why;
                self.stopped(id, why)
            }
            _ => Vec::new(),
        }
    }

    /// Its sound stands still and the rest is kept.
    pub fn set_aside(&mut self, id: UtteranceId) -> Effects {
        let mut effects = Vec::new();
        if let Some((mut kept, stop)) = self.take_sounding(id) {
            kept.entry.paused = matches!(stop, Stop::Aside { paused: true });
            if kept.entry.paused {
                effects.push(Do::Paused(id));
            }
            self.waiting.insert(0, kept);
            self.next(&mut effects);
        }
        effects
    }

    /// Forgets a text, sounding or not. `None`: it is not known.
    pub fn cancel(&mut self, id: UtteranceId) -> Option<Effects> {
        let mut effects = Vec::new();
        if self.take_sounding(id).is_some() {
            effects.extend([Do::Silence(id), Do::Drop(id, DropReason::Cancelled)]);
            self.next(&mut effects);
            return Some(effects);
        }
        let at = self.waiting.iter().position(|kept| kept.entry.id == id)?;
        self.waiting.remove(at);
        Some(vec![Do::Drop(id, DropReason::Cancelled)])
    }

    /// Lets a text stand still; one that waits is passed over. `None`: it is not known.
    pub fn pause(&mut self, id: UtteranceId) -> Option<Effects> {
        if let Some((_, stop)) = self.sounding.as_mut().filter(|(kept, _)| kept.entry.id == id) {
            let aside = matches!(stop, Stop::Aside { .. });
            *stop = Stop::Aside { paused: true };
            return Some(if aside { Vec::new() } else { vec![Do::SetAside(id)] });
        }
        let kept = self.waiting.iter_mut().find(|kept| kept.entry.id == id)?;
        let first = !std::mem::replace(&mut kept.entry.paused, true);
        Some(if first { vec![Do::Paused(id)] } else { Vec::new() })
    }

    /// Lets a paused text go on, before others of its priority. `None`: it is not known.
    pub fn resume(&mut self, id: UtteranceId) -> Option<Effects> {
        if let Some((_, stop)) = self.sounding.as_mut().filter(|(kept, _)| kept.entry.id == id) {
            if let Stop::Aside { paused } = stop {
                *paused = false;
            }
            return Some(Vec::new());
        }
        let at = self.waiting.iter().position(|kept| kept.entry.id == id)?;
        let mut effects = Vec::new();
        if self.waiting[at].entry.paused {
            let mut kept = self.waiting.remove(at);
            kept.entry.paused = false;
            kept.entry.promoted = kept.entry.priority == Priority::Progress;
            self.waiting.insert(0, kept);
            self.next(&mut effects);
        }
        Some(effects)
    }

    /// A sender left: what it wanted said beside the way is forgotten, and stops at its next border.
    pub fn sender_gone(&mut self, sender: &str) -> Effects {
        let mut effects = Vec::new();
        let theirs = |kept: &Kept| kept.sender == sender;
        // Nobody is left to resume what is paused.
        let forgotten = |kept: &Kept| {
            let paused = kept.entry.paused && kept.entry.priority != Priority::Important;
            theirs(kept) && (paused || kept.entry.priority.needs_sender())
        };
        self.drop_where(forgotten, DropReason::SenderGone, &mut effects);
        for kept in self.waiting.iter_mut().filter(|kept| theirs(kept)) {
            kept.entry.paused = false;
        }
        match &mut self.sounding {
            Some((kept, stop @ Stop::No))
                if theirs(&*kept) && kept.entry.priority.needs_sender() =>
            {
                *stop = Stop::AtBorder(DropReason::SenderGone);
                effects.push(Do::StopAtBorder(kept.entry.id));
            }
            Some((kept, Stop::Aside { paused })) if theirs(&*kept) => {
                *paused = false;
                if kept.entry.priority != Priority::Important {
                    let id = kept.entry.id;
                    self.sounding = None;
                    effects.extend([Do::Silence(id), Do::Drop(id, DropReason::SenderGone)]);
                }
            }
            _ => {}
        }
        self.next(&mut effects);
        effects
    }

    /// A person has the floor, or gave it back. What sounded then was told by [`stopped`](Self::stopped).
    pub fn person(&mut self, has_floor: bool) -> Effects {
        let mut effects = Vec::new();
        if self.person == has_floor {
            return effects;
        }
        self.person = has_floor;
        if has_floor {
            self.drop_waiting(&[Priority::Notification], DropReason::Busy, &mut effects);
        } else {
            self.next(&mut effects);
        }
        effects
    }

    /// Somebody wants silence: what sounds is cut, and what waits is forgotten unless it is important or
    /// paused.
    pub fn silence(&mut self) -> Effects {
        let mut effects = Vec::new();
        if let Some((kept, _)) = self.sounding.take() {
            let id = kept.entry.id;
            effects.extend([Do::Silence(id), Do::Drop(id, DropReason::Silenced)]);
        }
        let lower = [Priority::Message, Priority::Text, Priority::Notification, Priority::Progress];
        self.drop_waiting(&lower, DropReason::Silenced, &mut effects);
        self.next(&mut effects);
        effects
    }
}

impl Entry {
    /// As which priority it is treated while it sounds.
    fn rank(&self) -> Priority {
        if self.promoted { Priority::Message } else { self.priority }
    }
}

impl Kept {
    fn is_ready(&self, priority: Priority) -> bool {
        !self.entry.paused && self.entry.priority == priority
    }

    fn coalesces_with(&self, newer: &Self) -> bool {
        newer.coalesce.is_some() && self.sender == newer.sender && self.coalesce == newer.coalesce
    }

    fn same_series(&self, other: &Self) -> bool {
        self.entry.priority == Priority::Progress
            && other.entry.priority == Priority::Progress
            && self.sender == other.sender
            && self.coalesce == other.coalesce
    }
}

#[cfg(test)]
mod tests;
