//! The old tables' rows. Ids come as text, since they are `char(32)` or `uuid`; texts as bytes, since nobody
//! has checked them; times as microseconds, of a date that never was nothing.

use std::collections::BTreeMap;

use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, MySqlConnection, query};
use zas_protocol::Micros;

use super::{
    Django, OldMember, OldMessage, OldPlace, OldReaction, OldRead, OldRoom, OldStretch, OldText, OldTime,
    OldUser, id,
};
use crate::error::StoreError;
use crate::mariadb::lists::{self, places, statement};
use crate::mariadb::{Failure, get};

/// A time in microseconds since 1970; Django keeps them in UTC.
macro_rules! micros {
    ($column:literal) => {
        concat!("TIMESTAMPDIFF(MICROSECOND, '1970-01-01', ", $column, ")")
    };
}

/// A key as text; nothing for none.
macro_rules! key {
    ($column:literal) => {
        concat!("ifnull(CAST(", $column, " AS CHAR), '')")
    };
}

/// A flag that a broken row may lack.
macro_rules! flag {
    ($column:literal) => {
        concat!("CAST(ifnull(", $column, ", 0) AS SIGNED)")
    };
}

const MESSAGE: &str = concat!(
    key!("id"),
    ", ",
    key!("sender_id"),
    ", content, message_type, image, video, audio, file_url, file_name,
      CAST(file_size AS SIGNED), ",
    key!("reply_to_id"),
    ", ",
    flag!("is_edited"),
    ", ",
    flag!("is_deleted"),
    ", ",
    micros!("deleted_at"),
    ", ",
    micros!("created_at"),
    ", ",
    micros!("updated_at")
);

const USER: &str = concat!(
    key!("id"),
    ", username, email, display_name, password, avatar, bio, ",
    flag!("is_active"),
    ", ",
    micros!("created_at"),
    ", ",
    micros!("last_active")
);

const MEMBER: &str = concat!(
    key!("chat_room_id"),
    ", ",
    key!("user_id"),
    ", role, other_user_nickname, chat_background, chat_color, other_message_color, ",
    flag!("notifications_enabled"),
    ", ",
    flag!("sound_enabled"),
    ", ",
    flag!("is_muted"),
    ", ",
    flag!("is_blocked"),
    ", ",
    micros!("joined_at"),
    ", ",
    micros!("last_read_at")
);

/// A stretch of all messages, beginning where `$from` says.
macro_rules! stretch {
    ($from:literal) => {
        concat!(
            "SELECT ",
            key!("m.id"),
            ", ",
            micros!("m.created_at"),
            ", ",
            key!("m.chat_room_id"),
            ", CAST(ifnull(m.created_at >= '1970-01-01' + INTERVAL ? MICROSECOND, 0)
                 OR ifnull(m.updated_at >= '1970-01-01' + INTERVAL ? MICROSECOND, 0)
                 OR EXISTS (SELECT 1 FROM message_reactions r WHERE r.message_id = m.id
                      AND r.created_at >= '1970-01-01' + INTERVAL ? MICROSECOND)
                 OR EXISTS (SELECT 1 FROM message_reads r WHERE r.message_id = m.id
                      AND r.read_at >= '1970-01-01' + INTERVAL ? MICROSECOND) AS SIGNED)
             FROM messages m ",
            $from,
            " ORDER BY m.id LIMIT ?"
        )
    };
}

const REACTION: &str =
    concat!(key!("message_id"), ", ", key!("user_id"), ", reaction_type, ", micros!("created_at"));
const READ: &str = concat!(key!("message_id"), ", ", key!("user_id"), ", ", micros!("read_at"));

