//! The old contract: paths, fields and words that an existing client of a slow chat speaks, over
//! the same accounts, committer, hub and store as everything else. Its names (chat, participant,
//! `chat_room`) live in this module alone, and no rule does: what may be done is the policy's to
//! say, what is stored the ledger's.
//!
//! | module | what |
//! |---|---|
//! | [`answer`] | its three shapes of a refusal, in Spanish and English |
//! | [`shapes`] | its objects: user, chat, message |
//! | `said` | a message, with all that it is shown with |
//! | `accounts`, `people`, `chats`, `messages`, `changes` | its paths |
//! | `socket`, [`ticket`] | its socket, one for each chat; a ticket for it in place of a token |
//! | `once` | the client that sends by socket and by POST |
//!
//! To add a path: a handler in its module, its line in [`signed_in`] (or beside it), its row in
//! `docs/reference/old-contract.md`, in `tests/legacy` and in the access matrix (`tests/access`).

mod accounts;
mod answer;
mod changes;
mod chats;
mod messages;
mod new_chat;
pub mod once;
mod people;
mod said;
mod shapes;
mod socket;
pub mod ticket;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::any;
use zas_protocol::limits::{ANONYMOUS_BODY_BYTES, BODY_BYTES};
use zas_protocol::{ErrorCode, Limits};

use crate::app::App;
use crate::listed::{Listed, listed};
use answer::Refused;

/// What is answered here when the existing backend stands behind (`upstream`), each with all that is
/// below: it keeps the accounts, and the rest of what it has.
pub const BESIDE: [&str; 3] = ["/api/messaging", "/api/users/chat", "/ws/chat"];

/// The paths of who is not signed in yet.
fn anonymous() -> [Listed; 4] {
    [
        listed!("/api/auth/register", post accounts::register),
        listed!("/api/auth/login", post accounts::login),
        listed!("/api/auth/refresh", post accounts::refresh),
        listed!("/api/auth/logout", post accounts::logout),
    ]
}

/// What may come as a form with a picture in it.
fn uploads() -> [Listed; 2] {
    [
        listed!("/api/auth/upload-avatar", post accounts::upload_avatar),
        listed!("/api/messaging/chats", post new_chat::create),
    ]
}

/// What may come as a form with a file in it.
fn media() -> [Listed; 2] {
    [
        listed!("/api/messaging/chats/{chat}/messages", post messages::send),
        listed!("/api/messaging/chats/{chat}/send_message", post messages::send),
    ]
}

fn signed_in() -> [Listed; 19] {
    [
        listed!("/api/auth/verify", get accounts::verify),
        listed!("/api/auth/profile", get accounts::profile, patch accounts::change_profile),
        listed!("/api/auth/change-password", post accounts::change_password),
        listed!("/api/users/search", get people::search),
        listed!("/api/users/friends", get people::friends),
        listed!("/api/users/profile/{username}", get people::profile),
        listed!("/api/users/chat/{username}", post people::open_chat),
        listed!("/api/messaging/chats", get chats::list),
        listed!("/api/messaging/chats/{chat}", get chats::one),
        listed!("/api/messaging/chats/{chat}/messages", get messages::list),
        listed!(
            "/api/messaging/chats/{chat}/messages/{message}",
            patch changes::edit,
            delete changes::delete
        ),
        listed!("/api/messaging/chats/{chat}/messages/{message}/react", post changes::react),
        listed!("/api/messaging/chats/{chat}/mark_as_read", post messages::mark_as_read),
        listed!("/api/messaging/chats/{chat}/settings", patch chats::settings),
        listed!("/api/messaging/chats/{chat}/chat-settings", patch chats::settings),
        listed!("/api/messaging/chats/{chat}/add_participant", post chats::add_participant),
        listed!("/api/messaging/chats/{chat}/leave", post chats::leave),
        listed!("/api/messaging/ws-ticket", post ticket::ticket),
        listed!("/ws/chat/{chat}", get socket::socket),
    ]
}

/// Every route of the old contract, as `METHOD /path`.
pub fn names() -> impl Iterator<Item = String> {
    anonymous().into_iter().chain(uploads()).chain(media()).chain(signed_in()).flat_map(|route| route.names())
}

/// The old contract's paths, each with and without its last slash.
pub fn routes(limits: &Limits) -> Router<App> {
    let upload_bytes = usize::try_from(limits.upload_bytes).unwrap_or(usize::MAX);
    both(signed_in())
        .route("/api/{*rest}", any(nothing))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .merge(both(anonymous()).layer(DefaultBodyLimit::max(ANONYMOUS_BODY_BYTES)))
        // A form around the image: its boundaries and the field's headers, and the fields beside it.
        .merge(both(uploads()).layer(DefaultBodyLimit::max(limits.avatar_bytes + BODY_BYTES)))
        .merge(both(media()).layer(DefaultBodyLimit::max(upload_bytes.saturating_add(BODY_BYTES))))
        .layer(middleware::from_fn(answer::render))
}

fn both<const N: usize>(routes: [Listed; N]) -> Router<App> {
    routes.into_iter().fold(Router::new(), |router, Listed { path, handlers, .. }| {
        router.route(path, handlers.clone()).route(&format!("{path}/"), handlers)
    })
}

async fn nothing() -> Refused {
    ErrorCode::NotFound.into()
}
