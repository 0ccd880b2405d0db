//! The server-side API: what another backend, which holds a key, does for its people and their rooms.
//!
//! It is no second way to the rules: each thing is a command through the same committer and the same policy.
//! What a room's owner may do is done by the server's own account, [`policy::SERVER`], which stands in every
//! shared room as its owner does; what concerns one person alone is done in that person's name.

pub mod rooms;
pub mod users;

use zas_core::{policy, shape};
use zas_protocol::server_api::Whom;
use zas_protocol::{Ack, Command, ErrorCode, TxnId, UserId};
use zas_store::NewIdentity;

use crate::app::App;
use crate::auth::foreign::Foreign;
use crate::clock;
use crate::committer::Outcome;
use crate::error::ApiError;

/// Where the server's own account is found; no issuer of the settings may be called so.
const OURS: &str = "zas";

/// Who is meant.
///
/// # Errors
/// [`ErrorCode::BadRequest`] where that is said in no way or in two; [`ErrorCode::NotFound`].
async fn find(app: &App, whom: &Whom) -> Result<UserId, ApiError> {
    match (whom.id, &whom.issuer, &whom.subject) {
        (Some(id), None, None) => {
            let found = app.store.account_state(id).await?.filter(|_| id != policy::SERVER);
            found.map(|_| id).ok_or_else(|| ErrorCode::NotFound.into())
        }
        (None, Some(issuer), Some(subject)) => {
            let subject = Foreign::subject(subject).ok_or(ErrorCode::BadRequest)?;
            let found = app.store.identity(issuer, &subject).await?;
            found
                .filter(|found| found.user != policy::SERVER)
                .map(|found| found.user)
                .ok_or_else(|| ErrorCode::NotFound.into())
        }
        _ => Err(ErrorCode::BadRequest.into()),
    }
}

/// Has a command carried out in somebody's name.
///
/// # Errors
/// Why it is refused; a conflict with what it conflicts with.
async fn order(app: &App, user: UserId, command: Command) -> Result<Ack, ApiError> {
    match app.committer.execute_for_server(user, command).await {
        Outcome::Stored(ack) => Ok(ack),
        Outcome::Refused(nack) => Err(ApiError {
            code: nack.code,
            retry_after: nack.retry_after_ms.map(std::time::Duration::from_millis),
            first: nack.first,
            detail: None,
        }),
    }
}

/// A name for a command whose repetition is harmless by itself.
fn mint() -> TxnId {
    TxnId::mint(clock::now(), clock::random())
}

/// The server's own account, made when it first acts.
async fn server_account(app: &App) -> Result<UserId, ApiError> {
    if app.store.account_state(policy::SERVER).await?.is_none() {
        let drawn = format!("system_{}", u32::from_be_bytes(clock::random()));
        let names = ["system".to_owned(), "zas_system".to_owned(), drawn];
        let new = NewIdentity {
            issuer: OURS.to_owned(),
            subject: "server".to_owned(),
            id: policy::SERVER,
            usernames: names.into_iter().map(|name| (name.clone(), shape::skeleton(&name))).collect(),
            email: String::new(),
            display_name: String::new(),
            at: clock::now(),
        };
        app.store.create_identity(new).await.map_err(|error| ApiError::from(error.code()))?;
    }
    Ok(policy::SERVER)
}
