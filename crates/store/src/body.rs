//! How an event's body is stored: JSON, the same on every engine. A message's id and kind have
//! columns of their own, so its JSON holds the rest, and the commonest body is read without
//! looking for a tag.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use zas_protocol::{EventBody, MessageId};

use crate::error::StoreError;

#[derive(Serialize, Deserialize)]
struct MessageBody<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
}

/// The stored form.
pub(crate) fn encode(body: &EventBody) -> String {
    let json = match body {
        EventBody::Message { text, .. } => serde_json::to_string(&MessageBody { text: text.into() }),
        other => serde_json::to_string(other),
    };
    json.expect("an event's body is always JSON")
}

/// The body of a stored form.
///
/// # Errors
/// [`StoreError::Corrupt`] for what [`encode`] never wrote.
pub(crate) fn decode(kind: &str, message: Option<MessageId>, json: &str) -> Result<EventBody, StoreError> {
    let unreadable = |_| StoreError::Corrupt(format!("an event of kind {kind} cannot be read"));
    match (kind, message) {
        ("message", Some(message)) => {
            let body: MessageBody<'_> = serde_json::from_str(json).map_err(unreadable)?;
            Ok(EventBody::Message { message, text: body.text.into_owned() })
        }
        _ => serde_json::from_str(json).map_err(unreadable),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use zas_protocol::{Role, UserId};

    use super::*;

    #[test]
    fn what_is_stored_reads_back_the_same() {
        let message = MessageId(Uuid::from_u128(7));
        for body in [
            EventBody::Message { message, text: "\"a\"\n𝄞👩‍👩‍👧‍👦\\u0000".to_owned() },
            EventBody::RoleChanged { user: UserId(Uuid::from_u128(1)), role: Role::Owner },
            EventBody::RoomRenamed { name: "ñ".to_owned() },
        ] {
            let read = decode(body.kind(), body.message(), &encode(&body));
            assert_eq!(read, Ok(body));
        }
    }

    #[test]
    fn what_was_never_stored_is_damage() {
        assert!(matches!(decode("message", None, "{\"text\":\"a\"}"), Err(StoreError::Corrupt(_))));
        assert!(matches!(decode("other", None, "{}"), Err(StoreError::Corrupt(_))));
    }
}
