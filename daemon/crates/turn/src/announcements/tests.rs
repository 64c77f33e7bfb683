//! The rules as tables, and what no order of events may break.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn id(n: u64) -> UtteranceId {
    UtteranceId(n)
}

fn offer(n: u64, sender: &str, priority: Priority, key: Option<&str>) -> Offer {
    let coalesce = key.map(str::to_owned);
    Offer { id: id(n), sender: sender.to_owned(), priority, coalesce }
}

/// Offers one text a priority, from `a`, without keys.
fn offered(rules: &mut Announcements, n: u64, priority: Priority) -> Vec<Do> {
    rules.offer(offer(n, "a", priority, None)).unwrap()
}

#[test]
fn messages_are_said_one_after_another_in_their_order() {
    let mut rules = Announcements::default();
    assert_eq!(offered(&mut rules, 1, Priority::Message), [Do::Speak(id(1))]);
    assert_eq!(offered(&mut rules, 2, Priority::Message), []);
    assert_eq!(offered(&mut rules, 3, Priority::Message), []);
    assert_eq!(rules.ended(id(1)), [Do::Speak(id(2))]);
    assert_eq!(rules.ended(id(2)), [Do::Speak(id(3))]);
    assert_eq!(rules.ended(id(3)), []);
}

#[test]
fn important_cuts_in_and_lets_others_wait_or_drops_them() {
    let mut rules = Announcements::default();
    offered(&mut rules, 1, Priority::Message);
    offered(&mut rules, 2, Priority::Message);
    let cut = [Do::Silence(id(1)), Do::Drop(id(1), DropReason::Preempted), Do::Speak(id(3))];
    assert_eq!(offered(&mut rules, 3, Priority::Important), cut);
    // Nothing cuts it, not its own kind either.
    for (n, priority) in [(4, Priority::Important), (5, Priority::Message), (6, Priority::Text)] {
        assert_eq!(offered(&mut rules, n, priority), [], "{priority:?}");
    }
    assert_eq!(offered(&mut rules, 7, Priority::Notification), [Do::Drop(id(7), DropReason::Busy)]);
    assert_eq!(rules.ended(id(3)), [Do::Speak(id(4))]);
    assert_eq!(rules.ended(id(4)), [Do::Speak(id(2))]);
    assert_eq!(rules.ended(id(2)), [Do::Speak(id(5))]);
    assert_eq!(rules.ended(id(5)), [Do::Speak(id(6))]);
}

#[test]
fn a_message_drops_texts_and_notifications() {
    for lower in [Priority::Text, Priority::Notification] {
        let mut rules = Announcements::default();
        offered(&mut rules, 1, lower);
        let cut = [Do::Silence(id(1)), Do::Drop(id(1), DropReason::Preempted), Do::Speak(id(2))];
        assert_eq!(offered(&mut rules, 2, Priority::Message), cut, "{lower:?}");
    }
    let mut rules = Announcements::default();
    offered(&mut rules, 1, Priority::Message);
    offered(&mut rules, 2, Priority::Text);
    let dropped = [Do::Drop(id(2), DropReason::Preempted)];
    assert_eq!(offered(&mut rules, 3, Priority::Message), dropped);
}

#[test]
fn of_texts_only_the_newest_is_said() {
    let mut rules = Announcements::default();
    offered(&mut rules, 1, Priority::Text);
    let cut = [Do::Silence(id(1)), Do::Drop(id(1), DropReason::Replaced), Do::Speak(id(2))];
    assert_eq!(rules.offer(offer(2, "b", Priority::Text, None)), Ok(cut.to_vec()));
    offered(&mut rules, 3, Priority::Message);
    offered(&mut rules, 4, Priority::Text);
    assert_eq!(offered(&mut rules, 5, Priority::Text), [Do::Drop(id(4), DropReason::Replaced)]);
    assert_eq!(rules.ended(id(3)), [Do::Speak(id(5))]);
}

