//! Frames as bytes. Each is encoded once and its bytes are shared by all who hear it.

use bytes::Bytes;
use zas_protocol::{Event, ServerFrame};

/// A frame on the wire.
#[must_use]
pub fn frame(frame: &ServerFrame) -> Bytes {
    // Maps have string keys and every number is finite: there is nothing that JSON cannot say.
    serde_json::to_vec(frame).map(Bytes::from).expect("a frame is always JSON")
}

/// The frame of an event.
#[must_use]
pub fn event(event: &Event) -> Bytes {
    frame(&ServerFrame::Event(event.clone()))
}
