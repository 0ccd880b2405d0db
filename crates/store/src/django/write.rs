//! Writing into the old tables: what was said elsewhere, put back where it came from.

use sqlx::{query, raw_sql};
use zas_protocol::Micros;

use super::Django;
use crate::error::StoreError;
use crate::mariadb::lists::{self, places, statement};
use crate::mariadb::{Failure, get};

/// A time that a column takes.
macro_rules! at {
    () => {
        "'1970-01-01' + INTERVAL ? MICROSECOND"
    };
}

/// A user that the app does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOldUser {
    /// As the app keeps ids.
    pub key: String,
    /// What it is called at sign-in.
    pub username: String,
    /// Empty for none.
    pub email: String,
    /// What they are called.
    pub display_name: String,
    /// As one of Django's hashers reads it.
    pub password: String,
    /// What they say of themselves.
    pub bio: String,
    /// Not disabled.
    pub active: bool,
    /// When it was made.
    pub at: Micros,
}

/// A room that the app does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOldRoom {
    /// As the app keeps ids.
    pub key: String,
    /// Empty for none.
    pub name: String,
    /// What it says of itself.
    pub description: String,
    /// `private` or `group`.
    pub kind: &'static str,
    /// Who made it.
    pub created_by: Option<String>,
    /// When.
    pub at: Micros,
}

/// A message that the app does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOldMessage {
    /// As the app keeps ids.
    pub key: String,
    /// The room's key.
    pub room: String,
    /// Who.
    pub sender: Option<String>,
    /// What.
    pub content: String,
    /// `text`, `image`, … .
    pub kind: &'static str,
    /// The column that holds the file's path, and the path.
    pub file: Option<(FileColumn, String)>,
    /// What the file is called.
    pub file_name: Option<String>,
    /// Its size in bytes.
    pub file_size: Option<u64>,
    /// The key of the message that it answers.
    pub reply_to: Option<String>,
    /// When it last changed, if it was edited.
    pub edited_at: Option<Micros>,
    /// When it was deleted.
    pub deleted_at: Option<Micros>,
    /// When it was said.
    pub at: Micros,
}

/// Where the app keeps what a message carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileColumn {
    /// `image`
    Image,
    /// `video`
    Video,
    /// `audio`
    Audio,
    /// `file_url`
    Address,
}

/// How a room is for a member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OldLook {
    /// What they call the other person; empty for nothing of their own, as the others.
    pub nickname: String,
    /// Their background.
    pub background: String,
    /// Colour of their bubbles.
    pub color: String,
    /// Colour of the others' bubbles.
    pub other_color: String,
    /// Whether they are notified.
    pub notifications: bool,
    /// Whether sounds play.
    pub sound: bool,
    /// Whether it is muted.
    pub muted: bool,
}

impl Django {
    /// From here on all is written together, by [`Django::commit`]. What a column needs and we do not know is
    /// what its type has for nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is gone.
    pub async fn begin_writing(&mut self) -> Result<(), StoreError> {
        // Ended first: what is being read is of an earlier moment.
        let begin = raw_sql("COMMIT; SET SESSION sql_mode = 'NO_ENGINE_SUBSTITUTION'; START TRANSACTION");
        begin.execute(&mut self.connection).await.map_err(Failure::from)?;
        Ok(())
    }

    /// Whether all that was just written is there as it was given: without strict rules a server cuts what does
    /// not fit.
    async fn nothing_was_cut(&mut self) -> Result<(), StoreError> {
        let warnings = query("SHOW WARNINGS").fetch_all(&mut self.connection).await.map_err(Failure::from)?;
        for warning in &warnings {
            // Data truncated, data too long, a character that the column cannot hold.
            if matches!(get::<i64>(warning, 1)?, 1265 | 1366 | 1406) {
                let why = "a text does not fit its column there; make the column longer";
                return Err(StoreError::Other(why.to_owned()));
            }
        }
        Ok(())
    }

    /// Makes what was written last.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is gone: what was written since [`Django::begin_writing`] may be there
    /// or not, all of it.
    pub async fn commit(&mut self) -> Result<(), StoreError> {
        raw_sql("COMMIT").execute(&mut self.connection).await.map_err(Failure::from)?;
        Ok(())
    }