fn key(row: &MySqlRow, index: usize) -> Result<String, Failure> {
    let bytes: &[u8] = get(row, index)?;
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// Nothing stored is the empty text.
fn text(row: &MySqlRow, index: usize) -> Result<OldText, Failure> {
    let bytes = get::<Option<&[u8]>>(row, index)?.unwrap_or_default();
    Ok(std::str::from_utf8(bytes).ok().map(str::to_owned))
}

fn time(row: &MySqlRow, index: usize) -> Result<OldTime, Failure> {
    get(row, index)
}

fn flag(row: &MySqlRow, index: usize) -> Result<bool, Failure> {
    Ok(get::<i64>(row, index)? != 0)
}

impl Django {
    async fn all<T>(
        &mut self,
        sql: String,
        read: impl Fn(&MySqlRow) -> Result<T, Failure>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = query(AssertSqlSafe(sql)).fetch_all(&mut self.connection).await.map_err(Failure::from)?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// All users, by when they were made: who was first keeps a name that two would have.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is gone.
    pub async fn users(&mut self) -> Result<Vec<OldUser>, StoreError> {
        self.all(format!("SELECT {USER} FROM users ORDER BY created_at, id"), user).await
    }

    /// These users, by when they were made.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is gone.
    pub async fn users_of(&mut self, keys: &[&str]) -> Result<Vec<OldUser>, StoreError> {
        let rows = of(&mut self.connection, USER, "users", "id", keys).await?;
        let mut users = rows.iter().map(user).collect::<Result<Vec<_>, _>>()?;
        users.sort_by_cached_key(|user| (user.created_at, id(&user.key)));
        Ok(users)
    }

    /// All rooms, by when they were made.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is gone.
    pub async fn rooms(&mut self) -> Result<Vec<OldRoom>, StoreError> {
        let sql = concat!(
            "SELECT ",
            key!("id"),
            ", name, chat_type, ",
            key!("created_by_id"),
            ", ",
            flag!("is_active"),
            ", ",
            micros!("created_at"),
            ", description, avatar, ",
            micros!("last_activity"),
            " FROM chat_rooms ORDER BY created_at, id"
        );
        self.all(sql.to_owned(), |row| {
            Ok(OldRoom {
                key: key(row, 0)?,
                name: text(row, 1)?,
                kind: text(row, 2)?,
                created_by: key(row, 3)?,
                active: flag(row, 4)?,
                created_at: time(row, 5)?,
                description: text(row, 6)?,
                avatar: text(row, 7)?,
                last_activity: time(row, 8)?,
            })
        })
        .await
    }

    /// All members of all rooms, by when they came.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is gone.
    pub async fn members(&mut self) -> Result<Vec<OldMember>, StoreError> {
        let sql = format!("SELECT {MEMBER} FROM chat_participants ORDER BY joined_at, user_id");
        self.all(sql, member).await
    }

    /// All members of these rooms, by when they came.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is gone.
    pub async fn members_of(&mut self, rooms: &[&str]) -> Result<Vec<OldMember>, StoreError> {
        let rows = of(&mut self.connection, MEMBER, "chat_participants", "chat_room_id", rooms).await?;
        let mut members = rows.iter().map(member).collect::<Result<Vec<_>, _>>()?;
        members.sort_by_cached_key(|member| (member.joined_at, id(&member.user)));
        Ok(members)
    }

    /// The messages of a room, in order: by time, and of one time by id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is gone.
    pub async fn places(&mut self, room: &str) -> Result<Vec<OldPlace>, StoreError> {
        let sql = concat!(
            "SELECT ",
            key!("id"),
            ", ",
            micros!("created_at"),
            " FROM messages WHERE chat_room_id = ?"
        );
        let rows = query(sql).bind(room).fetch_all(&mut self.connection).await.map_err(Failure::from)?;
        let mut all = rows.iter().map(place).collect::<Result<Vec<_>, _>>()?;
        all.sort_unstable_by_key(|place| (place.at, place.id));
        Ok(all)
    }

    /// The messages of a room that were said since then, in order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is gone.
    pub async fn places_since(&mut self, room: &str, since: Micros) -> Result<Vec<OldPlace>, StoreError> {
        let sql = concat!(
            "SELECT ",
            key!("id"),
            ", ",
            micros!("created_at"),
            " FROM messages WHERE chat_room_id = ? AND created_at >= '1970-01-01' + INTERVAL ? MICROSECOND"
        );
        let select = query(sql).bind(room).bind(since);
        let rows = select.fetch_all(&mut self.connection).await.map_err(Failure::from)?;
        let mut all = rows.iter().map(place).collect::<Result<Vec<_>, _>>()?;
        all.sort_unstable_by_key(|place| (place.at, place.id));
        Ok(all)
    }

    /// Messages of rooms that are not there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is gone.
    pub async fn strays(&mut self) -> Result<Vec<String>, StoreError> {
        let sql = concat!(
            "SELECT ",
            key!("m.id"),
            " FROM messages m LEFT JOIN chat_rooms r ON r.id = m.chat_room_id WHERE r.id IS NULL"
        );
        self.all(sql.to_owned(), |row| key(row, 0)).await
    }

    /// The next of all messages by id, `limit` at most, and which of them were said, changed, read or reacted
    /// to since then. The way through all of them is by the primary key, the one index that is there for sure.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is gone.
    pub async fn stretch(
        &mut self,
        after: Option<&str>,
        limit: u32,
        since: Micros,
    ) -> Result<OldStretch, StoreError> {
        let select = query(if after.is_some() { stretch!("WHERE m.id > ?") } else { stretch!("") });
        let select = (0..4).fold(select, |select, _| select.bind(since));
        let select = after.into_iter().fold(select, |select, after| select.bind(after)).bind(limit);
        let rows = select.fetch_all(&mut self.connection).await.map_err(Failure::from)?;
        let mut found = OldStretch::default();
        for row in &rows {
            if flag(row, 3)? {
                found.touched.push((key(row, 2)?, place(row)?));
            }
        }
        let last = rows.last().filter(|_| rows.len() >= limit as usize);
        found.last = last.map(|row| key(row, 0)).transpose()?;
        Ok(found)
    }

    /// These messages, in no order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is gone.
    pub async fn messages(&mut self, keys: &[&str]) -> Result<Vec<OldMessage>, StoreError> {
        let rows = of(&mut self.connection, MESSAGE, "messages", "id", keys).await?;
        Ok(rows.iter().map(message).collect::<Result<_, _>>()?)
    }

    /// All messages of these rooms, each with its room's key; in no order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is gone.
    pub async fn messages_of(&mut self, rooms: &[&str]) -> Result<Vec<(String, OldMessage)>, StoreError> {
        let what = format!("{MESSAGE}, {}", key!("chat_room_id"));
        let rows = of(&mut self.connection, &what, "messages", "chat_room_id", rooms).await?;
        let with_room = |row: &MySqlRow| Ok::<_, Failure>((key(row, 16)?, message(row)?));
        Ok(rows.iter().map(with_room).collect::<Result<_, _>>()?)
    }

    /// All reactions to messages of these rooms.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is gone.
    pub async fn reactions_of(&mut self, rooms: &[&str]) -> Result<Vec<OldReaction>, StoreError> {
        let rows =
            joined(&mut self.connection, "message_reactions", "reaction_type, ", "created_at", rooms).await?;
        Ok(rows.iter().map(reaction).collect::<Result<_, _>>()?)
    }

    /// Who has read messages of these rooms.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is gone.
    pub async fn reads_of(&mut self, rooms: &[&str]) -> Result<Vec<OldRead>, StoreError> {
        let rows = joined(&mut self.connection, "message_reads", "", "read_at", rooms).await?;
        Ok(rows.iter().map(reading).collect::<Result<_, _>>()?)
    }

    /// How many messages each room has, by its key.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is gone.
    pub async fn sizes(&mut self) -> Result<BTreeMap<String, u64>, StoreError> {
        let sql = concat!("SELECT ", key!("chat_room_id"), ", count(*) FROM messages GROUP BY chat_room_id");
        let sizes =
            self.all(sql.to_owned(), |row| Ok((key(row, 0)?, get::<i64>(row, 1)?.unsigned_abs()))).await?;
        Ok(sizes.into_iter().collect())
    }

    /// Where a room's picture is, below the media folder; empty for none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is gone.
    pub async fn room_avatar(&mut self, room: &str) -> Result<String, StoreError> {
        let select = query("SELECT avatar FROM chat_rooms WHERE id = ?").bind(room);
        let row = select.fetch_one(&mut self.connection).await.map_err(Failure::from)?;
        Ok(text(&row, 0)?.unwrap_or_default())
    }

    /// The reactions to these messages.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is gone.
    pub async fn reactions(&mut self, keys: &[&str]) -> Result<Vec<OldReaction>, StoreError> {
        let rows = of(&mut self.connection, REACTION, "message_reactions", "message_id", keys).await?;
        Ok(rows.iter().map(reaction).collect::<Result<_, _>>()?)
    }

    /// When the last message was said that each has read of a room, by the person's key.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is gone.
    pub async fn read_until(&mut self, room: &str) -> Result<Vec<(String, Micros)>, StoreError> {
        let sql = concat!(
            "SELECT ",
            key!("r.user_id"),
            ", ",
            micros!("max(m.created_at)"),
            " FROM messages m STRAIGHT_JOIN message_reads r ON r.message_id = m.id
             WHERE m.chat_room_id = ? GROUP BY r.user_id"
        );
        let rows = query(sql).bind(room).fetch_all(&mut self.connection).await.map_err(Failure::from)?;
        let until = |row: &MySqlRow| Ok::<_, Failure>((key(row, 0)?, time(row, 1)?));
        let all = rows.iter().map(until).collect::<Result<Vec<_>, _>>()?;
        Ok(all.into_iter().filter_map(|(user, at)| Some((user, at?))).collect())
    }

    /// Who has read these messages.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is gone.
    pub async fn reads(&mut self, keys: &[&str]) -> Result<Vec<OldRead>, StoreError> {
        let rows = of(&mut self.connection, READ, "message_reads", "message_id", keys).await?;
        Ok(rows.iter().map(reading).collect::<Result<_, _>>()?)
    }
}

fn user(row: &MySqlRow) -> Result<OldUser, Failure> {
    Ok(OldUser {
        key: key(row, 0)?,
        username: text(row, 1)?,
        email: text(row, 2)?,
        display_name: text(row, 3)?,
        password: text(row, 4)?,
        avatar: text(row, 5)?,
        bio: text(row, 6)?,
        active: flag(row, 7)?,
        created_at: time(row, 8)?,
        last_active: time(row, 9)?,
    })
}

fn member(row: &MySqlRow) -> Result<OldMember, Failure> {
    Ok(OldMember {
        room: key(row, 0)?,
        user: key(row, 1)?,
        role: text(row, 2)?,
        nickname: text(row, 3)?,
        background: text(row, 4)?,
        color: text(row, 5)?,
        other_color: text(row, 6)?,
        notifications: flag(row, 7)?,
        sound: flag(row, 8)?,
        muted: flag(row, 9)?,
        blocked: flag(row, 10)?,
        joined_at: time(row, 11)?,
        last_read_at: time(row, 12)?,
    })
}

fn place(row: &MySqlRow) -> Result<OldPlace, Failure> {
    let key = key(row, 0)?;
    Ok(OldPlace { id: id(&key), key, at: time(row, 1)? })
}

fn message(row: &MySqlRow) -> Result<OldMessage, Failure> {
    let mut file = None;
    for index in 4..8 {
        file = file.or(text(row, index)?.filter(|path| !path.is_empty()));
    }
    Ok(OldMessage {
        key: key(row, 0)?,
        sender: key(row, 1)?,
        content: text(row, 2)?,
        kind: text(row, 3)?,
        file,
        file_name: text(row, 8)?,
        file_size: get::<Option<i64>>(row, 9)?.map(i64::unsigned_abs),
        reply_to: key(row, 10)?,
        edited: flag(row, 11)?,
        deleted: flag(row, 12)?,
        deleted_at: time(row, 13)?,
        created_at: time(row, 14)?,
        updated_at: time(row, 15)?,
    })
}

fn reaction(row: &MySqlRow) -> Result<OldReaction, Failure> {
    Ok(OldReaction { message: key(row, 0)?, user: key(row, 1)?, reaction: text(row, 2)?, at: time(row, 3)? })
}

fn reading(row: &MySqlRow) -> Result<OldRead, Failure> {
    Ok(OldRead { message: key(row, 0)?, user: key(row, 1)?, at: time(row, 2)? })
}

/// What of a table belongs to these keys.
async fn of(
    connection: &mut MySqlConnection,
    what: &str,
    table: &str,
    column: &str,
    keys: &[&str],
) -> Result<Vec<MySqlRow>, StoreError> {
    let mut all = Vec::new();
    for keys in lists::keys(keys) {
        let sql = format!("SELECT {what} FROM {table} WHERE {column} IN ({})", places("?", keys.len()));
        let select = keys.fold(statement(sql), |select, key| select.bind(*key));
        all.extend(select.fetch_all(&mut *connection).await.map_err(Failure::from)?);
    }
    Ok(all)
}

/// What of a table belongs to messages of these rooms.
async fn joined(
    connection: &mut MySqlConnection,
    table: &str,
    more: &str,
    at: &str,
    rooms: &[&str],
) -> Result<Vec<MySqlRow>, StoreError> {
    let mut all = Vec::new();
    for rooms in lists::keys(rooms) {
        let sql = format!(
            "SELECT CAST(r.message_id AS CHAR), ifnull(CAST(r.user_id AS CHAR), ''), {more}
               TIMESTAMPDIFF(MICROSECOND, '1970-01-01', r.{at})
             FROM messages m STRAIGHT_JOIN {table} r ON r.message_id = m.id WHERE m.chat_room_id IN ({})",
            places("?", rooms.len())
        );
        let select = rooms.fold(statement(sql), |select, room| select.bind(*room));
        all.extend(select.fetch_all(&mut *connection).await.map_err(Failure::from)?);
    }
    Ok(all)
}
