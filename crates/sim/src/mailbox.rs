//! What waits for one connection, as the server keeps it: a full one holds no more events, it
//! remembers which rooms fell behind.

use std::collections::VecDeque;

use zas_core::hub::Delivery;
use zas_protocol::{Ack, CloseCode, Nack, RoomId};

/// Something for a connection.
#[derive(Debug, Clone)]
pub enum Item {
    /// From the hub.
    Delivery(Delivery),
    /// Events of this room were left out.
    Dirty(RoomId),
    /// Some state was left out.
    StateLost,
    /// A command's outcome.
    Outcome(Result<Ack, Nack>),
    /// The node stops; come back after so many milliseconds.
    Drain(u64),
    /// The connection ends.
    Close(CloseCode),
}

/// The mailbox.
#[derive(Debug, Default)]
pub struct Mailbox {
    items: VecDeque<Item>,
    dirty: Vec<RoomId>,
    state_lost: bool,
}

impl Mailbox {
    /// Puts in what the hub delivers; whether there was room.
    pub fn deliver(&mut self, delivery: &Delivery, capacity: usize, forgetful: bool) -> bool {
        let full = self.items.len() >= capacity;
        match delivery {
            Delivery::Event { room, .. } if full || self.dirty.contains(room) => {
                if !self.dirty.contains(room) && !forgetful {
                    self.dirty.push(*room);
                }
            }
            Delivery::State(_) if full => self.state_lost = true,
            _ => self.items.push_back(Item::Delivery(delivery.clone())),
        }
        !full
    }

    /// Puts in what may not be left out.
    pub fn push(&mut self, item: Item) {
        self.items.push_back(item);
    }

    /// Takes all there is.
    pub fn take(&mut self) -> Vec<Item> {
        let mut items: Vec<Item> = std::mem::take(&mut self.items).into();
        items.extend(std::mem::take(&mut self.dirty).into_iter().map(Item::Dirty));
        if std::mem::take(&mut self.state_lost) {
            items.push(Item::StateLost);
        }
        items
    }
}
