//! A socket's address may be written down by whatever is on its way, so that it need not hold a token: who has
//! one gets a ticket for it, which is good for one socket, once, and soon for none.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use zas_protocol::{ErrorCode, Micros};

use super::answer::{Caller, Refused};
use crate::app::App;
use crate::auth::extract::bearer;
use crate::auth::keys::Key;
use crate::clock;

/// For how long a ticket is good, in microseconds.
const GOOD_FOR: Micros = 30_000_000;
/// Tickets that are out at once; beyond it those that are over are swept, then none is given.
const TICKETS: usize = 10_000;

/// Tickets that are out.
#[derive(Debug, Default)]
pub struct Tickets(Mutex<HashMap<String, Ticket>>);

struct Ticket {
    token: String,
    until: Micros,
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket").field("until", &self.until).finish_non_exhaustive()
    }
}

impl Tickets {
    /// A ticket in place of a token; `None` when too many are out.
    fn issue(&self, token: &str, now: Micros) -> Option<String> {
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tickets.len() >= TICKETS {
            tickets.retain(|_, ticket| now < ticket.until);
        }
        if tickets.len() >= TICKETS {
            return None;
        }
        let id: String = Key::random().to_base64().chars().filter(char::is_ascii_alphanumeric).collect();
        tickets.insert(id.clone(), Ticket { token: token.to_owned(), until: now + GOOD_FOR });
        Some(id)
    }

    /// The token that a ticket stands for, once.
    pub(super) fn redeem(&self, id: &str, now: Micros) -> Option<String> {
        let ticket = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id)?;
        (now < ticket.until).then_some(ticket.token)
    }
}

/// A ticket for one socket.
pub(super) async fn ticket(
    State(app): State<App>,
    Caller(_, _): Caller,
    headers: http::HeaderMap,
) -> Result<Json<Value>, Refused> {
    let token = bearer(&headers).ok_or(ErrorCode::Unauthenticated)?;
    let ticket = app.tickets.issue(token, clock::steady()).ok_or(ErrorCode::Overloaded)?;
    Ok(Json(json!({ "ticket": ticket, "expires_in": GOOD_FOR / 1_000_000 })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_once_and_soon_for_nothing() {
        let tickets = Tickets::default();
        let (first, second) = (tickets.issue("a", 0).unwrap(), tickets.issue("b", 0).unwrap());
        assert!(first != second && first.len() > 30);
        assert_eq!(tickets.redeem(&first, GOOD_FOR - 1), Some("a".to_owned()));
        assert_eq!(tickets.redeem(&first, 0), None, "once");
        assert_eq!(tickets.redeem(&second, GOOD_FOR), None, "too late");
        assert_eq!(tickets.redeem("nada", 0), None);
    }

    #[test]
    fn so_many_tickets_are_out_and_no_more() {
        let tickets = Tickets::default();
        for _ in 0..TICKETS {
            assert!(tickets.issue("a", 0).is_some());
        }
        assert_eq!(tickets.issue("a", GOOD_FOR - 1), None);
        assert!(tickets.issue("a", GOOD_FOR).is_some(), "those that are over make room");
    }

    #[test]
    fn a_ticket_never_shows_its_token() {
        let tickets = Tickets::default();
        tickets.issue("secreto", 0);
        assert!(!format!("{tickets:?}").contains("secreto"));
    }
}
