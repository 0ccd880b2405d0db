//! What an app does after its sample was made. On one of `char(32)` ids.

use sqlx::raw_sql;
use uuid::Uuid;

use super::MEMBER;
use crate::error::StoreError;
use crate::mariadb::{Failure, Role, Server};

/// What the app does after a sample was made.
#[derive(Debug, Clone, Copy)]
pub struct Later {
    /// Who does it; they are renamed, too.
    pub by: Uuid,
    /// Where; it gets another name, too.
    pub room: Uuid,
    /// A new message.
    pub said: Uuid,
    /// Another text for this one.
    pub edited: Uuid,
    /// This one is deleted.
    pub deleted: Uuid,
    /// This one has one reaction, by `by`.
    pub liked: Uuid,
    /// Who leaves.
    pub leaver: Uuid,
}

/// Has the app go on.
///
/// # Errors
/// What the server says.
pub async fn goes_on(url: &str, later: &Later) -> Result<(), StoreError> {
    let Later { by, room, said, edited, deleted, liked, leaver } = later;
    let [by, room, said, edited, deleted, liked, leaver] =
        [by, room, said, edited, deleted, liked, leaver].map(|id| format!("'{}'", id.simple()));
    let now = "UTC_TIMESTAMP(6)";
    execute(
        url,
        format!(
            "UPDATE messages SET content = 'corregido', is_edited = 1, updated_at = {now} WHERE id = {edited};
             UPDATE messages SET is_deleted = 1, deleted_at = {now}, updated_at = {now} WHERE id = {deleted};
             DELETE FROM message_reactions WHERE message_id = {liked};
             INSERT INTO message_reactions (message_id, user_id, reaction_type, created_at)
               VALUES ({liked}, {by}, 'golazo', {now});
             UPDATE users SET display_name = 'Otra', avatar = 'avatars/otra.jpg' WHERE id = {by};
             UPDATE chat_rooms SET name = 'Otro nombre', description = 'Otra cosa', avatar = 'rooms/otra.jpg',
                 last_activity = {now} WHERE id = {room};
             DELETE FROM chat_participants WHERE chat_room_id = {room} AND user_id = {leaver};
             INSERT INTO messages (id, chat_room_id, sender_id, content, message_type, is_edited, is_deleted,
                 created_at, updated_at)
               VALUES ({said}, {room}, {by}, 'último', 'text', 0, 0, {now}, {now});"
        ),
    )
    .await
}

/// Has somebody come to rooms.
///
/// # Errors
/// What the server says.
pub async fn joins(url: &str, rooms: &[Uuid], user: Uuid) -> Result<(), StoreError> {
    let row = |room: &Uuid| {
        format!("('{}','{}','member','','','','',1,1,0,0,UTC_TIMESTAMP(6))", room.simple(), user.simple())
    };
    let rows: Vec<String> = rooms.iter().map(row).collect();
    execute(url, format!("INSERT INTO chat_participants ({MEMBER}) VALUES {}", rows.join(","))).await
}

/// One thing that the app does.
#[derive(Debug, Clone, Copy)]
pub enum Did {
    /// Somebody says `dicho` in a room, under this id.
    Says {
        /// Where.
        room: Uuid,
        /// Who.
        by: Uuid,
        /// The message.
        id: Uuid,
    },
    /// The text of a message becomes `corregido`.
    Edits(Uuid),
    /// A message has one reaction, `sad`, by this person.
    Reacts(Uuid, Uuid),
    /// A room is closed.
    Closes(Uuid),
    /// It is open again.
    Opens(Uuid),
    /// A room is muted for a person.
    Mutes(Uuid, Uuid),
    /// A room is blocked for a person.
    Blocks(Uuid, Uuid),
    /// A person is called `Otra`.
    Renames(Uuid),
    /// A person has another picture, `avatars/otra.jpg`.
    Pictures(Uuid),
}

/// Has the app do these things.
///
/// # Errors
/// What the server says.
pub async fn does(url: &str, what: &[Did]) -> Result<(), StoreError> {
    let now = "UTC_TIMESTAMP(6)";
    let statement = |did: &Did| match did {
        Did::Says { room, by, id } => {
            let [room, by, id] = [room, by, id].map(|id| id.simple());
            format!(
                "INSERT INTO messages (id, chat_room_id, sender_id, content, message_type, is_edited, is_deleted,
                     created_at, updated_at)
                   VALUES ('{id}', '{room}', '{by}', 'dicho', 'text', 0, 0, {now}, {now});
                 UPDATE chat_rooms SET last_activity = {now} WHERE id = '{room}';"
            )
        }
        Did::Edits(message) => format!(
            "UPDATE messages SET content = 'corregido', is_edited = 1, updated_at = {now} WHERE id = '{}';",
            message.simple()
        ),
        Did::Reacts(message, by) => format!(
            "DELETE FROM message_reactions WHERE message_id = '{0}';
             INSERT INTO message_reactions (message_id, user_id, reaction_type, created_at)
               VALUES ('{0}', '{1}', 'sad', {now});",
            message.simple(),
            by.simple()
        ),
        Did::Closes(room) => {
            format!("UPDATE chat_rooms SET is_active = 0 WHERE id = '{}';", room.simple())
        }
        Did::Opens(room) => {
            format!("UPDATE chat_rooms SET is_active = 1 WHERE id = '{}';", room.simple())
        }
        Did::Mutes(room, user) => flag("is_muted", *room, *user),
        Did::Blocks(room, user) => flag("is_blocked", *room, *user),
        Did::Renames(user) => {
            format!("UPDATE users SET display_name = 'Otra' WHERE id = '{}';", user.simple())
        }
        Did::Pictures(user) => {
            format!("UPDATE users SET avatar = 'avatars/otra.jpg' WHERE id = '{}';", user.simple())
        }
    };
    execute(url, what.iter().map(statement).collect()).await
}

fn flag(column: &str, room: Uuid, user: Uuid) -> String {
    format!(
        "UPDATE chat_participants SET {column} = 1 WHERE chat_room_id = '{}' AND user_id = '{}';",
        room.simple(),
        user.simple()
    )
}

async fn execute(url: &str, sql: String) -> Result<(), StoreError> {
    let mut c = Server::parse(url)?.connect(Role::Writer).await?;
    raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut c).await.map_err(Failure::from)?;
    Ok(())
}
