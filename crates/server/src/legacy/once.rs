//! One release of the old client sends each message by socket and by POST, moments apart, with no
//! `txn_id`. The same device's same text to the same chat over the two different transports
//! within two seconds is therefore one message: the second is given the first one's name, and the
//! unique index does the rest. Only this module guesses; the native API never does.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use zas_protocol::{DeviceId, Micros, RoomId, TxnId};

use crate::clock;

/// How far apart the two may be, in microseconds.
const WINDOW: Micros = 2_000_000;
/// Sends that are remembered; beyond it those over the window are swept, then none is added.
const REMEMBERED: usize = 10_000;

/// The way a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Socket,
    Post,
}

#[derive(Debug)]
struct Sent {
    by: Transport,
    at: Micros,
    txn_id: TxnId,
}

/// What devices have just sent without a name.
#[derive(Debug, Default)]
pub struct Once(Mutex<HashMap<(DeviceId, RoomId, String), Sent>>);

impl Once {
    /// The name for a message that came without one.
    pub(super) fn name(
        &self,
        now: Micros,
        device: DeviceId,
        room: RoomId,
        text: &str,
        by: Transport,
    ) -> TxnId {
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (device, room, text.trim().to_owned());
        if let Some(first) = sent.get(&key)
            && first.by != by
            && (0..=WINDOW).contains(&(now - first.at))
            && let Some(first) = sent.remove(&key)
        {
            return first.txn_id;
        }
        let txn_id = TxnId::mint(now, clock::random());
        if sent.len() >= REMEMBERED {
            sent.retain(|_, first| (0..=WINDOW).contains(&(now - first.at)));
        }
        if sent.len() < REMEMBERED {
            sent.insert(key, Sent { by, at: now, txn_id: txn_id.clone() });
        }
        txn_id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_on_the_other_transport_within_two_seconds_is_the_same_message_once() {
        let once = Once::default();
        let (device, room) = (DeviceId::mint(0, [1; 10]), RoomId::mint(0, [2; 10]));
        let name = |now, device, text: &str, by| once.name(now, device, room, text, by);
        let first = name(0, device, "hola", Transport::Socket);
        assert_eq!(name(WINDOW, device, " hola ", Transport::Post), first);
        assert_ne!(name(WINDOW, device, "hola", Transport::Post), first, "a pair is two, not three");

        let first = name(10 * WINDOW, device, "hola", Transport::Socket);
        assert_ne!(name(10 * WINDOW + 1, device, "hola", Transport::Socket), first, "said twice on purpose");
        let first = name(20 * WINDOW, device, "hola", Transport::Socket);
        assert_ne!(name(21 * WINDOW + 1, device, "hola", Transport::Post), first, "too late");
        let first = name(30 * WINDOW, device, "hola", Transport::Socket);
        let other = DeviceId::mint(0, [9; 10]);
        assert_ne!(name(30 * WINDOW, other, "hola", Transport::Post), first, "another device");
    }
}
