//! The old contract: paths, fields and words that an existing client of a slow chat speaks, over
//! the same accounts, committer, hub and store as everything else. Its names (chat, participant,
//! `chat_room`) live in this module alone, and no rule does: what may be done is the policy's to
//! say, what is stored the ledger's.
//!
//! | module | what |
//! |---|---|
//! | [`answer`] | its three shapes of a refusal, in Spanish and English |
//! | [`shapes`] | its objects: user, chat, message |
//! | `accounts`, `people`, `chats`, `messages` | its paths |
//! | `socket` | its socket, one for each chat |
//! | `once` | the client that sends by socket and by POST |
//!
//! To add a path: a handler in its module, its line in [`routes`], its row in
//! `docs/reference/old-contract.md` and in `tests/legacy.rs`.

mod accounts;
mod answer;
mod chats;
mod messages;
pub mod once;
mod people;
mod shapes;
mod socket;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{MethodRouter, any, get, patch, post};
use zas_protocol::ErrorCode;
use zas_protocol::limits::{ANONYMOUS_BODY_BYTES, BODY_BYTES};

use crate::app::App;
use answer::Refused;

/// The old contract's paths, each with and without its last slash.
pub fn routes(image_bytes: usize) -> Router<App> {
    let anonymous = [
        ("/api/auth/register", post(accounts::register)),
        ("/api/auth/login", post(accounts::login)),
        ("/api/auth/refresh", post(accounts::refresh)),
        ("/api/auth/logout", post(accounts::logout)),
    ];
    let uploads = [("/api/auth/upload-avatar", post(accounts::upload_avatar))];
    let signed_in = [
        ("/api/auth/verify", get(accounts::verify)),
        ("/api/auth/profile", get(accounts::profile).patch(accounts::change_profile)),
        ("/api/auth/change-password", post(accounts::change_password)),
        ("/api/users/search", get(people::search)),
        ("/api/users/friends", get(people::friends)),
        ("/api/users/profile/{username}", get(people::profile)),
        ("/api/users/chat/{username}", post(people::open_chat)),
        ("/api/messaging/chats", get(chats::list).post(chats::create)),
        ("/api/messaging/chats/{chat}", get(chats::one)),
        ("/api/messaging/chats/{chat}/messages", get(messages::list).post(messages::send)),
        ("/api/messaging/chats/{chat}/send_message", post(messages::send)),
        ("/api/messaging/chats/{chat}/mark_as_read", post(messages::mark_as_read)),
        ("/api/messaging/chats/{chat}/settings", patch(chats::settings)),
        ("/api/messaging/chats/{chat}/chat-settings", patch(chats::settings)),
        ("/api/messaging/chats/{chat}/add_participant", post(chats::add_participant)),
        ("/api/messaging/chats/{chat}/leave", post(chats::leave)),
        ("/ws/chat/{chat}", get(socket::socket)),
    ];
    both(signed_in)
        .route("/api/{*rest}", any(nothing))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .merge(both(anonymous).layer(DefaultBodyLimit::max(ANONYMOUS_BODY_BYTES)))
        // A form around the image: its boundaries and the field's headers.
        .merge(both(uploads).layer(DefaultBodyLimit::max(image_bytes + 4 * 1024)))
        .layer(middleware::from_fn(answer::render))
}

fn both<const N: usize>(paths: [(&str, MethodRouter<App>); N]) -> Router<App> {
    paths.into_iter().fold(Router::new(), |router, (path, methods)| {
        router.route(path, methods.clone()).route(&format!("{path}/"), methods)
    })
}

async fn nothing() -> Refused {
    ErrorCode::NotFound.into()
}
