//! The database of the app that moves in: the tables of a Django chat on MariaDB. Read as they are, whatever
//! state they are in: a value that cannot be one is a fault of its row, never a failure of the reading.
//!
//! | module | what |
//! |---|---|
//! | [`read`] | their rows |
//! | [`write`] | rows added and changed, on the way back |
//! | [`sample`] | such a database, for tests and measures |
//!
//! To read one more column: its place in the row's type and in its statement in [`read`].

mod read;
pub mod sample;
mod write;

pub use self::write::{FileColumn, NewOldMessage, NewOldRoom, NewOldUser, OldLook};

use sqlx::{MySqlConnection, query, raw_sql};
use uuid::Uuid;
use zas_protocol::Micros;

use crate::error::StoreError;
use crate::mariadb::{Failure, Role, Server, get};

/// The tables there must be.
const TABLES: [&str; 6] =
    ["users", "chat_rooms", "chat_participants", "messages", "message_reactions", "message_reads"];

const THERE: &str =
    "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?";

/// Why a row, or a value of it, is left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Fault {
    /// An id that is no UUID.
    #[error("its id is no UUID")]
    NoId,
    /// Bytes that are no UTF-8.
    #[error("its text is not UTF-8")]
    NoText,
    /// A time that never was, as `0000-00-00`.
    #[error("its date is none")]
    NoDate,
    /// It belongs to something that is not there.
    #[error("what it belongs to is not there")]
    Orphan,
    /// More text than a message may have.
    #[error("its text is too long")]
    TooLong,
    /// Neither a text nor a file.
    #[error("it says nothing")]
    Empty,
    /// A name of a kind, a role or a reaction that nobody knows.
    #[error("its kind is unknown")]
    Unknown,
    /// A second row for the same thing.
    #[error("another row says the same")]
    Twice,
    /// A private room that was closed after it was brought.
    #[error("it was closed since, and stays open here")]
    Closed,
    /// A member for whom a room is blocked.
    #[error("it is blocked there; here it is only muted and quiet")]
    Blocked,
    /// A room in which nobody is.
    #[error("nobody is in its room")]
    Nobody,
    /// A change that our rules do not allow.
    #[error("it has changed in a way that is not allowed here")]
    Refused,
}

/// A text as it was stored; `None` for what is no UTF-8.
pub type OldText = Option<String>;
/// A time; `None` for one that never was.
pub type OldTime = Option<Micros>;

/// A row of `users`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldUser {
    /// As stored.
    pub key: String,
    /// What it is called at sign-in.
    pub username: OldText,
    /// Empty for none.
    pub email: OldText,
    /// Empty for none.
    pub display_name: OldText,
    /// Django's hash.
    pub password: OldText,
    /// A path below the media folder, or an address; empty for none.
    pub avatar: OldText,
    /// Empty for none.
    pub bio: OldText,
    /// Not disabled.
    pub active: bool,
    /// When it was made.
    pub created_at: OldTime,
    /// When they were last there.
    pub last_active: OldTime,
}

/// A row of `chat_rooms`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldRoom {
    /// As stored.
    pub key: String,
    /// Empty for none.
    pub name: OldText,
    /// `private`, `group` or `community`.
    pub kind: OldText,
    /// Empty for none.
    pub description: OldText,
    /// A path below the media folder, or an address; empty for none.
    pub avatar: OldText,
    /// Who made it; empty for nobody.
    pub created_by: String,
    /// Not closed.
    pub active: bool,
    /// When it was made.
    pub created_at: OldTime,
    /// When something was last said in it.
    pub last_activity: OldTime,
}

/// A row of `chat_participants`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldMember {
    /// The room's key.
    pub room: String,
    /// The person's key.
    pub user: String,
    /// `member`, `admin` or `owner`.
    pub role: OldText,
    /// What they call the other person.
    pub nickname: OldText,
    /// Their background.
    pub background: OldText,
    /// Colour of their bubbles.
    pub color: OldText,
    /// Colour of the others' bubbles.
    pub other_color: OldText,
    /// Whether they are notified.
    pub notifications: bool,
    /// Whether sounds play.
    pub sound: bool,
    /// Whether it is muted.
    pub muted: bool,
    /// Whether it is blocked.
    pub blocked: bool,
    /// When they came.
    pub joined_at: OldTime,
    /// Until when they have read.
    pub last_read_at: OldTime,
}

