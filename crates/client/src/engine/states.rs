//! What has become of the messages of one log. States come with pages, and are carried on by the events
//! that change them, in the order of their places; an event that is in a state already changes
//! nothing, so that pages and events may cross on the way. What is deleted is erased here, too.

use std::collections::{BTreeMap, BTreeSet};

use zas_protocol::{Event, EventBody, MessageState, Seq, UserId};

/// The events held of a log.
type Held = BTreeMap<Seq, Event>;

#[derive(Debug, Clone)]
pub(super) struct States(BTreeMap<Seq, MessageState>);

impl States {
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// What the message at that place is now, where it has changed.
    pub(super) fn get(&self, of: Seq) -> Option<&MessageState> {
        self.0.get(&of)
    }

    pub(super) fn forget(&mut self, of: Seq) {
        self.0.remove(&of);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// An event that changes a message was added behind all others.
    pub(super) fn appended(&mut self, me: UserId, change: &Event, events: &mut Held) {
        self.apply(me, change, events);
        self.erase(change.body.changes().into_iter().collect(), events);
    }

    /// A page was added, with the states of its messages. What follows may have changed them since the page
    /// was read.
    pub(super) fn page(&mut self, me: UserId, states: &[MessageState], events: &mut Held) {
        for state in states {
            let older = self.get(state.of).is_none_or(|held| held.rev < state.rev);
            if older && events.contains_key(&state.of) {
                self.0.insert(state.of, state.clone());
            }
        }
        let changes: Vec<Event> =
            events.values().filter(|event| event.body.changes().is_some()).cloned().collect();
        let mut places: BTreeSet<Seq> = states.iter().map(|state| state.of).collect();
        for change in &changes {
            self.apply(me, change, events);
            places.extend(change.body.changes());
        }
        self.erase(places, events);
    }

    fn apply(&mut self, me: UserId, change: &Event, events: &Held) {
        let Some(event) = change.body.changes().and_then(|of| events.get(&of)) else { return };
        let Some(unchanged) = MessageState::unchanged(event) else { return };
        self.0.entry(event.seq).or_insert(unchanged).apply(change, me);
    }

    /// Erases those of these messages that are deleted, and what they said meanwhile.
    fn erase(&self, mut places: BTreeSet<Seq>, events: &mut Held) {
        places.retain(|&of| self.get(of).is_some_and(|state| state.deleted_at.is_some()));
        if places.is_empty() {
            return;
        }
        for event in events.values_mut() {
            let of = match event.body {
                EventBody::Message { erased: false, .. } => event.seq,
                EventBody::MessageEdited { of, erased: false, .. } => of,
                _ => continue,
            };
            if places.contains(&of) {
                event.body = event.body.erased();
            }
        }
    }
}
