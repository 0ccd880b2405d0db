//! The old contract's objects, made from ours.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use zas_protocol::rest::{Room, User};
use zas_protocol::{FileId, Micros, Role, RoomKind, RoomPrefs, UserId};
use zas_store::UserRow;

use super::answer::{Base, Refused, Viewer};
use super::said;
use crate::app::App;
use crate::clock;

/// RFC 3339 with microseconds and `Z`.
pub(super) fn time(at: Micros) -> String {
    Timestamp::from_microsecond(at).map_or_else(|_| time(0), |stamp| format!("{stamp:.6}"))
}

/// A time as a client sends it.
pub(super) fn parse_time(text: &str) -> Option<Micros> {
    // A `+` of an offset arrives as a blank where the client did not escape it.
    text.replace(' ', "+").parse::<Timestamp>().ok().map(Timestamp::as_microsecond)
}

/// People by id, as one viewer may see their pictures.
pub(super) struct People {
    users: HashMap<UserId, User>,
    viewer: Viewer,
    now: Micros,
}

impl People {
    pub(super) async fn load(app: &App, viewer: &Viewer, mut ids: Vec<UserId>) -> Result<Self, Refused> {
        ids.sort_unstable();
        ids.dedup();
        let users = app.store.users(&ids).await?;
        let users = users.into_iter().map(|user| (user.id, user)).collect();
        Ok(Self { users, viewer: viewer.clone(), now: clock::now() })
    }

    fn avatar(&self, app: &App, user: &User) -> Value {
        user.avatar.map_or(Value::Null, |file| json!(self.address(app, file)))
    }

    /// An address that an `<img>` can fetch.
    pub(super) fn address(&self, app: &App, file: FileId) -> String {
        let signature = app.files.sign(self.viewer.user, file, self.now);
        self.viewer.base.join(&format!("/v1/files/{file}?{signature}"))
    }

    /// The short form, inside a message.
    pub(super) fn short(&self, app: &App, id: UserId) -> Value {
        self.users.get(&id).map_or(Value::Null, |user| {
            json!({
                "id": user.id, "username": user.username, "display_name": user.display_name,
                "avatar_url": self.avatar(app, user),
            })
        })
    }

    pub(super) fn username(&self, id: UserId) -> &str {
        self.users.get(&id).map_or("", |user| &user.username)
    }

    pub(super) fn display_name(&self, id: UserId) -> &str {
        self.users.get(&id).map_or("", |user| &user.display_name)
    }

    /// The long form. An email address is its owner's alone.
    pub(super) async fn long(&self, app: &App, row: &UserRow) -> Result<Value, Refused> {
        let user = &row.user;
        let seen = app.store.last_seen(&[user.id]).await?;
        let stored = seen.first().map_or(row.created_at, |&(_, at)| at);
        let last_active = app.hub.presence(user.id, stored, user.profile_rev).last_seen;
        let avatar = self.avatar(app, user);
        let mut value = json!({
            "id": user.id, "username": user.username, "display_name": user.display_name,
            "full_name": user.display_name, "avatar": avatar, "avatar_url": avatar, "bio": user.bio,
            "is_verified": false, "created_at": time(row.created_at), "last_active": time(last_active),
        });
        if user.id == self.viewer.user {
            value["email"] = json!(row.email);
        }
        Ok(value)
    }
}

/// One person in the long form.
pub(super) async fn user(app: &App, viewer: &Viewer, row: &UserRow) -> Result<Value, Refused> {
    People::load(app, viewer, vec![row.user.id]).await?.long(app, row).await
}

const fn chat_type(kind: RoomKind) -> &'static str {
    match kind {
        RoomKind::Private | RoomKind::OwnLog => "private",
        RoomKind::Group => "group",
    }
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Admin => "admin",
        Role::Member => "member",
    }
}

/// The settings of a chat; what nobody set is empty.
pub(super) fn settings(prefs: &RoomPrefs) -> Value {
    json!({
        "other_user_nickname": prefs.nickname.as_deref().unwrap_or_default(),
        "other_message_color": prefs.other_color.as_deref().unwrap_or_default(),
        "chat_background": prefs.background.as_deref().unwrap_or_default(),
        "chat_color": prefs.color.as_deref().unwrap_or_default(),
        "notifications_enabled": !prefs.quiet, "sound_enabled": !prefs.muted,
    })
}

