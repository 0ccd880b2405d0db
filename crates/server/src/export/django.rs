//! The way back: what was said, changed and read since an app moved in, into the tables that it came from. What
//! is there is compared, so that an export may be run again; what only the app has is left as it is.
//!
//! | module | what |
//! |---|---|
//! | `people` | accounts, and what people changed of their own |
//! | `settings` | how a room is for its members: roles, looks, silence |
//! | `messages` | what was said, and what became of it |

mod messages;
mod people;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;
use uuid::Uuid;
use zas_protocol::rest::Member;
use zas_protocol::{FileId, Micros, Role, RoomId, RoomKind, RoomPrefs, Seq, UserId};
use zas_store::Store;
use zas_store::django::{Django, NewOldRoom, OldMember, id};

use super::ExportError;
use crate::files::Files;

/// Accounts and events read at a time.
const PIECE: u32 = 500;
/// Where files go below the app's media folder.
const BELOW: &str = "zas";

/// Where to, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// `mysql://user:password@host:port/database` of the app.
    pub to: String,
    /// The app's media folder, for files that were sent since; without it they stay here.
    pub media_dir: Option<PathBuf>,
    /// What paths of files begin with, as in `/media/`.
    pub media: String,
    /// Characters of a message.
    pub message_chars: usize,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// People whom the app did not have.
    pub users: u64,
    /// Rooms that it did not have.
    pub rooms: u64,
    /// Members who came or went.
    pub members: u64,
    /// Messages that it did not have.
    pub messages: u64,
    /// Messages edited or deleted since.
    pub changed: u64,
    /// Reactions given or taken back.
    pub reactions: u64,
    /// Notes that somebody has read something.
    pub reads: u64,
    /// People who changed their name, picture or what they say of themselves.
    pub profiles: u64,
    /// Roles, groups' pictures, and chats that look or sound otherwise for somebody.
    pub settings: u64,
    /// Files copied.
    pub files: u64,
    /// Files that stayed here, since nobody said where to.
    pub files_left: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} messages, {} edited or deleted, {} reactions, {} read.",
            self.messages, self.changed, self.reactions, self.reads
        )?;
        write!(
            f,
            "{} people, {} rooms, {} members who came or went, {} files.",
            self.users, self.rooms, self.members, self.files
        )?;
        write!(
            f,
            "\n{} profiles, {} roles, groups' pictures and chat settings.",
            self.profiles, self.settings
        )?;
        if self.files_left > 0 {
            write!(
                f,
                "\n{} files stayed here: say where the app's media folder is, with --media-dir.",
                self.files_left
            )?;
        }
        Ok(())
    }
}

/// Exports all that the app lacks. Nobody may write to `store` meanwhile.
///
/// # Errors
/// [`ExportError`].
pub async fn run(store: &dyn Store, files: &Files, options: Options) -> Result<Report, ExportError> {
    let django = Django::open(&options.to).await.map_err(ExportError::Old)?;
    let mut export = Export {
        store,
        files,
        django,
        options,
        hyphens: false,
        ours: BTreeSet::new(),
        report: Report::default(),
    };
    let people = export.people().await?;
    let members = export.members_there().await?;
    for room in people.rooms {
        let prefs = people.prefs.get(&room);
        export.room(room, &members, prefs).await?;
    }
    Ok(export.report)
}

struct Export<'a> {
    store: &'a dyn Store,
    files: &'a Files,
    django: Django,
    options: Options,
    /// How the app writes ids.
    hyphens: bool,
    /// Whom we have, by the keys that the app would give them.
    ours: BTreeSet<String>,
    report: Report,
}

/// Who is in which room there, by the keys of both as we would write them.
type Members = BTreeMap<String, BTreeMap<String, OldMember>>;

/// A room on its way.
struct Way {
    key: String,
    /// Who is in it here, each with the first place that they have read since they are.
    is_in: BTreeMap<UserId, Seq>,
    /// How far they have read here, and when.
    read: BTreeMap<UserId, (Seq, Micros)>,
    /// What each of them had read there: all that was said up to then.
    read_there: BTreeMap<UserId, Micros>,
    /// Who read more than that here.
    advanced: BTreeSet<UserId>,
    /// Whose roles were changed here.
    roles: BTreeSet<UserId>,
    /// It was made here.
    is_ours: bool,
    /// The picture that it got here last; none where that was taken away.
    picture: Option<Option<FileId>>,
}

