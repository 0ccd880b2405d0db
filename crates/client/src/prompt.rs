//! What `zas send` and `zas tail` do.

use std::collections::BTreeMap;
use std::io::Write;

use zas_protocol::rest::User;
use zas_protocol::{Ack, Event, EventBody, Micros, RoomId, UserId};

use crate::client::{Client, Options};
use crate::driver::Happening;
use crate::driver::http::Error;
use crate::engine::Status;

/// Which server, and who signs in.
#[derive(Debug, Clone)]
pub struct Account {
    /// The server, e.g. `https://chat.example.com`.
    pub url: String,
    /// How.
    pub credentials: Credentials,
}

/// How somebody signs in.
#[derive(Clone)]
pub enum Credentials {
    /// With a username or email, and a password.
    Password {
        /// The username or email.
        login: String,
        /// The password.
        password: String,
    },
    /// With an access token.
    Token(String),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(hidden)")
    }
}

impl Account {
    async fn client(&self) -> Result<Client, Error> {
        match &self.credentials {
            Credentials::Password { login, password } => Client::sign_in(&self.url, login, password).await,
            Credentials::Token(token) => {
                Client::with_access_token(&self.url, token, Options::default()).await
            }
        }
    }
}

/// Sends `text` to a room's id or an `@username`; returns once it is stored.
///
/// # Errors
/// [`Error::Refused`] when it is finally refused; [`Error::Invalid`] when `to` is neither.
pub async fn send(account: &Account, to: &str, text: &str) -> Result<Ack, Error> {
    let client = account.client().await?;
    let room = find(&client, to).await?;
    let ack = client.send(room, text).await?.await;
    client.close().await?;
    ack
}

/// Prints each message as it comes, one a line (control characters as spaces): time, sender, text; and so
/// each edit with its new text, and each deletion. What a message carries stands before its text. Of
/// one room (an id or an `@username`) or of all. Reconnects for ever; ends when writing fails, or the
/// session does.
///
/// # Errors
/// As [`send`]; [`Error::Closed`] at its end.
pub async fn tail(account: &Account, room: Option<&str>, out: &mut (dyn Write + Send)) -> Result<(), Error> {
    let client = account.client().await?;
    let mut happenings = client.happenings().await?;
    let only = match room {
        Some(room) => Some(find(&client, room).await?),
        None => None,
    };
    let people = client.first_state().users.iter();
    let mut people: BTreeMap<UserId, User> = people.map(|user| (user.id, user.clone())).collect();
    while let Some(happening) = happenings.recv().await {
        if let Happening::Status(Status::NeedsAuth | Status::Closed(_)) = happening {
            return Err(Error::Closed("the session has ended"));
        }
        let Happening::Event(Event { room, at, sender: Some(sender), body, .. }) = happening else {
            continue;
        };
        let Some(said) = said(&body) else { continue };
        if only.is_some_and(|only| only != room) {
            continue;
        }
        if !people.contains_key(&sender) {
            people.extend(client.user(sender).await.ok().map(|user| (sender, user)));
        }
        let name = people.get(&sender).map_or_else(|| sender.to_string(), |user| user.username.clone());
        if writeln!(out, "{} {name} {}", utc(at), one_line(&said)).and_then(|()| out.flush()).is_err() {
            break;
        }
    }
    Err(Error::Closed("nobody listens any more"))
}

async fn find(client: &Client, to: &str) -> Result<RoomId, Error> {
    if let Some(username) = to.strip_prefix('@') {
        let user = client.user_named(username).await?;
        return client.open_private(user.id).await;
    }
    to.parse().map_err(|_| Error::Invalid(format!("neither a room's id nor an @username: {to}")))
}

/// What an event says in a conversation, in one line; `None` for one that says nothing.
fn said(body: &EventBody) -> Option<String> {
    match body {
        EventBody::Message { erased: true, .. } | EventBody::MessageDeleted { .. } => {
            Some("[deleted a message]".to_owned())
        }
        EventBody::Message { text, attachment: Some(file), .. } => {
            Some(format!("[{}] {text}", file.name).trim_end().to_owned())
        }
        EventBody::Message { text, .. } => Some(text.clone()),
        EventBody::MessageEdited { text, erased: false, .. } => Some(format!("[edited] {text}")),
        _ => None,
    }
}

/// A text as it may be shown in a terminal: what others wrote must not move its cursor, colour it, or
/// pass for a line of its own.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// `2026-11-25T04:49:08Z`; the calendar by Howard Hinnant's `civil_from_days`.
fn utc(at: Micros) -> String {
    let seconds = at.div_euclid(1_000_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_as_utc() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_400_000_000), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_795_582_148_999_999), "2026-11-25T04:49:08Z");
        assert_eq!(utc(-1), "1969-12-31T23:59:59Z");
    }

    #[test]
    fn a_text_cannot_command_the_terminal() {
        assert_eq!(one_line("a\nb\u{1b}[2Jc\u{9b}d ñ🙂"), "a b [2Jc d ñ🙂");
    }

    #[test]
    fn what_becomes_of_messages_is_said_too() {
        let message = zas_protocol::MessageId(uuid::Uuid::from_u128(1));
        let sent = EventBody::text(message, "a".to_owned());
        let edit = |erased| EventBody::MessageEdited { message, of: 1, text: "b".to_owned(), erased };
        assert_eq!(said(&sent).as_deref(), Some("a"));
        assert_eq!(said(&sent.erased()).as_deref(), Some("[deleted a message]"));
        assert_eq!(said(&edit(false)).as_deref(), Some("[edited] b"));
        assert_eq!(said(&edit(true)), None);
        let reacted = EventBody::ReactionChanged { message, of: 1, reaction: None, was: None };
        assert_eq!(said(&reacted), None);
    }

    #[test]
    fn credentials_are_never_printed() {
        let account = Account { url: "http://a".into(), credentials: Credentials::Token("secret".into()) };
        assert!(!format!("{account:?}").contains("secret"));
    }
}