    /// Adds users.
    ///
    /// # Errors
    /// What the server says.
    pub async fn add_users(&mut self, users: &[NewOldUser]) -> Result<(), StoreError> {
        for rows in lists::pieces(users) {
            let sql = format!(
                "INSERT INTO users (id, username, email, display_name, password, bio, is_active, created_at)
                 VALUES {}",
                places(concat!("(?,?,?,?,?,?,?,", at!(), ")"), rows.len())
            );
            let insert = rows.iter().fold(statement(sql), |insert, user| {
                insert
                    .bind(&user.key)
                    .bind(&user.username)
                    .bind(&user.email)
                    .bind(&user.display_name)
                    .bind(&user.password)
                    .bind(&user.bio)
                    .bind(user.active)
                    .bind(user.at)
            });
            insert.execute(&mut self.connection).await.map_err(Failure::from)?;
        }
        Ok(())
    }

    /// What somebody changed of their profile; `None` for what stays.
    ///
    /// # Errors
    /// What the server says.
    pub async fn put_profile(
        &mut self,
        user: &str,
        display_name: Option<&str>,
        bio: Option<&str>,
        avatar: Option<&str>,
    ) -> Result<(), StoreError> {
        let update = query(
            "UPDATE users SET display_name = ifnull(?, display_name), bio = ifnull(?, bio),
               avatar = ifnull(?, avatar) WHERE id = ?",
        );
        let update = update.bind(display_name).bind(bio).bind(avatar).bind(user);
        update.execute(&mut self.connection).await.map_err(Failure::from)?;
        self.nothing_was_cut().await
    }