#[test]
fn a_notification_is_said_when_nothing_else_is() {
    let mut rules = Announcements::default();
    assert_eq!(offered(&mut rules, 1, Priority::Notification), [Do::Speak(id(1))]);
    let newer = [Do::Silence(id(1)), Do::Drop(id(1), DropReason::Replaced), Do::Speak(id(2))];
    assert_eq!(offered(&mut rules, 2, Priority::Notification), newer);
    offered(&mut rules, 3, Priority::Text);
    assert_eq!(offered(&mut rules, 4, Priority::Notification), [Do::Drop(id(4), DropReason::Busy)]);
    rules.ended(id(3));
    rules.person(true);
    assert_eq!(offered(&mut rules, 5, Priority::Notification), [Do::Drop(id(5), DropReason::Busy)]);
}

#[test]
fn of_progress_the_last_step_is_said() {
    let mut rules = Announcements::default();
    assert_eq!(offered(&mut rules, 1, Priority::Progress), [Do::Speak(id(1))]);
    assert_eq!(offered(&mut rules, 2, Priority::Progress), []);
    assert_eq!(offered(&mut rules, 3, Priority::Progress), [Do::Drop(id(2), DropReason::Replaced)]);
    // A message waits for nothing of it, and the last step is not lost.
    let cut = [Do::Silence(id(1)), Do::Drop(id(1), DropReason::Preempted), Do::Speak(id(4))];
    assert_eq!(offered(&mut rules, 4, Priority::Message), cut);
    assert_eq!(rules.ended(id(4)), [Do::Speak(id(3))]);
    // Now it is said as a message.
    assert_eq!(offered(&mut rules, 5, Priority::Message), []);
    assert_eq!(rules.ended(id(3)), [Do::Speak(id(5))]);
}

#[test]
fn a_last_step_that_is_cut_is_said_again() {
    let mut rules = Announcements::default();
    offered(&mut rules, 1, Priority::Progress);
    let cut = [Do::Silence(id(1)), Do::Postponed(id(1)), Do::Speak(id(2))];
    assert_eq!(offered(&mut rules, 2, Priority::Important), cut);
    assert_eq!(rules.ended(id(2)), [Do::Speak(id(1))]);
    assert_eq!(rules.ended(id(1)), []);
}

#[test]
fn a_newer_text_of_the_same_key_takes_the_place_of_the_older() {
    let mut rules = Announcements::default();
    offered(&mut rules, 1, Priority::Message);
    rules.offer(offer(2, "a", Priority::Message, Some("mail"))).unwrap();
    rules.offer(offer(3, "b", Priority::Message, Some("mail"))).unwrap();
    let replaced = [Do::Drop(id(2), DropReason::Replaced)];
    assert_eq!(rules.offer(offer(4, "a", Priority::Message, Some("mail"))).unwrap(), replaced);
    assert_eq!(rules.ended(id(1)), [Do::Speak(id(4))]);
    assert_eq!(rules.ended(id(4)), [Do::Speak(id(3))]);
}

#[test]
fn what_sounds_beside_the_way_ends_its_clause_before_a_newer_one_of_its_key() {
    for priority in [Priority::Notification, Priority::Progress] {
        let mut rules = Announcements::default();
        rules.offer(offer(1, "a", priority, Some("k"))).unwrap();
        let stop = rules.offer(offer(2, "a", priority, Some("k"))).unwrap();
        assert_eq!(stop, [Do::StopAtBorder(id(1))], "{priority:?}");
        let newer = rules.offer(offer(3, "a", priority, Some("k"))).unwrap();
        assert_eq!(newer, [Do::Drop(id(2), DropReason::Replaced)], "{priority:?}");
        let next = [Do::Drop(id(1), DropReason::Replaced), Do::Speak(id(3))];
        assert_eq!(rules.at_border(id(1)), next, "{priority:?}");
    }
}

