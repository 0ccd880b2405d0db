//! `POST /v1/commands`: a change, over HTTP, with the same `txn_id` as over a socket.

use axum::Json;
use axum::extract::State;
use zas_protocol::{Ack, Command, ErrorBody};

use crate::app::App;
use crate::auth::extract::Authed;
use crate::committer::Outcome;
use crate::error::ApiError;
use crate::json::JsonBody;

/// Stores a command; answers once it is durable. Sending it again, here or on a socket, answers
/// the same.
#[utoipa::path(post, path = "/v1/commands", tag = "commands", request_body = Command,
    responses((status = 200, body = Ack), (status = 409, body = ErrorBody), (status = 429, body = ErrorBody)))]
pub async fn commands(
    State(app): State<App>,
    Authed(identity): Authed,
    JsonBody(command): JsonBody<Command>,
) -> Result<Json<Ack>, ApiError> {
    app.polls.sent(identity.device, command.txn_id());
    match app.committer.execute(identity.user, command).await {
        Outcome::Stored(ack) => Ok(Json(ack)),
        Outcome::Refused(nack) => Err(ApiError {
            code: nack.code,
            retry_after: nack.retry_after_ms.map(std::time::Duration::from_millis),
            first: nack.first,
            detail: None,
        }),
    }
}