/// A chat as one of its participants sees it.
pub(super) async fn chat(app: &App, viewer: &Viewer, room: &Room) -> Result<Value, Refused> {
    let mut ids: Vec<UserId> = room.members.iter().map(|member| member.user).collect();
    ids.extend(room.last.iter().filter_map(|event| event.sender));
    let people = People::load(app, viewer, ids).await?;
    let mut participants = Vec::with_capacity(room.members.len());
    for member in &room.members {
        participants.push(participant(app, viewer, room, member.user, member.role, &people).await?);
    }
    let other = (room.kind == RoomKind::Private)
        .then(|| room.members.iter().find(|member| member.user != viewer.user))
        .flatten();
    let other_user = match other {
        Some(member) => match app.store.user(member.user).await? {
            Some(row) => people.long(app, &row).await?,
            None => Value::Null,
        },
        None => Value::Null,
    };
    let display_name = match (&room.name, other) {
        (Some(name), _) => name.as_str(),
        (None, Some(member)) => {
            room.prefs.nickname.as_deref().unwrap_or_else(|| people.display_name(member.user))
        }
        (None, None) => "",
    };
    let created_at = app.store.page(viewer.user, room.id, zas_store::PageAt::After(room.from - 1), 1).await?;
    let created_at =
        created_at.and_then(|page| page.events.first().map(|event| event.at)).unwrap_or(room.last_at);
    let last_message = room
        .last
        .as_ref()
        .map_or(Value::Null, |event| said::last_message(event, room.last_state.as_ref(), &people));
    Ok(json!({
        "id": room.id, "name": room.name, "chat_type": chat_type(room.kind),
        "description": room.description,
        "avatar": room.avatar.map(|file| people.address(app, file)), "is_active": true, "created_at": time(created_at), "updated_at": time(room.last_at),
        "last_activity": time(room.last_at), "participants": participants, "last_message": last_message,
        "unread_count": room.unread, "other_user": other_user, "display_name": display_name,
        "user_settings": settings(&room.prefs),
    }))
}

async fn participant(
    app: &App,
    viewer: &Viewer,
    room: &Room,
    user: UserId,
    rank: Role,
    people: &People,
) -> Result<Value, Refused> {
    let joined_at = app.store.member(room.id, user).await?.map_or(room.last_at, |member| member.joined_at);
    let position = room.positions.iter().find(|position| position.user == user);
    let own = user == viewer.user;
    // One's settings are nobody else's business.
    let prefs = if own { room.prefs.clone() } else { RoomPrefs::default() };
    let mut value = settings(&prefs);
    value["id"] = json!(uuid::Uuid::from_u128(room.id.0.as_u128() ^ user.0.as_u128().rotate_left(64)));
    value["user"] = people.short(app, user);
    value["role"] = json!(role(rank));
    value["is_muted"] = json!(prefs.muted);
    value["is_blocked"] = json!(false);
    value["joined_at"] = json!(time(joined_at));
    value["last_read_at"] =
        position.filter(|at| at.read > 0).map_or(Value::Null, |at| json!(time(at.read_at)));
    value["unread_count"] = json!(if own { room.unread } else { 0 });
    Ok(value)
}

/// A page of a list, counted from 1.
pub(super) fn page(
    base: &Base,
    path: &str,
    number: u64,
    size: u64,
    count: u64,
    results: Vec<Value>,
) -> Value {
    let link = |number: u64| json!(base.join(&format!("{path}?page={number}")));
    json!({
        "count": count,
        "next": if number.saturating_mul(size) < count { link(number + 1) } else { Value::Null },
        "previous": if number > 1 { link(number - 1) } else { Value::Null },
        "results": results,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_microseconds_and_come_back_as_they_were() {
        assert_eq!(time(1_700_000_000_000_000), "2023-11-14T22:13:20.000000Z");
        assert_eq!(time(1_700_000_000_000_001), "2023-11-14T22:13:20.000001Z");
        for at in [0, 1, 1_700_000_000_123_456] {
            assert_eq!(parse_time(&time(at)), Some(at));
        }
        assert_eq!(parse_time("2023-11-14T22:13:20.5+00:00"), Some(1_700_000_000_500_000));
        assert_eq!(parse_time("2023-11-14T22:13:20.5 00:00"), Some(1_700_000_000_500_000));
        assert_eq!(parse_time("ayer"), None);
    }

    #[test]
    fn a_page_names_its_neighbours() {
        let base = Base::at("https://chat.example.com");
        let first = page(&base, "/api/x/", 1, 20, 45, Vec::new());
        assert_eq!(
            (&first["previous"], &first["next"]),
            (&Value::Null, &json!("https://chat.example.com/api/x/?page=2"))
        );
        let last = page(&base, "/api/x/", 3, 20, 45, Vec::new());
        assert_eq!(
            (&last["previous"], &last["next"]),
            (&json!("https://chat.example.com/api/x/?page=2"), &Value::Null)
        );
        assert_eq!(page(&base, "/api/x/", 1, 20, 20, Vec::new())["next"], Value::Null);
    }
}