/// Where a message is in its room's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldPlace {
    /// The message's key.
    pub key: String,
    /// Its id.
    pub id: Option<Uuid>,
    /// When it was said.
    pub at: OldTime,
}

/// What a stretch of all messages has that is new.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OldStretch {
    /// Messages of it that were said, changed, read or reacted to, each with its room's key; in no order.
    pub touched: Vec<(String, OldPlace)>,
    /// Its last message's key, if there may be more after it.
    pub last: Option<String>,
}

/// A row of `messages`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldMessage {
    /// As stored.
    pub key: String,
    /// Who; empty for nobody.
    pub sender: String,
    /// What.
    pub content: OldText,
    /// `text`, `image`, … .
    pub kind: OldText,
    /// Which of `image`, `video`, `audio` and `file_url` is there first: its path or address.
    pub file: Option<String>,
    /// What the file is called.
    pub file_name: OldText,
    /// Its size in bytes.
    pub file_size: Option<u64>,
    /// The message that it answers; empty for none.
    pub reply_to: String,
    /// Changed since.
    pub edited: bool,
    /// Deleted since.
    pub deleted: bool,
    /// When.
    pub deleted_at: OldTime,
    /// When it was said.
    pub created_at: OldTime,
    /// When it last changed.
    pub updated_at: OldTime,
}

/// A row of `message_reactions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldReaction {
    /// The message's key.
    pub message: String,
    /// The person's key.
    pub user: String,
    /// `like`, `love`, … .
    pub reaction: OldText,
    /// When.
    pub at: OldTime,
}

/// A row of `message_reads`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldRead {
    /// The message's key.
    pub message: String,
    /// The person's key.
    pub user: String,
    /// When.
    pub at: OldTime,
}

/// How many rows each table has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OldCounts {
    /// Of `users`.
    pub users: u64,
    /// Of `chat_rooms`.
    pub rooms: u64,
    /// Of `messages`.
    pub messages: u64,
    /// Of `message_reactions`.
    pub reactions: u64,
    /// Of `message_reads`.
    pub reads: u64,
}

/// The id of a key, which Django keeps with or without hyphens.
#[must_use]
pub fn id(key: &str) -> Option<Uuid> {
    Uuid::try_parse(key.trim()).ok()
}

/// A connection to the old database. What it reads is all of one moment from [`Django::begin`] on, and it
/// writes after [`Django::begin_writing`] alone.
pub struct Django {
    connection: MySqlConnection,
}

impl Django {
    /// Connects.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where it cannot be reached, [`StoreError::Other`] where a table is missing.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let mut connection = Server::parse(url)?.connect(Role::Reader).await?;
        // We may be busy for longer than that with what was read.
        let patient =
            "SET SESSION idle_transaction_timeout = 0, wait_timeout = 28800, net_write_timeout = 600";
        raw_sql(patient).execute(&mut connection).await.map_err(Failure::from)?;
        for table in TABLES {
            let there = query(THERE).bind(table).fetch_optional(&mut connection).await;
            if there.map_err(Failure::from)?.is_none() {
                return Err(StoreError::Other(format!("it has no table {table}; is it the app's database?")));
            }
        }
        Ok(Self { connection })
    }

    /// From here on all is of this moment, until the next call; what time it is there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is gone.
    pub async fn begin(&mut self) -> Result<Micros, StoreError> {
        let now = query("SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))");
        let row = now.fetch_one(&mut self.connection).await.map_err(Failure::from)?;
        let begin = raw_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");
        begin.execute(&mut self.connection).await.map_err(Failure::from)?;
        Ok(get(&row, 0)?)
    }

    /// How much there is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is gone.
    pub async fn counts(&mut self) -> Result<OldCounts, StoreError> {
        let counts = query(
            "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM chat_rooms),
               (SELECT count(*) FROM messages), (SELECT count(*) FROM message_reactions),
               (SELECT count(*) FROM message_reads)",
        );
        let row = counts.fetch_one(&mut self.connection).await.map_err(Failure::from)?;
        let count = |index| get::<i64>(&row, index).map(i64::unsigned_abs);
        Ok(OldCounts {
            users: count(0)?,
            rooms: count(1)?,
            messages: count(2)?,
            reactions: count(3)?,
            reads: count(4)?,
        })
    }
}
