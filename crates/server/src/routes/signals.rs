//! `POST /v1/signals`: typing and positions of a client without a socket.

use axum::extract::State;
use http::StatusCode;
use zas_core::policy::{self, Action, Standing};
use zas_protocol::rest::Signals;
use zas_protocol::{ErrorCode, RoomId, Seq, Signal, UserId};

use crate::app::App;
use crate::auth::extract::Authed;
use crate::clock;
use crate::error::ApiError;
use crate::json::JsonBody;

/// How many signals one request may carry.
const SIGNALS: usize = 32;

/// Says in passing. What one may not say is dropped without a word, as on a socket.
#[utoipa::path(post, path = "/v1/signals", tag = "feed", request_body = Signals, responses((status = 204)))]
pub async fn signals(
    State(app): State<App>,
    Authed(identity): Authed,
    JsonBody(body): JsonBody<Signals>,
) -> Result<StatusCode, ApiError> {
    say(&app, identity.user, body.signals).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Passes on what a member may say; positions never exceed the room's head.
///
/// # Errors
/// [`ErrorCode::BadRequest`] for more than one request may carry; a store that cannot be read.
pub async fn say(app: &App, user: UserId, signals: Vec<Signal>) -> Result<(), ApiError> {
    if signals.len() > SIGNALS {
        return Err(ErrorCode::BadRequest.into());
    }
    for signal in signals {
        match signal {
            Signal::Typing { room, on } => {
                if app.gate.signal(user, clock::steady()) && speaks(app, user, room).await?.is_some() {
                    app.hub.typing(user, room, on);
                }
            }
            Signal::Positions { advances } => {
                for advance in advances.into_iter().take(SIGNALS) {
                    if !app.gate.signal(user, clock::steady()) {
                        continue;
                    }
                    if let Some(head) = speaks(app, user, advance.room).await? {
                        let (delivered, read) = (advance.delivered.min(head), advance.read.min(head));
                        app.hub.advance(user, advance.room, delivered, read);
                    }
                }
            }
        }
    }
    Ok(())
}

/// The last place of a room that a person may speak in; none for every other.
async fn speaks(app: &App, user: UserId, room: RoomId) -> Result<Option<Seq>, ApiError> {
    let Some(member) = app.store.member(room, user).await? else { return Ok(None) };
    let standing = Standing { active: true, room: Some(member.kind), role: Some(member.role) };
    Ok(policy::decide(Action::Write, standing).is_ok().then_some(member.head))
}
