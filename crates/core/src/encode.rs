//! Frames as bytes. Each is encoded once and its bytes are shared by all who hear it.

use bytes::Bytes;
use serde::Serialize;
use zas_protocol::{Event, ServerFrame};

/// Most frames have no more bytes than this.
const USUAL: usize = 384;

/// A frame on the wire.
#[must_use]
pub fn frame(frame: &ServerFrame) -> Bytes {
    encode(frame)
}

/// The frame of an event, without a copy of it: the same as [`ServerFrame::Event`].
#[must_use]
pub fn event(event: &Event) -> Bytes {
    #[derive(Serialize)]
    #[serde(tag = "type", rename_all = "snake_case")]
    enum Borrowed<'a> {
        Event(&'a Event),
    }
    encode(&Borrowed::Event(event))
}

fn encode(frame: &impl Serialize) -> Bytes {
    let mut json = Vec::with_capacity(USUAL);
    // Maps have string keys and every number is finite: there is nothing that JSON cannot say.
    serde_json::to_writer(&mut json, frame).expect("a frame is always JSON");
    json.into()
}

#[cfg(test)]
mod tests {
    use zas_protocol::{EventBody, MessageId, RoomId, TxnId, UserId};

    use super::*;

    #[test]
    fn an_event_is_the_frame_of_it() {
        let one = Event {
            room: RoomId::mint(1, [1; 10]),
            seq: 7,
            at: 1_000_000,
            sender: Some(UserId::mint(1, [2; 10])),
            txn_id: Some(TxnId::mint(1, [3; 10])),
            body: EventBody::text(MessageId::mint(1, [4; 10]), "\"¿Sí?\"\n".to_owned()),
        };
        assert_eq!(event(&one), frame(&ServerFrame::Event(one.clone())));
    }
}