    /// Adds a room.
    ///
    /// # Errors
    /// What the server says.
    pub async fn add_room(&mut self, room: &NewOldRoom) -> Result<(), StoreError> {
        let insert = statement(
            concat!(
                "INSERT INTO chat_rooms
                   (id, name, description, chat_type, created_by_id, is_active, created_at, updated_at,
                    last_activity)
                 VALUES (?, ?, ?, ?, ?, 1, ",
                at!(),
                ", ",
                at!(),
                ", ",
                at!(),
                ")"
            )
            .to_owned(),
        );
        let insert = insert.bind(&room.key).bind(&room.name).bind(&room.description);
        let insert = insert.bind(room.kind).bind(&room.created_by);
        let insert = insert.bind(room.at).bind(room.at).bind(room.at);
        insert.execute(&mut self.connection).await.map_err(Failure::from)?;
        Ok(())
    }

    /// Another name for a room.
    ///
    /// # Errors
    /// What the server says.
    pub async fn rename_room(&mut self, room: &str, name: &str) -> Result<(), StoreError> {
        let update = query("UPDATE chat_rooms SET name = ? WHERE id = ?").bind(name).bind(room);
        update.execute(&mut self.connection).await.map_err(Failure::from)?;
        Ok(())
    }

    /// Another description of a room.
    ///
    /// # Errors
    /// What the server says.
    pub async fn describe_room(&mut self, room: &str, description: &str) -> Result<(), StoreError> {
        let update = query("UPDATE chat_rooms SET description = ? WHERE id = ?");
        update.bind(description).bind(room).execute(&mut self.connection).await.map_err(Failure::from)?;
        Ok(())
    }

    /// Another picture for a room, by its path below the media folder; the empty one, which Django's columns
    /// take whether or not they may be null, for none.
    ///
    /// # Errors
    /// What the server says.
    pub async fn put_room_avatar(&mut self, room: &str, path: &str) -> Result<(), StoreError> {
        let update = query("UPDATE chat_rooms SET avatar = ? WHERE id = ?").bind(path).bind(room);
        update.execute(&mut self.connection).await.map_err(Failure::from)?;
        self.nothing_was_cut().await
    }

    /// Somebody is in a room.
    ///
    /// # Errors
    /// What the server says.
    pub async fn add_member(
        &mut self,
        room: &str,
        user: &str,
        role: &str,
        at: Micros,
    ) -> Result<(), StoreError> {
        let insert = statement(
            concat!(
                "INSERT INTO chat_participants
                   (chat_room_id, user_id, role, notifications_enabled, sound_enabled, joined_at)
                 VALUES (?, ?, ?, 1, 1, ",
                at!(),
                ")"
            )
            .to_owned(),
        );
        let insert = insert.bind(room).bind(user).bind(role).bind(at);
        insert.execute(&mut self.connection).await.map_err(Failure::from)?;
        Ok(())
    }

    /// A member's role.
    ///
    /// # Errors
    /// What the server says.
    pub async fn put_role(&mut self, room: &str, user: &str, role: &str) -> Result<(), StoreError> {
        let update = query("UPDATE chat_participants SET role = ? WHERE chat_room_id = ? AND user_id = ?");
        let update = update.bind(role).bind(room).bind(user);
        update.execute(&mut self.connection).await.map_err(Failure::from)?;
        Ok(())
    }

    /// How a room is for a member.
    ///
    /// # Errors
    /// What the server says.
    pub async fn put_look(&mut self, room: &str, user: &str, look: &OldLook) -> Result<(), StoreError> {
        let update = query(
            "UPDATE chat_participants SET other_user_nickname = ?, chat_background = ?, chat_color = ?,
               other_message_color = ?, notifications_enabled = ?, sound_enabled = ?, is_muted = ?
             WHERE chat_room_id = ? AND user_id = ?",
        );
        let update = update.bind(&look.nickname).bind(&look.background).bind(&look.color);
        let update = update.bind(&look.other_color).bind(look.notifications).bind(look.sound);
        let update = update.bind(look.muted).bind(room).bind(user);
        update.execute(&mut self.connection).await.map_err(Failure::from)?;
        self.nothing_was_cut().await
    }

    /// Somebody is no longer in a room.
    ///
    /// # Errors
    /// What the server says.
    pub async fn remove_member(&mut self, room: &str, user: &str) -> Result<(), StoreError> {
        let delete = query("DELETE FROM chat_participants WHERE chat_room_id = ? AND user_id = ?");
        delete.bind(room).bind(user).execute(&mut self.connection).await.map_err(Failure::from)?;
        Ok(())
    }

    /// How far somebody has read a room; never back.
    ///
    /// # Errors
    /// What the server says.
    pub async fn put_last_read(&mut self, room: &str, user: &str, at: Micros) -> Result<(), StoreError> {
        let update = statement(
            concat!(
                "UPDATE chat_participants SET last_read_at = ",
                at!(),
                " WHERE chat_room_id = ? AND user_id = ?
                    AND (last_read_at IS NULL OR last_read_at < ",
                at!(),
                ")"
            )
            .to_owned(),
        );
        let update = update.bind(at).bind(room).bind(user).bind(at);
        update.execute(&mut self.connection).await.map_err(Failure::from)?;
        Ok(())
    }

    /// Adds messages; their room's last activity is theirs.
    ///
    /// # Errors
    /// What the server says.
    pub async fn add_messages(&mut self, messages: &[NewOldMessage]) -> Result<(), StoreError> {
        for rows in lists::pieces(messages) {
            let row = concat!("(?,?,?,?,?,?,?,?,?,?,?,?,?,?,", at!(), ",", at!(), ",", at!(), ")");
            let sql = format!(
                "INSERT INTO messages (id, chat_room_id, sender_id, content, message_type, image, video, audio,
                   file_url, file_name, file_size, reply_to_id, is_edited, is_deleted, deleted_at, created_at,
                   updated_at) VALUES {}",
                places(row, rows.len())
            );
            let insert = rows.iter().fold(statement(sql), |insert, message| {
                let file = |column| {
                    message.file.as_ref().filter(|(at, _)| *at == column).map(|(_, path)| path.as_str())
                };
                insert
                    .bind(&message.key)
                    .bind(&message.room)
                    .bind(&message.sender)
                    .bind(&message.content)
                    .bind(message.kind)
                    .bind(file(FileColumn::Image))
                    .bind(file(FileColumn::Video))
                    .bind(file(FileColumn::Audio))
                    .bind(file(FileColumn::Address))
                    .bind(&message.file_name)
                    .bind(message.file_size)
                    .bind(&message.reply_to)
                    .bind(message.edited_at.is_some())
                    .bind(message.deleted_at.is_some())
                    .bind(message.deleted_at)
                    .bind(message.at)
                    .bind(message.edited_at.or(message.deleted_at).unwrap_or(message.at))
            });
            insert.execute(&mut self.connection).await.map_err(Failure::from)?;
            self.nothing_was_cut().await?;
        }
        if let Some(last) = messages.last() {
            let update = statement(
                concat!(
                    "UPDATE chat_rooms SET last_activity = greatest(last_activity, ",
                    at!(),
                    ") WHERE id = ?"
                )
                .to_owned(),
            );
            update
                .bind(last.at)
                .bind(&last.room)
                .execute(&mut self.connection)
                .await
                .map_err(Failure::from)?;
        }
        Ok(())
    }

    /// A message carries a file that it did not have.
    ///
    /// # Errors
    /// What the server says.
    pub async fn put_file(&mut self, key: &str, column: FileColumn, path: &str) -> Result<(), StoreError> {
        let column = match column {
            FileColumn::Image => "image",
            FileColumn::Video => "video",
            FileColumn::Audio => "audio",
            FileColumn::Address => "file_url",
        };
        let update = statement(format!("UPDATE messages SET {column} = ? WHERE id = ?"));
        update.bind(path).bind(key).execute(&mut self.connection).await.map_err(Failure::from)?;
        self.nothing_was_cut().await
    }

    /// A message has another text.
    ///
    /// # Errors
    /// What the server says.
    pub async fn edit_message(&mut self, key: &str, content: &str, at: Micros) -> Result<(), StoreError> {
        let sql =
            concat!("UPDATE messages SET content = ?, is_edited = 1, updated_at = ", at!(), " WHERE id = ?");
        let update = query(sql).bind(content).bind(at).bind(key);
        update.execute(&mut self.connection).await.map_err(Failure::from)?;
        self.nothing_was_cut().await
    }

    /// A message was deleted: its text goes, and its place stays.
    ///
    /// # Errors
    /// What the server says.
    pub async fn delete_message(&mut self, key: &str, at: Micros) -> Result<(), StoreError> {
        let sql = concat!(
            "UPDATE messages SET content = '', is_deleted = 1, deleted_at = ",
            at!(),
            ", updated_at = ",
            at!(),
            " WHERE id = ?"
        );
        let update = query(sql).bind(at).bind(at).bind(key);
        update.execute(&mut self.connection).await.map_err(Failure::from)?;
        Ok(())
    }

    /// What somebody thinks of a message now; `None` for nothing.
    ///
    /// # Errors
    /// What the server says.
    pub async fn put_reaction(
        &mut self,
        key: &str,
        user: &str,
        reaction: Option<&str>,
        at: Micros,
    ) -> Result<(), StoreError> {
        let delete = query("DELETE FROM message_reactions WHERE message_id = ? AND user_id = ?");
        delete.bind(key).bind(user).execute(&mut self.connection).await.map_err(Failure::from)?;
        let Some(reaction) = reaction else { return Ok(()) };
        let sql = concat!(
            "INSERT INTO message_reactions (message_id, user_id, reaction_type, created_at) VALUES (?, ?, ?, ",
            at!(),
            ")"
        );
        let insert = query(sql).bind(key).bind(user).bind(reaction).bind(at);
        insert.execute(&mut self.connection).await.map_err(Failure::from)?;
        Ok(())
    }

    /// Who has read which messages, by their keys.
    ///
    /// # Errors
    /// What the server says.
    pub async fn add_reads(&mut self, reads: &[(String, String, Micros)]) -> Result<(), StoreError> {
        for rows in lists::pieces(reads) {
            let sql = format!(
                "INSERT INTO message_reads (message_id, user_id, read_at) VALUES {}",
                places(concat!("(?,?,", at!(), ")"), rows.len())
            );
            let insert = rows
                .iter()
                .fold(statement(sql), |insert, (message, user, at)| insert.bind(message).bind(user).bind(at));
            insert.execute(&mut self.connection).await.map_err(Failure::from)?;
        }
        Ok(())
    }
}
