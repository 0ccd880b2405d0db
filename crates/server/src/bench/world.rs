//! Accounts, tokens and rooms for a load, made through the store before the server starts: signing ten
//! thousand people in would measure the hashing of passwords.

use std::path::Path;
use std::sync::Arc;

use zas_core::ledger::Submission;
use zas_core::shape;
use zas_load::Member;
use zas_protocol::{Command, Event, EventBody, MessageId, Micros, RoomId, Seq, TxnId, UserId};
use zas_store::{NewUser, PasswordHash, Store};

use crate::auth::Auth;
use crate::auth::keys::Keys;
use crate::clock;
use crate::config::Config;
use crate::database;

/// Commands of one commit, here.
const BATCH: usize = 256;
/// Events appended at a time.
const BULK: u64 = 10_000;

/// A database that is being filled.
pub(super) struct World {
    store: Arc<dyn Store>,
    auth: Auth,
    users: u32,
}

/// Somebody with a token.
pub(super) struct User {
    pub(super) id: UserId,
    pub(super) token: String,
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl World {
    /// In a folder, or in a database of a server, which is emptied.
    pub(super) async fn open(data: &Path, server: Option<&str>) -> Result<Self, String> {
        let config = Config { database_url: server.map(str::to_owned), ..Config::new(data) };
        let keys = Keys::load(data).map_err(said)?;
        if let Some(url) = server {
            zas_store::bare::wipe(url).await.map_err(said)?;
        }
        let store = database::open(&config, &keys).await.map_err(said)?;
        Ok(Self { auth: Auth::new(keys, store.clone()), store, users: 0 })
    }

    pub(super) const fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    pub(super) async fn users(&mut self, count: usize) -> Result<Vec<User>, String> {
        let mut users = Vec::with_capacity(count);
        for _ in 0..count {
            self.users += 1;
            let (now, username) = (clock::now(), format!("bench{}", self.users));
            let id = UserId::mint(now, clock::random());
            let user = NewUser {
                id,
                skeleton: shape::skeleton(&username),
                email: format!("{username}@example.org"),
                display_name: username.clone(),
                username,
                // No password has this hash.
                password_hash: PasswordHash("!".to_owned()),
                admin: false,
                at: now,
            };
            self.store.create_user(user).await.map_err(said)?;
            let tokens =
                self.auth.open_device(id, "bench", now).await.map_err(|error| format!("{error:?}"))?;
            users.push(User { id, token: tokens.access });
        }
        Ok(users)
    }

    async fn commit(&self, commands: Vec<(UserId, Command)>) -> Result<Vec<RoomId>, String> {
        let mut rooms = Vec::new();
        let mut commands = commands.into_iter();
        loop {
            let batch: Vec<Submission> =
                commands.by_ref().take(BATCH).map(|(user, command)| Submission { user, command }).collect();
            if batch.is_empty() {
                return Ok(rooms);
            }
            for outcome in self.store.commit(batch, clock::now()).await.map_err(said)? {
                rooms.push(outcome.map_err(|refusal| refusal.code.name().to_owned())?.ack.room);
            }
        }
    }

    /// A private room for every two people.
    pub(super) async fn pairs(&self, users: &[User]) -> Result<Vec<RoomId>, String> {
        let open = |pair: &[User]| (pair[0].id, Command::OpenPrivate { txn_id: name(), user: pair[1].id });
        self.commit(users.chunks_exact(2).map(open).collect()).await
    }

    /// One room for everybody.
    pub(super) async fn group(&self, users: &[User]) -> Result<RoomId, String> {
        let members = users[1..].iter().map(|user| user.id).collect();
        let command =
            Command::CreateGroup { txn_id: name(), name: "bench".to_owned(), members, profile: None };
        let rooms = self.commit(vec![(users[0].id, command)]).await?;
        rooms.first().copied().ok_or_else(|| "the room was not made".to_owned())
    }

    /// Messages of the room's past, by one of its members.
    pub(super) async fn past(&self, room: RoomId, sender: UserId, count: u64) -> Result<(), String> {
        let member = self.store.member(room, sender).await.map_err(said)?.ok_or("no member")?;
        let last = member.head + count;
        let mut from = member.head + 1;
        while from <= last {
            let to = last.min(from + BULK - 1);
            let events = (from..=to).map(|seq| message(room, sender, seq)).collect();
            self.store.append_bulk(room, events).await.map_err(said)?;
            from = to + 1;
        }
        Ok(())
    }

    pub(super) fn epoch(&self) -> zas_protocol::Epoch {
        self.store.epoch()
    }

    pub(super) async fn close(self) {
        self.store.close().await;
    }
}

fn name() -> TxnId {
    TxnId::mint(clock::now(), clock::random())
}

fn message(room: RoomId, sender: UserId, seq: Seq) -> Event {
    let now = clock::now();
    Event {
        room,
        seq,
        at: now + Micros::try_from(seq).unwrap_or(0),
        sender: Some(sender),
        txn_id: Some(name()),
        body: EventBody::text(
            MessageId::mint(now, clock::random()),
            "una frase de largo medio, como las que se dicen".to_owned(),
        ),
    }
}

/// How a client begins that has nothing.
pub(super) fn hello(user: &User) -> String {
    format!(r#"{{"type":"hello","token":"{}","cursor":{{}}}}"#, user.token)
}

/// Pairs as a crowd: the first of each writes.
pub(super) fn pair_members(users: &[User], rooms: &[RoomId]) -> Vec<Member> {
    users
        .iter()
        .enumerate()
        .map(|(n, user)| Member {
            hello: hello(user),
            room: rooms[n / 2].to_string(),
            others: 1,
            writes: n % 2 == 0,
        })
        .collect()
}

/// The same number of people for the bare loop, in rooms of `size`; the first `writers` of each write.
pub(super) fn bare_members(count: usize, size: usize, writers: usize) -> Vec<Member> {
    (0..count)
        .map(|n| Member {
            hello: format!(r#"{{"type":"hello","room":"r{}"}}"#, n / size),
            room: format!("r{}", n / size),
            others: size as u64 - 1,
            writes: n % size < writers,
        })
        .collect()
}