#[test]
fn what_is_paused_lets_others_speak_and_goes_on_first() {
    let mut rules = Announcements::default();
    offered(&mut rules, 1, Priority::Message);
    offered(&mut rules, 2, Priority::Message);
    assert_eq!(rules.pause(id(1)), Some(vec![Do::SetAside(id(1))]));
    assert_eq!(rules.pause(id(1)), Some(vec![]));
    assert_eq!(rules.set_aside(id(1)), [Do::Paused(id(1)), Do::Speak(id(2))]);
    offered(&mut rules, 3, Priority::Message);
    assert_eq!(rules.resume(id(1)), Some(vec![]));
    assert_eq!(rules.ended(id(2)), [Do::Speak(id(1))]);
    // Resumed before it came to a stand.
    assert_eq!(rules.pause(id(1)), Some(vec![Do::SetAside(id(1))]));
    assert_eq!(rules.resume(id(1)), Some(vec![]));
    assert_eq!(rules.set_aside(id(1)), [Do::Speak(id(1))]);
    // One that waits is passed over.
    assert_eq!(rules.pause(id(3)), Some(vec![Do::Paused(id(3))]));
    assert_eq!(rules.ended(id(1)), []);
    assert_eq!(rules.resume(id(3)), Some(vec![Do::Speak(id(3))]));
    assert_eq!(rules.cancel(id(9)), None);
}

#[test]
fn a_person_has_the_floor_before_all_but_the_important() {
    let mut rules = Announcements::default();
    offered(&mut rules, 1, Priority::Message);
    rules.person(true);
    let cut = [Do::Drop(id(1), DropReason::Interrupted)];
    assert_eq!(rules.stopped(id(1), DropReason::Interrupted), cut);
    assert_eq!(offered(&mut rules, 2, Priority::Message), []);
    assert_eq!(offered(&mut rules, 3, Priority::Progress), []);
    assert_eq!(offered(&mut rules, 4, Priority::Important), [Do::Speak(id(4))]);
    assert_eq!(rules.ended(id(4)), []);
    assert_eq!(rules.person(false), [Do::Speak(id(2))]);
    assert_eq!(rules.ended(id(2)), [Do::Speak(id(3))]);
}

#[test]
fn who_asks_for_silence_gets_it() {
    let mut rules = Announcements::default();
    offered(&mut rules, 1, Priority::Important);
    offered(&mut rules, 2, Priority::Message);
    offered(&mut rules, 3, Priority::Important);
    let silent = [
        Do::Silence(id(1)),
        Do::Drop(id(1), DropReason::Silenced),
        Do::Drop(id(2), DropReason::Silenced),
        Do::Speak(id(3)),
    ];
    assert_eq!(rules.silence(), silent);
}

#[test]
fn who_leaves_takes_what_waits_beside_the_way_along() {
    let mut rules = Announcements::default();
    rules.offer(offer(1, "b", Priority::Message, None)).unwrap();
    rules.offer(offer(2, "a", Priority::Message, None)).unwrap();
    rules.offer(offer(3, "a", Priority::Text, None)).unwrap();
    rules.offer(offer(4, "a", Priority::Progress, None)).unwrap();
    rules.offer(offer(5, "a", Priority::Message, None)).unwrap();
    rules.pause(id(5));
    let gone = [4, 5].map(|n| Do::Drop(id(n), DropReason::SenderGone));
    assert_eq!(rules.sender_gone("a"), gone);
    assert_eq!(rules.ended(id(1)), [Do::Speak(id(2))]);
    assert_eq!(rules.ended(id(2)), []);
    rules.offer(offer(6, "a", Priority::Text, None)).unwrap();
    assert_eq!(rules.sender_gone("a"), [Do::StopAtBorder(id(6))]);
    assert_eq!(rules.at_border(id(6)), [Do::Drop(id(6), DropReason::SenderGone)]);
}

#[test]
fn what_may_wait_is_bounded_and_the_error_says_what_to_do() {
    let mut rules = Announcements::new(AnnouncementLimits { of_sender: 2, in_all: 3 });
    offered(&mut rules, 1, Priority::Message);
    rules.offer(offer(2, "a", Priority::Message, Some("k"))).unwrap();
    let refused = rules.offer(offer(3, "a", Priority::Message, None)).unwrap_err();
    assert_eq!(refused, Refusal::OfSender(2));
    assert!(refused.to_string().contains("coalesce"), "{refused}");
    assert!(rules.offer(offer(4, "a", Priority::Message, Some("k"))).is_ok());
    rules.offer(offer(5, "b", Priority::Message, None)).unwrap();
    let refused = rules.offer(offer(6, "c", Priority::Important, None)).unwrap_err();
    assert_eq!(refused, Refusal::InAll(3));
}

