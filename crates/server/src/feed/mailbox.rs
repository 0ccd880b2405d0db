//! What waits for one connection. The hub puts in and never waits; the connection's task takes
//! out. A full mailbox keeps no more events: it remembers which rooms fell behind, and the
//! session reads those from the store as its reader allows.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;
use zas_core::hub::Delivery;
use zas_protocol::{CloseCode, RoomId};

use crate::committer::Outcome;

/// Something for a connection.
#[derive(Debug)]
pub enum Item {
    /// From the hub.
    Delivery(Delivery),
    /// Events of this room were left out.
    Dirty(RoomId),
    /// State frames (typing, positions, presence) were left out.
    StateLost,
    /// A command's outcome.
    Outcome(Outcome),
    /// The server stops; reconnect after this many milliseconds.
    Drain(u64),
    /// The connection ends.
    Close(CloseCode),
}

/// The most frames and bytes that may wait (`limits.queue_*`).
#[derive(Debug, Clone, Copy)]
pub struct Capacity {
    /// Frames.
    pub frames: usize,
    /// Bytes.
    pub bytes: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    items: VecDeque<Item>,
    bytes: usize,
    dirty: Vec<RoomId>,
    state_lost: bool,
}

/// One connection's mailbox.
#[derive(Debug)]
pub struct Mailbox {
    capacity: Capacity,
    waiting: Mutex<Waiting>,
    filled: Notify,
}

impl Mailbox {
    /// An empty one.
    #[must_use]
    pub fn new(capacity: Capacity) -> Self {
        Self { capacity, waiting: Mutex::default(), filled: Notify::new() }
    }

    /// Puts in what the hub delivers. Returns whether there was room; if not, the room is dirty.
    pub fn deliver(&self, delivery: &Delivery) -> bool {
        let size = weight(delivery);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let full = waiting.items.len() >= self.capacity.frames || waiting.bytes + size > self.capacity.bytes;
        // A room that has lost one event stays dirty: what follows would only be a gap.
        match delivery {
            Delivery::Event { room, .. } if full || waiting.dirty.contains(room) => {
                if !waiting.dirty.contains(room) {
                    waiting.dirty.push(*room);
                }
            }
            Delivery::State(_) if full => waiting.state_lost = true,
            _ => {
                waiting.bytes += size;
                waiting.items.push_back(Item::Delivery(delivery.clone()));
            }
        }
        drop(waiting);
        self.filled.notify_one();
        !full
    }

    /// Puts in what may not be left out: at most one per command in flight, and one end.
    pub fn push(&self, item: Item) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).items.push_back(item);
        self.filled.notify_one();
    }

    /// Waits until there is something, and takes all of it.
    pub async fn take(&self) -> Vec<Item> {
        loop {
            let filled = self.filled.notified();
            let items = self.try_take();
            if !items.is_empty() {
                return items;
            }
            filled.await;
        }
    }

    /// Takes what there is.
    #[must_use]
    pub fn try_take(&self) -> Vec<Item> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.bytes = 0;
        let mut items: Vec<Item> = std::mem::take(&mut waiting.items).into();
        items.extend(std::mem::take(&mut waiting.dirty).into_iter().map(Item::Dirty));
        if std::mem::take(&mut waiting.state_lost) {
            items.push(Item::StateLost);
        }
        items
    }
}

fn weight(delivery: &Delivery) -> usize {
    let bytes: &Bytes = match delivery {
        Delivery::Event { bytes, .. } | Delivery::State(bytes) => bytes,
        Delivery::Follow { .. } | Delivery::Unfollow { .. } => return 0,
    };
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(room: RoomId, seq: u64) -> Delivery {
        Delivery::Event { room, seq, bytes: Bytes::from_static(&[b'x'; 10]) }
    }

    #[test]
    fn a_full_mailbox_remembers_the_room_once_and_keeps_the_rest() {
        let (a, b) = (RoomId(uuid::Uuid::from_u128(1)), RoomId(uuid::Uuid::from_u128(2)));
        let mailbox = Mailbox::new(Capacity { frames: 2, bytes: 1_000 });
        assert!(mailbox.deliver(&event(a, 1)));
        assert!(mailbox.deliver(&event(a, 2)));
        assert!(!mailbox.deliver(&event(b, 1)));
        assert!(!mailbox.deliver(&event(b, 2)));
        mailbox.push(Item::Drain(5));
        let items = mailbox.try_take();
        assert_eq!(items.len(), 4);
        assert!(matches!(items[3], Item::Dirty(room) if room == b));
        assert!(mailbox.try_take().is_empty());
    }

    #[test]
    fn bytes_count_as_well_as_frames_and_lost_state_is_said() {
        let room = RoomId(uuid::Uuid::from_u128(1));
        let mailbox = Mailbox::new(Capacity { frames: 100, bytes: 15 });
        assert!(mailbox.deliver(&event(room, 1)));
        assert!(!mailbox.deliver(&event(room, 2)));
        assert!(!mailbox.deliver(&Delivery::State(Bytes::from_static(b"0123456789"))));
        let items = mailbox.try_take();
        assert!(matches!(items[1], Item::Dirty(_)));
        assert!(matches!(items[2], Item::StateLost));
    }
}
