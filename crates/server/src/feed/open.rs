//! Opening a connection: subscribe first, then read the heads, so that nothing falls between.

use std::sync::Arc;

use bytes::Bytes;
use zas_core::hub::{Rung, Stored};
use zas_core::session::Log;
use zas_protocol::{DeviceId, ErrorCode, Presence, UserId};
use zas_store::StoreError;

use super::mailbox::Mailbox;
use crate::app::App;
use crate::clock;
use crate::nodehub::Attached;

/// A connection that hears from the hub.
pub(super) struct Opened {
    pub(super) attached: Attached,
    pub(super) logs: Vec<Log>,
    /// Typing, positions and presence that the client has not heard, as frames.
    pub(super) state: Vec<Bytes>,
}

pub(super) async fn open(
    app: &App,
    mailbox: &Arc<Mailbox>,
    rung: Rung,
    user: UserId,
    device: DeviceId,
    seen: Option<u64>,
) -> Result<Opened, ErrorCode> {
    let row =
        app.store.user(user).await.map_err(failed)?.filter(|row| row.active).ok_or(ErrorCode::Revoked)?;
    let attached = app.hub.attach(mailbox, user, device, rung, row.user.profile_rev);
    // Asked again now that a sign-out would find the connection: one in between is not missed.
    app.auth.is_alive(user, device, clock::now()).await?;
    let logs = logs(app, user).await?;
    let stored = stored(app, user, &logs, seen).await?;
    let (logs, state) = attached.open(user, logs, seen, &stored);
    Ok(Opened { attached, logs, state })
}

/// The state that a connected client has not heard.
pub(super) async fn state(
    app: &App,
    user: UserId,
    attached: &Attached,
    seen: Option<u64>,
) -> Result<Vec<Bytes>, ErrorCode> {
    let logs = logs(app, user).await?;
    let stored = stored(app, user, &logs, seen).await?;
    Ok(attached.state(user, &logs, seen, &stored))
}

async fn logs(app: &App, user: UserId) -> Result<Vec<Log>, ErrorCode> {
    let heads = app.store.heads(user).await.map_err(failed)?;
    Ok(heads
        .into_iter()
        .map(|head| Log {
            room: head.room,
            epoch: head.epoch,
            head: head.head,
            from: head.from,
            members: head.members,
        })
        .collect())
}

/// What the store knows of state; read only for a client that comes back after more than this
/// node remembers. One that has heard nothing yet has just read it with its first state.
async fn stored(app: &App, user: UserId, logs: &[Log], seen: Option<u64>) -> Result<Stored, ErrorCode> {
    if seen.is_none_or(|seen| app.hub.remembers(seen)) {
        return Ok(Stored::default());
    }
    let mut stored = Stored::default();
    for log in logs {
        let positions = app.store.positions(log.room).await.map_err(failed)?;
        let small = positions.len() <= zas_protocol::limits::SMALL_GROUP;
        let shown = positions.into_iter().filter(|position| small || position.user == user);
        stored.positions.extend(shown.map(|position| (log.room, position)));
    }
    let peers = app.store.peers(user).await.map_err(failed)?;
    let last_seen = app.store.last_seen(&peers).await.map_err(failed)?;
    let people = app.store.users(&peers).await.map_err(failed)?;
    stored.presence = people
        .iter()
        .map(|person| Presence {
            user: person.id,
            online: false,
            last_seen: last_seen.iter().find(|(id, _)| *id == person.id).map_or(0, |&(_, at)| at),
            profile_rev: person.profile_rev,
        })
        .collect();
    Ok(stored)
}

#[expect(clippy::needless_pass_by_value, reason = "used as a `map_err` function")]
fn failed(error: StoreError) -> ErrorCode {
    tracing::warn!(%error, "a connection could not be opened");
    error.code()
}