#[derive(Debug, Clone)]
enum Step {
    Offer(u8, usize, Option<bool>),
    End,
    Border,
    Aside,
    Pause(u64),
    Resume(u64),
    Cancel(u64),
    Person(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = prop::option::of(any::<bool>());
    let step = prop_oneof![
        6 => (0..3_u8, 0..5_usize, key).prop_map(|(s, p, k)| Step::Offer(s, p, k)),
        4 => Just(Step::End),
        2 => Just(Step::Border),
        2 => Just(Step::Aside),
        1 => (0..40_u64).prop_map(Step::Pause),
        2 => (0..40_u64).prop_map(Step::Resume),
        1 => (0..40_u64).prop_map(Step::Cancel),
        1 => any::<bool>().prop_map(Step::Person),
    ];
    prop::collection::vec(step, 0..80)
}

/// A house that carries effects out, and what became of each text.
#[derive(Default)]
struct House {
    rules: Announcements,
    offers: BTreeMap<u64, Offer>,
    sounding: Option<u64>,
    person: bool,
    /// Texts in the order in which they ended.
    said: Vec<u64>,
    begun: Vec<u64>,
    dropped: BTreeMap<u64, DropReason>,
}

impl House {
    fn carry_out(&mut self, effects: Vec<Do>) {
        for effect in effects {
            match effect {
                Do::Speak(UtteranceId(n)) => {
                    assert_eq!(self.sounding, None, "{n} would sound beside another");
                    assert!(!self.person || self.offers[&n].priority == Priority::Important);
                    self.sounding = Some(n);
                    self.begun.push(n);
                }
                Do::Silence(UtteranceId(n)) => {
                    assert_eq!(self.sounding.take(), Some(n));
                }
                Do::Drop(UtteranceId(n), why) => {
                    assert!(!self.said.contains(&n) && self.dropped.insert(n, why).is_none());
                    self.sounding = self.sounding.filter(|sounding| *sounding != n);
                }
                Do::SetAside(id) | Do::StopAtBorder(id) => assert_eq!(self.sounding, Some(id.0)),
                Do::Paused(_) | Do::Postponed(_) => {}
            }
        }
    }

    fn step(&mut self, step: Step) {
        let n = self.offers.len() as u64;
        let sounding = self.sounding.map(UtteranceId);
        let effects = match (step, sounding) {
            (Step::Offer(sender, priority, key), _) => {
                let (sender, key) = (sender.to_string(), key.map(|k| k.to_string()));
                let new = offer(n, &sender, Priority::ALL[priority], key.as_deref());
                self.offers.insert(n, new.clone());
                self.rules.offer(new).unwrap()
            }
            (Step::End, Some(id)) => {
                self.said.push(id.0);
                self.sounding = None;
                self.rules.ended(id)
            }
            (Step::Border, Some(id)) => self.rules.at_border(id),
            (Step::Aside, Some(id)) if self.is_aside(id) => {
                self.sounding = None;
                self.rules.set_aside(id)
            }
            (Step::Pause(n), _) => self.rules.pause(UtteranceId(n)).unwrap_or_default(),
            (Step::Resume(n), _) => self.rules.resume(UtteranceId(n)).unwrap_or_default(),
            (Step::Cancel(n), _) => self.rules.cancel(UtteranceId(n)).unwrap_or_default(),
            (Step::Person(has), sounding) => {
                self.person = has;
                let mut effects = self.rules.person(has);
                if let Some(id) = sounding.filter(|_| has)
                    && self.offers[&id.0].priority != Priority::Important
                {
                    effects.extend(self.rules.stopped(id, DropReason::Interrupted));
                }
                effects
            }
            _ => Vec::new(),
        };
        self.carry_out(effects);
    }

    fn is_aside(&self, id: UtteranceId) -> bool {
        matches!(&self.rules.sounding, Some((kept, Stop::Aside { .. })) if kept.entry.id == id)
    }