impl Export<'_> {
    fn key(&self, id: Uuid) -> String {
        if self.hyphens { id.hyphenated().to_string() } else { id.simple().to_string() }
    }

    async fn members_there(&mut self) -> Result<Members, ExportError> {
        self.django.begin().await.map_err(ExportError::Old)?;
        let mut members = Members::new();
        for room in self.django.rooms().await.map_err(ExportError::Old)? {
            members.entry(self.same(&room.key)).or_default();
        }
        for member in self.django.members().await.map_err(ExportError::Old)? {
            let (room, user) = (self.same(&member.room), self.same(&member.user));
            members.entry(room).or_default().insert(user, member);
        }
        Ok(members)
    }

    /// A key as we write it.
    fn same(&self, key: &str) -> String {
        id(key).map_or_else(|| key.to_owned(), |id| self.key(id))
    }

    async fn room(
        &mut self,
        room: RoomId,
        there: &Members,
        prefs: Option<&BTreeMap<UserId, RoomPrefs>>,
    ) -> Result<(), ExportError> {
        let Some(roster) = self.store.roster(room).await? else { return Ok(()) };
        let Some(first) = roster.members.first() else { return Ok(()) };
        let Some(shown) = self.store.room(first.user, room).await? else { return Ok(()) };
        let key = self.key(room.0);
        self.django.begin_writing().await.map_err(ExportError::Old)?;
        let known = there.get(&key);
        if known.is_none() {
            let new = NewOldRoom {
                key: key.clone(),
                name: shown.name.clone().unwrap_or_default(),
                description: shown.description.clone(),
                kind: if roster.kind == RoomKind::Private { "private" } else { "group" },
                created_by: owner(&roster.members).map(|user| self.key(user.0)),
                at: self.began(room).await?.unwrap_or(roster.last_at),
            };
            self.django.add_room(&new).await.map_err(ExportError::Old)?;
            self.report.rooms += 1;
        }
        let nobody = BTreeMap::new();
        let known = known.unwrap_or(&nobody);
        self.members(&key, &roster.members, known, roster.last_at).await?;
        self.django.commit().await.map_err(ExportError::Old)?;
        let mut way = self.way(room, key, &roster.members, known).await?;
        let mut after = 0;
        loop {
            let events = self.store.log_after(room, after, PIECE).await?;
            let Some(last) = events.last() else { break };
            after = last.seq;
            let stretch = self.look(room, events).await?;
            self.stretch(&mut way, &stretch).await?;
        }
        self.django.begin_writing().await.map_err(ExportError::Old)?;
        for user in &way.advanced {
            let at = way.read.get(user).map_or(0, |&(_, at)| at);
            self.django.put_last_read(&way.key, &self.key(user.0), at).await.map_err(ExportError::Old)?;
        }
        self.roles(&way, &roster.members, known).await?;
        self.settings(&way, prefs, known).await?;
        self.picture(&way).await?;
        self.django.commit().await.map_err(ExportError::Old)
    }

    async fn way(
        &mut self,
        room: RoomId,
        key: String,
        here: &[Member],
        known: &BTreeMap<String, OldMember>,
    ) -> Result<Way, ExportError> {
        let mut is_in = BTreeMap::new();
        for member in here {
            let is_known = known.contains_key(&self.key(member.user.0));
            let stay = if is_known { None } else { self.store.member(room, member.user).await? };
            is_in.insert(member.user, stay.map_or(1, |stay| stay.from));
        }
        let read =
            self.store.positions(room).await?.iter().map(|at| (at.user, (at.read, at.read_at))).collect();
        let mut read_there: BTreeMap<UserId, Micros> = BTreeMap::new();
        let rows = self.django.read_until(&key).await.map_err(ExportError::Old)?;
        let of_rooms = known.iter().filter_map(|(user, member)| Some((user.clone(), member.last_read_at?)));
        for (user, at) in rows.into_iter().chain(of_rooms) {
            if let Some(user) = id(&user).map(UserId) {
                let until = read_there.entry(user).or_insert(at);
                *until = at.max(*until);
            }
        }
        let (advanced, roles) = (BTreeSet::new(), BTreeSet::new());
        Ok(Way { key, is_in, read, read_there, advanced, roles, is_ours: false, picture: None })
    }

    async fn began(&self, room: RoomId) -> Result<Option<Micros>, ExportError> {
        Ok(self.store.log_after(room, 0, 1).await?.first().map(|event| event.at))
    }

    async fn members(
        &mut self,
        room: &str,
        here: &[Member],
        there: &BTreeMap<String, OldMember>,
        at: Micros,
    ) -> Result<(), ExportError> {
        let mut is_in = BTreeSet::new();
        for member in here {
            let user = self.key(member.user.0);
            if !there.contains_key(&user) {
                let role = settings::role(member.role);
                self.django.add_member(room, &user, role, at).await.map_err(ExportError::Old)?;
                self.report.members += 1;
            }
            is_in.insert(user);
        }
        for gone in there.keys().filter(|user| !is_in.contains(*user)) {
            // Whom we never had we have not removed.
            if self.ours.contains(gone) {
                self.django.remove_member(room, gone).await.map_err(ExportError::Old)?;
                self.report.members += 1;
            }
        }
        Ok(())
    }

    /// A picture that was uploaded here, copied, unless it is there already; its path there where that is new.
    async fn copy_picture(
        &mut self,
        file: FileId,
        there: Option<&str>,
    ) -> Result<Option<String>, ExportError> {
        let Some(row) = self.store.file(file).await? else { return Ok(None) };
        let ending = match row.media_type.as_str() {
            "image/png" => "png",
            "image/webp" => "webp",
            _ => "jpg",
        };
        let name = format!("{file}.{ending}");
        if there == Some(format!("{BELOW}/{name}").as_str()) {
            return Ok(None);
        }
        self.copy(file, &name).await
    }

    /// A file that was sent here, copied below the app's media folder under this name; its path there.
    async fn copy(&mut self, file: FileId, name: &str) -> Result<Option<String>, ExportError> {
        let Some(folder) = &self.options.media_dir else {
            self.report.files_left += 1;
            return Ok(None);
        };
        let path = format!("{BELOW}/{name}");
        let made = tokio::fs::create_dir_all(folder.join(BELOW)).await;
        made.map_err(|error| ExportError::File(format!("{}: {error}", folder.display())))?;
        if !super::copy(self.files, file, &folder.join(&path)).await? {
            self.report.files_left += 1;
            return Ok(None);
        }
        self.report.files += 1;
        Ok(Some(path))
    }
}

fn owner(members: &[Member]) -> Option<UserId> {
    let owner = members.iter().find(|member| member.role == Role::Owner).or(members.first());
    owner.map(|member| member.user)
}
