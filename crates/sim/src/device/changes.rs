//! What a device does to messages, and whether it shows what became of them.

use zas_client::engine::Timeline;
use zas_protocol::{Command, Event, EventBody, MessageId, Reaction, RoomId};

use super::Device;
use crate::net::Net;
use crate::oracle::{Became, Held, hold};

impl Device {
    /// Its user does something to a message that it holds, `nth` from the end.
    ///
    /// # Errors
    /// What that shows to be wrong.
    pub fn change(&mut self, net: &mut Net, room: RoomId, nth: u64, what: u64) -> Held {
        let Some((message, own)) = self.nth_message(room, nth) else { return Ok(()) };
        let text = format!("edited by {} as {}", self.index, self.written);
        match what {
            0..25 if own => {
                net.seen.note("messages edited");
                self.compose(net, |txn_id| Command::EditMessage { txn_id, room, message, text })
            }
            25..40 if own => {
                net.seen.note("messages deleted");
                self.compose(net, |txn_id| Command::DeleteMessage { txn_id, room, message })
            }
            _ => {
                net.seen.note("reactions");
                let reaction = [None, Some(Reaction::Like), Some(Reaction::Fire)][what as usize % 3];
                self.compose(net, |txn_id| Command::React { txn_id, room, message, reaction })
            }
        }
    }

    /// A message that it holds, `nth` from the end, and whether its user wrote it.
    fn nth_message(&self, room: RoomId, nth: u64) -> Option<(MessageId, bool)> {
        let own = |event: &Event| event.sender == Some(self.user);
        let mut messages = self
            .engine
            .timeline(room)?
            .events()
            .rev()
            .filter_map(|event| Some((event.body.message()?, own(event))));
        messages.nth(usize::try_from(nth).unwrap_or(0))
    }

    /// Whether every message of a log is as the events of the log have made it. What changed while its user
    /// was not in the room is not told them.
    pub(super) fn shows_what_became(&self, net: &Net, room: RoomId, log: &Timeline) -> Held {
        let since = net.oracle.stays(room, self.user).last().map_or(0, |stay| stay.0);
        for event in log.events().filter(|event| event.seq >= since) {
            let of = event.body.changes().unwrap_or(event.seq);
            let became = net.oracle.became(room, of, self.user);
            let whole = match &event.body {
                EventBody::Message { erased, .. } => {
                    let state = log.state(of);
                    let shown = Became {
                        text: state.and_then(|state| state.text.clone()),
                        deleted: *erased,
                        counts: state.map_or_else(Vec::new, |state| state.reactions.clone()),
                        mine: state.and_then(|state| state.mine),
                    };
                    hold(shown == became, || {
                        format!("P7: device {} shows {of} of {room} as {shown:?}: {became:?}", self.index)
                    })?;
                    !erased
                }
                EventBody::MessageEdited { erased, .. } => !erased,
                _ => false,
            };
            hold(!(whole && became.deleted), || {
                format!("P3: device {} holds what {} of {room} said of a deleted one", self.index, event.seq)
            })?;
        }
        Ok(())
    }
}
