//! How an event's body is stored: JSON, the same on every engine. A message's id and kind have
//! columns of their own, so its JSON holds the rest, and the commonest body is read without
//! looking for a tag.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use zas_protocol::{Attachment, EventBody, MessageId, MessageLabel, ReplyTo};

use crate::error::StoreError;

#[derive(Serialize, Deserialize)]
struct MessageBody<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_to: Option<ReplyTo>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attachment: Option<Cow<'a, Attachment>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<MessageLabel>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    erased: bool,
}

/// The stored form.
pub(crate) fn encode(body: &EventBody) -> String {
    let json = match body {
        EventBody::Message { text, reply_to, attachment, label, erased, .. } => {
            let attachment = attachment.as_deref().map(Cow::Borrowed);
            let (text, reply_to, label, erased) = (text.into(), *reply_to, *label, *erased);
            serde_json::to_string(&MessageBody { text, reply_to, attachment, label, erased })
        }
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
            let MessageBody { text, reply_to, attachment, label, erased } = body;
            let attachment = attachment.map(|attachment| Box::new(attachment.into_owned()));
            Ok(EventBody::Message { message, text: text.into_owned(), reply_to, attachment, label, erased })
        }
        _ => serde_json::from_str(json).map_err(unreadable),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use zas_protocol::{FileId, Media, Role, UserId};

    use super::*;

    #[test]
    fn what_is_stored_reads_back_the_same() {
        let message = MessageId(Uuid::from_u128(7));
        for body in [
            EventBody::text(message, "\"a\"\n𝄞👩‍👩‍👧‍👦\\u0000".to_owned()),
            EventBody::Message {
                message,
                text: String::new(),
                reply_to: Some(ReplyTo { message, of: 3 }),
                attachment: Some(Box::new(Attachment {
                    file: FileId(Uuid::from_u128(9)),
                    name: "ñ \"1\".png".to_owned(),
                    media: Media::Image,
                    media_type: "image/png".to_owned(),
                    bytes: 7,
                    width: 1,
                    height: 2,
                })),
                label: Some(MessageLabel::Emoji),
                erased: false,
            },
            EventBody::text(message, "a".to_owned()).erased(),
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