    /// Lets everything come to its end.
    fn drain(&mut self) {
        self.step(Step::Person(false));
        for n in 0..self.offers.len() as u64 {
            if self.sounding.is_some_and(|n| self.is_aside(UtteranceId(n))) {
                self.step(Step::Aside);
            }
            self.step(Step::Resume(n));
        }
        for _ in 0..2 * self.offers.len() + 2 {
            if self.sounding.is_some_and(|n| self.is_aside(UtteranceId(n))) {
                self.step(Step::Aside);
            }
            self.step(Step::End);
        }
    }

    fn was(&self, n: u64, reasons: &[DropReason]) -> bool {
        self.dropped.get(&n).is_some_and(|why| reasons.contains(why))
    }
}

proptest! {
    #[test]
    fn important_is_never_lost_the_last_progress_is_said_and_messages_keep_their_order(
        steps in steps(),
    ) {
        let limits = AnnouncementLimits { of_sender: 1_000, in_all: 1_000 };
        let mut house = House { rules: Announcements::new(limits), ..House::default() };
        for step in steps {
            house.step(step);
        }
        house.drain();
        prop_assert_eq!(house.sounding, None);
        prop_assert!(house.rules.waiting.is_empty(), "{:?}", house.rules.waiting);
        let own = [DropReason::Cancelled, DropReason::Replaced];
        let mut last: BTreeMap<(String, Option<String>), u64> = BTreeMap::new();
        let mut everything = BTreeSet::new();
        for (n, offer) in &house.offers {
            let said = house.said.contains(n);
            prop_assert!(said != house.dropped.contains_key(n), "{} is not accounted for", n);
            everything.insert(*n);
            match offer.priority {
                Priority::Important => {
                    // Only its own sender may take it back, by a newer one of its key or by cancelling.
                    prop_assert!(said || house.was(*n, &own), "{:?}", house.dropped.get(n));
                    let keyed = offer.coalesce.is_some();
                    prop_assert!(keyed || !house.was(*n, &[DropReason::Replaced]));
                }
                Priority::Progress => {
                    last.insert((offer.sender.clone(), offer.coalesce.clone()), *n);
                }
                _ => {}
            }
        }
        prop_assert_eq!(everything.len(), house.said.len() + house.dropped.len());
        for ((_, key), n) in last {
            // A person cut it, its sender took it back, or it was said.
            let taken_back = house.was(n, &[DropReason::Cancelled, DropReason::Interrupted]);
            let keyed = key.is_some() && house.was(n, &[DropReason::Replaced]);
            prop_assert!(house.said.contains(&n) || taken_back || keyed, "{} was lost", n);
        }
    }

    #[test]
    fn messages_that_nobody_pauses_or_coalesces_begin_in_the_order_they_came(
        steps in steps(),
    ) {
        let mut house = House::default();
        for step in steps {
            match step {
                Step::Offer(sender, priority, _) if house.offers.len() < 16 => {
                    house.step(Step::Offer(sender, priority, None));
                }
                Step::Offer(..) | Step::Pause(_) => {}
                other => house.step(other),
            }
        }
        house.drain();
        for priority in [Priority::Important, Priority::Message] {
            let begun = house.begun.iter().filter(|n| house.offers[n].priority == priority);
            let begun: Vec<u64> = begun.copied().collect();
            prop_assert!(begun.is_sorted(), "{:?}: {:?}", priority, begun);
        }
    }

    #[test]
    fn no_more_wait_than_may(steps in steps()) {
        let limits = AnnouncementLimits { of_sender: 3, in_all: 5 };
        let mut rules = Announcements::new(limits);
        for (n, step) in steps.into_iter().enumerate() {
            match step {
                Step::Offer(sender, priority, key) => {
                    let key = key.map(|k| k.to_string());
                    let sender = sender.to_string();
                    let new = offer(n as u64, &sender, Priority::ALL[priority], key.as_deref());
                    let _ = rules.offer(new);
                }
                Step::Pause(n) => drop(rules.pause(UtteranceId(n))),
                Step::Resume(n) => drop(rules.resume(UtteranceId(n))),
                _ => {
                    if let Some(id) = rules.sounding() {
                        rules.ended(id);
                    }
                }
            }
            prop_assert!(rules.waiting.len() + usize::from(rules.sounding.is_some()) <= 5);
        }
    }
}
